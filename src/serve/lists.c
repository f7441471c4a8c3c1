#include "serve/lists.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- terms ---- */

static bool refuse_hinted(dg_refusal *no, const char *code, const char *what, const dg_err *err)
{
    const bool hinted = err->hint[0] != '\0';
    return dg_refuse(no, 400, code, "%s: %s%s%s", what, err->text, hinted ? "; " : "",
                     hinted ? err->hint : "");
}

static bool read_filter(const dg_node *node, const dg_request *r, dg_terms *t, dg_refusal *no)
{
    dg_err err;
    if (r->n_filter == 0) return true;
    const dg_status st = dg_condition_read(node->goods, r->filter, r->n_filter, &t->filter, &err);
    if (st == DG_ERR_NOMEM) return dg_refuse(no, 500, "out_of_memory", "out of memory");
    if (st != DG_OK) return refuse_hinted(no, "bad_filter", "filter", &err);
    if (t->filter.of_current && t->current < 0)
        return dg_refuse(no, 400, "bad_filter",
                         "filter: it asks CurrentItem, and this request has none");
    t->filtered = true;
    return true;
}

static bool name_rules(const dg_request *r, dg_terms *t, dg_refusal *no)
{
    const dg_ids *names = &r->list[DG_LIST_RULES];
    for (size_t k = 0; k < names->n; k++) {
        const int rule = dg_rules_find(t->rules, names->at[k].at, names->at[k].n);
        if (rule < 0)
            return dg_refuse(no, 400, "unknown_rule", "there is no rule \"%.*s\"",
                             (int)(names->at[k].n < 100 ? names->at[k].n : 100), names->at[k].at);
        t->named[rule / 64] |= (uint64_t)1 << rule % 64;
    }
    return true;
}

/* A text of the goods, prepared. */
static bool find_text(const dg_node *node, const char *what, const char *name, size_t n,
                      int32_t *out, dg_refusal *no)
{
    dg_err err;
    const dg_attributes *all = &node->artifact->item_attributes;
    *out = dg_attributes_find(all, name, n);
    if (*out < 0 || all->at[*out].type == DG_ATTRIBUTE_NUMBER)
        return dg_refuse(no, 400, "bad_parameter", "%s: \"%.*s\" is no text or list of the goods",
                         what, (int)(n < 100 ? n : 100), name);
    if (dg_goods_prepare(node->goods, *out, &err) != DG_OK)
        return dg_refuse(no, 500, "out_of_memory", "out of memory");
    return true;
}

static bool read_caps(const dg_node *node, const dg_request *r, dg_terms *t, dg_refusal *no)
{
    for (int k = 0; k < r->n_caps; k++) {
        t->cap[k].n = r->cap[k].n;
        if (!find_text(node, "at_most", r->cap[k].name.at, r->cap[k].name.n, &t->cap[k].attribute,
                       no))
            return false;
    }
    t->n_caps = r->n_caps;
    return true;
}

static bool read_diversity(const dg_node *node, const dg_request *r, dg_terms *t, dg_refusal *no)
{
    t->alike_by = -1;
    if (r->n_alike_by > 0)
        return find_text(node, "diversity_by", r->alike_by, r->n_alike_by, &t->alike_by, no);
    if (r->diversity > 0 && node->artifact->similar_cols == 0)
        return dg_refuse(no, 400, "bad_parameter",
                         "diversity: this model has no factors; say diversity_by=ATTRIBUTE");
    return true;
}

/* What the request is about: the item it names, or the last of its session. */
static int64_t current_of(const dg_artifact *a, const dg_request *r)
{
    const dg_ids *session = &r->list[DG_LIST_SESSION];
    if (r->current.n > 0) return dg_names_find(&a->item_id, r->current.at, r->current.n);
    for (size_t k = session->n; k-- > 0;) {
        const int64_t row = dg_names_find(&a->item_id, session->at[k].at, session->at[k].n);
        if (row >= 0) return row;
    }
    return -1;
}

bool dg_terms_read(const dg_node *node, const dg_request *request, int64_t item, dg_terms *out,
                   dg_refusal *no)
{
    int n_rules;
    out->rules = dg_ruling_take(node->ruling);
    out->filtered = false;
    out->n_caps = 0;
    memset(out->named, 0, sizeof out->named);
    out->current = item >= 0 ? item : current_of(node->artifact, request);
    if (!read_filter(node, request, out, no) || !name_rules(request, out, no) ||
        !read_caps(node, request, out, no) || !read_diversity(node, request, out, no))
        return false;
    dg_rules_at(out->rules, &n_rules);
    out->needs_steps = out->filtered || n_rules > 0 || out->n_caps > 0 || request->diversity > 0 ||
                       request->n_scene > 0;
    return true;
}

void dg_terms_close(const dg_node *node, dg_terms *t)
{
    (void)t;
    dg_ruling_give(node->ruling);
}

