#include "registry/nodes.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct judge {
    const dg_gate *g;
    const dg_gate_case *c;
    double *difference; /* (n_draws,) scratch; NULL without draws */
    json_t *parts;
    bool failed; /* out of memory */
} judge;

/* Value of a number node, given the values of both models' metrics. */
static double value_of(const dg_gate *g, int k, const double *mine, const double *theirs)
{
    const dg_gate_node *n = &g->node[k];
    switch (n->op) {
    case DG_GATE_NUMBER: return n->number;
    case DG_GATE_MINE: return mine[n->name];
    case DG_GATE_THEIRS: return theirs[n->name];
    case DG_GATE_MINUS: return -value_of(g, n->left, mine, theirs);
    default: break;
    }
    const double a = value_of(g, n->left, mine, theirs), b = value_of(g, n->right, mine, theirs);
    return n->op == DG_GATE_ADD   ? a + b
           : n->op == DG_GATE_SUB ? a - b
           : n->op == DG_GATE_MUL ? a * b
                                  : a / b;
}

static bool asks_champion(const dg_gate *g, int k)
{
    const dg_gate_node *n = &g->node[k];
    if (n->op == DG_GATE_THEIRS) return true;
    if (n->op == DG_GATE_NUMBER || n->op == DG_GATE_MINE) return false;
    return asks_champion(g, n->left) || asks_champion(g, n->right);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By how much a comparison holds, as a function of both sides. */
static double margin(dg_gate_op op, double left, double right)
{
    return op == DG_GATE_LT || op == DG_GATE_LE ? right - left : left - right;
}

/* The draws' margin at the lower end of the confidence: (1 - confidence) of them lie below it. NAN
 * where any of them is not a number. */
static double lower_bound(judge *j, const dg_gate_node *n, dg_gate_op op)
{
    const dg_gate_case *c = j->c;
    const int names = j->g->n_names;
    for (int64_t d = 0; d < c->n_draws; d++) {
        const double *mine = c->mine_drawn + d * names;
        const double *theirs = c->theirs == NULL ? NULL : c->theirs_drawn + d * names;
        j->difference[d] = margin(op, value_of(j->g, n->left, mine, theirs),
                                  value_of(j->g, n->right, mine, theirs));
        if (isnan(j->difference[d])) return NAN;
    }
    qsort(j->difference, (size_t)c->n_draws, sizeof *j->difference, by_value);
    const int64_t place = (int64_t)floor((1 - c->confidence) * (double)c->n_draws + 1e-9);
    return j->difference[place < c->n_draws ? place : c->n_draws - 1];
}

static json_t *real_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* The comparison "not" makes of it. */
static dg_gate_op turned(dg_gate_op op)
{
    return op == DG_GATE_LT   ? DG_GATE_GE
           : op == DG_GATE_LE ? DG_GATE_GT
           : op == DG_GATE_GT ? DG_GATE_LE
                              : DG_GATE_LT;
}

static const char *sign_of(dg_gate_op op)
{
    return op == DG_GATE_LT ? "<" : op == DG_GATE_LE ? "<=" : op == DG_GATE_GT ? ">" : ">=";
}

static bool compare(judge *j, const dg_gate_node *n, bool negated)
{
    const dg_gate *g = j->g;
    const dg_gate_op op = negated ? turned(n->op) : n->op;
    const bool strict = op == DG_GATE_LT || op == DG_GATE_GT;
    json_t *part = json_object();
    json_object_set_new(part, "text",
                        json_stringn(g->text + n->begin, (size_t)(n->end - n->begin)));
    json_object_set_new(part, "sign", json_string(sign_of(op)));
    bool holds = true;
    if (j->c->theirs == NULL && asks_champion(g, (int)(n - g->node))) {
        json_object_set_new(part, "why", json_string("there is no champion"));
    } else {
        const double left = value_of(g, n->left, j->c->mine, j->c->theirs);
        const double right = value_of(g, n->right, j->c->mine, j->c->theirs);
        const double difference = margin(op, left, right);
        const double bound = j->difference == NULL ? difference : lower_bound(j, n, op);
        holds = strict ? bound > 0 : bound >= 0; /* false for what is not a number */
        if (!isfinite(difference) || isnan(bound)) holds = false;
        json_object_set_new(part, "left", real_or_null(left));
        json_object_set_new(part, "right", real_or_null(right));
        json_object_set_new(part, "difference", real_or_null(difference));
        if (j->difference != NULL) json_object_set_new(part, "bound", real_or_null(bound));
        if (!isfinite(difference))
            json_object_set_new(part, "why", json_string("a side is not a number"));
    }
    json_object_set_new(part, "holds", json_boolean(holds));
    if (json_array_append_new(j->parts, part) != 0) j->failed = true;
    return holds;
}

/* Every comparison is judged, also where the first decides: people want to see all. */
static bool decide(judge *j, int k, bool negated)
{
    const dg_gate_node *n = &j->g->node[k];
    if (dg_gate_compares(n)) return compare(j, n, negated);
    if (n->op == DG_GATE_NOT) return decide(j, n->left, !negated);
    const bool a = decide(j, n->left, negated), b = decide(j, n->right, negated);
    return (n->op == DG_GATE_AND) != negated ? a && b : a || b;
}

dg_status dg_gate_judge(const dg_gate *g, const dg_gate_case *c, bool *passed, json_t **parts,
                        dg_err *err)
{
    judge j = {.g = g, .c = c, .parts = json_array()};
    *passed = false;
    *parts = NULL;
    if (c->mine_drawn != NULL && c->n_draws > 0) {
        j.difference = dg_alloc((size_t)c->n_draws, sizeof *j.difference);
        j.failed = j.difference == NULL;
    }
    if (!j.failed && j.parts != NULL) *passed = decide(&j, g->root, false);
    dg_free(j.difference);
    if (j.failed || j.parts == NULL) {
        json_decref(j.parts);
        *passed = false;
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory judging a gate");
    }
    *parts = j.parts;
    return DG_OK;
}

static void add_value(const json_t *value, dg_text *out)
{
    if (json_is_number(value))
        dg_text_add(out, "%.6g", json_number_value(value));
    else
        dg_text_add(out, "not a number");
}

void dg_gate_show(const json_t *parts, dg_text *out)
{
    size_t k;
    const json_t *part;
    json_array_foreach((json_t *)(uintptr_t)parts, k, part)
    {
        const json_t *bound = json_object_get(part, "bound");
        const char *why = json_string_value(json_object_get(part, "why"));
        dg_text_add(out, "%s%s: ", k == 0 ? "" : "; ",
                    json_string_value(json_object_get(part, "text")));
        if (json_object_get(part, "left") != NULL) {
            add_value(json_object_get(part, "left"), out);
            dg_text_add(out, " %s ", json_string_value(json_object_get(part, "sign")));
            add_value(json_object_get(part, "right"), out);
            if (bound != NULL) {
                dg_text_add(out, ", by at least ");
                add_value(bound, out);
            }
            dg_text_add(out, "%s", json_is_true(json_object_get(part, "holds")) ? ", yes" : ", no");
        } else {
            dg_text_add(out, "holds");
        }
        if (why != NULL) dg_text_add(out, " (%s)", why);
    }
}
