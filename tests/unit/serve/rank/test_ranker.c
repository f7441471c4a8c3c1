/* The ranker against slow references, ties and fallbacks included. */
#include "artifact_file.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "dense/scores.h"
#include "scratch.h"
#include "serve/rank/ranker.h"
#include "unit_main.h"

#include <math.h>

/* ---- slow and obvious references: score everything, sort everything ---- */

typedef struct scored {
    double score;
    int32_t item;
} scored;

static int best_first(const void *x, const void *y)
{
    const scored *p = x, *q = y;
    if (p->score != q->score) return p->score < q->score ? 1 : -1;
    return (p->item > q->item) - (p->item < q->item);
}

static float at(const dg_factors *f, int64_t row, int32_t column)
{
    float room[DG_FACTORS_ROOM];
    return dg_factors_row(f, row, room)[column];
}

static bool has_seen(const dg_artifact *a, int64_t user, int32_t item)
{
    if (user < 0) return false;
    for (int64_t p = a->history_ptr[user]; p < a->history_ptr[user + 1]; p++)
        if (a->history_item[p] == item) return true;
    return false;
}

/* Terms are multiples of 1/64, so float sums are exact and the reference may add in any order. */
static int reference_recommend(const dg_artifact *a, int64_t user, bool exclude, scored *out)
{
    int n = 0;
    for (int32_t i = 0; i < a->n_items; i++) {
        if (exclude && has_seen(a, user, i)) continue;
        double score = a->offset;
        for (int32_t c = 0; c < a->n_cols; c++)
            score += (double)at(&a->user_factor, user, c) * (double)at(&a->item_factor, i, c);
        out[n++] = (scored){score, i};
    }
    qsort(out, (size_t)n, sizeof *out, best_first);
    return n;
}

static int reference_popular(const dg_artifact *a, int64_t user, bool exclude, scored *out)
{
    int n = 0;
    for (int32_t i = 0; i < a->n_items; i++)
        if (!exclude || !has_seen(a, user, i)) out[n++] = (scored){(double)a->popularity[i], i};
    qsort(out, (size_t)n, sizeof *out, best_first);
    return n;
}

static double cosine(const dg_artifact *a, int32_t i, int32_t j)
{
    double dot = 0, ii = 0, jj = 0;
    for (int32_t c = 0; c < a->similar_cols; c++) {
        const double x = (double)at(&a->item_factor, i, c);
        const double y = (double)at(&a->item_factor, j, c);
        dot += x * y, ii += x * x, jj += y * y;
    }
    return ii > 0 && jj > 0 ? dot / sqrt(ii * jj) : -INFINITY;
}

/* ---- with a fixture ---- */

static dg_artifact *a;
static dg_ranker *ranker;
static dg_hit hit[1000];
static dg_list list = {.hit = hit};
static dg_err err;
static const dg_allowed all;
static float taste_room[DG_FACTORS_ROOM];

static void open_fixture(made_artifact *m)
{
    const char *path = scratch(getpid(), "artifact.h5");
    write_artifact(m, path);
    free_artifact(&m);
    ck_assert_msg(dg_artifact_open(path, &a, &err) == DG_OK, "%s", err.text);
    ck_assert_msg(dg_ranker_create(a, &ranker, &err) == DG_OK, "%s", err.text);
}

