/* A bench that is ended early leaves the runtime as its header says. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "cltrain/bench.h"
#include "model/model_private.h"
#include "runtime/runtime_private.h"
#include "support/runtime.h"

static int stop_before(void *user, const char *what)
{
    return strcmp(user, what) == 0;
}

static void test_profile_of_a_stopped_bench(void **state)
{
    (void)state;
    static const clt_reading reading = {200, 0, 1, 2, 3, 12, CLT_PRE, CLT_PRE};
    static const char *const moments[] = {"the first steps", "inference", "the device's peaks"};
    clt_dataset *train = NULL, *test = NULL;
    clt_error error;
    assert_ok(clt_dataset_open_demo(64, &reading, 1, &train, &test, NULL, &error));
    for (size_t k = 0; k < sizeof moments / sizeof *moments; k++) {
        char moment[32];
        const clt_profile_row *rows;
        size_t count = 1;
        clt_model *model = NULL;
        clt_bench *bench = NULL;
        snprintf(moment, sizeof moment, "%s", moments[k]);
        const clt_bench_config config = {16, stop_before, moment};
        assert_ok(clt_model_create("embedding:4,lstm:3,dense:1", &reading, 1, &model, &error));
        assert_ok(clt_runtime_set_profile(clt_test_runtime, true, &error));
        assert_fails(clt_bench_run(model, clt_test_runtime, &config, train, test, &bench, &error),
                     CLT_STOPPED, moments[k]);
        assert_null(bench);
        assert_ok(clt_runtime_profile(clt_test_runtime, &rows, &count, &error));
        assert_int_equal(count, 0);
        clt_model_free(model);
    }
    clt_dataset_free(train);
    clt_dataset_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_profile_of_a_stopped_bench)};
    return cmocka_run_group_tests(tests, clt_test_runtime_begin, clt_test_runtime_end);
}
