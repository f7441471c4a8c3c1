#include "ingest/parts.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/exchange.h"
#include "ingest/ids.h"
#include "ingest/numbering.h"
#include "ingest/order.h"
#include "ingest/rounds.h"

#include <math.h>
#include <string.h>

typedef struct dg_place { /* of a code: what an event takes from it lies together */
    uint64_t hash;
    int32_t row;   /* global */
    int32_t owner; /* of a user's row */
} dg_place;

typedef struct dg_plan { /* who gets which local event when */
    dg_rounds rounds;
    int32_t *round;            /* (user.n,) of each user code, -1 where it has no row */
    dg_place *user, *item;     /* (user.n,), (item.n,) where the code has a row */
    dg_events heap[DG_ROUNDS]; /* events of each round */
} dg_plan;

typedef struct dg_block { /* rows finished in one round, of one part */
    int64_t n;
    int32_t *index; /* (n,) */
    float *value;   /* (n,) */
} dg_block;

typedef struct dg_builder { /* rows finished so far */
    dg_range rows;
    int64_t *length[DG_PARTS]; /* (rows,) entries of each row */
    dg_block block[DG_PARTS][DG_ROUNDS];
} dg_builder;

typedef struct dg_batch { /* what one round delivers to this rank, and the work on it */
    dg_range rows;
    int64_t n;
    dg_room sending, received; /* (n,) of dg_event, grouped by source, hence in input order */
    dg_order order;
    dg_event *row; /* (longest,) one row, item by item */
    uint8_t *part; /* (longest,) */
    dg_split_scratch scratch;
    size_t longest;
    dg_room index[DG_PARTS], value[DG_PARTS]; /* finished entries of the round */
    int64_t finished[DG_PARTS];
} dg_batch;

/* Events a round brings each rank. Half as many stay in a core's second-level cache, but then ranks
 * wait for each other twice as often: two took 4.3 s, not 4.1, over ratings-20m. */
enum { BATCH = 1 << 16 };

static dg_place *place_side(const dg_side *side)
{
    dg_place *place = dg_alloc((size_t)side->n, sizeof *place);
    for (int64_t k = 0; k < side->n && place != NULL; k++)
        place[k] = (dg_place){.hash = side->hash[k], .row = (int32_t)side->row[k]};
    return place;
}

