/* The distributed inverse against LAPACK's, and against its own definition. */
#include "linalg/symmetric.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "dense/blas.h"
#include "mpi_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

/* A pure function of place: any rank can say what an element is. */
static double element(int64_t i, int64_t j)
{
    const int64_t low = i < j ? i : j, high = i < j ? j : i;
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, (uint64_t)(high * 100000 + low));
    return i == j ? 20 + (double)(i % 7) : dg_rng_normal(&r) / 3;
}

static void fill(dg_symmetric *a, double (*of)(int64_t, int64_t))
{
    const dg_tiles t = dg_symmetric_tiles(a);
    for (int c = 0; c < t.n_columns; c++)
        for (int r = 0; r < t.n_rows; r++)
            if (t.row[r] >= t.column[c]) t.at[c * t.stride + r] = of(t.row[r], t.column[c]);
}

/* Shards of uneven size, some of them empty. */
static dg_shards uneven(int64_t n_rows)
{
    dg_shards s;
    ck_assert_all(dg_shards_create(64, &s, &err) == DG_OK);
    for (int k = 0; k <= 64; k++) s.begin[k] = n_rows * (k / 3 * 3) * (k / 3 * 3) / (63 * 63);
    s.begin[64] = n_rows;
    return s;
}

/* Own columns, kept. */
typedef struct kept {
    int64_t n, begin, next;
    double *at; /* (own columns, n) */
    int64_t refuse;
} kept;

static dg_status keep(void *context, int64_t j, const double *column, dg_err *e)
{
    kept *k = context;
    if (j == k->refuse) return DG_FAIL(e, DG_ERR_DATA, "column %lld is not wanted", (long long)j);
    if (j != k->next++) return DG_FAIL(e, DG_ERR_INTERNAL, "out of order");
    memcpy(k->at + (j - k->begin) * k->n, column, (size_t)k->n * sizeof *column);
    return DG_OK;
}

static kept all_own(const dg_symmetric *a, const dg_shards *s)
{
    const dg_range own = dg_shards_rows(s, world.rank, world.size);
    const int64_t n = s->begin[s->n];
    kept k = {.n = n, .begin = own.begin, .next = own.begin, .refuse = -1};
    k.at = dg_alloc((size_t)((own.end - own.begin) * n), sizeof *k.at);
    ck_assert_all(dg_symmetric_columns(a, s, keep, &k, &err) == DG_OK);
    ck_assert_all(k.next == own.end);
    return k;
}

static const int64_t sizes[] = {1, 2, 3, 17, 64, 129, 300};

START_TEST(columns_come_whole_to_their_owners)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        dg_symmetric *a;
        dg_shards s = uneven(sizes[k]);
        ck_assert_all(dg_symmetric_create(&world, sizes[k], &a, &err) == DG_OK);
        fill(a, element);
        kept own = all_own(a, &s);
        bool same = true;
        for (int64_t j = own.begin; j < own.next; j++)
            for (int64_t i = 0; i < own.n; i++)
                same = same && own.at[(j - own.begin) * own.n + i] == element(i, j);
        ck_assert_all(same);
        dg_free(own.at);
        dg_symmetric_destroy(&a);
        dg_symmetric_destroy(&a);
        dg_shards_destroy(&s);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(every_element_lies_on_one_rank_and_no_rank_has_much_more_than_its_share)
{
    for (int64_t n = 1; n < 2000; n += 111) {
        dg_symmetric *a;
        ck_assert_all(dg_symmetric_create(&world, n, &a, &err) == DG_OK);
        const dg_tiles t = dg_symmetric_tiles(a);
        int64_t count = (int64_t)t.n_rows * t.n_columns;
        if (n > 100) ck_assert_all((double)count <= 1.2 * (double)(n * n) / world.size);
        for (int r = 0; r < t.n_rows; r++) ck_assert_int_eq(t.place_row[t.row[r]], r);
        for (int c = 0; c < t.n_columns; c++) ck_assert_int_eq(t.place_column[t.column[c]], c);
        dg_sum_int64(&world, &count, 1);
        ck_assert_all(count == n * n);
        dg_symmetric_destroy(&a);
    }
}
END_TEST

static double *whole(int64_t n)
{
    double *a = dg_alloc((size_t)(n * n), sizeof *a);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < n; i++) a[j * n + i] = element(i, j);
    return a;
}

/* LAPACK on one whole matrix. */
static double *lapack_inverse(int64_t n)
{
    double *a = whole(n);
    ck_assert_all(dg_cholesky_double((int)n, (int)n, a) == 0);
    dg_cholesky_invert_double((int)n, (int)n, a);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < j; i++) a[j * n + i] = a[i * n + j];
    return a;
}

static double largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(x[k]));
    return most;
}

