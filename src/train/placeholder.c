/* train */
typedef int clt_train_placeholder;
