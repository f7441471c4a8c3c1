#include "online/online.h"

#include "base/memory.h"
#include "comm/exchange.h"
#include "comm/tree.h"
#include "online/join.h"
#include "registry/bootstrap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHARDS = 64 };

/* Sums over lists, and of each resample of users: four of each arm, two of all lists, then those of
 * a policy by lists and by items. P_UNITS: lists or items; P_MORE: of dr or the pseudoinverse;
 * P_LACKS: lists without predictions. */
enum { A_LISTS, A_CLICKED, A_CONVERTED, A_SATISFACTION, A_SUMS };
enum { ALL_LISTS = DG_ARMS * A_SUMS, ALL_SATISFACTION, POLICY };
enum { P_LISTS, P_UNITS, P_REWARD, P_WEIGHT, P_SQUARES, P_IPS, P_CLIPPED, P_MORE, P_LACKS, P_SUMS };
enum { SLATE = POLICY + P_SUMS, COLUMNS = SLATE + P_SUMS };

typedef struct arm_tally { /* whole numbers only: added up as an array of them */
    int64_t lists, items, clicks, conversions, clicked_lists, converted_lists, late;
    int64_t age[DG_DELAYS + 1];
} arm_tally;

typedef struct tallies {
    arm_tally arm[DG_ARMS], undrawn;
    dg_delays delays; /* but clicks, which arms have */
    int64_t at[DG_POSITIONS], clicked_at[DG_POSITIONS], unmatched;
} tallies;

typedef struct work {
    const dg_comm *c;
    const dg_online_options *o;
    int64_t end;
    int policy; /* number of the arm; -1: the log's target */
    bool drawn; /* some lists have a propensity below 1 */
    dg_outcome *shown;
    dg_done *done;
    int64_t n_shown, n_done;
    tallies t;
    dg_tree *tree;
    uint8_t *weight;     /* (resamples,) */
    double row[COLUMNS]; /* of one key */
} work;

static int shard_of(uint64_t key) { return (int)(key >> 58); }

/* ---- to the owner of each key ---- */

/* Frees all. COLLECTIVE. */
static dg_status ship(const dg_comm *c, void *all, size_t size, int64_t n, size_t key_at,
                      void **out, int64_t *n_out, dg_err *err)
{
    int64_t *count = dg_alloc(3 * (size_t)c->size, sizeof *count);
    char *send = dg_alloc((size_t)n, size);
    dg_status st = count == NULL || send == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending logs")
                       : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        int64_t *next = count + 2 * c->size;
        const char *from = all;
        uint64_t key;
        for (int64_t k = 0; k < n; k++) {
            memcpy(&key, from + (size_t)k * size + key_at, sizeof key);
            count[dg_shards_owner(SHARDS, shard_of(key), c->size)]++;
        }
        for (int r = 1; r < c->size; r++) next[r] = next[r - 1] + count[r - 1];
        for (int64_t k = 0; k < n; k++) {
            memcpy(&key, from + (size_t)k * size + key_at, sizeof key);
            const int to = dg_shards_owner(SHARDS, shard_of(key), c->size);
            memcpy(send + (size_t)next[to]++ * size, from + (size_t)k * size, size);
        }
        dg_free(all);
        all = NULL;
        st = dg_exchange(c, send, size, count, out, count + c->size, err);
        *n_out = 0;
        for (int r = 0; r < c->size && st == DG_OK; r++) *n_out += count[c->size + r];
    }
    dg_free(all);
    dg_free(count);
    dg_free(send);
    return st;
}

/* COLLECTIVE. */
static bool is_drawn(const dg_comm *c, const dg_logs *logs)
{
    int64_t drawn = 0;
    for (int64_t k = 0; k < logs->n_shown && !drawn; k++) drawn = logs->shown[k].propensity < 1;
    dg_max_int64(c, &drawn, 1);
    return drawn != 0;
}

