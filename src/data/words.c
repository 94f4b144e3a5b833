/* words.c: parts texts into words by keras.preprocessing.text.Tokenizer's rules. */
#include "data/words.h"

#include <stdint.h>
#include <stdlib.h>

#include "data/lower.h"
#include "data/utf8.h"
#include "util/memory.h"

/* What an ASCII character becomes inside a word; 0: it stands between words. */
static const char ascii[129] = "\0\1\2\3\4\5\6\7"
                               "\10\0\0\13\14\0\16\17"
                               "\20\21\22\23\24\25\26\27"
                               "\30\31\32\33\34\35\36\37"
                               "\0\0\0\0\0\0\0'" /* space, punctuation */
                               "\0\0\0\0\0\0\0\0"
                               "01234567"
                               "89\0\0\0\0\0\0"
                               "\0abcdefg"
                               "hijklmno"
                               "pqrstuvw"
                               "xyz\0\0\0\0\0"
                               "\0abcdefg"
                               "hijklmno"
                               "pqrstuvw"
                               "xyz\0\0\0\0\177";

/* The length of `<br>`, `<br/>` or `<br />` (any case, any number of spaces) at text[0], or 0. */
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

clt_status clt_words_begin(clt_words *words, const char *text, size_t bytes, clt_error *error)
{
    size_t room;
    if (!clt_mul(bytes, CLT_LOWER_GROWTH, &room)) {
        return clt_fail_memory(error, bytes, "a text");
    }
    if (room > words->room) {
        /* Not clt_resize: there is nothing to keep. */
        free(words->word);
        words->room = 0;
        words->word = clt_alloc(room, 1, "a word", error);
        if (words->word == NULL) {
            return CLT_FAILED;
        }
        words->room = room;
    }
    words->text = text;
    words->bytes = bytes;
    words->at = clt_utf8_mark(text, bytes);
    return CLT_OK;
}

bool clt_words_next(clt_words *words, size_t *length)
{
    const char *text = words->text;
    size_t bytes = words->bytes, at = words->at, used = 0;
    while (at < bytes) {
        unsigned char byte = (unsigned char)text[at];
        if (byte < 0x80) {
            if (ascii[byte] != 0) {
                words->word[used++] = ascii[byte];
            } else if (used > 0) {
                break;
            } else if (byte == '<') {
                size_t line_break = line_break_length(text + at, bytes - at);
                at += line_break > 0 ? line_break - 1 : 0;
            }
            at++;
        } else {
            int damaged = 0;
            size_t read;
            uint32_t point = clt_utf8_decode(text + at, bytes - at, &read, &damaged);
            used += clt_lower(text, bytes, at, point, read, words->word + used);
            at += read;
        }
    }
    words->at = at;
    *length = used;
    return used > 0;
}

void clt_words_end(clt_words *words)
{
    free(words->word);
    *words = (clt_words){0};
}
