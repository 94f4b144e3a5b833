/* kernels.h: kernels that exist only for a test, built as the library builds its own. */
#ifndef CLT_TESTS_KERNELS_H
#define CLT_TESTS_KERNELS_H

/* Writes NAME.cl into a temporary folder beside a copy of cl/common.cl and points CLT_KERNEL_DIR
 * there, so that clt_program_build finds it. */
void clt_test_put_kernel(const char *name, const char *text);

/* That folder; made when it is first asked for. */
const char *clt_test_kernel_folder(void);

/* Group teardown: removes the folder. */
int clt_test_remove_kernels(void **state);

#endif
