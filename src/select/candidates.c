#include "select/candidates.h"

#include "base/memory.h"
#include "select/bits.h"

#include <stdlib.h>
#include <string.h>

static dg_status no_memory(dg_err *err)
{
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a list");
}

dg_status dg_candidates_open(dg_candidates *c, const dg_goods *goods, int k, dg_err *err)
{
    *c = (dg_candidates){.goods = goods, .n_items = dg_goods_from(goods)->n_items};
    c->words = dg_bits_words(c->n_items);
    c->most = 4 * k < 100 ? 100 : 4 * k;
    const size_t most = (size_t)c->most;
    c->left = dg_alloc(c->words, sizeof *c->left);
    c->part = dg_alloc(c->words, sizeof *c->part);
    c->head = dg_alloc(most, sizeof *c->head);
    c->merged = dg_alloc(2 * most, sizeof *c->merged);
    c->near = dg_alloc(most, sizeof *c->near);
    c->hit = dg_alloc(most, sizeof *c->hit);
    const bool good = c->left != NULL && c->part != NULL && c->head != NULL && c->merged != NULL &&
                      c->near != NULL && c->hit != NULL;
    return good ? DG_OK : no_memory(err);
}

void dg_candidates_close(dg_candidates *c)
{
    dg_free(c->left);
    dg_free(c->part);
    dg_free(c->head);
    dg_free(c->merged);
    dg_free(c->near);
    dg_free(c->hit);
    for (int k = 0; k < c->n_groups; k++) dg_free(c->group[k].goods);
    for (int k = 0; k < c->n_caps; k++) dg_free(c->cap[k].count);
}

static dg_status add_group(dg_candidates *c, double factor, double term, dg_err *err)
{
    if (c->n_groups == DG_RULE_GROUPS)
        return DG_FAIL(err, DG_ERR_CONFIG, "boosts cut the goods into more than %d groups",
                       DG_RULE_GROUPS);
    dg_boost_group *g = &c->group[c->n_groups];
    *g = (dg_boost_group){dg_alloc(c->words, sizeof *g->goods), factor, term};
    if (g->goods == NULL) return no_memory(err);
    c->n_groups++;
    return DG_OK;
}

dg_status dg_candidates_boost(dg_candidates *c, const uint64_t *goods, double factor, double term,
                              dg_err *err)
{
    dg_status st = DG_OK;
    if (c->n_groups == 0) {
        st = add_group(c, 1, 0, err);
        if (st == DG_OK) dg_bits_all(c->group[0].goods, c->n_items);
    }
    for (int k = c->n_groups - 1; k >= 0 && st == DG_OK; k--) {
        dg_boost_group *g = &c->group[k];
        memcpy(c->part, g->goods, c->words * sizeof *c->part);
        dg_bits_and(c->part, goods, c->n_items);
        if (!dg_bits_any(c->part, c->n_items)) continue;
        dg_bits_without(g->goods, goods, c->n_items);
        if (dg_bits_any(g->goods, c->n_items)) {
            st = add_group(c, g->factor * factor, g->term + term, err);
            if (st == DG_OK)
                memcpy(c->group[c->n_groups - 1].goods, c->part, c->words * sizeof *c->part);
        } else { /* all of the group */
            memcpy(g->goods, c->part, c->words * sizeof *c->part);
            g->factor *= factor;
            g->term += term;
        }
    }
    return st;
}

dg_status dg_candidates_cap(dg_candidates *c, int32_t attribute, const uint64_t *goods, int64_t n,
                            dg_err *err)
{
    dg_running_cap *cap = &c->cap[c->n_caps];
    *cap = (dg_running_cap){.attribute = attribute, .goods = goods, .n = n};
    if (attribute >= 0) {
        const dg_attribute *a = &dg_goods_from(c->goods)->items->at[attribute];
        cap->count = dg_alloc((size_t)a->n_values, sizeof *cap->count);
        if (cap->count == NULL) return no_memory(err);
    }
    c->n_caps++;
    return DG_OK;
}

static float boosted(const dg_boost_group *g, float score)
{
    const double plain = (double)score;
    return (float)((plain > 0 ? plain * g->factor : plain / g->factor) + g->term);
}

/* Score, then the score before, then row: within a group always the order it was ranked in. */
static int by_place(const void *a, const void *b)
{
    const dg_candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->plain != y->plain) return x->plain > y->plain ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

dg_status dg_candidates_best(dg_candidates *c, const dg_ladder_step *step, const uint64_t *goods,
                             int want, dg_candidate *out, int *n, dg_err *err)
{
    int found = 0;
    dg_status st = DG_OK;
    *n = 0;
    if (c->n_groups == 0) {
        st = step->best(step->from, goods, want, c->hit, n, err);
        for (int k = 0; k < *n && st == DG_OK; k++)
            out[k] = (dg_candidate){c->hit[k].score, c->hit[k].score, c->hit[k].index};
        return st;
    }
    for (int g = 0; g < c->n_groups && st == DG_OK; g++) {
        memcpy(c->part, c->group[g].goods, c->words * sizeof *c->part);
        dg_bits_and(c->part, goods, c->n_items);
        if (!dg_bits_any(c->part, c->n_items)) continue;
        st = step->best(step->from, c->part, want, c->hit, n, err);
        for (int k = 0; k < *n && st == DG_OK; k++)
            c->merged[found++] = (dg_candidate){boosted(&c->group[g], c->hit[k].score),
                                                c->hit[k].score, c->hit[k].index};
        qsort(c->merged, (size_t)found, sizeof *c->merged, by_place);
        if (found > want) found = want;
    }
    if (st == DG_OK) memcpy(out, c->merged, (size_t)found * sizeof *out);
    *n = found;
    return st;
}

bool dg_candidates_room(const dg_candidates *c, int32_t item)
{
    for (int k = 0; k < c->n_caps; k++) {
        const dg_running_cap *cap = &c->cap[k];
        if (cap->attribute < 0) {
            if (cap->used >= cap->n && dg_bits_has(cap->goods, item)) return false;
            continue;
        }
        const dg_attribute *a = &dg_goods_from(c->goods)->items->at[cap->attribute];
        for (int64_t p = a->ptr[item]; p < a->ptr[item + 1]; p++)
            if (cap->count[a->code[p]] >= cap->n) return false;
    }
    return true;
}

void dg_candidates_count(dg_candidates *c, int32_t item)
{
    for (int k = 0; k < c->n_caps; k++) {
        dg_running_cap *cap = &c->cap[k];
        if (cap->attribute < 0) {
            if (dg_bits_has(cap->goods, item) && ++cap->used == cap->n)
                dg_bits_without(c->left, cap->goods, c->n_items);
            continue;
        }
        const dg_attribute *a = &dg_goods_from(c->goods)->items->at[cap->attribute];
        for (int64_t p = a->ptr[item]; p < a->ptr[item + 1]; p++) {
            if (++cap->count[a->code[p]] != cap->n) continue;
            dg_goods_with(c->goods, cap->attribute, &a->code[p], 1, c->part);
            dg_bits_without(c->left, c->part, c->n_items);
        }
    }
}
