/* stream.c: the buffer between an archive and the readers of its members. */
#include "data/stream.h"

#include <inttypes.h>
#include <string.h>

void clt_stream_start(clt_stream *stream, clt_stream_read read, void *user, uint64_t size)
{
    stream->read = read;
    stream->user = user;
    stream->size = size;
    stream->before = 0;
    stream->at = stream->end = 0;
}

static clt_status refill(clt_stream *stream, clt_error *error)
{
    size_t got = 0;
    clt_status status =
        stream->read(stream->user, stream->buffer, sizeof stream->buffer, &got, error);
    stream->before += stream->end;
    stream->at = 0;
    stream->end = status == CLT_OK ? got : 0;
    return status;
}

clt_status clt_stream_fill(clt_stream *stream, const char *what, clt_error *error)
{
    clt_status status = refill(stream, error);
    if (status == CLT_OK && stream->end == 0) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": ends here, in %s",
                        clt_stream_offset(stream), what);
    }
    return status;
}

clt_status clt_stream_take(clt_stream *stream, void *bytes, size_t count, const char *what,
                           clt_error *error)
{
    unsigned char *to = bytes;
    while (count > 0) {
        if (stream->at == stream->end) {
            clt_status status = clt_stream_fill(stream, what, error);
            if (status != CLT_OK) {
                return status;
            }
        }
        size_t have = stream->end - stream->at, part = count < have ? count : have;
        memcpy(to, stream->buffer + stream->at, part);
        stream->at += part;
        to += part;
        count -= part;
    }
    return CLT_OK;
}

clt_status clt_stream_finish(clt_stream *stream, const char *what, clt_error *error)
{
    if (stream->at == stream->end) {
        clt_status status = refill(stream, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    if (stream->at < stream->end) {
        return clt_fail(error, CLT_INPUT, 0, "byte %" PRIu64 ": bytes after %s",
                        clt_stream_offset(stream), what);
    }
    return CLT_OK;
}
