/* Measures beyond accuracy, area under the curve, slices, intervals and sampled measures, each from
 * its definition by plain loops over every user and item. */
#include "base/memory.h"
#include "base/rng.h"
#include "evaluate/categories.h"
#include "mpi_main.h"
#include "ranking/popularity.h"
#include "ref_ranking.h"
#include "registry/bootstrap.h"
#include "shop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_ITEMS = 90, N_K = 3, DRAWS = 200 };

static dg_err err;

static dg_evaluate_options beyond(void)
{
    dg_metric_set all = (dg_metric_set)(((uint64_t)1 << DG_METRIC_COUNT) - 1);
    return (dg_evaluate_options){.part = DG_PART_TEST,
                                 .n_k = N_K,
                                 .k = {1, 5, 20},
                                 .metrics = all,
                                 .exclude_seen = true,
                                 .resamples = DRAWS,
                                 .seed = 11};
}

/* What is known of all users, by brute force. */
typedef struct truth {
    int64_t popularity[N_ITEMS];
    int group[N_ITEMS];
    int users_trained;
    bool ranked[N_USERS], seen[N_USERS][N_ITEMS], target[N_USERS][N_ITEMS];
    float score[N_USERS][N_ITEMS];
    dg_hit list[N_USERS][N_ITEMS];
    int n_list[N_USERS];
    int64_t targets[N_USERS], history[N_USERS];
} truth;

static void mark(const dg_csr *m, int64_t user, bool *to)
{
    const dg_row row = dg_csr_row(m, user);
    for (int64_t k = 0; k < row.n; k++) to[row.index[k]] = true;
}

static bool more_popular(const truth *t, int a, int b)
{
    return t->popularity[a] > t->popularity[b] || (t->popularity[a] == t->popularity[b] && a < b);
}

static void group_items(truth *t)
{
    int64_t all = 0;
    for (int i = 0; i < N_ITEMS; i++) all += t->popularity[i];
    for (int i = 0; i < N_ITEMS; i++) {
        int64_t before = 0;
        for (int j = 0; j < N_ITEMS; j++) before += more_popular(t, j, i) ? t->popularity[j] : 0;
        const double share = (double)before / (double)all;
        t->group[i] = t->popularity[i] == 0 ? DG_ITEM_COLD
                      : share < 0.2         ? DG_ITEM_HEAD
                      : share < 0.8         ? DG_ITEM_MIDDLE
                                            : DG_ITEM_TAIL;
    }
}

static truth *find_truth(const shop *s)
{
    truth *t = calloc(1, sizeof *t);
    toy model;
    toy_scorer(&model, s, false);
    for (int64_t u = 0; u < N_USERS; u++) {
        const dg_row train = dg_csr_row(&s->d.train, u);
        int32_t skip[N_ITEMS];
        int64_t n_skip = 0;
        for (int64_t k = 0; k < train.n; k++) t->popularity[train.index[k]]++;
        t->users_trained += train.n > 0;
        t->history[u] = train.n + dg_csr_row(&s->d.fold_in, u).n;
        mark(&s->d.train, u, t->seen[u]);
        mark(&s->d.fold_in, u, t->seen[u]);
        mark(&s->d.valid, u, t->seen[u]);
        mark(&s->d.test, u, t->target[u]);
        t->targets[u] = dg_csr_row(&s->d.test, u).n;
        t->ranked[u] = t->targets[u] > 0 && t->history[u] > 0;
        for (int32_t i = 0; i < N_ITEMS; i++)
            if (t->seen[u][i]) skip[n_skip++] = i;
        toy_load(&model, &u, 1, &err);
        toy_score(&model, 0, N_ITEMS, t->score[u]);
        t->n_list[u] = ref_rank(t->score[u], N_ITEMS, skip, n_skip, t->list[u]);
    }
    group_items(t);
    return t;
}

static int length(const truth *t, int u, int k) { return t->n_list[u] < k ? t->n_list[u] : k; }

