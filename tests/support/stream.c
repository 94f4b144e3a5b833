#include "support/stream.h"

#include <string.h>

static clt_status read_bytes(void *user, unsigned char *bytes, size_t room, size_t *got,
                             clt_error *error)
{
    clt_test_bytes *source = user;
    size_t left = source->count - source->at, part = room < left ? room : left;
    (void)error;
    part = part < source->chunk ? part : source->chunk;
    memcpy(bytes, source->bytes + source->at, part);
    source->at += part;
    *got = part;
    return CLT_OK;
}

void clt_test_stream_start(clt_stream *stream, clt_test_bytes *source, const void *bytes,
                           size_t count, size_t chunk)
{
    *source = (clt_test_bytes){.bytes = bytes, .count = count, .chunk = chunk};
    clt_stream_start(stream, read_bytes, source, count);
}
