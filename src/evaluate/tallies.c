#include "evaluate/tallies.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static bool wants(const dg_evaluate_options *o, dg_metric m) { return dg_metric_in(o->metrics, m); }

dg_status dg_tallies_create(const dg_evaluate_options *o, const dg_popularity *p, dg_tallies *out,
                            dg_err *err)
{
    const int longest = o->n_k > 0 ? o->k[o->n_k - 1] : 0;
    *out = (dg_tallies){.o = o, .popularity = p};
    if (!wants(o, DG_METRIC_COVERAGE) && !wants(o, DG_METRIC_GINI) &&
        !wants(o, DG_METRIC_ENTROPY) && !wants(o, DG_METRIC_EVENNESS))
        return DG_OK;
    out->exposure = dg_alloc((size_t)o->n_k * (size_t)p->n_items, sizeof *out->exposure);
    out->weight = dg_alloc((size_t)longest, sizeof *out->weight);
    if (out->exposure == NULL || out->weight == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the exposure of items");
    for (int r = 0; r < longest; r++) out->weight[r] = llround(0x1p32 * dg_metric_discount(r + 1));
    return DG_OK;
}

void dg_tallies_free(dg_tallies *t)
{
    dg_free(t->exposure);
    dg_free(t->weight);
    *t = (dg_tallies){0};
}

static void add_exposure(dg_tallies *t, const dg_hit *list, int n_list)
{
    const dg_evaluate_options *o = t->o;
    int rank = 0;
    for (int j = 0; j < o->n_k; j++)
        for (; rank < o->k[j] && rank < n_list; rank++)
            t->exposure[j * t->popularity->n_items + list[rank].index] += t->weight[rank];
}

void dg_tallies_add(dg_tallies *t, const dg_hit *list, int n_list, dg_row target,
                    const int32_t *seen, int64_t n_seen)
{
    const uint8_t *group = t->popularity->group;
    int rank = 0;
    if (t->exposure != NULL) add_exposure(t, list, n_list);
    for (int g = 0; g < DG_ITEM_GROUPS; g++) t->group[g].possible += t->popularity->items[g];
    for (int64_t s = 0; s < n_seen; s++) t->group[group[seen[s]]].possible--;
    for (int64_t i = 0; i < target.n; i++) t->group[group[target.index[i]]].targets++;
    for (int j = 0; j < t->o->n_k; j++)
        for (; rank < t->o->k[j] && rank < n_list; rank++) {
            const int32_t item = list[rank].index;
            t->group[group[item]].shown[j]++;
            t->group[group[item]].hits[j] += dg_row_has(target, item) != 0;
        }
}

static void sum_up(const dg_comm *c, dg_tallies *t)
{
    const int64_t n = t->o->n_k * t->popularity->n_items, part = 1 << 24;
    dg_sum_int64(c, &t->group[0].possible, (int)(sizeof t->group / (sizeof(int64_t))));
    for (int g = 0; g < DG_ITEM_GROUPS; g++) /* of each k alone so far */
        for (int j = 1; j < t->o->n_k; j++) {
            t->group[g].shown[j] += t->group[g].shown[j - 1];
            t->group[g].hits[j] += t->group[g].hits[j - 1];
        }
    for (int64_t at = 0; t->exposure != NULL && at < n; at += part)
        dg_sum_int64(c, t->exposure + at, (int)(n - at < part ? n - at : part));
}

static void add(dg_metrics *out, dg_metric metric, int k, double value)
{
    out->at[out->n++] = (dg_measure){.metric = metric, .k = k, .value = value};
}

/* Exposure within k[j]: that of all lengths up to it. */
static void complete(dg_tallies *t, int j)
{
    const int64_t n = t->popularity->n_items;
    int64_t *now = t->exposure + j * n;
    for (int64_t i = 0; i < n; i++) now[i] += now[i - n];
}

/* All lengths are added up first: gini sorts, which entropy and coverage do not mind. */
static void measure_exposure(dg_tallies *t, dg_metrics *out)
{
    const dg_evaluate_options *o = t->o;
    const int64_t n = t->popularity->n_items;
    double value[4][DG_EVALUATE_K];
    for (int j = 1; j < o->n_k; j++) complete(t, j);
    for (int j = 0; j < o->n_k; j++) {
        int64_t *e = t->exposure + j * n, shown = 0;
        for (int64_t i = 0; i < n; i++) shown += e[i] > 0;
        value[0][j] = (double)shown / (double)n;
        value[1][j] = dg_gini(e, n);
        value[2][j] = dg_entropy(e, n);
        value[3][j] = n > 1 ? value[2][j] / log((double)n) : 0;
    }
    for (int m = 0; m < 4; m++)
        for (int j = 0; wants(o, (dg_metric)(DG_METRIC_COVERAGE + m)) && j < o->n_k; j++)
            add(out, (dg_metric)(DG_METRIC_COVERAGE + m), o->k[j], value[m][j]);
}

/* Head, middle and tail, the tail with what is cold; groups without a chance are left out. */
static double spread(const dg_tallies *t, int j, bool of_targets)
{
    double chance[DG_ITEM_COLD];
    int n = 0;
    for (int g = 0; g < DG_ITEM_COLD; g++) {
        dg_group_tally x = t->group[g];
        const dg_group_tally *cold = &t->group[DG_ITEM_COLD];
        if (g == DG_ITEM_TAIL) {
            x.possible += cold->possible;
            x.targets += cold->targets;
            x.shown[j] += cold->shown[j];
            x.hits[j] += cold->hits[j];
        }
        const int64_t of = of_targets ? x.targets : x.possible;
        if (of > 0) chance[n++] = (double)(of_targets ? x.hits[j] : x.shown[j]) / (double)of;
    }
    return dg_relative_spread(chance, n);
}

static void slice(const dg_tallies *t, dg_metrics *out)
{
    for (int g = 0; g < DG_ITEM_GROUPS; g++) {
        const dg_group_tally *x = &t->group[g];
        dg_popularity_slice *s = &out->by_popularity[g];
        *s = (dg_popularity_slice){.items = t->popularity->items[g], .targets = x->targets};
        for (int j = 0; j < t->o->n_k; j++)
            s->recall[j] = x->targets > 0 ? (double)x->hits[j] / (double)x->targets : 0;
    }
}

void dg_tallies_measure(const dg_comm *c, dg_tallies *t, dg_metrics *out)
{
    const dg_evaluate_options *o = t->o;
    sum_up(c, t);
    if (t->exposure != NULL) measure_exposure(t, out);
    for (int m = 0; m < 2; m++)
        for (int j = 0; wants(o, (dg_metric)(DG_METRIC_POPRSP + m)) && j < o->n_k; j++)
            add(out, (dg_metric)(DG_METRIC_POPRSP + m), o->k[j], spread(t, j, m == 1));
    slice(t, out);
}
