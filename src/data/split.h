/* split.h: drawing a part of labelled samples. */
#ifndef CLT_DATA_SPLIT_H
#define CLT_DATA_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Draws round(fraction * n) of the n samples of each class, so that the part is like the whole.
 *
 * labels    [count], each 0 .. class_count - 1
 * fraction  above 0 and below 1.
 * order     out [count]: first the samples that stay, then the part, each in the order they had.
 * rest      out: how many stay.
 * Errors    CLT_USAGE: the fraction, or one of the sides would be empty. */
CLT_NODISCARD clt_status clt_split_draw(const int32_t *labels, size_t count, int32_t class_count,
                                        double fraction, uint64_t seed, uint32_t *order,
                                        size_t *rest, clt_error *error);

#endif
