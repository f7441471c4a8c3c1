#include "ingest/parts.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "comm/exchange.h"
#include "ingest/ids.h"
#include "ingest/numbering.h"
#include "ingest/rounds.h"

#include <math.h>
#include <string.h>

typedef struct dg_plan { /* who gets which local event when */
    dg_rounds rounds;
    int32_t *round;            /* (user.n,) of each user code, -1 where it has no row */
    int32_t *owner;            /* (user.n,) */
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

typedef struct dg_batch { /* what one round delivers to this rank */
    dg_range rows;
    int64_t n;
    dg_event *event;  /* (n,) input order; later by user */
    int64_t *start;   /* (rows+1,) first event of each row, once sorted by user */
    uint8_t *part;    /* (n,) */
    dg_pick *pick;    /* (2 longest row,) scratch */
    dg_event *sorted; /* (longest row,) scratch */
} dg_batch;

/* About as many events as stay in a core's second-level cache while a rank works on them. */
enum { BATCH = 1 << 16 };

static dg_status make_plan(const dg_parts_input *in, dg_plan *p, dg_err *err)
{
    const size_t n = (size_t)in->user.n;
    p->round = dg_alloc(n, sizeof *p->round);
    p->owner = dg_alloc(n, sizeof *p->owner);
    if (p->round == NULL || p->owner == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning where ratings go");
    for (size_t u = 0; u < n; u++) {
        const int64_t row = in->user.row[u];
        p->round[u] = -1;
        if (row == DG_NO_ROW) continue;
        p->owner[u] =
            dg_shards_owner(in->shards->n, dg_shards_find(in->shards, row), p->rounds.size);
        p->round[u] = dg_rounds_find(&p->rounds, p->owner[u], row);
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
    dg_free(p->owner);
    for (int k = 0; k < DG_ROUNDS; k++) dg_events_free(&p->heap[k]);
}

static float aged(const dg_parts_input *in, dg_rating r)
{
    if (in->half_life <= 0 || r.time >= in->newest) return r.value;
    return (float)((double)r.value * exp2(-((double)in->newest - (double)r.time) / in->half_life));
}

static dg_event event_of(const dg_parts_input *in, dg_rating r)
{
    return (dg_event){.user = (int32_t)in->user.row[r.user],
                      .item = (int32_t)in->item.row[r.item],
                      .value = aged(in, r),
                      .time = r.time,
                      .key = dg_pair_key(in->user.hash[r.user], in->item.hash[r.item])};
}

/* The events of one round, grouped by owner, in input order. */
static dg_status pack(const dg_comm *c, const dg_parts_input *in, const dg_plan *p,
                      const dg_events *heap, int64_t *count, dg_event **out, dg_err *err)
{
    int64_t *next = dg_alloc((size_t)c->size + 1, sizeof *next);
    dg_event *event = *out = next == NULL ? NULL : dg_alloc((size_t)heap->n, sizeof *event);
    if (event == NULL) {
        dg_free(next);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending %lld ratings", (long long)heap->n);
    }
    for (int64_t k = 0; k < heap->n; k++) count[p->owner[dg_events_at(heap, k).user]]++;
    for (int r = 0; r < c->size; r++) next[r + 1] = next[r] + count[r];
    for (int64_t k = 0; k < heap->n; k++) {
        const dg_rating r = dg_events_at(heap, k);
        event[next[p->owner[r.user]]++] = event_of(in, r);
    }
    dg_free(next);
    return DG_OK;
}

static dg_status ship(const dg_comm *c, const dg_parts_input *in, dg_plan *p, int round,
                      dg_batch *b, dg_err *err)
{
    dg_event *sending = NULL;
    void *received = NULL;
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory")
                                 : pack(c, in, p, &p->heap[round], count, &sending, err);
    dg_events_free(&p->heap[round]);
    st = dg_agree(c, st, err);
    if (st == DG_OK)
        st = dg_exchange(c, sending, sizeof *sending, count, &received, count + c->size, err);
    dg_free(sending);
    b->rows = dg_rounds_rows(&p->rounds, round, c->rank);
    b->event = received;
    for (int r = 0; r < c->size && st == DG_OK; r++) b->n += count[c->size + r];
    dg_free(count);
    return st;
}

/* Stable counting sort; notes each event's place in the input on the way. */
static dg_status sort_by_user(dg_batch *b, dg_err *err)
{
    const int64_t rows = b->rows.end - b->rows.begin;
    dg_event *sorted = dg_alloc((size_t)b->n, sizeof *sorted);
    b->start = dg_alloc((size_t)rows + 2, sizeof *b->start);
    b->part = dg_alloc((size_t)b->n, sizeof *b->part);
    if (b->n > UINT32_MAX || sorted == NULL || b->start == NULL || b->part == NULL) {
        dg_free(sorted);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting %lld ratings", (long long)b->n);
    }
    int64_t *next = b->start + 1; /* ends as the starts, one further */
    for (int64_t k = 0; k < b->n; k++) next[b->event[k].user - b->rows.begin + 1]++;
    for (int64_t r = 0; r < rows; r++) next[r + 1] += next[r];
    for (int64_t k = 0; k < b->n; k++) {
        b->event[k].order = (uint32_t)k;
        sorted[next[b->event[k].user - b->rows.begin]++] = b->event[k];
    }
    dg_free(b->event);
    b->event = sorted;
    return DG_OK;
}

static dg_status name_user(const char *id, size_t n, dg_status st, dg_err *err)
{
    char quoted[100];
    const dg_err plain = *err;
    dg_show_quoted(id, n, quoted, sizeof quoted);
    return DG_FAIL(err, st, "user %s: %.600s", quoted, plain.text);
}

static dg_status open_scratch(dg_batch *b, dg_err *err)
{
    int64_t longest = 0;
    for (int64_t r = 0, begin = 0; r < b->rows.end - b->rows.begin; r++) {
        const int64_t n = b->start[r + 1] - begin;
        if (n > longest) longest = n;
        begin += n;
    }
    b->pick = dg_alloc(2 * (size_t)longest, sizeof *b->pick);
    b->sorted = dg_alloc((size_t)longest, sizeof *b->sorted);
    if (b->pick != NULL && b->sorted != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory splitting ratings");
}

/* Merge and split every row, closing the gaps that merging leaves. */
static dg_status finish_rows(const dg_parts_input *in, int64_t first_own, dg_batch *b,
                             int64_t *merged, dg_err *err)
{
    int64_t kept = 0, begin = 0;
    const int64_t rows = b->rows.end - b->rows.begin;
    dg_status st = open_scratch(b, err);
    if (st != DG_OK) return st;
    for (int64_t r = 0; r < rows; r++) {
        const int64_t end = b->start[r + 1];
        int64_t n = end - begin;
        size_t length;
        dg_event *row = b->event + begin;
        const char *id = dg_strings_at(in->user_id, b->rows.begin + r - first_own, &length);
        st = dg_merge_duplicates(row, &n, in->duplicates, b->pick, b->sorted, err);
        if (st != DG_OK) return name_user(id, length, st, err);
        memmove(b->event + kept, row, (size_t)n * sizeof *row);
        if (n > 0)
            dg_split_row(in->rule, dg_id_hash(id, length), b->event + kept, n, b->pick,
                         b->part + kept);
        *merged += end - begin - n;
        begin = end;
        kept += n;
    }
    b->n = kept;
    return DG_OK;
}

static dg_status open_blocks(const dg_batch *b, dg_block *block[DG_PARTS], dg_err *err)
{
    for (int64_t k = 0; k < b->n; k++) block[b->part[k]]->n++;
    for (int p = 0; p < DG_PARTS; p++) {
        block[p]->index = dg_alloc((size_t)block[p]->n, sizeof *block[p]->index);
        block[p]->value = dg_alloc((size_t)block[p]->n, sizeof *block[p]->value);
        if (block[p]->index == NULL || block[p]->value == NULL)
            return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld ratings",
                           (long long)block[p]->n);
    }
    return DG_OK;
}

/* Take the entries of all parts out of the finished rows. */
static dg_status take_parts(const dg_batch *b, int round, dg_builder *builder, dg_err *err)
{
    dg_block *block[DG_PARTS];
    int64_t at[DG_PARTS] = {0};
    for (int p = 0; p < DG_PARTS; p++) block[p] = &builder->block[p][round];
    const dg_status st = open_blocks(b, block, err);
    if (st != DG_OK) return st;
    for (int64_t k = 0; k < b->n; k++) {
        const int p = b->part[k];
        block[p]->index[at[p]] = b->event[k].item;
        block[p]->value[at[p]++] = b->event[k].value;
        builder->length[p][b->event[k].user - builder->rows.begin]++;
    }
    return DG_OK;
}

static dg_status finish_round(const dg_parts_input *in, dg_batch *b, int round, dg_builder *builder,
                              int64_t *merged, dg_err *err)
{
    dg_status st = sort_by_user(b, err);
    if (st == DG_OK) st = finish_rows(in, builder->rows.begin, b, merged, err);
    return st == DG_OK ? take_parts(b, round, builder, err) : st;
}

static void free_batch(dg_batch *b)
{
    dg_free(b->event);
    dg_free(b->start);
    dg_free(b->part);
    dg_free(b->pick);
    dg_free(b->sorted);
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

    dg_progress_begin("sorting", "rounds", plan->rounds.n);
    for (int k = 0; k < plan->rounds.n && st == DG_OK; k++) {
        dg_batch batch = {0};
        st = ship(c, in, plan, k, &batch, err);
        if (st == DG_OK) st = dg_agree(c, finish_round(in, &batch, k, b, &out->merged, err), err);
        free_batch(&batch);
        dg_progress(k + 1, NULL);
    }
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
