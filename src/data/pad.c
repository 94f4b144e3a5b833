/* pad.c: keras.utils.pad_sequences for one sample (keras/src/utils/sequence_utils.py). */
#include <string.h>

#include "cltrain/dataset.h"

void clt_pad_sequence(const clt_reading *reading, const int32_t *ids, size_t count, int32_t *padded)
{
    if (reading->maxlen < 1) {
        return;
    }
    size_t room = (size_t)reading->maxlen, kept = count < room ? count : room;
    size_t skipped = reading->truncating == CLT_PRE ? count - kept : 0;
    size_t front = reading->padding == CLT_PRE ? room - kept : 0;
    memset(padded, 0, room * sizeof *padded);
    if (kept > 0) {
        memcpy(padded + front, ids + skipped, kept * sizeof *padded);
    }
}
