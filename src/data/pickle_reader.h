/* pickle_reader.h: the opcodes of a pickle, one by one, for pickle.c. What a reader expects is
 * always known beforehand: there is no stack, no object is ever made, and any other opcode is
 * refused with its name and place. */
#ifndef CLT_DATA_PICKLE_READER_H
#define CLT_DATA_PICKLE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/stream.h"

enum clt_pickle_opcode {
    CLT_PICKLE_MARK = '(',
    CLT_PICKLE_STOP = '.',
    CLT_PICKLE_BININT = 'J',
    CLT_PICKLE_BININT1 = 'K',
    CLT_PICKLE_BININT2 = 'M',
    CLT_PICKLE_LONG1 = 0x8a,
    CLT_PICKLE_NONE = 'N',
    CLT_PICKLE_NEWTRUE = 0x88,
    CLT_PICKLE_NEWFALSE = 0x89,
    CLT_PICKLE_SHORT_BINBYTES = 'C',
    CLT_PICKLE_SHORT_BINSTRING = 'U',
    CLT_PICKLE_BINUNICODE = 'X',
    CLT_PICKLE_SHORT_BINUNICODE = 0x8c,
    CLT_PICKLE_EMPTY_LIST = ']',
    CLT_PICKLE_APPEND = 'a',
    CLT_PICKLE_APPENDS = 'e',
    CLT_PICKLE_TUPLE = 't',
    CLT_PICKLE_TUPLE1 = 0x85,
    CLT_PICKLE_TUPLE2 = 0x86,
    CLT_PICKLE_TUPLE3 = 0x87,
    CLT_PICKLE_GLOBAL = 'c',
    CLT_PICKLE_STACK_GLOBAL = 0x93,
    CLT_PICKLE_REDUCE = 'R',
    CLT_PICKLE_BUILD = 'b',
    CLT_PICKLE_BINPUT = 'q',
    CLT_PICKLE_LONG_BINPUT = 'r',
    CLT_PICKLE_MEMOIZE = 0x94,
    CLT_PICKLE_BINGET = 'h',
    CLT_PICKLE_LONG_BINGET = 'j',
    CLT_PICKLE_PROTO = 0x80,
    CLT_PICKLE_FRAME = 0x95
};

/* Larger than "numpy._core.multiarray _reconstruct", the longest string that is accepted. */
#define CLT_PICKLE_TEXT_SIZE 48

/* The strings and globals all come first in the stream; a later index is a list's. */
#define CLT_PICKLE_MEMO_SIZE 64

/* What a GET may name; lists and tuples are OTHER, so that nothing is ever read twice. */
enum clt_memo_kind { CLT_MEMO_OTHER, CLT_MEMO_STRING, CLT_MEMO_GLOBAL_NAME };

typedef struct clt_pickle_reader {
    clt_stream *stream;
    clt_error *error;
    unsigned char opcode; /* the next one while `peeked`, else the last one */
    bool peeked;
    uint64_t byte; /* where `opcode` stands */
    unsigned char protocol;
    uint64_t frame_end;
    uint64_t objects;  /* seen, of those that a pickler may put into its memo */
    uint64_t memoized; /* put there */
    struct clt_memo_entry {
        enum clt_memo_kind kind;
        char text[CLT_PICKLE_TEXT_SIZE];
    } memo[CLT_PICKLE_MEMO_SIZE];
} clt_pickle_reader;

/* All of these: CLT_INPUT "byte N: what". */

/* Reads the next opcode that is not a FRAME into r->opcode. It stays the next one, until
 * clt_pickle_take or `peeked = false` takes it. */
CLT_NODISCARD clt_status clt_pickle_peek(clt_pickle_reader *r);
CLT_NODISCARD clt_status clt_pickle_take(clt_pickle_reader *r);

/* Fails because of r->opcode. */
clt_status clt_pickle_refuse(clt_pickle_reader *r, const char *expected);
CLT_NODISCARD clt_status clt_pickle_take_bytes(clt_pickle_reader *r, void *bytes, size_t count);
CLT_NODISCARD clt_status clt_pickle_expect(clt_pickle_reader *r, unsigned char opcode);

/* After every object that a pickler may remember: its PUT, if there is one. */
CLT_NODISCARD clt_status clt_pickle_take_put(clt_pickle_reader *r, enum clt_memo_kind kind,
                                             const char *text);

/* An opcode that makes such an object (a tuple, a call), and its PUT. */
CLT_NODISCARD clt_status clt_pickle_expect_object(clt_pickle_reader *r, unsigned char opcode);

/* One of two strings, or of two globals "MODULE NAME"; the second may be NULL. */
CLT_NODISCARD clt_status clt_pickle_expect_string(clt_pickle_reader *r, const char *expected,
                                                  const char *other);
CLT_NODISCARD clt_status clt_pickle_expect_global(clt_pickle_reader *r, const char *expected,
                                                  const char *other);

bool clt_pickle_is_integer(unsigned char opcode);

/* The value of the integer opcode just taken; at most 5 bytes. */
CLT_NODISCARD clt_status clt_pickle_take_operand(clt_pickle_reader *r, int64_t *value);
CLT_NODISCARD clt_status clt_pickle_take_integer(clt_pickle_reader *r, const char *expected,
                                                 int64_t *value);
CLT_NODISCARD clt_status clt_pickle_expect_integer(clt_pickle_reader *r, int64_t expected,
                                                   const char *what);

/* False or True, which Python 2 writes as 0 and 1. */
CLT_NODISCARD clt_status clt_pickle_expect_flag(clt_pickle_reader *r, bool expected,
                                                const char *what);

#endif
