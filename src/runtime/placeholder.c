/* runtime */
typedef int clt_runtime_placeholder;
