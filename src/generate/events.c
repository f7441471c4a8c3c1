#include "base/rng.h"
#include "generate/behaviour.h"
#include "generate/catalogue.h"
#include "generate/sheet.h"

#include <stdlib.h>

enum { ROW_MAX = 5 * DG_LINES_NUMBER, HOUR = 3600, DAY = 24 * HOUR, BREAK = 600 };

const char *const dg_event_names[DG_N_EVENTS] = {"view", "search", "cart", "buy"};

/* One shopper's log as it grows. */
typedef struct writing {
    dg_behaviour *b;
    dg_rng r;
    dg_lines *out;
    int64_t user, left; /* events still to be written */
    int64_t time, scene;
} writing;

static int by_start(const void *a, const void *b)
{
    const dg_session *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x->scene < y->scene ? -1 : x->scene > y->scene;
}

/* Any day, at the hour of the session's scene; sorted. */
static void draw_sessions(writing *w, int64_t n)
{
    const dg_shop *s = w->b->shop;
    for (int64_t k = 0; k < n; k++) {
        dg_session *at = &w->b->sessions[k];
        const int64_t day = dg_rng_below(&w->r, (uint32_t)s->options->days);
        at->scene = -1;
        int64_t second = dg_rng_below(&w->r, DAY);
        if (s->options->scenes > 0) {
            at->scene = dg_rng_below(&w->r, (uint32_t)s->options->scenes);
            second = dg_scene_hour(s, at->scene) * HOUR + second % HOUR;
        }
        at->start = DG_START_TIME + day * DAY + second;
    }
    qsort(w->b->sessions, (size_t)n, sizeof *w->b->sessions, by_start);
}

static void add_event(writing *w, int64_t item, dg_event_kind kind)
{
    if (w->left == 0) return;
    w->left--;
    w->time += 5 + dg_rng_below(&w->r, 90);
    w->b->sums.events[kind]++;
    dg_lines_number(w->out, w->user + 1, ',');
    dg_lines_number(w->out, item + 1, ',');
    dg_lines_text(w->out, dg_event_names[kind]);
    dg_lines_char(w->out, ',');
    dg_lines_number(w->out, w->time, ',');
    if (w->scene >= 0)
        dg_lines_number(w->out, w->scene + 1, '\n');
    else
        dg_lines_char(w->out, '\n');
}

static bool happens(writing *w, double share) { return dg_rng_uniform(&w->r) < share; }

/* From a search to the till, or as far as the shopper likes the item. */
static void add_funnel(writing *w, dg_picked pick)
{
    const double z = (double)pick.z;
    if (happens(w, 0.2)) add_event(w, pick.item, DG_EVENT_SEARCH);
    add_event(w, pick.item, DG_EVENT_VIEW);
    if (happens(w, 0.2)) add_event(w, pick.item, DG_EVENT_VIEW);
    if (!happens(w, dg_sigmoid(2 * (z - 1.5)))) return;
    add_event(w, pick.item, DG_EVENT_CART);
    if (happens(w, dg_sigmoid(2 * (z - 1)))) add_event(w, pick.item, DG_EVENT_BUY);
}

static void mix_scene(writing *w)
{
    const dg_shop *s = w->b->shop;
    const float share = w->scene < 0 ? 0 : (float)s->options->scene_share;
    const float *scene = w->scene < 0 ? w->b->taste : s->scenes + w->scene * s->n_factors;
    for (int f = 0; f < s->n_factors; f++)
        w->b->mixed[f] = w->b->taste[f] + share * scene[f] * w->b->scale;
}

/* One session writes until it leaves `stay` events to the later ones. */
static void add_session(writing *w, dg_session session, int64_t stay)
{
    dg_picker *p = &w->b->picker;
    w->scene = session.scene;
    w->time = session.start > w->time + BREAK ? session.start : w->time + BREAK;
    mix_scene(w);
    while (w->left > stay) {
        dg_picker_draw(p, w->b->mixed, &w->r, 1);
        add_funnel(w, p->picked[p->n - 1]);
    }
}

static void add_user(writing *w)
{
    const int64_t n = w->left / DG_EVENTS_PER_SESSION + 1, all = w->left;
    w->r = dg_rng_at((uint64_t)w->b->shop->options->seed, DG_RNG_GENERATE_EVENT, (uint64_t)w->user);
    w->time = 0;
    dg_shop_shopper(w->b->shop, w->user, w->b->taste);
    dg_picker_reset(&w->b->picker);
    draw_sessions(w, n);
    for (int64_t k = 0; k < n; k++) add_session(w, w->b->sessions[k], all - all * (k + 1) / n);
}

dg_status dg_make_events(void *from, int64_t unit, dg_lines *out, dg_err *err)
{
    writing w = {.b = from, .out = out};
    int64_t counts[DG_SHEET_UNIT];
    const int n = dg_portions_unit(&w.b->portions, unit, counts);
    const dg_status st = dg_lines_room(out, (size_t)w.b->portions.rows[unit] * ROW_MAX, err);
    for (int k = 0; k < n && st == DG_OK; k++) {
        w.user = unit * DG_SHEET_UNIT + k;
        w.left = counts[k];
        add_user(&w);
    }
    return st;
}
