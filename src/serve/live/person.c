#include "serve/live/person.h"

#include "base/memory.h"
#include "dense/normal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* How events of one pair become one value: ingest's words (job key prepare.duplicates). */
typedef enum merging { SUM, MAX, LAST, FIRST, COUNT } merging;

static const char *const merging_names[] = {"sum", "max", "last", "first", "count"};

struct dg_person {
    const dg_artifact *a;
    int64_t user;
    merging merge;
    dg_normal *system; /* of a model of factors */
    bool stale;        /* factor is not what the system says */
    float *factor;     /* (n_cols,) */
    double *x, *f;     /* (d,) the solution; a feature */
    int32_t *item;     /* (n,) ascending: what they met, with */
    float *value;      /* (n,) its value as the data has it */
    int64_t n, n_positive;
    size_t item_room, value_room;
    float *read; /* (n,) the values as a model of weights reads them */
    size_t read_room;
    double base;   /* of a model of weights, see taste.h */
    int32_t *seen; /* (n_seen,) ascending */
    int64_t n_seen;
    size_t seen_room;
};

static bool by_factors(const dg_artifact *a) { return a->n_cols > 0; }

bool dg_person_learns(const dg_artifact *a)
{
    return by_factors(a) ? a->fold.known : a->item_weights.ptr != NULL;
}

float dg_person_worth(const dg_artifact *a, bool liked)
{
    if (a->clipped) return (float)(liked ? a->clip_max : a->clip_min);
    return liked ? 1 : -1;
}

static merging merging_of(const dg_artifact *a)
{
    for (int k = SUM; k <= COUNT; k++)
        if (a->duplicates != NULL && strcmp(a->duplicates, merging_names[k]) == 0)
            return (merging)k;
    return LAST;
}

/* ---- one pair in the system of a model of factors ---- */

/* The item's row as the system takes it; its bias apart. */
static double take_feature(const dg_artifact *a, int32_t item, double *f)
{
    float room[DG_FACTORS_ROOM];
    const float *row = dg_factors_row(&a->item_factor, item, room);
    for (int32_t c = 0; c < a->similar_cols; c++) f[c] = (double)row[c];
    if (!a->fold.biases) return 0;
    f[a->similar_cols] = 1;
    return (double)row[a->similar_cols];
}

typedef struct pair {
    double weight, pull;
} pair;

static pair pair_of(const dg_artifact *a, double bias, float value)
{
    if (a->fold.law.loss == DG_ALS_RATINGS) return (pair){1, (double)value - a->offset - bias};
    const dg_als_pair p = dg_als_pair_of(&a->fold.law, value);
    return (pair){(double)p.weight, (double)p.pull};
}

static void set_lambda(dg_person *p)
{
    const dg_fold_in *fold = &p->a->fold;
    const int64_t counted = fold->law.compat == DG_ALS_SPARK ? p->n_positive : p->n;
    dg_normal_regularize(p->system, dg_als_row_reg(&fold->law, fold->reg, counted, p->a->n_items));
}

/* A pair that was `before`, if at all, is `now`: the sizes are those of now already. */
static void change_system(dg_person *p, int32_t item, const float *before, float now)
{
    const double bias = take_feature(p->a, item, p->f);
    const pair old = before != NULL ? pair_of(p->a, bias, *before) : (pair){0};
    const pair fresh = pair_of(p->a, bias, now);
    set_lambda(p); /* first: where it changes, the factor is made anew and need not be changed */
    dg_normal_add(p->system, p->f, fresh.weight - old.weight, fresh.pull - old.pull);
    p->stale = true;
}

/* ---- sorted lists of items ---- */

