#include "evaluate/drift.h"

#include "base/memory.h"
#include "comm/tree.h"
#include "evaluate/stored.h"

#include <math.h>

enum { UNKNOWN = DG_DRIFT_BINS, BINS };

static const double least_share = 1e-4;

/* Items most popular first; a bin ends where its part of all ratings is reached. */
static void cut_bins(const dg_artifact *a, uint8_t *bin, int64_t mass[BINS])
{
    int64_t total = 0, before = 0;
    for (int64_t k = 0; k < a->n_items; k++) total += a->popularity[k];
    for (int64_t k = 0; k < a->n_items; k++) {
        const int32_t item = a->popular[k];
        const double place = total > 0 ? (double)before / (double)total : 0;
        const int b = (int)(place * DG_DRIFT_BINS);
        bin[item] = (uint8_t)(b < DG_DRIFT_BINS ? b : DG_DRIFT_BINS - 1);
        mass[bin[item]] += a->popularity[item];
        before += a->popularity[item];
    }
}

static double index_of(const int64_t then[BINS], const int64_t now[BINS])
{
    double total[2] = {0}, psi = 0;
    for (int b = 0; b < BINS; b++) {
        total[0] += (double)then[b];
        total[1] += (double)now[b];
    }
    for (int b = 0; b < BINS; b++) {
        const double p = fmax((double)then[b] / fmax(total[0], 1), least_share);
        const double q = fmax((double)now[b] / fmax(total[1], 1), least_share);
        psi += (p - q) * log(p / q);
    }
    return psi;
}

dg_status dg_drift_find(const dg_comm *c, const dg_dataset *d, const dg_artifact *a, dg_drift *out,
                        dg_err *err)
{
    enum { OF_KNOWN_USERS, OF_KNOWN_ITEMS, NEW_USERS, NEW_ITEMS, SUMS };
    int64_t then[BINS] = {0}, now[BINS] = {0}, sum[SUMS] = {0};
    uint8_t *bin = dg_alloc((size_t)a->n_items, sizeof *bin);
    const dg_status st = dg_agree(
        c, bin == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory to measure drift") : DG_OK, err);
    if (st == DG_OK) {
        cut_bins(a, bin, then);
        for (int64_t k = 0; k < d->item_id.n; k++) {
            size_t n;
            const char *id = dg_strings_at(&d->item_id, k, &n);
            const int64_t row = dg_names_find(&a->item_id, id, n);
            const int64_t ratings = dg_csr_row(&d->train_by_item, d->train_by_item.begin + k).n;
            now[row >= 0 ? bin[row] : UNKNOWN] += ratings;
            sum[OF_KNOWN_ITEMS] += row >= 0 ? ratings : 0;
            sum[NEW_ITEMS] += row < 0;
        }
        for (int64_t k = 0; k < d->user_id.n; k++) {
            size_t n;
            const char *id = dg_strings_at(&d->user_id, k, &n);
            const bool known = dg_names_find(&a->user_id, id, n) >= 0;
            sum[OF_KNOWN_USERS] += known ? dg_csr_row(&d->train, d->train.begin + k).n : 0;
            sum[NEW_USERS] += !known;
        }
        dg_sum_int64(c, now, BINS);
        dg_sum_int64(c, sum, SUMS);
        const double n_train = fmax((double)d->n_train, 1);
        const int64_t n_users = d->users.begin[d->users.n], n_items = d->items.begin[d->items.n];
        *out = (dg_drift){.psi = index_of(then, now),
                          .known_users = (double)sum[OF_KNOWN_USERS] / n_train,
                          .known_items = (double)sum[OF_KNOWN_ITEMS] / n_train,
                          .known_goods = 1 - (double)sum[NEW_ITEMS] / fmax((double)n_items, 1),
                          .new_users = sum[NEW_USERS],
                          .new_items = sum[NEW_ITEMS],
                          .gone_users = a->n_users - (n_users - sum[NEW_USERS]),
                          .gone_items = a->n_items - (n_items - sum[NEW_ITEMS])};
    }
    dg_free(bin);
    return st;
}

/* Sums over one shard: pairs, old scores, their squares, new scores. */
static dg_status add_shard(const dg_csr *targets, dg_range rows, const dg_scorer *before,
                           const dg_scorer *now, double leaf[4], dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t u = rows.begin; u < rows.end && st == DG_OK; u++) {
        const dg_row row = dg_csr_row(targets, u);
        if (row.n == 0) continue;
        st = before->load(before->self, &u, 1, err);
        if (st == DG_OK) st = now->load(now->self, &u, 1, err);
        for (int64_t t = 0; t < row.n && st == DG_OK; t++) {
            if (!dg_stored_knows(before, 0, row.index[t])) continue;
            const double x = (double)before->score_one(before->self, 0, row.index[t]);
            const double y = (double)now->score_one(now->self, 0, row.index[t]);
            if (!isfinite(x) || !isfinite(y))
                st = DG_FAIL(err, DG_ERR_NUMERIC,
                             "user row %lld: the score of item %d is not finite", (long long)u,
                             (int)row.index[t]);
            if (st != DG_OK) break;
            leaf[0] += 1;
            leaf[1] += x;
            leaf[2] += x * x;
            leaf[3] += y;
        }
    }
    return st;
}

dg_status dg_drift_scores(const dg_comm *c, const dg_dataset *d, const dg_csr *targets,
                          const dg_scorer *before, const dg_scorer *now, double *shift, dg_err *err)
{
    dg_tree *tree = NULL;
    double sum[4];
    dg_status st = dg_tree_create(c, d->users.n, 4, &tree, err);
    const dg_run run = dg_shards_run(d->users.n, c->rank, c->size);
    for (int s = run.begin; s < run.end && st == DG_OK; s++) {
        st = add_shard(targets, (dg_range){d->users.begin[s], d->users.begin[s + 1]}, before, now,
                       dg_tree_leaf(tree), err);
        dg_tree_push(tree);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        dg_tree_sum(tree, sum);
        const double n = fmax(sum[0], 1), mean = sum[1] / n;
        const double spread = sqrt(fmax(sum[2] / n - mean * mean, 0));
        *shift = spread > 0 ? (sum[3] / n - mean) / spread : 0;
    }
    dg_tree_destroy(&tree);
    return st;
}
