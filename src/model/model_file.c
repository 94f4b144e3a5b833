/* model_file.c: the model file: a safetensors container with the parameters and, where the words
 * known, "vocabulary" U8 (the words by rank, each ended by 0), "vocabulary_counts" I64 (how often
 * each occurred in the training texts) and "classes" U8 (the names of labels, each ended by 0). Its
 * metadata hold a format version, the model string, the reading options and the tokenizer's rules.
 * Files of before counts, rules and classes are read, too. A checkpoint is a model file with more
 * in it. */
#include "model/model_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/fingerprint.h"
#include "data/vocabulary.h"
#include "data/words.h"
#include "model/model_private.h"
#include "util/memory.h"

#define FORMAT "cltrain-1"
#define TOKENIZER "tokenizer"
#define VOCABULARY "vocabulary"
#define COUNTS "vocabulary_counts"
#define CLASSES "classes"

enum { INDEX_FROM = 4 }; /* among the numbers */

/* The reading options in the metadata; sides are spelled pre and post. */
static const struct {
    const char *key;
    size_t offset;
    long least, most;
} numbers[] = {
    {"num_words", offsetof(clt_reading, num_words), 3, INT32_MAX},
    {"skip_top", offsetof(clt_reading, skip_top), 0, INT32_MAX},
    {"start_char", offsetof(clt_reading, start_char), -1, INT32_MAX},
    {"oov_char", offsetof(clt_reading, oov_char), -1, INT32_MAX},
    [INDEX_FROM] = {"index_from", offsetof(clt_reading, index_from), 0, INT32_MAX},
    {"maxlen", offsetof(clt_reading, maxlen), 1, INT32_MAX},
};
static const struct {
    const char *key;
    size_t offset;
} sides[] = {
    {"padding", offsetof(clt_reading, padding)},
    {"truncating", offsetof(clt_reading, truncating)},
};
enum {
    NUMBER_COUNT = sizeof numbers / sizeof *numbers,
    SIDE_COUNT = sizeof sides / sizeof *sides,
    METADATA_COUNT = 3 + NUMBER_COUNT + SIDE_COUNT
};
static const char *const side_names[] = {[CLT_PRE] = "pre", [CLT_POST] = "post"};

/* ---- saving ---- */

/* All that a model file holds, and room for what stands behind it in a checkpoint. */
typedef struct contents {
    clt_stored_tensor tensors[CLT_PARAMETER_COUNT_MAX + 3 + CLT_MODEL_MORE_TENSORS];
    clt_metadata metadata[METADATA_COUNT + CLT_MODEL_MORE_METADATA + 1];
    size_t tensor_count, metadata_count;
    char text[NUMBER_COUNT][16];
    int64_t *counts; /* of the words; NULL: none is known */
} contents;

static void free_contents(contents *c)
{
    if (c != NULL) {
        free(c->counts);
        free(c);
    }
}

static void fill_metadata(const clt_model *model, contents *c)
{
    const char *reading = (const char *)&model->reading;
    clt_metadata *metadata = c->metadata;
    size_t count = 0;
    metadata[count++] = (clt_metadata){"format", FORMAT};
    metadata[count++] = (clt_metadata){"model", model->text};
    for (size_t k = 0; k < NUMBER_COUNT; k++) {
        int32_t value;
        memcpy(&value, reading + numbers[k].offset, sizeof value);
        snprintf(c->text[k], sizeof c->text[k], "%d", (int)value);
        metadata[count++] = (clt_metadata){numbers[k].key, c->text[k]};
    }
    for (size_t k = 0; k < SIDE_COUNT; k++) {
        clt_side side;
        memcpy(&side, reading + sides[k].offset, sizeof side);
        metadata[count++] = (clt_metadata){sides[k].key, side_names[side]};
    }
    if (model->vocabulary != NULL) {
        metadata[count++] = (clt_metadata){TOKENIZER, CLT_WORDS_RULES};
    }
    c->metadata_count = count;
}

static clt_stored_tensor stored_text(const char *name, const clt_vocabulary *words)
{
    return (clt_stored_tensor){.name = name,
                               .dtype = CLT_U8,
                               .rank = 1,
                               .shape = {words->text_bytes},
                               .bytes = words->text_bytes,
                               .data = words->text};
}

