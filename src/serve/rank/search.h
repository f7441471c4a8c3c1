/* search.h - the k best inner products with the rows of a table, or cosines, exact, by
 * artifact/scan.h.
 *
 * With x = step q + f for the taste (q whole numbers of -127 to 127) and y = scale (code + rest)
 * for a good, Cauchy and Schwarz bound what the whole numbers leave out: x . y <= scale (step q .
 * code + |f| |code| + |x| |rest|) and likewise what floats round on the way, in the bound and in
 * the score that is bounded. Goods come in groups, those of largest norm first; the search ends
 * where |x| |y| cannot reach the k-th best score any more (Teflioudi, Gemulla, Mykytiuk: LEMP,
 * SIGMOD 2015, section 3). Goods whose bound reaches it are scored from their factors by the kernel
 * of dense/scores.h: a list has the same bits as one from a pass over all factors.
 *
 * A cosine is a product over both lengths: so is its bound. Norms end no search of cosines. */
#ifndef DG_SERVE_RANK_SEARCH_H
#define DG_SERVE_RANK_SEARCH_H
#include "artifact/scan.h"
#include "dense/nibbles.h"
#include "dense/panel.h"
#include "ranking/topk.h"
#include "serve/rank/allowed.h"

/* What is searched; everything borrowed. */
typedef struct dg_search_in {
    const dg_scan *scan;
    const float *scale; /* (groups * 16,) the scan's; for cosines over the length of each good */
    const dg_factors *rows; /* of the same goods, finite */
    const dg_panel_kernels *kernels;
    const dg_nibble_kernels *nibbles;
    float offset;         /* of every score */
    const float *inverse; /* (n,) for cosines: 1 / length of a good, at most DG_SEARCH_INVERSE;
                             where it is 0 the good is left out. NULL: inner products */
} dg_search_in;

enum {
    DG_SEARCH_WAITING = 16,
    DG_SEARCH_BLOCK = 64 /* groups at a time: of 64 columns they stay in the first-level cache */
};

/* Of cosines with a good: which, itself left out, and 1 / its length. */
typedef struct dg_search_near {
    int32_t item;
    float inverse;
} dg_search_near;

/* One search; on the caller's stack, 2 KB. */
typedef struct dg_search {
    const float *taste;
    dg_allowed allowed;
    dg_topk *best;
    dg_nibble_query query;
    double norm, slack, offset; /* of the taste; share a score may be rounded up by; offset so */
    dg_search_near near;
    bool over; /* nothing further on can enter */
    int n_waiting;
    int32_t waiting[DG_SEARCH_WAITING]; /* goods to be scored */
    int8_t q[DG_FACTORS_ROOM];
} dg_search;

/**
 * Begin. LOCAL, O(n_cols).
 * @param[in]  taste  (n_cols,) borrowed, as `best`, which the hits go to
 * @param[in]  near   NULL: inner products
 * Returns false where no bound can be stated: the taste is not finite, or scores may overflow. Then
 * only a pass over all factors gives an answer, or the error.
 */
bool dg_search_start(const dg_search_in *in, const float *taste, const dg_allowed *allowed,
                     const dg_search_near *near, dg_topk *best, dg_search *s);

/** Look at groups [first, end), not yet looked at. LOCAL. In order of groups it is fastest. */
void dg_search_groups(const dg_search_in *in, dg_search *s, int64_t first, int64_t end);

/** Score what still waits; `best` is complete afterwards, but for dg_topk_finish. LOCAL. */
void dg_search_end(const dg_search_in *in, dg_search *s);

/** Groups to look at next where `done` are: few while a selection has no threshold. LOCAL. */
static inline int64_t dg_search_block(int64_t done)
{
    return done == 0 ? 1 : done < DG_SEARCH_BLOCK ? done : DG_SEARCH_BLOCK;
}

/** Offer these goods alone, whatever the bounds say: for few. LOCAL. */
void dg_search_offer(const dg_search_in *in, dg_search *s, int32_t item);

#endif
