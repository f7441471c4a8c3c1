#include "generate/portions.h"

#include "base/memory.h"
#include "generate/sheet.h"

#include <math.h>

enum { STEPS_MAX = 100 };

static int64_t portion_at(const dg_portions *p, double scale, double weight)
{
    const double more = floor(scale * weight);
    return more < (double)(p->most - p->least) ? p->least + (int64_t)more : p->most;
}

static int64_t unit_end(const dg_portions *p, int64_t unit)
{
    const int64_t end = (unit + 1) * DG_SHEET_UNIT;
    return end < p->n_rows ? end : p->n_rows;
}

static int64_t sum_of_unit(const dg_portions *p, double scale, int64_t unit)
{
    int64_t sum = 0;
    for (int64_t row = unit * DG_SHEET_UNIT; row < unit_end(p, unit); row++)
        sum += portion_at(p, scale, p->weight(p->from, row));
    return sum;
}

/* Integers: the same sum on any number of ranks. COLLECTIVE. */
static int64_t sum_at(const dg_comm *c, const dg_portions *p, double scale)
{
    int64_t sum = 0;
    for (int64_t unit = c->rank; unit < p->n_units; unit += c->size)
        sum += sum_of_unit(p, scale, unit);
    dg_sum_int64(c, &sum, 1);
    return sum;
}

/* Close in on the scale: by interpolation, the sum being nearly linear in it, and every third step
 * by halving, lest one end stays where it is. COLLECTIVE. */
static void find_scale(const dg_comm *c, int64_t total, dg_portions *p)
{
    int64_t at_low = p->least * p->n_rows, at_high;
    p->low = 0;
    p->high = (double)total / (double)p->n_rows;
    while ((at_high = sum_at(c, p, p->high)) < total) p->high *= 2;
    for (int step = 1; step < STEPS_MAX && at_low < total; step++) {
        const double share =
            step % 3 == 0 ? 0.5 : (double)(total - at_low) / (double)(at_high - at_low);
        const double scale = p->low + (p->high - p->low) * share;
        if (!(scale > p->low && scale < p->high)) break;
        const int64_t at = sum_at(c, p, scale);
        if (at <= total) {
            p->low = scale;
            at_low = at;
        } else {
            p->high = scale;
            at_high = at;
        }
    }
    p->over = total - at_low;
}

/* Unit totals at both scales, made by all ranks and known to all. COLLECTIVE. */
static void sum_units(const dg_comm *c, dg_portions *p)
{
    const int step = 1 << 20;
    for (int64_t unit = c->rank; unit < p->n_units; unit += c->size) {
        p->rows[unit] = sum_of_unit(p, p->low, unit);
        p->raisable[unit] = sum_of_unit(p, p->high, unit) - p->rows[unit];
    }
    for (int64_t at = 0; at < p->n_units; at += step) {
        const int n = p->n_units - at < step ? (int)(p->n_units - at) : step;
        dg_sum_int64(c, p->rows + at, n);
        dg_sum_int64(c, p->raisable + at, n);
    }
}

/* How much of `raise`, after `before` of it elsewhere, the left-over still pays for. */
static int64_t raise_by(const dg_portions *p, int64_t before, int64_t raise)
{
    const int64_t left = p->over - before;
    return left <= 0 ? 0 : left < raise ? left : raise;
}

static void deal_left_over(dg_portions *p)
{
    int64_t before = 0;
    for (int64_t unit = 0; unit < p->n_units; unit++) {
        const int64_t raise = p->raisable[unit];
        p->rows[unit] += raise_by(p, before, raise);
        p->raisable[unit] = before;
        before += raise;
    }
}

static dg_status prepare_units(int64_t total, dg_portions *p, dg_err *err)
{
    p->n_units = dg_sheet_units(p->n_rows);
    if (total < p->least * p->n_rows || (double)total > (double)p->most * (double)p->n_rows)
        return DG_FAIL(err, DG_ERR_RANGE, "%lld cannot be dealt to %lld rows, %lld to %lld each",
                       (long long)total, (long long)p->n_rows, (long long)p->least,
                       (long long)p->most);
    p->rows = dg_alloc((size_t)p->n_units, sizeof *p->rows);
    p->raisable = dg_alloc((size_t)p->n_units, sizeof *p->raisable);
    if (p->rows == NULL || p->raisable == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld portions", (long long)p->n_rows);
    return DG_OK;
}

dg_status dg_portions_find(const dg_comm *c, int64_t total, dg_portions *p, dg_err *err)
{
    const dg_status st = dg_agree(c, prepare_units(total, p, err), err);
    if (st != DG_OK) {
        dg_portions_free(p);
        return st;
    }
    find_scale(c, total, p);
    sum_units(c, p);
    deal_left_over(p);
    return DG_OK;
}

int dg_portions_unit(const dg_portions *p, int64_t unit, int64_t *out)
{
    const int64_t begin = unit * DG_SHEET_UNIT, end = unit_end(p, unit);
    int64_t before = p->raisable[unit];
    for (int64_t row = begin; row < end; row++) {
        const double weight = p->weight(p->from, row);
        const int64_t low = portion_at(p, p->low, weight);
        const int64_t raise = portion_at(p, p->high, weight) - low;
        out[row - begin] = low + raise_by(p, before, raise);
        before += raise;
    }
    return (int)(end - begin);
}

void dg_portions_free(dg_portions *p)
{
    dg_free(p->rows);
    dg_free(p->raisable);
    p->rows = p->raisable = NULL;
}
