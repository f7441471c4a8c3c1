/* gate.h - what a new model must show before it is served: a condition on its metrics and the
 * champion's.
 *
 *   or         = and { "or" and }            comparison = sum [ ( "<" | "<=" | ">" | ">=" ) sum ]
 *   and        = not { "and" not }           sum        = product { ( "+" | "-" ) product }
 *   not        = "not" not | comparison      product    = sign { ( "*" | "/" ) sign }
 *   sign       = "-" sign | primary          primary    = number | NAME | "champion" [ "." NAME ]
 *                                                       | "(" or ")"
 *
 * NAME is a metric of metrics.json: "ndcg@100", "rmse", "users". "champion" alone is the champion's
 * value of the one metric that the same comparison names. A gate of several parts that compares
 * nothing, or calculates with conditions, is refused when it is parsed.
 *
 * With draws of a paired bootstrap (registry/bootstrap.h) a comparison holds when the difference
 * between its sides holds at the lower bound of the confidence wanted. "not" turns the comparisons
 * below it around ("not a < b" is "a >= b"), so that it never makes a gate laxer. */
#ifndef DG_REGISTRY_GATE_H
#define DG_REGISTRY_GATE_H
#include "base/text.h"

#include <jansson.h>

enum {
    DG_GATE_NODES = 256,   /* numbers, names and operators of one gate */
    DG_GATE_NAMES = 24,    /* different metrics */
    DG_GATE_NAME_SIZE = 48 /* bytes of one name with its NUL */
};

typedef struct dg_gate dg_gate;

/** Parse. LOCAL; caller destroys. Errors DG_ERR_CONFIG "column 12: …"; DG_ERR_NOMEM. */
dg_status dg_gate_parse(const char *text, dg_gate **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_gate_destroy(dg_gate **g);

/** Different metrics it names, of either model. LOCAL. */
int dg_gate_names(const dg_gate *g);

/** One of them, 0 <= k < dg_gate_names; borrowed. LOCAL. */
const char *dg_gate_name(const dg_gate *g, int k);

/** Does it look at the champion? LOCAL. */
bool dg_gate_asks_champion(const dg_gate *g);

/* What a gate is judged by; all borrowed. */
typedef struct dg_gate_case {
    const double *mine;   /* (names,) values of the new model; NAN where it was not measured */
    const double *theirs; /* (names,) of the champion; NULL: there is none, and every comparison
                             with it holds */
    /* Paired resamples: values of both models on the same drawn users; NULL: judge the values. */
    const double *mine_drawn, *theirs_drawn; /* (n_draws, names) */
    int64_t n_draws;
    double confidence; /* one-sided, as .95 */
} dg_gate_case;

/**
 * Judge. LOCAL.
 *
 * @param[out] passed   the verdict
 * @param[out] parts    one object a comparison: text, left, right, difference (by how much it
 *                      holds), bound (of that at the confidence, where there are draws), holds,
 *                      why; caller's reference
 * Cost    O(nodes draws), and a sort of the draws for each comparison.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_gate_judge(const dg_gate *g, const dg_gate_case *c, bool *passed, json_t **parts,
                        dg_err *err);

/** Append the parts of a verdict as lines for people. LOCAL. */
void dg_gate_show(const json_t *parts, dg_text *out);

#endif