/* The counts of the words by rank, where any is known. */
static clt_status collect_counts(const clt_vocabulary *words, contents *c, clt_error *error)
{
    size_t count = (size_t)words->count;
    bool known = false;
    for (size_t rank = 1; rank <= count; rank++) {
        known = known || words->words[rank].count > 0;
    }
    if (!known) {
        return CLT_OK;
    }
    c->counts = clt_alloc(count, sizeof *c->counts, "word counts", error);
    if (c->counts == NULL) {
        return CLT_FAILED;
    }
    for (size_t rank = 1; rank <= count; rank++) {
        c->counts[rank - 1] = words->words[rank].count;
    }
    c->tensors[c->tensor_count++] = (clt_stored_tensor){.name = COUNTS,
                                                        .dtype = CLT_I64,
                                                        .rank = 1,
                                                        .shape = {count},
                                                        .bytes = count * sizeof *c->counts,
                                                        .data = c->counts};
    return CLT_OK;
}

static contents *collect(const clt_model *model, clt_error *error)
{
    contents *c = clt_alloc(1, sizeof *c, "a model file", error);
    if (c == NULL) {
        return NULL;
    }
    fill_metadata(model, c);
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        c->tensors[c->tensor_count++] =
            (clt_stored_tensor){.name = p->name,
                                .dtype = CLT_F32,
                                .rank = p->rank,
                                .shape = {(uint64_t)p->shape[0], (uint64_t)p->shape[1]},
                                .bytes = p->count * sizeof(float),
                                .data = clt_model_values(model, p)};
    }
    if (model->vocabulary != NULL) {
        c->tensors[c->tensor_count++] = stored_text(VOCABULARY, model->vocabulary);
        if (collect_counts(model->vocabulary, c, error) != CLT_OK) {
            free_contents(c);
            return NULL;
        }
    }
    if (model->classes != NULL) {
        c->tensors[c->tensor_count++] = stored_text(CLASSES, model->classes);
    }
    return c;
}

clt_status clt_model_save(const clt_model *model, const char *path, clt_error *error)
{
    contents *c = collect(model, error);
    clt_status status = c == NULL ? CLT_FAILED
                                  : clt_safetensors_save(path, c->tensors, c->tensor_count,
                                                         c->metadata, c->metadata_count, error);
    free_contents(c);
    return status;
}

clt_status clt_model_save_more(const clt_model *model, const char *path,
                               const clt_stored_tensor *tensors, size_t tensor_count,
                               const clt_metadata *metadata, size_t metadata_count,
                               clt_error *error)
{
    char digest[CLT_DIGEST_ROOM];
    contents *c = collect(model, error);
    if (c == NULL) {
        return CLT_FAILED;
    }
    memcpy(c->tensors + c->tensor_count, tensors, tensor_count * sizeof *tensors);
    c->tensor_count += tensor_count;
    memcpy(c->metadata + c->metadata_count, metadata, metadata_count * sizeof *metadata);
    c->metadata_count += metadata_count;
    clt_safetensors_digest(c->tensors, c->tensor_count, c->metadata, c->metadata_count, digest);
    c->metadata[c->metadata_count++] = (clt_metadata){CLT_DIGEST_KEY, digest};
    clt_status status = clt_safetensors_save(path, c->tensors, c->tensor_count, c->metadata,
                                             c->metadata_count, error);
    free_contents(c);
    return status;
}

/* ---- opening ---- */

clt_status clt_model_check_tensor(const char *path, const char *name, const clt_parameter *p,
                                  const clt_stored_tensor *tensor, clt_error *error)
{
    if (tensor == NULL) {
        return clt_fail(error, CLT_INPUT, 0, "%s: tensor %s is missing", path, name);
    }
    bool same = tensor->dtype == CLT_F32 && tensor->rank == p->rank;
    for (int d = 0; same && d < p->rank; d++) {
        same = tensor->shape[d] == (uint64_t)p->shape[d];
    }
    if (!same) {
        return clt_fail(error, CLT_INPUT, 0, "%s: tensor %s is not F32 of shape [%d%s%.0d]", path,
                        name, p->shape[0], p->rank == 2 ? ", " : "",
                        p->rank == 2 ? p->shape[1] : 0);
    }
    const float *values = tensor->data;
    for (size_t k = 0; k < p->count; k++) {
        if (!isfinite(values[k])) {
            return clt_fail(error, CLT_INPUT, 0, "%s: tensor %s: element %zu is %s", path, name, k,
                            isnan(values[k]) ? "NaN" : "infinite");
        }
    }
    return CLT_OK;
}

