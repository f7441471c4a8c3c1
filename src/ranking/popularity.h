/* popularity.h - items by how often they were chosen, and what a list owes to it.
 *
 * Items stand in the order of popularity, equals by row. The first that together have a fifth of
 * all training ratings are the head, the last that have a fifth the tail, those between the middle;
 * items without a rating are cold, and of the tail wherever there are three groups only. Source
 * Abdollahpouri, Mansoury, Burke, Mobasher 2019, "The unfairness of popularity bias in
 *         recommendation", section 3 (the three groups). */
#ifndef DG_RANKING_POPULARITY_H
#define DG_RANKING_POPULARITY_H
#include "base/status.h"
#include "ranking/topk.h"

typedef enum dg_popularity_group {
    DG_ITEM_HEAD,
    DG_ITEM_MIDDLE,
    DG_ITEM_TAIL,
    DG_ITEM_COLD,
    DG_ITEM_GROUPS
} dg_popularity_group;

/* Zero-initialise; free with dg_popularity_free. */
typedef struct dg_popularity {
    int64_t n_items, n_ratings;
    int64_t n_users; /* that the ratings are of */
    int64_t *count;  /* (n_items,) ratings */
    int32_t *order;  /* (n_items,) most popular first */
    int32_t *place;  /* (n_items,) of each item in order */
    uint8_t *group;  /* (n_items,) */
    double *novelty; /* (n_items,) -log2(max(count, 1) / n_users) */
    int64_t items[DG_ITEM_GROUPS];
} dg_popularity;

/** "head". LOCAL. */
const char *dg_popularity_group_name(dg_popularity_group g);

/** Room for n_items, counts zero. LOCAL. 25 bytes an item. Errors DG_ERR_NOMEM; dg_popularity_free
 *  in either case. */
dg_status dg_popularity_create(int64_t n_items, dg_popularity *out, dg_err *err);

/** Everything else, once count and n_users are filled. LOCAL. O(n log n). Errors DG_ERR_NOMEM. */
dg_status dg_popularity_sort(dg_popularity *p, dg_err *err);

/** LOCAL, twice-safe. */
void dg_popularity_free(dg_popularity *p);

/* What one list owes to popularity, at one k. */
typedef struct dg_list_popularity {
    int64_t n, tail; /* items looked at; those of the tail, cold ones included */
    double arp, aplt, novelty;
} dg_list_popularity;

/** Count one more item of a list; arp and novelty are sums until dg_list_popularity_mean. LOCAL. */
void dg_list_popularity_add(const dg_popularity *p, int32_t item, dg_list_popularity *sum);

/** Means instead of sums; zeros of an empty list. LOCAL. */
dg_list_popularity dg_list_popularity_mean(dg_list_popularity sum);

/**
 * Places that the k most popular items which are not in `skip` end at: what stands at a place below
 * out[j] and is not in `skip` is among the k[j] most popular. LOCAL.
 *
 * @param[in]  skip  (n_skip,) ascending
 * @param[in]  k     (n_k,) ascending
 * @param[out] out   (n_k,) n_items where fewer are left
 * Cost    O((max k + n_skip) log n_skip).
 */
void dg_popularity_ends(const dg_popularity *p, const int32_t *skip, int64_t n_skip, const int *k,
                        int n_k, int64_t *out);

/**
 * Gini coefficient: sum over k of (2 k - n - 1) e_(k) / (n sum e), e ascending. LOCAL, O(n log n).
 * @param[in] e  (n,) none negative; sorted by it. All zero: 0.
 */
double dg_gini(int64_t *e, int64_t n);

/** Entropy of the shares of e (n,), in nats; 0 where all are zero. LOCAL, O(n). Sort e first for a
 * sum that depends on the values alone. */
double dg_entropy(const int64_t *e, int64_t n);

/** Standard deviation (of the whole, not a sample) over mean; 0 where the mean is. LOCAL. */
double dg_relative_spread(const double *x, int n);

#endif
