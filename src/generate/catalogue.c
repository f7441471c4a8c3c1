#include "generate/catalogue.h"

#include "base/memory.h"
#include "base/text.h"
#include "generate/sheet.h"
#include "generate/words.h"

#include <math.h>
#include <stdio.h>

/* Second streams of the rows that shop.c draws tastes for. */
#define TEXT_ROW (UINT64_C(1) << 61)

enum { ROW_MAX = 256, TRIES_PER_FRIEND = 64, FRIENDS_MAX = 256 };

static dg_rng text_stream(const dg_shop *s, dg_rng_purpose purpose, int64_t row)
{
    return dg_rng_at((uint64_t)s->options->seed, purpose, TEXT_ROW + (uint64_t)row);
}

typedef struct span { /* half-open */
    int64_t begin, end;
} span;

static span rows_of(int64_t unit, int64_t n)
{
    const int64_t begin = unit * DG_SHEET_UNIT, end = begin + DG_SHEET_UNIT;
    return (span){begin, end < n ? end : n};
}

static const dg_word *any(const dg_word *words, uint32_t n, dg_rng *r)
{
    return &words[dg_rng_below(r, n)];
}

/* What a good is called is drawn once, and used in its title and its text. */
typedef struct naming {
    const dg_category *category;
    const dg_word *brand, *noun, *adjective, *colour, *use;
    char size[16]; /* "27\" ", or empty */
    int64_t item;
} naming;

static naming draw_naming(const dg_shop *s, int64_t item, dg_rng *r)
{
    const dg_good g = dg_shop_good(s, item);
    naming n = {.category = &dg_categories[g.category], .brand = &dg_brands[g.brand], .item = item};
    n.noun = any(n.category->noun, DG_N_NOUNS, r);
    n.adjective = any(dg_adjectives, DG_N_ADJECTIVES, r);
    n.colour = any(dg_colours, DG_N_COLOURS, r);
    n.use = any(n.category->use, DG_N_USES, r);
    if (n.category->sized) snprintf(n.size, sizeof n.size, "%u\" ", 6 + dg_rng_below(r, 60));
    return n;
}

static void add_title(dg_text *t, const naming *n)
{
    dg_text_add(t, "%s %s%s%s %s | ", n->brand->zh, n->size, n->adjective->zh, n->noun->zh,
                n->colour->zh);
    dg_text_add(t, "%s %s%s %s, %s, no. %lld", n->brand->en, n->size, n->adjective->en, n->noun->en,
                n->colour->en, (long long)n->item + 1);
}

static void add_description(dg_text *t, const naming *n)
{
    dg_text_add(t, "%s%s,来自%s,适合%s。", n->adjective->zh, n->noun->zh, n->brand->zh, n->use->zh);
    dg_text_add(t, " %s by %s: %s, in %s, \"made for %s\".", n->noun->en, n->brand->en,
                n->adjective->en, n->colour->en, n->use->en);
}

static int64_t draw_cents(const naming *n, dg_rng *r)
{
    return 100 + llrint(100 * n->category->yuan * exp(0.6 * dg_rng_normal(r)));
}

static void add_price(dg_lines *out, int64_t cents)
{
    dg_lines_number(out, cents / 100, '.');
    dg_lines_char(out, (char)('0' + cents % 100 / 10));
    dg_lines_number(out, cents % 10, ',');
}

static dg_status add_good(const dg_shop *s, int64_t item, dg_lines *out, dg_err *err)
{
    dg_rng r = text_stream(s, DG_RNG_GENERATE_ITEM, item);
    const naming n = draw_naming(s, item, &r);
    dg_text title = {0}, text = {0};
    add_title(&title, &n);
    add_description(&text, &n);
    dg_status st = DG_OK;
    if (title.failed || text.failed) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a title");
    if (st == DG_OK) st = dg_lines_room(out, 2 * (title.n + text.n) + ROW_MAX, err);
    if (st == DG_OK) {
        dg_lines_number(out, item + 1, ',');
        dg_lines_quoted(out, title.at, title.n, ',');
        dg_lines_text(out, n.category->name);
        dg_lines_char(out, ',');
        dg_lines_text(out, n.brand->en);
        dg_lines_char(out, ',');
        add_price(out, draw_cents(&n, &r));
        dg_lines_quoted(out, text.at, text.n, '\n');
    }
    dg_text_free(&title);
    dg_text_free(&text);
    return st;
}

