#include "ranking/metrics.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[DG_METRIC_COUNT] = {[DG_METRIC_RECALL] = "recall",
                                                   [DG_METRIC_RECALL_TRUNC] = "recall_trunc",
                                                   [DG_METRIC_PRECISION] = "precision",
                                                   [DG_METRIC_F1] = "f1",
                                                   [DG_METRIC_NDCG] = "ndcg",
                                                   [DG_METRIC_MAP] = "map",
                                                   [DG_METRIC_MRR] = "mrr",
                                                   [DG_METRIC_HR] = "hr",
                                                   [DG_METRIC_ARP] = "arp",
                                                   [DG_METRIC_APLT] = "aplt",
                                                   [DG_METRIC_ACLT] = "aclt",
                                                   [DG_METRIC_NOVELTY] = "novelty",
                                                   [DG_METRIC_SERENDIPITY] = "serendipity",
                                                   [DG_METRIC_ILS] = "ils",
                                                   [DG_METRIC_COVERAGE] = "coverage",
                                                   [DG_METRIC_GINI] = "gini",
                                                   [DG_METRIC_ENTROPY] = "entropy",
                                                   [DG_METRIC_EVENNESS] = "evenness",
                                                   [DG_METRIC_POPRSP] = "poprsp",
                                                   [DG_METRIC_POPREO] = "popreo",
                                                   [DG_METRIC_AUC] = "auc",
                                                   [DG_METRIC_GAUC] = "gauc",
                                                   [DG_METRIC_LOGLOSS] = "logloss",
                                                   [DG_METRIC_RMSE] = "rmse",
                                                   [DG_METRIC_MAE] = "mae"};

/* What other tools call them. */
static const struct {
    const char *name;
    dg_metric metric;
} aliases[] = {{"hit_rate", DG_METRIC_HR},
               {"hit", DG_METRIC_HR},
               {"prec", DG_METRIC_PRECISION},
               {"f1_score", DG_METRIC_F1},
               {"mean_average_precision", DG_METRIC_MAP},
               {"mean_reciprocal_rank", DG_METRIC_MRR},
               {"item_coverage", DG_METRIC_COVERAGE},
               {"gini_index", DG_METRIC_GINI},
               {"shannon_entropy", DG_METRIC_ENTROPY},
               {"average_recommendation_popularity", DG_METRIC_ARP},
               {"intra_list_similarity", DG_METRIC_ILS},
               {"log_loss", DG_METRIC_LOGLOSS}};

const char *dg_metric_name(dg_metric metric) { return names[metric]; }

/* DG_METRIC_COUNT when there is no such name. */
static dg_metric find(const char *name)
{
    for (dg_metric m = 0; m < DG_METRIC_COUNT; m++)
        if (strcmp(name, names[m]) == 0) return m;
    for (size_t a = 0; a < sizeof aliases / sizeof *aliases; a++)
        if (strcmp(name, aliases[a].name) == 0) return aliases[a].metric;
    return DG_METRIC_COUNT;
}

static dg_status fail_unknown(const char *name, dg_err *err)
{
    const dg_status st = DG_FAIL(err, DG_ERR_CONFIG, "\"%s\" is not a metric", name);
    const char *near = dg_nearest(name, names, DG_METRIC_COUNT);
    if (near != NULL) return dg_err_hint(err, st, "did you mean \"%s\"?", near);
    dg_text all = {0};
    for (dg_metric m = 0; m < DG_METRIC_COUNT; m++) dg_text_add(&all, " %s", names[m]);
    if (!all.failed) dg_err_hint(err, st, "metrics are%s", all.at);
    dg_text_free(&all);
    return st;
}

dg_status dg_metric_set_parse(const dg_strings *list, dg_metric_set *out, dg_err *err)
{
    dg_metric_set set = 0;
    for (int64_t i = 0; i < list->n; i++) {
        size_t n;
        char name[64];
        const char *at = dg_strings_at(list, i, &n);
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name), at);
        const dg_metric m = find(name);
        if (m == DG_METRIC_COUNT) return fail_unknown(name, err);
        set |= (dg_metric_set)1 << m;
    }
    if (dg_metric_in(set, DG_METRIC_RECALL)) set |= (dg_metric_set)1 << DG_METRIC_RECALL_TRUNC;
    if (dg_metric_in(set, DG_METRIC_ENTROPY)) set |= (dg_metric_set)1 << DG_METRIC_EVENNESS;
    *out = set;
    return DG_OK;
}

typedef struct dg_walk { /* sums over the ranks up to the present one */
    int64_t hits, first; /* first: rank of the first hit, 0 before it */
    double dcg, ideal, precisions;
} dg_walk;

double dg_metric_discount(int rank) { return 1.0 / log2((double)rank + 1.0); }

static void step(dg_walk *w, int rank, bool hit, int64_t n_target)
{
    if (rank <= n_target) w->ideal += dg_metric_discount(rank);
    if (!hit) return;
    if (w->hits++ == 0) w->first = rank;
    w->dcg += dg_metric_discount(rank);
    w->precisions += (double)w->hits / rank;
}

static void record(const dg_walk *w, int k, int64_t n_target, int n_k, double *out)
{
    const double hits = (double)w->hits, all = (double)n_target;
    const double reachable = n_target < k ? all : k;
    out[DG_METRIC_RECALL * n_k] = hits / all;
    out[DG_METRIC_RECALL_TRUNC * n_k] = hits / reachable;
    out[DG_METRIC_PRECISION * n_k] = hits / k;
    out[DG_METRIC_F1 * n_k] = 2 * hits / (k + all);
    out[DG_METRIC_NDCG * n_k] = w->dcg / w->ideal;
    out[DG_METRIC_MAP * n_k] = w->precisions / reachable;
    out[DG_METRIC_MRR * n_k] = w->first > 0 ? 1.0 / (double)w->first : 0;
    out[DG_METRIC_HR * n_k] = w->hits > 0;
}

void dg_metrics_of_list(const dg_hit *list, int n_list, dg_row target, const int *k, int n_k,
                        double *out)
{
    const int64_t last = n_list > target.n ? n_list : target.n; /* nothing changes behind it */
    dg_walk w = {0};
    int rank = 0;
    for (int j = 0; j < n_k; j++) {
        for (; rank < k[j] && rank < last; rank++) {
            const bool hit = rank < n_list && dg_row_has(target, list[rank].index);
            step(&w, rank + 1, hit, target.n);
        }
        record(&w, k[j], target.n, n_k, out + j);
    }
}

static int64_t below(const float *sorted, int64_t n, float x, bool or_equal)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sorted[middle] < x || (or_equal && sorted[middle] == x))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t dg_metric_lost(const float *positive, int64_t n, float negative)
{
    return below(positive, n, negative, false) + below(positive, n, negative, true);
}

double dg_metric_logloss(double label, double p)
{
    const double least = 1e-7, kept = fmin(fmax(p, least), 1 - least);
    return -label * log(kept) - (1 - label) * log1p(-kept);
}