static dg_status make_plan(const dg_parts_input *in, dg_plan *p, dg_err *err)
{
    p->round = dg_alloc((size_t)in->user.n, sizeof *p->round);
    p->user = place_side(&in->user);
    p->item = place_side(&in->item);
    if (p->round == NULL || p->user == NULL || p->item == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning where ratings go");
    for (int64_t u = 0; u < in->user.n; u++) {
        const int64_t row = in->user.row[u];
        p->round[u] = -1;
        if (row == DG_NO_ROW) continue;
        p->user[u].owner =
            dg_shards_owner(in->shards->n, dg_shards_find(in->shards, row), p->rounds.size);
        p->round[u] = dg_rounds_find(&p->rounds, p->user[u].owner, row);
    }
    return DG_OK;
}

/* The events of every round by themselves; those without a row are counted and left out. */
static dg_status deal(const dg_parts_input *in, dg_plan *p, int64_t *dropped, dg_err *err)
{
    *dropped = in->events->n;
    const dg_status st =
        dg_events_deal(in->events, p->round, in->item.row, p->heap, p->rounds.n, err);
    for (int k = 0; k < p->rounds.n; k++) *dropped -= p->heap[k].n;
    return st;
}

static void free_plan(dg_plan *p)
{
    dg_free(p->round);
    dg_free(p->user);
    dg_free(p->item);
    for (int k = 0; k < DG_ROUNDS; k++) dg_events_free(&p->heap[k]);
}

static float aged(const dg_parts_input *in, dg_rating r)
{
    if (in->half_life <= 0 || r.time >= in->newest) return r.value;
    return (float)((double)r.value * exp2(-((double)in->newest - (double)r.time) / in->half_life));
}

/* Field by field: a whole event would be put together elsewhere and read before it is written. */
static void fill_event(const dg_parts_input *in, const dg_plan *p, dg_rating r, dg_event *out)
{
    const dg_place *user = &p->user[r.user], *item = &p->item[r.item];
    out->user = user->row;
    out->item = item->row;
    out->value = aged(in, r);
    out->order = 0;
    out->time = r.time;
    out->key = dg_pair_key(user->hash, item->hash);
}

/* The events of one round, grouped by owner, in input order. */
static dg_status pack(const dg_comm *c, const dg_parts_input *in, const dg_plan *p,
                      const dg_events *heap, int64_t *count, dg_room *out, dg_err *err)
{
    int64_t *next = dg_alloc((size_t)c->size + 1, sizeof *next);
    dg_status st = next == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending ratings")
                                : dg_room_reserve(out, (size_t)heap->n, sizeof(dg_event), err);
    if (st == DG_OK) {
        dg_event *event = out->at;
        for (int64_t k = 0; k < heap->n; k++) count[p->user[dg_events_at(heap, k).user].owner]++;
        for (int r = 0; r < c->size; r++) next[r + 1] = next[r] + count[r];
        for (int64_t k = 0; k < heap->n; k++) {
            const dg_rating r = dg_events_at(heap, k);
            fill_event(in, p, r, &event[next[p->user[r.user].owner]++]);
        }
    }
    dg_free(next);
    return st;
}

static dg_status ship(const dg_comm *c, const dg_parts_input *in, dg_plan *p, int round,
                      dg_batch *b, dg_err *err)
{
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory")
                                 : pack(c, in, p, &p->heap[round], count, &b->sending, err);
    dg_events_free(&p->heap[round]);
    st = dg_agree(c, st, err);
    if (st == DG_OK && c->size == 1) { /* nothing travels, and nothing is copied */
        const dg_room sent = b->sending;
        b->sending = b->received;
        b->received = sent;
        count[1] = count[0];
    } else if (st == DG_OK) {
        st = dg_exchange_into(c, b->sending.at, sizeof(dg_event), count, &b->received,
                              count + c->size, err);
    }
    b->rows = dg_rounds_rows(&p->rounds, round, c->rank);
    b->n = 0;
    for (int r = 0; r < c->size && st == DG_OK; r++) b->n += count[c->size + r];
    dg_free(count);
    return st;
}

static dg_status name_user(const char *id, size_t n, dg_status st, dg_err *err)
{
    char quoted[100];
    const dg_err plain = *err;
    dg_show_quoted(id, n, quoted, sizeof quoted);
    return DG_FAIL(err, st, "user %s: %.600s", quoted, plain.text);
}

static void free_row(dg_batch *b)
{
    dg_free(b->row);
    dg_free(b->part);
    dg_free(b->scratch.pick);
    dg_free(b->scratch.draw);
    b->row = NULL;
    b->part = NULL;
    b->scratch = (dg_split_scratch){0};
    b->longest = 0;
}

/* Room for the longest row, and for all entries in whichever part. */
static dg_status reserve(dg_batch *b, dg_err *err)
{
    const size_t longest = (size_t)b->order.longest;
    dg_status st = DG_OK;
    for (int p = 0; p < DG_PARTS && st == DG_OK; p++) {
        st = dg_room_reserve(&b->index[p], (size_t)b->n, sizeof(int32_t), err);
        if (st == DG_OK) st = dg_room_reserve(&b->value[p], (size_t)b->n, sizeof(float), err);
    }
    if (st != DG_OK || (b->row != NULL && longest <= b->longest)) return st;
    free_row(b);
    b->longest = 2 * longest;
    b->row = dg_alloc(b->longest, sizeof *b->row);
    b->part = dg_alloc(b->longest, sizeof *b->part);
    b->scratch.pick = dg_alloc(2 * b->longest, sizeof *b->scratch.pick);
    b->scratch.draw = dg_alloc(2 * b->longest, sizeof *b->scratch.draw);
    if (b->row != NULL && b->part != NULL && b->scratch.pick != NULL && b->scratch.draw != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory splitting ratings");
}

/* Deal the entries of a finished row over the parts. */
static void take_row(dg_batch *b, int64_t r, int64_t n, dg_builder *builder)
{
    int64_t at[DG_PARTS];
    memcpy(at, b->finished, sizeof at);
    for (int64_t k = 0; k < n; k++) {
        const int p = b->part[k];
        ((int32_t *)b->index[p].at)[at[p]] = b->row[k].item;
        ((float *)b->value[p].at)[at[p]++] = b->row[k].value;
    }
    for (int p = 0; p < DG_PARTS; p++) builder->length[p][r] = at[p] - b->finished[p];
    memcpy(b->finished, at, sizeof at);
}

/* Merge and split every row. */
static dg_status finish_rows(const dg_parts_input *in, dg_batch *b, dg_builder *builder,
                             int64_t *merged, dg_err *err)
{
    const dg_event *event = b->received.at;
    const int64_t skip = b->rows.begin - builder->rows.begin;
    for (int64_t r = 0; r < b->rows.end - b->rows.begin; r++) {
        const int64_t begin = b->order.start[r], all = b->order.start[r + 1] - begin;
        int64_t n = all;
        size_t length;
        if (n == 0) continue;
        for (int64_t k = 0; k < n; k++) {
            const uint32_t at = b->order.at[begin + k];
            b->row[k] = event[at];
            b->row[k].order = at;
        }
        const char *id = dg_strings_at(in->user_id, skip + r, &length);
        const dg_status st = dg_merge_duplicates(b->row, &n, in->duplicates, err);
        if (st != DG_OK) return name_user(id, length, st, err);
        dg_split_row(in->rule, dg_id_hash(id, length), b->row, n, &b->scratch, b->part);
        if (in->times != NULL)
            dg_part_times_note(in->times, b->rows.begin + r, b->row, n,
                               in->all_targets ? NULL : b->part);
        take_row(b, skip + r, n, builder);
        *merged += all - n;
    }
    return DG_OK;
}

/* Keep the entries of the round, in blocks of their size. */
static dg_status keep_parts(const dg_batch *b, int round, dg_builder *builder, dg_err *err)
{
    for (int p = 0; p < DG_PARTS; p++) {
        dg_block *block = &builder->block[p][round];
        const size_t n = (size_t)b->finished[p];
        block->index = dg_alloc(n, sizeof *block->index);
        block->value = dg_alloc(n, sizeof *block->value);
        if (block->index == NULL || block->value == NULL)
            return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu ratings", n);
        memcpy(block->index, b->index[p].at, n * sizeof *block->index);
        memcpy(block->value, b->value[p].at, n * sizeof *block->value);
        block->n = (int64_t)n;
    }
    return DG_OK;
}

static dg_status finish_round(const dg_parts_input *in, dg_batch *b, int round, dg_builder *builder,
                              int64_t *merged, dg_err *err)
{
    memset(b->finished, 0, sizeof b->finished);
    dg_status st = dg_order_sort(&b->order, b->received.at, b->n, b->rows, err);
    if (st == DG_OK) st = reserve(b, err);
    if (st == DG_OK) st = finish_rows(in, b, builder, merged, err);
    return st == DG_OK ? keep_parts(b, round, builder, err) : st;
}

static void free_batch(dg_batch *b)
{
    dg_free(b->sending.at);
    dg_free(b->received.at);
    dg_order_free(&b->order);
    free_row(b);
    for (int p = 0; p < DG_PARTS; p++) {
        dg_free(b->index[p].at);
        dg_free(b->value[p].at);
    }
}

static dg_status open_builder(dg_range rows, dg_builder *b, dg_err *err)
{
    b->rows = rows;
    for (int p = 0; p < DG_PARTS; p++) {
        b->length[p] = dg_alloc((size_t)(rows.end - rows.begin), sizeof *b->length[p]);
        if (b->length[p] == NULL)
            return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld users",
                           (long long)(rows.end - rows.begin));
    }
    return DG_OK;
}

static void free_block(dg_block *b)
{
    dg_free(b->index);
    dg_free(b->value);
    *b = (dg_block){0};
}

/* Lay the blocks of one part end to end; they are freed as they are copied. */
static dg_status join_blocks(dg_builder *b, int p, dg_csr *out, dg_err *err)
{
    int64_t n = 0;
    for (int k = 0; k < DG_ROUNDS; k++) n += b->block[p][k].n;
    const dg_status st = dg_csr_create(b->rows.begin, b->rows.end, n, out, err);
    if (st != DG_OK) return st;
    const int64_t rows = b->rows.end - b->rows.begin;
    for (int64_t r = 0; r < rows; r++) out->ptr[r + 1] = out->ptr[r] + b->length[p][r];
    int64_t at = 0;
    for (int k = 0; k < DG_ROUNDS; k++) {
        dg_block *block = &b->block[p][k];
        if (block->n > 0) {
            memcpy(out->index + at, block->index, (size_t)block->n * sizeof *block->index);
            memcpy(out->value + at, block->value, (size_t)block->n * sizeof *block->value);
        }
        at += block->n;
        free_block(block);
    }
    return DG_OK;
}

static void close_builder(dg_builder *b)
{
    for (int p = 0; p < DG_PARTS; p++) {
        dg_free(b->length[p]);
        for (int k = 0; k < DG_ROUNDS; k++) free_block(&b->block[p][k]);
    }
}

static dg_status build(const dg_comm *c, const dg_parts_input *in, dg_plan *plan, dg_builder *b,
                       dg_parts *out, dg_err *err)
{
    int64_t total = in->events->n;
    dg_sum_int64(c, &total, 1);
    const int64_t worth = in->batch > 0 ? in->batch : (int64_t)BATCH * c->size;
    plan->rounds = dg_rounds_plan(in->shards, c->size, total, worth, DG_ROUNDS);
    dg_status st = open_builder(dg_shards_rows(in->shards, c->rank, c->size), b, err);
    if (st == DG_OK) st = make_plan(in, plan, err);
    if (st == DG_OK) st = deal(in, plan, &out->dropped, err);
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;

    dg_batch batch = {0};
    dg_progress_begin("sorting", "rounds", plan->rounds.n);
    for (int k = 0; k < plan->rounds.n && st == DG_OK; k++) {
        st = ship(c, in, plan, k, &batch, err);
        if (st == DG_OK) st = dg_agree(c, finish_round(in, &batch, k, b, &out->merged, err), err);
        dg_progress(k + 1, NULL);
    }
    free_batch(&batch);
    dg_progress_end();
    dg_memory_trim();
    if (st != DG_OK) return st;
    for (int p = 0; p < DG_PARTS && st == DG_OK; p++) st = join_blocks(b, p, &out->part[p], err);
    return dg_agree(c, st, err);
}

dg_status dg_parts_build(const dg_comm *c, const dg_parts_input *in, dg_parts *out, dg_err *err)
{
    dg_plan plan = {0};
    dg_builder builder = {0};
    *out = (dg_parts){0};
    const dg_status st = build(c, in, &plan, &builder, out, err);
    close_builder(&builder);
    free_plan(&plan);
    if (st != DG_OK) dg_parts_free(out);
    return st;
}

void dg_parts_free(dg_parts *p)
{
    for (int k = 0; k < DG_PARTS; k++) dg_csr_free(&p->part[k]);
}
