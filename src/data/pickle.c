/* pickle.c: the one shape accepted (numpy/lib/format.py: what np.save writes of an object array),
 *
 *   PROTO  _reconstruct(ndarray, (0,), b'b')
 *   BUILD  (1, (N,), dtype('O8', False, True), False, [[int, ...], ...])  STOP
 *
 * and the dtype's own BUILD (3, '|', None, None, None, -1, -1, 63). */
#include "data/pickle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "data/pickle_reader.h"
#include "util/memory.h"

typedef struct list_reader {
    clt_pickle_reader pickle;
    clt_pickle_lists *lists;
    size_t wanted; /* lists that the .npy header announces */
    size_t list_room, value_room, value_count, value_limit;
} list_reader;

static const char expected_integer[] = "an integer; save the reviews as lists of int";
static const char expected_list[] = "a list of integers; save the reviews as lists of int";

/* _reconstruct(ndarray, (0,), b'b'). At protocol 2 Python 3 writes the bytes as
 * _codecs.encode('b', 'latin1'). */
static clt_status read_reconstruct(clt_pickle_reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_expect_global(r, "numpy.core.multiarray _reconstruct",
                                     "numpy._core.multiarray _reconstruct"));
    CLT_TRY(clt_pickle_expect_global(r, "numpy ndarray", NULL));
    CLT_TRY(clt_pickle_expect_integer(r, 0, "the shape of an empty array"));
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_TUPLE1));
    CLT_TRY(clt_pickle_peek(r));
    if (r->opcode == CLT_PICKLE_GLOBAL) {
        CLT_TRY(clt_pickle_expect_global(r, "_codecs encode", NULL));
        CLT_TRY(clt_pickle_expect_string(r, "b", NULL));
        CLT_TRY(clt_pickle_expect_string(r, "latin1", NULL));
        CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_TUPLE2));
        CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_REDUCE));
    } else {
        CLT_TRY(clt_pickle_expect_string(r, "b", NULL));
    }
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_TUPLE3));
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_REDUCE));
done:
    return status;
}

/* dtype('O8', False, True) with the state (3, '|', None, None, None, -1, -1, 63): the object dtype
 * of every NumPy. */
static clt_status read_dtype(clt_pickle_reader *r)
{
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_expect_global(r, "numpy dtype", NULL));
    CLT_TRY(clt_pickle_expect_string(r, "O8", "O4"));
    CLT_TRY(clt_pickle_expect_flag(r, false, "dtype's flag 'align'"));
    CLT_TRY(clt_pickle_expect_flag(r, true, "dtype's flag 'copy'"));
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_TUPLE3));
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_REDUCE));
    CLT_TRY(clt_pickle_expect(r, CLT_PICKLE_MARK));
    CLT_TRY(clt_pickle_expect_integer(r, 3, "the version of a dtype's state"));
    CLT_TRY(clt_pickle_expect_string(r, "|", NULL));
    for (int k = 0; k < 3; k++) {
        CLT_TRY(clt_pickle_expect(r, CLT_PICKLE_NONE));
    }
    CLT_TRY(clt_pickle_expect_integer(r, -1, "a dtype's item size"));
    CLT_TRY(clt_pickle_expect_integer(r, -1, "a dtype's alignment"));
    CLT_TRY(clt_pickle_expect_integer(r, 63, "the flags of the object dtype"));
    CLT_TRY(clt_pickle_expect_object(r, CLT_PICKLE_TUPLE));
    CLT_TRY(clt_pickle_expect(r, CLT_PICKLE_BUILD));
done:
    return status;
}

