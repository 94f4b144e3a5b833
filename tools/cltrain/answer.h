/* answer.h: what a model says of a text, printed as a line or as JSON. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "cltrain/cltrain.h"

/* How much leaving out a word moves the probability of the answer. */
typedef struct cli_word {
    const char *text; /* belongs to the explanation */
    bool known;
    double change;
} cli_word;

typedef struct cli_explanation {
    char *texts;     /* of the words */
    cli_word *words; /* [count]: those that the network reads */
    size_t count, unknown;
    cli_word *near; /* [near_count]: these, and the one that it reads without one of them */
    size_t near_count;
    size_t cut; /* ids that --maxlen leaves no room for */
} cli_explanation;

/* Leaves out each word of a text in turn.
 *
 * label        whose probability is looked at, `probability` with all words.
 * explanation  out; freed with cli_explanation_free. */
CLT_NODISCARD clt_status cli_explain(const clt_model *model, clt_runtime *runtime, const char *text,
                                     size_t bytes, int32_t label, double probability,
                                     cli_explanation *explanation, clt_error *error);
void cli_explanation_free(cli_explanation *explanation);

/* Prints one answer: `label<TAB>probability` of the `top` likeliest classes in one line, the words
 * of an explanation in lines of their own below it; or all of it as one line of JSON.
 *
 * probabilities  [classes of the model]
 * explanation    NULL: none. Errors: CLT_FAILED, no memory. */
CLT_NODISCARD clt_status cli_print_answer(const clt_model *model, const float *probabilities,
                                          int32_t top, bool json,
                                          const cli_explanation *explanation, clt_error *error);

/* The likeliest class, the first of several. */
int32_t cli_likeliest(const float *probabilities, int32_t count);

#endif
