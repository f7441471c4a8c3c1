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
 * With R the first k of the list, n of them, p(i) how many training ratings item i has
 * (ranking/popularity.h has head, middle, tail):
 *   arp           mean of p over R
 *   aclt, aplt    items of R that are of the tail; their share, aclt / n
 *   novelty       mean over R of -log2(max(p, 1) / users with training ratings)
 *   serendipity   targets in R that the k most popular items new to the user do not have, / k
 *   ils           mean over pairs of R of the cosine of the sets of users who have them; 0 of one
 * item All are averaged over users with at least one target. Over the whole run, with the exposure
 * e(i) = sum over lists with i at rank r <= k of 1 / log2(r + 1), in steps of 2^-32:
 *   coverage      different items among the first k of any list / all items
 *   gini          of exposure over all items, those never shown included: 0 all alike, 1 one has
 * all entropy       of the shares of exposure, in nats; evenness: entropy / ln(items) poprsp over
 * head, middle and tail: the standard deviation of the chance that a new item of the group is
 * listed, divided by the mean of the three popreo        likewise the chance that a target of the
 * group is listed auc           mean over users of the chance that a target scores above an item
 * that is neither target nor seen, equal scores one half; of ratings that are labels from 0 to 1:
 *                 that a held-out label above 1/2 scores above one below, of the same user
 *   gauc          the same, users weighted by their targets (of labels: held-out ratings)
 *   logloss       of labels: mean of -y ln p - (1 - y) ln(1 - p), p kept from 1e-7 to 1 - 1e-7
 *   rmse, mae     of predicted against held-out values
 * Source  Jarvelin, Kekalainen 2002 (ndcg); Manning, Raghavan, Schutze 2008, chapter 8 (recall to
 *         mrr); Yin, Cui, Li, Yao, Chen 2012, "Challenging the long tail recommendation" (arp);
 *         Abdollahpouri, Burke, Mobasher 2019, "Managing popularity bias" (aplt, aclt); Zhou,
 * Kuscsik and others 2010, "Solving the apparent diversity-accuracy dilemma" (novelty); Ge,
 *         Delgado-Battenfeld, Jannach 2010, "Beyond accuracy" (coverage, serendipity); Ziegler and
 *         others 2005 (ils); Zhu, Wang, Caverlee 2020, "Measuring and mitigating item
 *         under-recommendation bias" (poprsp, popreo); Zhu and others 2017, "Optimized cost per
 *         click in Taobao display advertising" (gauc).
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
    DG_METRIC_OF_LIST, /* those before this one are defined by a list and targets */
    DG_METRIC_ARP = DG_METRIC_OF_LIST,
    DG_METRIC_APLT,
    DG_METRIC_ACLT,
    DG_METRIC_NOVELTY,
    DG_METRIC_SERENDIPITY,
    DG_METRIC_ILS,
    DG_METRIC_OF_USER, /* those before this one are means over users, one for each k */
    DG_METRIC_COVERAGE = DG_METRIC_OF_USER,
    DG_METRIC_GINI,
    DG_METRIC_ENTROPY,
    DG_METRIC_EVENNESS,
    DG_METRIC_POPRSP,
    DG_METRIC_POPREO,
    DG_METRIC_OF_K, /* those before this one are taken for each k */
    DG_METRIC_AUC = DG_METRIC_OF_K,
    DG_METRIC_GAUC,
    DG_METRIC_LOGLOSS,
    DG_METRIC_RMSE,
    DG_METRIC_MAE,
    DG_METRIC_COUNT
} dg_metric;

typedef uint32_t dg_metric_set; /* bit 1 << metric for each member */

/** Canonical name, "recall_trunc". LOCAL. */
const char *dg_metric_name(dg_metric metric);

/** Is it printed as NAME@K, one for each k? LOCAL. */
static inline bool dg_metric_has_k(dg_metric metric) { return metric < DG_METRIC_OF_K; }

/** Is the metric in the set? LOCAL. */
static inline bool dg_metric_in(dg_metric_set set, dg_metric metric) { return set >> metric & 1; }

/** The metrics of a list of names or aliases; "recall" brings recall_trunc with it, "entropy"
 *  evenness. LOCAL.
 *  Errors DG_ERR_CONFIG `"recal" is not a metric`, with the nearest name as the hint. */
dg_status dg_metric_set_parse(const dg_strings *names, dg_metric_set *out, dg_err *err);

/**
 * Every metric of one list and its targets, at every k. LOCAL.
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

/** The discount of a rank from 1: 1 / log2(rank + 1). LOCAL. */
double dg_metric_discount(int rank);

/**
 * Pairs that a ranking has the wrong way round, twice: 2 for each positive below a negative, 1 for
 * each of equal score. LOCAL.
 *
 * @param[in]  positive  (n,) scores, ascending
 * Cost    O(log n). 1 - sum over negatives / (2 n negatives) is the area under the curve.
 * Source  Mann, Whitney 1947, as in Fawcett 2006, "An introduction to ROC analysis", section 7.
 */
int64_t dg_metric_lost(const float *positive, int64_t n, float negative);

/** The log-loss of one label y in [0, 1] and its prediction. LOCAL. */
double dg_metric_logloss(double label, double p);

#endif
