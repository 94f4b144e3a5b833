/* plan.c: the names of ops and variants, plans as text, what is forced and what was planned. */
#include <stdio.h>
#include <string.h>

#include "runtime/state.h"

/* `name:parameters` is a refinement of `name`, behind it. */
static const struct {
    const char *op;
    const char *variants[12];
} table[CLT_PLAN_OPS] = {
    {"lstm", {"step", "rows", "group"}},
    {"gemm",
     {"own", "own:4x2", "own:4x3", "own:4x4", "own:6x2", "own:6x3", "clblast", "clblast:indirect",
      "clblast:32x8", "clblast:8x8"}},
    {"adam", {"dense", "lazy"}},
    {"prefix", {"off", "on"}},
};

const char *clt_plan_op(size_t row)
{
    return row < CLT_PLAN_OPS ? table[row].op : NULL;
}

const char *clt_plan_variant(size_t row, size_t k)
{
    return table[row].variants[k];
}

/* The row of an op named by text[0 .. length - 1]; CLT_PLAN_OPS when there is none. */
static size_t find_op(const char *text, size_t length)
{
    size_t k = 0;
    while (k < CLT_PLAN_OPS &&
           (strlen(table[k].op) != length || strncmp(table[k].op, text, length) != 0)) {
        k++;
    }
    return k;
}

static const char *find_variant(size_t op, const char *text, size_t length)
{
    for (const char *const *v = table[op].variants; *v != NULL; v++) {
        if (strlen(*v) == length && strncmp(*v, text, length) == 0) {
            return *v;
        }
    }
    return NULL;
}

static void list_ops(char *text, size_t room)
{
    size_t used = 0;
    for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
        used +=
            (size_t)snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", table[k].op);
    }
}

static void list_variants(size_t op, char *text, size_t room)
{
    size_t used = 0;
    for (const char *const *v = table[op].variants; *v != NULL; v++) {
        used += (size_t)snprintf(text + used, room - used, "%s%s=%s", used > 0 ? ", " : "",
                                 table[op].op, *v);
    }
}

clt_status clt_plan_parse(const char *text, clt_plan *plan, clt_error *error)
{
    clt_plan parsed = {{NULL}};
    while (*text != 0) {
        size_t length = strcspn(text, ","), equals = strcspn(text, "=,");
        size_t op = find_op(text, equals);
        char choices[512];
        const char *variant = NULL;
        if (op < CLT_PLAN_OPS) {
            list_variants(op, choices, sizeof choices);
            if (equals < length) {
                variant = find_variant(op, text + equals + 1, length - equals - 1);
            }
        } else {
            list_ops(choices, sizeof choices);
        }
        if (variant == NULL) {
            return clt_fail(error, CLT_USAGE, 0, "'%.*s' is unknown; choose from %s",
                            (int)(length < 100 ? length : 100), text, choices);
        }
        parsed.variants[op] = variant;
        text += length;
        text += *text == ',';
    }
    *plan = parsed;
    return CLT_OK;
}

void clt_plan_print(const clt_plan *plan, char text[CLT_PLAN_ROOM])
{
    size_t used = 0;
    text[0] = 0;
    for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
        if (plan->variants[k] != NULL) {
            used += (size_t)snprintf(text + used, CLT_PLAN_ROOM - used, "%s%s=%s",
                                     used > 0 ? "," : "", table[k].op, plan->variants[k]);
        }
    }
}

/* The place of an op's variant in a plan; NULL: no such op. */
static const char *const *place(const clt_plan *plan, const char *op)
{
    size_t k = find_op(op, strlen(op));
    return k < CLT_PLAN_OPS ? &plan->variants[k] : NULL;
}

const char *clt_runtime_forced(const clt_runtime *runtime, const char *op)
{
    const char *const *variant = place(&runtime->forced, op);
    return variant != NULL ? *variant : NULL;
}

const char *clt_runtime_tuned(const clt_runtime *runtime, const char *op)
{
    const char *const *variant = place(&runtime->tuned, op);
    return variant != NULL ? *variant : NULL;
}

void clt_runtime_force(clt_runtime *runtime, const char *op, const char *variant)
{
    size_t k = find_op(op, strlen(op));
    if (k < CLT_PLAN_OPS) {
        runtime->forced.variants[k] =
            variant != NULL ? find_variant(k, variant, strlen(variant)) : NULL;
    }
}

void clt_runtime_planned(clt_runtime *runtime, const char *op, const char *variant)
{
    size_t k = find_op(op, strlen(op));
    for (unsigned v = 0; k < CLT_PLAN_OPS && table[k].variants[v] != NULL; v++) {
        if (strcmp(table[k].variants[v], variant) == 0) {
            runtime->planned[k] |= 1u << v;
        }
    }
}

const char *clt_runtime_planned_as(const clt_runtime *runtime, const char *op)
{
    size_t k = find_op(op, strlen(op));
    for (unsigned v = 0; k < CLT_PLAN_OPS && table[k].variants[v] != NULL; v++) {
        if (runtime->planned[k] == 1u << v) {
            return table[k].variants[v];
        }
    }
    return NULL;
}

clt_plan clt_runtime_planned_alone(const clt_runtime *runtime)
{
    clt_plan plan;
    for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
        plan.variants[k] = clt_runtime_planned_as(runtime, table[k].op);
    }
    return plan;
}

void clt_runtime_forget_planned(clt_runtime *runtime)
{
    memset(runtime->planned, 0, sizeof runtime->planned);
}

void clt_runtime_plan(const clt_runtime *runtime, char text[CLT_PLAN_ROOM])
{
    size_t used = 0;
    text[0] = 0;
    for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
        const char *before = used > 0 ? "," : "", *op = table[k].op, *equals = "=";
        for (unsigned v = 0; runtime->planned[k] >> v != 0; v++) {
            if ((runtime->planned[k] >> v & 1) != 0 && used < CLT_PLAN_ROOM) {
                used += (size_t)snprintf(text + used, CLT_PLAN_ROOM - used, "%s%s%s%s", before, op,
                                         equals, table[k].variants[v]);
                before = "+";
                op = equals = "";
            }
        }
    }
}
