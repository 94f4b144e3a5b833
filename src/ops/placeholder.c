/* ops */
typedef int clt_ops_placeholder;
