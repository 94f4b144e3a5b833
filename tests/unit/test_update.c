/* How gradients become updates: clipping, weight decay and optimizers in training, the same bits in
 * every variant, and resumed. That they are Keras's is shown in tests/golden. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_private.h"
#include "support/checkpoint.h"
#include "support/program.h"

typedef struct update {
    clt_clipping clip;
    double weight_decay;
    clt_optimizer_kind optimizer;
    double momentum;
    bool nesterov;
} update;

/* Limits that most steps of the run exceed. */
static const update updates[] = {
    {{CLT_CLIP_VALUE, 0.003}, 0.0, CLT_ADAM, 0.0, false},
    {{CLT_CLIP_NORM, 0.02}, 0.0, CLT_ADAM, 0.0, false},
    {{CLT_CLIP_GLOBAL_NORM, 0.05}, 0.1, CLT_ADAM, 0.0, false},
    {{CLT_CLIP_NONE, 0.0}, 0.5, CLT_ADAM, 0.0, false},
    {{CLT_CLIP_NONE, 0.0}, 0.0, CLT_SGD, 0.0, false},
    {{CLT_CLIP_NONE, 0.0}, 0.0, CLT_SGD, 0.9, false},
    {{CLT_CLIP_VALUE, 0.003}, 0.1, CLT_SGD, 0.8, true},
    {{CLT_CLIP_NONE, 0.0}, 0.0, CLT_RMSPROP, 0.0, false},
};
enum { UPDATES = sizeof updates / sizeof updates[0] };

static clt_trainer_config recipe_of(const update *some, watched *w)
{
    clt_trainer_config config = recipe(w);
    config.clip = some->clip;
    config.weight_decay = some->weight_decay;
    config.optimizer = some->optimizer;
    config.momentum = some->momentum;
    config.nesterov = some->nesterov;
    return config;
}

static clt_trainer_config update_recipe(size_t k, watched *w)
{
    return recipe_of(&updates[k], w);
}

static bool same_weights(const outcome *a, const outcome *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void test_each_counts(void **state)
{
    outcome plain = whole_run(TUTORIAL);
    (void)state;
    for (size_t k = 0; k < UPDATES; k++) {
        clt_trainer_config config = update_recipe(k, &(watched){0});
        outcome o = fit_whole(&config);
        assert_false(same_weights(&o, &plain));
        if (config.clip.kind != CLT_CLIP_NONE && config.optimizer == CLT_ADAM) { /* never reached */
            config.clip.limit = 1e6;
            config.weight_decay = 0.0;
            outcome same = fit_whole(&config);
            assert_same(&same, &plain);
            free(same.bytes);
        }
        free(o.bytes);
    }
    free(plain.bytes);
}

static void test_lazy_is_dense(void **state)
{
    static const char *const variants[] = {"dense", "lazy"};
    (void)state;
    for (size_t k = 0; k < UPDATES; k++) {
        outcome o[2];
        for (int v = 0; v < 2; v++) {
            clt_trainer_config config = update_recipe(k, &(watched){0});
            config.schedule = (clt_schedule){CLT_SCHEDULE_COSINE, 1, 0.5, 3};
            clt_runtime_force(runtime, "adam", variants[v]);
            o[v] = fit_whole(&config);
            clt_runtime_force(runtime, "adam", NULL);
        }
        assert_same(&o[0], &o[1]);
        free(o[0].bytes);
        free(o[1].bytes);
    }
}

static void test_resumed(void **state)
{
    (void)state;
    for (size_t k = 0; k < UPDATES; k++) {
        for (int steps = 2; steps < EPOCHS * STEPS; steps += 5) {
            clt_error error;
            clt_trainer_config config = update_recipe(k, &(watched){0});
            outcome whole = fit_whole(&config), o;
            clt_runtime_force(runtime, "adam", steps % 2 ? "dense" : "lazy");
            config = update_recipe(k, &(watched){.stop_after = steps});
            assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "stopped ");
            clt_runtime_force(runtime, "adam", NULL);
            config = update_recipe(k, &(watched){0});
            assert_ok(run(TUTORIAL, true, &config, &o, &error));
            assert_same(&o, &whole);
            free(o.bytes);
            free(whole.bytes);
        }
    }
}

static void test_another_update_is_another_run(void **state)
{
    clt_error error;
    clt_trainer *trainer = NULL;
    clt_model *model = create_model(TUTORIAL, 1);
    (void)state;
    clt_trainer_config config = update_recipe(1, &(watched){.stop_after = 3});
    config.weight_decay = 0.25;
    assert_fails(run(TUTORIAL, false, &config, NULL, &error), CLT_STOPPED, "stopped ");
    config.clip.kind = CLT_CLIP_VALUE;
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "clip is \"norm\", not \"value\"");
    config = update_recipe(1, &(watched){0});
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "weight_decay is 0.25, not 0.0");
    config.weight_decay = 0.25;
    config.optimizer = CLT_RMSPROP;
    assert_fails(clt_trainer_resume(FOLDER, model, runtime, &config, &trainer, &error), CLT_INPUT,
                 "optimizer is \"adam\", not \"rmsprop\"");
    clt_model_free(model);
}

static void test_refused(void **state)
{
    static const struct {
        update update;
        const char *part;
    } cases[] = {
        {{{CLT_CLIP_NORM, 0.0}, 0.0, CLT_ADAM, 0.0, false},
         "clip by norm, limit 0: a number above 0"},
        {{{CLT_CLIP_VALUE, -1.0}, 0.0, CLT_ADAM, 0.0, false}, "clip by value, limit -1"},
        {{{CLT_CLIP_GLOBAL_NORM, INFINITY}, 0.0, CLT_ADAM, 0.0, false},
         "clip by global_norm, limit inf"},
        {{{CLT_CLIP_NONE, 0.0}, -0.1, CLT_ADAM, 0.0, false}, "weight decay -0.1: a number from 0"},
        {{{CLT_CLIP_NONE, 0.0}, 0.0, CLT_ADAM, 0.9, false},
         "momentum and nesterov are sgd's, not adam's"},
        {{{CLT_CLIP_NONE, 0.0}, 0.0, CLT_RMSPROP, 0.0, true},
         "momentum and nesterov are sgd's, not rmsprop's"},
        {{{CLT_CLIP_NONE, 0.0}, 0.0, CLT_SGD, 1.5, false}, "momentum 1.5: a number from 0 to 1"},
        {{{CLT_CLIP_NONE, 0.0}, 0.0, CLT_SGD, NAN, false}, "momentum nan"},
        {{{CLT_CLIP_NONE, 0.0}, NAN, CLT_ADAM, 0.0, false}, "weight decay nan"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        clt_error error;
        clt_trainer *trainer = NULL;
        clt_model *model = create_model(TUTORIAL, 1);
        clt_trainer_config config = recipe_of(&cases[k].update, &(watched){0});
        assert_fails(clt_trainer_create(model, runtime, &config, &trainer, &error), CLT_USAGE,
                     cases[k].part);
        clt_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_counts), cmocka_unit_test(test_lazy_is_dense),
        cmocka_unit_test(test_resumed),     cmocka_unit_test(test_another_update_is_another_run),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin_runs, end_runs);
}