static double cosine(int a, int b)
{
    double both = 0, of_a = 0, of_b = 0;
    for (int u = 0; u < N_USERS; u++) {
        const bool x = is_trained(u, a, N_ITEMS), y = is_trained(u, b, N_ITEMS);
        both += x && y;
        of_a += x;
        of_b += y;
    }
    return of_a > 0 && of_b > 0 ? both / sqrt(of_a * of_b) : 0;
}

static double similarity(const truth *t, int u, int k)
{
    static double all[N_ITEMS][N_ITEMS]; /* 1 more than the cosine, once known */
    const int n = length(t, u, k);
    double sum = 0;
    for (int r = 0; r < n; r++)
        for (int q = 0; q < r; q++) {
            const int a = t->list[u][r].index, b = t->list[u][q].index;
            if (all[a][b] == 0) all[a][b] = 1 + cosine(a, b);
            sum += all[a][b] - 1;
        }
    return n > 1 ? sum / (n * (n - 1) / 2.0) : 0;
}

/* Is the item among the k most popular that the user has not? */
static bool expected(const truth *t, int u, int item, int k)
{
    int before = 0;
    for (int i = 0; i < N_ITEMS; i++) before += !t->seen[u][i] && more_popular(t, i, item);
    return before < k;
}

static double of_list(const truth *t, dg_metric m, int u, int k)
{
    const int n = length(t, u, k);
    double sum = 0;
    for (int r = 0; r < n; r++) {
        const int i = t->list[u][r].index;
        const double p = (double)t->popularity[i];
        if (m == DG_METRIC_ARP) sum += p / n;
        if (m == DG_METRIC_ACLT) sum += t->group[i] >= DG_ITEM_TAIL;
        if (m == DG_METRIC_APLT) sum += (double)(t->group[i] >= DG_ITEM_TAIL) / n;
        if (m == DG_METRIC_NOVELTY) sum -= log2(fmax(p, 1) / t->users_trained) / n;
        if (m == DG_METRIC_SERENDIPITY)
            sum += (t->target[u][i] && !expected(t, u, i, k)) / (double)k;
    }
    return m == DG_METRIC_ILS ? similarity(t, u, k) : sum;
}

/* Pairs of a target and an item that is neither target nor seen. */
static bool pairs(const truth *t, int u, double *auc)
{
    double right = 0, n = 0;
    for (int a = 0; a < N_ITEMS; a++)
        for (int b = 0; b < N_ITEMS && t->target[u][a] && !t->seen[u][a]; b++) {
            if (t->target[u][b] || t->seen[u][b]) continue;
            const float x = t->score[u][a], y = t->score[u][b];
            right += x > y ? 1 : x == y ? 0.5 : 0;
            n++;
        }
    *auc = right / n;
    return n > 0;
}

static double spread(const truth *t, int k, bool of_targets)
{
    double chance[3], mean = 0, square = 0;
    for (int g = 0; g < 3; g++) {
        double shown = 0, possible = 0;
        for (int u = 0; u < N_USERS; u++)
            for (int i = 0; t->ranked[u] && i < N_ITEMS; i++) {
                const int mine = t->group[i] == DG_ITEM_COLD ? DG_ITEM_TAIL : t->group[i];
                if (mine == g) possible += of_targets ? t->target[u][i] : !t->seen[u][i];
            }
        for (int u = 0; u < N_USERS; u++)
            for (int r = 0; t->ranked[u] && r < length(t, u, k); r++) {
                const int i = t->list[u][r].index;
                const int mine = t->group[i] == DG_ITEM_COLD ? DG_ITEM_TAIL : t->group[i];
                if (mine == g) shown += of_targets ? t->target[u][i] : 1;
            }
        chance[g] = shown / possible;
        mean += chance[g] / 3;
    }
    for (int g = 0; g < 3; g++) square += (chance[g] - mean) * (chance[g] - mean) / 3;
    return sqrt(square) / mean;
}

