/* vocab.c: `cltrain vocab`: the words that a model knows. */
#include <inttypes.h>
#include <stdio.h>

#include "names.h"
#include "output.h"
#include "source.h"
#include "verbs.h"

static int run(const cli_command *command)
{
    clt_model *model = NULL;
    clt_error error = {0};

    clt_status status = cli_model_open(command->operands[0], &model, &error);
    if (status != CLT_OK) {
        return cli_fail(command->verb, (int)status, "%s", error.message);
    }
    const clt_vocabulary *words = clt_model_vocabulary(model);
    const clt_reading *reading = clt_model_reading(model);
    if (words == NULL) {
        clt_model_free(model);
        return cli_fail(command->verb, CLT_INPUT,
                        "%.600s holds no words; train it again with --word-index",
                        command->operands[0]);
    }
    for (int32_t rank = 1; rank <= clt_vocabulary_size(words) && !cli_stdout_failed(); rank++) {
        const char *word = clt_vocabulary_word(words, reading, rank + reading->index_from);
        if (word != NULL) {
            printf("%" PRId32 "\t", rank + reading->index_from);
            cli_print_name(word);
            printf("\t%" PRId64 "\n", clt_vocabulary_count_of(words, rank));
        }
    }
    clt_model_free(model);
    return CLT_OK;
}

const cli_verb cli_vocab = {
    .name = "vocab",
    .bit = CLI_VOCAB,
    .operands = "MODEL",
    .least = 1,
    .most = 1,
    .purpose = "print the words that a model knows",
    .details =
        "MODEL is the model.safetensors that fit wrote. One `id<TAB>word<TAB>count` line each, "
        "by id; the\ncount is of the training texts, 0 where they were read as ids and nobody "
        "counted.",
    .run = run};