/* The integer whose opcode was just taken. */
static clt_status append_value(list_reader *r)
{
    int64_t value;
    clt_status status = CLT_OK;
    clt_error *error = r->pickle.error;
    CLT_TRY(clt_pickle_take_operand(&r->pickle, &value));
    if (value < 0 || value > INT32_MAX) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "byte %" PRIu64 ": list %zu holds %" PRId64 ", not in 0 .. 2147483647",
                          r->pickle.byte, r->lists->count, value);
        goto done;
    }
    if (r->value_count == r->value_limit) {
        status =
            clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": more integers than the limit of %zu",
                     r->pickle.byte, r->value_limit);
        goto done;
    }
    if (r->value_count == r->value_room) {
        size_t room = r->value_room == 0 ? 4096 : 2 * r->value_room;
        room = room < r->value_limit ? room : r->value_limit;
        CLT_TRY(clt_resize((void **)&r->lists->values, room, sizeof *r->lists->values, "token ids",
                           error));
        r->value_room = room;
    }
    r->lists->values[r->value_count++] = (int32_t)value;
done:
    return status;
}

/* Room for the end of one list more. */
static clt_status grow_lists(list_reader *r)
{
    clt_error *error = r->pickle.error;
    if (r->lists->count == r->wanted) {
        return clt_fail(error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": more lists than the %zu that the .npy header announces",
                        r->pickle.byte, r->wanted);
    }
    if (r->lists->count + 2 <= r->list_room) {
        return CLT_OK;
    }
    clt_status status = clt_resize((void **)&r->lists->offsets, 2 * r->list_room,
                                   sizeof *r->lists->offsets, "samples", error);
    if (status == CLT_OK) {
        r->list_room *= 2;
    }
    return status;
}

/* The small integers that come next, as long as there is room and they lie whole in the stream's
 * buffer: of the ids of reviews nearly all, several times as fast as one by one. */
static void read_small_integers(list_reader *r)
{
    clt_stream *stream = r->pickle.stream;
    int32_t *values = r->lists->values;
    size_t count = r->value_count, at = stream->at;
    while (count < r->value_room && stream->end - at >= 3) {
        const unsigned char *p = stream->buffer + at;
        if (p[0] == CLT_PICKLE_BININT2) {
            values[count++] = p[1] | p[2] << 8;
            at += 3;
        } else if (p[0] == CLT_PICKLE_BININT1) {
            values[count++] = p[1];
            at += 2;
        } else {
            break;
        }
    }
    r->value_count = count;
    stream->at = at;
}

/* MARK item item ... APPENDS, the MARK already taken. */
static clt_status read_integers(list_reader *r)
{
    clt_pickle_reader *pickle = &r->pickle;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_take(pickle));
    do {
        if (!clt_pickle_is_integer(pickle->opcode)) {
            return clt_pickle_refuse(pickle, expected_integer);
        }
        CLT_TRY(append_value(r));
        read_small_integers(r);
        CLT_TRY(clt_pickle_take(pickle));
    } while (pickle->opcode != CLT_PICKLE_APPENDS);
done:
    return status;
}

/* A list of integers. Picklers write the items in batches with APPENDS, and a batch of one as
 * item APPEND. */
static clt_status read_list(list_reader *r)
{
    clt_pickle_reader *pickle = &r->pickle;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_take(pickle));
    if (pickle->opcode != CLT_PICKLE_EMPTY_LIST) {
        return clt_pickle_refuse(pickle, expected_list);
    }
    CLT_TRY(grow_lists(r));
    CLT_TRY(clt_pickle_take_put(pickle, CLT_MEMO_OTHER, ""));
    for (;;) {
        CLT_TRY(clt_pickle_peek(pickle));
        if (pickle->opcode == CLT_PICKLE_MARK) {
            pickle->peeked = false;
            CLT_TRY(read_integers(r));
        } else if (clt_pickle_is_integer(pickle->opcode)) {
            pickle->peeked = false;
            CLT_TRY(append_value(r));
            CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_APPEND));
        } else {
            break;
        }
    }
    r->lists->offsets[++r->lists->count] = r->value_count;
done:
    return status;
}