dg_status dg_make_goods(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    const dg_shop *s = from;
    const span rows = rows_of(unit, s->options->items);
    dg_status st = DG_OK;
    for (int64_t item = rows.begin; item < rows.end && st == DG_OK; item++)
        st = add_good(s, item, out, err);
    return st;
}

static float *taste_room(const dg_shop *s, int n, dg_err *err)
{
    float *at = dg_alloc((size_t)n * (size_t)s->n_factors, sizeof *at);
    if (at == NULL) dg_err_set(err, DG_ERR_NOMEM, __FILE__, __LINE__, "out of memory for a taste");
    return at;
}

dg_status dg_make_shoppers(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    const dg_shop *s = from;
    const span rows = rows_of(unit, s->options->users);
    float *taste = taste_room(s, 1, err);
    if (taste == NULL) return DG_ERR_NOMEM;
    const dg_status st = dg_lines_room(out, DG_SHEET_UNIT * ROW_MAX, err);
    for (int64_t user = rows.begin; user < rows.end && st == DG_OK; user++) {
        const dg_shopper u = dg_shop_shopper(s, user, taste);
        dg_lines_number(out, user + 1, ',');
        dg_lines_number(out, u.age, ',');
        dg_lines_text(out, dg_cities[u.city]);
        dg_lines_char(out, '\n');
    }
    dg_free(taste);
    return st;
}

/* Few at night, most in the evening. */
static int draw_hour(dg_rng *r)
{
    static const int often[] = {1,  7,  8,  9,  10, 11, 12, 12, 13, 14, 15, 16,
                                17, 18, 18, 19, 19, 20, 20, 20, 21, 21, 22, 23};
    return often[dg_rng_below(r, sizeof often / sizeof *often)];
}

int dg_scene_hour(const dg_shop *s, int64_t scene)
{
    dg_rng r = text_stream(s, DG_RNG_GENERATE_SCENE, scene);
    return draw_hour(&r);
}

dg_status dg_make_scenes(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    const dg_shop *s = from;
    const span rows = rows_of(unit, s->options->scenes);
    const dg_status st = dg_lines_room(out, DG_SHEET_UNIT * ROW_MAX, err);
    for (int64_t scene = rows.begin; scene < rows.end && st == DG_OK; scene++) {
        dg_rng r = text_stream(s, DG_RNG_GENERATE_SCENE, scene);
        const int hour = draw_hour(&r);
        dg_lines_number(out, scene + 1, ',');
        dg_lines_text(out, dg_places[dg_rng_below(&r, DG_N_PLACES)]);
        dg_lines_char(out, ',');
        dg_lines_text(out, dg_weathers[dg_rng_below(&r, DG_N_WEATHERS)]);
        dg_lines_char(out, ',');
        dg_lines_text(out, dg_devices[dg_rng_below(&r, DG_N_DEVICES)]);
        dg_lines_char(out, ',');
        dg_lines_number(out, hour, '\n');
    }
    return st;
}

/* The ties one shopper starts lead up to half way round the circle of all shoppers, so that no pair
 * meets twice; of two people met, those of like taste become friends. */
typedef struct circle {
    const dg_shop *shop;
    float *own, *other;         /* tastes */
    int64_t reach[FRIENDS_MAX]; /* steps along the circle that are friends already */
    int n;
} circle;

static bool is_friend(const circle *c, int64_t step)
{
    for (int k = 0; k < c->n; k++)
        if (c->reach[k] == step) return true;
    return false;
}

