#include "base/memory.h"
#include "made_dataset.h"
#include "models/neighbors/similarity.h"
#include "mpi_main.h"
#include "ref_similarity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

static const dg_similarity_options plain = {.n_neighbors = 1000,
                                            .min_overlap = 1,
                                            .min_similarity = -1e9,
                                            .bm25_k1 = 1.2,
                                            .bm25_b = 0.75,
                                            .threshold = 0.1,
                                            .tile_mb = 64};

static uint32_t mix(int64_t user, int64_t item)
{
    uint32_t x = (uint32_t)(user * 2654435761u) ^ (uint32_t)(item * 40503u + 977u);
    x ^= x >> 15, x *= 2246822519u, x ^= x >> 13, x *= 3266489917u;
    return x ^ x >> 16;
}

/* Half stars, more of them for popular items; nobody has item 5, user 3 nothing. */
static float stars(int64_t user, int64_t item)
{
    const uint32_t x = mix(user, item);
    if (item == 5 || user == 3 || x % 100 > 70 / (1 + (uint32_t)item / 4)) return NAN;
    return 0.5f * (float)(1 + x / 100 % 10);
}

/* Everybody has item 0; items 1 and 2 are the same; item 3 and user 4 are constant; user 7 has
 * all; item 6 is liked by one; values have no short binary form and some are below 0. */
static float adversarial(int64_t user, int64_t item)
{
    if (item == 0) return 1.1f;
    if (user == 7) return (float)(item % 5) + 0.3f;
    if (user == 4) return item < 20 ? 2.7f : NAN;
    if (item == 2) item = 1;
    if (item == 3) return mix(user, 3) % 2 ? 3.3f : NAN;
    if (item == 6) return NAN;
    const uint32_t x = mix(user, item);
    return x % 3 ? NAN : 0.1f * (float)((int)(x / 3 % 60) - 10);
}

/* Full enough to be multiplied as dense panels. */
static float crowd(int64_t user, int64_t item)
{
    const uint32_t x = mix(user, item);
    return (user % 3 && item > 20) || x % 8 == 0 ? NAN : 0.5f * (float)(1 + x / 8 % 10);
}

static float presence(int64_t user, int64_t item)
{
    return mix(user, item) % 5 || user % 7 == 0 ? NAN : 1;
}

typedef struct side {
    const made_shop *shop;
    bool users; /* compare users instead of items */
} side;

static double *weighed_of(const side *s, const dg_similarity_options *o, ref_matrix *out)
{
    const int64_t rows = s->users ? s->shop->n_items : s->shop->n_users;
    const int64_t columns = s->users ? s->shop->n_users : s->shop->n_items;
    double *at = dg_alloc((size_t)(rows * columns), sizeof *at);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            at[r * columns + c] = (double)(s->users ? s->shop->train(c, r) : s->shop->train(r, c));
    double *weighed = ref_weigh(&(ref_matrix){rows, columns, at}, o);
    *out = (ref_matrix){rows, columns, weighed};
    dg_free(at);
    return weighed;
}

static dg_status compare(const dg_comm *c, const side *s, const dg_similarity_options *o,
                         dg_csr *out)
{
    dg_dataset d;
    dg_similarity_report report;
    made_dataset(c, s->shop, &d);
    const dg_status st =
        dg_similarity(c, s->users ? &d.train_by_item : &d.train, s->users ? &d.users : &d.items,
                      NULL, o, 7, out, &report, &err);
    dg_dataset_free(&d);
    return st;
}

/* Is the list what the reference orders: right values, none better left out? */
static bool is_right(const ref_matrix *m, const dg_similarity_options *o, const dg_csr *l,
                     int64_t column)
{
    const double close = 2e-5; /* values are rounded to 2^-20 of the largest */
    const int64_t first = l->ptr[column - l->begin], end = l->ptr[column - l->begin + 1];
    const int64_t n = end - first;
    double last = 0;
    if (n > o->n_neighbors) return false;
    for (int64_t k = first; k < end; k++) {
        const double right = ref_similarity(m, o, column, l->index[k]);
        const double found = (double)l->value[k];
        last = k == first ? found : fmin(last, found);
        if (!(fabs(right - found) <= close * fmax(1, fabs(right)))) return false;
        if (l->index[k] == column || !(found > o->min_similarity) || found == 0) return false;
        if (k > first && l->index[k] <= l->index[k - 1]) return false;
    }
    for (int64_t c = 0; c < m->n_columns; c++) {
        const double right = ref_similarity(m, o, column, c);
        bool listed = c == column;
        for (int64_t k = first; k < end; k++) listed |= l->index[k] == c;
        if (listed || isnan(right) || fabs(right) <= close || right <= o->min_similarity + close)
            continue;
        if (n < o->n_neighbors || right > last + close * fmax(1, fabs(right))) return false;
    }
    return true;
}

