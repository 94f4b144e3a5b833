/* Trains the tutorial's network on Keras's imdb.npz and says what it makes of five test reviews. */
#include <cltrain/cltrain.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    clt_reading reading = CLT_READING_DEFAULT;
    clt_trainer_config config = CLT_TRAINER_CONFIG_DEFAULT;
    clt_dataset *train = NULL, *test = NULL, some;
    clt_runtime *runtime = NULL;
    clt_model *model = NULL;
    clt_trainer *trainer = NULL;
    clt_error error;
    float probability[5][2]; /* of label 0 and 1 */

    if (argc != 2) {
        fprintf(stderr, "usage: %s IMDB.NPZ\n", argv[0]);
        return CLT_USAGE;
    }
    config.epochs = 2;
    clt_status status = clt_dataset_open_npz(argv[1], &reading, 0, 113, &train, &test, &error);
    if (status == CLT_OK && (status = clt_runtime_create(NULL, &runtime, &error)) == CLT_OK &&
        (status = clt_model_create(CLT_MODEL_DEFAULT, &reading, 1, &model, &error)) == CLT_OK &&
        (status = clt_trainer_create(model, runtime, &config, &trainer, &error)) == CLT_OK &&
        (status = clt_trainer_fit(trainer, train, test, &error)) == CLT_OK) {
        some = *test;
        some.count = test->count < 5 ? test->count : 5;
        status = clt_model_predict(model, runtime, &some, 128, probability[0], &error);
        for (size_t k = 0; status == CLT_OK && k < some.count; k++) {
            printf("review %zu: %.3f (label %d)\n", k, probability[k][1], (int)some.labels[k]);
        }
    }
    if (status != CLT_OK) {
        fprintf(stderr, "%s\n", error.message);
    }
    clt_trainer_destroy(trainer);
    clt_model_free(model);
    clt_runtime_destroy(runtime);
    clt_dataset_free(train);
    clt_dataset_free(test);
    return status;
}
