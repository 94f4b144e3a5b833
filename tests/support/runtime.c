#include "support/runtime.h"

#include <stdlib.h>

#include "support/test.h"

clt_runtime *clt_test_runtime;

static void print_line(void *user, clt_log_level level, const char *line)
{
    (void)user;
    if (level == CLT_LOG_NOTE) {
        print_message("%s\n", line);
    }
}

int clt_test_runtime_open(clt_runtime **runtime)
{
    clt_error error;
    const char *spec = getenv("CLTRAIN_TEST_DEVICE");
    clt_runtime_config config = {.device = spec != NULL && spec[0] != '\0' ? spec : "cpu",
                                 .log = {print_line, NULL}};
    *runtime = NULL;
    if (clt_runtime_create(&config, runtime, &error) != CLT_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

int clt_test_runtime_begin(void **state)
{
    (void)state;
    return clt_test_runtime_open(&clt_test_runtime);
}

int clt_test_runtime_end(void **state)
{
    (void)state;
    clt_runtime_destroy(clt_test_runtime);
    return 0;
}