static void close_fixture(void)
{
    dg_ranker_destroy(&ranker);
    dg_ranker_destroy(&ranker);
    dg_artifact_close(&a);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static void same_items(const scored *want, int n_want, int k)
{
    ck_assert_int_eq(list.n, n_want < k ? n_want : k);
    for (int place = 0; place < list.n; place++)
        ck_assert_int_eq(hit[place].index, want[place].item);
}

START_TEST(every_user_gets_the_reference_list)
{
    enum { USERS = 20, ITEMS = 700 };
    static const int ks[] = {1, 10, 37, 699, 700, 1000};
    static scored want[ITEMS];
    open_fixture(make_artifact(USERS, ITEMS, 7, 3));
    for (int64_t u = 2; u < USERS; u++)
        for (int exclude = 0; exclude < 2; exclude++) {
            const int n = reference_recommend(a, u, exclude, want);
            for (int k = 0; k < 6; k++) {
                ck_assert_int_eq(dg_ranker_recommend(ranker, u, ks[k], exclude, &list, &err),
                                 DG_OK);
                same_items(want, n, ks[k]);
                for (int place = 0; place < list.n; place++)
                    ck_assert(hit[place].score == (float)want[place].score);
                ck_assert(list.source == DG_SOURCE_USER && list.reason == NULL);
                ck_assert(list.excludes_seen == exclude);
            }
        }
    close_fixture();
}
END_TEST

START_TEST(equal_scores_stand_in_item_order)
{
    made_artifact *m = make_artifact(3, 600, 4, 4);
    float *item = made_array(m, "factors/item")->at;
    for (int k = 0; k < 600 * 4; k++) item[k] = 1; /* every score equal */
    open_fixture(m);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 2, 300, false, &list, &err), DG_OK);
    for (int place = 0; place < 300; place++) ck_assert_int_eq(hit[place].index, place);
    ck_assert_int_eq(dg_ranker_similar(ranker, 5, &all, 300, &list, &err), DG_OK);
    for (int place = 0; place < 300; place++)
        ck_assert_int_eq(hit[place].index, place + (place >= 5));
    close_fixture();
}
END_TEST

START_TEST(those_the_model_cannot_know_get_popular_goods)
{
    static scored want[50];
    open_fixture(make_artifact(5, 50, 6, 5));
    ck_assert_int_eq(dg_ranker_recommend(ranker, -1, 20, true, &list, &err), DG_OK);
    ck_assert(list.source == DG_SOURCE_POPULAR && list.excludes_seen);
    ck_assert_str_eq(list.reason, "unknown_user");
    same_items(want, reference_popular(a, -1, true, want), 20);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 0, 20, true, &list, &err), DG_OK);
    ck_assert_int_eq(list.source, DG_SOURCE_POPULAR);
    ck_assert_str_eq(list.reason, "no_profile");
    same_items(want, reference_popular(a, 0, true, want), 20);
    close_fixture();
}
END_TEST

START_TEST(popular_goods_a_user_has_seen_are_left_out)
{
    static scored want[50];
    made_artifact *m = make_artifact(6, 50, 6, 6);
    memset(made_array(m, "factors/user")->at, 0, 6 * 6 * sizeof(float)); /* nobody has a profile */
    open_fixture(m);
    for (int64_t u = 2; u < 6; u++) {
        ck_assert_int_eq(dg_ranker_recommend(ranker, u, 50, true, &list, &err), DG_OK);
        ck_assert_str_eq(list.reason, "no_profile");
        same_items(want, reference_popular(a, u, true, want), 50);
        ck_assert_int_lt(list.n, 50);
    }
    close_fixture();
}
END_TEST

START_TEST(a_user_who_has_seen_all_gets_popular_goods_all_the_same)
{
    static scored want[30];
    open_fixture(make_artifact(3, 30, 5, 7)); /* user 1 has seen every item */
    ck_assert_int_eq(dg_ranker_recommend(ranker, 1, 8, true, &list, &err), DG_OK);
    ck_assert(list.source == DG_SOURCE_POPULAR && !list.excludes_seen);
    ck_assert_str_eq(list.reason, "all_seen");
    same_items(want, reference_popular(a, 1, false, want), 8);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 1, 8, false, &list, &err), DG_OK);
    ck_assert_int_eq(list.source, DG_SOURCE_USER);
    close_fixture();
}
END_TEST

