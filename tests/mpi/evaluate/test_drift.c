/* Drift of data and scores against an artifact in memory, checked by counting it all once more. */
#include "base/memory.h"
#include "base/rng.h"
#include "evaluate/drift.h"
#include "evaluate/stored.h"
#include "made_dataset.h"
#include "mpi_main.h"

#include <math.h>
#include <string.h>

/* Of the users and items of the data the first OLD_… are known; the artifact has three more each.
 */
enum { USERS = 120, ITEMS = 70, OLD_USERS = 100, OLD_ITEMS = 60, GONE = 3, COLS = 4 };
enum { A_USERS = OLD_USERS + GONE, A_ITEMS = OLD_ITEMS + GONE };

static dg_err err;

static float rating(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(6, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    return dg_rng_below(&r, (uint32_t)(4 + item / 10)) == 0 ? 1 : NAN;
}

static const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = rating};

static size_t name_of(char kind, int64_t number, char out[24])
{
    return (size_t)snprintf(out, 24, "%c%lld", kind, (long long)number);
}

static void name_rows(char kind, dg_range own, dg_strings *out)
{
    char id[24];
    for (int64_t r = own.begin; r < own.end; r++) {
        const size_t n = name_of(kind, r, id);
        if (dg_strings_add(out, id, n, &err) != DG_OK) abort();
    }
}

static void make(const dg_comm *c, dg_dataset *d)
{
    made_dataset(c, &shop, d);
    name_rows('u', dg_shards_rows(&d->users, c->rank, c->size), &d->user_id);
    name_rows('i', dg_shards_rows(&d->items, c->rank, c->size), &d->item_id);
}

typedef struct memory { /* what an artifact of these sizes points to */
    dg_artifact a;
    dg_strings user, item;
    int32_t user_by_hash[A_USERS], item_by_hash[A_ITEMS], popular[A_ITEMS];
    int64_t popularity[A_ITEMS];
    float user_factor[A_USERS][COLS], item_factor[A_ITEMS][COLS];
} memory;

static const dg_strings *sorting;
static const int64_t *counts;

static int by_hash(const void *a, const void *b)
{
    size_t n, m;
    const char *x = dg_strings_at(sorting, *(const int32_t *)a, &n);
    const char *y = dg_strings_at(sorting, *(const int32_t *)b, &m);
    const uint64_t p = dg_id_hash(x, n), q = dg_id_hash(y, m);
    return (p > q) - (p < q);
}