static bool is_more(const char *name)
{
    return strncmp(name, CLT_MODEL_MORE, sizeof CLT_MODEL_MORE - 1) == 0;
}

static bool is_known(const clt_model *model, const char *name)
{
    bool known = strcmp(name, VOCABULARY) == 0 || strcmp(name, COUNTS) == 0 ||
                 strcmp(name, CLASSES) == 0 || is_more(name);
    for (int k = 0; k < model->layers.parameter_count; k++) {
        known = known || strcmp(name, model->layers.parameters[k].name) == 0;
    }
    return known;
}

/* Checks everything before the first value is copied. */
static clt_status take_weights(clt_model *model, const char *path, const clt_safetensors *file,
                               clt_error *error)
{
    for (size_t k = 0; k < file->tensor_count; k++) {
        if (!is_known(model, file->tensors[k].name)) {
            return clt_fail(error, CLT_INPUT, 0, "%s: tensor '%.80s' does not belong to %s", path,
                            file->tensors[k].name, model->text);
        }
    }
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        clt_status status =
            clt_model_check_tensor(path, p->name, p, clt_safetensors_find(file, p->name), error);
        if (status != CLT_OK) {
            return status;
        }
    }
    for (int k = 0; k < model->layers.parameter_count; k++) {
        const clt_parameter *p = &model->layers.parameters[k];
        memcpy(clt_model_values(model, p), clt_safetensors_find(file, p->name)->data,
               p->count * sizeof(float));
    }
    return CLT_OK;
}

static clt_status read_number(const char *path, const clt_safetensors *file, size_t k,
                              clt_reading *reading, clt_error *error)
{
    const char *text = clt_safetensors_metadata(file, numbers[k].key);
    char *end = NULL;
    errno = 0;
    long value = text != NULL ? strtol(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != 0 || errno != 0 || value < numbers[k].least ||
        value > numbers[k].most) {
        return clt_fail(
            error, CLT_INPUT, 0, "%s: metadata %s is %.40s, not a number from %ld to %ld", path,
            numbers[k].key, text != NULL ? text : "missing", numbers[k].least, numbers[k].most);
    }
    int32_t narrow = (int32_t)value;
    memcpy((char *)reading + numbers[k].offset, &narrow, sizeof narrow);
    return CLT_OK;
}

static clt_status read_side(const char *path, const clt_safetensors *file, size_t k,
                            clt_reading *reading, clt_error *error)
{
    const char *text = clt_safetensors_metadata(file, sides[k].key);
    for (int side = CLT_PRE; side <= CLT_POST; side++) {
        if (text != NULL && strcmp(text, side_names[side]) == 0) {
            clt_side value = (clt_side)side;
            memcpy((char *)reading + sides[k].offset, &value, sizeof value);
            return CLT_OK;
        }
    }
    return clt_fail(error, CLT_INPUT, 0, "%s: metadata %s is %.40s, not pre or post", path,
                    sides[k].key, text != NULL ? text : "missing");
}

static clt_status read_reading(const char *path, const clt_safetensors *file, clt_reading *reading,
                               clt_error *error)
{
    clt_status status = CLT_OK;
    for (size_t k = 0; status == CLT_OK && k < NUMBER_COUNT; k++) {
        status = read_number(path, file, k, reading, error);
    }
    for (size_t k = 0; status == CLT_OK && k < SIDE_COUNT; k++) {
        status = read_side(path, file, k, reading, error);
    }
    return status;
}

/* The strings of a U8 tensor, at most `most`, each ended by 0. */
static clt_status take_text(const char *path, const clt_stored_tensor *tensor, int64_t most,
                            clt_vocabulary **words, clt_error *error)
{
    int64_t count = 0;
    if (tensor->dtype != CLT_U8 || tensor->rank != 1) {
        return clt_fail(error, CLT_INPUT, 0, "%s: tensor %s is not U8 of one dimension", path,
                        tensor->name);
    }
    const char *text = tensor->data;
    for (size_t k = 0; k < tensor->bytes; k++) {
        count += text[k] == 0;
    }
    if (count > most) {
        return clt_fail(error, CLT_INPUT, 0,
                        "%s: tensor %s has %" PRId64 " strings, this model takes at most %" PRId64,
                        path, tensor->name, count, most);
    }
    clt_status status = clt_vocabulary_create(text, tensor->bytes, (int32_t)count, words, error);
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s: tensor %s", path, tensor->name);
    }
    return status;
}