static double of_catalogue(const truth *t, dg_metric m, int k)
{
    double e[N_ITEMS] = {0}, sum = 0, apart = 0, h = 0, shown = 0;
    for (int u = 0; u < N_USERS; u++)
        for (int r = 0; t->ranked[u] && r < length(t, u, k); r++)
            e[t->list[u][r].index] += log(2) / log(r + 2);
    for (int i = 0; i < N_ITEMS; i++) sum += e[i];
    for (int i = 0; i < N_ITEMS; i++) {
        for (int j = 0; j < N_ITEMS; j++) apart += fabs(e[i] - e[j]);
        if (e[i] > 0) h -= e[i] / sum * log(e[i] / sum);
        shown += e[i] > 0;
    }
    switch (m) {
    case DG_METRIC_COVERAGE: return shown / N_ITEMS;
    case DG_METRIC_GINI:
        return apart / (2 * N_ITEMS * sum); /* mean difference over twice the mean */
    case DG_METRIC_ENTROPY: return h;
    case DG_METRIC_EVENNESS: return h / log(N_ITEMS);
    case DG_METRIC_POPRSP: return spread(t, k, false);
    default: return spread(t, k, true);
    }
}

static double reference(const truth *t, const dg_measure *m)
{
    double sum = 0, by = 0, auc;
    if (m->metric >= DG_METRIC_OF_USER && m->k > 0) return of_catalogue(t, m->metric, m->k);
    for (int u = 0; u < N_USERS; u++) {
        if (!t->ranked[u]) continue;
        if (m->k > 0) {
            sum += of_list(t, m->metric, u, m->k);
            by++;
        } else if (pairs(t, u, &auc)) {
            const double weight = m->metric == DG_METRIC_GAUC ? (double)t->targets[u] : 1;
            sum += weight * auc;
            by += weight;
        }
    }
    return sum / by;
}

/* The same data on all ranks and on one, measured alike. */
typedef struct bench {
    dg_comm one;
    shop part, whole;
    toy mine, all;
    dg_metrics many, single;
} bench;

static bench *measure(const dg_evaluate_options *o, bool rates)
{
    bench *b = calloc(1, sizeof *b);
    dg_comm_init(&b->one, MPI_COMM_SELF);
    b->part = make_shop(&world, N_ITEMS);
    b->whole = make_shop(&b->one, N_ITEMS);
    const dg_scorer mine = toy_scorer(&b->mine, &b->part, rates);
    const dg_scorer all = toy_scorer(&b->all, &b->whole, rates);
    ck_assert_all(dg_evaluate(&world, &b->part.d, &mine, o, &b->many, &err) == DG_OK);
    ck_assert_all(dg_evaluate(&b->one, &b->whole.d, &all, o, &b->single, &err) == DG_OK);
    ck_assert_all(memcmp(&b->many, &b->single, sizeof b->many) == 0); /* the bits of one rank */
    return b;
}