/* ---- steps ---- */

typedef struct dg_stepper { /* of one list */
    const dg_node *node;
    const dg_list_wish *wish;
    bool learned;                          /* the model knows something of the taste or the item */
    dg_groups const *lists[DG_LADDER_MAX]; /* of steps by group */
    int32_t group[DG_LADDER_MAX];
    struct dg_step_of {
        struct dg_stepper *all;
        int at;
    } step[DG_LADDER_MAX];
    dg_list_source source[DG_LADDER_MAX];
    int n;
} dg_stepper;

static dg_status by_taste(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                          dg_err *err)
{
    dg_stepper *s = ((struct dg_step_of *)from)->all;
    const dg_allowed allowed = {.bits = goods};
    dg_list list = {.hit = hit};
    const dg_status st =
        dg_ranker_top(s->node->ranker, &s->wish->whom->taste, &allowed, k, &list, err);
    if (st == DG_OK && list.reason != NULL) s->learned = false;
    *n = list.n;
    return st;
}

static dg_status by_item(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n, dg_err *err)
{
    dg_stepper *s = ((struct dg_step_of *)from)->all;
    const dg_allowed allowed = {.bits = goods};
    dg_list list = {.hit = hit};
    const dg_status st =
        dg_ranker_similar(s->node->ranker, (int32_t)s->wish->item, &allowed, k, &list, err);
    if (st == DG_OK && list.source == DG_SOURCE_POPULAR) list.n = 0; /* a step of its own */
    if (st == DG_OK && list.n == 0) s->learned = false;
    *n = list.n;
    return st;
}

static bool has(const uint64_t *goods, int32_t item) { return goods[item / 64] >> (item % 64) & 1; }

static int best_first(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return dg_hit_before(*x, *y) ? -1 : dg_hit_before(*y, *x);
}

static dg_status by_score(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                          dg_err *err)
{
    dg_stepper *s = ((struct dg_step_of *)from)->all;
    const dg_list_wish *w = s->wish;
    dg_hit all[DG_MAX_IDS];
    float score[DG_MAX_IDS];
    int found = 0;
    *n = 0;
    if (!s->learned) return DG_OK;
    const dg_status st =
        dg_ranker_score(s->node->ranker, &w->whom->taste, w->given, w->n_given, score, err);
    for (int g = 0; g < w->n_given && st == DG_OK; g++)
        if (has(goods, w->given[g])) all[found++] = (dg_hit){score[g], w->given[g]};
    qsort(all, (size_t)found, sizeof *all, best_first);
    *n = found < k ? found : k;
    memcpy(hit, all, (size_t)*n * sizeof *hit);
    return st;
}

static dg_status by_group(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                          dg_err *err)
{
    const struct dg_step_of *step = from;
    const dg_groups *lists = step->all->lists[step->at];
    const int32_t group = step->all->group[step->at];
    (void)err;
    *n = 0;
    for (int64_t p = lists->ptr[group]; p < lists->ptr[group + 1] && *n < k; p++)
        if (has(goods, lists->item[p]))
            hit[(*n)++] = (dg_hit){(float)lists->count[p], lists->item[p]};
    return DG_OK;
}

static dg_status by_popularity(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                               dg_err *err)
{
    const dg_stepper *s = ((struct dg_step_of *)from)->all;
    const dg_allowed allowed = {.bits = goods};
    dg_list list = {.hit = hit};
    (void)err;
    dg_ranker_popular(s->node->ranker, &allowed, k, "", &list);
    *n = list.n;
    for (int h = 0; h < list.n; h++)
        hit[h].score = (float)s->node->artifact->popularity[hit[h].index];
    return DG_OK;
}

static void add_step(dg_stepper *s, dg_list_source source, dg_best_fn *best, dg_wish *w)
{
    if (s->n == DG_LADDER_MAX) return;
    s->step[s->n] = (struct dg_step_of){s, s->n};
    s->source[s->n] = source;
    w->step[s->n] = (dg_ladder_step){dg_source_name(source), best, &s->step[s->n]};
    w->n_steps = ++s->n;
}

static void add_group(dg_stepper *s, dg_list_source source, const dg_groups *lists, int32_t group,
                      dg_wish *w)
{
    if (s->n == DG_LADDER_MAX - 1) return; /* the last is for popular goods */
    s->lists[s->n] = lists;
    s->group[s->n] = group;
    add_step(s, source, by_group, w);
}

