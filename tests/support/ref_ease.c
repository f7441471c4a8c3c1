#include "ref_ease.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double value_of(float v, bool binary) { return isnan(v) ? 0 : binary ? 1 : (double)v; }

static bool held_out(const made_shop *shop, int64_t user)
{
    for (int64_t i = 0; shop->fold_in != NULL && i < shop->n_items; i++)
        if (!isnan(shop->fold_in(user, i))) return true;
    return false;
}

double ref_profile(const made_shop *shop, int64_t user, int64_t item, bool binary)
{
    return value_of(held_out(shop, user) ? shop->fold_in(user, item) : shop->train(user, item),
                    binary);
}

double *ref_gram(const made_shop *shop, bool binary)
{
    const int64_t n = shop->n_items;
    double *g = dg_alloc((size_t)(n * n), sizeof *g), *x = dg_alloc((size_t)n, sizeof *x);
    for (int64_t u = 0; u < shop->n_users; u++) {
        for (int64_t i = 0; i < n; i++) x[i] = value_of(shop->train(u, i), binary);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) g[i * n + j] += x[i] * x[j];
    }
    dg_free(x);
    return g;
}

/* [a | p] to [1 | a^-1], row by row. */
static void invert(double *a, double *p, int64_t n)
{
    for (int64_t k = 0; k < n; k++) p[k * n + k] = 1;
    for (int64_t k = 0; k < n; k++) {
        const double pivot = a[k * n + k];
        if (!(pivot > 0)) {
            fprintf(stderr, "reference: singular at row %lld\n", (long long)k);
            abort();
        }
        for (int64_t j = 0; j < n; j++) a[k * n + j] /= pivot, p[k * n + j] /= pivot;
        for (int64_t i = 0; i < n; i++) {
            const double factor = i == k ? 0 : a[i * n + k];
            if (factor == 0) continue;
            for (int64_t j = 0; j < n; j++) {
                a[i * n + j] -= factor * a[k * n + j];
                p[i * n + j] -= factor * p[k * n + j];
            }
        }
    }
}

double *ref_ease(const made_shop *shop, bool binary, double lambda)
{
    const int64_t n = shop->n_items;
    double *a = ref_gram(shop, binary), *p = dg_alloc((size_t)(n * n), sizeof *p);
    for (int64_t k = 0; k < n; k++) a[k * n + k] += lambda;
    invert(a, p, n);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < n; i++) a[j * n + i] = i == j ? 0 : -p[j * n + i] / p[i * n + i];
    dg_free(p);
    return a;
}

double ref_score(const made_shop *shop, bool binary, const double *weights, int64_t user,
                 int64_t item)
{
    double sum = 0;
    for (int64_t j = 0; j < shop->n_items; j++)
        sum += ref_profile(shop, user, j, binary) * weights[j * shop->n_items + item];
    return sum;
}