START_TEST(neighbours_are_the_reference_by_cosine)
{
    enum { ITEMS = 600, K = 25 };
    open_fixture(make_artifact(2, ITEMS, 12, 8));
    for (int32_t i = 0; i < ITEMS - 1; i += 7) {
        bool taken[ITEMS] = {false};
        ck_assert_int_eq(dg_ranker_similar(ranker, i, &all, K, &list, &err), DG_OK);
        ck_assert(list.source == DG_SOURCE_ITEM && list.n == K);
        const double worst = cosine(a, i, hit[K - 1].index);
        for (int place = 0; place < K; place++) {
            const double c = cosine(a, i, hit[place].index);
            ck_assert(hit[place].index != i && !taken[hit[place].index]);
            ck_assert_double_eq_tol(hit[place].score, c, 1e-6); /* float rounding of the product */
            taken[hit[place].index] = true;
        }
        for (int32_t j = 0; j < ITEMS; j++)
            ck_assert(taken[j] || j == i || cosine(a, i, j) <= worst + 1e-6);
    }
    close_fixture();
}
END_TEST

START_TEST(an_item_without_a_vector_is_nobodys_neighbour)
{
    open_fixture(make_artifact(2, 20, 6, 9)); /* the last item has no vector */
    ck_assert_int_eq(dg_ranker_similar(ranker, 19, &all, 5, &list, &err), DG_OK);
    ck_assert_int_eq(list.source, DG_SOURCE_POPULAR);
    ck_assert_str_eq(list.reason, "no_vector");
    ck_assert_int_eq(list.n, 5);
    for (int place = 0; place < 5; place++) ck_assert_int_ne(hit[place].index, 19);
    ck_assert_int_eq(dg_ranker_similar(ranker, 3, &all, 20, &list, &err), DG_OK);
    ck_assert_int_eq(list.n, 18); /* all but itself and the one without */
    for (int place = 0; place < list.n; place++) ck_assert_int_ne(hit[place].index, 19);
    close_fixture();
}
END_TEST

START_TEST(without_taste_columns_neighbours_are_popular_goods)
{
    made_artifact *m = make_artifact(2, 20, 4, 10);
    m->similar_cols = 0;
    open_fixture(m);
    ck_assert_int_eq(dg_ranker_similar(ranker, 3, &all, 5, &list, &err), DG_OK);
    ck_assert_int_eq(list.source, DG_SOURCE_POPULAR);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 1, 5, false, &list, &err), DG_OK);
    ck_assert_int_eq(list.source, DG_SOURCE_USER);
    close_fixture();
}
END_TEST

START_TEST(scores_that_are_not_finite_are_an_error)
{
    made_artifact *m = make_artifact(4, 300, 6, 11);
    float *user = made_array(m, "factors/user")->at;
    user[2 * 6] = NAN;
    user[3 * 6] = 3e38f; /* overflows against item 280 */
    ((float *)made_array(m, "factors/item")->at)[280 * 6] = 3e38f;
    open_fixture(m);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 2, 5, true, &list, &err), DG_ERR_NUMERIC);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 3, 5, false, &list, &err), DG_ERR_NUMERIC);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 0, 5, true, &list, &err), DG_OK);
    close_fixture();
}
END_TEST

START_TEST(an_item_factor_that_is_not_finite_is_refused_at_once)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        const char *path = scratch(getpid(), "artifact.h5");
        made_artifact *m = make_artifact(2, 9, 5, 12);
        ((float *)made_array(m, "factors/item")->at)[7 * 5 + 4] = bad[k]; /* a bias column too */
        write_artifact(m, path);
        free_artifact(&m);
        ck_assert_int_eq(dg_artifact_open(path, &a, &err), DG_OK);
        ck_assert_int_eq(dg_ranker_create(a, &ranker, &err), DG_ERR_DATA);
        ck_assert_ptr_null(ranker);
        ck_assert_ptr_nonnull(strstr(err.text, "row 7"));
        close_fixture();
    }
}
END_TEST

