#include "ranking/topk.h"

#include <math.h>

enum { CHUNK = 64 };

dg_topk dg_topk_start(dg_hit *room, int k)
{
    return (dg_topk){.hit = room, .k = k, .threshold = k > 0 ? -INFINITY : INFINITY};
}

/* Put x where the hole at `place` is, below every hit that is worse. */
static void sift_down(dg_hit *heap, int n, int place, dg_hit x)
{
    for (;;) {
        int child = 2 * place + 1;
        if (child >= n) break;
        if (child + 1 < n && dg_hit_before(heap[child], heap[child + 1])) child++;
        if (!dg_hit_before(x, heap[child])) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = x;
}

static void sift_up(dg_hit *heap, int place, dg_hit x)
{
    while (place > 0) {
        const int parent = (place - 1) / 2;
        if (!dg_hit_before(heap[parent], x)) break;
        heap[place] = heap[parent];
        place = parent;
    }
    heap[place] = x;
}

static void offer(dg_topk *t, dg_hit x)
{
    if (t->n < t->k) {
        sift_up(t->hit, t->n++, x);
        if (t->n == t->k) t->threshold = t->hit[0].score;
    } else if (t->k > 0 && dg_hit_before(x, t->hit[0])) {
        sift_down(t->hit, t->k, 0, x);
        t->threshold = t->hit[0].score;
    }
}

/* Is there a score here that may enter, or one that is not finite? Without branches, so that the
 * compiler uses vectors: nearly every chunk ends here. x - x is 0 for finite x only. */
static bool needs_look(const float *score, int n, float threshold)
{
    int look = 0;
    for (int j = 0; j < n; j++) {
        const float x = score[j];
        look |= (x >= threshold) | !(x - x == 0.0f);
    }
    return look;
}

dg_status dg_topk_push(dg_topk *t, const float *score, int32_t first, int32_t n,
                       const int32_t *skip, int64_t n_skip, dg_err *err)
{
    int64_t s = 0;
    for (int32_t begin = 0; begin < n; begin += CHUNK) {
        const int32_t length = n - begin < CHUNK ? n - begin : CHUNK;
        if (!needs_look(score + begin, length, t->threshold)) continue;
        for (int32_t j = begin; j < begin + length; j++) {
            const dg_hit x = {score[j], first + j};
            while (s < n_skip && skip[s] < x.index) s++;
            if (s < n_skip && skip[s] == x.index) continue;
            if (!isfinite(x.score))
                return DG_FAIL(err, DG_ERR_NUMERIC, "the score of item %d is %g", (int)x.index,
                               (double)x.score);
            offer(t, x);
        }
    }
    return DG_OK;
}

int dg_topk_finish(dg_topk *t)
{
    for (int n = t->n - 1; n > 0; n--) { /* the worst of what is left goes to its end */
        const dg_hit worst = t->hit[0];
        sift_down(t->hit, n, 0, t->hit[n]);
        t->hit[n] = worst;
    }
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
