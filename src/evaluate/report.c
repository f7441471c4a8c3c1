#include "evaluate/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dg_status parse_k(const dg_strings *k, dg_evaluate_options *out, dg_err *err)
{
    for (int64_t i = 0; i < k->n; i++) {
        size_t n;
        int64_t v;
        const char *at = dg_strings_at(k, i, &n);
        if (!dg_parse_int64(at, n, &v) || v < 1 || v > DG_EVALUATE_K_MAX)
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "evaluate.k: expected whole numbers from 1 to %d, found \"%.*s\"",
                           DG_EVALUATE_K_MAX, n < 40 ? (int)n : 40, at);
        int place = out->n_k;
        while (place > 0 && out->k[place - 1] > v) place--;
        if (place > 0 && out->k[place - 1] == v) continue;
        if (out->n_k == DG_EVALUATE_K)
            return DG_FAIL(err, DG_ERR_CONFIG, "evaluate.k: more than %d lengths", DG_EVALUATE_K);
        memmove(out->k + place + 1, out->k + place, (size_t)(out->n_k++ - place) * sizeof *out->k);
        out->k[place] = (int)v;
    }
    return DG_OK;
}

dg_status dg_evaluate_parse(const dg_strings *k, const dg_strings *metrics,
                            dg_evaluate_options *out, dg_err *err)
{
    out->n_k = 0;
    const dg_status st = parse_k(k, out, err);
    if (st != DG_OK) return st;
    if (out->n_k == 0) return DG_FAIL(err, DG_ERR_CONFIG, "evaluate.k: no length of list is given");
    return dg_metric_set_parse(metrics, &out->metrics, err);
}

const char *dg_measure_name(const dg_measure *m, char *buf, size_t n)
{
    if (m->sampled > 0)
        snprintf(buf, n, "%s@%d(sampled %d)", dg_metric_name(m->metric), m->k, m->sampled);
    else if (m->k > 0)
        snprintf(buf, n, "%s@%d", dg_metric_name(m->metric), m->k);
    else
        snprintf(buf, n, "%s", dg_metric_name(m->metric));
    return buf;
}

const dg_measure *dg_metrics_find(const dg_metrics *m, const char *name)
{
    char buf[48];
    for (int i = 0; i < m->n; i++)
        if (strcmp(dg_measure_name(&m->at[i], buf, sizeof buf), name) == 0) return &m->at[i];
    return NULL;
}

/* The shortest decimal form that reads back to the same bits. */
static void add_number(dg_text *out, double v)
{
    char buf[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, v);
        if (strtod(buf, NULL) == v) break;
    }
    dg_text_add(out, "%s", buf);
}

static void add_named(dg_text *out, const dg_measure *m, double value)
{
    char name[48];
    dg_text_add(out, "\"%s\": ", dg_measure_name(m, name, sizeof name));
    add_number(out, value);
}

static void add_intervals(const dg_metrics *m, dg_text *out)
{
    char name[48];
    const char *between = "";
    if (m->resamples == 0) return;
    dg_text_add(out, ",\n  \"resamples\": %lld,\n  \"intervals\": {", (long long)m->resamples);
    for (int i = 0; i < m->n; i++) {
        if (m->at[i].low == 0 && m->at[i].high == 0) continue;
        dg_text_add(out, "%s\n    \"%s\": [", between,
                    dg_measure_name(&m->at[i], name, sizeof name));
        add_number(out, m->at[i].low);
        dg_text_add(out, ", ");
        add_number(out, m->at[i].high);
        dg_text_add(out, "]");
        between = ",";
    }
    dg_text_add(out, "\n  }");
}

static void add_histories(const dg_metrics *m, dg_text *out)
{
    const char *between = "";
    dg_text_add(out, ",\n  \"by_history\": [");
    for (int s = 0; s < DG_HISTORIES; s++) {
        const dg_history_slice *x = &m->by_history[s];
        if (x->targets == 0) continue;
        dg_text_add(out, "%s\n    {\"from\": %lld", between, (long long)x->least);
        if (s + 1 < DG_HISTORIES)
            dg_text_add(out, ", \"to\": %lld", (long long)m->by_history[s + 1].least - 1);
        dg_text_add(out, ", \"users\": %lld, \"targets\": %lld", (long long)x->users,
                    (long long)x->targets);
        for (int i = 0; i < m->n; i++) {
            if (isnan(x->value[i]) || m->at[i].sampled > 0) continue;
            dg_text_add(out, ", ");
            add_named(out, &m->at[i], x->value[i]);
        }
        dg_text_add(out, "}");
        between = ",";
    }
    dg_text_add(out, "\n  ]");
}

static void add_popularities(const dg_metrics *m, dg_text *out)
{
    dg_text_add(out, ",\n  \"by_popularity\": [");
    for (int g = 0; g < DG_ITEM_GROUPS; g++) {
        const dg_popularity_slice *x = &m->by_popularity[g];
        dg_text_add(out, "%s\n    {\"group\": \"%s\", \"items\": %lld, \"targets\": %lld",
                    g > 0 ? "," : "", dg_popularity_group_name((dg_popularity_group)g),
                    (long long)x->items, (long long)x->targets);
        for (int j = 0; j < m->n_k && x->targets > 0; j++) {
            dg_text_add(out, ", ");
            add_named(out, &(dg_measure){.metric = DG_METRIC_RECALL, .k = m->k[j]}, x->recall[j]);
        }
        dg_text_add(out, "}");
    }
    dg_text_add(out, "\n  ]");
}

void dg_metrics_json(const dg_metrics *m, dg_text *out)
{
    int64_t sliced = 0;
    dg_text_add(out, "{\n  \"users\": %lld,\n  \"cold_users\": %lld,\n  \"targets\": %lld",
                (long long)m->users, (long long)m->cold_users, (long long)m->targets);
    for (int i = 0; i < m->n; i++) {
        dg_text_add(out, ",\n  ");
        add_named(out, &m->at[i], m->at[i].value);
    }
    for (int s = 0; s < DG_HISTORIES; s++) sliced += m->by_history[s].targets;
    add_intervals(m, out);
    if (sliced > 0) add_histories(m, out);
    if (m->n_k > 0) add_popularities(m, out);
    dg_text_add(out, "\n}\n");
}