static dg_status ship_logs(work *w, dg_logs *logs, dg_err *err)
{
    void *shown = NULL, *done = NULL;
    dg_outcome *all = dg_alloc((size_t)logs->n_shown, sizeof *all);
    dg_status st = all == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory joining logs") : DG_OK;
    st = dg_agree(w->c, st, err);
    if (st == DG_OK) {
        for (int64_t k = 0; k < logs->n_shown; k++)
            all[k] = (dg_outcome){.shown = logs->shown[k],
                                  .key = dg_join_key_shown(&logs->shown[k], w->o->by_request),
                                  .clicked_at = INT64_MIN,
                                  .converted_at = INT64_MIN};
        dg_free(logs->shown);
        logs->shown = NULL;
        for (int64_t k = 0; k < logs->n_done; k++)
            logs->done[k].key = dg_join_key_done(&logs->done[k], w->o->by_request);
        st = ship(w->c, all, sizeof *all, logs->n_shown, offsetof(dg_outcome, key), &shown,
                  &w->n_shown, err);
        all = NULL;
    }
    dg_free(all);
    if (st == DG_OK) {
        st = ship(w->c, logs->done, sizeof *logs->done, logs->n_done, offsetof(dg_done, key), &done,
                  &w->n_done, err);
        logs->done = NULL;
    }
    w->shown = shown;
    w->done = done;
    dg_logs_free(logs);
    return st;
}

/* ---- counting ---- */

static int step_of(const work *w, int64_t ms)
{
    if (ms < 0) return 0; /* as times in whole seconds may have it */
    return (int)(ms >= w->o->window ? DG_DELAYS : ms * DG_DELAYS / w->o->window);
}

static void count_item(work *w, arm_tally *a, const dg_outcome *x)
{
    const int place = x->shown.position - 1;
    const bool clicked = x->clicked_at != INT64_MIN, converted = x->converted_at != INT64_MIN;
    a->items++;
    a->clicks += clicked;
    a->conversions += converted;
    a->late += x->unclicked_conversion && !converted;
    if (place < DG_POSITIONS) w->t.at[place]++;
    if (place < DG_POSITIONS) w->t.clicked_at[place] += clicked;
    if (!clicked) return;
    const int age = step_of(w, w->end - x->clicked_at);
    a->age[age]++;
    if (!converted) return;
    const int late = step_of(w, x->converted_at - x->clicked_at);
    dg_delays_add(&w->t.delays, late < DG_DELAYS ? late : DG_DELAYS - 1, age);
}

static double satisfaction_of(const work *w, const dg_outcome *x)
{
    double sum = 0;
    for (int kind = 0; kind < w->o->n_kinds; kind++)
        if (x->kinds >> kind & 1) sum += w->o->weight[kind];
    return sum;
}

static void add_unit(const work *w, double *p, double weight, double reward)
{
    p[P_UNITS] += 1;
    p[P_REWARD] += reward;
    p[P_WEIGHT] += weight;
    p[P_SQUARES] += weight * weight;
    p[P_IPS] += weight * reward;
    p[P_CLIPPED] += (w->o->clip > 0 ? fmin(weight, w->o->clip) : weight) * reward;
}

/* What one list adds to the sums of its key. */
static void add_policy(work *w, const dg_shown *s, double reward)
{
    double *p = w->row + POLICY;
    double weight = s->target / s->propensity;
    if (w->policy >= 0) weight = s->arm == w->policy ? 1 / s->propensity : 0;
    if (isnan(weight)) return;
    add_unit(w, p, weight, reward);
    p[P_LISTS] += 1;
    if (isnan(s->predicted) || isnan(s->predicted_target))
        p[P_LACKS] += 1;
    else
        p[P_MORE] += s->predicted_target + weight * (reward - s->predicted);
}

/* The same of its items by their own chances; nothing where one of them has none. */
static void add_slate(work *w, const dg_outcome *x, int64_t n)
{
    double *p = w->row + SLATE, weights = 0, rewards = 0;
    for (int64_t k = 0; k < n; k++) weights += x[k].shown.item_target / x[k].shown.item_propensity;
    if (isnan(weights)) return;
    for (int64_t k = 0; k < n; k++) {
        const double reward[] = {[DG_REWARD_CLICK] = x[k].clicked_at != INT64_MIN,
                                 [DG_REWARD_CONVERSION] = x[k].converted_at != INT64_MIN,
                                 [DG_REWARD_SATISFACTION] = satisfaction_of(w, &x[k])};
        add_unit(w, p, x[k].shown.item_target / x[k].shown.item_propensity, reward[w->o->reward]);
        rewards += reward[w->o->reward];
    }
    p[P_LISTS] += 1;
    p[P_MORE] += rewards * (1 - (double)n + weights);
}

