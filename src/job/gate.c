#include "job/gate.h"

#include "base/file.h"
#include "base/memory.h"
#include "evaluate/users.h"
#include "registry/bootstrap.h"
#include "registry/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A gate on its way to a verdict. Rank 0 reads; draws are shared. A user has two sums for each
 * metric: what is divided, and what by. */
typedef struct trial {
    const dg_work *w;
    dg_gate *gate;
    int names;
    bool has_champion;
    double mine[DG_GATE_NAMES], theirs[DG_GATE_NAMES];
    dg_user_ratio ratio[DG_GATE_NAMES];    /* of this model's table; over < 0: no mean over users */
    int64_t n;                             /* users; 0: no draws */
    uint64_t *user;                        /* (n,) hashes of their ids */
    double *mine_of_user, *theirs_of_user; /* (n, 2 names) */
    double *mine_drawn, *theirs_drawn;     /* (n_draws, names) of (n_draws, 2 names) */
} trial;

static void free_trial(trial *t)
{
    dg_gate_destroy(&t->gate);
    dg_free(t->user);
    dg_free(t->mine_of_user);
    dg_free(t->theirs_of_user);
    dg_free(t->mine_drawn);
    dg_free(t->theirs_drawn);
}

static dg_status read_json(const char *path, json_t **out, dg_err *err)
{
    dg_text text = {0};
    *out = NULL;
    dg_status st = dg_file_read(path, 1 << 24, &text, err);
    if (st == DG_OK) *out = json_loadb(text.n > 0 ? text.at : "", text.n, 0, NULL);
    if (st == DG_OK && !json_is_object(*out))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: is not a JSON object", path);
    dg_text_free(&text);
    if (st == DG_OK) return st;
    json_decref(*out);
    *out = NULL;
    return st;
}

/* Is `name` asked of the champion? Its own value may be missing where nobody asks. */
static dg_status take_values(const trial *t, const json_t *metrics, const char *whose,
                             double *value, dg_err *err)
{
    for (int k = 0; k < t->names; k++) {
        const json_t *v = json_object_get(metrics, dg_gate_name(t->gate, k));
        value[k] = json_is_number(v) ? json_number_value(v) : NAN;
        if (!json_is_number(v))
            return DG_FAIL(err, DG_ERR_CONFIG, "publish.gate: %s was not measured of %s",
                           dg_gate_name(t->gate, k), whose);
    }
    return DG_OK;
}

static dg_status read_values(trial *t, const dg_measures *mine, const dg_measures *theirs,
                             bool *split_differs, dg_err *err)
{
    char whose[64];
    json_t *own = NULL, *other = NULL;
    dg_status st = read_json(mine->json, &own, err);
    if (st == DG_ERR_NOINPUT)
        dg_err_hint(err, st, "a gate needs an evaluation: prepare.split must hold something back");
    if (st == DG_OK) st = take_values(t, own, "this model", t->mine, err);
    if (st == DG_OK && t->has_champion) {
        snprintf(whose, sizeof whose, "the champion %s", theirs->version);
        st = read_json(theirs->json, &other, err);
        if (st == DG_OK) st = take_values(t, other, whose, t->theirs, err);
        const char *a = json_string_value(json_object_get(own, "split"));
        const char *b = json_string_value(json_object_get(other, "split"));
        *split_differs = st == DG_OK && (a == NULL || b == NULL || strcmp(a, b) != 0);
    }
    json_decref(own);
    json_decref(other);
    return st;
}

/* ---- draws ---- */

static void find_ratios(trial *t, const dg_user_table *table)
{
    for (int k = 0; k < t->names; k++)
        if (!dg_user_table_measure(table, dg_gate_name(t->gate, k), &t->ratio[k]))
            t->ratio[k] = (dg_user_ratio){-1, -1, false};
}

static dg_status pick_sums(const trial *t, const dg_user_table *table, const char *path,
                           double **out, dg_err *err)
{
    dg_user_ratio ratio[DG_GATE_NAMES];
    for (int k = 0; k < t->names;
         k++) { /* tables of any columns have them in places of their own */
        ratio[k] = t->ratio[k];
        if (ratio[k].over >= 0 &&
            !dg_user_table_measure(table, dg_gate_name(t->gate, k), &ratio[k]))
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: has no measures of %s", path,
                           dg_gate_name(t->gate, k));
    }
    *out = dg_alloc((size_t)table->n * 2 * (size_t)t->names, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for measures of users");
    for (int64_t u = 0; u < table->n; u++) {
        const double *row = table->value + u * table->n_cols;
        double *to = *out + 2 * u * t->names;
        for (int k = 0; k < t->names; k++, to += 2) {
            to[0] = ratio[k].over < 0 ? 0 : row[ratio[k].over];
            to[1] = ratio[k].over < 0 ? 0 : row[ratio[k].by];
        }
    }
    return DG_OK;
}