static clt_status take_counts(clt_vocabulary *words, const char *path,
                              const clt_stored_tensor *tensor, clt_error *error)
{
    if (tensor->dtype != CLT_I64 || tensor->rank != 1 || words == NULL ||
        tensor->shape[0] != (uint64_t)words->count) {
        return clt_fail(error, CLT_INPUT, 0, "%s: tensor %s is not I64 of shape [%" PRId32 "]",
                        path, COUNTS, words != NULL ? words->count : 0);
    }
    const int64_t *counts = tensor->data;
    int64_t left = INT64_MAX; /* they are added up */
    for (int32_t rank = 1; rank <= words->count; rank++) {
        if (counts[rank - 1] < 0 || counts[rank - 1] > left) {
            return clt_fail(error, CLT_INPUT, 0,
                            "%s: tensor %s: element %" PRId32 " is %" PRId64
                            ", not a number of occurrences",
                            path, COUNTS, rank - 1, counts[rank - 1]);
        }
        left -= counts[rank - 1];
        words->words[rank].count = counts[rank - 1];
    }
    return CLT_OK;
}

static clt_status take_vocabulary(clt_model *model, const char *path, const clt_safetensors *file,
                                  clt_error *error)
{
    clt_status status = CLT_OK;
    const clt_stored_tensor *text = clt_safetensors_find(file, VOCABULARY);
    const clt_stored_tensor *counts = clt_safetensors_find(file, COUNTS);
    const char *rules = clt_safetensors_metadata(file, TOKENIZER);
    int64_t most = (int64_t)model->reading.num_words - model->reading.index_from - 1;
    if (rules != NULL && strcmp(rules, CLT_WORDS_RULES) != 0 &&
        strcmp(rules, CLT_WORDS_RULES_BEFORE) != 0) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: metadata %s is %.100s; this program's is %s",
                          path, TOKENIZER, rules, CLT_WORDS_RULES);
        goto done;
    }
    if (text != NULL) {
        CLT_TRY(take_text(path, text, most > 0 ? most : 0, &model->vocabulary, error));
    }
    if (counts != NULL) {
        CLT_TRY(take_counts(model->vocabulary, path, counts, error));
    }
done:
    return status;
}

static clt_status take_classes(clt_model *model, const char *path, const clt_safetensors *file,
                               clt_error *error)
{
    const clt_stored_tensor *tensor = clt_safetensors_find(file, CLASSES);
    clt_vocabulary *names = NULL;
    clt_status status = CLT_OK;
    if (tensor != NULL) {
        CLT_TRY(take_text(path, tensor, clt_model_class_count(model), &names, error));
        status = clt_model_take_classes(model, names, error);
        if (status != CLT_OK) {
            clt_error_prefix(error, "%s: tensor %s", path, CLASSES);
            goto done;
        }
        names = NULL;
    }
done:
    clt_vocabulary_free(names);
    return status;
}

clt_status clt_model_open(const char *path, clt_model **model, clt_error *error)
{
    clt_safetensors file = {0};
    clt_model *made = NULL;
    clt_reading reading;
    clt_status status;
    CLT_TRY(clt_safetensors_open(path, &file, error));
    const char *format = clt_safetensors_metadata(&file, "format");
    const char *text = clt_safetensors_metadata(&file, "model");
    if (format == NULL || text == NULL || strcmp(format, FORMAT) != 0) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: not a model file of this program: metadata format is %.40s, not %s",
                          path, format != NULL ? format : "missing", FORMAT);
        goto done;
    }
    CLT_TRY(read_reading(path, &file, &reading, error));
    /* The sizes a model string claims are held against the file before they are allocated. */
    clt_layers layers;
    status = clt_layers_parse(text, reading.num_words, &layers, error);
    for (int k = 0; status == CLT_OK && k < layers.parameter_count; k++) {
        const clt_parameter *p = &layers.parameters[k];
        status =
            clt_model_check_tensor(path, p->name, p, clt_safetensors_find(&file, p->name), error);
    }
    if (status == CLT_OK) {
        status = clt_model_create_empty(text, &reading, &made, error);
    }
    if (status == CLT_USAGE) {
        clt_error_prefix(error, "%s", path);
        status = CLT_INPUT;
        if (error != NULL) {
            error->status = status;
        }
    }
    if (status != CLT_OK) {
        goto done;
    }
    CLT_TRY(take_weights(made, path, &file, error));
    CLT_TRY(take_vocabulary(made, path, &file, error));
    CLT_TRY(take_classes(made, path, &file, error));
    *model = made;
    made = NULL;
