/* clt_dataset_open_npz against Keras's imdb.load_data on one small file, argument by argument:
 * sample k here is sample k there. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "cltrain/dataset.h"
#include "data/safetensors.h"

#define FIXTURES CLT_SOURCE_DIR "/tests/golden/fixtures/"
#define SAMPLES 20 /* of each part, as far as the file goes */

static clt_safetensors file;

static const void *find(const char *group, const char *part, const char *what, size_t *count)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%s%s", group, part, what);
    const clt_stored_tensor *stored = clt_safetensors_find(&file, name);
    if (stored == NULL) {
        fail_msg("fixture without %s", name);
    }
    *count = (size_t)stored->shape[0];
    return stored->data;
}

static void assert_part(const char *group, const char *part, const clt_dataset *dataset)
{
    size_t one, ends, ids, labels;
    const int32_t *keras_count = find(group, part, ".count", &one);
    const int64_t *keras_offsets = find(group, part, ".offsets", &ends);
    const int32_t *keras_ids = find(group, part, ".ids", &ids);
    const int32_t *keras_labels = find(group, part, ".labels", &labels);
    assert_int_equal(dataset->count, *keras_count);
    assert_int_equal(labels, *keras_count < SAMPLES ? *keras_count : SAMPLES);
    assert_int_equal(ends, labels + 1);
    for (size_t k = 0; k < labels; k++) {
        size_t first = dataset->offsets[k], length = dataset->offsets[k + 1] - first;
        assert_int_equal(dataset->labels[k], keras_labels[k]);
        assert_int_equal(length, keras_offsets[k + 1] - keras_offsets[k]);
        assert_memory_equal(dataset->ids + first, keras_ids + keras_offsets[k],
                            length * sizeof(int32_t));
    }
    assert_int_equal(keras_offsets[labels], ids);
}

static void test_arguments(void **state)
{
    const char *group = *state;
    size_t count;
    clt_error error;
    clt_dataset *train, *test;
    clt_reading reading = CLT_READING_DEFAULT;
    const int32_t *arguments = find(group, "", "arguments", &count);
    assert_int_equal(count, 7);
    reading.num_words = arguments[0];
    reading.skip_top = arguments[1];
    reading.start_char = arguments[4];
    reading.oov_char = arguments[5];
    reading.index_from = arguments[6];
    assert_ok(clt_dataset_open_npz(FIXTURES "reviews.npz", &reading, arguments[2],
                                   (uint32_t)arguments[3], &train, &test, &error));
    assert_part(group, "train", train);
    assert_part(group, "test", test);
    clt_dataset_free(train);
    clt_dataset_free(test);
}

static int open_fixture(void **state)
{
    (void)state;
    clt_error error;
    if (clt_safetensors_open(FIXTURES "load_data.safetensors", &file, &error) != CLT_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    clt_safetensors_close(&file);
    return 0;
}

int main(void)
{
#define CASE(name)                                                                                 \
    {                                                                                              \
        name, test_arguments, NULL, NULL, (void *)(uintptr_t)name                                  \
    }
    const struct CMUnitTest tests[] = {CASE("defaults"), CASE("num_words"), CASE("skip_top"),
                                       CASE("maxlen"),   CASE("seed"),      CASE("no_start"),
                                       CASE("no_oov"),   CASE("index_from")};
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
