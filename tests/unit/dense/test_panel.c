/* The panel kernels of every instruction set this machine has, against plain sums in double. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/half.h"
#include "dense/panel.h"
#include "unit_main.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const int widths[] = {16, 32, 48, 64, 80, 128, 208, 256, 528};
static const int counts[] = {0, 1, 2, 3, 4, 5, 7, 64, 255, 256, 257, 600};
enum { N_WIDTHS = sizeof widths / sizeof *widths, N_COUNTS = sizeof counts / sizeof *counts };

static float *numbers(size_t n, uint64_t row)
{
    dg_rng rng = dg_rng_at(11, DG_RNG_TEST, row);
    float *a = dg_alloc(n, sizeof *a);
    for (size_t k = 0; k < n; k++) a[k] = (float)dg_rng_normal(&rng);
    return a;
}

/* How far a float sum of n terms of about `size` may be from the exact one: the partial sums grow
 * as sqrt(n) and each of n roundings is half a unit of one (6e-8); the rest is margin. A kernel
 * that drops or doubles a term is off by about `size`. */
static double bound(int n, double size) { return 2e-6 * (sqrt((double)n) + 4) * (size + 1); }

/* The worst excess over the bound of `apply` for one shape; negative where all is well. */
static double apply_excess(const dg_panel_kernels *k, int n, int width, bool weighted, bool pulls)
{
    float *panel = numbers((size_t)n * (size_t)width, 1), *x = numbers((size_t)width, 2);
    float *weight = numbers((size_t)n, 3), *pull = numbers((size_t)n, 4);
    float *out = numbers((size_t)width, 5);
    double *want = dg_alloc((size_t)width, sizeof *want), worst = -1, size = 0;
    float *score = dg_alloc((size_t)n + 1, sizeof *score);
    double *dots = dg_alloc((size_t)n, sizeof *dots);
    score[n] = 77;
    for (int c = 0; c < width; c++) want[c] = out[c];
    for (int j = 0; j < n; j++) {
        const float *f = panel + (size_t)j * (size_t)width;
        double dot = 0;
        for (int c = 0; c < width; c++) dot += (double)f[c] * x[c];
        dots[j] = dot;
        const double scale = (pulls ? pull[j] : 0) - (weighted ? weight[j] : 1) * dot;
        size = fmax(size, fabs(scale));
        for (int c = 0; c < width; c++) want[c] += scale * f[c];
    }
    k->apply(n, width, panel, weighted ? weight : NULL, pulls ? pull : NULL, x, score, out);
    for (int j = 0; j < n; j++) worst = fmax(worst, fabs(score[j] - dots[j]) - bound(width, 4));
    if (score[n] != 77) worst = 99; /* nothing may be written behind the end */
    for (int c = 0; c < width; c++)
        worst = fmax(worst, fabs(out[c] - want[c]) - bound(n * 4 + width, 4 * size));
    dg_free(panel);
    dg_free(x);
    dg_free(weight);
    dg_free(pull);
    dg_free(out);
    dg_free(want);
    dg_free(score);
    dg_free(dots);
    return worst;
}

START_TEST(apply_is_pull_minus_score_times_rows)
{
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++)
        for (int i = 0; i < N_WIDTHS; i++)
            for (int j = 0; j < N_COUNTS; j++)
                for (int flags = 0; flags < 4; flags++) {
                    const double excess =
                        apply_excess(*k, counts[j], widths[i], flags & 1, flags & 2);
                    ck_assert_msg(excess <= 0, "%s: %d x %d: off by %g beyond the bound",
                                  (*k)->name, counts[j], widths[i], excess);
                }
}
END_TEST

static double score_excess(const dg_panel_kernels *k, int n, int width)
{
    float *panel = numbers((size_t)n * (size_t)width, 1), *x = numbers((size_t)width, 2);
    float *score = dg_alloc((size_t)n + 1, sizeof *score);
    double worst = -1;
    score[n] = 77; /* nothing may be written behind the end */
    k->score(n, width, panel, x, score);
    for (int j = 0; j < n; j++) {
        double dot = 0;
        for (int c = 0; c < width; c++)
            dot += (double)panel[(size_t)j * (size_t)width + (size_t)c] * x[c];
        worst = fmax(worst, fabs(score[j] - dot) - bound(width, 4));
    }
    if (score[n] != 77) worst = 77;
    if (n > 0 && k->dot(width, panel, x) != k->dot(width, panel, x)) worst = 78;
    if (n > 0) worst = fmax(worst, fabs(k->dot(width, panel, x) - score[0]) - bound(width, 4));
    dg_free(panel);
    dg_free(x);
    dg_free(score);
    return worst;
}

START_TEST(score_and_dot_are_sums_of_products)
{
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++)
        for (int i = 0; i < N_WIDTHS; i++)
            for (int j = 0; j < N_COUNTS; j++) {
                const double excess = score_excess(*k, counts[j], widths[i]);
                ck_assert_msg(excess <= 0, "%s: %d x %d: %g", (*k)->name, counts[j], widths[i],
                              excess);
            }
}
END_TEST

