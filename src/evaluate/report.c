#include "evaluate/evaluate.h"

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
    if (m->k > 0)
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

void dg_metrics_json(const dg_metrics *m, dg_text *out)
{
    char name[48];
    dg_text_add(out, "{\n  \"users\": %lld,\n  \"cold_users\": %lld,\n  \"targets\": %lld",
                (long long)m->users, (long long)m->cold_users, (long long)m->targets);
    for (int i = 0; i < m->n; i++) {
        dg_text_add(out, ",\n  \"%s\": ", dg_measure_name(&m->at[i], name, sizeof name));
        add_number(out, m->at[i].value);
    }
    dg_text_add(out, "\n}\n");
}

/* The first of the measures that has a k; m->n when there is none. */
static int first_list(const dg_metrics *m)
{
    int i = 0;
    while (i < m->n && m->at[i].k == 0) i++;
    return i;
}

static void add_rows(const dg_metrics *m, dg_text *out)
{
    const int first = first_list(m);
    if (first == m->n) return;
    dg_text_add(out, "%-12s", "");
    for (int i = first; i < m->n && m->at[i].metric == m->at[first].metric; i++) {
        char head[16];
        snprintf(head, sizeof head, "@%d", m->at[i].k);
        dg_text_add(out, " %9s", head);
    }
    for (int i = first; i < m->n; i++) {
        if (i == first || m->at[i].metric != m->at[i - 1].metric)
            dg_text_add(out, "\n%-12s", dg_metric_name(m->at[i].metric));
        dg_text_add(out, " %9.5f", m->at[i].value);
    }
    dg_text_add(out, "\n");
}

void dg_metrics_table(const dg_metrics *m, dg_text *out)
{
    char count[32], targets[32];
    for (int i = 0; i < first_list(m); i++)
        dg_text_add(out, "%-12s %9.5f\n", dg_metric_name(m->at[i].metric), m->at[i].value);
    add_rows(m, out);
    dg_text_add(out, "%s users, %s targets", dg_show_count(m->users, count, sizeof count),
                dg_show_count(m->targets, targets, sizeof targets));
    if (m->cold_users > 0)
        dg_text_add(out, "; %s more users have no history and no list",
                    dg_show_count(m->cold_users, count, sizeof count));
    dg_text_add(out, "\n");
}
