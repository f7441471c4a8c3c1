#include "select/choose.h"

#include "base/memory.h"
#include "select/bits.h"
#include "select/candidates.h"

#include <string.h>

typedef struct dg_choosing {
    const dg_wish *w;
    dg_chosen *out;
    const dg_rule *rule;
    int n_rules;
    uint64_t holding[DG_RULES_WORDS];
    dg_candidates c;   /* allowed goods not yet looked at, and how they are ranked */
    uint64_t *strict;  /* allowed where rules have relaxed */
    uint64_t *scratch; /* (words,) */
    uint64_t **asked;  /* (n_rules,) goods of rules whose condition asks somebody */
    int pin_place[DG_RULES_MAX], n_pins;
    dg_chosen_item *pin;    /* (k,) by place */
    dg_chosen_item *chosen; /* (k,) the others */
    int n_chosen;
    dg_err *err;
} dg_choosing;

static bool holds(const dg_choosing *x, int rule) { return dg_bits_has(x->holding, rule); }

/* The goods a rule is about. */
static const uint64_t *goods_of(const dg_choosing *x, int rule)
{
    return x->rule[rule].goods != NULL ? x->rule[rule].goods : x->asked[rule];
}

static dg_status no_memory(const dg_choosing *x)
{
    return DG_FAIL(x->err, DG_ERR_NOMEM, "out of memory for a list");
}

static dg_status ask(dg_choosing *x)
{
    dg_status st = DG_OK;
    for (int k = 0; k < x->n_rules && st == DG_OK; k++) {
        if (!holds(x, k) || x->rule[k].goods != NULL || x->rule[k].where == NULL) continue;
        x->asked[k] = dg_alloc(x->c.words, sizeof **x->asked);
        if (x->asked[k] == NULL) return no_memory(x);
        st = dg_condition_apply(x->rule[k].where, x->w->goods, x->w->occasion.asked, x->asked[k],
                                x->err);
    }
    return st;
}

static void keep_or_block(const dg_choosing *x, bool relaxable, uint64_t *to)
{
    for (int k = 0; k < x->n_rules; k++) {
        if (!holds(x, k) || x->rule[k].relax != relaxable) continue;
        if (x->rule[k].action == DG_RULE_KEEP)
            dg_bits_and(to, goods_of(x, k), x->c.n_items);
        else if (x->rule[k].action == DG_RULE_BLOCK)
            dg_bits_without(to, goods_of(x, k), x->c.n_items);
    }
}

static dg_status allow(dg_choosing *x)
{
    const dg_wish *w = x->w;
    const int64_t n = x->c.n_items;
    dg_status st = DG_OK;
    if (w->filter != NULL)
        st = dg_condition_apply(w->filter, w->goods, w->occasion.asked, x->strict, x->err);
    else
        dg_bits_all(x->strict, n);
    if (st != DG_OK) return st;
    if (w->only != NULL) dg_bits_and(x->strict, w->only, n);
    for (int64_t k = 0; k < w->exclude.n; k++) dg_bits_clear(x->strict, w->exclude.item[k]);
    keep_or_block(x, false, x->strict);
    return DG_OK;
}

/* What is left when the soft rules hold or not, and with what was seen or without. */
static bool try_allowed(dg_choosing *x, bool relaxed, bool with_seen)
{
    memcpy(x->c.left, x->strict, x->c.words * sizeof *x->c.left);
    if (!relaxed) keep_or_block(x, true, x->c.left);
    for (int64_t k = 0; k < x->w->seen.n && !with_seen; k++)
        dg_bits_clear(x->c.left, x->w->seen.item[k]);
    x->out->relaxed = relaxed;
    x->out->with_seen = with_seen;
    return dg_bits_any(x->c.left, x->c.n_items);
}

static bool find_allowed(dg_choosing *x)
{
    return try_allowed(x, false, false) || try_allowed(x, true, false) ||
           try_allowed(x, false, true) || try_allowed(x, true, true);
}

