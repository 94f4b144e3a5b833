/* data */
typedef int clt_data_placeholder;
