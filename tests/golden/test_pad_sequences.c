/* clt_pad_sequence against keras.utils.pad_sequences, every pair of sides. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "cltrain/dataset.h"
#include "data/safetensors.h"

static void test_sides(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        clt_side side;
    } sides[] = {{"pre", CLT_PRE}, {"post", CLT_POST}};
    static const int lengths[] = {1, 4, 12};
    clt_safetensors file;
    clt_error error;
    assert_ok(clt_safetensors_open(
        CLT_SOURCE_DIR "/tests/golden/fixtures/pad_sequences.safetensors", &file, &error));
    const clt_stored_tensor *offsets = clt_safetensors_find(&file, "offsets");
    const clt_stored_tensor *ids = clt_safetensors_find(&file, "ids");
    assert_non_null(offsets);
    assert_non_null(ids);
    const int64_t *from = offsets->data;
    size_t count = offsets->bytes / sizeof *from - 1;
    assert_true(count >= 6);

    for (size_t c = 0; c < 12; c++) {
        clt_reading reading = CLT_READING_DEFAULT;
        char name[32];
        reading.padding = sides[c & 1].side;
        reading.truncating = sides[c >> 1 & 1].side;
        reading.maxlen = lengths[c >> 2];
        snprintf(name, sizeof name, "%s/%s/%d", sides[c & 1].name, sides[c >> 1 & 1].name,
                 lengths[c >> 2]);
        const clt_stored_tensor *keras = clt_safetensors_find(&file, name);
        assert_non_null(keras);
        size_t bytes = (size_t)reading.maxlen * sizeof(int32_t);
        assert_int_equal(keras->bytes, count * bytes);
        for (size_t k = 0; k < count; k++) {
            int32_t padded[12];
            memset(padded, -1, sizeof padded);
            clt_pad_sequence(&reading, (const int32_t *)ids->data + from[k],
                             (size_t)(from[k + 1] - from[k]), padded);
            assert_memory_equal(padded, (const char *)keras->data + k * bytes, bytes);
        }
    }
    clt_safetensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