START_TEST(the_inverse_is_lapacks_within_1e_9_and_the_inverse)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const int64_t n = sizes[k];
        int64_t pivot = 0;
        dg_symmetric *a;
        dg_shards s = uneven(n);
        double *want = lapack_inverse(n), *matrix = whole(n);
        ck_assert_all(dg_symmetric_create(&world, n, &a, &err) == DG_OK);
        fill(a, element);
        ck_assert_all(dg_symmetric_invert(a, &pivot, &err) == DG_OK);
        ck_assert_all(pivot == -1);
        kept own = all_own(a, &s);
        double worst = 0, defect = 0;
        for (int64_t j = own.begin; j < own.next; j++)
            for (int64_t i = 0; i < n; i++) {
                const double *column = own.at + (j - own.begin) * n;
                double product = i == j ? -1 : 0;
                for (int64_t m = 0; m < n; m++) product += matrix[i * n + m] * column[m];
                defect = fmax(defect, fabs(product));
                worst = fmax(worst, fabs(column[i] - want[j * n + i]));
            }
        ck_assert_all(worst <= 1e-9 * largest(want, n * n));
        ck_assert_all(defect <= 1e-12);
        dg_free(own.at);
        dg_free(want);
        dg_free(matrix);
        dg_symmetric_destroy(&a);
        dg_shards_destroy(&s);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(the_same_ranks_give_the_same_bits)
{
    enum { N = 150 };
    kept first = {0};
    dg_shards s = uneven(N);
    for (int round = 0; round < 2; round++) {
        dg_symmetric *a;
        int64_t pivot;
        ck_assert_all(dg_symmetric_create(&world, N, &a, &err) == DG_OK);
        fill(a, element);
        ck_assert_all(dg_symmetric_invert(a, &pivot, &err) == DG_OK);
        kept own = all_own(a, &s);
        const size_t bytes = (size_t)((own.next - own.begin) * N) * sizeof *own.at;
        ck_assert_all(round == 0 || bytes == 0 || memcmp(first.at, own.at, bytes) == 0);
        dg_free(first.at);
        first = own;
        dg_symmetric_destroy(&a);
    }
    dg_free(first.at);
    dg_shards_destroy(&s);
}
END_TEST

/* Rows 40 and 200 are the same, counts as a Gram matrix has them: the second has no pivot. */
static double twins(int64_t i, int64_t j) { return element(i == 200 ? 40 : i, j == 200 ? 40 : j); }

static double empty_row(int64_t i, int64_t j) { return i == 77 || j == 77 ? 0 : element(i, j); }
static double negative(int64_t i, int64_t j) { return i == j && i == 5 ? -1 : element(i, j); }
static double not_a_number(int64_t i, int64_t j)
{
    return i == 250 && j == 3 ? NAN : element(i, j);
}

START_TEST(a_singular_matrix_is_an_error_that_names_its_row)
{
    const struct {
        double (*of)(int64_t, int64_t);
        int64_t row;
    } cases[] = {{twins, 200}, {empty_row, 77}, {negative, 5}, {not_a_number, 250}};
    for (int k = 0; k < 4; k++) {
        dg_symmetric *a;
        int64_t pivot = -1;
        ck_assert_all(dg_symmetric_create(&world, 300, &a, &err) == DG_OK);
        fill(a, cases[k].of);
        ck_assert_all(dg_symmetric_invert(a, &pivot, &err) == DG_ERR_NUMERIC);
        ck_assert_all(k == 3 || pivot == cases[k].row);
        ck_assert_all(strstr(err.text, "not positive definite at row") != NULL);
        dg_symmetric_destroy(&a);
    }
}
END_TEST

START_TEST(what_one_owner_refuses_fails_all)
{
    dg_symmetric *a;
    dg_shards s = uneven(90);
    const dg_range own = dg_shards_rows(&s, world.rank, world.size);
    ck_assert_all(dg_symmetric_create(&world, 90, &a, &err) == DG_OK);
    fill(a, element);
    kept k = {.n = 90, .begin = own.begin, .next = own.begin, .refuse = 70};
    k.at = dg_alloc((size_t)((own.end - own.begin) * 90), sizeof *k.at);
    ck_assert_all(dg_symmetric_columns(a, &s, keep, &k, &err) == DG_ERR_DATA);
    ck_assert_all(strcmp(err.text, "column 70 is not wanted") == 0);
    dg_free(k.at);
    dg_symmetric_destroy(&a);
    dg_shards_destroy(&s);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    dg_symmetric *a;
    ck_assert_all(dg_symmetric_create(&world, 0, &a, &err) == DG_ERR_CONFIG);
    ck_assert_all(a == NULL);
    ck_assert_all(dg_symmetric_create(&world, 500000, &a, &err) == DG_ERR_CONFIG);
    ck_assert_all(strstr(err.hint, "more ranks") != NULL);
    ck_assert_all(a == NULL && dg_alloc_live() == 0);
}
END_TEST

/* Create, invert, show columns; with the nth allocation of the last rank failing. */
static dg_status live(int nth, const dg_shards *s)
{
    char spec[48];
    dg_symmetric *a = NULL;
    int64_t pivot;
    kept k = {.n = 60, .begin = dg_shards_rows(s, world.rank, world.size).begin, .refuse = -1};
    k.next = k.begin;
    k.at = dg_alloc(60 * 60, sizeof *k.at);
    snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
    setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
    dg_status st = dg_symmetric_create(&world, 60, &a, &err);
    if (st == DG_OK) {
        fill(a, element);
        st = dg_symmetric_invert(a, &pivot, &err);
    }
    if (st == DG_OK) st = dg_symmetric_columns(a, s, keep, &k, &err);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    dg_symmetric_destroy(&a);
    dg_free(k.at);
    return st;
}

START_TEST(each_failing_allocation_fails_all)
{
    dg_shards s = uneven(60);
    const size_t before = dg_alloc_live();
    dg_status st = DG_ERR_NOMEM;
    int nth = 0;
    while (st != DG_OK && nth < 500) {
        st = live(++nth, &s);
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(dg_agree_same(&world, "status", st, &err) == DG_OK);
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK && nth > 10);
    dg_shards_destroy(&s);
}
END_TEST

MPI_MAIN("symmetric", columns_come_whole_to_their_owners,
         every_element_lies_on_one_rank_and_no_rank_has_much_more_than_its_share,
         the_inverse_is_lapacks_within_1e_9_and_the_inverse, the_same_ranks_give_the_same_bits,
         a_singular_matrix_is_an_error_that_names_its_row, what_one_owner_refuses_fails_all,
         impossible_sizes_are_refused, each_failing_allocation_fails_all)
