#include "online/join.h"

#include <stdlib.h>

uint64_t dg_join_key_shown(const dg_shown *s, bool by_request)
{
    return by_request || s->user == 0 ? s->list : s->user;
}

uint64_t dg_join_key_done(const dg_done *d, bool by_request)
{
    if (by_request) return d->list;
    return d->user != 0 ? d->user : d->list; /* of somebody unknown: by the request */
}

static int order(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int order_times(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int by_item(const void *a, const void *b)
{
    const dg_outcome *x = a, *y = b;
    int o = order(x->key, y->key);
    if (o == 0) o = order(x->shown.item, y->shown.item);
    if (o == 0) o = order_times(x->shown.time, y->shown.time);
    if (o == 0) o = order(x->shown.list, y->shown.list);
    return o != 0 ? o : x->shown.position - y->shown.position;
}

static int by_event(const void *a, const void *b)
{
    const dg_done *x = a, *y = b;
    int o = order(x->key, y->key);
    if (o == 0) o = order(x->item, y->item);
    if (o == 0) o = x->converts - y->converts; /* all clicks are known before a conversion */
    if (o == 0) o = order_times(x->time, y->time);
    return o != 0 ? o : x->kind - y->kind;
}

static int by_list(const void *a, const void *b)
{
    const dg_outcome *x = a, *y = b;
    int o = order(x->key, y->key);
    if (o == 0) o = order_times(x->shown.time, y->shown.time);
    if (o == 0) o = order(x->shown.list, y->shown.list);
    if (o == 0) o = order(x->shown.user, y->shown.user); /* a request may be for many */
    if (o == 0) o = x->shown.position - y->shown.position;
    return o != 0 ? o : order(x->shown.item, y->shown.item);
}

static bool is_named(const dg_outcome *x, const dg_done *e)
{
    return e->list == x->shown.list &&
           (e->user == 0 || x->shown.user == 0 || e->user == x->shown.user);
}

/* Of the times its key was shown its item (n,), oldest first, that of the list an event names, else
 * the latest before the event; -1: none. */
static int64_t shown_before(const dg_outcome *x, int64_t n, const dg_done *e, int64_t since)
{
    int64_t latest = -1;
    for (int64_t k = n - 1; k >= 0 && x[k].shown.time >= since; k--) {
        if (x[k].shown.time > e->time + e->open) continue;
        if (e->list == 0 || is_named(&x[k], e)) return k;
        if (latest < 0) latest = k;
    }
    return latest;
}

static bool is_clicked(const dg_outcome *x, const dg_done *e, int64_t window)
{
    return x->clicked_at != INT64_MIN && x->clicked_at <= e->time + e->open &&
           e->time - x->clicked_at <= window;
}

static bool convert(const dg_online_options *o, dg_outcome *x, int64_t n, const dg_done *e)
{
    const int64_t since = e->time - o->window - o->click_window; /* what was clicked before is of
                                                                    no use */
    const int64_t at = shown_before(x, n, e, since);
    int64_t to = at;
    if (at < 0) return false;
    if (!is_clicked(&x[at], e, o->window))
        for (to = n - 1; to >= 0 && !is_clicked(&x[to], e, o->window);)
            to = x[to].shown.time >= since ? to - 1 : -1;
    if (to >= 0) {
        if (x[to].converted_at == INT64_MIN) x[to].converted_at = e->time;
        x[to].kinds |= 1U << e->kind;
        return true;
    }
    if (e->time - x[at].shown.time > o->window) return false;
    x[at].unclicked_conversion = true;
    return true;
}

static bool attribute(const dg_online_options *o, dg_outcome *x, int64_t n, const dg_done *e)
{
    if (e->converts) return convert(o, x, n, e);
    const int64_t at = shown_before(x, n, e, e->time - o->click_window);
    if (at < 0) return false;
    x[at].kinds |= 1U << e->kind;
    if (o->is_click[e->kind] && x[at].clicked_at == INT64_MIN) x[at].clicked_at = e->time;
    return true;
}

static bool is_before(const dg_outcome *x, const dg_done *e)
{
    return x->key < e->key || (x->key == e->key && x->shown.item < e->item);
}

int64_t dg_join(const dg_online_options *o, dg_outcome *shown, int64_t n_shown, dg_done *done,
                int64_t n_done)
{
    int64_t at = 0, end = 0, unmatched = 0; /* [at, end): of the event's key and item */
    for (int64_t e = 0; e < n_done; e++) done[e].converts = o->is_conversion[done[e].kind];
    qsort(shown, (size_t)n_shown, sizeof *shown, by_item);
    qsort(done, (size_t)n_done, sizeof *done, by_event);
    for (int64_t e = 0; e < n_done; e++) {
        if (at < n_shown && is_before(&shown[at], &done[e])) at = end;
        while (at < n_shown && is_before(&shown[at], &done[e])) at++;
        if (end < at) end = at;
        while (end < n_shown && shown[end].key == done[e].key &&
               shown[end].shown.item == done[e].item)
            end++;
        unmatched += end == at || !attribute(o, shown + at, end - at, &done[e]);
    }
    return unmatched;
}

void dg_join_order(dg_outcome *shown, int64_t n)
{
    qsort(shown, (size_t)n, sizeof *shown, by_list);
}
