/* The verbs that only look: devices, summary, data, selftest; and where stdout goes. */
#include "support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/program.h"

/* Printed by Keras 3.15's model.summary() for the tutorial's network in 80 columns. */
static const char KERAS_SUMMARY[] =
    "Model: \"sequential\"\n"
    "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n"
    "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"
    "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩\n"
    "│ embedding (Embedding)           │ (None, 100, 128)       │     2,560,000 │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ lstm (LSTM)                     │ (None, 60)             │        45,360 │\n"
    "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
    "│ dense (Dense)                   │ (None, 1)              │            61 │\n"
    "└─────────────────────────────────┴────────────────────────┴───────────────┘\n"
    " Total params: 2,605,421 (9.94 MB)\n"
    " Trainable params: 2,605,421 (9.94 MB)\n"
    " Non-trainable params: 0 (0.00 B)\n";

static void summary_is_keras_s(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "env COLUMNS=80 cltrain summary");
    assert_string_equal(run.out, KERAS_SUMMARY);
    assert_string_equal(run.err, "");
    clt_run_free(&run);
}

static void summary_follows_the_terminal(void **state)
{
    static const struct {
        int columns;
        const char *rule; /* the beginning of the first line of Keras's table, up to its corner */
    } cases[] = {
        {64, "┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓\n"},
        {100, "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━"
              "━━━┓\n"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        clt_run run;
        clt_run_command(&run, 0, "env COLUMNS=%d cltrain summary", cases[k].columns);
        assert_contains(run.out, cases[k].rule);
        clt_run_free(&run);
    }
}

static void summary_names_layers_as_keras(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0,
                    "env COLUMNS=80 cltrain summary --num-words 200 --maxlen 12 --model "
                    "embedding:4,lstm:3:sequence,lstm:3,dropout:0.5,dense:1");
    assert_contains(run.out, "│ embedding (Embedding)           │ (None, 12, 4) ");
    assert_contains(run.out, "│ lstm (LSTM)                     │ (None, 12, 3) ");
    assert_contains(run.out, "│ lstm_1 (LSTM)                   │ (None, 3)              │        "
                             "    84 │\n");
    assert_contains(run.out, "│ dropout (Dropout)               │ (None, 3)              │        "
                             "     0 │\n");
    assert_contains(run.out, " Total params: 984 (3.84 KB)\n");
    clt_run_free(&run);
}

static void colours_only_on_a_terminal(void **state)
{
    clt_run pipe, terminal, plain;

    (void)state;
    clt_run_command(&pipe, 0, "cltrain summary");
    clt_run_on_terminal(&terminal, 0, "cltrain summary");
    clt_run_on_terminal(&plain, 0, "env NO_COLOR=1 cltrain summary");
    assert_lacks(pipe.out, "\033");
    assert_contains(terminal.out, "embedding (\033[38;5;33mEmbedding\033[0m)");
    assert_lacks(plain.out, "\033");
    clt_run_free(&pipe);
    clt_run_free(&terminal);
    clt_run_free(&plain);
}

static void devices_lists_and_marks_one(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "env -u CLTRAIN_DEVICE cltrain devices");
    assert_string_equal(run.err, "");
    assert_contains(run.out, "P:D");
    assert_contains(run.out, "\n* ");
    clt_run_free(&run);
}

static void devices_as_json(void **state)
{
    clt_run run;
    json_error_t error;
    int defaults = 0;

    (void)state;
    clt_run_command(&run, 0, "env -u CLTRAIN_DEVICE cltrain devices --json");
    json_t *list = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(list);
    assert_true(json_is_array(list));
    assert_true(json_array_size(list) > 0);
    for (size_t k = 0; k < json_array_size(list); k++) {
        json_t *row = json_array_get(list, k);
        assert_true(json_is_string(json_object_get(row, "name")));
        assert_true(json_is_string(json_object_get(row, "id")));
        assert_true(json_is_boolean(json_object_get(row, "usable")));
        assert_true(json_integer_value(json_object_get(row, "compute_units")) > 0);
        defaults += json_is_true(json_object_get(row, "default"));
    }
    assert_int_equal(defaults, 1);
    json_decref(list);
    clt_run_free(&run);
}

static void without_a_platform(void **state)
{
    clt_run run;

    (void)state;
    assert_refused("env OCL_ICD_VENDORS=/nonexistent cltrain devices", 3, "install");
    clt_run_command(&run, 3, "env OCL_ICD_VENDORS=/nonexistent cltrain devices --json");
    assert_string_equal(run.out, "[]\n");
    assert_int_equal(clt_count_lines(run.err), 1);
    clt_run_free(&run);
}

