/* json_lines.c: an object a line (jsonlines.org), its text and label under the keys that a table
 * would have as columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/corpus.h"
#include "data/lines.h"
#include "util/memory.h"

/* The JSON library makes an object of each value, so that 64 MB of "{}," would take gigabytes. */
enum { VALUES_MAX = 65536 };

/* Of a label that is a real: what was an integer beyond 64 bits is larger. */
static const double LABEL_MAX = 1e18;

typedef struct wanted_keys {
    char *text, *label; /* label is NULL when it is not wanted */
} wanted_keys;

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "an array", "a string", "a number",
                                        "a number",  "true",     "false",    "null"};
    return names[json_typeof(value)];
}

/* The closing quote of the string whose opening one is line[k]; bytes or beyond: there is none. */
static size_t end_of_string(const char *line, size_t k, size_t bytes)
{
    for (k++; k < bytes && line[k] != '"'; k++) {
        k += line[k] == '\\';
    }
    return k;
}

static clt_status check_values(const char *line, size_t bytes, clt_error *error)
{
    size_t values = 0;
    for (size_t k = 0; k < bytes; k++) {
        char c = line[k];
        k = c == '"' ? end_of_string(line, k, bytes) : k;
        values += c == ',' || c == '[' || c == '{';
    }
    return values <= VALUES_MAX
               ? CLT_OK
               : clt_fail(error, CLT_INPUT, 0, "%zu values: more than %d", values, VALUES_MAX);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_in_number(char c)
{
    return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

static bool is_beyond_64_bits(const char *digits, size_t count, bool negative)
{
    const char *limit = negative ? "9223372036854775808" : "9223372036854775807";
    size_t most = strlen(limit);
    return (count > most || (count == most && memcmp(digits, limit, most) > 0)) && digits[0] != '0';
}

/* JSON has no limit for integers, the library has 64 bits. Makes those beyond a large real in their
 * place: what they are matters in a label alone, and none is as large. */
static void shorten_integers(char *line, size_t bytes)
{
    static const char large[] = "9e307";
    for (size_t k = 0; k < bytes; k++) {
        const bool negative = line[k] == '-';
        size_t first = k + negative, end = first, digits = 0;
        if (line[k] == '"') {
            k = end_of_string(line, k, bytes);
            continue;
        }
        while (end < bytes && is_in_number(line[end])) {
            digits += is_digit(line[end++]);
        }
        if (digits == end - first && is_beyond_64_bits(line + first, digits, negative)) {
            memset(line + first, ' ', digits);
            memcpy(line + first, large, sizeof large - 1);
        }
        k = end > k ? end - 1 : k;
    }
}

static clt_status parse(char *line, size_t bytes, json_t **object, clt_error *error)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t reason;
    if (bytes > CLT_LINE_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, CLT_LINE_TOO_LONG);
    }
    clt_status status = check_values(line, bytes, error);
    if (status != CLT_OK) {
        return status;
    }
    *object = json_loadb(line, bytes, flags, &reason);
    if (*object == NULL && json_error_code(&reason) == json_error_numeric_overflow) {
        shorten_integers(line, bytes);
        *object = json_loadb(line, bytes, flags, &reason);
    }
    if (*object == NULL) {
        return json_error_code(&reason) == json_error_out_of_memory
                   ? clt_fail_memory(error, bytes, "a line of JSON")
                   : clt_fail(error, CLT_INPUT, 0, "column %d: %s", reason.column, reason.text);
    }
    return json_is_object(*object)
               ? CLT_OK
               : clt_fail(error, CLT_INPUT, 0, "%s where an object is needed", type_name(*object));
}