static void count_list(work *w, const dg_outcome *x, int64_t n)
{
    const dg_shown *s = &x->shown;
    const bool drawn = !w->drawn || s->propensity < 1;
    arm_tally *a = drawn ? &w->t.arm[s->arm] : &w->t.undrawn;
    double *row = w->row + s->arm * A_SUMS, satisfaction = 0;
    bool clicked = false, converted = false;
    for (int64_t k = 0; k < n; k++) {
        count_item(w, a, &x[k]);
        clicked = clicked || x[k].clicked_at != INT64_MIN;
        converted = converted || x[k].converted_at != INT64_MIN;
        satisfaction += satisfaction_of(w, &x[k]);
    }
    a->lists++;
    a->clicked_lists += clicked;
    a->converted_lists += converted;
    w->row[ALL_LISTS] += 1;
    w->row[ALL_SATISFACTION] += satisfaction;
    row[A_LISTS] += drawn;
    row[A_CLICKED] += drawn && clicked;
    row[A_CONVERTED] += drawn && converted;
    row[A_SATISFACTION] += drawn ? satisfaction : 0;
    const double reward[] = {[DG_REWARD_CLICK] = clicked,
                             [DG_REWARD_CONVERSION] = converted,
                             [DG_REWARD_SATISFACTION] = satisfaction};
    if (drawn || w->policy < 0) add_policy(w, s, reward[w->o->reward]);
    add_slate(w, x, n);
}

/* Who is resampled: the user, whatever lists are joined by. */
static uint64_t person_of(const dg_outcome *x)
{
    return x->shown.user != 0 ? x->shown.user : x->key;
}

static void flush(work *w, uint64_t person, double *leaf)
{
    for (int k = 0; k < COLUMNS; k++) leaf[k] += w->row[k];
    dg_bootstrap_weights(w->o->seed, person, 0, w->o->resamples, w->weight);
    dg_bootstrap_add(w->weight, w->o->resamples, w->row, COLUMNS, leaf + COLUMNS);
    memset(w->row, 0, sizeof w->row);
}

static void count_shard(work *w, const dg_outcome *x, int64_t n)
{
    double *leaf = dg_tree_leaf(w->tree);
    for (int64_t k = 0, end; k < n; k = end) {
        for (end = k + 1;
             end < n && x[end].key == x[k].key && x[end].shown.list == x[k].shown.list &&
             x[end].shown.user == x[k].shown.user && x[end].shown.time == x[k].shown.time;)
            end++;
        count_list(w, x + k, end - k);
        if (end == n || x[end].key != x[k].key || person_of(&x[end]) != person_of(&x[k]))
            flush(w, person_of(&x[k]), leaf);
    }
    dg_tree_push(w->tree);
}

static void count_all(work *w)
{
    const dg_run run = dg_shards_run(SHARDS, w->c->rank, w->c->size);
    int64_t begin = 0;
    w->t.unmatched = dg_join(w->o, w->shown, w->n_shown, w->done, w->n_done);
    dg_join_order(w->shown, w->n_shown); /* by key, hence by shard */
    for (int s = run.begin; s < run.end; s++) {
        int64_t end = begin;
        while (end < w->n_shown && shard_of(w->shown[end].key) == s) end++;
        count_shard(w, w->shown + begin, end - begin);
        begin = end;
    }
    dg_sum_int64(w->c, (int64_t *)&w->t, (int)(sizeof w->t / sizeof(int64_t)));
}

/* ---- figures ---- */

static dg_rate rate(const work *w, int64_t of, int64_t all)
{
    dg_rate r = {.of = of, .all = all, .value = all > 0 ? (double)of / (double)all : NAN};
    dg_wilson(of, all, w->o->confidence, &r.low, &r.high);
    return r;
}

static void add_tally(arm_tally *to, const arm_tally *from)
{
    for (size_t k = 0; k < sizeof *to / sizeof(int64_t); k++)
        ((int64_t *)to)[k] += ((const int64_t *)from)[k];
}

static void fill_arm(const work *w, const arm_tally *t, const double delay[DG_DELAYS],
                     dg_arm_figures *out)
{
    const double ripe = dg_delays_ripe(t->age, delay);
    out->lists = t->lists;
    out->items = t->items;
    out->clicked_lists = t->clicked_lists;
    out->converted_lists = t->converted_lists;
    out->late_conversions = t->late;
    out->ctr = rate(w, t->clicks, t->items);
    out->cvr = rate(w, t->conversions, t->clicks);
    out->ctcvr = rate(w, t->conversions, t->items);
    const bool known = t->conversions == 0 || dg_delays_known(&w->t.delays);
    out->cvr_corrected = ripe > 0 && known ? fmin((double)t->conversions / ripe, 1) : NAN;
    out->ctcvr_corrected = out->cvr_corrected * out->ctr.value;
}

