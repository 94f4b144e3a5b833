/* text.c: words of a text and their ids, as keras.preprocessing.text.text_to_word_sequence splits
 * them and datasets/imdb.py numbers them. Two things differ on purpose: `<br />` is a space, and
 * white space is Python's str.split(), not only its space, tab and newline. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "data/dataset.h"
#include "data/utf8.h"
#include "data/vocabulary.h"
#include "util/memory.h"

/* Keras's filters, ASCII white space and 0. */
static bool is_ascii_separator(uint32_t point)
{
    static const char filters[] = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\v\f\r\x1c\x1d\x1e\x1f";
    return memchr(filters, (int)point, sizeof filters) != NULL;
}

static bool is_separator(uint32_t point)
{
    if (point < 0x80) {
        return is_ascii_separator(point);
    }
    return point == 0x85 || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
           point == 0x202f || point == 0x205f || point == 0x3000;
}

/* The length of `<br>`, `<br/>` or `<br />` (any case) at text[0], or 0. */
static size_t line_break_length(const char *text, size_t bytes)
{
    size_t at = 3;
    if (bytes < 4 || text[0] != '<' || (text[1] | 0x20) != 'b' || (text[2] | 0x20) != 'r') {
        return 0;
    }
    while (at < bytes && text[at] == ' ') {
        at++;
    }
    at += at < bytes && text[at] == '/';
    return at < bytes && text[at] == '>' ? at + 1 : 0;
}

/* Python's str.lower() but for the Greek sigma at the end of a word. */
static size_t write_lower(uint32_t point, char *text)
{
    size_t length = clt_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)point), text);
    if (point == 0x130) { /* I with a dot: the one letter whose lower case is two code points */
        length += clt_utf8_encode(0x307, text + length);
    }
    return length;
}

/* Keras's ids of load_data, for a word of this rank; 0 is unknown. */
static int32_t id_of_rank(const clt_reading *reading, int32_t rank)
{
    int32_t num_words = reading->num_words > 0 ? reading->num_words : INT32_MAX;
    if (rank == 0 || rank > INT32_MAX - reading->index_from) {
        return reading->oov_char;
    }
    return clt_reading_keep(reading, num_words, rank + reading->index_from);
}

clt_status clt_vocabulary_encode(const clt_vocabulary *vocabulary, const clt_reading *reading,
                                 const char *text, size_t bytes, int32_t **ids, size_t *count,
                                 clt_error *error)
{
    size_t word_room, word_bytes = 0, made_count = 0;
    int32_t *made = NULL;
    char *word = NULL;
    clt_status status = CLT_OK;
    CLT_TRY(clt_reading_check(reading, error));
    /* A damaged byte becomes three; no letter's lower case is more than twice as long. */
    if (!clt_mul(bytes, 3, &word_room)) {
        status = clt_fail_memory(error, bytes, "a text");
        goto done;
    }
    word = clt_alloc(word_room, 1, "a word", error);
    made = clt_alloc(bytes / 2 + 2, sizeof *made, "ids of a text", error);
    if (word == NULL || made == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    if (reading->start_char >= 0) {
        int32_t num_words = reading->num_words > 0 ? reading->num_words : INT32_MAX;
        int32_t id = clt_reading_keep(reading, num_words, reading->start_char);
        made_count += id >= 0;
        made[0] = id;
    }
    for (size_t at = 0, length; at <= bytes; at += length) {
        int damaged = 0;
        uint32_t point = ' '; /* ends the last word */
        length = 1;
        if (at < bytes) {
            size_t line_break = line_break_length(text + at, bytes - at);
            point = clt_utf8_decode(text + at, bytes - at, &length, &damaged);
            length = line_break > 0 ? line_break : length;
        }
        if (at == 0 && point == 0xfeff) {
            continue; /* a byte order mark */
        }
        if (!is_separator(point)) {
            word_bytes += write_lower(point, word + word_bytes);
        } else if (word_bytes > 0) {
            int32_t id = id_of_rank(reading, clt_vocabulary_rank(vocabulary, word, word_bytes));
            if (id >= 0) {
                made[made_count++] = id;
            }
            word_bytes = 0;
        }
    }
    *ids = made;
    *count = made_count;
    made = NULL;
done:
    free(word);
    free(made);
    return status;
}