static void drop(bench *b)
{
    free_shop(&b->part);
    free_shop(&b->whole);
    dg_comm_free(&b->one);
    free(b);
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(every_measure_equals_its_definition)
{
    const dg_evaluate_options o = beyond();
    bench *b = measure(&o, false);
    truth *t = find_truth(&b->whole);
    int compared = 0;
    bool right = true;
    for (int i = 0; i < b->many.n; i++) {
        const dg_measure *m = &b->many.at[i];
        char name[48];
        if (m->metric < DG_METRIC_OF_LIST) continue; /* test_evaluate.c */
        const double expect = reference(t, m);
        compared++;
        if (fabs(m->value - expect) < 1e-8) continue; /* exposure is counted in 2^-32 */
        fprintf(stderr, "%s is %.17g, not %.17g\n", dg_measure_name(m, name, sizeof name), m->value,
                expect);
        right = false;
    }
    ck_assert_all(right && compared == (6 + 6) * N_K + 2);
    free(t);
    drop(b);
}
END_TEST

START_TEST(slices_hold_the_users_and_targets_of_theirs)
{
    static const int64_t from[] = {0, 1, 5, 10, 20, 50, 100, INT64_MAX};
    const dg_evaluate_options o = beyond();
    bench *b = measure(&o, false);
    truth *t = find_truth(&b->whole);
    const dg_measure *recall = dg_metrics_find(&b->many, "recall@5");
    for (int s = 0; s < DG_HISTORIES; s++) {
        const dg_history_slice *x = &b->many.by_history[s];
        double users = 0, sum = 0;
        for (int u = 0; u < N_USERS; u++) {
            if (!t->ranked[u] || t->history[u] < from[s] || t->history[u] >= from[s + 1]) continue;
            double hits = 0;
            for (int r = 0; r < length(t, u, 5); r++) hits += t->target[u][t->list[u][r].index];
            sum += hits / (double)t->targets[u];
            users++;
        }
        ck_assert_all(x->least == from[s] && (double)x->users == users);
        if (users > 0) ck_assert_all(fabs(x->value[recall - b->many.at] - sum / users) < 1e-12);
    }
    ck_assert_all(b->many.by_history[2].users > 0 && b->many.by_history[1].users > 0);
    for (int g = 0; g < DG_ITEM_GROUPS; g++) {
        double hits = 0, targets = 0;
        for (int u = 0; u < N_USERS; u++) {
            if (!t->ranked[u]) continue;
            for (int i = 0; i < N_ITEMS; i++) targets += t->group[i] == g && t->target[u][i];
            for (int r = 0; r < length(t, u, 20); r++) {
                const int i = t->list[u][r].index;
                hits += t->group[i] == g && t->target[u][i];
            }
        }
        const dg_popularity_slice *x = &b->many.by_popularity[g];
        ck_assert_all((double)x->targets == targets);
        if (targets > 0) ck_assert_all(fabs(x->recall[2] - hits / targets) < 1e-12);
    }
    ck_assert_all(b->many.by_popularity[DG_ITEM_HEAD].recall[2] > 0);
    free(t);
    drop(b);
}
END_TEST

/* Each user's hash, recall and squares again, then each resample by itself. */
START_TEST(intervals_are_the_percentiles_of_resampled_users)
{
    const dg_evaluate_options o = beyond();
    bench *b = measure(&o, true);
    truth *t = find_truth(&b->whole);
    static double recall[DRAWS], rmse[DRAWS];
    double top[DRAWS][4] = {{0}}, low, high;
    for (int64_t u = 0; u < N_USERS; u++) {
        char id[16];
        uint8_t weight[DRAWS];
        if (t->targets[u] == 0) continue;
        const int n = snprintf(id, sizeof id, "u%d", (int)u);
        const dg_row row = dg_csr_row(&b->whole.d.test, u);
        double hits = 0, squares = 0;
        for (int r = 0; r < length(t, (int)u, 5); r++) hits += t->target[u][t->list[u][r].index];
        for (int64_t k = 0; k < row.n; k++) {
            const double p = fmin(fmax((double)t->score[u][row.index[k]], 1), 5);
            squares += (p - (double)row.value[k]) * (p - (double)row.value[k]);
        }
        dg_bootstrap_weights(o.seed, dg_id_hash(id, (size_t)n), 0, DRAWS, weight);
        for (int d = 0; d < DRAWS; d++) {
            top[d][0] += t->ranked[u] ? weight[d] * hits / (double)t->targets[u] : 0;
            top[d][1] += t->ranked[u] ? weight[d] : 0;
            top[d][2] += weight[d] * squares;
            top[d][3] += weight[d] * (double)t->targets[u];
        }
    }
    for (int d = 0; d < DRAWS; d++) {
        recall[d] = top[d][0] / top[d][1];
        rmse[d] = sqrt(top[d][2] / top[d][3]);
    }
    dg_bootstrap_interval(recall, DRAWS, 0.95, &low, &high);
    const dg_measure *m = dg_metrics_find(&b->many, "recall@5");
    ck_assert_all(fabs(m->low - low) < 1e-12 && fabs(m->high - high) < 1e-12);
    ck_assert_all(m->low < m->value && m->value < m->high);
    dg_bootstrap_interval(rmse, DRAWS, 0.95, &low, &high);
    m = dg_metrics_find(&b->many, "rmse");
    ck_assert_all(fabs(m->low - low) < 1e-12 && fabs(m->high - high) < 1e-12);
    m = dg_metrics_find(&b->many, "gini@5"); /* no mean over users */
    ck_assert_all(m->low == 0 && m->high == 0 && m->value > 0);
    free(t);
    drop(b);
}
END_TEST

/* Items are of kind a, b or c by their row, every fifth also of kind d; e is of none. */
static bool is_of(int64_t item, int kind)
{
    return kind == item % 3 || (kind == 3 && item % 5 == 0);
}

static void sort_goods(const dg_comm *c, dg_dataset *d)
{
    const dg_range own = dg_shards_rows(&d->items, c->rank, c->size);
    const int64_t n = own.end - own.begin;
    dg_attribute_column *by = dg_alloc(1, sizeof *by);
    *by = (dg_attribute_column){.name = "kind", .type = DG_ATTRIBUTE_TEXT};
    by->ptr = dg_alloc((size_t)n + 1, sizeof *by->ptr);
    by->code = dg_alloc(2 * (size_t)n, sizeof *by->code);
    for (int64_t i = 0; i < n; i++) {
        by->ptr[i + 1] = by->ptr[i];
        for (int kind = 0; kind < 5; kind++)
            if (is_of(own.begin + i, kind)) by->code[by->ptr[i + 1]++] = kind;
    }
    for (int kind = 0; kind < 5; kind++)
        if (dg_strings_add(&by->values, &"abcde"[kind], 1, &err) != DG_OK) abort();
    d->item_attributes = (dg_attribute_columns){1, by};
}

START_TEST(categories_hold_the_targets_of_their_items)
{
    dg_evaluate_options o = beyond();
    shop s = make_shop(&world, N_ITEMS);
    toy model;
    const dg_scorer scorer = toy_scorer(&model, &s, false);
    static dg_metrics m;
    dg_categories x = {0};
    dg_comm one;
    dg_text text = {0};
    sort_goods(&world, &s.d);
    o.by_attribute = "kind";
    o.categories = &x;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_OK);
    dg_comm_init(&one, MPI_COMM_SELF);
    shop whole = make_shop(&one, N_ITEMS);
    truth *t = find_truth(&whole);
    for (int kind = 0; kind < 5; kind++) {
        int64_t targets = 0, hits = 0;
        for (int u = 0; u < N_USERS; u++) {
            for (int i = 0; t->ranked[u] && i < N_ITEMS; i++)
                targets += t->target[u][i] && is_of(i, kind);
            for (int r = 0; t->ranked[u] && r < length(t, u, 20); r++) {
                const int i = t->list[u][r].index;
                hits += t->target[u][i] && is_of(i, kind);
            }
        }
        ck_assert_all(x.targets[kind] == targets && x.hits[kind * N_K + 2] == hits);
        ck_assert_all((targets > 0) == (kind < 4));
    }
    ck_assert_all(dg_categories_json(&x, &o, 3, &text, &err) == DG_OK);
    ck_assert_all(strstr(text.at, "\"value\":\"a\"") != NULL && strstr(text.at, "\"d\"") == NULL);
    dg_categories_free(&x);
    o.by_attribute = "colour";
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_ERR_CONFIG);
    ck_assert_all(
        strcmp(err.text, "evaluate.by_attribute: goods have no texts called \"colour\"") == 0);
    dg_categories_free(&x);
    dg_text_free(&text);
    free(t);
    free_shop(&s);
    free_shop(&whole);
    dg_comm_free(&one);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

