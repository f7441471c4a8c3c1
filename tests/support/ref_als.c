#include "ref_als.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void swap_rows(int d, double *a, double *b, int i, int j)
{
    for (int c = 0; c < d; c++) {
        const double t = a[i * d + c];
        a[i * d + c] = a[j * d + c];
        a[j * d + c] = t;
    }
    const double t = b[i];
    b[i] = b[j];
    b[j] = t;
}

bool ref_solve(int d, double *a, double *b)
{
    for (int p = 0; p < d; p++) {
        int best = p;
        for (int r = p + 1; r < d; r++)
            if (fabs(a[r * d + p]) > fabs(a[best * d + p])) best = r;
        if (a[best * d + p] == 0) return false;
        swap_rows(d, a, b, p, best);
        for (int r = p + 1; r < d; r++) {
            const double f = a[r * d + p] / a[p * d + p];
            for (int c = p; c < d; c++) a[r * d + c] -= f * a[p * d + c];
            b[r] -= f * b[p];
        }
    }
    for (int p = d - 1; p >= 0; p--) {
        for (int c = p + 1; c < d; c++) b[p] -= a[p * d + c] * b[c];
        b[p] /= a[p * d + p];
    }
    return true;
}

static double value_at(const ref_als *r, bool of_users, int64_t own, int64_t other)
{
    return of_users ? r->value[own * r->n_items + other] : r->value[other * r->n_items + own];
}

/* ---- systems, as published ---- */

typedef struct pair_terms {
    double in_matrix, in_right_side; /* factors of y y' and of y */
} pair_terms;

static pair_terms terms_of(const ref_als *r, double v)
{
    const bool liked = v > 0;
    const double alpha = r->alpha, size = fabs(v);
    const double log_weight = alpha * log(1 + size / r->epsilon);
    switch (r->law) {
    case REF_IALS: return (pair_terms){1, liked ? 1 : 0};
    case REF_IALS_LOG: return (pair_terms){log_weight, liked ? log_weight : 0};
    case REF_HKV: return (pair_terms){alpha * size, liked ? r->alpha0 + alpha * v : 0};
    case REF_IMPLICIT: return (pair_terms){alpha * size - 1, liked ? alpha * v : 0};
    case REF_SPARK: return (pair_terms){alpha * size, liked ? 1 + alpha * v : 0};
    case REF_ONEDAL: return (pair_terms){alpha * v, liked ? 1 + alpha * v : 0};
    case REF_PAPER_HKV: return (pair_terms){alpha * size, liked ? 1 + alpha * v : 0};
    default: abort(); /* ratings have no such terms */
    }
}

static double weight_of_all(const ref_als *r)
{
    if (r->law == REF_RATINGS) return 0;
    return r->law == REF_IALS || r->law == REF_IALS_LOG || r->law == REF_HKV ? r->alpha0 : 1;
}

/* lambda as the law scales it, from n entries of which n_liked are positive. */
static double scaled(const ref_als *r, double lambda, int64_t n, int64_t n_liked, int64_t n_other)
{
    switch (r->law) {
    case REF_RATINGS: return lambda * pow((double)n, r->nu);
    case REF_IMPLICIT:
    case REF_PAPER_HKV: return lambda;
    case REF_SPARK: return lambda * (double)n_liked;
    case REF_ONEDAL: return lambda * (double)n;
    default: return lambda * pow((double)n + r->alpha0 * (double)n_other, r->nu);
    }
}

static void add_outer(int d, double weight, const double *y, double *m)
{
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) m[i * d + j] += weight * y[i] * y[j];
}

static double row_lambda(const ref_als *r, bool of_users, int64_t at)
{
    const int64_t n_other = of_users ? r->n_items : r->n_users;
    int64_t n = 0, n_liked = 0;
    for (int64_t o = 0; o < n_other; o++) {
        const double v = value_at(r, of_users, at, o);
        n += !isnan(v);
        n_liked += v > 0;
    }
    return n == 0 ? 0 : scaled(r, of_users ? r->reg_user : r->reg_item, n, n_liked, n_other);
}

/* y with its bias moved to the target, where there are biases. */
static void feature_of(const ref_als *r, bool of_users, int64_t other, double *y, double *bias)
{
    const double *row = (of_users ? r->items : r->users) + other * r->d;
    memcpy(y, row, (size_t)r->d * sizeof *y);
    *bias = r->biases ? row[r->d - 1] : 0;
    if (r->biases) y[r->d - 1] = 1;
}

