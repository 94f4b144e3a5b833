/* pad.c: keras.utils.pad_sequences for one sample (keras/src/utils/sequence_utils.py). */
#include <string.h>

#include "cltrain/dataset.h"
#include "data/batch.h"

int clt_leading_pads(const clt_reading *reading, size_t count)
{
    size_t room = (size_t)reading->maxlen;
    return reading->padding == CLT_PRE && count < room ? (int)(room - count) : 0;
}

void clt_pad_sequence(const clt_reading *reading, const int32_t *ids, size_t count, int32_t *padded)
{
    if (reading->maxlen < 1) {
        return;
    }
    size_t room = (size_t)reading->maxlen, kept = count < room ? count : room;
    size_t skipped = reading->truncating == CLT_PRE ? count - kept : 0;
    size_t front = (size_t)clt_leading_pads(reading, count);
    memset(padded, 0, room * sizeof *padded);
    if (kept > 0) {
        memcpy(padded + front, ids + skipped, kept * sizeof *padded);
    }
}
