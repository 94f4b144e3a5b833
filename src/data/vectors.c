/* vectors.c: reads word vectors through one buffer, which has room for a record and more. */
#include "data/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/utf8.h"
#include "util/memory.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "floats are stored little-endian and copied as they are"
#endif

#define WORD_BYTES_MAX ((size_t)4096)
#define NUMBER_BYTES_MAX ((size_t)64) /* with its separator */
#define READ_BYTES ((size_t)1 << 20)

struct clt_vectors {
    char *path;
    int descriptor;
    size_t width;
    bool headed, binary;
    uint64_t declared; /* headed: how many words there have to be */
    uint64_t count;    /* words so far */
    size_t line;       /* of the current word, from 1; text */
    /* The buffer: what is still to come is bytes[begin .. end], and bytes[end] is 0. */
    char *bytes;
    size_t room, begin, end;
    size_t record_most;  /* bytes of a record */
    uint64_t offset;     /* in the file, of bytes[0] */
    bool ended;          /* the file has no more than what is in the buffer */
    const char *numbers; /* of the current word: text, or floats */
};

/* Fills the buffer as far as it goes. */
static clt_status fill(clt_vectors *v, clt_error *error)
{
    memmove(v->bytes, v->bytes + v->begin, v->end - v->begin);
    v->offset += v->begin;
    v->end -= v->begin;
    v->begin = 0;
    while (!v->ended && v->end < v->room) {
        ssize_t got = read(v->descriptor, v->bytes + v->end, v->room - v->end);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int code = errno;
            return clt_fail(error, CLT_INPUT, code, "cannot read %s: %s", v->path, strerror(code));
        }
        v->ended = got == 0;
        v->end += (size_t)got;
    }
    v->bytes[v->end] = 0;
    return CLT_OK;
}

/* Has a whole record in the buffer, or all that is left. */
static clt_status need_record(clt_vectors *v, clt_error *error)
{
    return v->end - v->begin < v->record_most && !v->ended ? fill(v, error) : CLT_OK;
}

/* ---- text ---- */

static bool is_separator(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether text[0 .. bytes - 1], which no digit follows, is a finite number in decimal. */
static bool parse_number(const char *text, size_t bytes, float *value)
{
    char *end;
    if (bytes == 0 || strchr("+-.0123456789", text[0]) == NULL ||
        memchr(text, 'x', bytes) != NULL || memchr(text, 'X', bytes) != NULL) {
        return false;
    }
    *value = strtof(text, &end);
    return end == text + bytes && isfinite(*value);
}

/* Takes the last field off line[0 .. *bytes - 1], with the separators before it; returns where it
 * begins. */
static size_t drop_field(const char *line, size_t *bytes)
{
    size_t at = *bytes, begin;
    while (at > 0 && !is_separator(line[at - 1])) {
        at--;
    }
    begin = at;
    while (at > 0 && is_separator(line[at - 1])) {
        at--;
    }
    *bytes = at;
    return begin;
}

/* How many numbers stand at the end of a line, behind a word. */
static size_t count_numbers(const char *line, size_t bytes)
{
    size_t count = 0;
    float value;
    while (bytes > 0) {
        size_t end = bytes, begin = drop_field(line, &bytes);
        if (begin == 0 || !parse_number(line + begin, end - begin, &value)) {
            break;
        }
        count++;
    }
    return count;
}

/* The line that begins at text[0], up to `bytes`, without its end and the spaces before that. */
static size_t line_length(const char *text, size_t bytes)
{
    const char *end = memchr(text, '\n', bytes);
    bytes = end != NULL ? (size_t)(end - text) : bytes;
    while (bytes > 0 && (is_separator(text[bytes - 1]) || text[bytes - 1] == '\r')) {
        bytes--;
    }
    return bytes;
}

/* The next line that is not empty; NULL behind the last one. */
static clt_status next_line(clt_vectors *v, const char **line, size_t *bytes, clt_error *error)
{
    do {
        clt_status status = need_record(v, error);
        if (status != CLT_OK) {
            return status;
        }
        size_t left = v->end - v->begin;
        if (left == 0) {
            *line = NULL;
            return CLT_OK;
        }
        *line = v->bytes + v->begin;
        v->line++;
        const char *end = memchr(*line, '\n', left < v->record_most ? left : v->record_most);
        if (end == NULL && left >= v->record_most) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: line %zu: longer than the %zu bytes that a word and %zu numbers "
                            "may take",
                            v->path, v->line, v->record_most, v->width);
        }
        v->begin += end != NULL ? (size_t)(end - *line) + 1 : left;
        *bytes = line_length(*line, left);
    } while (*bytes == 0);
    return CLT_OK;
}

