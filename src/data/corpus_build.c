/* corpus_build.c: a corpus that grows row by row, and its classes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/corpus.h"
#include "data/lines.h"
#include "util/memory.h"

clt_status clt_corpus_start(clt_corpus_builder *builder, const clt_corpus_options *options,
                            char *text, size_t bytes, clt_error *error)
{
    *builder = (clt_corpus_builder){.options = options, .text_room = bytes};
    builder->corpus = clt_alloc(1, sizeof *builder->corpus, "a corpus", error);
    if (builder->corpus == NULL) {
        free(text);
        return CLT_FAILED;
    }
    builder->corpus->text = text;
    return CLT_OK;
}

/* Where `name` is among the classes, or would be. */
static int32_t search_class(const clt_corpus_builder *builder, const char *name, size_t bytes,
                            bool *found)
{
    int32_t low = 0, high = builder->corpus->class_count;
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        const char *other = builder->classes[middle].name;
        int order = strncmp(other, name, bytes);
        if (order == 0 && other[bytes] == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static clt_status add_class(clt_corpus_builder *builder, int32_t place, const char *name,
                            size_t bytes, clt_error *error)
{
    int32_t count = builder->corpus->class_count;
    if (count == CLT_CLASSES_MAX) {
        return clt_fail(error, CLT_INPUT, 0,
                        "'%.*s' is one class more than %d: are these labels (--label-column)?",
                        (int)bytes, name, CLT_CLASSES_MAX);
    }
    clt_status status = clt_resize((void **)&builder->classes, (size_t)count + 1,
                                   sizeof *builder->classes, "classes", error);
    char *copy = status == CLT_OK ? clt_alloc(bytes + 1, 1, "the name of a class", error) : NULL;
    if (copy == NULL) {
        return CLT_FAILED;
    }
    memcpy(copy, name, bytes);
    memmove(builder->classes + place + 1, builder->classes + place,
            (size_t)(count - place) * sizeof *builder->classes);
    builder->classes[place] = (clt_class){copy, count};
    builder->corpus->class_count++;
    return CLT_OK;
}

/* The class of a label, numbered by first appearance until the corpus is finished. */
static clt_status find_class(clt_corpus_builder *builder, const char *label, size_t bytes,
                             int32_t *number, clt_error *error)
{
    static const char prefix[] = CLT_LABEL_PREFIX;
    const size_t prefix_bytes = sizeof prefix - 1;
    bool found;
    clt_trim(&label, &bytes);
    if (bytes >= prefix_bytes && memcmp(label, prefix, prefix_bytes) == 0) {
        label += prefix_bytes;
        bytes -= prefix_bytes;
        clt_trim(&label, &bytes);
    }
    if (bytes == 0) {
        return clt_fail(error, CLT_INPUT, 0, "the label is empty");
    }
    if (bytes > CLT_CLASS_BYTES_MAX) {
        return clt_fail(error, CLT_INPUT, 0, "a label of %zu bytes: more than %d", bytes,
                        CLT_CLASS_BYTES_MAX);
    }
    for (size_t k = 0; k < bytes; k++) {
        /* one that no line of an answer could hold */
        if ((unsigned char)label[k] < 0x20 || label[k] == 0x7f) {
            return clt_fail(error, CLT_INPUT, 0, "a label with the control character 0x%02x",
                            (unsigned)label[k]);
        }
    }
    int32_t place = search_class(builder, label, bytes, &found);
    if (!found) {
        clt_status status = add_class(builder, place, label, bytes, error);
        if (status != CLT_OK) {
            return status;
        }
    }
    *number = builder->classes[place].number;
    return CLT_OK;
}

static clt_status grow_samples(clt_corpus_builder *builder, size_t line, clt_error *error)
{
    clt_corpus *corpus = builder->corpus;
    clt_status status = CLT_OK;
    size_t room = builder->room + builder->room / 2 + 1024;
    if (corpus->count < builder->room) {
        return CLT_OK;
    }
    if (corpus->count >= UINT32_MAX) { /* orders of samples have 32 bits */
        return clt_fail(error, CLT_INPUT, 0, "more than %zu samples", corpus->count);
    }
    CLT_TRY(clt_resize((void **)&corpus->offsets, room + 1, sizeof *corpus->offsets,
                       "offsets of texts", error));
    if (!builder->options->unlabelled) {
        CLT_TRY(
            clt_resize((void **)&corpus->labels, room, sizeof *corpus->labels, "labels", error));
    }
    if (line > 0) {
        CLT_TRY(clt_resize((void **)&corpus->lines, room, sizeof *corpus->lines, "line numbers",
                           error));
    }
    if (corpus->count == 0) {
        corpus->offsets[0] = 0;
    }
    builder->room = room;
done:
    return status;
}

static clt_status grow_text(clt_corpus_builder *builder, size_t end, clt_error *error)
{
    if (builder->corpus->text != NULL && end <= builder->text_room) {
        return CLT_OK;
    }
    if (end > CLT_CORPUS_BYTES_MAX) {
        return clt_fail(error, CLT_FAILED, 0, "texts of more than %" PRIu64 " bytes",
                        CLT_CORPUS_BYTES_MAX);
    }
    size_t room = end + end / 2 + 4096;
    clt_status status = clt_resize((void **)&builder->corpus->text, room, 1, "texts", error);
    builder->text_room = status == CLT_OK ? room : builder->text_room;
    return status;
}

clt_status clt_corpus_add(clt_corpus_builder *builder, size_t line, const char *text, size_t bytes,
                          const char *label, size_t label_bytes, clt_error *error)
{
    clt_corpus *corpus = builder->corpus;
    clt_status status = CLT_OK;
    CLT_TRY(grow_samples(builder, line, error));
    size_t k = corpus->count, begin = corpus->offsets[k];
    CLT_TRY(grow_text(builder, begin + bytes, error));
    if (!builder->options->unlabelled) {
        /* before the text moves, perhaps over the label */
        CLT_TRY(find_class(builder, label, label_bytes, &corpus->labels[k], error));
    }
    if (line > 0) {
        corpus->lines[k] = line;
    }
    memmove(corpus->text + begin, text, bytes);
    corpus->offsets[k + 1] = begin + bytes;
    corpus->count++;
done:
    return status;
}

clt_status clt_corpus_bad_row(clt_corpus_builder *builder, size_t line, clt_status status,
                              clt_error *error)
{
    if (status == CLT_OK) {
        return CLT_OK;
    }
    if (status == CLT_INPUT) {
        clt_error_prefix(&builder->bad, "line %zu", line);
    }
    if (status != CLT_INPUT || !builder->options->skip_bad_rows) {
        if (error != NULL) {
            *error = builder->bad;
        }
        return status;
    }
    clt_corpus *corpus = builder->corpus;
    if (corpus->bad_rows == 0) {
        builder->first_bad = builder->bad;
    }
    if (corpus->bad_rows < CLT_BAD_LINES) {
        corpus->bad_lines[corpus->bad_rows] = line;
    }
    corpus->bad_rows++;
    return CLT_OK;
}

/* Numbers the classes in byte order. */
static clt_status order_classes(clt_corpus_builder *builder, clt_error *error)
{
    clt_corpus *corpus = builder->corpus;
    size_t count = (size_t)corpus->class_count;
    int32_t *places = clt_alloc(count, sizeof *places, "classes", error);
    corpus->classes = clt_alloc(count, sizeof *corpus->classes, "classes", error);
    if (places == NULL || corpus->classes == NULL) {
        free(places);
        return CLT_FAILED;
    }
    for (size_t k = 0; k < count; k++) {
        places[builder->classes[k].number] = (int32_t)k;
        corpus->classes[k] = builder->classes[k].name;
        builder->classes[k].name = NULL;
    }
    for (size_t k = 0; k < corpus->count; k++) {
        corpus->labels[k] = places[corpus->labels[k]];
    }
    free(places);
    return CLT_OK;
}

/* Gives back what was more room than needed. */
static clt_status shrink(clt_corpus *corpus, clt_error *error)
{
    clt_status status = CLT_OK;
    size_t count = corpus->count;
    CLT_TRY(clt_resize((void **)&corpus->text, corpus->offsets[count], 1, "texts", error));
    CLT_TRY(clt_resize((void **)&corpus->offsets, count + 1, sizeof *corpus->offsets,
                       "offsets of texts", error));
    if (corpus->labels != NULL) {
        CLT_TRY(
            clt_resize((void **)&corpus->labels, count, sizeof *corpus->labels, "labels", error));
    }
    if (corpus->lines != NULL) {
        CLT_TRY(clt_resize((void **)&corpus->lines, count, sizeof *corpus->lines, "line numbers",
                           error));
    }
done:
    return status;
}

clt_status clt_corpus_finish(clt_corpus_builder *builder, clt_corpus **corpus, clt_error *error)
{
    clt_corpus *made = builder->corpus;
    clt_status status = CLT_OK;
    if (made->count == 0) {
        status = made->bad_rows == 0
                     ? clt_fail(error, CLT_INPUT, 0, "no samples")
                     : clt_fail(error, CLT_INPUT, 0, "no samples: %zu bad rows, the first: %s",
                                made->bad_rows, builder->first_bad.message);
        goto done;
    }
    CLT_TRY(shrink(made, error));
    if (made->labels != NULL) {
        CLT_TRY(order_classes(builder, error));
    }
    *corpus = made;
    builder->corpus = NULL;
done:
    clt_corpus_abandon(builder);
    return status;
}

void clt_corpus_abandon(clt_corpus_builder *builder)
{
    int32_t count = builder->corpus != NULL ? builder->corpus->class_count : 0;
    for (int32_t k = 0; k < count; k++) {
        free(builder->classes[k].name);
    }
    free(builder->classes);
    clt_corpus_free(builder->corpus);
    *builder = (clt_corpus_builder){0};
}
