#include "serve/answers.h"

#include "base/memory.h"
#include "serve/lists.h"
#include "serve/selection.h"
#include "serve/whom.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BATCH_HITS = 100000 }; /* of all lists of a batch together */

double dg_answer__score(const dg_artifact *a, const dg_list *list, dg_hit hit)
{
    const double score = (double)hit.score;
    if (list->beside != NULL) return score; /* of its own step, boosted */
    if (list->source == DG_SOURCE_POPULAR) return (double)a->popularity[hit.index];
    if (list->source != DG_SOURCE_USER || !a->clipped) return score;
    return score < a->clip_min ? a->clip_min : score > a->clip_max ? a->clip_max : score;
}

const char *dg_source_name(dg_list_source source)
{
    static const char *const names[] = {"user", "item", "popular", "segment", "scene"};
    return names[source];
}

/* ,"step":…,"rules":[…] where a good has its own step, or rules moved it. */
static void add_beside(dg_text *t, const dg_beside *b, dg_list_source source, int place)
{
    int n;
    bool first = true;
    const dg_chosen_item *item = &b->chosen->at[place];
    const dg_rule *rule = dg_rules_at(b->rules, &n);
    if ((dg_list_source)item->step != source)
        dg_json_member(t, "step", dg_source_name((dg_list_source)item->step));
    for (int k = 0; k < n; k++) {
        if ((item->rules[k / 64] >> (k % 64) & 1) == 0) continue;
        dg_text_add(t, first ? ",\"rules\":[" : ",");
        dg_json_string(t, rule[k].name, strlen(rule[k].name));
        first = false;
    }
    if (!first) dg_text_bytes(t, "]", 1);
}

/* ,"source":…,"items":[…] */
static void add_list(dg_text *t, const dg_artifact *a, const dg_request *request,
                     const dg_list *list)
{
    const dg_beside *b = list->beside;
    if (request->hear != NULL) request->hear(request->hearer, request, list);
    dg_json_member(t, "source", dg_source_name(list->source));
    if (list->reason != NULL) dg_json_member(t, "reason", list->reason);
    if (b != NULL && b->chosen->relaxed) dg_text_add(t, ",\"relaxed\":true");
    dg_text_add(t, ",\"items\":[");
    for (int place = 0; place < list->n; place++) {
        const dg_hit hit = list->hit[place];
        dg_text_add(t, "%s{\"item\":", place > 0 ? "," : "");
        dg_json_name(t, &a->item_id, hit.index);
        if (a->item_title.n > 0) {
            dg_text_add(t, ",\"title\":");
            dg_json_name(t, &a->item_title, hit.index);
        }
        if (b == NULL && list->source == DG_SOURCE_POPULAR)
            dg_text_add(t, ",\"score\":%" PRId64, a->popularity[hit.index]);
        else /* seven digits are all a 32-bit score has */
            dg_text_add(t, ",\"score\":%.7g", dg_answer__score(a, list, hit));
        if (b != NULL) add_beside(t, b, list->source, place);
        dg_text_add(t, ",\"rank\":%d}", place + 1);
    }
    dg_text_bytes(t, "]", 1);
}

void dg_answer__begin(dg_text *t, const dg_node *node, const dg_request *request)
{
    dg_text_bytes(t, "{", 1);
    if (request->name == NULL) {
        dg_text_bytes(t, node->mark.at + 1, node->mark.n - 1); /* without its comma */
        return;
    }
    dg_text_add(t, "\"request_id\":");
    dg_json_string(t, request->name, strlen(request->name));
    dg_text_bytes(t, node->mark.at, node->mark.n);
}

static void add_user(dg_text *t, const char *id, size_t n)
{
    if (n == 0) return;
    dg_text_add(t, ",\"user\":");
    dg_json_string(t, id, n);
}

static void add_unknown(dg_text *t, int64_t n)
{
    if (n > 0) dg_text_add(t, ",\"unknown_items\":%" PRId64, n);
}

dg_reply dg_refuse_unknown(const dg_node *node, bool user, const char *id, size_t n)
{
    return dg_reply_refuse(404, user ? "unknown_user" : "unknown_item",
                           "the model \"%s\" has no %s \"%.*s\"", node->artifact->name,
                           user ? "user" : "item", (int)n, id);
}

static dg_reply refuse_ranking(const dg_node *node, dg_status status, const dg_err *err)
{
    dg_refusal no;
    dg_refuse_status(&no, node, status, err);
    return dg_reply_refusal(&no);
}

/* Where the model has no list: popular goods that are allowed, then those seen before as well, as
 * a shop shows known goods rather than an empty shelf. */
