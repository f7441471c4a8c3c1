/* metrics.h - what is measured, by name, and the measures of one user's list.
 *
 * With T the user's targets, hits(k) the targets among the first k of the list:
 *   recall        hits(k) / |T|
 *   recall_trunc  hits(k) / min(k, |T|), what the papers on VAE and iALS call recall
 *   precision     hits(k) / k, also when the list is shorter than k
 *   f1            2 hits(k) / (k + |T|), the harmonic mean of precision and recall
 *   ndcg          sum over hits at rank r <= k of 1 / log2(r + 1), divided by that sum for
 *                 min(k, |T|) hits at the top; gains are 0 or 1
 *   map           sum over hits at rank r <= k of hits(r) / r, divided by min(k, |T|)
 *   mrr           1 / rank of the first hit when that is <= k, else 0
 *   hr            1 when hits(k) > 0, else 0
 * All are averaged over users with at least one target. Over the whole run:
 *   coverage      different items among the first k of any list / all items
 *   rmse, mae     of predicted against held-out values
 * Source  Jarvelin, Kekalainen 2002 (ndcg); Manning, Raghavan, Schutze 2008, chapter 8 (the rest).
 */
#ifndef DG_RANKING_METRICS_H
#define DG_RANKING_METRICS_H
#include "base/strings.h"
#include "ranking/topk.h"
#include "sparse/csr.h"

typedef enum dg_metric {
    DG_METRIC_RECALL,
    DG_METRIC_RECALL_TRUNC,
    DG_METRIC_PRECISION,
    DG_METRIC_F1,
    DG_METRIC_NDCG,
    DG_METRIC_MAP,
    DG_METRIC_MRR,
    DG_METRIC_HR,
    DG_METRIC_OF_LIST, /* those before this one are defined for one list */
    DG_METRIC_COVERAGE = DG_METRIC_OF_LIST,
    DG_METRIC_RMSE,
    DG_METRIC_MAE,
    DG_METRIC_COUNT
} dg_metric;

typedef uint32_t dg_metric_set; /* bit 1 << metric for each member */

/** Canonical name, "recall_trunc". LOCAL. */
const char *dg_metric_name(dg_metric metric);

/** Is it printed as NAME@K, one for each k? LOCAL. */
static inline bool dg_metric_has_k(dg_metric metric) { return metric <= DG_METRIC_COVERAGE; }

/** Is the metric in the set? LOCAL. */
static inline bool dg_metric_in(dg_metric_set set, dg_metric metric) { return set >> metric & 1; }

/** The metrics of a list of names or aliases; "recall" brings recall_trunc with it. LOCAL.
 *  Errors DG_ERR_CONFIG `"recal" is not a metric`, with the nearest name as the hint. */
dg_status dg_metric_set_parse(const dg_strings *names, dg_metric_set *out, dg_err *err);

/**
 * Every metric of one list, at every k. LOCAL.
 *
 * @param[in]  list    (n_list,) best first, no item twice
 * @param[in]  target  items the user chose, at least one
 * @param[in]  k       (n_k,) ascending, each > 0
 * @param[out] out     (DG_METRIC_OF_LIST, n_k) overwritten
 *
 * Cost    O(max k * log |T|).
 */
void dg_metrics_of_list(const dg_hit *list, int n_list, dg_row target, const int *k, int n_k,
                        double *out);

#endif
