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
    if (o == 0) o = order_times(x->time, y->time);
    return o != 0 ? o : x->kind - y->kind;
}

static int by_list(const void *a, const void *b)
{
    const dg_outcome *x = a, *y = b;
    int o = order(x->key, y->key);
    if (o == 0) o = order_times(x->shown.time, y->shown.time);
    if (o == 0) o = order(x->shown.list, y->shown.list);
    if (o == 0) o = x->shown.position - y->shown.position;
    return o != 0 ? o : order(x->shown.item, y->shown.item);
}

/* One event among the times its key was shown its item, oldest first. */
static bool attribute(const dg_online_options *o, dg_outcome *first, int64_t n, const dg_done *e)
{
    const bool converts = o->is_conversion[e->kind];
    dg_outcome *latest = NULL;
    for (int64_t k = n - 1; k >= 0 && latest == NULL; k--)
        if (first[k].shown.time <= e->time) latest = &first[k];
    if (latest == NULL) return false;
    if (converts) {
        for (dg_outcome *at = latest; at >= first; at--) {
            if (at->clicked_at == INT64_MIN || at->clicked_at > e->time ||
                e->time - at->clicked_at > o->window)
                continue;
            if (at->converted_at == INT64_MIN) at->converted_at = e->time;
            at->kinds |= 1U << e->kind;
            return true;
        }
        if (e->time - latest->shown.time > o->window) return false;
        latest->unclicked_conversion = true;
        return true;
    }
    if (e->time - latest->shown.time > o->click_window) return false;
    latest->kinds |= 1U << e->kind;
    if (o->is_click[e->kind] && latest->clicked_at == INT64_MIN) latest->clicked_at = e->time;
    return true;
}

int64_t dg_join(const dg_online_options *o, dg_outcome *shown, int64_t n_shown, dg_done *done,
                int64_t n_done)
{
    int64_t at = 0, unmatched = 0;
    qsort(shown, (size_t)n_shown, sizeof *shown, by_item);
    qsort(done, (size_t)n_done, sizeof *done, by_event);
    for (int64_t e = 0; e < n_done; e++) {
        const uint64_t key = done[e].key;
        while (at < n_shown && (shown[at].key < key ||
                                (shown[at].key == key && shown[at].shown.item < done[e].item)))
            at++;
        int64_t n = 0;
        while (at + n < n_shown && shown[at + n].key == key &&
               shown[at + n].shown.item == done[e].item)
            n++;
        unmatched += n == 0 || !attribute(o, shown + at, n, &done[e]);
    }
    return unmatched;
}

void dg_join_order(dg_outcome *shown, int64_t n)
{
    qsort(shown, (size_t)n, sizeof *shown, by_list);
}
