/* Users and items planted twice under two names are found, with what of them is held out. */
#include "ingest/twins.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = 60, N_USERS = 2 * HALF, N_ITEMS = 401, HISTORY = 40, N_TEST = 4 };

static dg_err err;

/* One thing there twice at a time. The second half of users has nothing held out. */
typedef enum plant {
    NOTHING,
    ITEMS, /* items 0 and 200, 1 and 201 … 49 and 249 have one id but for case and blanks */
    USERS, /* users 0 and 60 … likewise; of the second one's ratings some are held out of the first
            */
    COPIES, /* users 60 … 89 have all that users 0 … 29 have */
    NEARLY, /* the same but for one item */
    VALUES, /* … the same items with other values */
    PLANTS
} plant;

static bool is_copied(plant p) { return p == COPIES || p == NEARLY || p == VALUES; }

/* The k-th item of a user: from a start of chance in steps of the user's own, and as there is a
 * prime number of items, never one twice. */
static int32_t item_of(plant p, int64_t u, int64_t k)
{
    const bool copy = is_copied(p) && u >= HALF && u < HALF + 30;
    const int64_t who = copy ? u - HALF : u;
    dg_rng r = dg_rng_at(5, DG_RNG_TEST, (uint64_t)who);
    if (copy && p == NEARLY && k == 11) k = HISTORY;
    return (int32_t)((dg_rng_below(&r, N_ITEMS) + k * (who + 1)) % N_ITEMS);
}

static float value_of(plant p, int64_t u, int64_t k)
{
    const bool other = p == VALUES && u >= HALF;
    const int64_t who = is_copied(p) && u >= HALF && u < HALF + 30 ? u - HALF : u;
    return (float)(1 + (who + 3 * k + (other ? 1 : 0)) % 5);
}

static void name_user(plant p, int64_t u, char *id)
{
    if (p == USERS && u >= HALF)
        sprintf(id, u % 2 == 0 ? "ANN-%d" : " Ann-%d\xc2\xa0", (int)(u - HALF));
    else
        sprintf(id, "ann-%d", (int)u);
}

static void name_item(plant p, int64_t i, char *id)
{
    if (p == ITEMS && i >= 200 && i < 250)
        sprintf(id, i % 2 == 0 ? "Tea-%d" : "tea-%d\xef\xbb\xbf", (int)(i - 200));
    else
        sprintf(id, "tea-%d", (int)i);
}

typedef struct pair {
    int32_t item;
    float value;
} pair;

