/* sources.h: the kernel files embedded into the library by tools/cmake/embed_kernels.cmake. */
#ifndef CLT_RUNTIME_SOURCES_H
#define CLT_RUNTIME_SOURCES_H

typedef struct clt_kernel_source {
    const char *name; /* "lstm_rows.cl" */
    const char *text; /* terminated */
} clt_kernel_source;

extern const clt_kernel_source clt_kernel_sources[]; /* ends with a NULL name */

#endif