static int64_t system_of(const ref_als *r, bool of_users, int64_t at, double *m, double *b)
{
    const int d = r->d;
    const int64_t n_other = of_users ? r->n_items : r->n_users;
    double *y = calloc((size_t)d, sizeof *y);
    int64_t n = 0;
    memset(m, 0, (size_t)(d * d) * sizeof *m);
    memset(b, 0, (size_t)d * sizeof *b);
    for (int64_t o = 0; o < n_other; o++) {
        const double v = value_at(r, of_users, at, o);
        double bias;
        feature_of(r, of_users, o, y, &bias);
        if (weight_of_all(r) != 0) add_outer(d, weight_of_all(r), y, m);
        if (isnan(v)) continue;
        n++;
        const pair_terms t =
            r->law == REF_RATINGS ? (pair_terms){1, v - r->mean - bias} : terms_of(r, v);
        add_outer(d, t.in_matrix, y, m);
        for (int k = 0; k < d; k++) b[k] += t.in_right_side * y[k];
    }
    for (int k = 0; k < d; k++) m[k * d + k] += row_lambda(r, of_users, at);
    free(y);
    return n;
}

bool ref_als_row(const ref_als *r, bool of_users, int64_t at, double *x)
{
    double *m = calloc((size_t)(r->d * r->d), sizeof *m);
    const int64_t n = system_of(r, of_users, at, m, x);
    const bool good = n == 0 || ref_solve(r->d, m, x);
    free(m);
    return good;
}

/* ---- one block of columns at a time ---- */

void ref_als_scores(const ref_als *r, double *score)
{
    for (int64_t u = 0; u < r->n_users; u++)
        for (int64_t i = 0; i < r->n_items; i++) {
            const double *w = r->users + u * r->d, *h = r->items + i * r->d;
            const int n = r->biases ? r->d - 1 : r->d;
            double s = r->biases ? w[n] + h[n] : 0;
            for (int k = 0; k < n; k++) s += w[k] * h[k];
            score[u * r->n_items + i] = s;
        }
}

/* alpha0 (F_p'F) x + lambda x_p, and the block of alpha0 F'F + lambda I, over all features. */
static void start_block(const ref_als *r, bool of_users, int64_t at, int begin, int n, double *m,
                        double *g)
{
    const int64_t n_other = of_users ? r->n_items : r->n_users;
    const double *x = (of_users ? r->users : r->items) + at * r->d;
    const double *features = of_users ? r->items : r->users;
    for (int i = 0; i < n; i++) {
        g[i] = row_lambda(r, of_users, at) * x[begin + i];
        for (int j = 0; j < r->d; j++) {
            double sum = 0;
            for (int64_t o = 0; o < n_other && weight_of_all(r) != 0; o++)
                sum += weight_of_all(r) * features[o * r->d + begin + i] * features[o * r->d + j];
            g[i] += sum * x[j];
            if (j >= begin && j < begin + n) m[i * n + j - begin] = sum;
        }
        m[i * n + i] += row_lambda(r, of_users, at);
    }
}

bool ref_als_block(ref_als *r, bool of_users, int64_t at, int begin, int n, double *score)
{
    const int64_t n_other = of_users ? r->n_items : r->n_users;
    double *x = (of_users ? r->users : r->items) + at * r->d + begin, bias;
    double *m = calloc((size_t)(n * n), sizeof *m), *g = calloc((size_t)n, sizeof *g);
    double *y = calloc((size_t)r->d, sizeof *y);
    int64_t entries = 0;
    start_block(r, of_users, at, begin, n, m, g);
    for (int64_t o = 0; o < n_other; o++) {
        const double v = value_at(r, of_users, at, o);
        if (isnan(v)) continue;
        entries++;
        const double s = score[of_users ? at * r->n_items + o : o * r->n_items + at];
        const pair_terms t = r->law == REF_RATINGS ? (pair_terms){1, v - r->mean} : terms_of(r, v);
        feature_of(r, of_users, o, y, &bias);
        add_outer(n, t.in_matrix, y + begin, m);
        for (int k = 0; k < n; k++) g[k] += (t.in_matrix * s - t.in_right_side) * y[begin + k];
    }
    const bool good = entries == 0 || ref_solve(n, m, g);
    if (entries == 0) memcpy(g, x, (size_t)n * sizeof *g);
    for (int64_t o = 0; o < n_other; o++) {
        feature_of(r, of_users, o, y, &bias);
        for (int k = 0; k < n; k++)
            score[of_users ? at * r->n_items + o : o * r->n_items + at] -= g[k] * y[begin + k];
    }
    for (int k = 0; k < n; k++) x[k] -= g[k];
    free(m);
    free(g);
    free(y);
    return good;
}