/* Where the word of a line ends and its numbers begin. Words may have spaces inside, as GloVe's do;
 * a number before the numbers is one too many. */
static bool split_line(const char *line, size_t bytes, size_t width, size_t *word_bytes,
                       size_t *numbers)
{
    float value;
    *numbers = *word_bytes = bytes;
    for (size_t k = 0; k < width; k++) {
        *numbers = drop_field(line, word_bytes);
        if (*numbers == 0) {
            return false;
        }
    }
    bytes = *word_bytes;
    size_t last = drop_field(line, &bytes);
    return last == 0 || !parse_number(line + last, *word_bytes - last, &value);
}

static clt_status next_text(clt_vectors *v, const char **word, size_t *bytes, clt_error *error)
{
    size_t line_bytes, numbers;
    clt_status status = next_line(v, word, &line_bytes, error);
    if (status != CLT_OK) {
        return status;
    }
    if (*word == NULL) {
        if (v->headed && v->count != v->declared) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: line 1 declares %" PRIu64 " words, %" PRIu64 " are there", v->path,
                            v->declared, v->count);
        }
        return CLT_OK;
    }
    if (!split_line(*word, line_bytes, v->width, bytes, &numbers)) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: line %zu: a word and %zu numbers, the embedding takes %zu", v->path,
                        v->line, count_numbers(*word, line_bytes), v->width);
    }
    v->numbers = *word + numbers;
    v->count++;
    return CLT_OK;
}

static clt_status read_text(const clt_vectors *v, float *values, clt_error *error)
{
    const char *at = v->numbers, *end = v->bytes + v->end;
    for (size_t k = 0; k < v->width; k++) {
        size_t bytes = 0;
        while (at + bytes < end && memchr(" \t\r\n", at[bytes], 4) == NULL) {
            bytes++;
        }
        if (!parse_number(at, bytes, &values[k])) {
            return clt_fail(error, CLT_INPUT, 0, "%s: line %zu: '%.*s' is not a finite number",
                            v->path, v->line, (int)(bytes < 40 ? bytes : 40), at);
        }
        at += bytes;
        while (is_separator(*at)) {
            at++;
        }
    }
    return CLT_OK;
}

/* ---- binary ---- */

static clt_status fail_binary(const clt_vectors *v, const char *what, uint64_t word,
                              clt_error *error)
{
    return clt_fail(error, CLT_INPUT, 0,
                    "%s: byte %" PRIu64 ": line 1 declares %" PRIu64 " words, and %s word %" PRIu64,
                    v->path, v->offset + v->begin, v->declared, what, word);
}

static clt_status next_binary(clt_vectors *v, const char **word, size_t *bytes, clt_error *error)
{
    clt_status status = need_record(v, error);
    if (status != CLT_OK) {
        return status;
    }
    if (v->count > 0 && v->begin < v->end && v->bytes[v->begin] == '\n') {
        v->begin++; /* word2vec ends each vector with it, gensim does not */
    }
    size_t left = v->end - v->begin, numbers = v->width * sizeof(float);
    if (v->count == v->declared) {
        *word = NULL;
        return left == 0 ? CLT_OK : fail_binary(v, "more bytes follow", v->count, error);
    }
    *word = v->bytes + v->begin;
    const char *space = memchr(*word, ' ', left < WORD_BYTES_MAX ? left : WORD_BYTES_MAX);
    if (space == NULL && left >= WORD_BYTES_MAX) {
        return fail_binary(v, "there is no end to", v->count + 1, error);
    }
    if (space == NULL || left - (size_t)(space + 1 - *word) < numbers) {
        return fail_binary(v, "the file ends before the end of", v->count + 1, error);
    }
    *bytes = (size_t)(space - *word);
    v->numbers = space + 1;
    v->begin += *bytes + 1 + numbers;
    v->count++;
    return CLT_OK;
}

static clt_status read_binary(const clt_vectors *v, float *values, clt_error *error)
{
    memcpy(values, v->numbers, v->width * sizeof *values);
    for (size_t k = 0; k < v->width; k++) {
        if (!isfinite(values[k])) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: byte %" PRIu64 ": number %zu of word %" PRIu64 " is %s", v->path,
                            v->offset + (uint64_t)(v->numbers - v->bytes) + k * sizeof *values,
                            k + 1, v->count, isnan(values[k]) ? "NaN" : "infinite");
        }
    }
    return CLT_OK;
}