static void data_counts_and_shows(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain data demo:40 --num-words 500 --maxlen 12 --show 2");
    assert_string_equal(run.err, "");
    assert_contains(run.out, "demo:40: synthetic reviews");
    assert_contains(run.out, "Reviews                      40             40\n");
    assert_contains(run.out, "Padded shape           (40, 12)       (40, 12)\n");
    assert_contains(run.out, "\nReview 0: ");
    assert_contains(run.out, "\nReview 1: ");
    assert_lacks(run.out, "\nReview 2: ");
    clt_run_free(&run);
}

/* tests/golden/fixtures/reviews.npz is small and in Keras's form. */
static void data_reads_npz_and_words(void **state)
{
    clt_run run;

    (void)state;
    clt_run_command(&run, 0, "cltrain data '%s/tests/golden/fixtures/reviews.npz' --show 1",
                    CLT_SOURCE_DIR);
    assert_contains(run.out, "words not known");
    assert_contains(run.out, "\n  0 "); /* what the labels mean is not known */
    assert_contains(run.out, "\nReview 0: ");
    clt_run_free(&run);

    clt_run_command(&run, 0,
                    "cp '%s/tests/golden/fixtures/reviews.npz' . && "
                    "echo '{\"the\": 1, \"film\": 2}' > imdb_word_index.json",
                    CLT_SOURCE_DIR);
    clt_run_free(&run);
    clt_run_command(&run, 0, "cltrain data reviews.npz --show 1");
    assert_contains(run.out, "words ./imdb_word_index.json");
    clt_run_free(&run);
    assert_refused("cltrain data reviews.npz --word-index nosuch.json", 5, "nosuch.json");
}

static void inputs_that_cannot_be_read(void **state)
{
    clt_run run;

    (void)state;
    assert_refused("cltrain data nosuch.npz", 5, "nosuch.npz", "No such file");
    assert_refused("cltrain fit --data nosuch.npz", 5, "nosuch.npz");
    assert_refused("cltrain data .", 5, ".");
    assert_refused("cltrain evaluate nosuch.safetensors --data demo:8", 5, "nosuch.safetensors");
    assert_refused("cltrain predict nosuch.safetensors hello", 5, "nosuch.safetensors");
    assert_refused("cltrain summary nosuch.safetensors", 5, "nosuch.safetensors");
    clt_run_command(&run, 0,
                    "head -c 300 '%s/tests/golden/fixtures/reviews.npz' > short.npz && "
                    "echo hello > text.npz && : > empty.npz && echo '{' > broken.json && "
                    "printf 'notamodel' > bad.safetensors",
                    CLT_SOURCE_DIR);
    clt_run_free(&run);
    assert_refused("cltrain data short.npz", 5, "short.npz");
    assert_refused("cltrain data text.npz", 5, "text.npz");
    assert_refused("cltrain data empty.npz", 5, "empty.npz");
    assert_refused("cltrain predict bad.safetensors hello", 5, "bad.safetensors");
    assert_refused("cltrain fit --data demo:8 --init bad.safetensors", 5, "bad.safetensors");
}

static void a_full_or_closed_stdout_is_an_error(void **state)
{
    static const char *const commands[] = {"cltrain --version",      "cltrain help fit",
                                           "cltrain summary",        "cltrain devices",
                                           "cltrain devices --json", "cltrain data demo:8"};
    clt_run run;

    (void)state;
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++) {
        clt_run_command(&run, 1, "%s > /dev/full", commands[k]);
        assert_string_equal(run.err, "cltrain: cannot write to standard output: No space left on "
                                     "device\n");
        clt_run_free(&run);
    }
    clt_run_command(&run, 0, "sh -c '(cltrain data demo:2000 --show 2000; echo $? >&2) | :'");
    assert_contains(run.err, "cltrain: cannot write to standard output: Broken pipe\n1\n");
    clt_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summary_is_keras_s),
        cmocka_unit_test(summary_follows_the_terminal),
        cmocka_unit_test(summary_names_layers_as_keras),
        cmocka_unit_test(colours_only_on_a_terminal),
        cmocka_unit_test(devices_lists_and_marks_one),
        cmocka_unit_test(devices_as_json),
        cmocka_unit_test(without_a_platform),
        cmocka_unit_test(data_counts_and_shows),
        cmocka_unit_test(data_reads_npz_and_words),
        cmocka_unit_test(inputs_that_cannot_be_read),
        cmocka_unit_test(a_full_or_closed_stdout_is_an_error),
    };
    return cmocka_run_group_tests(tests, clt_enter_folder, clt_leave_folder);
}
