/* What a model answers: scores, folded-in users, and the factors serving reads. */
#include "model_run.h"
#include "mpi_main.h"
#include "ref_als.h"
#include "scratch.h"

#include "base/memory.h"
#include "base/rng.h"
#include "dense/scores.h"
#include "models/als/als.h"
#include "store/open.h"

#include <math.h>
#include <string.h>

enum { USERS = 131, ITEMS = 43 };

static dg_err err;

/* Every fourth user is held out: half of the pairs are history to fold in, none are trained on. */
static bool held_out(int64_t user) { return user % 4 == 2; }

static float drawn(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(71, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    return dg_rng_below(&r, 3) == 0 ? (float)(1 + dg_rng_below(&r, 5)) : NAN;
}

static float trained_on(int64_t user, int64_t item)
{
    return held_out(user) || user == 9 ? NAN : drawn(user, item);
}

static float folded_in(int64_t user, int64_t item)
{
    return held_out(user) ? drawn(user, item) : NAN;
}

static float broken_history(int64_t user, int64_t item)
{
    return user == 58 && item == 4 ? INFINITY : folded_in(user, item);
}

static const struct {
    const dg_model_class *class;
    const char *options;
    ref_als ref;
} kinds[] = {
    {&dg_ials_class,
     "factors=7 alpha0=0.3 lambda=0.05 reg_item=0.3 nu=0.5",
     {.law = REF_IALS, .alpha0 = 0.3, .reg_user = 0.05, .reg_item = 0.3, .nu = 0.5}},
    {&dg_ials_class,
     "factors=33 compat=implicit lambda=0.5 alpha=0.4",
     {.law = REF_IMPLICIT, .reg_user = 0.5, .reg_item = 0.5, .alpha = 0.4}},
    {&dg_als_class,
     "factors=7 lambda=0.05 biases=false",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.05, .nu = 1}},
    {&dg_als_class,
     "factors=16 lambda=0.05 nu=0.5 solver=cg",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.05, .nu = 0.5, .biases = true}},
    {&dg_als_class,
     "factors=16 lambda=0.05 nu=0.5 solver=ialspp block_size=6",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.05, .nu = 0.5, .biases = true}},
    {&dg_ials_class,
     "factors=7 alpha0=0.3 lambda=0.05 nu=0.5 solver=ialspp block_size=4",
     {.law = REF_IALS, .alpha0 = 0.3, .reg_user = 0.05, .reg_item = 0.05, .nu = 0.5}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* A model after two sweeps, on any ranks. */
typedef struct run {
    const dg_comm *comm;
    const dg_model_class *class;
    dg_dataset data; /* the model borrows it: a run does not move */
    dg_model *model;
    dg_scorer scorer;
    void *options;
} run;

static bool begin(const dg_comm *c, int kind, float (*fold_in)(int64_t, int64_t), run *r)
{
    const made_shop shop = {
        .n_users = USERS, .n_items = ITEMS, .train = trained_on, .fold_in = fold_in};
    *r = (run){.comm = c, .class = kinds[kind].class};
    r->options = run_options(r->class, kinds[kind].options);
    made_dataset(c, &shop, &r->data);
    dg_status st = r->class->create(c, &r->data, r->options, 5, &r->model, &err);
    if (st == DG_OK) st = run_sweeps(r->class, r->model, 2, NULL, &err);
    if (st == DG_OK) st = r->class->scorer(r->model, &r->scorer, &err);
    return st == DG_OK;
}

static void end(run *r)
{
    if (r->scorer.destroy != NULL) r->scorer.destroy(&r->scorer);
    r->class->destroy(&r->model);
    dg_dataset_free(&r->data);
    dg_free(r->options);
}

static const char *shared_file(const char *name)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return scratch(tag, name);
}

static void clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
    ck_assert_all(dg_alloc_live() == 0);
}

/* Scores of one user alone, all items at once. */
static bool score_alone(const run *r, int64_t user, float out[ITEMS])
{
    const dg_scorer *s = &r->scorer;
    if (s->load(s->self, &user, 1, &err) != DG_OK) return false;
    s->score(s->self, 0, ITEMS, out);
    return true;
}

static double *widened(const float *x, int64_t n)
{
    double *out = dg_alloc((size_t)n, sizeof *out);
    for (int64_t k = 0; k < n; k++) out[k] = (double)x[k];
    return out;
}

