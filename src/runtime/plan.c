/* plan.c: the names of ops and variants, which CLTRAIN_PLAN can force; what was planned. */
#include <stdio.h>
#include <string.h>

#include "runtime/state.h"

static const struct {
    const char *op;
    const char *variants[4];
} table[CLT_PLAN_OPS] = {
    {"lstm", {"step", "rows", "group"}},
    {"gemm", {"clblast", "own"}},
    {"adam", {"dense", "lazy"}},
    {"prefix", {"off", "on"}},
};

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

clt_status clt_plan_read(clt_runtime *runtime, const char *text, clt_error *error)
{
    while (text != NULL && *text != 0) {
        size_t length = strcspn(text, ","), equals = strcspn(text, "=,");
        size_t op = find_op(text, equals);
        char choices[128];
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
            return clt_fail(error, CLT_USAGE, 0, "CLTRAIN_PLAN: '%.*s' is unknown; choose from %s",
                            (int)(length < 100 ? length : 100), text, choices);
        }
        runtime->forced[op] = variant;
        text += length;
        text += *text == ',';
    }
    return CLT_OK;
}

const char *clt_runtime_forced(const clt_runtime *runtime, const char *op)
{
    size_t k = find_op(op, strlen(op));
    return k < CLT_PLAN_OPS ? runtime->forced[k] : NULL;
}

void clt_runtime_force(clt_runtime *runtime, const char *op, const char *variant)
{
    size_t k = find_op(op, strlen(op));
    if (k < CLT_PLAN_OPS) {
        runtime->forced[k] = variant != NULL ? find_variant(k, variant, strlen(variant)) : NULL;
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

void clt_runtime_plan(const clt_runtime *runtime, char *text, size_t room)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t k = 0; k < CLT_PLAN_OPS; k++) {
        const char *before = used > 0 ? "," : "";
        for (unsigned v = 0; runtime->planned[k] >> v != 0 && used < room; v++) {
            if (runtime->planned[k] >> v & 1) {
                bool first = (runtime->planned[k] & ((1u << v) - 1)) == 0;
                used += (size_t)snprintf(text + used, room - used, "%s%s%s%s", first ? before : "+",
                                         first ? table[k].op : "", first ? "=" : "",
                                         table[k].variants[v]);
            }
        }
    }
}