done:
    clt_model_free(made);
    clt_safetensors_close(&file);
    return status;
}

/* All that is not weights must be this model's. */
static clt_status check_same(const clt_model *model, const char *path, const clt_safetensors *file,
                             clt_error *error)
{
    contents *c = collect(model, error);
    clt_status status = c != NULL ? CLT_OK : CLT_FAILED;
    size_t of_model = 0;
    for (size_t k = 0; status == CLT_OK && k < c->metadata_count; k++) {
        const clt_metadata *own = &c->metadata[k];
        const char *there = clt_safetensors_metadata(file, own->key);
        if (there == NULL || strcmp(there, own->value) != 0) {
            status =
                clt_fail(error, CLT_INPUT, 0, "%s: of another model: its %s is %.200s, not %.200s",
                         path, own->key, there != NULL ? there : "missing", own->value);
        }
    }
    for (size_t k = (size_t)model->layers.parameter_count; status == CLT_OK && k < c->tensor_count;
         k++) {
        const clt_stored_tensor *own = &c->tensors[k];
        const clt_stored_tensor *there = clt_safetensors_find(file, own->name);
        if (there == NULL || there->bytes != own->bytes ||
            (own->bytes > 0 && memcmp(there->data, own->data, own->bytes) != 0)) {
            status = clt_fail(error, CLT_INPUT, 0,
                              "%s: of another model: it has another %s, as of other data", path,
                              own->name);
        }
    }
    for (size_t k = 0; k < file->tensor_count; k++) {
        of_model += !is_more(file->tensors[k].name);
    }
    if (status == CLT_OK && of_model != c->tensor_count) {
        status = clt_fail(error, CLT_INPUT, 0, "%s: of another model: it has %zu tensors, not %zu",
                          path, of_model, c->tensor_count);
    }
    free_contents(c);
    return status;
}

clt_status clt_model_take(clt_model *model, const char *path, const clt_safetensors *file,
                          clt_error *error)
{
    clt_status status = check_same(model, path, file, error);
    return status == CLT_OK ? take_weights(model, path, file, error) : status;
}

/* The names of a file must not contradict the model's own: `what` 5 is rank 5 - from of its own. */
static clt_status check_names(const char *path, const clt_stored_tensor *tensor, int32_t file_from,
                              const clt_vocabulary *own, int32_t from, const char *what,
                              clt_error *error)
{
    clt_vocabulary *names = NULL;
    clt_status status = CLT_OK;
    if (tensor == NULL || own == NULL) {
        return CLT_OK;
    }
    CLT_TRY(take_text(path, tensor, INT32_MAX, &names, error));
    int64_t number = clt_vocabulary_difference(names, file_from, own, from);
    if (number >= 0) {
        status = clt_fail(error, CLT_INPUT, 0,
                          "%s: its %s %" PRId64 " is '%.100s', the data's is '%.100s'", path, what,
                          number, clt_vocabulary_text(names, (int32_t)(number - file_from)),
                          clt_vocabulary_text(own, (int32_t)(number - from)));
    }
done:
    clt_vocabulary_free(names);
    return status;
}

/* Weights belong to words and classes. A file that another tool wrote need not say index_from. */
static clt_status check_all_names(const clt_model *model, const char *path,
                                  const clt_safetensors *file, clt_error *error)
{
    clt_reading reading = model->reading;
    clt_status status = CLT_OK;
    if (clt_safetensors_metadata(file, numbers[INDEX_FROM].key) != NULL) {
        CLT_TRY(read_number(path, file, INDEX_FROM, &reading, error));
    }
    CLT_TRY(check_names(path, clt_safetensors_find(file, VOCABULARY), reading.index_from,
                        model->vocabulary, model->reading.index_from, "id", error));
    /* label 0 is the name of rank 1 */
    CLT_TRY(check_names(path, clt_safetensors_find(file, CLASSES), -1, model->classes, -1, "label",
                        error));
done:
    return status;
}

clt_status clt_model_load_weights(clt_model *model, const char *path, clt_error *error)
{
    clt_safetensors file = {0};
    clt_status status = clt_safetensors_open(path, &file, error);
    if (status == CLT_OK) {
        status = check_all_names(model, path, &file, error);
    }
    if (status == CLT_OK) {
        status = take_weights(model, path, &file, error);
    }
    clt_safetensors_close(&file);
    return status;
}