/* The first good object decides which keys are meant. */
static clt_status find_keys(const clt_corpus_options *options, json_t *object, wanted_keys *found,
                            clt_error *error)
{
    clt_columns columns = {.options = options};
    const char *key;
    json_t *value;
    size_t k = 0;
    clt_status status = CLT_OK;
    json_object_foreach(object, key, value)
    {
        clt_columns_see(&columns, key, strlen(key));
    }
    CLT_TRY(clt_columns_check(&columns, error));
    json_object_foreach(object, key, value)
    {
        if (k == columns.text) {
            found->text = clt_strdup(key, error);
        } else if (k == columns.label && !options->unlabelled) {
            found->label = clt_strdup(key, error);
        }
        k++;
    }
    if (found->text == NULL || (found->label == NULL && !options->unlabelled)) {
        status = CLT_FAILED;
    }
done:
    return status;
}

/* A number, true or false, as briefly as it can be written without becoming another. */
static size_t write_scalar(const json_t *value, char *text, size_t room)
{
    size_t bytes = 0;
    for (size_t digits = 15; digits <= 17; digits++) {
        bytes = json_dumpb(value, text, room, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        json_t *back = bytes <= room ? json_loadb(text, bytes, JSON_DECODE_ANY, NULL) : NULL;
        bool same = back != NULL && json_equal(back, value);
        json_decref(back);
        if (same) {
            break;
        }
    }
    return bytes <= room ? bytes : 0;
}

static clt_status add_object(clt_corpus_builder *builder, size_t number, const wanted_keys *keys,
                             const json_t *object, clt_error *error)
{
    const json_t *text = json_object_get(object, keys->text), *label = NULL;
    const char *name = NULL;
    size_t bytes = 0;
    char written[64];
    if (text == NULL) {
        return clt_fail(error, CLT_INPUT, 0, "no key '%s'", keys->text);
    }
    if (!json_is_string(text)) {
        return clt_fail(error, CLT_INPUT, 0, "'%s' is %s where a string is needed", keys->text,
                        type_name(text));
    }
    if (keys->label != NULL) {
        label = json_object_get(object, keys->label);
        if (label == NULL) {
            return clt_fail(error, CLT_INPUT, 0, "no key '%s'", keys->label);
        }
        if (json_is_string(label)) {
            name = json_string_value(label);
            bytes = json_string_length(label);
        } else if (json_is_real(label) && fabs(json_real_value(label)) > LABEL_MAX) {
            return clt_fail(error, CLT_INPUT, 0,
                            "'%s' is a number too large for a label: write it as a string",
                            keys->label);
        } else if (json_is_number(label) || json_is_boolean(label)) {
            name = written;
            bytes = write_scalar(label, written, sizeof written);
        } else {
            return clt_fail(error, CLT_INPUT, 0,
                            "'%s' is %s where a string, a number, true or false is needed",
                            keys->label, type_name(label));
        }
    }
    return clt_corpus_add(builder, number, json_string_value(text), json_string_length(text), name,
                          bytes, error);
}

clt_status clt_json_lines_read(char *bytes, size_t size, const clt_corpus_options *options,
                               clt_corpus **corpus, clt_error *error)
{
    clt_lines lines = {bytes, bytes + size, 0};
    clt_corpus_builder builder;
    wanted_keys keys = {.text = NULL};
    json_t *object = NULL;
    const char *line;
    size_t length;
    clt_status status = clt_corpus_start(&builder, options, bytes, size, error);
    if (status != CLT_OK) {
        return status;
    }
    while (clt_lines_next(&lines, &line, &length)) {
        status = parse(bytes + (line - bytes), length, &object, &builder.bad);
        if (status == CLT_OK && keys.text == NULL) {
            status = find_keys(options, object, &keys, error);
            if (status != CLT_OK) {
                clt_error_prefix(error, "line %zu", lines.number);
                goto done;
            }
        }
        if (status == CLT_OK) {
            status = add_object(&builder, lines.number, &keys, object, &builder.bad);
        }
        json_decref(object);
        object = NULL;
        CLT_TRY(clt_corpus_bad_row(&builder, lines.number, status, error));
    }
    CLT_TRY(clt_corpus_finish(&builder, corpus, error));
done:
    json_decref(object);
    free(keys.text);
    free(keys.label);
    clt_corpus_abandon(&builder);
    return status;
}
