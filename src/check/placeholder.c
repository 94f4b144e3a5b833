/* check */
typedef int clt_check_placeholder;
