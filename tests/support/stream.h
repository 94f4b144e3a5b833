/* stream.h: bytes in memory as the stream of an archive's member. */
#ifndef CLT_TESTS_STREAM_H
#define CLT_TESTS_STREAM_H

#include "data/stream.h"

typedef struct clt_test_bytes {
    const unsigned char *bytes;
    size_t count, at;
    size_t chunk; /* most bytes of one read */
} clt_test_bytes;

/* `source` must live as long as the stream. */
void clt_test_stream_start(clt_stream *stream, clt_test_bytes *source, const void *bytes,
                           size_t count, size_t chunk);

#endif
