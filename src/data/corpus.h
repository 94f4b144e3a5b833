/* corpus.h: making a clt_corpus: what the readers of all its forms share. */
#ifndef CLT_DATA_CORPUS_H
#define CLT_DATA_CORPUS_H

#include "cltrain/corpus.h"
#include "util/error.h"

#define CLT_CORPUS_BYTES_MAX (UINT64_C(1) << 33) /* of a file, or of the texts of an archive */
#define CLT_CLASSES_MAX 32768                    /* beyond, it is not a column of classes */
#define CLT_CLASS_BYTES_MAX 1000                 /* of a name */

#define CLT_LABEL_PREFIX "__label__" /* fastText's; no part of a class's name */

typedef struct clt_class {
    char *name;
    int32_t number; /* in order of first appearance */
} clt_class;

/* A corpus that grows. Rows come from an input whose bytes it may overwrite. */
typedef struct clt_corpus_builder {
    const clt_corpus_options *options;
    clt_corpus *corpus;
    size_t room;         /* samples that its arrays have room for */
    size_t text_room;    /* bytes of its text */
    clt_class *classes;  /* [corpus->class_count], in byte order */
    clt_error bad;       /* what is wrong with the row that is being read */
    clt_error first_bad; /* of the rows that were passed over */
} clt_corpus_builder;

/* `text`, from malloc and of `bytes`, belongs to the corpus from now on, whatever comes of it: the
 * texts of its rows move to its front as they are added, so that no second copy is made. NULL and
 * 0: the texts come from elsewhere. Errors: CLT_FAILED. */
CLT_NODISCARD clt_status clt_corpus_start(clt_corpus_builder *builder,
                                          const clt_corpus_options *options, char *text,
                                          size_t bytes, clt_error *error);

/* Adds a sample. What lies in the builder's own text must lie behind all that was added before.
 *
 * line         where its row begins; 0: a file of its own.
 * label        with CLT_LABEL_PREFIX or without; not looked at when labels are not wanted.
 * Errors       CLT_INPUT: the label cannot be one; nothing was added. */
CLT_NODISCARD clt_status clt_corpus_add(clt_corpus_builder *builder, size_t line, const char *text,
                                        size_t bytes, const char *label, size_t label_bytes,
                                        clt_error *error);

/* What comes of a row that ended with `status` and builder->bad: CLT_INPUT counts it where bad rows
 * are passed over (CLT_OK), and has the line put before the message elsewhere. */
CLT_NODISCARD clt_status clt_corpus_bad_row(clt_corpus_builder *builder, size_t line,
                                            clt_status status, clt_error *error);

/* Hands over the corpus. Errors: CLT_INPUT when it has no samples. */
CLT_NODISCARD clt_status clt_corpus_finish(clt_corpus_builder *builder, clt_corpus **corpus,
                                           clt_error *error);

/* Drops everything. Harmless on a finished, failed or zeroed builder. */
void clt_corpus_abandon(clt_corpus_builder *builder);

/* Samples order[0 .. count - 1] of a corpus, as a new one. */
CLT_NODISCARD clt_status clt_corpus_select(const clt_corpus *corpus, const uint32_t *order,
                                           size_t count, clt_corpus **selected, clt_error *error);

/* What was found, for a message: 'a', 'b', ... */
typedef struct clt_names {
    char text[200];
    bool full;
} clt_names;

void clt_names_add(clt_names *names, const char *name, size_t bytes);

/* Which of the columns of a table, or keys of an object, are the text and the label. */
typedef struct clt_columns {
    const clt_corpus_options *options;
    size_t count;       /* seen so far */
    size_t text, label; /* numbers of columns, from 0 */
    int texts, labels;  /* how many could be it */
    clt_names names;    /* of all */
} clt_columns;

void clt_columns_see(clt_columns *columns, const char *name, size_t bytes);

/* CLT_INPUT unless there is exactly one text and, where labels are wanted, one label: says what was
 * looked for and what was found. */
CLT_NODISCARD clt_status clt_columns_check(const clt_columns *columns, clt_error *error);

/* Each reads one form from `bytes`, without its byte order mark and repaired (clt_utf8_repair), and
 * takes them over in any case. Errors: CLT_INPUT with the line. */
CLT_NODISCARD clt_status clt_table_read(char *bytes, size_t size, const clt_corpus_options *options,
                                        clt_corpus **corpus, clt_error *error);
CLT_NODISCARD clt_status clt_json_lines_read(char *bytes, size_t size,
                                             const clt_corpus_options *options, clt_corpus **corpus,
                                             clt_error *error);
CLT_NODISCARD clt_status clt_fasttext_read(char *bytes, size_t size,
                                           const clt_corpus_options *options, clt_corpus **corpus,
                                           clt_error *error);

/* Sees what form the bytes of a file have, and reads them; takes them over in any case. Errors as
 * clt_corpus_open, without the path. */
CLT_NODISCARD clt_status clt_corpus_read(char *bytes, size_t size,
                                         const clt_corpus_options *options, clt_corpus **train,
                                         clt_corpus **test, clt_error *error);

#endif
