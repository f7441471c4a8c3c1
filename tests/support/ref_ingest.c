#include "ref_ingest.h"

#include "base/rng.h"
#include "base/text.h"
#include "ingest/ids.h"
#include "ingest/numbering.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Does a come before b in time, or in the input at the same time? */
static bool is_older(const dg_event *a, const dg_event *b)
{
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

static const dg_event *extreme(const dg_event *event, int n, int32_t item, bool newest)
{
    const dg_event *best = NULL;
    for (int k = 0; k < n; k++)
        if (event[k].item == item && (best == NULL || is_older(&event[k], best) != newest))
            best = &event[k];
    return best;
}

static double value_of(const dg_event *event, int n, int32_t item, dg_duplicates policy)
{
    double sum = 0, largest = -INFINITY, count = 0;
    const dg_event *last = NULL;
    for (;;) { /* oldest first: the order of the sum is part of the definition */
        const dg_event *next = NULL;
        for (int k = 0; k < n; k++)
            if (event[k].item == item && (last == NULL || is_older(last, &event[k])) &&
                (next == NULL || is_older(&event[k], next)))
                next = &event[k];
        if (next == NULL) break;
        sum += (double)next->value;
        largest = fmax(largest, (double)next->value);
        count++;
        last = next;
    }
    switch (policy) {
    case DG_DUPLICATES_SUM: return sum;
    case DG_DUPLICATES_MAX: return largest;
    case DG_DUPLICATES_LAST: return (double)extreme(event, n, item, true)->value;
    case DG_DUPLICATES_FIRST: return (double)extreme(event, n, item, false)->value;
    case DG_DUPLICATES_COUNT: break;
    }
    return count;
}

int ref_merge(const dg_event *event, int n, dg_duplicates policy, dg_event *out)
{
    int kept = 0;
    for (int64_t item = 0, most = 0; item <= most; item++) {
        bool met = false;
        for (int k = 0; k < n; k++) {
            met = met || event[k].item == item;
            if (event[k].item > most) most = event[k].item;
        }
        if (!met) continue;
        const bool newest = policy != DG_DUPLICATES_FIRST;
        out[kept] = *extreme(event, n, (int32_t)item, newest);
        out[kept++].value = (float)value_of(event, n, (int32_t)item, policy);
    }
    return kept;
}

static uint64_t draw_of(uint64_t seed, const dg_event *e)
{
    dg_rng r = dg_rng_at(seed, DG_RNG_SPLIT, e->key);
    const uint64_t high = dg_rng_u32(&r);
    return high << 32 | dg_rng_u32(&r);
}

/* How many of the user's ratings come before this one, by draw or by age. */
static int place_of(const dg_split_rule *rule, const dg_event *row, int n, int k, bool by_draw)
{
    int before = 0;
    for (int j = 0; j < n; j++)
        before += by_draw ? draw_of(rule->seed, &row[j]) < draw_of(rule->seed, &row[k])
                          : is_older(&row[j], &row[k]);
    return before;
}

static int least(double a, int b) { return a < b ? (int)a : b; }

static dg_part part_of(const dg_split_rule *rule, uint64_t user_hash, const dg_event *row, int n,
                       int k)
{
    dg_rng r = dg_rng_at(rule->seed, DG_RNG_SPLIT, user_hash);
    const double draw = dg_rng_uniform(&r);
    const int random = place_of(rule, row, n, k, true), age = place_of(rule, row, n, k, false);
    switch (rule->method) {
    case DG_SPLIT_RATIO:
        if (random < least(floor(n * rule->test + draw), n - 1)) return DG_PART_TEST;
        if (random < least(floor(n * (rule->test + rule->valid) + draw), n - 1))
            return DG_PART_VALID;
        return DG_PART_TRAIN;
    case DG_SPLIT_LEAVE_LAST:
        if (age == 0) return DG_PART_TRAIN;
        if (age >= n - rule->n) return DG_PART_TEST;
        return rule->valid > 0 && age >= n - 2 * rule->n ? DG_PART_VALID : DG_PART_TRAIN;
    case DG_SPLIT_HOLD_LAST:
        if (age == 0) return DG_PART_TRAIN;
        if (n - age <= round(n * rule->test)) return DG_PART_TEST;
        return n - age <= round(n * (rule->test + rule->valid)) ? DG_PART_VALID : DG_PART_TRAIN;
    case DG_SPLIT_TIME:
        if (row[k].time >= rule->time_test) return DG_PART_TEST;
        return row[k].time >= rule->time_valid ? DG_PART_VALID : DG_PART_TRAIN;
    case DG_SPLIT_USER_HOLDOUT: {
        const int64_t held = dg_split_draw(rule->seed, user_hash);
        int shown = least(floor(n * rule->fold_in + draw), n - 1);
        if (shown == 0) shown = 1;
        if (held > rule->holdout_valid) return DG_PART_TRAIN;
        if (random < shown) return DG_PART_FOLD_IN;
        return held <= rule->holdout_test ? DG_PART_TEST : DG_PART_VALID;
    }
    case DG_SPLIT_KFOLD: {
        const int64_t fold = ((int64_t)(draw * (double)rule->k) + random) % rule->k + 1;
        if (fold == rule->fold) return DG_PART_TEST;
        return rule->valid > 0 && fold == rule->fold % rule->k + 1 ? DG_PART_VALID : DG_PART_TRAIN;
    }
    case DG_SPLIT_FILES:
    case DG_SPLIT_NONE:
        if (random < least(floor(n * rule->valid + draw), n - 1) && rule->valid > 0)
            return DG_PART_VALID;
        break;
    }
    return DG_PART_TRAIN;
}

void ref_split(const dg_split_rule *rule, uint64_t user_hash, const dg_event *row, int n,
               uint8_t *part)
{
    for (int k = 0; k < n; k++) part[k] = (uint8_t)part_of(rule, user_hash, row, n, k);
}

/* ---- the whole of prepare ---- */

typedef struct ref_work {
    const dg_prepare_options *o;
    const ref_input *input;
    bool *stays; /* (input[0].n,) training records left by the k-core */
    ref_dataset *out;
} ref_work;

static const char *id_of(const ref_record *r, bool user) { return user ? r->user : r->item; }

static int64_t count_left(const ref_work *w, const char *id, bool user)
{
    int64_t n = 0;
    for (int k = 0; k < w->input[0].n; k++)
        n += w->stays[k] && strcmp(id_of(&w->input[0].at[k], user), id) == 0;
    return n;
}

static int64_t day_of(const ref_record *r) { return (int64_t)floor((double)r->time / 86400); }

/* Of a user's day with too many. */
static void drop_days(ref_work *w)
{
    const int n = w->input[0].n;
    bool *busy = calloc((size_t)n, sizeof *busy);
    for (int k = 0; k < n; k++) {
        const ref_record *r = &w->input[0].at[k];
        int64_t same = 0;
        for (int j = 0; j < n; j++)
            same += w->stays[j] && strcmp(w->input[0].at[j].user, r->user) == 0 &&
                    day_of(&w->input[0].at[j]) == day_of(r);
        busy[k] = same > w->o->max_user_day;
    }
    for (int k = 0; k < n; k++) w->stays[k] = w->stays[k] && !busy[k];
    free(busy);
}

/* Outside the window, or of a user with too many: not counted in any pass. */
static void drop_first(ref_work *w)
{
    const int n = w->input[0].n;
    int64_t since = INT64_MIN, until = INT64_MAX;
    bool *crowd = calloc((size_t)n, sizeof *crowd);
    if (w->o->since != NULL) dg_parse_time(w->o->since, strlen(w->o->since), &since);
    if (w->o->until != NULL) dg_parse_time(w->o->until, strlen(w->o->until), &until);
    for (int k = 0; k < n; k++)
        w->stays[k] = w->input[0].at[k].time >= since && w->input[0].at[k].time < until;
    if (w->o->max_user_day > 0) drop_days(w);
    for (int k = 0; k < n && w->o->max_user > 0; k++)
        crowd[k] = count_left(w, w->input[0].at[k].user, true) > w->o->max_user;
    for (int k = 0; k < n; k++) w->stays[k] = w->stays[k] && !crowd[k];
    free(crowd);
}

static void drop_rare(ref_work *w)
{
    const int n = w->input[0].n;
    bool *next = malloc((size_t)n * sizeof *next);
    for (bool changed = true; changed; w->out->passes += changed) {
        changed = false;
        for (int k = 0; k < n; k++) {
            const ref_record *r = &w->input[0].at[k];
            next[k] = w->stays[k] && count_left(w, r->user, true) >= w->o->min_user &&
                      count_left(w, r->item, false) >= w->o->min_item;
            changed = changed || next[k] != w->stays[k];
        }
        memcpy(w->stays, next, (size_t)n * sizeof *next);
    }
    free(next);
}

static int find_row(const ref_side *s, const char *id)
{
    for (int k = 0; k < s->n; k++)
        if (strcmp(s->row[k].id, id) == 0) return k;
    return -1;
}

static void add_row(const ref_work *w, ref_side *s, const char *id, bool user)
{
    if (find_row(s, id) >= 0) return;
    ref_row *row = &s->row[s->n++];
    strcpy(row->id, id);
    row->count = count_left(w, id, user);
}

static int by_hash(const ref_row *a, const ref_row *b)
{
    const uint64_t x = dg_id_hash(a->id, strlen(a->id)), y = dg_id_hash(b->id, strlen(b->id));
    return x != y ? (x < y ? -1 : 1) : strcmp(a->id, b->id);
}

static int in_dealing_order(const void *a, const void *b) { return by_hash(a, b); }

static int in_row_order(const void *a, const void *b)
{
    const ref_row *x = a, *y = b;
    if (x->shard != y->shard) return x->shard - y->shard;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return by_hash(x, y);
}

static void order_rows(ref_side *s)
{
    int64_t *work = malloc((size_t)s->n * sizeof *work);
    dg_shards shards = {DG_SHARDS_MIN, s->begin};
    qsort(s->row, (size_t)s->n, sizeof *s->row, in_dealing_order);
    for (int k = 0; k < s->n; k++) work[k] = s->row[k].count + DG_ROW_WORK;
    dg_shards_cut(&shards, work, s->n);
    for (int k = 0; k < s->n; k++) s->row[k].shard = dg_shards_find(&shards, k);
    qsort(s->row, (size_t)s->n, sizeof *s->row, in_row_order);
    free(work);
}

static void make_rows(const ref_work *w, bool user, const char (*catalogue)[REF_ID], int n_listed,
                      ref_side *s)
{
    const int64_t min = user ? w->o->min_user : w->o->min_item;
    int most = n_listed;
    for (int part = 0; part < DG_INPUT_ITEMS; part++) most += w->input[part].n;
    s->row = calloc((size_t)most + 1, sizeof *s->row);
    for (int part = 0; part < DG_INPUT_ITEMS; part++)
        for (int k = 0; k < w->input[part].n; k++)
            if (part == 0 ? w->stays[k] : min <= 1)
                add_row(w, s, id_of(&w->input[part].at[k], user), user);
    for (int k = 0; k < n_listed && !user; k++) add_row(w, s, catalogue[k], false);
    order_rows(s);
}

static int compare_int64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static dg_split_rule find_rule(const ref_work *w)
{
    const dg_split_options *s = &w->o->split;
    dg_split_rule rule = {s->method, w->o->seed, s->test, s->valid,   s->n, 0,
                          0,         0,          0,       s->fold_in, s->k, s->fold};
    int n = 0;
    int64_t *number = malloc((size_t)(w->input[0].n + w->out->users.n) * sizeof *number);
    if (s->method == DG_SPLIT_TIME) {
        int before = 0;
        double percent;
        for (int k = 0; k < w->input[0].n; k++)
            if (w->stays[k]) number[n++] = w->input[0].at[k].time;
        qsort(number, (size_t)n, sizeof *number, compare_int64);
        const size_t length = strlen(s->at);
        if (dg_parse_double(s->at, length - 1, &percent) && s->at[length - 1] == '%')
            rule.time_test = number[(int)floor(percent / 100 * n)];
        else
            dg_parse_time(s->at, length, &rule.time_test);
        while (before < n && number[before] < rule.time_test) before++;
        const int valid = (int)floor(s->valid * n);
        rule.time_valid = rule.time_test;
        if (valid > 0 && before > 0) rule.time_valid = number[before > valid ? before - valid : 0];
    }
    if (s->method == DG_SPLIT_USER_HOLDOUT) {
        for (int k = 0; k < w->out->users.n; k++) {
            const char *id = w->out->users.row[k].id;
            if (w->out->users.row[k].count > 0)
                number[n++] = dg_split_draw(rule.seed, dg_id_hash(id, strlen(id)));
        }
        qsort(number, (size_t)n, sizeof *number, compare_int64);
        const int held = s->users < 1 ? (int)ceil(s->users * n) : (int)s->users;
        rule.holdout_test = number[held - 1];
        rule.holdout_valid = number[(s->valid > 0 ? 2 * held : held) - 1];
    }
    free(number);
    return rule;
}

static int64_t newest_of(const ref_work *w, const dg_split_rule *rule)
{
    int64_t newest = INT64_MIN;
    for (int k = 0; k < w->input[0].n; k++) {
        const int64_t time = w->input[0].at[k].time;
        if (w->stays[k] && (rule->method != DG_SPLIT_TIME || time < rule->time_test) &&
            time > newest)
            newest = time;
    }
    return newest;
}

/* The events of one user in one kind of input, in input order. */
static int events_of(const ref_work *w, int part, const char *user, int64_t newest, dg_event *out)
{
    int n = 0;
    for (int k = 0; k < w->input[part].n; k++) {
        const ref_record *r = &w->input[part].at[k];
        const int item = find_row(&w->out->items, r->item);
        if (strcmp(r->user, user) != 0 || item < 0 || (part == 0 && !w->stays[k])) continue;
        const double age = r->time < newest ? (double)newest - (double)r->time : 0;
        const double decay = w->o->half_life > 0 ? exp2(-age / w->o->half_life) : 1;
        out[n] = (dg_event){0,
                            item,
                            (float)((double)r->value * decay),
                            (uint32_t)n,
                            r->time,
                            dg_pair_key(dg_id_hash(r->user, strlen(r->user)),
                                        dg_id_hash(r->item, strlen(r->item)))};
        n++;
    }
    return n;
}

static void fill_user(ref_work *w, int part, const dg_split_rule *rule, int64_t newest, int u)
{
    const int most = w->input[part].n + 1;
    const char *id = w->out->users.row[u].id;
    dg_event *event = malloc((size_t)most * sizeof *event);
    dg_event *merged = malloc((size_t)most * sizeof *merged);
    uint8_t *to = malloc((size_t)most);
    const int n = events_of(w, part, id, newest, event);
    const int kept = ref_merge(event, n, w->o->duplicates, merged);
    w->out->duplicates += n - kept;
    ref_split(rule, dg_id_hash(id, strlen(id)), merged, kept, to);
    for (int k = 0; k < kept; k++) {
        const int of = part == DG_INPUT_VALID  ? DG_PART_VALID
                       : part == DG_INPUT_TEST ? DG_PART_TEST
                                               : to[k];
        w->out->value[of][u * w->out->items.n + merged[k].item] = merged[k].value;
    }
    free(event);
    free(merged);
    free(to);
}

void ref_prepare(const dg_prepare_options *o, const ref_input input[DG_INPUT_ITEMS],
                 const char (*catalogue)[REF_ID], int n_listed, ref_dataset *out)
{
    ref_work w = {o, input, malloc((size_t)input[0].n), out};
    *out = (ref_dataset){0};
    drop_first(&w);
    drop_rare(&w);
    make_rows(&w, true, catalogue, n_listed, &out->users);
    make_rows(&w, false, catalogue, n_listed, &out->items);
    const size_t cells = (size_t)out->users.n * (size_t)out->items.n;
    for (int p = 0; p < DG_PARTS; p++) {
        out->value[p] = malloc(cells * sizeof(float));
        for (size_t k = 0; k < cells; k++) out->value[p][k] = NAN;
    }
    const dg_split_rule rule = find_rule(&w);
    const int64_t newest = newest_of(&w, &rule);
    for (int part = 0; part < DG_INPUT_ITEMS; part++)
        for (int u = 0; u < out->users.n; u++) fill_user(&w, part, &rule, newest, u);
    free(w.stays);
}

void ref_free(ref_dataset *d)
{
    free(d->users.row);
    free(d->items.row);
    for (int p = 0; p < DG_PARTS; p++) free(d->value[p]);
}
