/* Gathers: rows of a table by id, and a row for every position. Copies, so the bits are equal. */
#include "ref/ref.h"
#include "support/device.h"

static void check_embedding(clt_test_device *device, int samples, int timesteps, int features)
{
    clt_error error;
    clt_embedding *op = NULL;
    const int vocabulary = 2 * samples * timesteps + 1;
    clt_test_batch batch = clt_test_batch_create(samples, timesteps, vocabulary, 1);
    size_t row = (size_t)features * sizeof(float), width = (size_t)features;
    size_t rows = (size_t)batch.row_count, positions = (size_t)batch.position_count;
    float *table = clt_test_normals(device, (size_t)vocabulary * width, 1.0, 2);
    float *want_rows = clt_test_alloc(device, rows * row);
    float *want_x = clt_test_alloc(device, positions * row);
    clt_ref_embedding_f32(table, features, batch.unique, batch.row_count, want_rows);
    clt_ref_expand_f32(want_rows, features, batch.index, batch.position_count, want_x);

    clt_buffer unique = clt_test_input(device, batch.unique, rows * sizeof(int32_t));
    clt_buffer in = clt_test_input(device, table, (size_t)vocabulary * row);
    clt_buffer out = clt_test_output(device, rows * row);
    clt_buffer x = clt_test_output(device, positions * row);
    assert_ok(clt_embedding_plan(device->runtime, features, &op, &error));
    assert_ok(clt_embedding_forward(op, in, unique, batch.row_count, out, &error));
    clt_sequence sequence = clt_test_sequence(device, &batch, features, want_rows, true);
    assert_ok(clt_embedding_expand(op, &sequence, x, &error));
    assert_memory_equal(clt_test_read(device, out), want_rows, rows * row);
    assert_memory_equal(clt_test_read(device, x), want_x, positions * row);
    clt_embedding_destroy(op);
    clt_test_batch_free(&batch);
}

static void test_embedding(void **state)
{
    const int shapes[][3] = {{1, 1, 1},   {1, 3, 3},    {3, 5, 13},  {5, 4, 16},
                             {13, 3, 17}, {13, 7, 300}, {40, 9, 128}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        check_embedding(*state, shapes[k][0], shapes[k][1], shapes[k][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {clt_device_test(test_embedding)};
    return cmocka_run_group_tests(tests, clt_test_device_open, clt_test_device_close);
}
