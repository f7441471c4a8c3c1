#include "shop.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dg_err err;

typedef enum where { NOTHING, TRAIN, VALID, TEST, TRAIN_AND_TEST } where;

bool is_held_out(int64_t user) { return user % 7 == 3; }
bool is_cold(int64_t user) { return user % 11 == 4; }

static where where_is(int64_t user, int32_t item, int32_t n_items)
{
    const int64_t place = user * n_items + item;
    const uint32_t x = (uint32_t)(dg_hash64(&place, sizeof place, 3) % (uint64_t)n_items);
    const where p = x < 8    ? TRAIN
                    : x < 11 ? VALID
                    : x < 16 ? TEST
                    : x < 17 ? TRAIN_AND_TEST
                             : NOTHING;
    if (is_cold(user)) return p == TEST || p == VALID ? p : NOTHING;
    if (user % 5 == 0) return p == TRAIN ? TRAIN : NOTHING;
    return p;
}

bool is_trained(int64_t user, int32_t item, int32_t n_items)
{
    if (is_held_out(user)) return false;
    const where p = where_is(user, item, n_items);
    return p == TRAIN || p == TRAIN_AND_TEST;
}

static void add(dg_csr *m, int32_t item, float value)
{
    int64_t *n = &m->ptr[m->end - m->begin]; /* the open row is counted at the end */
    m->index[*n] = item;
    m->value[(*n)++] = value;
}

static void fill_rows(shop *s, int64_t user)
{
    dg_dataset *d = &s->d;
    for (int32_t i = 0; i < s->n_items; i++) {
        const where p = where_is(user, i, s->n_items);
        const float value = (float)(1 + (user + i) % 5);
        if (p == TRAIN || p == TRAIN_AND_TEST)
            add(is_held_out(user) ? &d->fold_in : &d->train, i, value);
        if (p == VALID) add(&d->valid, i, value);
        if (p == TEST || p == TRAIN_AND_TEST) add(&d->test, i, value);
    }
    dg_csr *const all[] = {&d->train, &d->fold_in, &d->valid, &d->test};
    for (int k = 0; k < 4; k++)
        if (user + 1 < all[k]->end)
            all[k]->ptr[user + 1 - all[k]->begin] = all[k]->ptr[all[k]->end - all[k]->begin];
}

static bool name_users(dg_dataset *d, dg_range own)
{
    char id[16];
    bool ok = true;
    for (int64_t u = own.begin; u < own.end && ok; u++) {
        const int n = snprintf(id, sizeof id, "u%d", (int)u);
        ok = dg_strings_add(&d->user_id, id, (size_t)n, &err) == DG_OK;
    }
    return ok;
}

static bool turn_round(dg_dataset *d, int32_t n_items, dg_range own)
{
    dg_csr *m = &d->train_by_item;
    int64_t n = 0;
    if (dg_csr_create(own.begin, own.end, (own.end - own.begin) * N_USERS, m, &err) != DG_OK)
        return false;
    for (int64_t i = own.begin; i < own.end; i++) {
        for (int32_t u = 0; u < N_USERS; u++)
            if (is_trained(u, (int32_t)i, n_items)) m->index[n++] = u;
        m->ptr[i - own.begin + 1] = n;
    }
    return true;
}

shop make_shop(const dg_comm *c, int32_t n_items)
{
    shop s = {.n_items = n_items};
    int64_t work[N_USERS];
    for (int u = 0; u < N_USERS; u++) work[u] = 1 + u % 9;
    bool ok = dg_shards_create(64, &s.d.users, &err) == DG_OK;
    if (ok) dg_shards_cut(&s.d.users, work, N_USERS);
    const dg_range own = dg_shards_rows(&s.d.users, c->rank, c->size);
    dg_csr *const all[] = {&s.d.train, &s.d.fold_in, &s.d.valid, &s.d.test};
    for (int k = 0; ok && k < 4; k++)
        ok = dg_csr_create(own.begin, own.end, (own.end - own.begin) * 40, all[k], &err) == DG_OK;
    for (int64_t u = own.begin; ok && u < own.end; u++) fill_rows(&s, u);
    ok = ok && name_users(&s.d, own) && dg_shards_create(64, &s.d.items, &err) == DG_OK;
    int64_t *one = dg_alloc((size_t)n_items, sizeof *one);
    for (int32_t i = 0; i < n_items; i++) one[i] = 1;
    if (ok) dg_shards_cut(&s.d.items, one, n_items);
    dg_free(one);
    ok = ok && turn_round(&s.d, n_items, dg_shards_rows(&s.d.items, c->rank, c->size));
    s.item_row = dg_alloc((size_t)n_items * COLS, sizeof *s.item_row);
    dg_rng r = dg_rng_at(2, DG_RNG_TEST, (uint64_t)n_items);
    for (int32_t k = 0; k < n_items * COLS; k++) s.item_row[k] = (float)dg_rng_below(&r, 5) - 2;
    if (!ok) abort();
    return s;
}

void free_shop(shop *s)
{
    dg_free(s->item_row);
    dg_dataset_free(&s->d);
}

dg_status toy_load(void *self, const int64_t *user, int n, dg_err *e)
{
    toy *t = self;
    (void)e;
    memset(t->user_row, 0, sizeof t->user_row);
    t->n = n;
    for (int i = 0; i < n; i++) {
        dg_row row = dg_csr_row(&t->s->d.train, user[i]);
        if (row.n == 0) row = dg_csr_row(&t->s->d.fold_in, user[i]);
        for (int64_t k = 0; k < row.n; k++)
            for (int c = 0; c < COLS; c++)
                t->user_row[i][c] += t->s->item_row[row.index[k] * COLS + c];
    }
    return DG_OK;
}

float toy_score_one(void *self, int i, int64_t item)
{
    const toy *t = self;
    float sum = item == t->bad_item ? t->bad_score : 3;
    for (int c = 0; c < COLS; c++) sum += t->user_row[i][c] * t->s->item_row[item * COLS + c];
    return sum;
}

void toy_score(void *self, int64_t begin, int64_t end, float *out)
{
    toy *t = self;
    for (int i = 0; i < t->n; i++)
        for (int64_t item = begin; item < end; item++) *out++ = toy_score_one(t, i, item);
}

dg_scorer toy_scorer(toy *t, const shop *s, bool rates)
{
    t->s = s;
    t->bad_item = -1;
    return (dg_scorer){.self = t,
                       .n_items = s->n_items,
                       .rates = rates,
                       .clip_min = 1,
                       .clip_max = 5,
                       .load = toy_load,
                       .score = toy_score,
                       .score_one = toy_score_one};
}