/* Products of steps of 1/64: float sums are exact. Goods of score 0 are not listed. */
static int reference_by_weights(int64_t user, bool exclude, scored *out)
{
    static double score[1000];
    const bool users = a->user_weights.ptr != NULL;
    const dg_links *naming = users ? &a->user_weights : &a->profile;
    const dg_links *named = users ? &a->profile : &a->item_weights;
    int n = 0;
    memset(score, 0, sizeof score);
    for (int64_t p = naming->ptr[user]; p < naming->ptr[user + 1]; p++)
        for (int64_t q = named->ptr[naming->index[p]]; q < named->ptr[naming->index[p] + 1]; q++)
            score[named->index[q]] += (double)naming->value[p] * (double)named->value[q];
    for (int32_t i = 0; i < a->n_items; i++)
        if (score[i] != 0 && !(exclude && has_seen(a, user, i)))
            out[n++] = (scored){score[i] + a->offset, i};
    qsort(out, (size_t)n, sizeof *out, best_first);
    return n;
}

START_TEST(weights_give_the_reference_list)
{
    enum { USERS = 20, ITEMS = 300 };
    static const int ks[] = {10, 150, 200, 300}; /* the longer ones reach past scores of 0 */
    static scored want[ITEMS];
    for (int side = 0; side < 2; side++) {
        open_fixture(make_weights_artifact(USERS, ITEMS, side ? "user" : "item", 13));
        for (int64_t u = 2; u < USERS; u++)
            for (int turn = 0; turn < 8; turn++) {
                const int k = ks[turn / 2], exclude = turn % 2;
                const int n = reference_by_weights(u, exclude, want);
                ck_assert_int_eq(dg_ranker_recommend(ranker, u, k, exclude, &list, &err), DG_OK);
                same_items(want, n, k);
                for (int place = 0; place < list.n; place++)
                    ck_assert(hit[place].score == (float)want[place].score);
                ck_assert(list.source == DG_SOURCE_USER && list.excludes_seen == exclude);
            }
        close_fixture();
    }
}
END_TEST

START_TEST(by_weights_the_fallbacks_are_the_same)
{
    open_fixture(make_weights_artifact(5, 40, "item", 14));
    ck_assert_int_eq(dg_ranker_recommend(ranker, -1, 5, true, &list, &err), DG_OK);
    ck_assert_str_eq(list.reason, "unknown_user");
    ck_assert_int_eq(dg_ranker_recommend(ranker, 0, 5, true, &list, &err), DG_OK);
    ck_assert_str_eq(list.reason, "no_profile");
    ck_assert_int_eq(list.n, 5);
    ck_assert_int_eq(dg_ranker_recommend(ranker, 1, 5, true, &list, &err), DG_OK);
    ck_assert_str_eq(list.reason, "all_seen");
    ck_assert_int_eq(dg_ranker_similar(ranker, 39, &all, 5, &list, &err), DG_OK); /* no weights */
    ck_assert_str_eq(list.reason, "no_vector");
    close_fixture();
}
END_TEST

START_TEST(neighbours_by_weight_are_the_best_of_the_row)
{
    enum { ITEMS = 80, K = 9 };
    open_fixture(make_weights_artifact(3, ITEMS, "item", 15));
    for (int32_t i = 0; i < ITEMS - 1; i++) {
        const dg_links *w = &a->item_weights;
        scored want[ITEMS];
        int n = 0;
        for (int64_t p = w->ptr[i]; p < w->ptr[i + 1]; p++)
            if (w->value[p] > 0 && w->index[p] != i)
                want[n++] = (scored){(double)w->value[p], w->index[p]};
        qsort(want, (size_t)n, sizeof *want, best_first);
        ck_assert_int_eq(dg_ranker_similar(ranker, i, &all, K, &list, &err), DG_OK);
        ck_assert(list.source == DG_SOURCE_ITEM && n > 0);
        same_items(want, n, K);
    }
    close_fixture();
    open_fixture(make_weights_artifact(3, ITEMS, "user", 15));
    ck_assert_int_eq(dg_ranker_similar(ranker, 1, &all, K, &list, &err), DG_OK);
    ck_assert_str_eq(list.reason, "no_vector");
    close_fixture();
}
END_TEST