static dg_status set_boosts(dg_choosing *x)
{
    dg_status st = DG_OK;
    for (int k = 0; k < x->n_rules && st == DG_OK; k++) {
        const dg_rule *r = &x->rule[k];
        if (!holds(x, k) || (r->action != DG_RULE_BOOST && r->action != DG_RULE_ADD)) continue;
        st = dg_candidates_boost(&x->c, goods_of(x, k), r->action == DG_RULE_BOOST ? r->amount : 1,
                                 r->action == DG_RULE_ADD ? r->amount : 0, x->err);
    }
    return st;
}

static dg_status set_caps(dg_choosing *x)
{
    dg_status st = DG_OK;
    for (int k = 0; k < x->w->n_caps && st == DG_OK; k++)
        st = dg_candidates_cap(&x->c, x->w->cap[k].attribute, NULL, x->w->cap[k].n, x->err);
    for (int k = 0; k < x->n_rules && st == DG_OK; k++)
        if (holds(x, k) && x->rule[k].action == DG_RULE_AT_MOST)
            st = dg_candidates_cap(&x->c, x->rule[k].of, goods_of(x, k), x->rule[k].n, x->err);
    return st;
}

static void note(dg_choosing *x, dg_chosen_item *to, dg_candidate c, int step)
{
    *to = (dg_chosen_item){.item = c.item, .score = c.score, .step = step};
    dg_bits_clear(x->c.left, c.item);
    dg_candidates_count(&x->c, c.item);
    for (int k = 0; k < x->n_rules; k++)
        if (holds(x, k) &&
            (x->rule[k].action == DG_RULE_BOOST || x->rule[k].action == DG_RULE_ADD) &&
            dg_bits_has(goods_of(x, k), c.item))
            dg_bits_set(to->rules, k);
}

/* The best of `goods`, by the first step that has one. */
static dg_status best_of(dg_choosing *x, const uint64_t *goods, int want, dg_candidate *to, int *n,
                         int *step)
{
    dg_status st = DG_OK;
    *n = 0;
    for (*step = 0; *step < x->w->n_steps; ++*step) {
        st = dg_candidates_best(&x->c, &x->w->step[*step], goods, want, to, n, x->err);
        if (st != DG_OK || *n > 0) return st;
    }
    return st;
}

static dg_status place_pin(dg_choosing *x, int rule, int place)
{
    const dg_rule *r = &x->rule[rule];
    dg_candidate c;
    int n, step;
    memcpy(x->scratch, x->c.left, x->c.words * sizeof *x->scratch);
    if (r->item >= 0) {
        dg_bits_none(x->scratch, x->c.n_items);
        if (dg_bits_has(x->c.left, r->item)) dg_bits_set(x->scratch, r->item);
    } else {
        dg_bits_and(x->scratch, goods_of(x, rule), x->c.n_items);
    }
    if (!dg_bits_any(x->scratch, x->c.n_items)) return DG_OK;
    const dg_status st = best_of(x, x->scratch, 1, &c, &n, &step);
    if (st != DG_OK || n == 0) return st;
    x->pin_place[x->n_pins] = place;
    note(x, &x->pin[x->n_pins], c, step);
    dg_bits_set(x->pin[x->n_pins++].rules, rule);
    return DG_OK;
}

/* By place; of several for one place the first that has a good. */
static dg_status place_pins(dg_choosing *x)
{
    for (int place = 1; place <= x->w->k; place++) {
        const int before = x->n_pins;
        for (int k = 0; k < x->n_rules && x->n_pins == before; k++) {
            if (!holds(x, k) || x->rule[k].action != DG_RULE_PIN || x->rule[k].place != place)
                continue;
            const dg_status st = place_pin(x, k, place);
            if (st != DG_OK) return st;
        }
    }
    return DG_OK;
}

static double likeness(const dg_choosing *x, int32_t a, int32_t b)
{
    const dg_wish *w = x->w;
    if (w->alike != NULL) return w->alike(w->alike_from, a, b);
    return dg_alike_by(&dg_goods_from(w->goods)->items->at[w->alike_by], a, b);
}

