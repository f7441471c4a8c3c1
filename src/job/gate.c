#include "job/gate.h"

#include "base/file.h"
#include "base/memory.h"
#include "evaluate/users.h"
#include "registry/bootstrap.h"
#include "registry/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_SUMS = 2 + DG_GATE_NAMES }; /* users ranked, targets, then what each metric adds up */

/* A gate on its way to a verdict. Rank 0 reads; draws are shared. */
typedef struct trial {
    const dg_work *w;
    dg_gate *gate;
    int names;
    bool has_champion;
    double mine[DG_GATE_NAMES], theirs[DG_GATE_NAMES];
    int column[DG_GATE_NAMES];             /* of a table of users; -1: not a mean over users */
    dg_bootstrap users;                    /* n == 0: no draws */
    double *mine_of_user, *theirs_of_user; /* (n, 2 + names) */
    double *mine_drawn, *theirs_drawn;     /* (n_draws, names) */
} trial;

static void free_trial(trial *t)
{
    dg_gate_destroy(&t->gate);
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

static void find_columns(trial *t, const dg_user_table *table)
{
    for (int k = 0; k < t->names; k++) {
        const char *name = dg_gate_name(t->gate, k);
        t->column[k] = strcmp(name, "rmse") == 0  ? DG_USER_SQUARES
                       : strcmp(name, "mae") == 0 ? DG_USER_MISSES
                                                  : dg_user_table_column(table, name);
        if (t->column[k] >= 0 && t->column[k] < DG_USER_SQUARES) t->column[k] = -1;
    }
}

static dg_status pick_sums(const trial *t, const dg_user_table *table, const char *path,
                           double **out, dg_err *err)
{
    const int m = 2 + t->names;
    int column[DG_GATE_NAMES];
    for (int k = 0; k < t->names; k++) {
        column[k] = t->column[k];
        if (column[k] < DG_USER_LISTS) continue; /* where tables of any columns have them */
        column[k] = dg_user_table_column(table, dg_gate_name(t->gate, k));
        if (column[k] < 0)
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: has no measures of %s", path,
                           dg_gate_name(t->gate, k));
    }
    *out = dg_alloc((size_t)table->n * (size_t)m, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for measures of users");
    for (int64_t u = 0; u < table->n; u++) {
        const double *row = table->value + u * table->n_cols;
        double *to = *out + u * m;
        to[0] = row[DG_USER_RANKED];
        to[1] = row[DG_USER_TARGETS];
        for (int k = 0; k < t->names; k++) to[2 + k] = column[k] < 0 ? 0 : row[column[k]];
    }
    return DG_OK;
}

static dg_status read_users(trial *t, const dg_measures *mine, const dg_measures *theirs,
                            dg_err *err)
{
    dg_user_table own = {0}, other = {0};
    dg_status st = dg_user_table_read(mine->users, &own, err);
    if (st == DG_OK) find_columns(t, &own);
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
    t->users.n = own.n;
    dg_user_table_free(&own);
    dg_user_table_free(&other);
    return st;
}

/* Rank 0's measures to all. COLLECTIVE. */
static dg_status share_users(trial *t, dg_err *err)
{
    const dg_comm *c = t->w->comm;
    const size_t m = 2 + (size_t)t->names, draws = (size_t)t->w->job->publish.resamples;
    dg_bcast(c, &t->users.n, sizeof t->users.n, 0);
    dg_bcast(c, t->column, sizeof t->column, 0);
    const size_t n = (size_t)t->users.n;
    dg_status st = DG_OK;
    if (c->rank != 0) t->mine_of_user = dg_alloc(n * m, sizeof(double));
    if (c->rank != 0 && t->has_champion) t->theirs_of_user = dg_alloc(n * m, sizeof(double));
    t->mine_drawn = dg_alloc(draws * m, sizeof(double));
    t->theirs_drawn = dg_alloc(draws * m, sizeof(double));
    if (t->mine_of_user == NULL || t->mine_drawn == NULL || t->theirs_drawn == NULL ||
        (t->has_champion && t->theirs_of_user == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a bootstrap of %zu users", n);
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    dg_bcast(c, t->mine_of_user, n * m * sizeof(double), 0);
    if (t->has_champion) dg_bcast(c, t->theirs_of_user, n * m * sizeof(double), 0);
    t->users = (dg_bootstrap){.n = t->users.n,
                              .n_cols = (int)m,
                              .mine = t->mine_of_user,
                              .theirs = t->theirs_of_user,
                              .seed = (uint64_t)t->w->job->seed};
    return DG_OK;
}

/* Sums of a draw become values of the metrics. */
static void to_values(const trial *t, const double *constant, const double *sum, double *value)
{
    for (int k = 0; k < t->names; k++) {
        const bool rated = t->column[k] == DG_USER_SQUARES || t->column[k] == DG_USER_MISSES;
        const double mean = sum[2 + k] / (rated ? sum[1] : sum[0]);
        value[k] = t->column[k] < 0                  ? constant[k]
                   : t->column[k] == DG_USER_SQUARES ? sqrt(mean)
                                                     : mean;
    }
}

/* Every rank draws its share; nobody else has anything there, so sums of whole numbers put the bits
 * together. COLLECTIVE. */
static void draw(trial *t)
{
    const dg_comm *c = t->w->comm;
    const int64_t n = t->w->job->publish.resamples, m = t->users.n_cols;
    const int64_t begin = n * c->rank / c->size, end = n * (c->rank + 1) / c->size;
    dg_bootstrap_draw(&t->users, begin, end, t->mine_drawn + begin * m,
                      t->theirs_drawn + begin * m);
    dg_sum_int64(c, (int64_t *)t->mine_drawn, (int)(n * m));
    if (t->has_champion) dg_sum_int64(c, (int64_t *)t->theirs_drawn, (int)(n * m));
    for (int64_t d = 0; d < n; d++) { /* in place: a value's row is shorter than its sums' */
        double sum[N_SUMS];
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
        json_object_set_new(out->told, "users", json_integer(t->users.n));
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