static dg_status read_users(trial *t, const dg_measures *mine, const dg_measures *theirs,
                            dg_err *err)
{
    dg_user_table own = {0}, other = {0};
    dg_status st = dg_user_table_read(mine->users, &own, err);
    if (st == DG_OK) find_ratios(t, &own);
    if (st == DG_OK) st = pick_sums(t, &own, mine->users, &t->mine_of_user, err);
    if (st == DG_OK && t->has_champion) {
        st = dg_user_table_read(theirs->users, &other, err);
        if (st == DG_ERR_NOINPUT)
            dg_err_hint(err, st,
                        "the champion was published without evaluate.per_user; "
                        "publish.rescore: true measures it anew");
        if (st == DG_OK && !dg_user_table_pairs(&own, &other))
            st = DG_FAIL(err, DG_ERR_DATA, "%s: has other users than %s", theirs->users,
                         mine->users);
        if (st == DG_OK) st = pick_sums(t, &other, theirs->users, &t->theirs_of_user, err);
    }
    t->n = own.n;
    t->user = own.hash;
    own.hash = NULL;
    dg_user_table_free(&own);
    dg_user_table_free(&other);
    return st;
}

/* Rank 0's measures to all. COLLECTIVE. */
static dg_status share_users(trial *t, dg_err *err)
{
    const dg_comm *c = t->w->comm;
    const size_t m = 2 * (size_t)t->names, draws = (size_t)t->w->job->publish.resamples;
    dg_bcast(c, &t->n, sizeof t->n, 0);
    dg_bcast(c, t->ratio, sizeof t->ratio, 0);
    const size_t n = (size_t)t->n;
    dg_status st = DG_OK;
    if (c->rank != 0) t->user = dg_alloc(n, sizeof *t->user);
    if (c->rank != 0) t->mine_of_user = dg_alloc(n * m, sizeof(double));
    if (c->rank != 0 && t->has_champion) t->theirs_of_user = dg_alloc(n * m, sizeof(double));
    t->mine_drawn = dg_alloc(draws * m, sizeof(double));
    t->theirs_drawn = dg_alloc(draws * m, sizeof(double));
    if (t->user == NULL || t->mine_of_user == NULL || t->mine_drawn == NULL ||
        t->theirs_drawn == NULL || (t->has_champion && t->theirs_of_user == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a bootstrap of %zu users", n);
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    dg_bcast(c, t->user, n * sizeof *t->user, 0);
    dg_bcast(c, t->mine_of_user, n * m * sizeof(double), 0);
    if (t->has_champion) dg_bcast(c, t->theirs_of_user, n * m * sizeof(double), 0);
    return DG_OK;
}

/* Sums of a draw become values of the metrics; a draw without any user is the sample itself. */
static void to_values(const trial *t, const double *constant, const double *sum, double *value)
{
    for (int k = 0; k < t->names; k++) {
        const double v = t->ratio[k].over < 0
                             ? NAN
                             : dg_user_ratio_value(&t->ratio[k], sum[2 * k], sum[2 * k + 1]);
        value[k] = isnan(v) ? constant[k] : v;
    }
}

static void draw_own(const trial *t, int64_t begin, int64_t end)
{
    const int m = 2 * t->names;
    uint8_t weight[256];
    for (int64_t at = begin; at < end; at += (int64_t)sizeof weight) {
        const int64_t n = end - at < (int64_t)sizeof weight ? end - at : (int64_t)sizeof weight;
        for (int64_t u = 0; u < t->n; u++) {
            dg_bootstrap_weights((uint64_t)t->w->job->seed, t->user[u], at, at + n, weight);
            dg_bootstrap_add(weight, n, t->mine_of_user + u * m, m, t->mine_drawn + at * m);
            if (t->has_champion)
                dg_bootstrap_add(weight, n, t->theirs_of_user + u * m, m, t->theirs_drawn + at * m);
        }
    }
}

/* Every rank draws its share; nobody else has anything there, so sums of whole numbers put the bits
 * together. COLLECTIVE. */
static void draw(trial *t)
{
    const dg_comm *c = t->w->comm;
    const int64_t n = t->w->job->publish.resamples, m = 2 * t->names;
    double sum[2 * DG_GATE_NAMES];
    draw_own(t, n * c->rank / c->size, n * (c->rank + 1) / c->size);
    dg_sum_int64(c, (int64_t *)t->mine_drawn, (int)(n * m));
    if (t->has_champion) dg_sum_int64(c, (int64_t *)t->theirs_drawn, (int)(n * m));
    for (int64_t d = 0; d < n; d++) { /* in place: a value's row is shorter than its sums' */
        memcpy(sum, t->mine_drawn + d * m, (size_t)m * sizeof *sum);
        to_values(t, t->mine, sum, t->mine_drawn + d * t->names);
        memcpy(sum, t->theirs_drawn + d * m, (size_t)m * sizeof *sum);
        to_values(t, t->theirs, sum, t->theirs_drawn + d * t->names);
    }
}

/* ---- the verdict ---- */

static dg_status judge(const trial *t, const dg_measures *theirs, dg_verdict *out, dg_err *err)
{
    const dg_job *job = t->w->job;
    const bool drawn = job->publish.confidence > 0;
    const dg_gate_case with = {.mine = t->mine,
                               .theirs = t->has_champion ? t->theirs : NULL,
                               .mine_drawn = drawn ? t->mine_drawn : NULL,
                               .theirs_drawn = drawn ? t->theirs_drawn : NULL,
                               .n_draws = drawn ? job->publish.resamples : 0,
                               .confidence = job->publish.confidence};
    json_t *parts = NULL;
    dg_text line = {0};
    dg_status st = dg_gate_judge(t->gate, &with, &out->passed, &parts, err);
    if (st != DG_OK) return st;
    dg_gate_show(parts, &line);
    out->line = line.at;
    out->told = json_pack("{s:s, s:b, s:o}", "gate", job->publish.gate, "passed", out->passed,
                          "parts", parts);
    if (theirs != NULL) json_object_set_new(out->told, "against", json_string(theirs->version));
    if (drawn) {
        json_object_set_new(out->told, "confidence", json_real(job->publish.confidence));
        json_object_set_new(out->told, "resamples", json_integer(job->publish.resamples));
        json_object_set_new(out->told, "users", json_integer(t->n));
    }
    return line.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a verdict") : DG_OK;
}

static dg_status find(trial *t, const dg_measures *mine, const dg_measures *theirs,
                      bool *split_differs, dg_verdict *out, dg_err *err)
{
    const dg_comm *c = t->w->comm;
    const bool speaks = c->rank == 0, drawn = t->w->job->publish.confidence > 0;
    int differs = 0;
    dg_status st = speaks ? read_values(t, mine, theirs, split_differs, err) : DG_OK;
    st = dg_agree(c, st, err);
    if (speaks) differs = *split_differs;
    dg_bcast(c, &differs, sizeof differs, 0);
    *split_differs = differs != 0;
    if (st != DG_OK || *split_differs) return st;
    dg_bcast(c, t->mine, sizeof t->mine, 0);
    dg_bcast(c, t->theirs, sizeof t->theirs, 0);
    if (drawn) {
        st = dg_agree(c, speaks ? read_users(t, mine, theirs, err) : DG_OK, err);
        if (st == DG_OK) st = share_users(t, err);
        if (st == DG_OK) draw(t);
    }
    if (st == DG_OK && speaks) st = judge(t, theirs, out, err);
    st = dg_agree(c, st, err);
    int passed = out->passed;
    dg_bcast(c, &passed, sizeof passed, 0);
    out->passed = passed != 0;
    return st;
}

dg_status dg_verdict_find(const dg_work *w, const dg_measures *mine, const dg_measures *theirs,
                          bool *split_differs, dg_verdict *out, dg_err *err)
{
    trial t = {.w = w};
    *out = (dg_verdict){.passed = true};
    *split_differs = false;
    if (w->job->publish.gate[0] == '\0') return DG_OK;
    dg_status st = dg_agree(w->comm, dg_gate_parse(w->job->publish.gate, &t.gate, err), err);
    if (st == DG_OK) {
        t.names = dg_gate_names(t.gate);
        t.has_champion = theirs != NULL && dg_gate_asks_champion(t.gate);
        st = find(&t, mine, theirs, split_differs, out, err);
    }
    free_trial(&t);
    if (st != DG_OK) dg_verdict_free(out);
    return st;
}

void dg_verdict_free(dg_verdict *v)
{
    json_decref(v->told);
    dg_free(v->line);
    *v = (dg_verdict){0};
}
