#include "ingest/leaks.h"

#include "base/memory.h"

#include <stdio.h>
#include <time.h>

enum { ENOUGH = 20 }; /* what is true of fewer may be chance */

dg_status dg_part_times_create(dg_range rows, dg_part_times *out, dg_err *err)
{
    const int64_t n = rows.end - rows.begin;
    *out = (dg_part_times){.rows = rows, .newest_train = INT64_MIN, .oldest_target = INT64_MAX};
    out->newest_of_user = dg_alloc((size_t)n, sizeof *out->newest_of_user);
    if (out->newest_of_user == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for times of users");
    for (int64_t u = 0; u < n; u++) out->newest_of_user[u] = INT64_MIN;
    return DG_OK;
}

void dg_part_times_free(dg_part_times *t)
{
    dg_free(t->newest_of_user);
    t->newest_of_user = NULL;
}

static bool is_target(const uint8_t *part, int64_t k)
{
    return part == NULL || part[k] == DG_PART_VALID || part[k] == DG_PART_TEST;
}

void dg_part_times_note(dg_part_times *t, int64_t user, const dg_event *row, int64_t n,
                        const uint8_t *part)
{
    /* Without branches: which rating is a target is drawn at random. */
    int64_t newest = t->newest_of_user[user - t->rows.begin], oldest = t->oldest_target;
    int64_t targets = 0, late = 0;
    for (int64_t k = 0; k < n; k++) {
        const int64_t time = is_target(part, k) ? INT64_MIN : row[k].time;
        newest = time > newest ? time : newest;
    }
    for (int64_t k = 0; k < n; k++) {
        const bool target = is_target(part, k);
        const int64_t time = target ? row[k].time : INT64_MAX;
        targets += target;
        late += (int64_t)target & (row[k].time < newest);
        oldest = time < oldest ? time : oldest;
    }
    t->newest_of_user[user - t->rows.begin] = newest;
    if (newest > t->newest_train) t->newest_train = newest;
    t->oldest_target = oldest;
    t->timed_targets += targets;
    t->late_targets += late;
}

/* ---- counting ---- */

static int64_t common(dg_row a, dg_row b)
{
    int64_t n = 0, j = 0;
    for (int64_t k = 0; k < a.n; k++) {
        while (j < b.n && b.index[j] < a.index[k]) j++;
        n += j < b.n && b.index[j] == a.index[k];
    }
    return n;
}

/* Least and greatest of a kind; none yet: least > greatest. */
typedef struct dg_span {
    int64_t least, greatest;
} dg_span;

static void widen(dg_span *s, int64_t v)
{
    if (v < s->least) s->least = v;
    if (v > s->greatest) s->greatest = v;
}

/* COLLECTIVE. */
static void widen_all(const dg_comm *c, dg_span *s)
{
    int64_t both[2] = {s->least == INT64_MAX ? INT64_MIN : -s->least, s->greatest};
    dg_max_int64(c, both, 2);
    s->least = both[0] == INT64_MIN ? INT64_MAX : -both[0];
    s->greatest = both[1];
}

static bool apart(dg_span a, dg_span b)
{
    return a.least <= a.greatest && b.least <= b.greatest &&
           (a.least > b.greatest || b.least > a.greatest);
}

/* A float as a whole number of the same order. */
static int64_t ordered(float v)
{
    union {
        float v;
        int32_t bits;
    } x = {.v = v + 0.0F};
    return x.bits < 0 ? -(int64_t)(x.bits & INT32_MAX) : x.bits;
}

enum { NO_NUMBER = -1 };

/* Ids of all items as whole numbers, everywhere; others and negative ones are NO_NUMBER.
 * COLLECTIVE. */
static void share_numbers(const dg_comm *c, const dg_dataset *d, int64_t *number)
{
    const int64_t n = d->items.begin[d->items.n], part = 1 << 24;
    const dg_range own = dg_shards_rows(&d->items, c->rank, c->size);
    for (int64_t r = own.begin; r < own.end; r++) {
        size_t length;
        int64_t v;
        const char *id = dg_strings_at(&d->item_id, r - own.begin, &length);
        number[r] = dg_parse_int64(id, length, &v) && v >= 0 && v < INT64_MAX ? v + 1 : 0;
    }
    for (int64_t at = 0; at < n; at += part) /* all others have zeros there */
        dg_sum_int64(c, number + at, (int)(n - at < part ? n - at : part));
    for (int64_t r = 0; r < n; r++) number[r]--;
}

static void look_at_ids(dg_leaks *l, const int64_t *number, dg_row target, dg_row train)
{
    dg_span span = {INT64_MAX, INT64_MIN};
    for (int64_t k = 0; k < train.n; k++)
        if (number[train.index[k]] != NO_NUMBER) widen(&span, number[train.index[k]]);
    if (span.least > span.greatest) return;
    for (int64_t k = 0; k < target.n; k++) {
        const int64_t id = number[target.index[k]];
        if (id == NO_NUMBER) continue;
        l->judged_ids++;
        l->ids_above += id > span.greatest;
        l->ids_below += id < span.least;
    }
}

static void look_at_user(const dg_dataset *d, int64_t user, dg_leaks *l, dg_span id[2])
{
    size_t length;
    int64_t v;
    const char *text = dg_strings_at(&d->user_id, user - d->train.begin, &length);
    const bool held = dg_csr_row(&d->test, user).n > 0 || dg_csr_row(&d->valid, user).n > 0;
    if (!dg_parse_int64(text, length, &v)) return;
    widen(&id[held], v);
    l->users_held += held;
    l->users_other += !held;
}

static void look_at_rows(const dg_dataset *d, const int64_t *number, dg_leaks *l, dg_span id[2],
                         dg_span value[2])
{
    for (int64_t u = d->train.begin; u < d->train.end; u++) {
        const dg_row train = dg_csr_row(&d->train, u);
        const dg_row part[2] = {dg_csr_row(&d->test, u), dg_csr_row(&d->valid, u)};
        look_at_user(d, u, l, id);
        for (int64_t k = 0; k < train.n; k++) widen(&value[0], ordered(train.value[k]));
        for (int p = 0; p < 2; p++) {
            l->targets += part[p].n;
            look_at_ids(l, number, part[p], train);
            for (int64_t k = 0; k < part[p].n; k++) widen(&value[1], ordered(part[p].value[k]));
        }
        l->in_both += common(part[0], part[1]);
    }
}

static void sum_up(const dg_comm *c, const dg_part_times *times, dg_leaks *l)
{
    int64_t *const number[] = {&l->targets,   &l->in_both,   &l->late_targets, &l->judged_ids,
                               &l->ids_above, &l->ids_below, &l->users_held,   &l->users_other};
    for (size_t k = 0; k < sizeof number / sizeof *number; k++) dg_sum_int64(c, number[k], 1);
    dg_span span = {times == NULL ? INT64_MAX : times->oldest_target,
                    times == NULL ? INT64_MIN : times->newest_train};
    widen_all(c, &span);
    if (span.least == INT64_MAX || span.greatest == INT64_MIN) return;
    l->newest_train = span.greatest;
    l->oldest_target = span.least;
}

dg_status dg_leaks_find(const dg_comm *c, const dg_dataset *d, const dg_part_times *times,
                        bool aged, dg_leaks *out, dg_err *err)
{
    const size_t n = (size_t)d->items.begin[d->items.n];
    int64_t *number = dg_alloc(n, sizeof *number);
    dg_span id[2] = {{INT64_MAX, INT64_MIN}, {INT64_MAX, INT64_MIN}}, value[2];
    value[0] = value[1] = id[0];
    *out = (dg_leaks){.late_targets = times == NULL ? 0 : times->late_targets};
    dg_status st =
        number == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking for leaks") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        share_numbers(c, d, number);
        look_at_rows(d, number, out, id, value);
        for (int k = 0; k < 2; k++) {
            widen_all(c, &id[k]);
            widen_all(c, &value[k]);
        }
        sum_up(c, times, out);
        out->users_apart = apart(id[0], id[1]);
        out->values_apart = !aged && apart(value[0], value[1]);
    }
    dg_free(number);
    return st == DG_OK ? dg_twins_find(c, d, &out->twins, err) : st;
}

