#include "ingest/split.h"

#include "base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static uint64_t draw_u64(dg_rng *r)
{
    const uint64_t high = dg_rng_u32(r);
    return high << 32 | dg_rng_u32(r);
}

int64_t dg_split_draw(uint64_t seed, uint64_t user_hash)
{
    dg_rng r = dg_rng_at(seed, DG_RNG_HOLDOUT, user_hash);
    return (int64_t)(draw_u64(&r) >> 1);
}

/* The user's draw in [0, 1) that decides about fractions of a rating. */
static double user_draw(const dg_split_rule *rule, uint64_t user_hash)
{
    dg_rng r = dg_rng_at(rule->seed, DG_RNG_SPLIT, user_hash);
    return dg_rng_uniform(&r);
}

/* The draws of a row, at scratch->draw. */
static void draw_all(const dg_split_rule *rule, const dg_event *row, int64_t n,
                     const dg_split_scratch *scratch)
{
    uint64_t *const key = scratch->draw + n;
    for (int64_t k = 0; k < n; k++) key[k] = row[k].key;
    dg_rng_first(rule->seed, DG_RNG_SPLIT, key, n, scratch->draw);
}

static void shuffle(const dg_split_rule *rule, const dg_event *row, int64_t n,
                    const dg_split_scratch *scratch)
{
    draw_all(rule, row, n, scratch);
    for (int64_t k = 0; k < n; k++)
        scratch->pick[k] = (dg_pick){scratch->draw[k], (uint32_t)row[k].item, (int32_t)k};
    dg_picks_sort(scratch->pick, scratch->pick + n, n);
}

static void newest_last(const dg_event *row, int64_t n, dg_pick *pick)
{
    for (int64_t k = 0; k < n; k++)
        pick[k] = (dg_pick){(uint64_t)row[k].time ^ 1ULL << 63, row[k].order, (int32_t)k};
    dg_picks_sort(pick, pick + n, n);
}

static unsigned top_byte(uint64_t draw) { return (unsigned)(draw >> 56); }

/* The pick at a place of the row in the order of (draw, item): the ratings before it are the
 * `place` first of a shuffle, found without one. */
static dg_pick find_place(const dg_event *row, int64_t n, int64_t place,
                          const dg_split_scratch *scratch)
{
    int32_t count[256] = {0};
    unsigned byte = 0;
    int64_t m = 0;
    for (int64_t k = 0; k < n; k++) count[top_byte(scratch->draw[k])]++;
    while (place >= count[byte]) place -= count[byte++];
    for (int64_t k = 0; k < n; k++)
        if (top_byte(scratch->draw[k]) == byte)
            scratch->pick[m++] = (dg_pick){scratch->draw[k], (uint32_t)row[k].item, (int32_t)k};
    dg_picks_sort(scratch->pick, scratch->pick + m, m);
    return scratch->pick[place];
}

/* Give the `first` ratings of a shuffle to a part. */
static void give_first(const dg_event *row, int64_t n, int64_t first, dg_part to,
                       const dg_split_scratch *scratch, uint8_t *part)
{
    if (first <= 0) return;
    if (first >= n) {
        memset(part, to, (size_t)n);
        return;
    }
    const dg_pick end = find_place(row, n, first, scratch);
    for (int64_t k = 0; k < n; k++) {
        const uint64_t draw = scratch->draw[k];
        const bool tie = draw == end.major && (uint32_t)row[k].item < end.minor;
        part[k] = draw < end.major || tie ? (uint8_t)to : part[k];
    }
}

static void give(const dg_pick *pick, int64_t begin, int64_t end, dg_part to, uint8_t *part)
{
    for (int64_t k = begin; k < end; k++) part[pick[k].at] = (uint8_t)to;
}

static int64_t at_most(int64_t v, int64_t most) { return v < most ? v : most; }

static void by_ratio(const dg_split_rule *rule, double draw, const dg_event *row, int64_t n,
                     const dg_split_scratch *scratch, uint8_t *part)
{
    const double of = (double)n;
    const int64_t test = at_most((int64_t)floor(of * rule->test + draw), n - 1);
    const int64_t both = at_most((int64_t)floor(of * (rule->test + rule->valid) + draw), n - 1);
    draw_all(rule, row, n, scratch);
    if (both > test) give_first(row, n, both, DG_PART_VALID, scratch, part);
    give_first(row, n, test, DG_PART_TEST, scratch, part);
}