/* As many drawn as there are: the target's rank is that among all items that are not targets. */
START_TEST(sampled_measures_are_labelled_and_full_ones_stay)
{
    dg_evaluate_options o = beyond();
    o.metrics = 1u << DG_METRIC_RECALL;
    o.sampled = 20;
    bench *b = measure(&o, false);
    ck_assert_all(b->many.n == N_K * (1 + 3));
    const dg_measure *full = dg_metrics_find(&b->many, "recall@5");
    const dg_measure *drawn = dg_metrics_find(&b->many, "hr@5(sampled 20)");
    const dg_measure *whole = dg_metrics_find(&b->many, "hr@20(sampled 20)");
    ck_assert_all(full != NULL && drawn != NULL && drawn->value > full->value);
    ck_assert_all(drawn->value < 1 && whole->value > drawn->value);
    /* Recomputed by chance alone: a target's rank among 20 drawn ones is at most 5 with the
     * hypergeometric chance that at most 4 of the better ones are drawn. */
    truth *t = find_truth(&b->whole);
    double expect = 0, users = 0;
    for (int u = 0; u < N_USERS; u++) {
        if (!t->ranked[u]) continue;
        double mean = 0;
        for (int a = 0; a < N_ITEMS; a++) {
            if (!t->target[u][a]) continue;
            int better = 0, others = 0;
            for (int i = 0; i < N_ITEMS; i++) {
                if (t->seen[u][i] || t->target[u][i]) continue;
                others++;
                better += dg_hit_before((dg_hit){t->score[u][i], i}, (dg_hit){t->score[u][a], a});
            }
            for (int x = 0; x < 5 && x <= better; x++)
                mean += exp(lgamma(better + 1) - lgamma(x + 1) - lgamma(better - x + 1) +
                            lgamma(others - better + 1) - lgamma(20 - x + 1) -
                            lgamma(others - better - 20 + x + 1) - lgamma(others + 1) + lgamma(21) +
                            lgamma(others - 19)) *
                        (others - better >= 20 - x);
        }
        expect += mean / (double)t->targets[u];
        users++;
    }
    ck_assert_all(fabs(drawn->value - expect / users) < 0.03); /* over 1000 targets: error .012 */
    free(t);
    drop(b);
}
END_TEST

