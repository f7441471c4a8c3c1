#include "serve/live/live.h"

#include "base/digest.h"
#include "base/memory.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 14 };

struct dg_lived {
    uint64_t hash;
    char *id; /* (n_id,) */
    size_t n_id;
    dg_person *person;    /* NULL: not begun; guarded by `lock`, as what follows */
    dg_event_place known; /* the latest event applied */
    pthread_mutex_t lock;
    size_t bytes; /* as counted in the sum; guarded by the live's lock, as what follows */
    int users;
    dg_lived *chain;         /* of its bucket */
    dg_lived *newer, *older; /* by when it was asked for */
};

struct dg_live {
    const dg_artifact *a;
    const dg_eventstore *store;
    dg_map weights; /* of kinds of event; empty: all count 1 */
    size_t limit;
    pthread_mutex_t lock;
    dg_lived **bucket;
    dg_lived *newest, *oldest;
    dg_live_figures figures;
};

static const dg_option weight_row = {.key = "event_weights", .type = DG_OPT_MAP, .offset = 0};

dg_status dg_live_create(const dg_artifact *a, const dg_eventstore *store, size_t bytes,
                         dg_live **out, dg_err *err)
{
    dg_err why;
    dg_live *live = *out = dg_alloc(1, sizeof *live);
    if (live == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for users' events");
    live->a = a;
    live->store = store;
    live->limit = bytes;
    pthread_mutex_init(&live->lock, NULL);
    live->bucket = dg_alloc(BUCKETS, sizeof(dg_lived *));
    dg_status st = live->bucket == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for users' events")
                       : DG_OK;
    if (st == DG_OK && a->event_weights != NULL &&
        dg_option_set(&weight_row, &live->weights, a->event_weights, &why) != DG_OK)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: /meta: event_weights: %s", a->path, why.text);
    for (int64_t k = 0; k < live->weights.key.n && st == DG_OK; k++) {
        size_t n;
        double weight;
        const char *text = dg_strings_at(&live->weights.value, k, &n);
        if (!dg_parse_double(text, n, &weight))
            st = DG_FAIL(err, DG_ERR_DATA, "%s: /meta: event_weights holds no number", a->path);
    }
    if (st != DG_OK) dg_live_destroy(out);
    return st;
}

static void free_lived(dg_lived *p)
{
    dg_person_destroy(&p->person);
    pthread_mutex_destroy(&p->lock);
    dg_free(p->id);
    dg_free(p);
}

void dg_live_destroy(dg_live **at)
{
    dg_live *live = *at;
    if (live == NULL) return;
    for (dg_lived *p = live->newest, *next; p != NULL; p = next) {
        next = p->older;
        free_lived(p);
    }
    dg_options_free(&weight_row, 1, &live->weights);
    dg_free(live->bucket);
    pthread_mutex_destroy(&live->lock);
    dg_free(live);
    *at = NULL;
}

bool dg_live_weight(const dg_live *live, const char *kind, size_t n, double *out)
{
    *out = 1;
    if (live->weights.key.n == 0) return true;
    for (int64_t k = 0; k < live->weights.key.n; k++) {
        size_t length;
        const char *key = dg_strings_at(&live->weights.key, k, &length);
        if (length != n || memcmp(key, kind, n) != 0) continue;
        const char *text = dg_strings_at(&live->weights.value, k, &length);
        return dg_parse_double(text, length, out);
    }
    return false;
}

/* ---- who was asked for when; the lock is held ---- */

static void unlink_lived(dg_live *live, dg_lived *p)
{
    *(p->newer != NULL ? &p->newer->older : &live->newest) = p->older;
    *(p->older != NULL ? &p->older->newer : &live->oldest) = p->newer;
    p->newer = p->older = NULL;
}

static void make_newest(dg_live *live, dg_lived *p)
{
    p->older = live->newest;
    *(live->newest != NULL ? &live->newest->newer : &live->oldest) = p;
    live->newest = p;
}

static void drop(dg_live *live, dg_lived *p)
{
    dg_lived **at = &live->bucket[p->hash % BUCKETS];
    while (*at != p) at = &(*at)->chain;
    *at = p->chain;
    unlink_lived(live, p);
    live->figures.bytes -= p->bytes;
    live->figures.people--;
    free_lived(p);
}

/* People nobody has, longest not asked for, until the rest fits. */
static void make_room(dg_live *live)
{
    for (dg_lived *p = live->oldest, *next; p != NULL && live->figures.bytes > live->limit;
         p = next) {
        next = p->newer;
        if (p->users == 0) drop(live, p);
    }
}

static dg_lived *find(const dg_live *live, uint64_t hash, const char *id, size_t n)
{
    dg_lived *p = live->bucket[hash % BUCKETS];
    while (p != NULL && (p->hash != hash || p->n_id != n || memcmp(p->id, id, n) != 0))
        p = p->chain;
    return p;
}

static dg_lived *add(dg_live *live, uint64_t hash, const char *id, size_t n)
{
    dg_lived *p = dg_alloc(1, sizeof *p);
    if (p == NULL || (p->id = dg_alloc(n, 1)) == NULL) {
        dg_free(p);
        return NULL;
    }
    memcpy(p->id, id, n);
    p->n_id = n;
    p->hash = hash;
    pthread_mutex_init(&p->lock, NULL);
    p->chain = live->bucket[hash % BUCKETS];
    live->bucket[hash % BUCKETS] = p;
    p->bytes = sizeof *p + n;
    live->figures.bytes += p->bytes;
    live->figures.people++;
    make_newest(live, p);
    return p;
}

/* ---- what happened since ---- */

typedef struct applying {
    dg_live *live;
    dg_lived *who;
    int64_t row;
    uint64_t n;
} applying;

/* Does the artifact have the good in the user's history? */
static bool in_history(const dg_artifact *a, int64_t user, int32_t item)
{
    const dg_allowed unseen = dg_allowed_unseen(a, user);
    return user >= 0 && !dg_allowed_has(&unseen, item);
}

static dg_status apply(void *context, const dg_event_seen *event, dg_err *err)
{
    applying *to = context;
    const dg_artifact *a = to->live->a;
    const int64_t item = dg_names_find(&a->item_id, event->item, event->n_item);
    double weight;
    if (item < 0) return DG_OK; /* the next model may know it */
    if (event->time <= a->newest && in_history(a, to->row, (int32_t)item)) return DG_OK;
    if (!dg_live_weight(to->live, event->kind, strlen(event->kind), &weight)) return DG_OK;
    const double value = isnan(event->value) ? weight : weight * event->value;
    to->n++;
    return dg_person_meet(to->who->person, (int32_t)item, (float)value, err);
}

static dg_status catch_up(dg_live *live, dg_lived *p, int64_t row, dg_event_place latest,
                          uint64_t *n, dg_err *err)
{
    applying to = {live, p, row, 0};
    dg_status st = DG_OK;
    if (p->person == NULL) {
        st = dg_person_create(live->a, row, &p->person, err);
        p->known = 0;
    }
    if (st == DG_OK && p->known < latest) {
        st = dg_eventstore_read(live->store, p->id, p->n_id, latest, p->known, apply, &to, err);
        p->known = latest;
    }
    if (st != DG_OK) dg_person_destroy(&p->person); /* begun anew the next time */
    *n = to.n;
    return st;
}

dg_status dg_live_take(dg_live *live, const char *id, size_t n, int64_t row, dg_lived **out,
                       dg_err *err)
{
    const dg_event_place latest = dg_eventstore_latest(live->store, id, n);
    uint64_t folds = 0;
    *out = NULL;
    if (latest == 0) return DG_OK;
    const uint64_t hash = dg_hash64(id, n, 2);
    pthread_mutex_lock(&live->lock);
    dg_lived *p = find(live, hash, id, n);
    if (p != NULL) {
        unlink_lived(live, p);
        make_newest(live, p);
    } else {
        p = add(live, hash, id, n);
    }
    if (p != NULL) p->users++;
    pthread_mutex_unlock(&live->lock);
    if (p == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a user's events");
    pthread_mutex_lock(&p->lock);
    const dg_status st = catch_up(live, p, row, latest, &folds, err);
    pthread_mutex_lock(&live->lock);
    live->figures.folds += folds;
    pthread_mutex_unlock(&live->lock);
    if (st == DG_OK)
        *out = p;
    else
        dg_live_leave(live, p);
    return st;
}

dg_person *dg_lived_person(dg_lived *taken) { return taken->person; }

void dg_live_leave(dg_live *live, dg_lived *p)
{
    if (p == NULL) return;
    const size_t bytes = sizeof *p + p->n_id + (p->person != NULL ? dg_person_bytes(p->person) : 0);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_lock(&live->lock);
    live->figures.bytes += bytes - p->bytes;
    p->bytes = bytes;
    p->users--;
    make_room(live);
    pthread_mutex_unlock(&live->lock);
}

dg_live_figures dg_live_look(dg_live *live)
{
    pthread_mutex_lock(&live->lock);
    const dg_live_figures out = live->figures;
    pthread_mutex_unlock(&live->lock);
    return out;
}