static void by_share(const dg_split_rule *rule, double draw, const dg_event *row, int64_t n,
                     const dg_split_scratch *scratch, uint8_t *part)
{
    draw_all(rule, row, n, scratch);
    give_first(row, n, at_most((int64_t)floor((double)n * rule->valid + draw), n - 1),
               DG_PART_VALID, scratch, part);
}

static void by_place(const dg_split_rule *rule, const dg_pick *pick, int64_t n, uint8_t *part)
{
    const int64_t test = at_most(rule->n, n - 1);
    const int64_t valid = rule->valid > 0 ? at_most(rule->n, n - 1 - test) : 0;
    give(pick, n - test, n, DG_PART_TEST, part);
    give(pick, n - test - valid, n - test, DG_PART_VALID, part);
}

/* Of n, the nearest whole number; the last bit of a share like 0.29 does not decide about a half.
 */
static int64_t rounded(double share, int64_t n)
{
    return (int64_t)floor((double)n * share + .5 + 1e-9);
}

static void by_last_share(const dg_split_rule *rule, const dg_pick *pick, int64_t n, uint8_t *part)
{
    const int64_t test = at_most(rounded(rule->test, n), n - 1);
    const int64_t both = at_most(rounded(rule->test + rule->valid, n), n - 1);
    give(pick, n - both, n - test, DG_PART_VALID, part);
    give(pick, n - test, n, DG_PART_TEST, part);
}

static void by_time(const dg_split_rule *rule, const dg_event *row, int64_t n, uint8_t *part)
{
    for (int64_t k = 0; k < n; k++) {
        if (row[k].time >= rule->time_test)
            part[k] = DG_PART_TEST;
        else if (row[k].time >= rule->time_valid)
            part[k] = DG_PART_VALID;
    }
}

static void show_some(const dg_split_rule *rule, double draw, dg_part target, const dg_event *row,
                      int64_t n, const dg_split_scratch *scratch, uint8_t *part)
{
    int64_t shown = at_most((int64_t)floor((double)n * rule->fold_in + draw), n - 1);
    if (shown < 1) shown = 1; /* a single rating is history, never a target */
    draw_all(rule, row, n, scratch);
    memset(part, target, (size_t)n);
    give_first(row, n, shown, DG_PART_FOLD_IN, scratch, part);
}

static void by_fold(const dg_split_rule *rule, double draw, const dg_pick *pick, int64_t n,
                    uint8_t *part)
{
    const int64_t start = (int64_t)(draw * (double)rule->k); /* short histories hit all folds */
    for (int64_t k = 0; k < n; k++) {
        const int64_t fold = (start + k) % rule->k + 1;
        if (fold == rule->fold)
            part[pick[k].at] = DG_PART_TEST;
        else if (rule->valid > 0 && fold == rule->fold % rule->k + 1)
            part[pick[k].at] = DG_PART_VALID;
    }
}

void dg_split_row(const dg_split_rule *rule, uint64_t user_hash, const dg_event *row, int64_t n,
                  const dg_split_scratch *scratch, uint8_t *part)
{
    const double draw = user_draw(rule, user_hash);
    const int64_t held =
        rule->method == DG_SPLIT_USER_HOLDOUT ? dg_split_draw(rule->seed, user_hash) : INT64_MAX;
    memset(part, DG_PART_TRAIN, (size_t)n);
    switch (rule->method) {
    case DG_SPLIT_RATIO: by_ratio(rule, draw, row, n, scratch, part); break;
    case DG_SPLIT_LEAVE_LAST:
        newest_last(row, n, scratch->pick);
        by_place(rule, scratch->pick, n, part);
        break;
    case DG_SPLIT_HOLD_LAST:
        newest_last(row, n, scratch->pick);
        by_last_share(rule, scratch->pick, n, part);
        break;
    case DG_SPLIT_TIME: by_time(rule, row, n, part); break;
    case DG_SPLIT_USER_HOLDOUT:
        if (held > rule->holdout_valid) break;
        show_some(rule, draw, held <= rule->holdout_test ? DG_PART_TEST : DG_PART_VALID, row, n,
                  scratch, part);
        break;
    case DG_SPLIT_KFOLD:
        shuffle(rule, row, n, scratch);
        by_fold(rule, draw, scratch->pick, n, part);
        break;
    case DG_SPLIT_FILES:
    case DG_SPLIT_NONE:
        if (rule->valid > 0) by_share(rule, draw, row, n, scratch, part);
        break;
    }
}