START_TEST(more_drawn_than_there_are_is_refused)
{
    dg_evaluate_options o = beyond();
    shop s = make_shop(&world, N_ITEMS);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, false);
    static dg_metrics m;
    o.sampled = N_ITEMS - 5;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_ERR_CONFIG);
    ck_assert_all(strncmp(err.text, "evaluate.sampled: 85 items are to be drawn", 42) == 0);
    free_shop(&s);
}
END_TEST

static int rows_scored;

static void toy_score_row(void *self, int i, float *out)
{
    const toy *t = self;
    rows_scored++;
    for (int64_t item = 0; item < t->s->n_items; item++) out[item] = toy_score_one(self, i, item);
}

START_TEST(scores_of_whole_rows_measure_what_single_ones_do)
{
    dg_evaluate_options o = beyond();
    shop s = make_shop(&world, N_ITEMS);
    toy t;
    static dg_metrics single, whole;
    dg_scorer scorer = toy_scorer(&t, &s, true);
    o.sampled = 20;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &single, &err) == DG_OK);
    scorer.score_row = toy_score_row;
    rows_scored = 0;
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &whole, &err) == DG_OK);
    int64_t more = rows_scored - whole.users; /* over all ranks; a row each is for the lists */
    dg_sum_int64(&world, &more, 1);
    ck_assert_all(more > (1 - world.size) * whole.users);
    bool same = single.n == whole.n;
    for (int k = 0; k < single.n; k++) same &= single.at[k].value == whole.at[k].value;
    ck_assert_all(same);
    free_shop(&s);
}
END_TEST

