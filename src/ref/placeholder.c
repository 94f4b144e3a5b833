/* ref */
typedef int clt_ref_placeholder;