static bool all_right(const side *s, const dg_similarity_options *o)
{
    ref_matrix m;
    dg_csr l;
    double *at = weighed_of(s, o, &m);
    bool good = compare(&world, s, o, &l) == DG_OK;
    for (int64_t c = l.begin; good && c < l.end; c++) {
        good = is_right(&m, o, &l, c);
        if (!good)
            fprintf(stderr, "measure %d support %d users %d column %lld\n", o->measure, o->support,
                    s->users, (long long)c);
    }
    dg_csr_free(&l);
    dg_free(at);
    return good;
}

static bool has_support(const dg_similarity_options *o)
{
    return o->support == DG_SUPPORT_FULL || o->measure == DG_SIMILARITY_COSINE ||
           o->measure == DG_SIMILARITY_PEARSON || o->measure == DG_SIMILARITY_ADJUSTED_COSINE ||
           o->measure == DG_SIMILARITY_TFIDF;
}

static const made_shop shops[] = {{.n_users = 40, .n_items = 24, .train = stars},
                                  {.n_users = 33, .n_items = 25, .train = adversarial},
                                  {.n_users = 36, .n_items = 30, .train = presence},
                                  {.n_users = 20, .n_items = 17, .train = stars, .crowded = true},
                                  {.n_users = 1, .n_items = 3, .train = presence},
                                  {.n_users = 5, .n_items = 1, .train = stars}};

enum { SHOPS = sizeof shops / sizeof *shops };

START_TEST(every_measure_support_and_side_is_the_reference)
{
    for (int k = 0; k < SHOPS; k++)
        for (int measure = 0; measure <= DG_SIMILARITY_BM25; measure++)
            for (int which = 0; which < 4; which++) {
                dg_similarity_options o = plain;
                const side s = {&shops[k], which % 2 == 1};
                o.measure = measure;
                o.support = which / 2;
                if (has_support(&o)) ck_assert_all(all_right(&s, &o));
            }
}
END_TEST

START_TEST(shrinkage_overlap_bounds_and_short_lists_are_the_reference)
{
    for (int k = 0; k < 3; k++)
        for (int measure = 0; measure <= DG_SIMILARITY_BM25; measure++)
            for (int which = 0; which < 4; which++) {
                dg_similarity_options o = plain;
                const side s = {&shops[k], which % 2 == 1};
                o.measure = measure;
                o.support = which / 2;
                o.shrinkage = 10;
                o.min_overlap = 3;
                o.min_similarity = 0.01;
                o.n_neighbors = 4;
                o.popularity = 0.5;
                if (has_support(&o)) ck_assert_all(all_right(&s, &o));
            }
}
END_TEST

START_TEST(dense_panels_and_small_tiles_are_the_reference)
{
    const made_shop shop = {.n_users = 90, .n_items = 150, .train = crowd};
    for (int measure = 0; measure <= DG_SIMILARITY_ADJUSTED_COSINE; measure++)
        for (int support = 0; support < 2; support++) {
            dg_similarity_options o = plain;
            const side s = {&shop, false};
            o.measure = measure;
            o.support = support;
            o.min_overlap = 2;
            o.n_neighbors = 10;
            o.tile_mb = support ? 64 : 0.01;
            ck_assert_all(all_right(&s, &o));
        }
}
END_TEST

/* So many columns that tiles are sparse, and records are exchanged. */
static float scattered(int64_t user, int64_t item)
{
    return mix(user, item) % 97 == 0 ? 0.5f * (float)(1 + mix(item, user) % 10) : NAN;
}

START_TEST(sparse_tiles_are_the_reference)
{
    const made_shop shop = {.n_users = 50, .n_items = 260, .train = scattered};
    for (int which = 0; which < 4; which++) {
        dg_similarity_options o = plain;
        const side s = {&shop, which % 2 == 1};
        o.measure = which / 2 == 0 ? DG_SIMILARITY_COSINE : DG_SIMILARITY_PEARSON;
        o.support = which / 2;
        o.min_overlap = 1;
        o.tile_mb = which == 0 ? 0.01 : 64;
        ck_assert_all(all_right(&s, &o));
    }
}
END_TEST

