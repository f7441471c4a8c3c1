/* A score is start + the products in order + finish: the plain loop, to the bit, on every
 * instruction set this machine has. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/panel.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

/* Around the kernels' 2, 4 and 8 queries, 4 to 48 rows and 128 columns. */
static const int queries[] = {1, 2, 3, 7, 8, 9, 33, 64};
static const int rows[] = {1, 15, 16, 17, 47, 48, 49, 63, 64, 100};
static const int columns[] = {1, 7, 16, 64, 66, 100, 127, 128, 129, 257, 513};

enum { MOST_QUERIES = 64, MOST_ROWS = 100, MOST_COLUMNS = 513, PAD = 3 };

enum {
    N_QUERIES = sizeof queries / sizeof *queries,
    N_ROWS = sizeof rows / sizeof *rows,
    N_COLUMNS = sizeof columns / sizeof *columns
};

static float *numbers(int n, uint64_t row)
{
    float *at = dg_alloc((size_t)n, sizeof *at);
    dg_rng r = dg_rng_at(23, DG_RNG_TEST, row);
    for (int i = 0; i < n; i++) at[i] = (float)dg_rng_normal(&r);
    return at;
}

/* (1 + e)^2 - 1 - 2 e is e^2, which a rounded product has lost. */
static bool is_fused(const dg_panel_kernels *v)
{
    const float x = 1 + 0x1p-12f;
    return v->score_one(1, &x, &x, -1 - 0x1p-11f) == 0x1p-24f;
}

/* Every rounding of the definition is made visible. */
static float plain_loop(bool fused, int k, const float *a, const float *b, float start)
{
    volatile float sum = start;
    for (int p = 0; p < k; p++) {
        volatile float product = a[p] * b[p];
        sum = fused ? fmaf(a[p], b[p], sum) : sum + product;
    }
    return sum;
}

START_TEST(where_the_processor_fuses_the_variants_agree)
{
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++)
        if (strcmp((*v)->name, "portable") != 0) ck_assert(is_fused(*v));
}
END_TEST

typedef struct dg_made {
    dg_queries q;
    int n_rows;
    size_t stride;
    float *query, *row, *start, *finish, *threshold, *out;
    uint16_t *mark;
} dg_made;

static dg_made make(int n, int n_rows, int k)
{
    dg_made m = {.n_rows = n_rows, .stride = (size_t)(k + n_rows % PAD)};
    m.q = (dg_queries){.n = n, .k = k, .stride = (size_t)(k + n % PAD)};
    m.q.row = m.query = numbers(n * (int)m.q.stride, 1);
    m.row = numbers(n_rows * (int)m.stride, 2);
    m.q.start = m.start = numbers(n, 3);
    m.finish = numbers(n, 4);
    m.q.finish = n % 2 == 0 ? m.finish : NULL;
    m.threshold = numbers(n, 5);
    m.out = dg_alloc((size_t)(n * n_rows + 1), sizeof *m.out);
    m.mark = dg_alloc((size_t)n * dg_mark_words((size_t)n_rows) + 1, sizeof *m.mark);
    return m;
}

static void drop(dg_made *m)
{
    float *const all[] = {m->query, m->row, m->start, m->finish, m->threshold, m->out};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_free(m->mark);
}

/* Run with marks, then without: nothing is written behind the end. */
static void run(const dg_panel_kernels *v, dg_made *m)
{
    const int n = m->q.n * m->n_rows;
    const size_t n_words = (size_t)m->q.n * dg_mark_words((size_t)m->n_rows);
    for (int x = 0; x < n; x++) m->out[x] = NAN;
    memset(m->mark, 0x55, n_words * sizeof *m->mark);
    m->out[n] = 77;
    m->mark[n_words] = 0x1234;
    v->scores(&m->q, m->n_rows, m->row, m->stride, m->threshold, m->out, m->mark);
    ck_assert(m->out[n] == 77 && m->mark[n_words] == 0x1234);
    float *again = dg_alloc((size_t)n, sizeof *again);
    v->scores(&m->q, m->n_rows, m->row, m->stride, NULL, again, NULL);
    ck_assert(memcmp(again, m->out, (size_t)n * sizeof *again) == 0);
    dg_free(again);
}