double dg_alike_by(const dg_attribute *a, int32_t x, int32_t y)
{
    int64_t p = a->ptr[x], q = a->ptr[y], shared = 0;
    const int64_t all = a->ptr[x + 1] - p + a->ptr[y + 1] - q;
    while (p < a->ptr[x + 1] && q < a->ptr[y + 1]) {
        const int32_t u = a->code[p], v = a->code[q];
        shared += u == v;
        p += u <= v;
        q += v <= u;
    }
    return all == shared ? 0 : (double)shared / (double)(all - shared);
}

/* Candidates as MMR would take them; near (n,) is scratch. Best first in, best first out. */
static void diversify(const dg_choosing *x, dg_candidate *c, int n, double *near)
{
    const double d = x->w->diversity, least = (double)c[n - 1].score;
    const double range = (double)c[0].score - least;
    for (int k = 0; k < n; k++) {
        near[k] = 0;
        for (int p = 0; p < x->n_pins + x->n_chosen; p++) {
            const int32_t other = p < x->n_pins ? x->pin[p].item : x->chosen[p - x->n_pins].item;
            const double like = likeness(x, c[k].item, other);
            if (like > near[k]) near[k] = like;
        }
    }
    for (int place = 0; place < n; place++) {
        int best = place;
        double most = -2;
        for (int k = place; k < n; k++) {
            const double relevance = range > 0 ? ((double)c[k].score - least) / range : 1;
            const double gain = (1 - d) * relevance - d * near[k];
            if (gain > most) {
                most = gain;
                best = k;
            }
        }
        const dg_candidate taken = c[best];
        memmove(c + place + 1, c + place, (size_t)(best - place) * sizeof *c);
        memmove(near + place + 1, near + place, (size_t)(best - place) * sizeof *near);
        c[place] = taken;
        for (int k = place + 1; k < n; k++) {
            const double like = likeness(x, c[k].item, taken.item);
            if (like > near[k]) near[k] = like;
        }
    }
}

/* Goods of one step until the list is full or the step has no more. */
static dg_status fill(dg_choosing *x, int step, int most)
{
    const dg_wish *w = x->w;
    const int longer = 4 * w->k < 100 ? 100 : 4 * w->k;
    while (x->n_chosen < most) {
        const int missing = most - x->n_chosen;
        const bool diverse = w->diversity > 0 && step == 0;
        const int want = diverse ? longer : x->c.n_caps > 0 ? 2 * missing + 16 : missing;
        int n;
        dg_status st =
            dg_candidates_best(&x->c, &w->step[step], x->c.left, want, x->c.head, &n, x->err);
        if (st != DG_OK || n == 0) return st;
        if (diverse) diversify(x, x->c.head, n, x->c.near);
        for (int k = 0; k < n && x->n_chosen < most; k++) {
            const bool room = dg_candidates_room(&x->c, x->c.head[k].item);
            dg_bits_clear(x->c.left, x->c.head[k].item);
            if (room) note(x, &x->chosen[x->n_chosen++], x->c.head[k], step);
        }
        if (n < want) return DG_OK;
    }
    return DG_OK;
}

static bool is_needed(const dg_choosing *x, int32_t item)
{
    for (int k = 0; k < x->n_rules; k++)
        if (holds(x, k) && x->rule[k].action == DG_RULE_AT_LEAST &&
            dg_bits_has(goods_of(x, k), item))
            return true;
    return false;
}

/* A good that at_least asks for, in place of the last that none asks for. */
static dg_status fetch(dg_choosing *x, int rule, bool *fetched)
{
    dg_candidate c;
    int n, step, at = x->n_chosen;
    *fetched = false;
    if (x->n_chosen + x->n_pins == x->w->k) {
        for (at = x->n_chosen - 1; at >= 0 && is_needed(x, x->chosen[at].item);) at--;
        if (at < 0) return DG_OK;
    }
    memcpy(x->scratch, x->c.left, x->c.words * sizeof *x->scratch);
    dg_bits_and(x->scratch, goods_of(x, rule), x->c.n_items);
    if (!dg_bits_any(x->scratch, x->c.n_items)) return DG_OK;
    const dg_status st = best_of(x, x->scratch, 1, &c, &n, &step);
    if (st != DG_OK || n == 0) return st;
    *fetched = true;
    if (!dg_candidates_room(&x->c, c.item)) { /* a cap is in the way of this one */
        dg_bits_clear(x->c.left, c.item);
        return DG_OK;
    }
    if (at == x->n_chosen) x->n_chosen++;
    note(x, &x->chosen[at], c, step);
    dg_bits_set(x->chosen[at].rules, rule);
    return DG_OK;
}