double ref_als_residual(const ref_als *r, bool of_users, int64_t at, int begin, int n)
{
    const int d = r->d;
    const double *x = (of_users ? r->users : r->items) + at * d;
    double *m = calloc((size_t)(d * d), sizeof *m), *b = calloc((size_t)d, sizeof *b);
    double most = 0, size = 0;
    if (system_of(r, of_users, at, m, b) > 0)
        for (int i = begin; i < begin + n; i++) {
            double left = b[i];
            for (int j = 0; j < d; j++) left -= m[i * d + j] * x[j];
            most = fmax(most, fabs(left));
            size = fmax(size, fabs(b[i]));
        }
    free(m);
    free(b);
    return size == 0 ? most : most / size;
}

/* ---- losses, from what a pair weighs and aims at ---- */

static double score_of(const ref_als *r, int64_t u, int64_t i)
{
    const double *w = r->users + u * r->d, *h = r->items + i * r->d;
    const int n = r->biases ? r->d - 1 : r->d;
    double s = r->mean + (r->biases ? w[n] + h[n] : 0);
    for (int k = 0; k < n; k++) s += w[k] * h[k];
    return s;
}

/* Whole confidence of an observed value in the losses that weigh every pair once. */
static double confidence_of(const ref_als *r, double v)
{
    switch (r->law) {
    case REF_HKV: return r->alpha0 + r->alpha * fabs(v);
    case REF_IMPLICIT: return r->alpha * fabs(v);
    case REF_ONEDAL: return 1 + r->alpha * v;
    default: return 1 + r->alpha * fabs(v);
    }
}

static void add_pair(const ref_als *r, double v, double score, ref_loss *l)
{
    const double aim = v > 0 ? 1 : 0;
    const bool seen = !isnan(v);
    if (r->law == REF_RATINGS) {
        if (seen) l->observed += (v - score) * (v - score);
    } else if (r->law == REF_IALS || r->law == REF_IALS_LOG) { /* zero is an aim of every pair */
        const double weight = r->law == REF_IALS ? 1 : r->alpha * log(1 + fabs(v) / r->epsilon);
        if (seen) l->observed += weight * (score - aim) * (score - aim);
        l->unobserved += r->alpha0 * score * score;
    } else if (seen) {
        l->observed += confidence_of(r, v) * (score - aim) * (score - aim);
    } else {
        l->unobserved += (r->law == REF_HKV ? r->alpha0 : 1) * score * score;
    }
}

static double square(const double *x, int d)
{
    double sum = 0;
    for (int k = 0; k < d; k++) sum += x[k] * x[k];
    return sum;
}

ref_loss ref_als_loss(const ref_als *r)
{
    ref_loss l = {0};
    for (int64_t u = 0; u < r->n_users; u++)
        for (int64_t i = 0; i < r->n_items; i++)
            add_pair(r, r->value[u * r->n_items + i], score_of(r, u, i), &l);
    for (int64_t u = 0; u < r->n_users; u++)
        l.regularization += row_lambda(r, true, u) * square(r->users + u * r->d, r->d);
    for (int64_t i = 0; i < r->n_items; i++)
        l.regularization += row_lambda(r, false, i) * square(r->items + i * r->d, r->d);
    return l;
}

double ref_als_gradient(ref_als *r, bool of_users, int64_t at, int k)
{
    const double step = 1e-3;
    double *x = (of_users ? r->users : r->items) + at * r->d + k;
    const double kept = *x;
    *x = kept + step;
    const double above = ref_total(ref_als_loss(r));
    *x = kept - step;
    const double below = ref_total(ref_als_loss(r));
    *x = kept;
    return (above - below) / (2 * step);
}
