#include "base/memory.h"
#include "select/bits.h"
#include "select/condition.h"

#include <math.h>
#include <string.h>

typedef struct dg_row_of { /* an attribute of whom is asked */
    const dg_attribute *at;
    int64_t row; /* -1: nobody */
} dg_row_of;

static dg_row_of asked_of(const dg_goods_source *from, dg_condition_of of, int32_t attribute,
                          dg_asked asked)
{
    const bool user = of == DG_OF_USER;
    return (dg_row_of){&(user ? from->users : from->items)->at[attribute],
                       user ? asked.user : asked.item};
}

static double number_of(dg_row_of a) { return a.row < 0 ? NAN : a.at->number[a.row]; }

/* Its values; none where missing. */
static const int32_t *codes_of(dg_row_of a, int64_t *n)
{
    *n = a.row < 0 ? 0 : a.at->ptr[a.row + 1] - a.at->ptr[a.row];
    return a.row < 0 ? NULL : a.at->code + a.at->ptr[a.row];
}

static double bound_of(const dg_goods_source *from, const dg_bound *b, dg_asked asked)
{
    if (b->of == DG_OF_GOODS) return b->factor;
    return b->factor * number_of(asked_of(from, b->of, b->attribute, asked));
}

/* All goods that have one of the values of whom is asked, by their texts. */
static void apply_alike(const dg_condition_step *s, const dg_goods *goods, dg_asked asked,
                        uint64_t *out)
{
    enum { AT_ONCE = 64 };
    const dg_goods_source *from = dg_goods_from(goods);
    const dg_row_of other = asked_of(from, s->of, s->other, asked);
    const dg_attribute *mine = &from->items->at[s->attribute];
    int64_t n, kept = 0;
    int32_t same[AT_ONCE];
    const int32_t *code = codes_of(other, &n);
    if (other.at == mine) {
        dg_goods_with(goods, s->attribute, code, n, out);
        return;
    }
    for (int64_t k = 0; k < n && kept < AT_ONCE; k++) {
        size_t length;
        const char *text = dg_attribute_text(other.at, code[k], &length);
        const int32_t found = dg_attribute_code(mine, text, length);
        if (found >= 0) same[kept++] = found;
    }
    dg_goods_with(goods, s->attribute, same, kept, out);
}

static bool asked_passes(const dg_condition *c, const dg_condition_step *s,
                         const dg_goods_source *from, dg_asked asked)
{
    const dg_row_of who = asked_of(from, s->of, s->attribute, asked);
    int64_t n = 0;
    if (s->op == DG_OP_ASKED_BETWEEN || (s->op == DG_OP_ASKED_MISSING && who.at->number != NULL)) {
        const double x = number_of(who);
        if (s->op == DG_OP_ASKED_MISSING) return isnan(x);
        return (s->above_low ? x > s->low.factor : x >= s->low.factor) &&
               (s->below_high ? x < s->high.factor : x <= s->high.factor);
    }
    const int32_t *code = codes_of(who, &n);
    if (s->op == DG_OP_ASKED_MISSING) return n == 0;
    for (int64_t k = 0; k < n; k++)
        for (int32_t v = 0; v < s->n; v++)
            if (c->value[s->first + v] == code[k]) return true;
    return false;
}

static void apply_test(const dg_condition *c, const dg_condition_step *s, const dg_goods *goods,
                       dg_asked asked, uint64_t *out)
{
    const dg_goods_source *from = dg_goods_from(goods);
    const int64_t n = from->n_items;
    switch (s->op) {
    case DG_OP_BETWEEN:
        dg_goods_between(goods, s->attribute,
                         (dg_interval){bound_of(from, &s->low, asked),
                                       bound_of(from, &s->high, asked), s->above_low,
                                       s->below_high},
                         out);
        break;
    case DG_OP_WITH: dg_goods_with(goods, s->attribute, c->value + s->first, s->n, out); break;
    case DG_OP_ALIKE: apply_alike(s, goods, asked, out); break;
    case DG_OP_ITEMS:
        dg_bits_none(out, n);
        for (int32_t k = 0; k < s->n; k++) dg_bits_set(out, c->value[s->first + k]);
        break;
    case DG_OP_MISSING: dg_goods_missing(goods, s->attribute, out); break;
    default:
        if (asked_passes(c, s, from, asked))
            dg_bits_all(out, n);
        else
            dg_bits_none(out, n);
    }
}

dg_status dg_condition_apply(const dg_condition *c, const dg_goods *goods, dg_asked asked,
                             uint64_t *out, dg_err *err)
{
    const int64_t n = dg_goods_from(goods)->n_items;
    const size_t words = dg_bits_words(n);
    uint64_t *more = NULL, *set[DG_CONDITION_STACK] = {out};
    int32_t top = 0;
    if (c->depth > 1) more = dg_alloc((size_t)(c->depth - 1) * words, sizeof *more);
    if (c->depth > 1 && more == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a condition");
    for (int32_t k = 1; k < c->depth; k++) set[k] = more + (size_t)(k - 1) * words;
    for (int32_t k = 0; k < c->n_steps; k++) {
        const dg_condition_step *s = &c->step[k];
        if (s->op == DG_OP_NOT) {
            dg_bits_not(set[top - 1], n);
        } else if (s->op == DG_OP_AND || s->op == DG_OP_OR) {
            top--;
            (s->op == DG_OP_AND ? dg_bits_and : dg_bits_or)(set[top - 1], set[top], n);
        } else {
            apply_test(c, s, goods, asked, set[top++]);
        }
    }
    dg_free(more);
    return DG_OK;
}

bool dg_condition_holds(const dg_condition *c, const dg_goods *goods, dg_asked asked)
{
    const dg_goods_source *from = dg_goods_from(goods);
    bool held[DG_CONDITION_STACK] = {false};
    int32_t top = 0;
    for (int32_t k = 0; k < c->n_steps; k++) {
        const dg_condition_step *s = &c->step[k];
        if (s->op == DG_OP_NOT) {
            held[top - 1] = !held[top - 1];
        } else if (s->op == DG_OP_AND || s->op == DG_OP_OR) {
            top--;
            held[top - 1] =
                s->op == DG_OP_AND ? held[top - 1] && held[top] : held[top - 1] || held[top];
        } else {
            held[top++] = asked_passes(c, s, from, asked);
        }
    }
    return held[0];
}
