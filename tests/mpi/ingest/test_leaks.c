/* Leaks planted in a small shop are found, named, and counted; without them all is quiet. */
#include "ingest/leaks.h"

#include "base/memory.h"
#include "mpi_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_USERS = 60, N_ITEMS = 40 };

static dg_err err;

/* One thing wrong at a time. */
typedef enum plant {
    NOTHING,
    REPEATED,  /* every third user's target is in train too */
    IN_BOTH,   /* every second user's valid item is the test item */
    VALUES,    /* held-out values are 9, others 1 to 5 */
    ITEM_IDS,  /* the held-out item always has the highest number */
    USER_IDS,  /* users with targets have the highest numbers */
    NOT_QUITE, /* VALUES, ITEM_IDS and USER_IDS but for one rating or user */
    PLANTS
} plant;

static bool is_held(plant p, int64_t user)
{
    if (p == USER_IDS) return user >= N_USERS / 2;
    if (p == NOT_QUITE) return user >= N_USERS / 2 || user == 3;
    return user % 4 != 1;
}

/* Train has items 5 + u % 7 … in steps of 3, never the first five nor the last. */
static bool is_trained(plant p, int64_t u, int64_t i)
{
    if (p == REPEATED && u % 3 == 0 && i == 3) return true;
    if (p == NOT_QUITE && u == N_USERS - 1 && i == N_ITEMS - 1) return true;
    return i >= 5 && i < 30 && (u + i) % 3 == 0;
}

/* Item 3 lies below what all users have in train, so every other user has one above: 31. */
static int32_t test_item(plant p, int64_t u)
{
    if (p == ITEM_IDS || p == NOT_QUITE) return (int32_t)(31 + u % 5);
    return u % 2 == 0 || p == REPEATED ? 3 : 31;
}

static int32_t valid_item(plant p, int64_t u)
{
    if (p == IN_BOTH && u % 2 == 0) return test_item(p, u);
    return p == ITEM_IDS || p == NOT_QUITE ? 37 : u % 2 == 0 ? 37 : 1;
}

static void name(char *id, const char *prefix, int64_t number, dg_strings *out)
{
    const int n = sprintf(id, "%s%d", prefix, (int)number);
    if (dg_strings_add(out, id, (size_t)n, &err) != DG_OK) abort();
}

static float held_value(plant p, int64_t u)
{
    if (p == VALUES) return 9;
    return p == NOT_QUITE && u != 3 ? 9 : 3;
}

static void fill_user(plant p, int64_t u, dg_dataset *d)
{
    const int64_t r = u - d->train.begin;
    d->train.ptr[r + 1] = d->train.ptr[r];
    for (int32_t i = 0; i < N_ITEMS; i++) {
        if (!is_trained(p, u, i)) continue;
        const int64_t at = d->train.ptr[r + 1]++;
        d->train.index[at] = i;
        d->train.value[at] = (float)(1 + (u + i) % 5);
    }
    dg_csr *const part[2] = {&d->test, &d->valid};
    for (int k = 0; k < 2; k++) {
        part[k]->ptr[r + 1] = part[k]->ptr[r];
        if (!is_held(p, u)) continue;
        const int64_t at = part[k]->ptr[r + 1]++;
        part[k]->index[at] = k == 0 ? test_item(p, u) : valid_item(p, u);
        part[k]->value[at] = held_value(p, u);
    }
}

/* Row r of users and items has number r for its id. */
static void make(plant p, const char *prefix, dg_dataset *d)
{
    char id[24];
    int64_t work[N_USERS];
    for (int k = 0; k < N_USERS; k++) work[k] = 1;
    *d = (dg_dataset){0};
    if (dg_shards_create(64, &d->users, &err) != DG_OK ||
        dg_shards_create(64, &d->items, &err) != DG_OK)
        abort();
    dg_shards_cut(&d->users, work, N_USERS);
    dg_shards_cut(&d->items, work, N_ITEMS);
    const dg_range own = dg_shards_rows(&d->users, world.rank, world.size);
    const dg_range items = dg_shards_rows(&d->items, world.rank, world.size);
    dg_csr *const all[] = {&d->train, &d->test, &d->valid, &d->fold_in};
    for (int k = 0; k < 4; k++)
        if (dg_csr_create(own.begin, own.end, (own.end - own.begin) * N_ITEMS, all[k], &err) !=
            DG_OK)
            abort();
    for (int64_t u = own.begin; u < own.end; u++) {
        name(id, prefix, u, &d->user_id);
        fill_user(p, u, d);
    }
    for (int64_t i = items.begin; i < items.end; i++) name(id, prefix, i, &d->item_id);
}

/* Kinds found, a bit each. */
static unsigned found(const dg_leaks *l, dg_split_method method)
{
    unsigned set = 0;
    for (int k = 0; k < DG_LEAK_KINDS; k++) {
        const char *kind;
        char text[300];
        if (!dg_leaks_say(l, method, k, &kind, text, sizeof text)) continue;
        ck_assert_all(strlen(text) > 20 && strlen(kind) > 3);
        set |= 1U << k;
    }
    return set;
}

