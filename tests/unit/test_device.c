/* The device list, the choice of one, and what stands in PoCL's way. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/state.h"

static const clt_device machine[] = {
    {.platform = 0,
     .device = 0,
     .type = CLT_DEVICE_CPU,
     .usable = true,
     .name = "EPYC",
     .compute_units = 64,
     .clock_mhz = 3000},
    {.platform = 1,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .integrated = true,
     .name = "Iris Xe",
     .compute_units = 96,
     .clock_mhz = 1300},
    {.platform = 2,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .name = "Radeon RX 7600",
     .compute_units = 32,
     .clock_mhz = 2600},
    {.platform = 2,
     .device = 1,
     .type = CLT_DEVICE_GPU,
     .usable = true,
     .name = "Radeon RX 7900",
     .compute_units = 96,
     .clock_mhz = 2500},
    {.platform = 3,
     .device = 0,
     .type = CLT_DEVICE_GPU,
     .usable = false,
     .name = "GeForce",
     .reason = "it has no kernel compiler",
     .compute_units = 200,
     .clock_mhz = 3000},
};
enum { MACHINE = sizeof machine / sizeof *machine };

static void test_choose(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        size_t chosen;
    } good[] = {{"any", 3}, {"gpu", 3}, {"cpu", 0},  {"GPU", 3},
                {"0:0", 0}, {"2:0", 2}, {"iris", 1}, {"7600", 2}};
    clt_error error;
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        size_t chosen = 99;
        assert_ok(clt_device_choose(machine, MACHINE, good[k].spec, &chosen, &error));
        assert_int_equal(chosen, good[k].chosen);
    }
    static const struct {
        const char *spec, *part;
    } bad[] = {{"radeon", "matches several; choose from 2:0 Radeon RX 7600 (GPU), 2:1 Radeon"},
               {"nothing", "matches none; choose from 0:0 EPYC (CPU), 1:0"},
               {"9:9", "matches none"},
               {"2:0x", "matches none"},
               {"2:", "matches none"},
               {":0", "matches none"},
               {"99999999999:0", "matches none"},
               {"geforce", "3:0 GeForce is not usable: it has no kernel compiler"},
               {"3:0", "is not usable"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        size_t chosen;
        assert_fails(clt_device_choose(machine, MACHINE, bad[k].spec, &chosen, &error), CLT_DEVICE,
                     bad[k].part);
    }
    size_t chosen;
    assert_fails(clt_device_choose(machine, 0, "any", &chosen, &error), CLT_DEVICE,
                 "apt install pocl-opencl-icd");
    assert_fails(
        clt_device_choose(machine + 4, 1, "any", &chosen, &error), CLT_DEVICE,
        "no usable OpenCL device; there is: 3:0 GeForce (GPU, not usable: it has no kernel");
    assert_fails(clt_device_choose(machine, 1, "gpu", &chosen, &error), CLT_DEVICE,
                 "no usable gpu device; there is: 0:0 EPYC");
    setenv("CLTRAIN_DEVICE", "7600", 1);
    assert_ok(clt_device_choose(machine, MACHINE, NULL, &chosen, &error));
    assert_int_equal(chosen, 2);
    assert_ok(clt_device_choose(machine, MACHINE, "cpu", &chosen, &error));
    assert_int_equal(chosen, 0);
    unsetenv("CLTRAIN_DEVICE");
}

static void test_list(void **state)
{
    (void)state;
    clt_error error;
    clt_device *devices = NULL;
    size_t count = 0;
    assert_ok(clt_device_list(&devices, &count, &error));
    assert_true(count > 0);
    for (size_t k = 0; k < count; k++) {
        const clt_device *d = &devices[k];
        assert_true(d->platform >= 0 && d->device >= 0);
        assert_true(d->name[0] != 0 && d->platform_name[0] != 0);
        assert_true(d->usable == (d->reason[0] == 0));
        if (d->usable) {
            assert_true(d->compute_units > 0 && d->global_memory > 0 && d->max_work_group > 0);
            assert_true(d->max_allocation > 0 && d->max_allocation <= d->global_memory);
            char spec[32];
            size_t chosen = count;
            snprintf(spec, sizeof spec, "%d:%d", d->platform, d->device);
            assert_ok(clt_device_choose(devices, count, spec, &chosen, &error));
            assert_int_equal(chosen, k);
        }
    }
    clt_device_list_free(devices);
}

/* Environment variables set for one test, and put back after it. */
static const char *const changed[] = {"POCL_CACHE_DIR", "XDG_CACHE_HOME", "HOME",
                                      "POCL_KERNEL_CACHE"};