static void fall_back(const dg_node *node, const dg_request *request, bool named, int64_t user,
                      const dg_selection *s, dg_list *list)
{
    const char *why = named && user < 0 ? "unknown_user" : "no_profile";
    if (list->reason == NULL)
        why = "none_ranked"; /* learned, yet every good it speaks for was seen */
    dg_ranker_popular(node->ranker, &s->allowed, request->k, why, list);
    if (list->n > 0) return;
    list->excludes_seen = false;
    dg_ranker_popular(node->ranker, &s->wanted, request->k, "all_seen", list);
    if (list->n == 0) list->reason = "none_allowed";
}

/* By the ladder: where terms or rules ask for it, or segments stand between silence and popular
 * goods. */
static dg_status make_stepped(const dg_node *node, const dg_request *request, const dg_terms *terms,
                              const dg_whom *whom, const dg_selection *s, dg_list *list,
                              dg_beside *beside, dg_err *err)
{
    const dg_list_wish wish = {
        .request = request, .kind = DG_LIST_OF_TASTE, .whom = whom, .selection = s, .item = -1};
    list->beside = beside;
    return dg_list_make(node, terms, &wish, list, beside->chosen, err);
}

/* The model listed nothing: the steps below it. */
static dg_status stand_in(const dg_node *node, const dg_request *request, const dg_terms *terms,
                          const dg_whom *whom, const dg_selection *s, dg_list *list,
                          dg_beside *beside, dg_err *err)
{
    const bool some_segment = node->artifact->n_segments > 0 && whom->user >= 0;
    fall_back(node, request, request->n_id > 0, whom->user, s, list);
    if (!some_segment || list->n == 0 || strcmp(list->reason, "all_seen") == 0) return DG_OK;
    return make_stepped(node, request, terms, whom, s, list, beside, err);
}

/* The steps of a list: taste, allowed goods, the best of them, what stands in for them. */
static dg_status make_list(const dg_node *node, const dg_request *request, const dg_terms *terms,
                           const dg_whom *whom, const dg_selection *s, dg_list *list,
                           dg_beside *beside, dg_err *err)
{
    if (terms->needs_steps) return make_stepped(node, request, terms, whom, s, list, beside, err);
    list->excludes_seen = request->exclude_seen;
    const dg_status st =
        dg_ranker_top(node->ranker, &whom->taste, &s->allowed, request->k, list, err);
    if (st != DG_OK || list->n > 0) return st;
    return stand_in(node, request, terms, whom, s, list, beside, err);
}

static void write_list(const dg_node *node, const dg_request *request, const dg_whom *whom,
                       const dg_selection *s, const dg_list *list, dg_text *t)
{
    dg_answer__begin(t, node, request);
    add_user(t, request->id, request->n_id);
    add_unknown(t, whom->unknown + s->unknown);
    dg_text_add(t, ",\"exclude_seen\":%s", list->excludes_seen ? "true" : "false");
    add_list(t, node->artifact, request, list);
    dg_text_bytes(t, "}", 1);
}

dg_reply dg_answer_recommend(const dg_node *node, const dg_request *request)
{
    dg_hit hit[DG_MAX_K];
    dg_list list = {.hit = hit};
    float room[DG_FACTORS_ROOM];
    dg_whom whom = {.user = -1};
    dg_selection s = {0};
    dg_terms terms;
    dg_chosen_item item[DG_MAX_K];
    dg_chosen chosen = {.at = item};
    dg_beside beside = {&chosen, NULL};
    dg_refusal no;
    dg_text t = {0};
    dg_err err;
    bool good = dg_terms_read(node, request, -1, &terms, &no) &&
                dg_whom_find(node, request, room, &whom, &no);
    if (good) {
        dg_status st = dg_selection_make(node->artifact, request, &whom.unseen, &s, &err);
        beside.rules = terms.rules;
        if (st == DG_OK) st = make_list(node, request, &terms, &whom, &s, &list, &beside, &err);
        good = st == DG_OK || dg_refuse_status(&no, node, st, &err);
    }
    if (good) write_list(node, request, &whom, &s, &list, &t);
    dg_selection_free(&s);
    dg_whom_close(&whom);
    dg_terms_close(node, &terms);
    return good ? dg_reply_take(200, &t) : dg_reply_refusal(&no);
}

/* ---- many users at once ---- */

typedef struct batch { /* arrays of (n,), hits of (n k,) */
    int n;
    dg_whom *whom;
    dg_selection *selection;
    dg_taste *taste;
    dg_allowed *allowed;
    dg_list *list;
    dg_hit *hit;
    float *room;
    dg_chosen *chosen; /* of lists made step by step, as beside and item */
    dg_beside *beside;
    dg_chosen_item *item; /* NULL where no list was made so */
} batch;

