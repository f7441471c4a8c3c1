#include "serve/answers.h"

#include "base/memory.h"
#include "serve/rank/links.h"

#include <inttypes.h>
#include <string.h>

static double shown_score(const dg_artifact *a, const dg_list *list, dg_hit hit)
{
    const double score = (double)hit.score;
    if (list->source != DG_SOURCE_USER || !a->clipped) return score;
    return score < a->clip_min ? a->clip_min : score > a->clip_max ? a->clip_max : score;
}

const char *dg_source_name(dg_list_source source)
{
    static const char *const names[] = {"user", "item", "popular"};
    return names[source];
}

/* ,"source":…,"items":[…]} */
static void add_list(dg_text *t, const dg_artifact *a, const dg_request *request,
                     const dg_list *list)
{
    if (request->hear != NULL) request->hear(request->hearer, request, list);
    dg_json_member(t, "source", dg_source_name(list->source));
    if (list->reason != NULL) dg_json_member(t, "reason", list->reason);
    dg_text_add(t, ",\"items\":[");
    for (int place = 0; place < list->n; place++) {
        const dg_hit hit = list->hit[place];
        dg_text_add(t, "%s{\"item\":", place > 0 ? "," : "");
        dg_json_name(t, &a->item_id, hit.index);
        if (a->item_title.n > 0) {
            dg_text_add(t, ",\"title\":");
            dg_json_name(t, &a->item_title, hit.index);
        }
        if (list->source == DG_SOURCE_POPULAR)
            dg_text_add(t, ",\"score\":%" PRId64, a->popularity[hit.index]);
        else /* seven digits are all a 32-bit score has */
            dg_text_add(t, ",\"score\":%.7g", shown_score(a, list, hit));
        dg_text_add(t, ",\"rank\":%d}", place + 1);
    }
    dg_text_add(t, "]}");
}

/* What kept the ranker from a list. */
static dg_reply refuse_ranking(const dg_node *node, dg_status status, const dg_err *err)
{
    if (status == DG_ERR_NOMEM) return dg_reply_no_memory();
    return dg_reply_refuse(500, "not_finite", "the model \"%s\" cannot rank here: %s",
                           node->artifact->name, err->text);
}

static dg_reply refuse_unknown(const dg_node *node, bool user, const char *id, size_t n)
{
    return dg_reply_refuse(404, user ? "unknown_user" : "unknown_item",
                           "the model \"%s\" has no %s \"%.*s\"", node->artifact->name,
                           user ? "user" : "item", (int)n, id);
}

dg_reply dg_answer_recommend(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_hit hit[DG_MAX_K];
    dg_list list = {.hit = hit};
    dg_text t = {0};
    dg_err err;
    const int64_t user = dg_names_find(&a->user_id, request->id, request->n_id);
    const dg_status st =
        dg_ranker_recommend(node->ranker, user, request->k, request->exclude_seen, &list, &err);
    if (st != DG_OK) return refuse_ranking(node, st, &err);
    dg_text_add(&t, "{\"user\":");
    dg_json_string(&t, request->id, request->n_id);
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    dg_text_add(&t, ",\"exclude_seen\":%s", list.excludes_seen ? "true" : "false");
    add_list(&t, a, request, &list);
    return dg_reply_take(200, &t);
}

dg_reply dg_answer_similar(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_hit hit[DG_MAX_K];
    dg_list list = {.hit = hit};
    dg_text t = {0};
    dg_err err;
    const int64_t item = dg_names_find(&a->item_id, request->id, request->n_id);
    if (item < 0) return refuse_unknown(node, false, request->id, request->n_id);
    const dg_allowed all = {0};
    const dg_status st =
        dg_ranker_similar(node->ranker, (int32_t)item, &all, request->k, &list, &err);
    if (st != DG_OK) return refuse_ranking(node, st, &err);
    dg_text_add(&t, "{\"item\":");
    dg_json_string(&t, request->id, request->n_id);
    if (a->item_title.n > 0) {
        dg_text_add(&t, ",\"title\":");
        dg_json_name(&t, &a->item_title, item);
    }
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    add_list(&t, a, request, &list);
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
    if (user < 0) return refuse_unknown(node, true, request->id, request->n_id);
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

static void add_reason(dg_text *t, const dg_artifact *a, const dg_reasons *why, int64_t k)
{
    const dg_reason *r = why->at + k;
    dg_text_add(t, "%s{\"%s\":", k > 0 ? "," : "", why->of_users ? "user" : "item");
    dg_json_name(t, why->of_users ? &a->user_id : &a->item_id, r->row);
    if (!why->of_users && a->item_title.n > 0) {
        dg_text_add(t, ",\"title\":");
        dg_json_name(t, &a->item_title, r->row);
    }
    dg_text_add(t, ",\"similarity\":%.7g,\"value\":%.7g,\"contribution\":%.9g}", (double)r->weight,
                (double)r->value, r->contribution);
}

/* The k largest contributions, and the sum of the others: base, reasons and others are the score.
 */
dg_reply dg_answer_explain(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_reasons why;
    dg_text t = {0};
    dg_err err;
    double others = 0;
    const int64_t user = dg_names_find(&a->user_id, request->id, request->n_id);
    const int64_t item = dg_names_find(&a->item_id, request->item, request->n_item);
    if (user < 0) return refuse_unknown(node, true, request->id, request->n_id);
    if (item < 0) return refuse_unknown(node, false, request->item, request->n_item);
    if (a->profile.ptr == NULL)
        return dg_reply_refuse(409, "no_reasons",
                               "the model \"%s\" (%s) knows no neighbours to explain a score by",
                               a->name, a->algorithm);
    const dg_taste taste = dg_taste_of(a, user, NULL);
    const dg_status st = dg_links_explain(a, &taste, item, &why, &err);
    if (st != DG_OK) return refuse_ranking(node, st, &err);
    const int64_t shown = why.n < request->k ? why.n : request->k;
    for (int64_t k = shown; k < why.n; k++) others += why.at[k].contribution;
    dg_text_add(&t, "{\"user\":");
    dg_json_string(&t, request->id, request->n_id);
    dg_text_add(&t, ",\"item\":");
    dg_json_string(&t, request->item, request->n_item);
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    dg_text_add(&t, ",\"score\":%.9g,\"base\":%.9g,\"others\":%.9g,\"reasons\":[", why.score,
                why.base, others);
    for (int64_t k = 0; k < shown; k++) add_reason(&t, a, &why, k);
    dg_text_add(&t, "]}");
    dg_free(why.at);
    return dg_reply_take(200, &t);
}

dg_reply dg_answer_model(const dg_node *node, const dg_request *request)
{
    (void)request;
    return dg_reply_borrow(200, node->card.at, node->card.n);
}

dg_reply dg_answer_health(const dg_node *node, const dg_request *request)
{
    static const char ok[] = "{\"status\":\"ok\"}";
    (void)node, (void)request;
    return dg_reply_borrow(200, ok, sizeof ok - 1);
}

dg_reply dg_answer_ready(const dg_node *node, const dg_request *request)
{
    static const char ready[] = "{\"status\":\"ready\"}";
    (void)node, (void)request;
    return dg_reply_borrow(200, ready, sizeof ready - 1);
}