enum { CHANGED = sizeof changed / sizeof *changed };
static char *kept[CHANGED];

static int keep_environment(void **state)
{
    (void)state;
    for (int k = 0; k < CHANGED; k++) {
        const char *value = getenv(changed[k]);
        kept[k] = value != NULL ? strdup(value) : NULL;
        unsetenv(changed[k]);
    }
    return 0;
}

static int restore_environment(void **state)
{
    (void)state;
    for (int k = 0; k < CHANGED; k++) {
        if (kept[k] != NULL) {
            setenv(changed[k], kept[k], 1);
        } else {
            unsetenv(changed[k]);
        }
        free(kept[k]);
    }
    return 0;
}

/* Where PoCL would write, by each of its rules; what cannot be written is said with its path. */
static void test_pocl_cache(void **state)
{
    (void)state;
    char reason[256] = "", folder[] = "/tmp/clt_test_XXXXXX", path[128], longer[1100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a/b", folder);
    setenv("POCL_CACHE_DIR", path, 1);
    setenv("HOME", "/proc/nowhere", 1);
    assert_true(clt_pocl_cache_usable(reason, sizeof reason));
    assert_string_equal(reason, "");
    assert_int_equal(rmdir(path), 0); /* made, and left empty */
    snprintf(path, sizeof path, "%s/a", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);

    setenv("POCL_CACHE_DIR", "/dev/null", 1); /* not a folder */
    assert_false(clt_pocl_cache_usable(reason, sizeof reason));
    assert_non_null(strstr(reason, "/dev/null: Not a directory"));

    unsetenv("POCL_CACHE_DIR");
    assert_false(clt_pocl_cache_usable(reason, sizeof reason));
    assert_non_null(strstr(reason, "/proc/nowhere/.cache/pocl/kcache: No such file"));
    assert_non_null(strstr(reason, "set POCL_CACHE_DIR"));

    setenv("XDG_CACHE_HOME", "/proc/elsewhere", 1);
    setenv("POCL_KERNEL_CACHE", "0", 1);
    assert_false(clt_pocl_cache_usable(reason, sizeof reason));
    assert_non_null(strstr(reason, "/proc/elsewhere/pocl/uncached"));

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    setenv("XDG_CACHE_HOME", longer, 1);
    assert_false(clt_pocl_cache_usable(reason, sizeof reason));
    assert_non_null(strstr(reason, "File name too long"));

    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    unsetenv("POCL_KERNEL_CACHE");
    assert_true(clt_pocl_cache_usable(reason, sizeof reason)); /* /tmp/pocl/kcache */
}

/* Set and empty, PoCL fails an assertion in the first OpenCL call. */
static void test_pocl_unnamed(void **state)
{
    (void)state;
    clt_error error;
    clt_device *devices = NULL;
    size_t count;
    setenv("POCL_CACHE_DIR", "", 1);
    assert_fails(clt_device_list(&devices, &count, &error), CLT_DEVICE, "POCL_CACHE_DIR is empty");
}

/* A PoCL that cannot write is a row with a reason, and an error instead of an abort. */
static void test_pocl_unusable(void **state)
{
    (void)state;
    clt_error error;
    clt_device *devices = NULL;
    size_t count = 0, chosen;
    setenv("POCL_CACHE_DIR", "/proc/nowhere", 1);
    assert_ok(clt_device_list(&devices, &count, &error));
    for (size_t k = 0; k < count; k++) {
        if (clt_is_pocl(devices[k].platform_name)) {
            char spec[32];
            assert_false(devices[k].usable);
            snprintf(spec, sizeof spec, "%d:0", devices[k].platform);
            assert_fails(clt_device_choose(devices, count, spec, &chosen, &error), CLT_DEVICE,
                         "/proc/nowhere: No such file or directory; set POCL_CACHE_DIR");
        }
    }
    clt_device_list_free(devices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pocl_unnamed, keep_environment, restore_environment),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_list),
        cmocka_unit_test_setup_teardown(test_pocl_cache, keep_environment, restore_environment),
        cmocka_unit_test_setup_teardown(test_pocl_unusable, keep_environment, restore_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
