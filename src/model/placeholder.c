/* model */
typedef int clt_model_placeholder;
