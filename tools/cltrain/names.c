/* names.c: names of classes and words. */
#include "names.h"

#include <stdio.h>
#include <string.h>

const char *cli_class_name(const clt_model *model, int32_t label, char text[16])
{
    const char *name = clt_model_class(model, label);

    if (name == NULL) {
        snprintf(text, 16, "%d", (int)label);
        name = text;
    }
    return name;
}

void cli_print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;
        if (byte < 0x20 || byte == 0x7f) {
            printf("\\x%02x", byte);
        } else {
            putchar(byte);
        }
    }
}

void cli_add_words(cli_bytes *text, const clt_vocabulary *vocabulary, const clt_reading *reading,
                   const int32_t *ids, size_t count)
{
    size_t first = count > 0 && ids[0] == reading->start_char ? 1 : 0;

    for (size_t k = first; k < count; k++) {
        const char *word = clt_vocabulary_word(vocabulary, reading, ids[k]);
        if (k > first) {
            cli_bytes_add(text, " ", 1);
        }
        word = word != NULL ? word : "?";
        cli_bytes_add(text, word, strlen(word));
    }
}
