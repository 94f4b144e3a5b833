/* blas */
typedef int clt_blas_placeholder;