static clt_status read_lists(list_reader *r)
{
    clt_pickle_reader *pickle = &r->pickle;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_EMPTY_LIST));
    CLT_TRY(clt_pickle_take_put(pickle, CLT_MEMO_OTHER, ""));
    for (;;) {
        CLT_TRY(clt_pickle_peek(pickle));
        if (pickle->opcode == CLT_PICKLE_MARK) {
            pickle->peeked = false;
            do {
                CLT_TRY(read_list(r));
                CLT_TRY(clt_pickle_peek(pickle));
            } while (pickle->opcode != CLT_PICKLE_APPENDS);
            pickle->peeked = false;
        } else if (pickle->opcode == CLT_PICKLE_EMPTY_LIST) {
            CLT_TRY(read_list(r));
            CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_APPEND));
        } else {
            break;
        }
    }
    /* The lists end the array's state tuple; any other opcode was meant as an item. */
    if (pickle->opcode != CLT_PICKLE_TUPLE) {
        return clt_pickle_refuse(pickle, expected_list);
    }
    if (r->lists->count != r->wanted) {
        return clt_fail(pickle->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": %zu lists, the .npy header announces %zu", pickle->byte,
                        r->lists->count, r->wanted);
    }
done:
    return status;
}

/* The array's length, as in the .npy header. */
static clt_status read_length(list_reader *r)
{
    int64_t count;
    clt_status status = clt_pickle_take_integer(&r->pickle, "the array's length", &count);
    if (status == CLT_OK && (count < 0 || (uint64_t)count != r->wanted)) {
        return clt_fail(r->pickle.error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": the array's length is %" PRId64
                        ", the .npy header announces %zu",
                        r->pickle.byte, count, r->wanted);
    }
    return status;
}

static clt_status read_array(list_reader *r)
{
    clt_pickle_reader *pickle = &r->pickle;
    clt_status status = CLT_OK;
    CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_PROTO));
    CLT_TRY(clt_pickle_take_bytes(pickle, &pickle->protocol, 1));
    if (pickle->protocol < 2 || pickle->protocol > 4) {
        return clt_fail(pickle->error, CLT_INPUT, 0,
                        "byte %" PRIu64 ": pickle protocol %d is not 2, 3 or 4", pickle->byte,
                        pickle->protocol);
    }
    CLT_TRY(read_reconstruct(pickle));
    CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_MARK));
    CLT_TRY(clt_pickle_expect_integer(pickle, 1, "the version of an array's state"));
    CLT_TRY(read_length(r));
    CLT_TRY(clt_pickle_expect_object(pickle, CLT_PICKLE_TUPLE1));
    CLT_TRY(read_dtype(pickle));
    CLT_TRY(clt_pickle_expect_flag(pickle, false, "the array's flag 'fortran_order'"));
    CLT_TRY(read_lists(r));
    CLT_TRY(clt_pickle_expect_object(pickle, CLT_PICKLE_TUPLE));
    CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_BUILD));
    CLT_TRY(clt_pickle_expect(pickle, CLT_PICKLE_STOP));
    CLT_TRY(clt_stream_finish(pickle->stream, "the pickle's STOP", pickle->error));
done:
    return status;
}

clt_status clt_pickle_read_lists(clt_stream *stream, size_t count, size_t value_limit,
                                 clt_pickle_lists *lists, clt_error *error)
{
    list_reader r = {.pickle = {.stream = stream, .error = error},
                     .lists = lists,
                     .wanted = count,
                     .list_room = 1024,
                     .value_limit = value_limit};
    *lists = (clt_pickle_lists){0};
    lists->offsets = clt_alloc(r.list_room, sizeof *lists->offsets, "samples", error);
    if (lists->offsets == NULL) {
        return CLT_FAILED;
    }
    clt_status status = read_array(&r);
    if (status != CLT_OK) {
        clt_pickle_lists_free(lists);
    }
    return status;
}

void clt_pickle_lists_free(clt_pickle_lists *lists)
{
    free(lists->offsets);
    free(lists->values);
    *lists = (clt_pickle_lists){0};
}