START_TEST(without_memory_for_scores_there_is_an_error_and_no_list)
{
    open_fixture(make_weights_artifact(4, 40, "item", 16));
    setenv("DAOGOU_FAULT", "alloc:0:1", 1);
    dg_fault_reload();
    ck_assert_int_eq(dg_ranker_recommend(ranker, 2, 5, true, &list, &err), DG_ERR_NOMEM);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert_int_eq(dg_ranker_recommend(ranker, 2, 5, true, &list, &err), DG_OK);
    close_fixture();
}
END_TEST

/* ---- allowed goods ---- */

enum { MANY = 700 };

/* A third of the goods by bits, every fifth skipped; each part alone and both. */
static dg_allowed some_allowed(int which, int seed)
{
    static uint64_t bits[MANY / 64 + 1];
    static int32_t skip[MANY];
    dg_rng rng = dg_rng_at((uint64_t)seed, DG_RNG_TEST, 1);
    int64_t n = 0;
    memset(bits, 0, sizeof bits);
    for (int32_t i = 0; i < a->n_items; i++) {
        if (dg_rng_below(&rng, 3) == 0) bits[i / 64] |= UINT64_C(1) << i % 64;
        if (dg_rng_below(&rng, 5) == 0) skip[n++] = i;
    }
    if (a->n_items % 64 != 0) bits[a->n_items / 64] |= ~UINT64_C(0) << a->n_items % 64; /* behind */
    return (dg_allowed){which & 1 ? bits : NULL, which & 2 ? skip : NULL, which & 2 ? n : 0};
}

static bool is_allowed(const dg_allowed *s, int32_t item)
{
    if (s->bits != NULL && (s->bits[item / 64] >> item % 64 & 1) == 0) return false;
    for (int64_t k = 0; k < s->n_skip; k++)
        if (s->skip[k] == item) return false;
    return true;
}

static int keep_allowed(const dg_allowed *s, scored *list_of_all, int n)
{
    int kept = 0;
    for (int p = 0; p < n; p++)
        if (is_allowed(s, list_of_all[p].item)) list_of_all[kept++] = list_of_all[p];
    return kept;
}

START_TEST(only_allowed_goods_are_listed)
{
    static scored want[MANY];
    for (int model = 0; model < 3; model++) {
        open_fixture(model == 0 ? make_artifact(12, MANY, 7, 21)
                                : make_weights_artifact(12, 300, model == 1 ? "item" : "user", 22));
        for (int64_t u = 2; u < 12; u++)
            for (int which = 0; which < 4; which++) {
                const dg_taste taste = dg_taste_of(a, u, taste_room);
                const dg_allowed some = some_allowed(which, (int)u);
                int n = model == 0 ? reference_recommend(a, u, false, want)
                                   : reference_by_weights(u, false, want);
                n = keep_allowed(&some, want, n);
                const int k = model == 0 ? 40 : 5; /* as many have a score above 0 */
                ck_assert_int_eq(dg_ranker_top(ranker, &taste, &some, k, &list, &err), DG_OK);
                same_items(want, n, k);
                ck_assert(list.source == DG_SOURCE_USER && list.reason == NULL);
                n = keep_allowed(&some, want, reference_popular(a, u, false, want));
                dg_ranker_popular(ranker, &some, 40, "asked", &list);
                same_items(want, n, 40);
                ck_assert_str_eq(list.reason, "asked");
            }
        close_fixture();
    }
}
END_TEST