/* ---- saying ---- */

/* Does the split promise that training is older than what is held back? */
static bool promises_time(dg_split_method m) { return m == DG_SPLIT_TIME || m == DG_SPLIT_FILES; }

static void show_day(int64_t seconds, char *out, size_t n)
{
    struct tm day;
    const time_t t = (time_t)seconds;
    if (gmtime_r(&t, &day) == NULL || strftime(out, n, "%Y-%m-%d %H:%M:%S", &day) == 0)
        snprintf(out, n, "%lld", (long long)seconds);
}

static void say_future(const dg_leaks *l, char *text, size_t n)
{
    char when[2][40];
    show_day(l->newest_train, when[0], sizeof when[0]);
    show_day(l->oldest_target, when[1], sizeof when[1]);
    snprintf(text, n,
             "training goes on to %s, held-out ratings begin on %s; %lld of %lld are older than "
             "a training rating of the same user",
             when[0], when[1], (long long)l->late_targets, (long long)l->targets);
}

bool dg_leaks_say(const dg_leaks *l, dg_split_method method, int k, const char **name, char *text,
                  size_t n)
{
    static const char *const names[DG_LEAK_KINDS] = {"repeated",   "in_both",    "future",
                                                     "values",     "item_ids",   "user_ids",
                                                     "twin_items", "twin_users", "copied_users"};
    const long long all = (long long)l->targets;
    const bool above = l->ids_above == l->judged_ids;
    *name = names[k];
    text[0] = '\0';
    if (l->targets == 0) return false;
    if (k == 0 && l->repeated > 0)
        snprintf(text, n, "%lld of %lld held-out ratings are also in train", (long long)l->repeated,
                 all);
    if (k == 1 && l->in_both > 0)
        snprintf(text, n, "%lld pairs are both in valid and in test", (long long)l->in_both);
    if (k == 2 && promises_time(method) && l->newest_train > l->oldest_target)
        say_future(l, text, n);
    const bool last = method == DG_SPLIT_LEAVE_LAST || method == DG_SPLIT_HOLD_LAST;
    if (k == 2 && last && l->late_targets > 0) say_future(l, text, n);
    if (k == 3 && l->values_apart && l->targets >= ENOUGH)
        snprintf(text, n,
                 "values tell held-out ratings from training ones: their ranges do not meet");
    if (k == 4 && l->judged_ids >= ENOUGH && (above || l->ids_below == l->judged_ids))
        snprintf(text, n, "every held-out item has a %s id than all the user has in train",
                 above ? "higher" : "lower");
    if (k == 5 && l->users_apart && l->users_held >= ENOUGH && l->users_other >= ENOUGH)
        snprintf(text, n,
                 "user ids tell who is held out: %lld users' ids lie beyond those of all others",
                 (long long)l->users_held);
    if (k == 6 && l->twins.of_items >= ENOUGH)
        snprintf(
            text, n,
            "%lld of %lld held-out ratings are of items the user has in train under an id that "
            "differs in case or blanks only",
            (long long)l->twins.of_items, all);
    if (k == 7 && l->twins.of_users >= ENOUGH)
        snprintf(text, n,
                 "%lld of %lld held-out ratings are in train, of users whose ids differ in case or "
                 "blanks only",
                 (long long)l->twins.of_users, all);
    if (k == 8 && l->twins.of_copies >= ENOUGH)
        snprintf(text, n,
                 "%lld of %lld held-out ratings are in train, of other users who have the same "
                 "ratings, all but a few (%lld users have such copies)",
                 (long long)l->twins.of_copies, all, (long long)l->twins.copies);
    return text[0] != '\0';
}