static int64_t place_of(const int32_t *item, int64_t n, int32_t wanted)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (item[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(void **at, int64_t n, size_t *room, size_t size)
{
    void *grown = dg_grow(*at, (size_t)n, (size_t)n + 1, room, size);
    if (grown != NULL) *at = grown;
    return grown != NULL;
}

static void insert_item(int32_t *item, int64_t n, int64_t at, int32_t what)
{
    memmove(item + at + 1, item + at, (size_t)(n - at) * sizeof *item);
    item[at] = what;
}

static float merged(merging how, float before, float now)
{
    switch (how) {
    case SUM: return before + now;
    case MAX: return now > before ? now : before;
    case FIRST: return before;
    case COUNT: return before + 1;
    default: return now;
    }
}

static bool reserve(dg_person *p)
{
    return make_room((void **)&p->item, p->n, &p->item_room, sizeof *p->item) &&
           make_room((void **)&p->value, p->n, &p->value_room, sizeof *p->value) &&
           make_room((void **)&p->read, p->n, &p->read_room, sizeof *p->read) &&
           make_room((void **)&p->seen, p->n_seen, &p->seen_room, sizeof *p->seen);
}

dg_status dg_person_meet(dg_person *p, int32_t item, float value, dg_err *err)
{
    if (!reserve(p)) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person's events");
    const int64_t looked = place_of(p->seen, p->n_seen, item);
    if (looked == p->n_seen || p->seen[looked] != item)
        insert_item(p->seen, p->n_seen++, looked, item);
    if (!dg_person_learns(p->a)) return DG_OK;
    const int64_t at = place_of(p->item, p->n, item);
    const bool known = at < p->n && p->item[at] == item;
    const float before = known ? p->value[at] : 0, first = p->merge == COUNT ? 1 : value;
    const float now = known ? merged(p->merge, before, value) : first;
    if (!known) {
        insert_item(p->item, p->n, at, item);
        memmove(p->value + at + 1, p->value + at, (size_t)(p->n - at) * sizeof *p->value);
        p->n++;
    }
    p->value[at] = now;
    p->n_positive += dg_als_is_positive(now) - (known && dg_als_is_positive(before));
    if (p->system != NULL) change_system(p, item, known ? &before : NULL, now);
    p->stale = true;
    return DG_OK;
}

/* ---- from the artifact ---- */

static dg_status open_system(dg_person *p, dg_err *err)
{
    const dg_fold_in *fold = &p->a->fold;
    const size_t d = (size_t)fold->d;
    double *shared = NULL;
    p->x = dg_alloc(d, sizeof *p->x);
    p->f = dg_alloc(d, sizeof *p->f);
    if (fold->gram != NULL) shared = dg_alloc(d * d, sizeof *shared);
    dg_status st = DG_OK;
    if (p->x == NULL || p->f == NULL || (fold->gram != NULL && shared == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person of %d factors", (int)fold->d);
    for (size_t k = 0; shared != NULL && k < d * d; k++)
        shared[k] = fold->law.unobserved_weight * fold->gram[k];
    if (st == DG_OK) st = dg_normal_create(fold->d, shared, &p->system, err);
    dg_free(shared);
    return st;
}

/* What training read of them. */
static dg_status take_profile(dg_person *p, dg_err *err)
{
    const dg_links *profile = &p->a->profile;
    if (p->user < 0 || profile->ptr == NULL || !dg_person_learns(p->a)) return DG_OK;
    const int64_t begin = profile->ptr[p->user], n = profile->ptr[p->user + 1] - begin;
    p->item = dg_grow(p->item, 0, (size_t)n, &p->item_room, sizeof *p->item);
    p->value = dg_grow(p->value, 0, (size_t)n, &p->value_room, sizeof *p->value);
    p->read = dg_grow(p->read, 0, (size_t)n, &p->read_room, sizeof *p->read);
    if (p->item == NULL || p->value == NULL || p->read == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person's ratings");
    memcpy(p->item, profile->index + begin, (size_t)n * sizeof *p->item);
    memcpy(p->value, profile->value + begin, (size_t)n * sizeof *p->value);
    p->n = n;
    for (int64_t k = 0; k < n; k++) {
        p->n_positive += dg_als_is_positive(p->value[k]);
        if (p->a->item_base != NULL) /* profiles of neighbours are what goes beyond the baseline */
            p->value[k] += p->a->user_base[p->user] + p->a->item_base[p->item[k]];
        if (p->system != NULL) change_system(p, p->item[k], NULL, p->value[k]);
    }
    return DG_OK;
}

static dg_status take_history(dg_person *p, dg_err *err)
{
    if (p->user < 0) return DG_OK;
    const int64_t begin = p->a->history_ptr[p->user];
    p->n_seen = p->a->history_ptr[p->user + 1] - begin;
    p->seen = dg_grow(p->seen, 0, (size_t)p->n_seen, &p->seen_room, sizeof *p->seen);
    if (p->seen == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person's history");
    memcpy(p->seen, p->a->history_item + begin, (size_t)p->n_seen * sizeof *p->seen);
    return DG_OK;
}

dg_status dg_person_create(const dg_artifact *a, int64_t user, dg_person **out, dg_err *err)
{
    dg_person *p = *out = dg_alloc(1, sizeof *p);
    if (p == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person");
    *p = (dg_person){.a = a, .user = user, .merge = merging_of(a), .stale = true};
    p->factor = dg_alloc((size_t)a->n_cols, sizeof *p->factor);
    dg_status st =
        p->factor == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person") : DG_OK;
    if (st == DG_OK && by_factors(a) && a->fold.known) st = open_system(p, err);
    if (st == DG_OK) st = take_profile(p, err);
    if (st == DG_OK) st = take_history(p, err);
    if (st != DG_OK) dg_person_destroy(out);
    return st;
}

static bool copy_list(void **to, const void *from, int64_t n, size_t *room, size_t size)
{
    *to = dg_grow(NULL, 0, (size_t)n, room, size);
    if (*to != NULL && n > 0) memcpy(*to, from, (size_t)n * size);
    return *to != NULL;
}

dg_status dg_person_copy(const dg_person *p, dg_person **out, dg_err *err)
{
    dg_person *q = *out = dg_alloc(1, sizeof *q);
    const size_t d = p->system != NULL ? (size_t)p->a->fold.d : 0;
    if (q == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person");
    *q = (dg_person){.a = p->a,
                     .user = p->user,
                     .merge = p->merge,
                     .stale = true,
                     .n = p->n,
                     .n_positive = p->n_positive,
                     .n_seen = p->n_seen};
    q->factor = dg_alloc((size_t)p->a->n_cols, sizeof *q->factor);
    q->x = dg_alloc(d, sizeof *q->x);
    q->f = dg_alloc(d, sizeof *q->f);
    const bool good =
        q->factor != NULL && q->x != NULL && q->f != NULL &&
        copy_list((void **)&q->item, p->item, p->n, &q->item_room, sizeof *q->item) &&
        copy_list((void **)&q->value, p->value, p->n, &q->value_room, sizeof *q->value) &&
        copy_list((void **)&q->read, p->read, p->n, &q->read_room, sizeof *q->read) &&
        copy_list((void **)&q->seen, p->seen, p->n_seen, &q->seen_room, sizeof *q->seen);
    dg_status st = good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a person");
    if (st == DG_OK && p->system != NULL) st = dg_normal_copy(p->system, &q->system, err);
    if (st != DG_OK) dg_person_destroy(out);
    return st;
}

void dg_person_destroy(dg_person **at)
{
    dg_person *p = *at;
    if (p == NULL) return;
    dg_normal_destroy(&p->system);
    void *const all[] = {p->factor, p->x, p->f, p->item, p->value, p->read, p->seen};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_free(p);
    *at = NULL;
}

size_t dg_person_bytes(const dg_person *p)
{
    size_t n = sizeof *p + p->item_room * sizeof *p->item + p->value_room * sizeof *p->value +
               p->read_room * sizeof *p->read + p->seen_room * sizeof *p->seen;
    if (p->system != NULL)
        n += dg_normal_bytes(p->a->fold.d) + 2 * (size_t)p->a->fold.d * sizeof *p->x +
             (size_t)p->a->n_cols * sizeof *p->factor;
    return n;
}

/* ---- what ranking asks for ---- */

/* The user's row as the artifact lays it out: factors, and with biases a 1 and the bias. */
static dg_status solve(dg_person *p, dg_err *err)
{
    const dg_artifact *a = p->a;
    const dg_status st = dg_normal_solve(p->system, p->x, err);
    if (st != DG_OK) return st;
    for (int32_t c = 0; c < a->similar_cols; c++) p->factor[c] = (float)p->x[c];
    if (a->fold.biases) {
        p->factor[a->similar_cols] = 1;
        p->factor[a->similar_cols + 1] = (float)p->x[a->similar_cols];
    }
    return DG_OK;
}

/* A value as training would have put it into the profile. Somebody new has no baseline of their
 * own but what their values have beyond those of the items. */
static void read_values(dg_person *p)
{
    const dg_artifact *a = p->a;
    p->base = 0;
    if (a->user_base != NULL && p->user >= 0) p->base = (double)a->user_base[p->user];
    for (int64_t k = 0; a->user_base != NULL && p->user < 0 && k < p->n; k++)
        p->base += (double)(p->value[k] - a->item_base[p->item[k]]) / (double)p->n;
    for (int64_t k = 0; k < p->n; k++) {
        const float v = p->value[k];
        p->read[k] = v;
        if (a->binary) p->read[k] = (float)((v > 0) - (v < 0));
        if (a->item_base != NULL) p->read[k] = v - (float)p->base - a->item_base[p->item[k]];
    }
}

dg_status dg_person_taste(dg_person *p, dg_taste *out, dg_err *err)
{
    *out = (dg_taste){.user = p->user};
    if (!dg_person_learns(p->a)) {
        *out = dg_taste_of(p->a, p->user, p->factor);
        return DG_OK;
    }
    if (p->system != NULL) {
        const dg_status st = p->stale && p->n > 0 ? solve(p, err) : DG_OK;
        if (st != DG_OK) return st;
        p->stale = false;
        if (p->n > 0) out->factor = p->factor;
        return DG_OK;
    }
    if (p->stale) read_values(p);
    p->stale = false;
    out->item = p->item;
    out->value = p->read;
    out->n = p->n;
    out->base = p->base;
    return DG_OK;
}

int64_t dg_person_met(const dg_person *p, const int32_t **item, const float **value)
{
    *item = p->item;
    *value = p->value;
    return p->n;
}

dg_allowed dg_person_unseen(const dg_person *p)
{
    return (dg_allowed){.skip = p->seen, .n_skip = p->n_seen};
}

/* ---- reasons ---- */

static double dot(int32_t d, const double *a, const double *b)
{
    double sum = 0;
    for (int32_t k = 0; k < d; k++) sum += a[k] * b[k];
    return sum;
}

static dg_status explain_factors(dg_person *p, int32_t item, dg_reasons *out, double *unsure,
                                 dg_err *err)
{
    const int32_t d = p->a->fold.d;
    const double bias = take_feature(p->a, item, p->f);
    double *z = dg_alloc((size_t)d, sizeof *z);
    out->at = dg_alloc((size_t)p->n, sizeof *out->at);
    dg_status st = z == NULL || out->at == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for reasons")
                       : dg_normal_solve_for(p->system, p->f, z, err);
    if (st == DG_OK) *unsure = dot(d, p->f, z);
    out->base = out->score = p->a->offset + bias;
    for (int64_t k = 0; k < p->n && st == DG_OK; k++) {
        const double of = take_feature(p->a, p->item[k], p->f), near = dot(d, p->f, z);
        const pair pulls = pair_of(p->a, of, p->value[k]);
        out->at[out->n++] = (dg_reason){p->item[k], (float)near, p->value[k], pulls.pull * near};
        out->score += pulls.pull * near;
    }
    dg_free(z);
    return st;
}

dg_status dg_person_explain(dg_person *p, int32_t item, dg_reasons *out, double *unsure,
                            dg_err *err)
{
    dg_taste taste;
    *out = (dg_reasons){0};
    *unsure = 0;
    dg_status st = dg_person_taste(p, &taste, err);
    if (st == DG_OK && p->system == NULL) return dg_links_explain(p->a, &taste, item, out, err);
    if (st == DG_OK && p->n == 0) { /* no row was solved, so there is no M to speak of */
        out->base = out->score = p->a->offset + take_feature(p->a, item, p->f);
        *unsure = NAN;
        return DG_OK;
    }
    if (st == DG_OK) st = explain_factors(p, item, out, unsure, err);
    if (st == DG_OK) {
        dg_reasons_order(out);
        return DG_OK;
    }
    dg_free(out->at);
    *out = (dg_reasons){0};
    return st;
}