/* Labels: values at or below 2 are made 0, others 1; the model's scores cut to 0 … 1. */
START_TEST(labels_are_judged_as_labels)
{
    shop s = make_shop(&world, N_ITEMS);
    toy t;
    dg_scorer scorer = toy_scorer(&t, &s, true);
    scorer.clip_min = 0;
    scorer.clip_max = 1;
    static dg_metrics m;
    dg_evaluate_options o = beyond();
    o.metrics = 1u << DG_METRIC_AUC | 1u << DG_METRIC_GAUC | 1u << DG_METRIC_LOGLOSS;
    double sum[5] = {0};
    for (int64_t u = s.d.test.begin; u < s.d.test.end; u++) {
        const dg_row row = dg_csr_row(&s.d.test, u);
        double right = 0, n = 0;
        float *label = s.d.test.value + s.d.test.ptr[u - s.d.test.begin];
        for (int64_t k = 0; k < row.n; k++) label[k] = label[k] > 2;
        toy_load(&t, &u, 1, &err);
        for (int64_t a = 0; a < row.n; a++) {
            const float x = toy_score_one(&t, 0, row.index[a]);
            const double p = fmin(fmax((double)x, 1e-7), 1 - 1e-7);
            sum[0] -= row.value[a] > 0 ? log(p) : log(1 - p);
            sum[1]++;
            for (int64_t b = 0; b < row.n && row.value[a] > 0; b++) {
                if (row.value[b] > 0) continue;
                const float y = toy_score_one(&t, 0, row.index[b]);
                right += x > y ? 1 : x == y ? 0.5 : 0;
                n++;
            }
        }
        if (n == 0) continue;
        sum[2] += right / n;
        sum[3]++;
        sum[4] += (double)row.n * right / n;
    }
    double weight = 0, all[6];
    for (int64_t u = s.d.test.begin; u < s.d.test.end; u++) {
        const dg_row row = dg_csr_row(&s.d.test, u);
        double ones = 0;
        for (int64_t k = 0; k < row.n; k++) ones += (double)row.value[k];
        if (ones > 0 && ones < (double)row.n) weight += (double)row.n;
    }
    double mine[6] = {sum[0], sum[1], sum[2], sum[3], sum[4], weight};
    MPI_Allreduce(mine, all, 6, MPI_DOUBLE, MPI_SUM, world.comm);
    ck_assert_all(dg_evaluate(&world, &s.d, &scorer, &o, &m, &err) == DG_OK);
    ck_assert_all(m.n == 5 && all[3] > 50);
    ck_assert_all(fabs(dg_metrics_find(&m, "logloss")->value - all[0] / all[1]) < 1e-6);
    ck_assert_all(fabs(dg_metrics_find(&m, "auc")->value - all[2] / all[3]) < 1e-12);
    ck_assert_all(fabs(dg_metrics_find(&m, "gauc")->value - all[4] / all[5]) < 1e-12);
    free_shop(&s);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    shop s = make_shop(&world, N_ITEMS);
    toy t;
    const dg_scorer scorer = toy_scorer(&t, &s, true);
    const size_t before = dg_alloc_live();
    const int bad = world.size - 1;
    dg_evaluate_options o = beyond();
    o.resamples = 3;
    o.sampled = 5;
    dg_status st = DG_ERR_NOMEM;
    int nth = 0;
    while (st == DG_ERR_NOMEM && nth < 300) {
        char spec[32];
        static dg_metrics m;
        snprintf(spec, sizeof spec, "alloc:%d:%d", bad, ++nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_evaluate(&world, &s.d, &scorer, &o, &m, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == bad));
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK && nth > 20);
    free_shop(&s);
}
END_TEST

MPI_MAIN("beyond", every_measure_equals_its_definition, slices_hold_the_users_and_targets_of_theirs,
         intervals_are_the_percentiles_of_resampled_users,
         categories_hold_the_targets_of_their_items,
         sampled_measures_are_labelled_and_full_ones_stay,
         scores_of_whole_rows_measure_what_single_ones_do, more_drawn_than_there_are_is_refused,
         labels_are_judged_as_labels, each_failing_allocation_fails_all)
