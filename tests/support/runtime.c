#include "support/runtime.h"

#include <stdlib.h>

#include "support/test.h"

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