static dg_leaks look(plant p, const char *prefix, bool aged)
{
    dg_dataset d;
    dg_leaks l;
    make(p, prefix, &d);
    ck_assert_all(dg_leaks_find(&world, &d, NULL, aged, &l, &err) == DG_OK);
    int64_t repeated = 0; /* as prepare counts them */
    for (int64_t u = d.train.begin; u < d.train.end; u++)
        repeated += is_held(p, u) && is_trained(p, u, test_item(p, u));
    dg_sum_int64(&world, &repeated, 1);
    l.repeated = repeated;
    dg_dataset_free(&d);
    return l;
}

START_TEST(each_planted_leak_is_found_and_no_other)
{
    const unsigned expect[PLANTS] = {
        [REPEATED] = 1 << 0, [IN_BOTH] = 1 << 1,  [VALUES] = 1 << 3,
        [ITEM_IDS] = 1 << 4, [USER_IDS] = 1 << 5,
    };
    for (plant p = NOTHING; p < PLANTS; p++) {
        const dg_leaks l = look(p, "", false);
        ck_assert_all(found(&l, DG_SPLIT_FILES) == expect[p]);
        ck_assert_all(l.targets == (p == USER_IDS ? 60 : p == NOT_QUITE ? 62 : 90));
    }
    ck_assert_all(look(IN_BOTH, "", false).in_both == 30);
    ck_assert_all(look(REPEATED, "", false).repeated == 15);
}
END_TEST

START_TEST(what_has_a_reason_is_no_leak)
{
    dg_leaks l = look(VALUES, "", true); /* values fall with age */
    ck_assert_all(found(&l, DG_SPLIT_TIME) == 0);
    l = look(ITEM_IDS, "g", false); /* ids that are no numbers have no order */
    ck_assert_all(found(&l, DG_SPLIT_FILES) == 0 && l.judged_ids == 0);
    l = look(USER_IDS, "u", false);
    ck_assert_all(found(&l, DG_SPLIT_FILES) == 0);
}
END_TEST

/* User 1: train at 10 and 30, targets at 20 and 40. User 2: only a target, at 5. */
START_TEST(times_of_the_future_are_noted)
{
    const dg_event row[] = {{.user = 1, .time = 10},
                            {.user = 1, .time = 20},
                            {.user = 1, .time = 30},
                            {.user = 1, .time = 40}},
                   alone = {.user = 2, .time = 5};
    const uint8_t part[] = {DG_PART_TRAIN, DG_PART_TEST, DG_PART_TRAIN, DG_PART_VALID};
    dg_part_times t;
    ck_assert_all(dg_part_times_create((dg_range){0, 3}, &t, &err) == DG_OK);
    dg_part_times_note(&t, 1, row, 4, part);
    ck_assert_all(t.late_targets == 1 && t.newest_train == 30 && t.oldest_target == 20);
    dg_part_times_note(&t, 2, &alone, 1, NULL);
    ck_assert_all(t.late_targets == 1 && t.oldest_target == 5 && t.timed_targets == 3);
    dg_part_times_note(&t, 1, row, 2, NULL); /* from a file: 10 and 20 are before 30 */
    ck_assert_all(t.late_targets == 3);
    dg_part_times_free(&t);

    dg_leaks l = {.targets = 3, .newest_train = 30, .oldest_target = 5, .late_targets = 1};
    ck_assert_all(found(&l, DG_SPLIT_TIME) == 1 << 2 && found(&l, DG_SPLIT_FILES) == 1 << 2);
    ck_assert_all(found(&l, DG_SPLIT_RATIO) == 0 && found(&l, DG_SPLIT_LEAVE_LAST) == 1 << 2);
    ck_assert_all(found(&l, DG_SPLIT_HOLD_LAST) == 1 << 2);
    l = (dg_leaks){.targets = 3, .newest_train = 5, .oldest_target = 5};
    ck_assert_all(found(&l, DG_SPLIT_TIME) == 0);
}
END_TEST

/* Of twins (test_twins.c) fewer than 20 held-out ratings may be chance. */
START_TEST(twins_are_told_from_twenty_ratings_on)
{
    for (int k = 0; k < 3; k++) {
        dg_leaks l = {.targets = 100};
        int64_t *const of[] = {&l.twins.of_items, &l.twins.of_users, &l.twins.of_copies};
        *of[k] = 19;
        ck_assert_all(found(&l, DG_SPLIT_RATIO) == 0);
        *of[k] = 20;
        ck_assert_all(found(&l, DG_SPLIT_RATIO) == 1U << (6 + k));
    }
}
END_TEST

START_TEST(a_failing_allocation_fails_all)
{
    dg_dataset d;
    dg_leaks l;
    make(NOTHING, "", &d);
    const size_t before = dg_alloc_live();
    char spec[32];
    snprintf(spec, sizeof spec, "alloc:%d:1", world.size - 1);
    setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
    ck_assert_all(dg_leaks_find(&world, &d, NULL, false, &l, &err) == DG_ERR_NOMEM);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert_all(dg_alloc_live() == before);
    dg_dataset_free(&d);
}
END_TEST

MPI_MAIN("leaks", each_planted_leak_is_found_and_no_other, what_has_a_reason_is_no_leak,
         twins_are_told_from_twenty_ratings_on, times_of_the_future_are_noted,
         a_failing_allocation_fails_all)