START_TEST(neighbours_are_allowed_goods)
{
    for (int model = 0; model < 2; model++) {
        static dg_hit whole[MANY];
        dg_list each = {.hit = whole};
        open_fixture(model == 0 ? make_artifact(3, MANY, 7, 23)
                                : make_weights_artifact(3, 300, "item", 24));
        for (int32_t i = 0; i < 40; i++)
            for (int which = 0; which < 4; which++) {
                const dg_allowed some = some_allowed(which, i);
                int n = 0;
                ck_assert_int_eq(dg_ranker_similar(ranker, i, &all, MANY, &each, &err), DG_OK);
                for (int p = 0; p < each.n; p++)
                    if (is_allowed(&some, whole[p].index)) whole[n++] = whole[p];
                ck_assert_int_eq(dg_ranker_similar(ranker, i, &some, MANY, &list, &err), DG_OK);
                if (n == 0) { /* popular ones, also allowed */
                    ck_assert_str_eq(list.reason, "no_vector");
                    for (int p = 0; p < list.n; p++) ck_assert(is_allowed(&some, hit[p].index));
                    continue;
                }
                ck_assert_int_eq(list.n, n);
                ck_assert_mem_eq(hit, whole, (size_t)n * sizeof *hit);
            }
        close_fixture();
    }
}
END_TEST

START_TEST(where_nothing_is_allowed_the_list_is_empty_without_a_reason)
{
    static const uint64_t none[MANY / 64 + 1];
    open_fixture(make_artifact(4, MANY, 7, 25));
    const dg_allowed nothing = {.bits = none};
    const dg_taste taste = dg_taste_of(a, 2, taste_room), unknown = dg_taste_of(a, -1, taste_room);
    ck_assert_int_eq(dg_ranker_top(ranker, &taste, &nothing, 5, &list, &err), DG_OK);
    ck_assert(list.n == 0 && list.reason == NULL);
    ck_assert_int_eq(dg_ranker_top(ranker, &unknown, &nothing, 5, &list, &err), DG_OK);
    ck_assert_int_eq(list.n, 0);
    ck_assert_str_eq(list.reason, "no_profile");
    dg_ranker_popular(ranker, &nothing, 5, "asked", &list);
    ck_assert_int_eq(list.n, 0);
    close_fixture();
}
END_TEST

START_TEST(scores_of_given_goods_are_those_of_the_list)
{
    static int32_t item[MANY];
    static float score[MANY];
    for (int model = 0; model < 3; model++) {
        open_fixture(model == 0 ? make_artifact(9, MANY, 7, 26)
                                : make_weights_artifact(9, 300, model == 1 ? "item" : "user", 27));
        for (int64_t u = 2; u < 9; u++) {
            const dg_taste taste = dg_taste_of(a, u, taste_room);
            ck_assert_int_eq(dg_ranker_top(ranker, &taste, &all, MANY, &list, &err), DG_OK);
            for (int p = 0; p < list.n; p++) item[p] = hit[list.n - 1 - p].index;
            ck_assert_int_eq(dg_ranker_score(ranker, &taste, item, list.n, score, &err), DG_OK);
            for (int p = 0; p < list.n; p++) /* bits, and so the sign of a zero too */
                ck_assert_mem_eq(score + p, &hit[list.n - 1 - p].score, sizeof *score);
        }
        const dg_taste unknown = dg_taste_of(a, -1, taste_room);
        ck_assert_int_eq(dg_ranker_score(ranker, &unknown, item, 3, score, &err), DG_OK);
        ck_assert(score[0] == (float)a->offset);
        close_fixture();
    }
}
END_TEST

START_TEST(a_taste_of_no_stored_user_is_ranked_like_one)
{
    static dg_hit whole[40];
    dg_list each = {.hit = whole};
    for (int model = 0; model < 2; model++) {
        open_fixture(model == 0 ? make_artifact(4, 300, 7, 28)
                                : make_weights_artifact(4, 300, "item", 29));
        dg_taste taste = dg_taste_of(a, 3, taste_room);
        ck_assert_int_eq(dg_ranker_top(ranker, &taste, &all, 40, &each, &err), DG_OK);
        taste.user = -1;
        ck_assert_int_eq(dg_ranker_top(ranker, &taste, &all, 40, &list, &err), DG_OK);
        ck_assert(list.n == each.n && list.n > 0);
        ck_assert_mem_eq(hit, whole, (size_t)list.n * sizeof *hit);
        close_fixture();
    }
}
END_TEST