/* A figure as a function of sums. */
typedef double figure(const double *sum, int arm, int which);

static double mean_of(const double *sum, int arm, int which)
{
    return sum[arm * A_SUMS + which] / sum[arm * A_SUMS + A_LISTS];
}

static double less_first(const double *sum, int arm, int which)
{
    return mean_of(sum, arm, which) - mean_of(sum, 0, which);
}

/* Of the sums of a policy that begin at `from`. P_WEIGHT: snips; P_REWARD: what the policy gains.
 */
static double of_policy(const double *sum, int from, int which)
{
    const double *p = sum + from;
    const double snips = p[P_IPS] / p[P_WEIGHT], logged = p[P_REWARD] / p[P_LISTS];
    if (which == P_WEIGHT) return snips;
    if (which == P_REWARD) return (from == POLICY ? snips : p[P_IPS] / p[P_LISTS]) - logged;
    return p[which] / p[P_LISTS];
}

static double of_all(const double *sum, int arm, int which)
{
    (void)arm;
    return sum[which] / sum[ALL_LISTS];
}

/* The figure of the sample, its interval, and the variance of its resamples. */
static double judge(const work *w, const double *sum, double *room, figure *of, int arm, int which,
                    double *low, double *high, double *variance)
{
    const double value = of(sum, arm, which);
    const int64_t n = w->o->resamples;
    double mean = 0, square = 0;
    for (int64_t d = 0; d < n; d++) {
        const double v = of(sum + (d + 1) * COLUMNS, arm, which);
        room[d] = isfinite(v) ? v : value; /* a resample without any list of an arm */
        mean += room[d] / (double)n;
    }
    for (int64_t d = 0; d < n; d++) square += (room[d] - mean) * (room[d] - mean) / (double)n;
    if (variance != NULL) *variance = square;
    dg_bootstrap_interval(room, n, w->o->confidence, low, high);
    return value;
}

static void fill_difference(const work *w, const double *sum, double *room, int arm, int which,
                            dg_arm_difference *out)
{
    double variance;
    *out = (dg_arm_difference){.always_low = NAN, .always_high = NAN, .always_p = NAN};
    out->value = judge(w, sum, room, less_first, arm, which, &out->low, &out->high, &variance);
    if (arm == 0 || !(variance > 0)) return;
    const double half = dg_always_half(variance, w->o->effect, 1 - w->o->confidence);
    out->always_low = out->value - half;
    out->always_high = out->value + half;
    out->always_p = dg_always_p(out->value, variance, w->o->effect);
}

static void say_verdict(const work *w, const char *units, dg_off_policy *p)
{
    const dg_online_options *o = w->o;
    p->refused = true;
    if (!(p->effective >= o->least_effective))
        snprintf(p->verdict, sizeof p->verdict,
                 "refused: the effective sample of %.0f %s is below %.0f", p->effective, units,
                 o->least_effective);
    else if (!(p->overlap >= o->least_overlap))
        snprintf(p->verdict, sizeof p->verdict,
                 "refused: the log covers %.2f of the policy, below %.2f", p->overlap,
                 o->least_overlap);
    else
        p->refused = false;
    if (p->refused) return;
    snprintf(p->verdict, sizeof p->verdict, "%s",
             p->gain_low > 0    ? "better than what was shown"
             : p->gain_high < 0 ? "worse than what was shown"
                                : "no difference that these logs could show");
}

static dg_estimate estimate(const work *w, const double *sum, double *room, int from, int which)
{
    dg_estimate e;
    e.value = judge(w, sum, room, of_policy, from, which, &e.low, &e.high, NULL);
    return e;
}

static void fill_policy(const work *w, const double *sum, double *room, int from, dg_off_policy *p)
{
    const double *s = sum + from;
    p->asked = s[P_LISTS] > 0;
    if (!p->asked) return;
    p->lists = (int64_t)s[P_LISTS];
    p->logged = s[P_REWARD] / s[P_LISTS];
    p->effective = s[P_SQUARES] > 0 ? s[P_WEIGHT] * s[P_WEIGHT] / s[P_SQUARES] : 0;
    p->overlap = fmin(1, s[P_WEIGHT] / s[P_UNITS]);
    p->clipped = s[P_CLIPPED] / s[P_LISTS];
    p->ips = estimate(w, sum, room, from, P_IPS);
    p->snips = p->dr = p->pseudoinverse = (dg_estimate){NAN, NAN, NAN};
    if (from == POLICY) p->snips = estimate(w, sum, room, from, P_WEIGHT);
    if (from == POLICY && s[P_LACKS] == 0) p->dr = estimate(w, sum, room, from, P_MORE);
    if (from == SLATE) p->pseudoinverse = estimate(w, sum, room, from, P_MORE);
    judge(w, sum, room, of_policy, from, P_REWARD, &p->gain_low, &p->gain_high, NULL);
    say_verdict(w, from == POLICY ? "lists" : "items", p);
}

