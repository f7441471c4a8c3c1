#include "evaluate/columns.h"

#include <math.h>
#include <stdio.h>

static void add(dg_user_layout *l, const char *name, dg_metric metric, int by)
{
    dg_user_column *c = &l->at[l->n++];
    *c = (dg_user_column){.metric = metric, .by = by};
    snprintf(c->name, sizeof c->name, "%s", name);
}

static void add_lists(dg_user_layout *l, const dg_evaluate_options *o, dg_metric m, int sampled)
{
    for (int j = 0; j < o->n_k; j++) {
        dg_user_column *c = &l->at[l->n++];
        *c = (dg_user_column){.metric = m, .k = o->k[j], .sampled = sampled, .by = DG_USER_RANKED};
        const dg_measure measure = {.metric = m, .k = o->k[j], .sampled = sampled};
        dg_measure_name(&measure, c->name, sizeof c->name);
        for (char *at = c->name; *at != '\0'; at++)
            if (*at == ' ') *at = '_'; /* a blank ends a name in the file */
    }
}

void dg_user_layout_make(const dg_evaluate_options *o, dg_user_layout *l)
{
    static const dg_metric of_samples[] = {DG_METRIC_NDCG, DG_METRIC_MRR, DG_METRIC_HR};
    *l = (dg_user_layout){0};
    add(l, "ranked", DG_METRIC_COUNT, -1);
    add(l, "targets", DG_METRIC_COUNT, -1);
    add(l, "squares", DG_METRIC_RMSE, DG_USER_TARGETS);
    add(l, "misses", DG_METRIC_MAE, DG_USER_TARGETS);
    for (dg_metric m = 0; m < DG_METRIC_OF_USER; m++)
        if (dg_metric_in(o->metrics, m)) add_lists(l, o, m, 0);
    if (dg_metric_in(o->metrics, DG_METRIC_AUC) || dg_metric_in(o->metrics, DG_METRIC_GAUC)) {
        l->auc = l->n;
        add(l, "auc", DG_METRIC_AUC, l->auc + 1);
        add(l, "auc_users", DG_METRIC_COUNT, -1);
        add(l, "gauc", DG_METRIC_GAUC, l->auc + 3);
        add(l, "auc_targets", DG_METRIC_COUNT, -1);
    }
    if (dg_metric_in(o->metrics, DG_METRIC_LOGLOSS)) {
        l->logloss = l->n;
        add(l, "logloss", DG_METRIC_LOGLOSS, DG_USER_TARGETS);
    }
    if (o->sampled == 0) return;
    l->sampled = l->n;
    for (int m = 0; m < 3; m++) add_lists(l, o, of_samples[m], o->sampled);
}

double dg_user_layout_value(const dg_user_layout *l, const double *sum, int k)
{
    const double by = sum[l->at[k].by];
    if (!(by > 0)) return NAN;
    const double mean = sum[k] / by;
    return l->at[k].metric == DG_METRIC_RMSE ? sqrt(mean) : mean;
}