static bool open_batch(const dg_node *node, const dg_request *r, batch *b)
{
    const size_t n = r->list[DG_LIST_USERS].n;
    *b = (batch){.n = (int)n};
    b->whom = dg_alloc(n, sizeof *b->whom);
    b->selection = dg_alloc(n, sizeof *b->selection);
    b->taste = dg_alloc(n, sizeof *b->taste);
    b->allowed = dg_alloc(n, sizeof *b->allowed);
    b->list = dg_alloc(n, sizeof *b->list);
    b->hit = dg_alloc(n * (size_t)r->k, sizeof *b->hit);
    b->room = dg_alloc(n * (size_t)node->artifact->n_cols, sizeof *b->room);
    b->chosen = dg_alloc(n, sizeof *b->chosen);
    b->beside = dg_alloc(n, sizeof *b->beside);
    return b->chosen != NULL && b->beside != NULL && b->whom != NULL && b->selection != NULL &&
           b->taste != NULL && b->allowed != NULL && b->list != NULL && b->hit != NULL &&
           b->room != NULL;
}

static void close_batch(batch *b)
{
    for (int u = 0; u < b->n && b->whom != NULL; u++) dg_whom_close(&b->whom[u]);
    for (int u = 0; u < b->n && b->selection != NULL; u++) dg_selection_free(&b->selection[u]);
    void *const all[] = {b->whom, b->selection, b->taste,  b->allowed, b->list,
                         b->hit,  b->room,      b->chosen, b->beside,  b->item};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
}

/* The request as one of its users would have made it. */
static void as_one(const dg_request *all, int u, dg_request *one)
{
    const dg_id id = all->list[DG_LIST_USERS].at[u];
    memcpy(one->id, id.at, id.n);
    one->n_id = id.n;
    one->given |= DG_TAKES_USER; /* its id is one now, whatever the path had */
}

