#include "support/kernels.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/test.h"

static char folder[] = "/tmp/clt_test_XXXXXX";
static int made;

const char *clt_test_kernel_folder(void)
{
    if (!made) {
        assert_non_null(mkdtemp(folder));
        made = 1;
    }
    return folder;
}

void clt_test_put_kernel(const char *name, const char *text)
{
    char path[128], command[512];
    snprintf(command, sizeof command, "cp '%s/cl/common.cl' %s", CLT_SOURCE_DIR,
             clt_test_kernel_folder());
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/%s.cl", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    setenv("CLT_KERNEL_DIR", folder, 1);
}

int clt_test_remove_kernels(void **state)
{
    (void)state;
    char command[64];
    unsetenv("CLT_KERNEL_DIR");
    snprintf(command, sizeof command, "rm -r %s", folder);
    return made ? system(command) : 0;
}