static bool same_as_alone(const side *s, const dg_similarity_options *o)
{
    dg_comm self;
    dg_csr mine, all;
    dg_comm_init(&self, MPI_COMM_SELF);
    bool good = compare(&world, s, o, &mine) == DG_OK && compare(&self, s, o, &all) == DG_OK;
    for (int64_t c = mine.begin; good && c < mine.end; c++) {
        const int64_t a = mine.ptr[c - mine.begin], b = all.ptr[c];
        const size_t n = (size_t)(all.ptr[c + 1] - b);
        good = mine.ptr[c - mine.begin + 1] - a == (int64_t)n &&
               memcmp(mine.index + a, all.index + b, n * sizeof(int32_t)) == 0 &&
               memcmp(mine.value + a, all.value + b, n * sizeof(float)) == 0;
    }
    dg_csr_free(&mine);
    dg_csr_free(&all);
    dg_comm_free(&self);
    return good;
}

START_TEST(ranks_together_find_what_one_rank_finds_alone)
{
    static const made_shop more[] = {{.n_users = 90, .n_items = 150, .train = crowd},
                                     {.n_users = 50, .n_items = 260, .train = scattered},
                                     {.n_users = 33, .n_items = 25, .train = adversarial}};
    for (int k = 0; k < 3; k++)
        for (int measure = 0; measure <= DG_SIMILARITY_BM25; measure++) {
            dg_similarity_options o = plain;
            o.measure = measure;
            o.n_neighbors = 7;
            o.shrinkage = measure % 2 ? 5 : 0;
            for (int users = 0; users < 2; users++)
                ck_assert_all(same_as_alone(&(side){&more[k], users == 1}, &o));
            o.approximate = DG_APPROXIMATE_DIMSUM;
            o.threshold = 50;
            ck_assert_all(same_as_alone(&(side){&more[k], false}, &o));
            o.approximate = DG_APPROXIMATE_NONE;
            o.max_history = 6;
            ck_assert_all(same_as_alone(&(side){&more[k], false}, &o));
        }
}
END_TEST

/* Is every entry of the whole list that the short one leaves out behind all it has? */
static bool is_head_of(const dg_csr *shorter, const dg_csr *whole, int64_t column, int64_t n)
{
    const dg_row part = dg_csr_row(shorter, column), all = dg_csr_row(whole, column);
    if (part.n != (all.n < n ? all.n : n)) return false;
    for (int64_t k = 0; k < all.n; k++) {
        if (dg_row_has(part, all.index[k])) continue;
        for (int64_t j = 0; j < part.n; j++)
            if (part.value[j] < all.value[k] ||
                (part.value[j] == all.value[k] && part.index[j] > all.index[k]))
                return false;
    }
    return true;
}

START_TEST(a_short_list_is_the_head_of_the_whole_one_ties_by_number)
{
    for (int k = 0; k < 3; k++)
        for (int measure = 0; measure <= DG_SIMILARITY_BM25; measure++) {
            dg_similarity_options o = plain;
            dg_csr shorter, whole;
            bool good = true;
            o.measure = measure;
            ck_assert_all(compare(&world, &(side){&shops[k], false}, &o, &whole) == DG_OK);
            o.n_neighbors = 5;
            ck_assert_all(compare(&world, &(side){&shops[k], false}, &o, &shorter) == DG_OK);
            for (int64_t c = whole.begin; c < whole.end; c++)
                good &= is_head_of(&shorter, &whole, c, 5);
            ck_assert_all(good);
            dg_csr_free(&shorter);
            dg_csr_free(&whole);
        }
}
END_TEST

START_TEST(only_candidates_are_neighbours)
{
    dg_dataset d;
    dg_csr l;
    dg_similarity_report report;
    bool may[24];
    made_dataset(&world, &shops[0], &d);
    for (int k = 0; k < 24; k++) may[k] = k % 3 != 0;
    ck_assert_all(dg_similarity(&world, &d.train, &d.items, may, &plain, 7, &l, &report, &err) ==
                  DG_OK);
    bool good = true;
    int64_t n = l.ptr[l.end - l.begin];
    for (int64_t k = 0; k < n; k++) good &= may[l.index[k]];
    ck_assert_all(good);
    dg_sum_int64(&world, &n, 1);
    ck_assert_all(n > 0);
    dg_csr_free(&l);
    dg_dataset_free(&d);
}
END_TEST

/* Mean over pairs of the estimates of many seeds, which is the cosine where the method is
 * unbiased. */
