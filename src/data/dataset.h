/* dataset.h: making a clt_dataset, and Keras's rules for which ids are kept. */
#ifndef CLT_DATA_DATASET_H
#define CLT_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "cltrain/dataset.h"
#include "util/error.h"

/* Room for `count` samples of `id_count` ids in all; everything zero. Freed with
 * clt_dataset_free. Errors: CLT_FAILED. */
CLT_NODISCARD clt_status clt_dataset_create(size_t count, size_t id_count, clt_dataset **dataset,
                                            clt_error *error);

/* Errors: CLT_USAGE unless `reading` can turn words into ids. maxlen, padding and truncating are
 * not looked at. */
CLT_NODISCARD clt_status clt_reading_check(const clt_reading *reading, clt_error *error);

/* The smallest bound on what clt_reading_keep(reading, num_words, ...) gives: num_words itself, and
 * more only where oov_char is not below it. */
int32_t clt_reading_bound(const clt_reading *reading, int32_t num_words);

/* The smallest num_words that keeps start_char and the ids of that many words. Errors: CLT_USAGE.
 */
CLT_NODISCARD clt_status clt_reading_all(const clt_reading *reading, int32_t words,
                                         int32_t *num_words, clt_error *error);

/* What an id (start_char, or rank + index_from) becomes: itself when skip_top <= id < num_words,
 * else oov_char; -1 is left out. num_words is reading's, or the one that stands for its 0. */
static inline int32_t clt_reading_keep(const clt_reading *reading, int32_t num_words, int32_t id)
{
    return id >= reading->skip_top && id < num_words ? id : reading->oov_char;
}

#endif
