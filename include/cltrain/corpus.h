/* corpus.h: labelled texts as people wrote them, before they are ids. */
#ifndef CLTRAIN_CORPUS_H
#define CLTRAIN_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cltrain/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLT_BAD_LINES 20 /* line numbers of bad rows that are kept */

/* Texts and their classes, in the order of the file. Read-only for callers; made by a function
 * below, freed with clt_corpus_free. */
typedef struct clt_corpus {
    size_t count;        /* samples */
    char *text;          /* all texts, valid UTF-8, one behind the other, no terminators */
    size_t *offsets;     /* [count + 1]; sample k is text[offsets[k]] .. text[offsets[k + 1]] */
    int32_t *labels;     /* [count], index into classes; NULL: no labels were read */
    size_t *lines;       /* [count], where the row begins, from 1; NULL: a file each */
    char **classes;      /* [class_count] names, in byte order (strcmp) */
    int32_t class_count; /* 0: no labels were read */
    size_t bad_rows;     /* passed over with skip_bad_rows */
    size_t bad_lines[CLT_BAD_LINES]; /* where the first of those begin */
} clt_corpus;

typedef struct clt_corpus_options {
    const char *text_column;  /* of a table or JSON lines; NULL: review, text or sentence */
    const char *label_column; /* NULL: sentiment, label or class */
    bool unlabelled;          /* only the texts are read, whether there are labels or not */
    bool skip_bad_rows;       /* count them instead of failing at the first */
} clt_corpus_options;

/* Opens labelled texts; what form they have is seen by their content, not their name.
 *
 * CSV, TSV     a header line, then rows as RFC 4180 has them: quotes where a field needs them, a
 *              quote inside doubled, line ends inside kept. Columns are found by the usual names
 *              above in any case, by a name that is given as it is written.
 * JSON lines   an object a line, with keys named like the columns; the first line decides which. A
 *              label is a string, a number, true or false.
 * fastText     `__label__NAME text` lines, one label each.
 * aclImdb      the folder, or a tar archive, plain or .gz, read without unpacking. The reviews are
 *              the files (train|test)/(neg|pos)/ID_RATING.txt, the classes neg and pos; neg comes
 *              before pos, then it goes by name. Links and devices are refused, all else is left
 *              alone.
 * All text is UTF-8; damaged bytes become U+FFFD as with Python's errors="replace"; a byte order
 * mark and CR LF are fine; a line, or a row of a table, has at most 64 MB. Labels are any strings
 * or numbers, kept as they are written but for the spaces around them, fastText's `__label__` in
 * front, and JSON's numbers: 1.50 is 1.5 there, and 1e2 is 100.0.
 *
 * path         "-": standard input, read to its end.
 * options      NULL: all zero.
 * train        out; freed by the caller with clt_corpus_free.
 * test         out, likewise; NULL when the data have no test part. Its classes are train's.
 * Errors       CLT_INPUT: cannot be opened, is no form that is known, has no samples, or has a bad
 *              row: the message names the file and the line where the row begins. CLT_FAILED: no
 *              memory, or more than 8 GiB of texts. */
CLT_NODISCARD clt_status clt_corpus_open(const char *path, const clt_corpus_options *options,
                                         clt_corpus **train, clt_corpus **test, clt_error *error);
void clt_corpus_free(clt_corpus *corpus); /* NULL allowed */

/* Whether a file begins as a zip does: imdb.npz, which clt_dataset_open_npz reads. false, too,
 * where it cannot be read. */
bool clt_data_is_npz(const char *path);

/* Numbers the labels by other classes than the corpus's own: those that a model was trained on.
 *
 * classes      [count], copied.
 * Errors       CLT_INPUT: a sample has none of them; names its class and line. CLT_USAGE: there are
 *              no labels. The corpus is then as before. */
CLT_NODISCARD clt_status clt_corpus_use_classes(clt_corpus *corpus, const char *const *classes,
                                                int32_t count, clt_error *error);

/* Puts the samples into the order in which Keras's load_data would: one
 * numpy.random.RandomState(seed) shuffles train, then test. (keras/src/datasets/imdb.py, whose seed
 * is 113.) `test` may be NULL. Errors: CLT_FAILED; both are then as before. */
CLT_NODISCARD clt_status clt_corpus_shuffle(clt_corpus *train, clt_corpus *test, uint32_t seed,
                                            clt_error *error);

/* Sets samples aside to measure on: round(fraction * n) of the n samples of each class, drawn from
 * the seed. Both parts keep the order and all the classes. (The samples are drawn as Keras's
 * validation_split does not: that takes the last ones.)
 *
 * fraction    above 0 and below 1.
 * rest, part  out: each freed by the caller.
 * Errors      CLT_USAGE: the fraction, one side would be empty, or there are no labels. */
CLT_NODISCARD clt_status clt_corpus_split(const clt_corpus *corpus, double fraction, uint64_t seed,
                                          clt_corpus **rest, clt_corpus **part, clt_error *error);

#ifdef __cplusplus
}
#endif
#endif
