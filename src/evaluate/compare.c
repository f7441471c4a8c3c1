#include "evaluate/compare.h"

#include "base/memory.h"
#include "registry/bootstrap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SUMS = 4 }; /* of a measure: over and by of a, then of b */

typedef struct pairing {
    dg_user_ratio a, b;
} pairing;

/* Is anything there? Models without ratings have columns of zeros for them. */
static bool is_measured(const dg_user_table *t, const dg_user_ratio *r)
{
    double over = 0, by = 0;
    for (int64_t u = 0; u < t->n; u++) {
        over += fabs(t->value[u * t->n_cols + r->over]);
        by += t->value[u * t->n_cols + r->by];
    }
    return by > 0 && (over > 0 || r->over >= DG_USER_LISTS);
}

static void add(const dg_user_table *a, const dg_user_table *b, const char *name, pairing *pair,
                dg_difference *out, int *n)
{
    pairing *p = &pair[*n];
    if (!dg_user_table_measure(a, name, &p->a) || !dg_user_table_measure(b, name, &p->b)) return;
    if (!is_measured(a, &p->a) || !is_measured(b, &p->b)) return;
    out[*n] = (dg_difference){.p = 1};
    snprintf(out[(*n)++].name, sizeof out->name, "%s", name);
}

static void find_measures(const dg_user_table *a, const dg_user_table *b, pairing *pair,
                          dg_difference *out, int *n)
{
    static const char *const single[] = {"rmse", "mae", "logloss", "auc", "gauc"};
    char name[48];
    for (size_t k = 0; k < sizeof single / sizeof *single; k++) add(a, b, single[k], pair, out, n);
    for (const char *at = a->columns; *at != '\0'; at = strchr(at, ' ') + 1) {
        const size_t length = strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (memchr(at, '@', length) != NULL) add(a, b, name, pair, out, n);
    }
}

static void fill_row(const dg_user_table *a, const dg_user_table *b, const pairing *pair, int n,
                     int64_t user, double *row)
{
    const double *x = a->value + user * a->n_cols, *y = b->value + user * b->n_cols;
    for (int k = 0; k < n; k++, row += SUMS) {
        row[0] = x[pair[k].a.over];
        row[1] = x[pair[k].a.by];
        row[2] = y[pair[k].b.over];
        row[3] = y[pair[k].b.by];
    }
}

/* Room for it all: (n SUMS,) of a user, (1 + resamples, n SUMS) sums, the first of the sample. */
typedef struct room_of {
    double *row, *sum, *drawn;
    uint8_t *weight;
} room_of;

static void add_users(const dg_user_table *a, const dg_user_table *b, const pairing *pair,
                      const dg_compare_options *o, room_of *r, dg_difference *out, int n)
{
    const int cols = n * SUMS;
    const uint8_t once = 1;
    for (int64_t u = 0; u < a->n; u++) {
        fill_row(a, b, pair, n, u, r->row);
        dg_bootstrap_weights(o->seed, a->hash[u], 0, o->resamples, r->weight);
        dg_bootstrap_add(&once, 1, r->row, cols, r->sum);
        dg_bootstrap_add(r->weight, o->resamples, r->row, cols, r->sum + cols);
        for (int k = 0; k < n; k++) {
            const double *at = r->row + k * SUMS;
            if (!(at[1] > 0) || !(at[3] > 0)) continue;
            out[k].better += at[2] / at[3] > at[0] / at[1];
            out[k].worse += at[2] / at[3] < at[0] / at[1];
        }
    }
}

static double difference(const pairing *p, const double *sum)
{
    return dg_user_ratio_value(&p->b, sum[2], sum[3]) - dg_user_ratio_value(&p->a, sum[0], sum[1]);
}

static void judge(const pairing *p, const dg_compare_options *o, const room_of *r, int k, int n,
                  dg_difference *out)
{
    const double *sum = r->sum + k * SUMS;
    int64_t below = 0, above = 0;
    out->a = dg_user_ratio_value(&p->a, sum[0], sum[1]);
    out->b = dg_user_ratio_value(&p->b, sum[2], sum[3]);
    for (int64_t d = 0; d < o->resamples; d++) {
        const double v = difference(p, sum + (d + 1) * n * SUMS);
        r->drawn[d] = isnan(v) ? out->b - out->a : v; /* a resample without any user */
        below += r->drawn[d] <= 0;
        above += r->drawn[d] >= 0;
    }
    const int64_t fewer = below < above ? below : above;
    out->p = fmin(1, 2 * (double)(1 + fewer) / (double)(1 + o->resamples));
    dg_bootstrap_interval(r->drawn, o->resamples, o->confidence, &out->low, &out->high);
}

static dg_status check(const dg_user_table *a, const dg_user_table *b, dg_err *err)
{
    if (strcmp(a->split, b->split) == 0 && dg_user_table_pairs(a, b)) return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_DATA, "the two models were judged by other held-out ratings");
    return dg_err_hint(err, st,
                       "users, items, values and evaluate.exclude_seen must be the same of both");
}

dg_status dg_compare(const dg_user_table *a, const dg_user_table *b, const dg_compare_options *o,
                     dg_difference **out, int *n, dg_err *err)
{
    const size_t most = (size_t)a->n_cols + 5, draws = (size_t)o->resamples;
    room_of r = {0};
    *out = NULL;
    *n = 0;
    dg_status st = check(a, b, err);
    if (st != DG_OK) return st;
    pairing *pair = dg_alloc(most, sizeof *pair);
    dg_difference *found = dg_alloc(most, sizeof *found);
    if (pair != NULL && found != NULL) find_measures(a, b, pair, found, n);
    r.row = dg_alloc((size_t)*n * SUMS, sizeof *r.row);
    r.sum = dg_alloc((size_t)*n * SUMS * (draws + 1), sizeof *r.sum);
    r.drawn = dg_alloc(draws, sizeof *r.drawn);
    r.weight = dg_alloc(draws, sizeof *r.weight);
    if (pair == NULL || found == NULL || r.row == NULL || r.sum == NULL || r.drawn == NULL ||
        r.weight == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory comparing %lld users", (long long)a->n);
    else if (*n == 0)
        st = DG_FAIL(err, DG_ERR_DATA, "the two models have no measure in common");
    if (st == DG_OK) {
        add_users(a, b, pair, o, &r, found, *n);
        for (int k = 0; k < *n; k++) judge(&pair[k], o, &r, k, *n, &found[k]);
        *out = found;
        found = NULL;
    }
    dg_free(pair);
    dg_free(found);
    dg_free(r.row);
    dg_free(r.sum);
    dg_free(r.drawn);
    dg_free(r.weight);
    return st;
}