static int64_t count_in(const dg_choosing *x, const uint64_t *goods)
{
    int64_t n = 0;
    for (int k = 0; k < x->n_pins; k++) n += dg_bits_has(goods, x->pin[k].item);
    for (int k = 0; k < x->n_chosen; k++) n += dg_bits_has(goods, x->chosen[k].item);
    return n;
}

static dg_status fetch_all(dg_choosing *x)
{
    for (int k = 0; k < x->n_rules; k++) {
        if (!holds(x, k) || x->rule[k].action != DG_RULE_AT_LEAST) continue;
        for (bool more = true; more && count_in(x, goods_of(x, k)) < x->rule[k].n;) {
            const dg_status st = fetch(x, k, &more);
            if (st != DG_OK) return st;
        }
    }
    return DG_OK;
}

/* Pins at their places, the others around them. */
static void assemble(dg_choosing *x)
{
    int pin = 0, other = 0;
    x->out->n = 0;
    while (pin < x->n_pins || other < x->n_chosen) {
        const bool due = pin < x->n_pins && x->pin_place[pin] <= x->out->n + 1;
        x->out->at[x->out->n++] = due || other == x->n_chosen ? x->pin[pin++] : x->chosen[other++];
    }
}

static dg_status choose(dg_choosing *x)
{
    dg_status st = ask(x);
    if (st == DG_OK) st = allow(x);
    if (st != DG_OK) return st;
    if (!find_allowed(x)) {
        x->out->relaxed = x->out->with_seen = false;
        return DG_OK;
    }
    st = set_boosts(x);
    if (st == DG_OK) st = set_caps(x);
    if (st == DG_OK) st = place_pins(x);
    for (int step = 0; step < x->w->n_steps && st == DG_OK; step++)
        st = fill(x, step, x->w->k - x->n_pins);
    if (st == DG_OK) st = fetch_all(x);
    if (st == DG_OK) assemble(x);
    return st;
}

static dg_status open_choosing(dg_choosing *x)
{
    const size_t k = (size_t)x->w->k;
    const dg_status st = dg_candidates_open(&x->c, x->w->goods, x->w->k, x->err);
    if (st != DG_OK) return st;
    x->strict = dg_alloc(x->c.words, sizeof *x->strict);
    x->scratch = dg_alloc(x->c.words, sizeof *x->scratch);
    x->asked = dg_alloc((size_t)x->n_rules, sizeof *x->asked);
    x->pin = dg_alloc(k, sizeof *x->pin);
    x->chosen = dg_alloc(k, sizeof *x->chosen);
    if (x->strict == NULL || x->scratch == NULL || x->asked == NULL || x->pin == NULL ||
        x->chosen == NULL)
        return no_memory(x);
    return DG_OK;
}

dg_status dg_choose(const dg_wish *w, dg_chosen *out, dg_err *err)
{
    dg_choosing x = {.w = w, .out = out, .err = err};
    out->n = 0;
    out->relaxed = out->with_seen = false;
    x.rule = dg_rules_at(w->rules, &x.n_rules);
    dg_rules_holding(w->rules, &w->occasion, x.holding);
    dg_status st = open_choosing(&x);
    if (st == DG_OK) st = choose(&x);
    for (int k = 0; k < x.n_rules && x.asked != NULL; k++) dg_free(x.asked[k]);
    dg_free(x.asked);
    dg_free(x.strict);
    dg_free(x.scratch);
    dg_free(x.pin);
    dg_free(x.chosen);
    dg_candidates_close(&x.c);
    return st;
}