static void check_marks(const dg_panel_kernels *v, const dg_made *m)
{
    const size_t words = dg_mark_words((size_t)m->n_rows);
    uint16_t alone[MOST_ROWS];
    for (int u = 0; u < m->q.n; u++) {
        const float *score = m->out + u * m->n_rows;
        const uint16_t *mark = m->mark + (size_t)u * words;
        v->mark(m->n_rows, score, m->threshold[u], alone);
        ck_assert(memcmp(alone, mark, words * sizeof *mark) == 0);
        for (int j = 0; j < (int)words * DG_MARKS; j++) {
            const bool wanted =
                j < m->n_rows && (!isfinite(score[j]) || score[j] >= m->threshold[u]);
            ck_assert((mark[j / DG_MARKS] >> (j % DG_MARKS) & 1) == wanted);
        }
    }
}

static void check_shape(int n, int n_rows, int k)
{
    dg_made m = make(n, n_rows, k);
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
        const bool fused = is_fused(*v);
        run(*v, &m);
        check_marks(*v, &m);
        for (int u = 0; u < n; u++)
            for (int j = u % 5; j < n_rows; j += 5) {
                const float *a = m.query + (size_t)u * m.q.stride;
                const float *b = m.row + (size_t)j * m.stride;
                const float sum = plain_loop(fused, k, a, b, m.start[u]);
                ck_assert((*v)->score_one(k, a, b, m.start[u]) == sum);
                ck_assert(m.out[u * n_rows + j] == (m.q.finish != NULL ? sum + m.finish[u] : sum));
            }
    }
    drop(&m);
}

START_TEST(every_shape_equals_the_plain_loop_to_the_bit)
{
    /* a step without a factor of any count: each size meets most others */
    for (int i = 0; i < N_QUERIES * N_ROWS * N_COLUMNS; i += 7)
        check_shape(queries[i % N_QUERIES], rows[i / N_QUERIES % N_ROWS],
                    columns[i / N_QUERIES / N_ROWS]);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(without_columns_a_score_is_its_start)
{
    const float start[] = {2, 3};
    const dg_queries q = {.n = 2, .start = start, .row = start};
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
        float out[2 * 5] = {0};
        (*v)->scores(&q, 5, start, 0, NULL, out, NULL);
        for (int j = 0; j < 5; j++) ck_assert(out[j] == 2 && out[5 + j] == 3);
    }
}
END_TEST

START_TEST(what_is_not_finite_stays_in_its_row_and_column_and_is_marked)
{
    const int sizes[] = {1, 9};
    for (int s = 0; s < 2; s++)
        for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
            dg_made m = make(sizes[s], 50, 20);
            const int spoiled = m.q.n / 2;
            if (m.q.n > 1) m.query[(size_t)spoiled * m.q.stride + 1] = NAN;
            m.row[11 * m.stride + 2] = INFINITY;
            m.row[48 * m.stride + 19] = -INFINITY;
            for (int u = 0; u < m.q.n; u++) m.threshold[u] = INFINITY;
            run(*v, &m);
            check_marks(*v, &m); /* with this threshold nothing else */
            for (int u = 0; u < m.q.n; u++)
                for (int j = 0; j < 50; j++)
                    ck_assert_int_eq(isfinite(m.out[u * 50 + j]) != 0,
                                     (m.q.n == 1 || u != spoiled) && j != 11 && j != 48);
            drop(&m);
        }
}
END_TEST

START_TEST(plain_calls_have_the_bits_of_the_chosen_variant)
{
    dg_made m = make(6, 33, 40); /* strides are those of contiguous rows */
    float out[6 * 33];
    m.q.finish = NULL;
    dg_scores(6, 33, 40, m.query, m.row, m.start, out);
    run(dg_panel(), &m);
    ck_assert(memcmp(out, m.out, sizeof out) == 0);
    ck_assert(dg_score_one(40, m.query, m.row, m.start[0]) == out[0]);
    drop(&m);
}
END_TEST

START_TEST(blocks_cover_all_items_once)
{
    int64_t at = 0;
    while (at < 100000) {
        const int64_t n = dg_score_block(at);
        ck_assert(n > 0 && n <= DG_SCORE_BLOCK && n % 48 == 0);
        at += n;
    }
    ck_assert_int_eq(dg_score_block(at), DG_SCORE_BLOCK);
}
END_TEST

UNIT_MAIN("scores", where_the_processor_fuses_the_variants_agree,
          every_shape_equals_the_plain_loop_to_the_bit, without_columns_a_score_is_its_start,
          what_is_not_finite_stays_in_its_row_and_column_and_is_marked,
          plain_calls_have_the_bits_of_the_chosen_variant, blocks_cover_all_items_once)
