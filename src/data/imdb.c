/* imdb.c: keras.datasets.imdb.load_data (keras/src/datasets/imdb.py) on a file that is not trusted.
 * The order of its steps decides every id: shuffle, start_char and index_from, drop_length, then
 * num_words and skip_top. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/npy.h"
#include "data/pickle.h"
#include "data/random_state.h"
#include "data/zip.h"
#include "util/memory.h"

/* What is kept in memory, whatever the file claims: 85 times IMDB's samples, 5 times its ids. */
enum { SAMPLES_MAX = 1 << 22, IDS_MAX = 1 << 26 };

enum { TRAIN, TEST, PARTS };

static const char *const sample_members[PARTS] = {"x_train.npy", "x_test.npy"};
static const char *const label_members[PARTS] = {"y_train.npy", "y_test.npy"};

/* One half of the file, as it stands there. */
typedef struct part {
    clt_pickle_lists samples; /* raw ranks */
    int32_t *labels;
    size_t label_count;
    bool has_samples, has_labels;
    uint32_t *order; /* [samples.count] after the shuffle */
} part;

typedef struct options {
    clt_reading reading;
    int32_t num_words; /* reading's, or the one that stands for its 0 */
    int32_t drop_length;
} options;

static void free_part(part *p)
{
    clt_pickle_lists_free(&p->samples);
    free(p->labels);
    free(p->order);
    *p = (part){0};
}

static clt_status read_samples(clt_stream *stream, size_t id_limit, part *p, clt_error *error)
{
    clt_npy_header header;
    clt_status status = CLT_OK;
    CLT_TRY(clt_npy_read_header(stream, &header, error));
    if (header.kind != 'O') {
        status = clt_fail(error, CLT_INPUT, 0,
                          "an array of numbers; save the reviews as an object array of lists");
        goto done;
    }
    if (header.count > SAMPLES_MAX) {
        status = clt_fail(error, CLT_INPUT, 0, "%" PRIu64 " samples, the limit is %d", header.count,
                          SAMPLES_MAX);
        goto done;
    }
    CLT_TRY(clt_pickle_read_lists(stream, (size_t)header.count, id_limit, &p->samples, error));
    p->has_samples = true;
done:
    return status;
}

static size_t id_count(const part *p)
{
    return p->has_samples ? p->samples.offsets[p->samples.count] : 0;
}

/* The current member, when it is one of the four. */
static clt_status read_member(clt_zip *zip, const char *name, part parts[PARTS], clt_error *error)
{
    clt_stream stream;
    for (int k = 0; k < PARTS; k++) {
        bool is_samples = strcmp(name, sample_members[k]) == 0;
        bool is_labels = strcmp(name, label_members[k]) == 0;
        if ((!is_samples || parts[k].has_samples) && (!is_labels || parts[k].has_labels)) {
            continue;
        }
        clt_status status = clt_zip_read(zip, &stream, error);
        if (status == CLT_OK && is_samples) {
            size_t kept = id_count(&parts[TRAIN]) + id_count(&parts[TEST]);
            status = read_samples(&stream, IDS_MAX - kept, &parts[k], error);
        } else if (status == CLT_OK) {
            status = clt_npy_read_labels(&stream, SAMPLES_MAX, &parts[k].labels,
                                         &parts[k].label_count, error);
            parts[k].has_labels = status == CLT_OK;
        }
        if (status != CLT_OK) {
            clt_error_prefix(error, "member %s", name);
        }
        return status;
    }
    return CLT_OK;
}

static clt_status read_parts(clt_zip *zip, part parts[PARTS], clt_error *error)
{
    const char *name;
    clt_status status = CLT_OK;
    for (;;) {
        CLT_TRY(clt_zip_next(zip, &name, error));
        if (name == NULL) {
            break;
        }
        CLT_TRY(read_member(zip, name, parts, error));
    }
    for (int k = 0; k < PARTS; k++) {
        const part *p = &parts[k];
        if (!p->has_samples || !p->has_labels) {
            return clt_fail(error, CLT_INPUT, 0, "no member %s",
                            p->has_samples ? label_members[k] : sample_members[k]);
        }
        if (p->samples.count != p->label_count) {
            return clt_fail(error, CLT_INPUT, 0, "%zu samples in %s, %zu labels in %s",
                            p->samples.count, sample_members[k], p->label_count, label_members[k]);
        }
        if (p->label_count == 0) {
            return clt_fail(error, CLT_INPUT, 0, "member %s: no samples", sample_members[k]);
        }
    }
done:
    return status;
}

static clt_status shuffle(clt_random_state *random, part *p, clt_error *error)
{
    p->order = clt_alloc(p->samples.count, sizeof *p->order, "an order of samples", error);
    if (p->order == NULL) {
        return CLT_FAILED;
    }
    for (size_t k = 0; k < p->samples.count; k++) {
        p->order[k] = (uint32_t)k;
    }
    clt_random_state_shuffle(random, p->order, p->samples.count);
    return CLT_OK;
}

/* Ids of a sample with its start_char, before num_words can leave any out. */
static size_t full_length(const options *o, const part *p, size_t sample)
{
    size_t raw = p->samples.offsets[sample + 1] - p->samples.offsets[sample];
    return raw + (o->reading.start_char >= 0 ? 1 : 0);
}