/* The lists that the model did not make: step by step, or what stands in for them. */
static dg_status step_batch(const dg_node *node, const dg_request *request, const dg_terms *terms,
                            dg_request *one, batch *b, dg_err *err)
{
    dg_status st = DG_OK;
    for (int u = 0; u < b->n && st == DG_OK; u++) {
        if (b->list[u].n > 0) continue;
        as_one(request, u, one);
        if (b->item == NULL) b->item = dg_alloc((size_t)b->n * (size_t)request->k, sizeof *b->item);
        if (b->item == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists", b->n);
        b->chosen[u].at = b->item + (size_t)u * (size_t)request->k;
        b->beside[u] = (dg_beside){&b->chosen[u], terms->rules};
        st = (terms->needs_steps ? make_stepped : stand_in)(
            node, one, terms, &b->whom[u], &b->selection[u], &b->list[u], &b->beside[u], err);
    }
    return st;
}

static bool rank_batch(const dg_node *node, const dg_request *request, const dg_terms *terms,
                       dg_request *one, batch *b, dg_refusal *no)
{
    const dg_artifact *a = node->artifact;
    dg_err err;
    dg_status st = DG_OK;
    for (int u = 0; u < b->n && st == DG_OK; u++) {
        as_one(request, u, one);
        if (!dg_whom_find(node, one, b->room + (size_t)u * (size_t)a->n_cols, &b->whom[u], no))
            return false;
        st = dg_selection_make(a, one, &b->whom[u].unseen, &b->selection[u], &err);
        b->taste[u] = b->whom[u].taste;
        b->allowed[u] = b->selection[u].allowed;
        b->list[u] = (dg_list){.hit = b->hit + (size_t)u * (size_t)request->k,
                               .excludes_seen = request->exclude_seen};
    }
    if (st == DG_OK && !terms->needs_steps)
        st =
            dg_ranker_top_many(node->ranker, b->n, b->taste, b->allowed, request->k, b->list, &err);
    if (st == DG_OK) st = step_batch(node, request, terms, one, b, &err);
    return st == DG_OK || dg_refuse_status(no, node, st, &err);
}

void dg_answer__heard(const dg_request *request, int u, const dg_list *list)
{
    dg_request one = *request;
    if (request->hear == NULL) return;
    as_one(request, u, &one);
    one.hear(one.hearer, &one, list);
}

static void write_batch(const dg_node *node, const dg_request *request, const dg_list *list, int n,
                        int64_t unknown, dg_text *t)
{
    dg_request one = *request;
    dg_answer__begin(t, node, request);
    add_unknown(t, unknown);
    dg_text_add(t, ",\"users\":[");
    for (int u = 0; u < n; u++) {
        as_one(request, u, &one);
        dg_text_add(t, "%s{\"user\":", u > 0 ? "," : "");
        dg_json_string(t, one.id, one.n_id);
        dg_text_add(t, ",\"exclude_seen\":%s", list[u].excludes_seen ? "true" : "false");
        add_list(t, node->artifact, &one, &list[u]);
        dg_text_bytes(t, "}", 1);
    }
    dg_text_add(t, "]}");
}

dg_reply dg_answer__many(const dg_node *node, const dg_request *request, dg_batch_writer *write)
{
    dg_request one = *request;
    dg_refusal no;
    batch b;
    dg_text t = {0};
    const size_t n = request->list[DG_LIST_USERS].n;
    if (n == 0)
        return dg_reply_refuse(400, "bad_parameter", "users must be a list of at least one id");
    if (n * (size_t)request->k > MOST_BATCH_HITS)
        return dg_reply_refuse(400, "bad_parameter",
                               "%zu users of %d goods each are more than %d goods", n, request->k,
                               MOST_BATCH_HITS);
    dg_terms terms;
    bool good =
        open_batch(node, request, &b) || dg_refuse(&no, 500, "out_of_memory", "out of memory");
    const bool read = good && dg_terms_read(node, request, -1, &terms, &no);
    good = read && rank_batch(node, request, &terms, &one, &b, &no);
    if (good) write(node, request, b.list, b.n, b.selection[0].unknown, &t);
    if (read) dg_terms_close(node, &terms);
    close_batch(&b);
    return good ? dg_reply_take(200, &t) : dg_reply_refusal(&no);
}

dg_reply dg_answer_batch(const dg_node *node, const dg_request *request)
{
    return dg_answer__many(node, request, write_batch);
}

/* ---- a list that the client brings ---- */

static int best_first(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return dg_hit_before(*x, *y) ? -1 : dg_hit_before(*y, *x);
}

/* Rows of the items that the model knows, each once. */
static int32_t known_items(const dg_artifact *a, const dg_ids *ids, int32_t *item, int64_t *unknown)
{
    int32_t n = 0;
    for (size_t k = 0; k < ids->n; k++) {
        const int64_t row = dg_names_find(&a->item_id, ids->at[k].at, ids->at[k].n);
        bool again = false;
        for (int32_t j = 0; j < n; j++) again = again || item[j] == row;
        *unknown += row < 0;
        if (row >= 0 && !again) item[n++] = (int32_t)row;
    }
    return n;
}

static dg_status rank_items(const dg_node *node, const dg_whom *whom, const int32_t *item, int n,
                            dg_list *list, dg_err *err)
{
    float score[DG_MAX_IDS];
    const dg_artifact *a = node->artifact;
    const bool learned = dg_whom_is_learned(a, whom);
    list->source = learned ? DG_SOURCE_USER : DG_SOURCE_POPULAR;
    list->reason = learned ? NULL : "no_profile";
    const dg_status st =
        learned ? dg_ranker_score(node->ranker, &whom->taste, item, n, score, err) : DG_OK;
    if (st != DG_OK) return st;
    for (int k = 0; k < n; k++)
        list->hit[k] = (dg_hit){learned ? score[k] : (float)a->popularity[item[k]], item[k]};
    list->n = n;
    qsort(list->hit, (size_t)n, sizeof *list->hit, best_first);
    return DG_OK;
}

/* The same under terms and rules: of the given goods those that are allowed. */
static dg_status rank_stepped(const dg_node *node, const dg_request *request, const dg_terms *terms,
                              const dg_whom *whom, const int32_t *item, int n, dg_list *list,
                              dg_chosen *chosen, dg_err *err)
{
    const int64_t n_items = node->artifact->n_items;
    dg_request all = *request;
    uint64_t *bits = dg_alloc(dg_allowed_words(n_items), sizeof *bits);
    if (bits == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a list");
    for (int k = 0; k < n; k++) bits[item[k] / 64] |= (uint64_t)1 << item[k] % 64;
    const dg_selection s = {.wanted = {.bits = bits}};
    const dg_list_wish wish = {.request = &all,
                               .kind = DG_LIST_OF_GIVEN,
                               .whom = whom,
                               .selection = &s,
                               .item = -1,
                               .given = item,
                               .n_given = n};
    all.k = n > 0 ? n : 1;
    const dg_status st = dg_list_make(node, terms, &wish, list, chosen, err);
    dg_free(bits);
    return st;
}

dg_reply dg_answer_rank(const dg_node *node, const dg_request *request)
{
    dg_hit hit[DG_MAX_IDS];
    int32_t item[DG_MAX_IDS];
    dg_list list = {.hit = hit};
    float room[DG_FACTORS_ROOM];
    int64_t unknown = 0;
    dg_whom whom = {.user = -1};
    dg_terms terms;
    dg_chosen_item listed[DG_MAX_IDS];
    dg_chosen chosen = {.at = listed};
    dg_refusal no;
    dg_text t = {0};
    dg_err err;
    if (request->list[DG_LIST_ITEMS].n == 0)
        return dg_reply_refuse(400, "bad_parameter", "items must be a list of at least one id");
    bool good = dg_terms_read(node, request, -1, &terms, &no) &&
                dg_whom_find(node, request, room, &whom, &no);
    if (good) {
        const int n = known_items(node->artifact, &request->list[DG_LIST_ITEMS], item, &unknown);
        const dg_status st = terms.needs_steps ? rank_stepped(node, request, &terms, &whom, item, n,
                                                              &list, &chosen, &err)
                                               : rank_items(node, &whom, item, n, &list, &err);
        good = st == DG_OK || dg_refuse_status(&no, node, st, &err);
    }
    if (good) {
        const dg_beside b = {&chosen, terms.rules};
        if (terms.needs_steps) list.beside = &b;
        dg_answer__begin(&t, node, request);
        add_user(&t, request->id, request->n_id);
        add_unknown(&t, unknown + whom.unknown);
        add_list(&t, node->artifact, request, &list);
        dg_text_bytes(&t, "}", 1);
    }
    dg_whom_close(&whom);
    dg_terms_close(node, &terms);
    return good ? dg_reply_take(200, &t) : dg_reply_refusal(&no);
}

/* ---- neighbours ---- */

dg_reply dg_answer_similar(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_hit hit[DG_MAX_K];
    dg_list list = {.hit = hit};
    dg_text t = {0};
    dg_err err;
    const int64_t item = dg_names_find(&a->item_id, request->id, request->n_id);
    dg_terms terms;
    dg_chosen_item listed[DG_MAX_K];
    dg_chosen chosen = {.at = listed};
    dg_refusal no;
    if (item < 0) return dg_refuse_unknown(node, false, request->id, request->n_id);
    if (!dg_terms_read(node, request, item, &terms, &no)) {
        dg_terms_close(node, &terms);
        return dg_reply_refusal(&no);
    }
    const dg_allowed all = {0};
    const dg_list_wish wish = {.request = request, .kind = DG_LIST_OF_ITEM, .item = item};
    const dg_status st = terms.needs_steps ? dg_list_make(node, &terms, &wish, &list, &chosen, &err)
                                           : dg_ranker_similar(node->ranker, (int32_t)item, &all,
                                                               request->k, &list, &err);
    const dg_beside b = {&chosen, terms.rules};
    if (terms.needs_steps) list.beside = &b;
    if (st != DG_OK) {
        dg_terms_close(node, &terms);
        return refuse_ranking(node, st, &err);
    }
    dg_text_add(&t, "{\"item\":");
    dg_json_string(&t, request->id, request->n_id);
    if (a->item_title.n > 0) {
        dg_text_add(&t, ",\"title\":");
        dg_json_name(&t, &a->item_title, item);
    }
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    add_list(&t, a, request, &list);
    dg_text_bytes(&t, "}", 1);
    dg_terms_close(node, &terms);
    return dg_reply_take(200, &t);
}

dg_reply dg_answer_similar_users(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_hit hit[DG_MAX_K];
    dg_list list = {.hit = hit};
    dg_text t = {0};
    dg_err err;
    const int64_t user = dg_names_find(&a->user_id, request->id, request->n_id);
    if (user < 0) return dg_refuse_unknown(node, true, request->id, request->n_id);
    const dg_status st = dg_ranker_similar_users(node->ranker, user, request->k, &list, &err);
    if (st != DG_OK) return refuse_ranking(node, st, &err);
    dg_text_add(&t, "{\"user\":");
    dg_json_string(&t, request->id, request->n_id);
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    dg_text_add(&t, ",\"users\":[");
    for (int place = 0; place < list.n; place++) {
        dg_text_add(&t, "%s{\"user\":", place > 0 ? "," : "");
        dg_json_name(&t, &a->user_id, hit[place].index);
        dg_text_add(&t, ",\"score\":%.7g,\"rank\":%d}", (double)hit[place].score, place + 1);
    }
    dg_text_add(&t, "]}");
    return dg_reply_take(200, &t);
}
