#include "evaluate/users.h"

#include "artifact/container.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"
#include "scratch.h"

#include <math.h>
#include <string.h>

enum { N_USERS = 200, N_ITEMS = 60 };

static dg_err err;

/* What differs between two shops with the same held-out data, and what makes it another. */
typedef struct wish {
    int shards;
    bool more_train, other_target, other_value, one_more_cold;
} wish;

typedef struct named {
    uint64_t hash;
    int number;
} named;

static int by_hash(const void *a, const void *b)
{
    const named *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Rows are dealt in the order of their ids' hashes, as prepare does; row r has number row[r]. */
static void deal(char kind, int n, int *row)
{
    named all[N_USERS];
    char id[16];
    for (int k = 0; k < n; k++) {
        const size_t length = (size_t)snprintf(id, sizeof id, "%c%d", kind, k);
        all[k] = (named){dg_id_hash(id, length), k};
    }
    qsort(all, (size_t)n, sizeof *all, by_hash);
    for (int k = 0; k < n; k++) row[k] = all[k].number;
}

static void name(char kind, const int *row, dg_range own, dg_strings *out)
{
    char id[16];
    for (int64_t r = own.begin; r < own.end; r++) {
        const size_t length = (size_t)snprintf(id, sizeof id, "%c%d", kind, row[r]);
        if (dg_strings_add(out, id, length, &err) != DG_OK) abort();
    }
}

/* Is the pair in that part? A pure function of both numbers. */
static bool is_in(const wish *w, bool test, int user, int item)
{
    const int x = (user * 31 + item * 17) % 23;
    if (test && w->other_target && user == 7 && x == 5) return false;
    if (test) return user % 3 != 0 && x == 5;
    if (user % 19 == 4 || (w->one_more_cold && user == 5)) return false; /* without history */
    return x == 1 || x == 9 || (w->more_train && x == 11);
}

static void fill(const wish *w, bool test, const int *user_row, const int *item_row, dg_range own,
                 dg_csr *out)
{
    int64_t n = 0;
    if (dg_csr_create(own.begin, own.end, (own.end - own.begin) * N_ITEMS, out, &err) != DG_OK)
        abort();
    for (int64_t r = own.begin; r < own.end; r++) {
        for (int i = 0; i < N_ITEMS; i++) {
            if (!is_in(w, test, user_row[r], item_row[i])) continue;
            const bool dearer = test && w->other_value && user_row[r] == 7;
            out->index[n] = i;
            out->value[n++] = (float)((user_row[r] + item_row[i]) % 5 + dearer);
        }
        out->ptr[r - own.begin + 1] = n;
    }
}

static void make_shop(const dg_comm *c, wish w, dg_dataset *d)
{
    int user_row[N_USERS], item_row[N_ITEMS];
    int64_t work[N_USERS];
    for (int k = 0; k < N_USERS; k++) work[k] = 1 + (w.shards > 64) * (k % 5);
    *d = (dg_dataset){.value_max = 5};
    deal('u', N_USERS, user_row);
    deal('i', N_ITEMS, item_row);
    if (dg_shards_create(w.shards, &d->users, &err) != DG_OK ||
        dg_shards_create(w.shards, &d->items, &err) != DG_OK)
        abort();
    dg_shards_cut(&d->users, work, N_USERS);
    dg_shards_cut(&d->items, work, N_ITEMS);
    const dg_range users = dg_shards_rows(&d->users, c->rank, c->size);
    name('u', user_row, users, &d->user_id);
    name('i', item_row, dg_shards_rows(&d->items, c->rank, c->size), &d->item_id);
    fill(&w, false, user_row, item_row, users, &d->train);
    fill(&w, true, user_row, item_row, users, &d->test);
    if (dg_csr_create(users.begin, users.end, 0, &d->fold_in, &err) != DG_OK) abort();
    if (dg_csr_create(users.begin, users.end, 0, &d->valid, &err) != DG_OK) abort();
}

/* Scores are a function of the tile's users and the item. */
typedef struct toy {
    int64_t user[DG_SCORER_TILE];
    int n;
} toy;

static dg_status toy_load(void *self, const int64_t *user, int n, dg_err *e)
{
    toy *t = self;
    (void)e;
    memcpy(t->user, user, (size_t)n * sizeof *user);
    t->n = n;
    return DG_OK;
}

static float toy_score_one(void *self, int i, int64_t item)
{
    const toy *t = self;
    return (float)((t->user[i] * 7 + item * 13) % 41) / 8;
}

static void toy_score(void *self, int64_t begin, int64_t end, float *out)
{
    toy *t = self;
    for (int i = 0; i < t->n; i++)
        for (int64_t item = begin; item < end; item++) *out++ = toy_score_one(t, i, item);
}

static dg_scorer toy_scorer(toy *t)
{
    return (dg_scorer){.self = t,
                       .n_items = N_ITEMS,
                       .rates = true,
                       .clip_max = 5,
                       .load = toy_load,
                       .score = toy_score,
                       .score_one = toy_score_one};
}

static const dg_evaluate_options options = {
    .part = DG_PART_TEST,
    .n_k = 2,
    .k = {3, 10},
    .metrics = 1u << DG_METRIC_RECALL | 1u << DG_METRIC_NDCG | 1u << DG_METRIC_COVERAGE,
    .exclude_seen = true};

/* Judge a shop and write its users; split and content digest come back. */
static void judge(const dg_comm *c, wish w, const char *path, dg_metrics *m,
                  char split[DG_HEX_SIZE])
{
    dg_dataset d;
    dg_user_metrics each = {0};
    toy t;
    const dg_scorer scorer = toy_scorer(&t);
    dg_evaluate_options o = options;
    make_shop(c, w, &d);
    o.each = &each;
    ck_assert_all(dg_evaluate(c, &d, &scorer, &o, m, &err) == DG_OK);
    ck_assert_all(dg_evaluate_split(c, &d, &o, split, &err) == DG_OK);
    ck_assert_all(dg_user_metrics_write(c, &d, &o, &each, "in", split, path, &err) == DG_OK);
    dg_user_metrics_free(&each);
    dg_dataset_free(&d);
}

static long tag(void)
{
    int64_t id = getpid();
    dg_bcast(&world, &id, sizeof id, 0);
    return (long)id;
}

START_TEST(users_add_up_to_the_averages_in_the_same_bits_on_any_ranks)
{
    char path[512], alone[540], split[DG_HEX_SIZE], one_split[DG_HEX_SIZE];
    dg_comm one;
    dg_metrics m, n;
    dg_user_table t, u;
    dg_comm_init(&one, MPI_COMM_SELF);
    snprintf(path, sizeof path, "%s", scratch(tag(), "users.h5"));
    snprintf(alone, sizeof alone, "%s-%d", path, world.rank);
    judge(&world, (wish){.shards = 64}, path, &m, split);
    judge(&one, (wish){.shards = 64}, alone, &n, one_split);
    ck_assert_all(strcmp(split, one_split) == 0);
    ck_assert_all(dg_user_table_read(path, &t, &err) == DG_OK);
    ck_assert_all(dg_user_table_read(alone, &u, &err) == DG_OK);
    ck_assert_all(t.n_cols == DG_USER_LISTS + 2 * 2);
    ck_assert_all(dg_user_table_pairs(&t, &u));
    ck_assert_all(memcmp(t.value, u.value, (size_t)(t.n * t.n_cols) * sizeof *t.value) == 0);
    ck_assert_all(strcmp(t.split, split) == 0);

    double sum[16] = {0};
    for (int64_t r = 0; r < t.n; r++)
        for (int k = 0; k < t.n_cols; k++) sum[k] += t.value[r * t.n_cols + k];
    ck_assert_all(sum[DG_USER_RANKED] == (double)m.users);
    ck_assert_all(sum[DG_USER_TARGETS] == (double)m.targets);
    ck_assert_all(t.n == m.users + m.cold_users && m.cold_users > 0);
    for (int k = 0; k < m.n; k++) {
        char label[48];
        const int column = dg_user_table_column(&t, dg_measure_name(&m.at[k], label, sizeof label));
        if (m.at[k].metric == DG_METRIC_COVERAGE) ck_assert_all(column < 0);
        if (m.at[k].k == 0 || m.at[k].metric == DG_METRIC_COVERAGE) continue;
        ck_assert_all(column >= DG_USER_LISTS);
        ck_assert_all(fabs(sum[column] / sum[0] - m.at[k].value) < 1e-12);
    }
    ck_assert_all(fabs(sqrt(sum[DG_USER_SQUARES] / sum[1]) - dg_metrics_find(&m, "rmse")->value) <
                  1e-12);
    ck_assert_all(fabs(sum[DG_USER_MISSES] / sum[1] - dg_metrics_find(&m, "mae")->value) < 1e-12);
    dg_user_table_free(&t);
    dg_user_table_free(&u);
    unlink(alone);
    dg_comm_free(&one);
    if (world.rank == 0) scratch_remove();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(a_split_is_known_by_what_it_holds_out)
{
    static const wish same[] = {{.shards = 128}, {.shards = 64, .more_train = true}};
    static const wish other[] = {{.shards = 64, .other_target = true},
                                 {.shards = 64, .other_value = true},
                                 {.shards = 64, .one_more_cold = true}};
    char path[512], first[DG_HEX_SIZE], split[DG_HEX_SIZE];
    dg_user_table t, u;
    dg_metrics m;
    snprintf(path, sizeof path, "%s", scratch(tag(), "users.h5"));
    judge(&world, (wish){.shards = 64}, path, &m, first);
    ck_assert_all(dg_user_table_read(path, &t, &err) == DG_OK);
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        judge(&world, same[k], path, &m, split);
        ck_assert_all(strcmp(first, split) == 0);
        ck_assert_all(dg_user_table_read(path, &u, &err) == DG_OK);
        ck_assert_all(dg_user_table_pairs(&t, &u)); /* also where rows are cut differently */
        dg_user_table_free(&u);
    }
    for (size_t k = 0; k < sizeof other / sizeof *other; k++) {
        judge(&world, other[k], path, &m, split);
        ck_assert_all(strcmp(first, split) != 0);
    }
    dg_user_table_free(&t);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    const int failing = world.size - 1;
    char path[512], split[DG_HEX_SIZE], spec[64];
    dg_dataset d;
    toy t;
    const dg_scorer scorer = toy_scorer(&t);
    snprintf(path, sizeof path, "%s", scratch(tag(), "users.h5"));
    make_shop(&world, (wish){.shards = 64}, &d);
    const size_t before = dg_alloc_live();
    dg_status st = DG_ERR_NOMEM;
    for (int nth = 1; st != DG_OK; nth += 3) {
        dg_user_metrics each = {0};
        dg_evaluate_options o = options;
        dg_metrics m;
        o.each = &each;
        snprintf(spec, sizeof spec, "alloc:%d:%d", failing, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_evaluate(&world, &d, &scorer, &o, &m, &err);
        if (st == DG_OK) st = dg_evaluate_split(&world, &d, &o, split, &err);
        if (st == DG_OK) st = dg_user_metrics_write(&world, &d, &o, &each, "in", split, path, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        dg_user_metrics_free(&each);
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(dg_alloc_live() == before);
    }
    dg_dataset_free(&d);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

START_TEST(a_file_that_does_not_fit_together_is_refused)
{
    char path[512], split[DG_HEX_SIZE];
    dg_metrics m;
    dg_user_table t;
    snprintf(path, sizeof path, "%s", scratch(tag(), "users.h5"));
    ck_assert_all(dg_user_table_read(path, &t, &err) == DG_ERR_NOINPUT);
    judge(&world, (wish){.shards = 64}, path, &m, split);
    MPI_Barrier(world.comm);
    if (world.rank == 0 && truncate(path, 3000) != 0) abort();
    MPI_Barrier(world.comm);
    ck_assert_all(dg_user_table_read(path, &t, &err) == DG_ERR_DATA);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("users", users_add_up_to_the_averages_in_the_same_bits_on_any_ranks,
         a_split_is_known_by_what_it_holds_out, each_failing_allocation_fails_all,
         a_file_that_does_not_fit_together_is_refused)