static void fill(const work *w, const double *sum, double *room, dg_online *out)
{
    arm_tally all = w->t.undrawn;
    dg_delays_fit(&w->t.delays, out->delay);
    for (int a = 0; a < out->arms.n; a++) {
        dg_arm_figures *f = &out->arm[a];
        add_tally(&all, &w->t.arm[a]);
        fill_arm(w, &w->t.arm[a], out->delay, f);
        f->satisfaction = judge(w, sum, room, mean_of, a, A_SATISFACTION, &f->satisfaction_low,
                                &f->satisfaction_high, NULL);
        fill_difference(w, sum, room, a, A_CLICKED, &out->click[a]);
        fill_difference(w, sum, room, a, A_CONVERTED, &out->conversion[a]);
        fill_difference(w, sum, room, a, A_SATISFACTION, &out->satisfied[a]);
    }
    fill_arm(w, &all, out->delay, &out->all);
    out->all.satisfaction = judge(w, sum, room, of_all, 0, ALL_SATISFACTION,
                                  &out->all.satisfaction_low, &out->all.satisfaction_high, NULL);
    out->lists = all.lists;
    out->items = all.items;
    out->unmatched = w->t.unmatched;
    out->undrawn = w->t.undrawn.lists;
    for (int k = 0; k < DG_POSITIONS; k++)
        out->position[k] = rate(w, w->t.clicked_at[k], w->t.at[k]);
    fill_policy(w, sum, room, POLICY, &out->policy);
    fill_policy(w, sum, room, SLATE, &out->slate);
}

static dg_status find_policy(work *w, const dg_arm_names *arms, dg_err *err)
{
    const char *name = w->o->policy;
    w->policy = -1;
    if (name == NULL) return DG_OK;
    for (int a = 0; a < arms->n; a++)
        if (strcmp(arms->at[a], name) == 0) w->policy = a;
    if (w->policy >= 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_CONFIG, "--policy: no list was shown by an arm called \"%s\"", name);
}

static dg_status measure(work *w, dg_online *out, dg_err *err)
{
    const size_t n = COLUMNS * ((size_t)w->o->resamples + 1);
    double *sum = dg_alloc(n, sizeof *sum);
    double *room = dg_alloc((size_t)w->o->resamples, sizeof *room);
    dg_status st = dg_tree_create(w->c, SHARDS, (int)n, &w->tree, err);
    w->weight = dg_alloc((size_t)w->o->resamples, sizeof *w->weight);
    if (st == DG_OK && (sum == NULL || room == NULL || w->weight == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for resamples of users");
    st = dg_agree(w->c, st, err);
    if (st == DG_OK) {
        count_all(w);
        dg_tree_sum(w->tree, sum);
        fill(w, sum, room, out);
    }
    dg_tree_destroy(&w->tree);
    dg_free(w->weight);
    dg_free(sum);
    dg_free(room);
    return st;
}

dg_status dg_online_measure(const dg_comm *c, dg_logs *logs, const dg_online_options *o,
                            dg_online *out, dg_err *err)
{
    work *w = dg_alloc(1, sizeof *w);
    *out = (dg_online){
        .events = logs->events, .rejected = logs->rejected, .end = logs->end, .arms = logs->arms};
    dg_status st =
        dg_agree(c, w == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for logs") : DG_OK, err);
    if (st != DG_OK) {
        dg_free(w);
        return st;
    }
    w->c = c;
    w->o = o;
    w->end = logs->end;
    st = dg_agree(c, find_policy(w, &logs->arms, err), err);
    if (st == DG_OK) w->drawn = is_drawn(c, logs);
    if (st == DG_OK) st = ship_logs(w, logs, err);
    if (st == DG_OK) st = measure(w, out, err);
    dg_free(w->shown);
    dg_free(w->done);
    dg_free(w);
    return st;
}