static double gram_excess(const dg_panel_kernels *k, int n, int width)
{
    const size_t w = (size_t)width;
    float *panel = numbers((size_t)n * w, 1), *left = numbers((size_t)n * w, 6);
    float *gram = numbers(w * w, 7), *before = numbers(w * w, 7);
    double worst = -1;
    k->gram(n, width, left, panel, gram);
    for (int a = 0; a<width; a += width> 128 ? 13 : 1)
        for (int b = 0; b < width; b++) {
            const size_t at = (size_t)a * w + (size_t)b;
            double want = before[at];
            if (b / 16 > a / 16) { /* above the diagonal blocks: untouched */
                if (gram[at] != before[at]) worst = 99;
                continue;
            }
            for (int j = 0; j < n; j++)
                want += (double)left[(size_t)j * w + (size_t)a] * panel[(size_t)j * w + (size_t)b];
            worst = fmax(worst, fabs(gram[at] - want) - bound(n, 4));
        }
    dg_free(panel);
    dg_free(left);
    dg_free(gram);
    dg_free(before);
    return worst;
}

START_TEST(gram_fills_the_lower_blocks_only)
{
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++)
        for (int i = 0; i < N_WIDTHS - 1; i++)
            for (int j = 0; j < N_COUNTS; j++) {
                const double excess = gram_excess(*k, counts[j], widths[i]);
                ck_assert_msg(excess <= 0, "%s: %d x %d: %g", (*k)->name, counts[j], widths[i],
                              excess);
            }
}
END_TEST

/* Rows anywhere in the table, more indices to follow than are asked for. */
static void check_gather(const dg_panel_kernels *k, int n, int d, bool halves)
{
    enum { ROWS = 50, FOLLOW = 20 };
    const int width = dg_panel_width(d);
    float *table = numbers((size_t)ROWS * (size_t)width, 6), *panel = numbers(1, 7);
    uint16_t *half = dg_alloc((size_t)ROWS * (size_t)width, sizeof *half);
    int32_t *index = dg_alloc((size_t)(n + FOLLOW), sizeof *index);
    dg_rng r = dg_rng_at(12, DG_RNG_TEST, (uint64_t)n);
    for (int j = 0; j < n + FOLLOW; j++) index[j] = (int32_t)dg_rng_below(&r, ROWS);
    dg_free(panel);
    panel = dg_alloc((size_t)n * (size_t)width, sizeof *panel);
    k->pack((int64_t)ROWS * width, 4, table, half);
    const dg_panel_table from = {d, table, halves ? half : NULL, 0.25f};
    k->gather(n, FOLLOW, width, &from, index, panel);
    for (int j = 0; j < n; j++)
        for (int c = 0; c < (halves ? width : d); c++) {
            const size_t at = (size_t)index[j] * (size_t)(halves ? width : d) + (size_t)c;
            const float want =
                halves ? dg_half_to_float(dg_half_of_float(4 * table[at])) / 4 : table[at];
            ck_assert(panel[(size_t)j * (size_t)width + (size_t)c] == want);
        }
    dg_free(table);
    dg_free(panel);
    dg_free(half);
    dg_free(index);
}

START_TEST(gathered_rows_are_the_tables_or_the_nearest_halves)
{
    static const int columns[] = {1, 7, 16, 64, 100};
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++)
        for (int i = 0; i < 5; i++)
            for (int halves = 0; halves < 2; halves++) {
                check_gather(*k, 1, columns[i], halves);
                check_gather(*k, 37, columns[i], halves);
            }
}
END_TEST

START_TEST(a_lower_variant_can_be_asked_for)
{
    setenv("DAOGOU_KERNELS", "portable", 1);
    ck_assert_str_eq(dg_panel()->name, "portable");
    setenv("DAOGOU_KERNELS", "no such", 1);
    ck_assert_ptr_eq(dg_panel(), dg_panel_variants()[0]);
    unsetenv("DAOGOU_KERNELS");
    ck_assert_ptr_eq(dg_panel(), dg_panel_variants()[0]);
}
END_TEST

START_TEST(not_a_number_stays_visible)
{
    _Alignas(64) float panel[32] = {1, 2, [16] = NAN}, x[16] = {1}, out[16] = {0};
    float score[2];
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++) {
        memset(out, 0, sizeof out);
        (*k)->score(2, 16, panel, x, score);
        (*k)->apply(2, 16, panel, NULL, NULL, x, NULL, out);
        ck_assert(score[0] == 1 && isnan(score[1]) && isnan(out[0]));
    }
}
END_TEST

UNIT_MAIN("panel", apply_is_pull_minus_score_times_rows, score_and_dot_are_sums_of_products,
          gram_fills_the_lower_blocks_only, gathered_rows_are_the_tables_or_the_nearest_halves,
          a_lower_variant_can_be_asked_for, not_a_number_stays_visible)