/* What people alike take, then what is taken here, then what is taken at all. */
static void add_ladder(dg_stepper *s, dg_wish *w)
{
    const dg_artifact *a = s->node->artifact;
    const int64_t user = w->occasion.asked.user;
    for (int32_t k = 0; k < a->n_segments && user >= 0; k++) {
        const dg_attribute *of = &a->user_attributes.at[a->segment[k].attribute];
        for (int64_t p = of->ptr[user]; p < of->ptr[user + 1]; p++)
            add_group(s, DG_SOURCE_SEGMENT, &a->segment[k].lists, of->code[p], w);
    }
    const int32_t scene = dg_groups_find(&a->scenes, w->occasion.scene, w->occasion.n_scene);
    if (w->occasion.n_scene > 0 && scene >= 0) add_group(s, DG_SOURCE_SCENE, &a->scenes, scene, w);
    add_step(s, DG_SOURCE_POPULAR, by_popularity, w);
}

/* Cosine of the taste columns; 0 for goods without. */
static double alike(void *from, int32_t x, int32_t y)
{
    const dg_artifact *a = from;
    float room[2][DG_FACTORS_ROOM];
    const float *p = dg_factors_row(&a->item_factor, x, room[0]);
    const float *q = dg_factors_row(&a->item_factor, y, room[1]);
    double dot = 0, pp = 0, qq = 0;
    for (int32_t c = 0; c < a->similar_cols; c++) {
        dot += (double)p[c] * (double)q[c];
        pp += (double)p[c] * (double)p[c];
        qq += (double)q[c] * (double)q[c];
    }
    const double norm = sqrt(pp) * sqrt(qq);
    return norm > 0 ? dot / norm : 0;
}

static void set_wish(const dg_node *node, const dg_terms *t, const dg_list_wish *wish, dg_wish *w)
{
    static const char *const path[] = {"recommend", "similar", "rank"};
    const dg_request *r = wish->request;
    const dg_selection *s = wish->selection;
    *w = (dg_wish){.goods = node->goods,
                   .rules = t->rules,
                   .occasion = {.asked = {t->current, wish->whom == NULL ? -1 : wish->whom->user},
                                .path = path[wish->kind],
                                .scene = r->scene,
                                .n_scene = r->n_scene,
                                .now = (int64_t)time(NULL)},
                   .k = r->k,
                   .filter = t->filtered ? &t->filter : NULL,
                   .diversity = r->diversity,
                   .alike = t->alike_by < 0 ? alike : NULL,
                   .alike_from = node->artifact,
                   .alike_by = t->alike_by,
                   .n_caps = t->n_caps};
    memcpy(w->occasion.named, t->named, sizeof t->named);
    memcpy(w->cap, t->cap, sizeof t->cap);
    if (s != NULL) {
        w->only = s->wanted.bits;
        w->exclude = (dg_item_list){s->wanted.skip, s->wanted.n_skip};
    }
    if (wish->whom != NULL && r->exclude_seen && wish->kind == DG_LIST_OF_TASTE)
        w->seen = (dg_item_list){wish->whom->unseen.skip, wish->whom->unseen.n_skip};
}

static const char *reason_of(const dg_stepper *s, const dg_chosen *chosen)
{
    const dg_list_wish *w = s->wish;
    if (chosen->n == 0) return "none_allowed";
    if (chosen->with_seen) return "all_seen";
    if (s->source[chosen->at[0].step] == s->source[0]) return NULL;
    if (w->kind == DG_LIST_OF_ITEM) return "no_vector";
    if (s->learned) return "none_ranked";
    return w->request->n_id > 0 && w->whom->user < 0 ? "unknown_user" : "no_profile";
}

dg_status dg_list_make(const dg_node *node, const dg_terms *terms, const dg_list_wish *wish,
                       dg_list *list, dg_chosen *chosen, dg_err *err)
{
    static dg_best_fn *const first[] = {by_taste, by_item, by_score};
    dg_stepper s = {.node = node, .wish = wish, .learned = true};
    dg_wish w;
    int32_t itself = (int32_t)wish->item;
    set_wish(node, terms, wish, &w);
    if (wish->kind == DG_LIST_OF_GIVEN) s.learned = dg_whom_is_learned(node->artifact, wish->whom);
    if (wish->kind == DG_LIST_OF_ITEM) w.exclude = (dg_item_list){&itself, 1};
    add_step(&s, wish->kind == DG_LIST_OF_ITEM ? DG_SOURCE_ITEM : DG_SOURCE_USER, first[wish->kind],
             &w);
    add_ladder(&s, &w);
    const dg_status st = dg_choose(&w, chosen, err);
    if (st != DG_OK) return st;
    list->n = chosen->n;
    list->reason = reason_of(&s, chosen);
    for (int k = 0; k < chosen->n; k++) {
        list->hit[k] = (dg_hit){chosen->at[k].score, chosen->at[k].item};
        chosen->at[k].step = (int)s.source[chosen->at[k].step];
    }
    list->source = chosen->n > 0 ? (dg_list_source)chosen->at[0].step : DG_SOURCE_POPULAR;
    list->excludes_seen = w.seen.n > 0 || wish->request->exclude_seen;
    if (chosen->with_seen) list->excludes_seen = false;
    return DG_OK;
}
