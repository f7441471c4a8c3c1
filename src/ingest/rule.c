#include "ingest/rule.h"

#include "base/text.h"
#include "ingest/select.h"

#include <math.h>
#include <string.h>

/* "80%" as 0.8. */
static bool parse_share(const char *at, double *share)
{
    const size_t n = strlen(at);
    if (n < 2 || at[n - 1] != '%' || !dg_parse_double(at, n - 1, share)) return false;
    *share /= 100;
    return *share > 0 && *share < 1;
}

static dg_status check_time(const dg_prepare_options *o, dg_err *err)
{
    double share;
    int64_t time;
    const char *at = o->split.at == NULL ? "" : o->split.at;
    if (parse_share(at, &share) || dg_parse_time(at, strlen(at), &time)) return DG_OK;
    return DG_FAIL(err, DG_ERR_CONFIG,
                   "prepare.split.at: \"%s\" is neither a time nor a share such as 80%%", at);
}

static dg_status check_window(const dg_prepare_options *o, bool timed, dg_err *err)
{
    const char *const key[] = {"since", "until"}, *const at[] = {o->since, o->until};
    int64_t time[] = {INT64_MIN, INT64_MAX};
    for (int k = 0; k < 2; k++) {
        if (at[k] == NULL) continue;
        if (!timed)
            return DG_FAIL(err, DG_ERR_CONFIG,
                           "prepare.%s needs data.ratings.columns.time, which is not given",
                           key[k]);
        if (!dg_parse_time(at[k], strlen(at[k]), &time[k]))
            return DG_FAIL(err, DG_ERR_CONFIG, "prepare.%s: \"%s\" is not a time", key[k], at[k]);
    }
    if (time[0] < time[1]) return DG_OK;
    return DG_FAIL(err, DG_ERR_CONFIG, "prepare.since %s is not before prepare.until %s", o->since,
                   o->until);
}

static bool is_share(double v) { return v >= 0 && v < 1; }

static dg_status check_split(const dg_prepare_options *o, dg_err *err)
{
    const dg_split_options *s = &o->split;
    if (!is_share(s->valid))
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.valid: %g is not from 0 to below 1",
                       s->valid);
    switch (s->method) {
    case DG_SPLIT_RATIO:
    case DG_SPLIT_HOLD_LAST:
        if (is_share(s->test) && s->test + s->valid < 1) return DG_OK;
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.split: test %g and valid %g leave nothing to "
                       "train on",
                       s->test, s->valid);
    case DG_SPLIT_LEAVE_LAST:
        if (s->n >= 1) return DG_OK;
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.n: %lld is not a positive number",
                       (long long)s->n);
    case DG_SPLIT_TIME: return check_time(o, err);
    case DG_SPLIT_USER_HOLDOUT:
        if (!(s->users > 0))
            return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.users: %g is not a positive number",
                           s->users);
        if (s->fold_in > 0 && s->fold_in < 1) return DG_OK;
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.fold_in: %g is not between 0 and 1",
                       s->fold_in);
    case DG_SPLIT_KFOLD:
        if (s->k >= 2 && s->fold >= 1 && s->fold <= s->k) return DG_OK;
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.fold: %lld is not from 1 to k = %lld",
                       (long long)s->fold, (long long)s->k);
    case DG_SPLIT_FILES:
        if (s->test_files.paths.n > 0) return DG_OK;
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.split.test: no file is named");
    case DG_SPLIT_NONE: break;
    }
    return DG_OK;
}

dg_status dg_rule_check(const dg_prepare_options *o, dg_err *err)
{
    const bool timed = dg_prepare_has_times(&o->ratings);
    if (o->ratings.paths.n == 0)
        return DG_FAIL(err, DG_ERR_CONFIG, "data.ratings.path: no file is named");
    if (!(o->half_life >= 0) || !isfinite(o->half_life))
        return DG_FAIL(err, DG_ERR_CONFIG, "prepare.half_life: %g is not a duration", o->half_life);
    if (o->half_life > 0 && !timed)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.half_life needs data.ratings.columns.time, which is not given");
    if (o->split.method == DG_SPLIT_TIME && !timed)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.split: time needs data.ratings.columns.time, which is not given");
    if (o->max_user_day > 0 && o->ratings.columns[DG_ROLE_TIME] == NULL)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.max_user_day needs data.ratings.columns.time, which is not given");
    if (o->session_gap > 0 && o->ratings.columns[DG_ROLE_TIME] == NULL)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.sessions.gap needs data.ratings.columns.time, which is not given");
    if (o->session_gap > 0 && (o->split.method == DG_SPLIT_FILES || o->users.source.paths.n > 0))
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.sessions.gap makes users of sessions, which %s do not know",
                       o->split.method == DG_SPLIT_FILES ? "the files of prepare.split"
                                                         : "data.users");
    const dg_status st = check_window(o, o->ratings.columns[DG_ROLE_TIME] != NULL, err);
    return st == DG_OK ? check_split(o, err) : st;
}

