/* text.c: texts as ids, numbered as datasets/imdb.py does. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/vocabulary.h"
#include "data/words.h"
#include "util/memory.h"

clt_status clt_text_split(const char *text, size_t bytes, char **words, size_t *count,
                          clt_error *error)
{
    clt_words walk = {0};
    clt_status status;
    void *made = NULL;
    size_t used = 0, room = 0, length;
    *count = 0;
    CLT_TRY(clt_words_begin(&walk, text, bytes, error));
    while (clt_words_next(&walk, &length)) {
        if (used + length + 1 > room) {
            room = 2 * room + length + 1;
            CLT_TRY(clt_resize(&made, room, 1, "words of a text", error));
        }
        memcpy((char *)made + used, walk.word, length);
        used += length;
        ((char *)made)[used++] = '\0';
        ++*count;
    }
    *words = made;
    made = NULL;
done:
    clt_words_end(&walk);
    free(made);
    return status;
}

/* The ids of a text of that many bytes, at most: its words and start_char. */
static size_t ids_most(size_t bytes)
{
    return bytes / 2 + 2;
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

/* Writes the ids of the text that `words` has begun; returns how many. */
static size_t write_ids(clt_words *words, const clt_vocabulary *vocabulary,
                        const clt_reading *reading, int32_t *ids)
{
    size_t count = 0, length;
    if (reading->start_char >= 0) {
        int32_t num_words = reading->num_words > 0 ? reading->num_words : INT32_MAX;
        ids[0] = clt_reading_keep(reading, num_words, reading->start_char);
        count += ids[0] >= 0;
    }
    while (clt_words_next(words, &length)) {
        int32_t id = id_of_rank(reading, clt_vocabulary_rank(vocabulary, words->word, length));
        if (id >= 0) {
            ids[count++] = id;
        }
    }
    return count;
}

clt_status clt_vocabulary_encode(const clt_vocabulary *vocabulary, const clt_reading *reading,
                                 const char *text, size_t bytes, int32_t **ids, size_t *count,
                                 clt_error *error)
{
    clt_words words = {0};
    clt_status status = CLT_OK;
    CLT_TRY(clt_reading_check(reading, error));
    CLT_TRY(clt_words_begin(&words, text, bytes, error));
    *ids = clt_alloc(ids_most(bytes), sizeof **ids, "ids of a text", error);
    if (*ids == NULL) {
        status = CLT_FAILED;
        goto done;
    }
    *count = write_ids(&words, vocabulary, reading, *ids);
done:
    clt_words_end(&words);
    return status;
}

/* The ids of every text, into `made`, whose offsets they set. */
static clt_status encode_texts(const clt_corpus *corpus, const clt_vocabulary *vocabulary,
                               const clt_reading *reading, clt_dataset *made, clt_error *error)
{
    clt_status status = CLT_OK;
    clt_words words = {0};
    void *ids = made->ids;
    size_t used = 0, room = 0;
    for (size_t k = 0; k < corpus->count; k++) {
        const char *text = corpus->text + corpus->offsets[k];
        size_t bytes = corpus->offsets[k + 1] - corpus->offsets[k], wanted;
        if (!clt_add(used, ids_most(bytes), &wanted)) {
            status = clt_fail_memory(error, bytes, "token ids");
            goto done;
        }
        if (wanted > room) {
            room = wanted + wanted / 2;
            CLT_TRY(clt_resize(&ids, room, sizeof *made->ids, "token ids", error));
            made->ids = ids;
        }
        CLT_TRY(clt_words_begin(&words, text, bytes, error));
        used += write_ids(&words, vocabulary, reading, made->ids + used);
        made->offsets[k + 1] = used;
    }
    CLT_TRY(clt_resize(&ids, used, sizeof *made->ids, "token ids", error));
    made->ids = ids;
done:
    clt_words_end(&words);
    return status;
}

clt_status clt_corpus_encode(const clt_corpus *corpus, const clt_vocabulary *vocabulary,
                             const clt_reading *reading, clt_dataset **dataset, clt_error *error)
{
    static const clt_reading defaults = CLT_READING_DEFAULT;
    clt_dataset *made = NULL;
    clt_status status = CLT_OK;
    reading = reading != NULL ? reading : &defaults;
    CLT_TRY(clt_reading_check(reading, error));
    int32_t num_words;
    CLT_TRY(clt_reading_all(reading, vocabulary->count, &num_words, error));
    if (reading->num_words > 0 && reading->num_words < num_words) {
        num_words = reading->num_words;
    }
    CLT_TRY(clt_dataset_create(corpus->count, 0, &made, error));
    CLT_TRY(encode_texts(corpus, vocabulary, reading, made, error));
    made->num_words = clt_reading_bound(reading, num_words);
    made->class_count = corpus->class_count;
    if (corpus->labels != NULL) {
        memcpy(made->labels, corpus->labels, corpus->count * sizeof *made->labels);
    } else {
        free(made->labels);
        made->labels = NULL;
    }
    *dataset = made;
    made = NULL;
done:
    clt_dataset_free(made);
    return status;
}
