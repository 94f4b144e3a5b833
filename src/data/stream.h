/* stream.h: reading an untrusted member of an archive from front to back, a byte or a block at a
 * time, never whole. */
#ifndef CLT_DATA_STREAM_H
#define CLT_DATA_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Gives between 1 and `room` bytes, or *got = 0 at the end. */
typedef clt_status (*clt_stream_read)(void *user, unsigned char *bytes, size_t room, size_t *got,
                                      clt_error *error);

typedef struct clt_stream {
    clt_stream_read read;
    void *user;
    uint64_t size;   /* bytes that the archive declares; `read` never gives more */
    uint64_t before; /* bytes of earlier buffers */
    size_t at, end;  /* unread bytes of the buffer */
    unsigned char buffer[16384];
} clt_stream;

void clt_stream_start(clt_stream *stream, clt_stream_read read, void *user, uint64_t size);

/* Fills an empty buffer; CLT_INPUT "byte N: ends here, in WHAT" when nothing is left. */
CLT_NODISCARD clt_status clt_stream_fill(clt_stream *stream, const char *what, clt_error *error);

/* Exactly `count` bytes. */
CLT_NODISCARD clt_status clt_stream_take(clt_stream *stream, void *bytes, size_t count,
                                         const char *what, clt_error *error);

/* CLT_INPUT "byte N: bytes after WHAT" unless everything has been read. Also lets the archive
 * compare its checksum. */
CLT_NODISCARD clt_status clt_stream_finish(clt_stream *stream, const char *what, clt_error *error);

/* The number of the next byte, from 0. */
static inline uint64_t clt_stream_offset(const clt_stream *stream)
{
    return stream->before + stream->at;
}

CLT_NODISCARD static inline clt_status clt_stream_byte(clt_stream *stream, unsigned char *byte,
                                                       const char *what, clt_error *error)
{
    if (stream->at == stream->end) {
        clt_status status = clt_stream_fill(stream, what, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    *byte = stream->buffer[stream->at++];
    return CLT_OK;
}

#endif