/* Reference scores: factors as a file shows them; held-out users from their system in double. */
static double *expected_scores(const run *r, int kind, const char *path)
{
    run_factors f;
    ck_assert_all(run_save(r->comm, r->class, r->model, path, NULL, &err) == DG_OK);
    ck_assert_all(run_factors_read(r->comm, path, "mean", &f, &err) == DG_OK);
    double *out = dg_alloc(USERS * ITEMS, sizeof *out);
    double *value = dg_alloc(USERS * ITEMS, sizeof *value);
    ref_als ref = kinds[kind].ref;
    ref.d = f.n_cols;
    ref.n_users = USERS;
    ref.n_items = ITEMS;
    ref.mean = f.start;
    ref.value = value;
    ref.users = widened(f.users, USERS * f.n_cols);
    ref.items = widened(f.items, ITEMS * f.n_cols);
    for (int64_t u = 0; u < USERS; u++)
        for (int64_t i = 0; i < ITEMS; i++)
            value[u * ITEMS + i] = (double)(held_out(u) ? folded_in(u, i) : trained_on(u, i));
    const int n = ref.biases ? ref.d - 1 : ref.d;
    for (int64_t u = 0; u < USERS; u++) {
        double *w = ref.users + u * ref.d;
        if (held_out(u)) ref_als_row(&ref, true, u, w);
        for (int64_t i = 0; i < ITEMS; i++) {
            const double *h = ref.items + i * ref.d;
            double sum = ref.mean + (ref.biases ? w[n] + h[n] : 0);
            for (int k = 0; k < n; k++) sum += w[k] * h[k];
            out[u * ITEMS + i] = sum;
        }
    }
    dg_free(value);
    dg_free(ref.users);
    dg_free(ref.items);
    run_factors_free(&f);
    return out;
}

/* Trained users differ by the roundings of a dot product, folded-in ones by those of a solve. */
START_TEST(scores_are_offset_plus_dot_and_held_out_users_are_solved)
{
    for (int kind = 0; kind < KINDS; kind++) {
        run r;
        float out[ITEMS];
        ck_assert_all(begin(&world, kind, folded_in, &r));
        double *want = expected_scores(&r, kind, shared_file("model.h5"));
        bool good = true;
        for (int64_t u = r.data.train.begin; u < r.data.train.end; u++) {
            good = good && score_alone(&r, u, out);
            for (int64_t i = 0; i < ITEMS; i++)
                good = good &&
                       fabs((double)out[i] - want[u * ITEMS + i]) <= (held_out(u) ? 3e-5 : 3e-6);
        }
        ck_assert_all(good);
        ck_assert_all(r.scorer.n_items == ITEMS && r.scorer.rates == (r.class == &dg_als_class));
        ck_assert_all(r.scorer.clip_min == 1 && r.scorer.clip_max == 5);
        dg_free(want);
        end(&r);
        clean_up();
    }
}
END_TEST

START_TEST(one_score_is_the_same_bits_as_among_all)
{
    for (int kind = 0; kind < KINDS; kind++) {
        run r;
        float out[ITEMS];
        bool good = true;
        ck_assert_all(begin(&world, kind, folded_in, &r));
        for (int64_t u = r.data.train.begin; u < r.data.train.end; u += 3) {
            good = good && score_alone(&r, u, out);
            for (int64_t i = 0; i < ITEMS; i++)
                good = good && r.scorer.score_one(r.scorer.self, 0, i) == out[i];
        }
        ck_assert_all(good);
        end(&r);
        clean_up();
    }
}
END_TEST

/* A tile of the own users [first, first + n), scored in two pieces of items. */
static bool tile_equals(const run *r, int64_t first, int n, const float *alone)
{
    static float out[DG_SCORER_TILE * ITEMS];
    int64_t user[DG_SCORER_TILE];
    const dg_scorer *s = &r->scorer;
    const int64_t cut = 1 + n % (ITEMS - 1);
    bool good = true;
    for (int k = 0; k < n; k++) user[k] = first + k;
    if (s->load(s->self, user, n, &err) != DG_OK) return false;
    for (int piece = 0; piece < 2; piece++) {
        const int64_t begin = piece == 0 ? 0 : cut, end = piece == 0 ? cut : ITEMS;
        s->score(s->self, begin, end, out);
        for (int k = 0; k < n; k++)
            good = good && memcmp(out + k * (end - begin), alone + user[k] * ITEMS + begin,
                                  (size_t)(end - begin) * sizeof *out) == 0;
    }
    return good;
}

START_TEST(a_users_scores_do_not_depend_on_the_tile)
{
    static float alone[USERS * ITEMS];
    for (int kind = 0; kind < KINDS; kind++) {
        run r;
        bool good = true;
        ck_assert_all(begin(&world, kind, folded_in, &r));
        const int64_t first = r.data.train.begin, own = r.data.train.end - first;
        for (int64_t u = first; u < first + own; u++)
            good = good && score_alone(&r, u, alone + u * ITEMS);
        for (int n = 1; n <= DG_SCORER_TILE && n <= own; n++)
            good = good && tile_equals(&r, first + (own - n) / 2, n, alone);
        ck_assert_all(good);
        end(&r);
        clean_up();
    }
}
END_TEST