static bool is_dropped(const options *o, const part *p, size_t sample)
{
    return o->drop_length > 0 && full_length(o, p, sample) >= (size_t)o->drop_length;
}

/* The largest id, index_from added, of the samples that are not dropped: what Keras takes for
 * num_words=None. */
static int32_t largest_id(const options *o, const part *p)
{
    int32_t largest = 0;
    for (size_t k = 0; k < p->samples.count; k++) {
        if (is_dropped(o, p, k)) {
            continue;
        }
        if (o->reading.start_char > largest) {
            largest = o->reading.start_char;
        }
        for (size_t j = p->samples.offsets[k]; j < p->samples.offsets[k + 1]; j++) {
            int32_t id = p->samples.values[j] + o->reading.index_from;
            largest = id > largest ? id : largest;
        }
    }
    return largest;
}

static clt_status check_index_from(const options *o, const part *p, clt_error *error)
{
    for (size_t j = 0; j < id_count(p); j++) {
        if (p->samples.values[j] > INT32_MAX - o->reading.index_from) {
            return clt_fail(error, CLT_INPUT, 0, "rank %d with index_from %d is above %d",
                            p->samples.values[j], o->reading.index_from, INT32_MAX);
        }
    }
    return CLT_OK;
}

static clt_status make_dataset(const options *o, const part *p, clt_dataset **dataset,
                               clt_error *error)
{
    size_t count = 0, ids = 0;
    for (size_t k = 0; k < p->samples.count; k++) {
        if (!is_dropped(o, p, k)) {
            count++;
            ids += full_length(o, p, k);
        }
    }
    if (count == 0) {
        return clt_fail(error, CLT_USAGE, 0,
                        "every sample has %d ids or more, so that none is kept: drop fewer",
                        o->drop_length);
    }
    clt_status status = clt_dataset_create(count, ids, dataset, error);
    if (status != CLT_OK) {
        return status;
    }
    clt_dataset *made = *dataset;
    made->num_words = clt_reading_bound(&o->reading, o->num_words);
    made->class_count = 2;
    count = 0;
    ids = 0;
    for (size_t k = 0; k < p->samples.count; k++) {
        size_t sample = p->order[k];
        if (is_dropped(o, p, sample)) {
            continue;
        }
        if (o->reading.start_char >= 0) {
            int32_t id = clt_reading_keep(&o->reading, o->num_words, o->reading.start_char);
            if (id >= 0) {
                made->ids[ids++] = id;
            }
        }
        for (size_t j = p->samples.offsets[sample]; j < p->samples.offsets[sample + 1]; j++) {
            int32_t id = p->samples.values[j] + o->reading.index_from;
            id = clt_reading_keep(&o->reading, o->num_words, id);
            if (id >= 0) {
                made->ids[ids++] = id;
            }
        }
        made->labels[count++] = p->labels[sample];
        made->offsets[count] = ids;
    }
    return CLT_OK;
}

/* Both halves are always read and checked, because num_words=None needs the largest id of both. */
static clt_status load(clt_zip *zip, options *o, uint32_t seed, clt_dataset *made[PARTS],
                       clt_error *error)
{
    part parts[PARTS] = {0};
    clt_random_state random;
    clt_status status = CLT_OK;
    CLT_TRY(read_parts(zip, parts, error));
    clt_random_state_seed(&random, seed);
    for (int k = 0; k < PARTS; k++) {
        CLT_TRY(check_index_from(o, &parts[k], error));
        CLT_TRY(shuffle(&random, &parts[k], error));
    }
    if (o->num_words == 0) {
        int32_t train = largest_id(o, &parts[TRAIN]), test = largest_id(o, &parts[TEST]);
        o->num_words = train > test ? train : test;
    }
    for (int k = 0; k < PARTS; k++) {
        CLT_TRY(make_dataset(o, &parts[k], &made[k], error));
        free_part(&parts[k]);
    }
done:
    free_part(&parts[TRAIN]);
    free_part(&parts[TEST]);
    return status;
}

clt_status clt_dataset_open_npz(const char *path, const clt_reading *reading, int32_t drop_length,
                                uint32_t seed, clt_dataset **train, clt_dataset **test,
                                clt_error *error)
{
    options o = {.reading = CLT_READING_DEFAULT, .drop_length = drop_length};
    clt_dataset *made[PARTS] = {NULL};
    clt_zip *zip = NULL;
    clt_status status = CLT_OK;
    if (reading != NULL) {
        o.reading = *reading;
    }
    o.num_words = o.reading.num_words;
    CLT_TRY(clt_reading_check(&o.reading, error));
    if (drop_length < 0) {
        status =
            clt_fail(error, CLT_USAGE, 0, "drop_length is %d: give 0 (none) or more", drop_length);
        goto done;
    }
    CLT_TRY(clt_zip_open(path, &zip, error));
    status = load(zip, &o, seed, made, error);
    if (status == CLT_INPUT) {
        clt_error_prefix(error, "%s", path);
    }
    if (status != CLT_OK) {
        goto done;
    }
    if (train != NULL) {
        *train = made[TRAIN];
        made[TRAIN] = NULL;
    }
    if (test != NULL) {
        *test = made[TEST];
        made[TEST] = NULL;
    }
done:
    clt_zip_close(zip);
    clt_dataset_free(made[TRAIN]);
    clt_dataset_free(made[TEST]);
    return status;
}
