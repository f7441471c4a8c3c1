#include "ranking/topk.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 16 };

dg_topk dg_topk_start(dg_hit *room, int k)
{
    return (dg_topk){.hit = room, .k = k, .threshold = k > 0 ? -INFINITY : INFINITY};
}

/* While pushing, a hit is one whole number, greater when it stands further up in the list: bits of
 * the score made to sort like it, then the index turned round. Comparing hits is then one
 * instruction without a branch, which halves the time of a selection. The numbers live in the
 * caller's room, a heap with the last of the list on top. */
_Static_assert(sizeof(dg_hit) == sizeof(uint64_t), "a hit and its key share their place");

static uint64_t key_of(dg_hit x)
{
    const float score = x.score + 0.0f; /* -0 ties with 0 */
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | (uint32_t)~x.index;
}

static dg_hit hit_of(uint64_t key)
{
    dg_hit x = {.index = (int32_t) ~(uint32_t)key};
    uint32_t bits = (uint32_t)(key >> 32);
    bits = bits >> 31 != 0 ? bits & 0x7fffffffu : ~bits;
    memcpy(&x.score, &bits, sizeof bits);
    return x;
}

static uint64_t get(const dg_hit *heap, int place)
{
    uint64_t key;
    memcpy(&key, heap + place, sizeof key);
    return key;
}

static void put(dg_hit *heap, int place, uint64_t key) { memcpy(heap + place, &key, sizeof key); }

/* Put x where the hole at `place` is, below every key that is smaller. */
static void sift_down(dg_hit *heap, int n, int place, uint64_t x)
{
    for (int child = 2 * place + 1; child < n; child = 2 * place + 1) {
        if (child + 1 < n) child += get(heap, child + 1) < get(heap, child);
        if (x <= get(heap, child)) break;
        put(heap, place, get(heap, child));
        place = child;
    }
    put(heap, place, x);
}

static void sift_up(dg_hit *heap, int place, uint64_t x)
{
    while (place > 0) {
        const int parent = (place - 1) / 2;
        if (get(heap, parent) <= x) break;
        put(heap, place, get(heap, parent));
        place = parent;
    }
    put(heap, place, x);
}

static void offer(dg_topk *t, uint64_t x)
{
    if (t->n < t->k)
        sift_up(t->hit, t->n++, x);
    else if (t->k > 0 && x > get(t->hit, 0))
        sift_down(t->hit, t->k, 0, x);
    if (t->n == t->k && t->k > 0) t->threshold = hit_of(get(t->hit, 0)).score;
}

void dg_topk_offer(dg_topk *t, dg_hit hit) { offer(t, key_of(hit)); }

/* What a chunk holds: scores that may enter, and scores that are not finite. Without branches, so
 * that the compiler uses vectors: most chunks end here. x - x is 0 for finite x only. */
static void look(const float *score, int n, float threshold, int *high, int *bad)
{
    int any_high = 0, any_bad = 0;
    for (int j = 0; j < n; j++) {
        const float x = score[j];
        any_high |= x >= threshold;
        any_bad |= !(x - x == 0.0f);
    }
    *high = any_high;
    *bad = any_bad;
}

/* Offer one score unless its index is among those to skip, of which what is left moves on. */
static dg_status take(dg_topk *t, dg_hit x, const int32_t **skip, int64_t *n_skip, dg_err *err)
{
    while (*n_skip > 0 && **skip < x.index) (*skip)++, (*n_skip)--;
    if (*n_skip > 0 && **skip == x.index) return DG_OK;
    if (!isfinite(x.score))
        return DG_FAIL(err, DG_ERR_NUMERIC, "the score of item %d is %g", (int)x.index,
                       (double)x.score);
    offer(t, key_of(x));
    return DG_OK;
}

dg_status dg_topk_push(dg_topk *t, const float *score, int32_t first, int32_t n,
                       const int32_t *skip, int64_t n_skip, dg_err *err)
{
    for (int32_t begin = 0; begin < n; begin += CHUNK) {
        const int32_t end = n - begin < CHUNK ? n : begin + CHUNK;
        int high, bad;
        look(score + begin, end - begin, t->threshold, &high, &bad);
        if (!high && !bad) continue;
        for (int32_t j = begin; j < end; j++) {
            if (score[j] < t->threshold && !bad) continue;
            const dg_status st = take(t, (dg_hit){score[j], first + j}, &skip, &n_skip, err);
            if (st != DG_OK) return st;
        }
    }
    return DG_OK;
}

/* Bits [16 w, 16 w + 64) of the marks, those behind the last word 0. */
static uint64_t four_words(const uint16_t *mark, int32_t w, int32_t n_words)
{
    uint64_t bits = 0;
    if (n_words - w >= 4) /* one load to the compiler */
        return mark[w] | (uint64_t)mark[w + 1] << 16 | (uint64_t)mark[w + 2] << 32 |
               (uint64_t)mark[w + 3] << 48;
    for (int32_t k = w; k < n_words && k < w + 4; k++) bits |= (uint64_t)mark[k] << (16 * (k - w));
    return bits;
}

dg_status dg_topk_push_marked(dg_topk *t, const float *score, const uint16_t *mark, int32_t first,
                              int32_t n, const int32_t *skip, int64_t n_skip, dg_err *err)
{
    const int32_t n_words = n / 16 + (n % 16 != 0);
    for (int32_t w = 0; w < n_words; w += 4)
        for (uint64_t bits = four_words(mark, w, n_words); bits != 0; bits &= bits - 1) {
            const int32_t j = 16 * w + __builtin_ctzll(bits);
            if (score[j] < t->threshold && score[j] >= -FLT_MAX) continue; /* risen meanwhile */
            const dg_status st = take(t, (dg_hit){score[j], first + j}, &skip, &n_skip, err);
            if (st != DG_OK) return st;
        }
    return DG_OK;
}

int dg_topk_finish(dg_topk *t)
{
    for (int n = t->n - 1; n > 0; n--) { /* the last of what is left goes to its end */
        const uint64_t last = get(t->hit, 0);
        sift_down(t->hit, n, 0, get(t->hit, n));
        put(t->hit, n, last);
    }
    for (int i = 0; i < t->n; i++) t->hit[i] = hit_of(get(t->hit, i));
    return t->n;
}

int dg_topk_merge(const dg_hit *a, int n_a, const dg_hit *b, int n_b, dg_hit *out, int k)
{
    int i = 0, j = 0, n = 0;
    for (; n < k && (i < n_a || j < n_b); n++) {
        const bool from_a = j == n_b || (i < n_a && dg_hit_before(a[i], b[j]));
        out[n] = from_a ? a[i++] : b[j++];
    }
    return n;
}
