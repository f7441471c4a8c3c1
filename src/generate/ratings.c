#include "base/rng.h"
#include "generate/behaviour.h"
#include "generate/sheet.h"

#include <math.h>

enum { ROW_MAX = 4 * DG_LINES_NUMBER, HALVES_MIN = 1, HALVES_MAX = 10, PAUSE = 90 };

/* Draw order favours what is liked and popular; the order in time must not. */
static void shuffle(dg_picked *at, int64_t n, dg_rng *r)
{
    for (int64_t k = n - 1; k > 0; k--) {
        const int64_t other = dg_rng_below(r, (uint32_t)k + 1);
        const dg_picked swap = at[k];
        at[k] = at[other];
        at[other] = swap;
    }
}

static double clip(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

static int64_t fixed_square(double v) { return llrint(v * v * DG_FIXED); }

/* A rating in half stars, and what it tells about the best any model can do. */
static int rate(dg_behaviour *b, const dg_shopper *u, dg_picked pick, dg_rng *r)
{
    const double planted = dg_shop_stars(b->shop, u, pick.item, (double)pick.z);
    const double felt = planted + b->shop->options->noise * dg_rng_normal(r);
    const int halves = (int)lrint(clip(2 * felt, HALVES_MIN, HALVES_MAX));
    const double stars = halves / 2.0;
    b->sums.rows++;
    b->sums.stars_halved += halves;
    b->sums.squares += fixed_square(stars - planted);
    b->sums.squares_clipped +=
        fixed_square(stars - clip(planted, HALVES_MIN / 2.0, HALVES_MAX / 2.0));
    return halves;
}

/* Sittings of about ten ratings, a little apart each, spread over what is left of the log. */
static int64_t later(int64_t time, int64_t end, int64_t left, dg_rng *r)
{
    int64_t gap = 1 + dg_rng_below(r, PAUSE);
    if (dg_rng_below(r, 10) == 0)
        gap += (int64_t)(20.0 * dg_rng_uniform(r) * (double)(end - time) / (double)(left + 20));
    return time + gap < end ? time + gap : end;
}

static void add_user(dg_behaviour *b, int64_t user, int64_t n, dg_lines *out)
{
    const dg_generate_options *o = b->shop->options;
    dg_rng r = dg_rng_at((uint64_t)o->seed, DG_RNG_GENERATE_RATING, (uint64_t)user);
    const dg_shopper u = dg_shop_shopper(b->shop, user, b->taste);
    dg_picker_reset(&b->picker);
    dg_picker_draw(&b->picker, b->taste, &r, n);
    shuffle(b->picker.picked, n, &r);
    const int64_t span = o->days * 86400, end = DG_START_TIME + span - 1;
    int64_t time = DG_START_TIME + (int64_t)(dg_rng_uniform(&r) * (double)span * 0.9);
    for (int64_t k = 0; k < n; k++) {
        const dg_picked pick = b->picker.picked[k];
        const int halves = rate(b, &u, pick, &r);
        time = later(time, end, n - k, &r);
        dg_lines_number(out, user + 1, ',');
        dg_lines_number(out, (int64_t)pick.item + 1, ',');
        dg_lines_char(out, (char)('0' + halves / 2));
        dg_lines_bytes(out, halves % 2 == 0 ? ".0," : ".5,", 3);
        dg_lines_number(out, time, '\n');
    }
}

dg_status dg_make_ratings(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    dg_behaviour *b = from;
    int64_t counts[DG_SHEET_UNIT];
    const int n = dg_portions_unit(&b->portions, unit, counts);
    const dg_status st = dg_lines_room(out, (size_t)b->portions.rows[unit] * ROW_MAX, err);
    for (int k = 0; k < n && st == DG_OK; k++)
        add_user(b, unit * DG_SHEET_UNIT + k, counts[k], out);
    return st;
}