static int by_item(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

static void put(dg_csr *m, int64_t u, pair *row, int n)
{
    const int64_t r = u - m->begin;
    qsort(row, (size_t)n, sizeof *row, by_item);
    for (int k = 0; k < n; k++) {
        m->index[m->ptr[r] + k] = row[k].item;
        m->value[m->ptr[r] + k] = row[k].value;
    }
    m->ptr[r + 1] = m->ptr[r] + n;
}

/* The last four of a user of the first half are held out: two to test, two to validate. */
static void fill_user(plant p, int64_t u, dg_dataset *d)
{
    pair row[HISTORY];
    const int held = u < HALF ? N_TEST : 0, left = HISTORY - held;
    for (int k = 0; k < HISTORY; k++) row[k] = (pair){item_of(p, u, k), value_of(p, u, k)};
    if (p == ITEMS && u < HALF && row[0].item < 50) row[HISTORY - 1].item = row[0].item + 200;
    if (p == USERS && u >= HALF) row[0].item = item_of(p, u - HALF, HISTORY - 1);
    put(&d->test, u, row + left, held / 2);
    put(&d->valid, u, row + left + held / 2, held - held / 2);
    put(&d->train, u, row, left);
    put(&d->fold_in, u, row, 0);
}

static void add(dg_strings *to, const char *id)
{
    if (dg_strings_add(to, id, strlen(id), &err) != DG_OK) abort();
}

static void make(const dg_comm *c, plant p, dg_dataset *d)
{
    char id[40];
    int64_t work[N_ITEMS];
    for (int k = 0; k < N_ITEMS; k++) work[k] = 1;
    *d = (dg_dataset){0};
    if (dg_shards_create(64, &d->users, &err) != DG_OK ||
        dg_shards_create(64, &d->items, &err) != DG_OK)
        abort();
    dg_shards_cut(&d->users, work, N_USERS);
    dg_shards_cut(&d->items, work, N_ITEMS);
    const dg_range own = dg_shards_rows(&d->users, c->rank, c->size);
    const dg_range items = dg_shards_rows(&d->items, c->rank, c->size);
    dg_csr *const all[] = {&d->train, &d->test, &d->valid, &d->fold_in};
    for (int k = 0; k < 4; k++)
        if (dg_csr_create(own.begin, own.end, (own.end - own.begin) * HISTORY, all[k], &err) !=
            DG_OK)
            abort();
    for (int64_t u = own.begin; u < own.end; u++) {
        name_user(p, u, id);
        add(&d->user_id, id);
        fill_user(p, u, d);
    }
    for (int64_t i = items.begin; i < items.end; i++) {
        name_item(p, i, id);
        add(&d->item_id, id);
    }
}

static dg_twins look(const dg_comm *c, plant p)
{
    dg_dataset d;
    dg_twins t;
    make(c, p, &d);
    if (dg_twins_find(c, &d, &t, &err) != DG_OK) abort();
    dg_dataset_free(&d);
    return t;
}

/* Held-out ratings of the first half that train has under the other name, one by one. */
static dg_twins count_by_hand(plant p)
{
    dg_comm self;
    dg_dataset d;
    dg_twins n = {0};
    dg_comm_init(&self, MPI_COMM_SELF);
    make(&self, p, &d);
    for (int64_t u = 0; u < HALF; u++) {
        const dg_row part[2] = {dg_csr_row(&d.test, u), dg_csr_row(&d.valid, u)};
        for (int k = 0; k < 2; k++)
            for (int64_t j = 0; j < part[k].n; j++) {
                const int32_t i = part[k].index[j];
                const int32_t other = i < 50 ? i + 200 : i >= 200 && i < 250 ? i - 200 : -1;
                n.of_items += other >= 0 && dg_row_has(dg_csr_row(&d.train, u), other);
                n.of_users += dg_row_has(dg_csr_row(&d.train, u + HALF), i);
            }
    }
    dg_dataset_free(&d);
    dg_comm_free(&self);
    return n;
}

START_TEST(nothing_planted_nothing_found)
{
    const dg_twins t = look(&world, NOTHING), none = {0};
    ck_assert_all(memcmp(&t, &none, sizeof t) == 0);
}
END_TEST

START_TEST(ids_that_differ_in_case_and_blanks_are_told)
{
    const dg_twins items = look(&world, ITEMS), users = look(&world, USERS);
    ck_assert_all(items.items == 100 && items.users == 0 && items.copies == 0);
    ck_assert_all(items.of_items == count_by_hand(ITEMS).of_items && items.of_items >= 5);
    ck_assert_all(users.users == N_USERS && users.items == 0);
    ck_assert_all(users.of_users == count_by_hand(USERS).of_users && users.of_users >= HALF);
}
END_TEST

/* All ratings of the copied are in train of the copies; of those alike but for one, most are found:
 * chance 24 / 40 each, so fewer than 5 of 30 pairs has a chance of 1e-6. */
START_TEST(copies_are_found_and_near_ones_mostly)
{
    const dg_twins same = look(&world, COPIES), near = look(&world, NEARLY);
    const dg_twins other = look(&world, VALUES);
    ck_assert_all(same.copies == 60 && same.of_copies == 30 * N_TEST && same.users == 0);
    ck_assert_all(near.copies >= 10 && near.copies < 60 && near.of_copies == near.copies / 2 * 4);
    ck_assert_all(other.copies == 0 && other.of_copies == 0);
}
END_TEST

START_TEST(any_number_of_ranks_finds_the_same)
{
    dg_comm self;
    dg_comm_init(&self, MPI_COMM_SELF);
    for (plant p = NOTHING; p < PLANTS; p++) {
        const dg_twins all = look(&world, p), alone = look(&self, p);
        ck_assert_all(memcmp(&all, &alone, sizeof all) == 0);
    }
    dg_comm_free(&self);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    for (plant p = ITEMS; p <= COPIES; p++) {
        dg_dataset d;
        dg_status st = DG_ERR_NOMEM;
        make(&world, p, &d);
        const size_t before = dg_alloc_live();
        int nth = 1;
        for (; nth < 200 && st == DG_ERR_NOMEM; nth++) {
            dg_twins t;
            char spec[32];
            snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            st = dg_twins_find(&world, &d, &t, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(dg_alloc_live() == before);
        }
        ck_assert_all(st == DG_OK && nth > 10);
        dg_dataset_free(&d);
    }
}
END_TEST

MPI_MAIN("twins", nothing_planted_nothing_found, ids_that_differ_in_case_and_blanks_are_told,
         copies_are_found_and_near_ones_mostly, any_number_of_ranks_finds_the_same,
         each_failing_allocation_fails_all)