static bool time_of(const void *from, int64_t k, int64_t *time)
{
    *time = dg_events_at(from, k).time;
    return true;
}

static int64_t count_before(const dg_comm *c, const dg_events *events, int64_t time)
{
    int64_t n = 0;
    for (int64_t k = 0; k < events->n; k++) n += dg_events_at(events, k).time < time;
    dg_sum_int64(c, &n, 1);
    return n;
}

/* Test from `at` on; validation the `valid` share of all ratings that comes right before. */
static dg_status find_times(const dg_comm *c, const dg_split_options *s, const dg_events *events,
                            dg_split_rule *rule, dg_err *err)
{
    double share;
    int64_t total = events->n;
    dg_status st = DG_OK;
    dg_sum_int64(c, &total, 1);
    if (parse_share(s->at, &share))
        st = dg_select(c, events, time_of, events->n, (int64_t)floor(share * (double)total),
                       &rule->time_test, err);
    else
        dg_parse_time(s->at, strlen(s->at), &rule->time_test);
    rule->time_valid = rule->time_test;
    if (st != DG_OK || s->valid <= 0) return st;
    const int64_t before = count_before(c, events, rule->time_test);
    const int64_t valid = (int64_t)floor(s->valid * (double)total);
    if (valid == 0 || before == 0) return DG_OK;
    return dg_select(c, events, time_of, events->n, before > valid ? before - valid : 0,
                     &rule->time_valid, err);
}

typedef struct dg_draws { /* the draws of users that can be held out */
    const dg_ids *users;
    const int64_t *count;
    uint64_t seed;
} dg_draws;

static bool draw_of(const void *from, int64_t k, int64_t *draw)
{
    const dg_draws *d = from;
    if (d->count[k] <= 0) return false;
    *draw = dg_split_draw(d->seed, d->users->hash[k]);
    return true;
}

static dg_status find_draws(const dg_comm *c, const dg_split_options *s, const dg_ids *users,
                            const int64_t *count, dg_split_rule *rule, dg_err *err)
{
    const dg_draws draws = {users, count, rule->seed};
    int64_t total = 0;
    for (int64_t k = 0; k < users->text.n; k++) total += count[k] > 0;
    dg_sum_int64(c, &total, 1);
    const double wanted = s->users < 1 ? ceil(s->users * (double)total) : floor(s->users);
    const double both = s->valid > 0 ? 2 * wanted : wanted;
    if (both >= (double)total)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "prepare.split.users: %.0f users held out leave none of %lld to train on",
                       both, (long long)total);
    dg_status st =
        dg_select(c, &draws, draw_of, users->text.n, (int64_t)wanted - 1, &rule->holdout_test, err);
    if (st == DG_OK)
        st = dg_select(c, &draws, draw_of, users->text.n, (int64_t)both - 1, &rule->holdout_valid,
                       err);
    return st;
}

static int64_t find_newest(const dg_comm *c, const dg_events *events, const dg_split_rule *rule)
{
    int64_t newest = INT64_MIN;
    for (int64_t k = 0; k < events->n; k++) {
        const int64_t time = dg_events_at(events, k).time;
        if (rule->method == DG_SPLIT_TIME && time >= rule->time_test) continue;
        if (time > newest) newest = time;
    }
    dg_max_int64(c, &newest, 1);
    return newest;
}

dg_status dg_rule_find(const dg_comm *c, const dg_prepare_options *o, const dg_events *events,
                       const dg_ids *users, const int64_t *count, dg_split_rule *out,
                       int64_t *newest, dg_err *err)
{
    const dg_split_options *s = &o->split;
    dg_status st = DG_OK;
    *out = (dg_split_rule){.method = s->method,
                           .seed = o->seed,
                           .test = s->test,
                           .valid = s->valid,
                           .n = s->n,
                           .fold_in = s->fold_in,
                           .k = s->k,
                           .fold = s->fold};
    if (s->method == DG_SPLIT_TIME) st = find_times(c, s, events, out, err);
    if (s->method == DG_SPLIT_USER_HOLDOUT) st = find_draws(c, s, users, count, out, err);
    *newest = INT64_MIN;
    if (st == DG_OK && o->half_life > 0) *newest = find_newest(c, events, out);
    return st;
}