/* Rounded rows are rows like others: lists are those of the numbers read back. */
START_TEST(rounded_factors_and_a_search_copy_in_the_file_give_the_reference_list)
{
    enum { USERS = 9, ITEMS = 333 };
    static const dg_type types[] = {DG_F32, DG_F16, DG_I8};
    static const dg_precision wants[] = {DG_PRECISION_F32, DG_PRECISION_F16, DG_PRECISION_INT8};
    for (int which = 0; which < 6; which++) {
        made_artifact *m = make_artifact(USERS, ITEMS, 7, 31);
        float *item = made_array(m, "factors/item")->at;
        for (int k = 0; k < ITEMS * 7; k++) item[k] *= 1 + (float)(k % 5) / 7; /* to be rounded */
        if (which % 3 > 0) round_factors(m, types[which % 3]);
        if (which < 3) add_scan(m);
        open_fixture(m);
        ck_assert(a->item_factor.precision == wants[which % 3]);
        ck_assert(a->user_factor.precision == wants[which % 3]);
        ck_assert((a->scan.n > 0) == (which < 3));
        for (int64_t u = 2; u < USERS; u++) {
            static dg_hit best_hits[ITEMS];
            const dg_taste taste = dg_taste_of(a, u, taste_room);
            dg_topk best = dg_topk_start(best_hits, 20);
            for (int32_t i = 0; i < ITEMS; i++) {
                float room[DG_FACTORS_ROOM];
                const float score = dg_score_one(
                    7, taste.factor, dg_factors_row(&a->item_factor, i, room), (float)a->offset);
                ck_assert_int_eq(dg_topk_push(&best, &score, i, 1, NULL, 0, &err), DG_OK);
            }
            ck_assert_int_eq(dg_topk_finish(&best), 20);
            ck_assert_int_eq(dg_ranker_top(ranker, &taste, &all, 20, &list, &err), DG_OK);
            ck_assert_int_eq(list.n, 20);
            ck_assert_mem_eq(hit, best_hits, 20 * sizeof *hit);
            const dg_taste both[2] = {taste, taste};
            const dg_allowed every[2] = {{0}, {0}};
            static dg_hit many[2][20];
            dg_list lists[2] = {{.hit = many[0]}, {.hit = many[1]}};
            ck_assert_int_eq(dg_ranker_top_many(ranker, 2, both, every, 20, lists, &err), DG_OK);
            for (int k = 0; k < 2; k++) ck_assert_mem_eq(many[k], hit, sizeof many[k]);
        }
        ck_assert_int_eq(dg_ranker_similar(ranker, 3, &all, 20, &list, &err), DG_OK);
        for (int p = 0; p < 20; p++)
            ck_assert_double_eq_tol(hit[p].score, cosine(a, 3, hit[p].index), 1e-6);
        close_fixture();
    }
}
END_TEST

UNIT_MAIN("ranker", rounded_factors_and_a_search_copy_in_the_file_give_the_reference_list,
          only_allowed_goods_are_listed, neighbours_are_allowed_goods,
          where_nothing_is_allowed_the_list_is_empty_without_a_reason,
          scores_of_given_goods_are_those_of_the_list, a_taste_of_no_stored_user_is_ranked_like_one,
          weights_give_the_reference_list, by_weights_the_fallbacks_are_the_same,
          neighbours_by_weight_are_the_best_of_the_row,
          without_memory_for_scores_there_is_an_error_and_no_list,
          every_user_gets_the_reference_list, equal_scores_stand_in_item_order,
          those_the_model_cannot_know_get_popular_goods, popular_goods_a_user_has_seen_are_left_out,
          a_user_who_has_seen_all_gets_popular_goods_all_the_same,
          neighbours_are_the_reference_by_cosine, an_item_without_a_vector_is_nobodys_neighbour,
          without_taste_columns_neighbours_are_popular_goods,
          scores_that_are_not_finite_are_an_error,
          an_item_factor_that_is_not_finite_is_refused_at_once)