static double likeness(const circle *c)
{
    double sum = 0;
    for (int f = 0; f < c->shop->n_factors; f++) sum += (double)(c->own[f] * c->other[f]);
    return sum * sqrt((double)c->shop->n_factors); /* variance 1 between strangers */
}

static void find_friends(circle *c, int64_t user, dg_rng *r)
{
    const dg_generate_options *o = c->shop->options;
    const int64_t steps = (o->users - 1) / 2;
    const uint32_t most = (uint32_t)(2 * o->friends) + 1;
    const int want = (int)dg_rng_below(r, most < FRIENDS_MAX ? most : FRIENDS_MAX);
    c->n = 0;
    for (int tries = 0; c->n < want && tries < TRIES_PER_FRIEND * want && steps > 0; tries++) {
        const int64_t step = 1 + dg_rng_below(r, (uint32_t)steps);
        dg_shop_shopper(c->shop, (user + step) % o->users, c->other);
        const bool accepted = dg_rng_uniform(r) < dg_sigmoid(2 * (likeness(c) - 1));
        if (accepted && !is_friend(c, step)) c->reach[c->n++] = step;
    }
}

dg_status dg_make_friends(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    circle c = {.shop = from, .own = taste_room(from, 2, err)};
    const span rows = rows_of(unit, c.shop->options->users);
    if (c.own == NULL) return DG_ERR_NOMEM;
    c.other = c.own + c.shop->n_factors;
    dg_status st = DG_OK;
    for (int64_t user = rows.begin; user < rows.end && st == DG_OK; user++) {
        dg_rng r =
            dg_rng_at((uint64_t)c.shop->options->seed, DG_RNG_GENERATE_FRIEND, (uint64_t)user);
        dg_shop_shopper(c.shop, user, c.own);
        find_friends(&c, user, &r);
        st = dg_lines_room(out, FRIENDS_MAX * 2 * DG_LINES_NUMBER, err);
        for (int k = 0; k < c.n && st == DG_OK; k++) {
            dg_lines_number(out, user + 1, ',');
            dg_lines_number(out, (user + c.reach[k]) % c.shop->options->users + 1, '\n');
        }
    }
    dg_free(c.own);
    return st;
}

static dg_status add_vector(const float *v, int n, dg_text *row, dg_lines *out, dg_err *err)
{
    for (int f = 0; f < n; f++) dg_text_add(row, ",%.9g", (double)v[f]);
    dg_text_add(row, "\n");
    if (row->failed) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a row of the truth");
    const dg_status st = dg_lines_room(out, row->n, err);
    if (st == DG_OK) dg_lines_bytes(out, row->at, row->n);
    return st;
}

dg_status dg_make_truth_users(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    const dg_shop *s = from;
    const span rows = rows_of(unit, s->options->users);
    float *taste = taste_room(s, 1, err);
    if (taste == NULL) return DG_ERR_NOMEM;
    dg_status st = DG_OK;
    for (int64_t user = rows.begin; user < rows.end && st == DG_OK; user++) {
        dg_text row = {0};
        const dg_shopper u = dg_shop_shopper(s, user, taste);
        dg_text_add(&row, "%lld,%.9g", (long long)user + 1, (double)u.bias);
        st = add_vector(taste, s->n_factors, &row, out, err);
        dg_text_free(&row);
    }
    dg_free(taste);
    return st;
}

dg_status dg_make_truth_items(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    const dg_shop *s = from;
    const span rows = rows_of(unit, s->options->items);
    dg_status st = DG_OK;
    for (int64_t item = rows.begin; item < rows.end && st == DG_OK; item++) {
        dg_text row = {0};
        dg_text_add(&row, "%lld,%.9g,%.9g", (long long)item + 1, (double)s->bias[item],
                    s->weight[item]);
        st = add_vector(s->taste + item * s->n_factors, s->n_factors, &row, out, err);
        dg_text_free(&row);
    }
    return st;
}