/* ---- both ---- */

/* A line `V D` and nothing else. Numbers too large for 64 bits become the largest. */
static bool parse_header(const char *line, size_t bytes, uint64_t *words, uint64_t *width)
{
    size_t first = strspn(line, "0123456789"), second = first + strspn(line + first, " \t");
    if (first == 0 || second == first || second >= bytes ||
        second + strspn(line + second, "0123456789") != bytes) {
        return false;
    }
    *words = strtoull(line, NULL, 10);
    *width = strtoull(line + second, NULL, 10);
    return true;
}

/* Behind a header: floats where a line of text should be. */
static bool is_binary(const clt_vectors *v)
{
    const char *begin = v->bytes + v->begin;
    size_t left = v->end - v->begin;
    const char *space = memchr(begin, ' ', left);
    if (space == NULL || count_numbers(begin, line_length(begin, left)) >= v->width) {
        return false;
    }
    left -= (size_t)(space + 1 - begin);
    for (size_t k = 0; k < left && k < v->width * sizeof(float); k++) {
        unsigned char byte = (unsigned char)space[1 + k];
        if (byte > 0x7e || (byte < 0x20 && memchr("\t\r\n", byte, 3) == NULL)) {
            return true;
        }
    }
    return false;
}

static clt_status read_header(clt_vectors *v, clt_error *error)
{
    const char *line;
    size_t bytes;
    uint64_t width;
    clt_status status = need_record(v, error);
    if (status == CLT_OK) {
        v->begin += clt_utf8_mark(v->bytes, v->end);
        status = next_line(v, &line, &bytes, error);
    }
    if (status != CLT_OK) {
        return status;
    }
    if (line == NULL) {
        return clt_fail(error, CLT_INPUT, 0, "%s: no word vectors in it", v->path);
    }
    v->headed = parse_header(line, bytes, &v->declared, &width);
    if (!v->headed) {
        v->begin = (size_t)(line - v->bytes); /* it is a word with its numbers */
        v->line--;
        return CLT_OK;
    }
    if (width != v->width) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: line %zu declares vectors of %" PRIu64
                        " numbers, the embedding takes %zu",
                        v->path, v->line, width, v->width);
    }
    status = need_record(v, error);
    v->binary = status == CLT_OK && is_binary(v);
    return status;
}

clt_status clt_vectors_open(const char *path, int32_t width, clt_vectors **vectors,
                            clt_error *error)
{
    struct stat info;
    clt_status status = CLT_FAILED;
    clt_vectors *v = clt_alloc(1, sizeof *v, "word vectors", error);
    if (v == NULL) {
        return CLT_FAILED;
    }
    v->width = (size_t)width;
    v->record_most = WORD_BYTES_MAX + v->width * NUMBER_BYTES_MAX;
    v->room = READ_BYTES + v->record_most;
    v->descriptor = -1;
    v->path = clt_strdup(path, error);
    v->bytes = clt_alloc(v->room + 1, 1, "word vectors", error);
    if (v->path == NULL || v->bytes == NULL) {
        goto done;
    }
    /* O_NONBLOCK: opening a pipe must not wait for its other end. */
    v->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (v->descriptor < 0) {
        int code = errno;
        status = clt_fail(error, CLT_INPUT, code, "cannot open %s: %s", path, strerror(code));
        goto done;
    }
    if (fstat(v->descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: not a regular file", path);
        goto done;
    }
    CLT_TRY(read_header(v, error));
    *vectors = v;
    v = NULL;
done:
    clt_vectors_close(v);
    return status;
}

clt_status clt_vectors_next(clt_vectors *v, const char **word, size_t *bytes, clt_error *error)
{
    return v->binary ? next_binary(v, word, bytes, error) : next_text(v, word, bytes, error);
}

clt_status clt_vectors_read(const clt_vectors *v, float *values, clt_error *error)
{
    return v->binary ? read_binary(v, values, error) : read_text(v, values, error);
}

void clt_vectors_close(clt_vectors *v)
{
    if (v != NULL) {
        if (v->descriptor >= 0) {
            close(v->descriptor);
        }
        free(v->path);
        free(v->bytes);
        free(v);
    }
}