START_TEST(dimsum_is_unbiased_and_within_its_deviation)
{
    enum { SEEDS = 60, ITEMS = 24 };
    const made_shop shop = {.n_users = 1600, .n_items = ITEMS, .train = presence};
    dg_dataset d;
    dg_similarity_report report;
    double sum[ITEMS][ITEMS] = {{0}}, squares[ITEMS][ITEMS] = {{0}};
    ref_matrix m;
    dg_similarity_options o = plain;
    double *at = weighed_of(&(side){&shop, false}, &o, &m);
    o.approximate = DG_APPROXIMATE_DIMSUM;
    o.threshold = 0.15;
    made_dataset(&world, &shop, &d);
    for (int seed = 0; seed < SEEDS; seed++) {
        dg_csr l;
        ck_assert_all(dg_similarity(&world, &d.train, &d.items, NULL, &o, (uint64_t)seed, &l,
                                    &report, &err) == DG_OK);
        for (int64_t c = l.begin; c < l.end; c++)
            for (int64_t k = l.ptr[c - l.begin]; k < l.ptr[c - l.begin + 1]; k++) {
                sum[c][l.index[k]] += (double)l.value[k];
                squares[c][l.index[k]] += (double)l.value[k] * (double)l.value[k];
            }
        dg_csr_free(&l);
    }
    ck_assert_all(report.kept_entries < report.entries && report.deviation > 0);
    const dg_range own = dg_shards_rows(&d.items, world.rank, world.size);
    bool unbiased = true, within = true;
    for (int64_t a = own.begin; a < own.end; a++)
        for (int64_t b = 0; b < ITEMS; b++) {
            const double right = ref_similarity(&m, &o, a, b), mean = sum[a][b] / SEEDS;
            if (a == b || !(right >= o.threshold)) continue;
            const double spread = sqrt(fmax(0, squares[a][b] / SEEDS - mean * mean));
            unbiased &= fabs(mean - right) < 5 * report.deviation * right / sqrt(SEEDS);
            within &= spread < 1.5 * report.deviation * right;
        }
    ck_assert_all(unbiased);
    ck_assert_all(within);
    dg_dataset_free(&d);
    dg_free(at);
}
END_TEST

START_TEST(long_histories_are_cut_only_when_asked_and_counted)
{
    dg_dataset d;
    dg_csr l;
    dg_similarity_report report;
    dg_similarity_options o = plain;
    made_dataset(&world, &shops[1], &d);
    ck_assert_all(dg_similarity(&world, &d.train, &d.items, NULL, &o, 7, &l, &report, &err) ==
                  DG_OK);
    ck_assert_all(report.capped_rows == 0 && report.cut_entries == 0);
    dg_csr_free(&l);
    o.max_history = 20; /* user 7 alone has more: all 25 */
    ck_assert_all(dg_similarity(&world, &d.train, &d.items, NULL, &o, 7, &l, &report, &err) ==
                  DG_OK);
    ck_assert_all(report.capped_rows == 1 && report.cut_entries == 5);
    dg_csr_free(&l);
    dg_dataset_free(&d);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all_and_leaves_nothing)
{
    dg_dataset d;
    char fault[64];
    made_dataset(&world, &shops[0], &d);
    const size_t alive = dg_alloc_live();
    for (int nth = 1; nth < 48; nth++) {
        dg_csr l;
        dg_similarity_report report;
        snprintf(fault, sizeof fault, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", fault, 1);
        dg_fault_reload();
        const dg_status st =
            dg_similarity(&world, &d.train, &d.items, NULL, &plain, 7, &l, &report, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(nth > 20 || st == DG_ERR_NOMEM);
        dg_csr_free(&l);
        ck_assert_all(dg_alloc_live() == alive);
    }
    dg_dataset_free(&d);
}
END_TEST

static float infinite(int64_t user, int64_t item) { return user == 2 && item == 1 ? INFINITY : 1; }

START_TEST(a_value_that_is_not_finite_fails_all)
{
    const made_shop shop = {.n_users = 9, .n_items = 4, .train = infinite};
    dg_csr l;
    ck_assert_all(compare(&world, &(side){&shop, false}, &plain, &l) == DG_ERR_NUMERIC);
    ck_assert_all(l.ptr == NULL);
}
END_TEST

MPI_MAIN("similarity", every_measure_support_and_side_is_the_reference,
         shrinkage_overlap_bounds_and_short_lists_are_the_reference,
         dense_panels_and_small_tiles_are_the_reference, sparse_tiles_are_the_reference,
         ranks_together_find_what_one_rank_finds_alone,
         a_short_list_is_the_head_of_the_whole_one_ties_by_number, only_candidates_are_neighbours,
         dimsum_is_unbiased_and_within_its_deviation,
         long_histories_are_cut_only_when_asked_and_counted,
         one_rank_out_of_memory_fails_all_and_leaves_nothing, a_value_that_is_not_finite_fails_all)