static int by_count(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    if (counts[x] != counts[y]) return counts[x] > counts[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static dg_names fill_names(char kind, int old, dg_strings *id, int32_t *order)
{
    char text[24];
    for (int k = 0; k < old + GONE; k++) {
        const size_t n = name_of(kind, k < old ? k : 5000 + k, text);
        if (dg_strings_add(id, text, n, &err) != DG_OK) abort();
        order[k] = k;
    }
    sorting = id;
    qsort(order, (size_t)(old + GONE), sizeof *order, by_hash);
    return (dg_names){old + GONE, id->offset, id->bytes, order};
}

static void fill_artifact(memory *m)
{
    m->a = (dg_artifact){.n_users = A_USERS, .n_items = A_ITEMS, .n_cols = COLS, .offset = 0.5};
    m->a.user_id = fill_names('u', OLD_USERS, &m->user, m->user_by_hash);
    m->a.item_id = fill_names('i', OLD_ITEMS, &m->item, m->item_by_hash);
    for (int k = 0; k < A_ITEMS; k++) {
        m->popularity[k] = 1 + (k * 7) % 23 + (k < 3 ? 100 : 0);
        m->popular[k] = k;
        for (int c = 0; c < COLS; c++) m->item_factor[k][c] = (float)((k * 3 + c * 5) % 11) / 8;
    }
    for (int k = 0; k < A_USERS; k++)
        for (int c = 0; c < COLS; c++) m->user_factor[k][c] = (float)((k * 5 + c) % 7 - 2) / 4;
    counts = m->popularity;
    qsort(m->popular, A_ITEMS, sizeof *m->popular, by_count);
    m->a.popularity = m->popularity;
    m->a.popular = m->popular;
    m->a.user_factor = (dg_factors){.n_cols = COLS, .at = m->user_factor};
    m->a.item_factor = (dg_factors){.n_cols = COLS, .at = m->item_factor};
}

static void free_artifact(memory *m)
{
    dg_strings_free(&m->user);
    dg_strings_free(&m->item);
}

/* The definition, by counting: bins of a tenth of the old ratings, most popular first. */
static double ref_psi(const memory *m)
{
    double then[11] = {0}, now[11] = {0}, n_then = 0, n_now = 0, psi = 0;
    int bin[ITEMS];
    for (int k = 0; k < A_ITEMS; k++) n_then += (double)m->popularity[k];
    double before = 0;
    for (int k = 0; k < A_ITEMS; k++) {
        const int item = m->popular[k], b = (int)(10 * before / n_then);
        then[b] += (double)m->popularity[item];
        before += (double)m->popularity[item];
        if (item < OLD_ITEMS) bin[item] = b;
    }
    for (int i = OLD_ITEMS; i < ITEMS; i++) bin[i] = 10;
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            if (!isnan(rating(u, i))) now[bin[i]]++, n_now++;
    for (int b = 0; b < 11; b++) {
        const double p = fmax(then[b] / n_then, 1e-4), q = fmax(now[b] / n_now, 1e-4);
        psi += (p - q) * log(p / q);
    }
    return psi;
}

START_TEST(figures_are_those_of_a_count_in_the_same_bits_on_any_ranks)
{
    static memory m;
    dg_dataset d, whole;
    dg_drift mine, alone;
    dg_comm one;
    dg_comm_init(&one, MPI_COMM_SELF);
    memset(&m, 0, sizeof m);
    fill_artifact(&m);
    make(&world, &d);
    make(&one, &whole);
    ck_assert_all(dg_drift_find(&world, &d, &m.a, &mine, &err) == DG_OK);
    ck_assert_all(dg_drift_find(&one, &whole, &m.a, &alone, &err) == DG_OK);
    ck_assert_all(memcmp(&mine, &alone, sizeof mine) == 0);
    ck_assert_all(fabs(mine.psi - ref_psi(&m)) < 1e-12 && mine.psi > 0.1);
    ck_assert_all(mine.new_users == USERS - OLD_USERS && mine.new_items == ITEMS - OLD_ITEMS);
    ck_assert_all(mine.gone_users == GONE && mine.gone_items == GONE);
    double known[2] = {0}, n = 0;
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++) {
            if (isnan(rating(u, i))) continue;
            known[0] += u < OLD_USERS;
            known[1] += i < OLD_ITEMS;
            n++;
        }
    ck_assert_all(mine.known_users == known[0] / n && mine.known_items == known[1] / n);
    ck_assert_all(fabs(mine.known_goods - (double)OLD_ITEMS / ITEMS) < 1e-15);
    dg_dataset_free(&d);
    dg_dataset_free(&whole);
    free_artifact(&m);
    dg_comm_free(&one);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

/* A scorer that gives what the artifact gives, and some. */
typedef struct moved {
    dg_scorer *of;
    float by;
} moved;

static dg_status moved_load(void *self, const int64_t *user, int n, dg_err *e)
{
    moved *m = self;
    return m->of->load(m->of->self, user, n, e);
}

static float moved_score_one(void *self, int i, int64_t item)
{
    moved *m = self;
    return m->of->score_one(m->of->self, i, item) + m->by;
}

START_TEST(scores_shift_in_deviations_of_the_old_ones)
{
    static memory m;
    dg_dataset d;
    dg_scorer before, twin;
    double shift, sum[3] = {0};
    memset(&m, 0, sizeof m);
    fill_artifact(&m);
    make(&world, &d);
    ck_assert_all(dg_stored_scorer(&world, &d, &m.a, &before, &err) == DG_OK);
    ck_assert_all(dg_stored_scorer(&world, &d, &m.a, &twin, &err) == DG_OK);
    moved by = {&twin, 0.75F};
    const dg_scorer now = {
        .self = &by, .n_items = ITEMS, .load = moved_load, .score_one = moved_score_one};
    ck_assert_all(dg_drift_scores(&world, &d, &d.train, &before, &now, &shift, &err) == DG_OK);
    for (int u = 0; u < OLD_USERS; u++)
        for (int i = 0; i < OLD_ITEMS; i++) {
            if (isnan(rating(u, i))) continue;
            double score = 0.5;
            for (int c = 0; c < COLS; c++)
                score += (double)m.user_factor[u][c] * (double)m.item_factor[i][c];
            sum[0] += 1;
            sum[1] += score;
            sum[2] += score * score;
        }
    const double mean = sum[1] / sum[0], sd = sqrt(sum[2] / sum[0] - mean * mean);
    ck_assert_all(fabs(shift - 0.75 / sd) < 1e-6);
    by.by = 0;
    ck_assert_all(dg_drift_scores(&world, &d, &d.train, &before, &now, &shift, &err) == DG_OK);
    ck_assert_all(fabs(shift) < 1e-12);
    before.destroy(&before);
    twin.destroy(&twin);
    dg_dataset_free(&d);
    free_artifact(&m);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(a_stored_model_answers_as_a_node_would)
{
    static memory m;
    dg_dataset d;
    dg_scorer s;
    static float out[ITEMS];
    bool good = true;
    memset(&m, 0, sizeof m);
    fill_artifact(&m);
    make(&world, &d);
    ck_assert_all(dg_stored_scorer(&world, &d, &m.a, &s, &err) == DG_OK);
    for (int64_t u = d.train.begin; u < d.train.end; u++) {
        good = good && s.load(s.self, &u, 1, &err) == DG_OK;
        s.score(s.self, 0, ITEMS, out);
        for (int i = 0; i < ITEMS; i++) {
            good = good && out[i] == s.score_one(s.self, 0, i);
            if (i >= OLD_ITEMS) good = good && out[i] < -1e29F; /* after all that is known */
            if (i < OLD_ITEMS && u >= OLD_USERS) good = good && out[i] == (float)m.popularity[i];
            good = good && dg_stored_knows(&s, 0, i) == (i < OLD_ITEMS && u < OLD_USERS);
        }
    }
    ck_assert_all(good);
    s.destroy(&s);
    dg_dataset_free(&d);
    free_artifact(&m);
}
END_TEST

enum { READ = 3, SPOKEN = 4 }; /* items of a profile; items that each item speaks for */

typedef struct links { /* of a model of weights */
    int64_t profile_ptr[A_USERS + 1], weight_ptr[A_ITEMS + 1];
    int32_t profile_item[A_USERS * READ], weight_item[A_ITEMS * SPOKEN];
    float profile_value[A_USERS * READ], weight[A_ITEMS * SPOKEN];
} links;

/* Every fifth user has no profile. */
static void fill_links(memory *m, links *l)
{
    m->a.n_cols = 0;
    m->a.offset = 0;
    for (int u = 0, at = 0; u < A_USERS; u++) {
        for (int k = 0; k < READ && u % 5 != 0; k++, at++) {
            l->profile_item[at] = (u * 7 % 20) + 21 * k;
            l->profile_value[at] = (float)(1 + (u + k) % 3) / 2;
        }
        l->profile_ptr[u + 1] = at;
    }
    for (int j = 0; j < A_ITEMS; j++)
        for (int k = 0; k < SPOKEN; k++) {
            l->weight_item[j * SPOKEN + k] = (j * 5 % 12) + 13 * k;
            l->weight[j * SPOKEN + k] = (float)((j + 3 * k) % 7 - 2) / 8;
            l->weight_ptr[j + 1] = (j + 1) * SPOKEN;
        }
    m->a.profile = (dg_links){l->profile_ptr, l->profile_item, l->profile_value};
    m->a.item_weights = (dg_links){l->weight_ptr, l->weight_item, l->weight};
}

static float ref_sum(const links *l, int64_t u, int item)
{
    float sum = 0;
    for (int64_t k = l->profile_ptr[u]; k < l->profile_ptr[u + 1]; k++)
        for (int64_t e = l->weight_ptr[l->profile_item[k]];
             e < l->weight_ptr[l->profile_item[k] + 1]; e++)
            if (l->weight_item[e] == item) sum += l->weight[e] * l->profile_value[k];
    return sum;
}

START_TEST(a_stored_model_of_weights_answers_as_a_node_would)
{
    static memory m;
    static links l;
    static float out[2 * ITEMS], row[ITEMS];
    dg_dataset d;
    dg_scorer s;
    bool good = true;
    memset(&m, 0, sizeof m);
    fill_artifact(&m);
    fill_links(&m, &l);
    make(&world, &d);
    ck_assert_all(dg_stored_scorer(&world, &d, &m.a, &s, &err) == DG_OK);
    for (int64_t u = d.train.begin; u < d.train.end; u++) {
        const int64_t pair[2] = {u, d.train.begin};
        good = good && s.load(s.self, pair, 2, &err) == DG_OK;
        s.score_row(s.self, 0, row);
        good = good && s.load(s.self, pair, 1, &err) == DG_OK; /* fewer than there is room for */
        s.score(s.self, 5, ITEMS, out);
        for (int i = 0; i < ITEMS; i++) {
            const bool learned = u < OLD_USERS && u % 5 != 0;
            const float expected = i >= OLD_ITEMS ? -1e30F
                                   : learned      ? ref_sum(&l, u, i)
                                                  : (float)m.popularity[i];
            good = good && row[i] == expected && (i < 5 || out[i - 5] == expected);
            good = good && s.score_one(s.self, 0, i) == expected;
            good = good && dg_stored_knows(&s, 0, i) == (i < OLD_ITEMS && learned);
        }
    }
    ck_assert_all(good);
    s.destroy(&s);
    m.a.clipped = true; /* ratings: what is not known gets the offset, nothing popular */
    m.a.offset = 3;
    ck_assert_all(dg_stored_scorer(&world, &d, &m.a, &s, &err) == DG_OK);
    for (int64_t u = d.train.begin; u < d.train.end; u++) {
        good = good && s.load(s.self, &u, 1, &err) == DG_OK;
        good = good && s.score_one(s.self, 0, ITEMS - 1) == 3;
        if (u >= OLD_USERS) good = good && s.score_one(s.self, 0, 0) == 3;
    }
    ck_assert_all(good);
    s.destroy(&s);
    dg_dataset_free(&d);
    free_artifact(&m);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

static void fail_allocations(bool weights)
{
    static memory m;
    static links l;
    dg_dataset d;
    memset(&m, 0, sizeof m);
    memset(&l, 0, sizeof l);
    fill_artifact(&m);
    if (weights) fill_links(&m, &l);
    make(&world, &d);
    const size_t before = dg_alloc_live();
    for (int nth = 1; nth < 4; nth++) {
        char spec[48];
        dg_drift f;
        dg_scorer s = {0};
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        dg_status st = dg_drift_find(&world, &d, &m.a, &f, &err);
        if (st == DG_OK) st = dg_stored_scorer(&world, &d, &m.a, &s, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_ERR_NOMEM);
        ck_assert_all(dg_alloc_live() == before);
    }
    dg_dataset_free(&d);
    free_artifact(&m);
}

START_TEST(a_failing_allocation_fails_all)
{
    fail_allocations(false);
    fail_allocations(true);
}
END_TEST

MPI_MAIN("drift", figures_are_those_of_a_count_in_the_same_bits_on_any_ranks,
         scores_shift_in_deviations_of_the_old_ones, a_stored_model_answers_as_a_node_would,
         a_stored_model_of_weights_answers_as_a_node_would, a_failing_allocation_fails_all)
