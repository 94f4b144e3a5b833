/* Model strings: what is understood is written as a string that is understood the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "model/layers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static clt_layers layers, again;
    clt_error error;
    char *text = malloc(size + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (clt_layers_parse(text, 1000, &layers, &error) == CLT_OK) {
        char *first = clt_layers_format(&layers, &error), *second = NULL;
        if (first == NULL || clt_layers_parse(first, 1000, &again, &error) != CLT_OK ||
            (second = clt_layers_format(&again, &error)) == NULL || strcmp(first, second) != 0) {
            abort();
        }
        free(first);
        free(second);
    }
    free(text);
    return 0;
}