START_TEST(a_users_scores_do_not_depend_on_ranks)
{
    dg_comm self;
    dg_comm_init(&self, MPI_COMM_SELF);
    for (int kind = 0; kind < KINDS; kind++) {
        run together, alone;
        float a[ITEMS], b[ITEMS];
        bool good = true;
        ck_assert_all(begin(&world, kind, folded_in, &together));
        ck_assert_all(begin(&self, kind, folded_in, &alone));
        for (int64_t u = together.data.train.begin; u < together.data.train.end; u++)
            good = good && score_alone(&together, u, a) && score_alone(&alone, u, b) &&
                   memcmp(a, b, sizeof a) == 0;
        ck_assert_all(good);
        end(&together);
        end(&alone);
        clean_up();
    }
    dg_comm_free(&self);
}
END_TEST

/* Sweeping on after a scorer was made and gone changes nothing: it only borrows. */
START_TEST(scoring_between_sweeps_changes_no_bit)
{
    for (int kind = 0; kind < KINDS; kind++) {
        dg_loss loss[2];
        run r[2];
        float out[ITEMS];
        for (int k = 0; k < 2; k++) {
            ck_assert_all(begin(&world, kind, folded_in, &r[k]));
            const int64_t u = r[k].data.train.begin;
            ck_assert_all(k == 0 || u == r[k].data.train.end || score_alone(&r[k], u, out));
            ck_assert_all(run_sweeps(r[k].class, r[k].model, 1, &loss[k], &err) == DG_OK);
        }
        ck_assert_all(memcmp(&loss[0], &loss[1], sizeof loss[0]) == 0);
        end(&r[0]);
        end(&r[1]);
        clean_up();
    }
}
END_TEST

START_TEST(a_history_that_cannot_be_folded_in_names_its_user)
{
    const int ratings = 2;
    run r;
    ck_assert_all(begin(&world, ratings, broken_history, &r));
    const bool mine = 58 >= r.data.train.begin && 58 < r.data.train.end;
    const int64_t user = 58;
    dg_status st = DG_ERR_NUMERIC;
    if (mine) st = r.scorer.load(r.scorer.self, &user, 1, &err);
    ck_assert_all(st == DG_ERR_NUMERIC);
    ck_assert_all(!mine || strstr(err.text, "user row 58") != NULL);
    end(&r);
    clean_up();
}
END_TEST

/* ---- what serving reads ---- */

static int64_t attribute(const char *path, const char *name)
{
    dg_container *f = NULL;
    int64_t v = -1;
    dg_status st = dg_store_open(&world, path, NULL, 1, &f, &err);
    if (st == DG_OK) st = dg_container_int(f, "/meta", name, &v, &err);
    dg_container_close(&f);
    ck_assert_all(st == DG_OK);
    return v;
}

/* Offset plus the plain dot product of all columns, biases or not; a served score is the evaluated
 * one. */
START_TEST(exported_factors_score_as_the_model_does)
{
    for (int kind = 0; kind < KINDS; kind++) {
        run r;
        run_factors f;
        float out[ITEMS];
        bool good = true;
        const char *path = shared_file("artifact.h5");
        ck_assert_all(begin(&world, kind, NULL, &r));
        ck_assert_all(run_export(&world, r.class, r.model, path, &err) == DG_OK);
        ck_assert_all(run_factors_read(&world, path, "offset", &f, &err) == DG_OK);
        const int n_factors[] = {7, 33, 7, 16, 16, 7};
        ck_assert_all(attribute(path, "similar_cols") == n_factors[kind]);
        ck_assert_all(attribute(path, "n_cols") == f.n_cols);
        ck_assert_all(f.n_cols == n_factors[kind] + (kinds[kind].ref.biases ? 2 : 0));
        for (int64_t u = r.data.train.begin; u < r.data.train.end; u++) {
            good = good && score_alone(&r, u, out);
            for (int64_t i = 0; i < ITEMS; i++) {
                double sum = f.start;
                for (int k = 0; k < f.n_cols; k++)
                    sum += (double)f.users[u * f.n_cols + k] * (double)f.items[i * f.n_cols + k];
                good = good && fabs(sum - (double)out[i]) <= 3e-6; /* of scores up to 5 */
                /* and, summed as serving sums, to the bit */
                good = good && dg_score_one(f.n_cols, f.users + u * f.n_cols,
                                            f.items + i * f.n_cols, (float)f.start) == out[i];
            }
        }
        ck_assert_all(good);
        run_factors_free(&f);
        end(&r);
        clean_up();
    }
}
END_TEST

MPI_MAIN("als scores", scores_are_offset_plus_dot_and_held_out_users_are_solved,
         one_score_is_the_same_bits_as_among_all, a_users_scores_do_not_depend_on_the_tile,
         a_users_scores_do_not_depend_on_ranks, scoring_between_sweeps_changes_no_bit,
         a_history_that_cannot_be_folded_in_names_its_user,
         exported_factors_score_as_the_model_does)
