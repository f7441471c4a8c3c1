#include "serve/node.h"

#include "base/memory.h"
#include "base/text.h"
#include "serve/rank/links.h"
#include "serve/rank/ranker.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

struct dg_node {
    dg_artifact *artifact;
    dg_ranker *ranker;
    dg_text card; /* body of /v1/model */
};

const dg_artifact *dg_node_artifact(const dg_node *node) { return node->artifact; }

/* ---- JSON, written straight into the reply: an answer of a thousand goods is one block of memory
 * instead of five thousand small ones ---- */

/* A string with its quotes. What is not UTF-8 becomes U+FFFD, as JSON has no other way. */
static void add_string(dg_text *t, const char *bytes, size_t n)
{
    dg_text_bytes(t, "\"", 1);
    for (size_t i = 0, step; i<n; i += step> 0 ? step : 1) {
        const unsigned char c = (unsigned char)bytes[i];
        step = dg_utf8_step(bytes + i, n - i);
        if (step == 0)
            dg_text_bytes(t, "\xef\xbf\xbd", 3);
        else if (c < 0x20 || c == 0x7f)
            dg_text_add(t, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            dg_text_add(t, "\\%c", c);
        else
            dg_text_bytes(t, bytes + i, step);
    }
    dg_text_bytes(t, "\"", 1);
}

/* ,"key":"value" */
static void add_member(dg_text *t, const char *key, const char *value)
{
    dg_text_add(t, ",\"%s\":", key);
    add_string(t, value, strlen(value));
}

static void add_name(dg_text *t, const dg_names *names, int64_t row)
{
    size_t n;
    const char *at = dg_names_at(names, row, &n);
    add_string(t, at, n);
}

static dg_reply borrow(int http, const char *body, size_t n)
{
    return (dg_reply){http, body, n, NULL};
}

static dg_reply reply_no_memory(void)
{
    static const char none[] =
        "{\"error\":{\"code\":\"out_of_memory\",\"message\":\"out of memory\"}}";
    return borrow(500, none, sizeof none - 1);
}

/* Takes the text over. */
static dg_reply reply_text(int http, dg_text *t)
{
    if (!t->failed) return (dg_reply){http, t->at, t->n, t->at};
    dg_text_free(t);
    return reply_no_memory();
}

dg_reply dg_reply_refusal(const dg_refusal *no)
{
    dg_text t = {0};
    dg_text_add(&t, "{\"error\":{\"code\":\"%s\"", no->code);
    add_member(&t, "message", no->message);
    dg_text_add(&t, "}}");
    return reply_text(no->http, &t);
}

static double shown_score(const dg_artifact *a, const dg_list *list, dg_hit hit)
{
    const double score = (double)hit.score;
    if (list->source != DG_SOURCE_USER || !a->clipped) return score;
    return score < a->clip_min ? a->clip_min : score > a->clip_max ? a->clip_max : score;
}

/* ,"source":…,"items":[…]} */
static void add_list(dg_text *t, const dg_artifact *a, const dg_list *list)
{
    static const char *const sources[] = {"user", "item", "popular"};
    add_member(t, "source", sources[list->source]);
    if (list->reason != NULL) add_member(t, "reason", list->reason);
    dg_text_add(t, ",\"items\":[");
    for (int place = 0; place < list->n; place++) {
        const dg_hit hit = list->hit[place];
        dg_text_add(t, "%s{\"item\":", place > 0 ? "," : "");
        add_name(t, &a->item_id, hit.index);
        if (a->item_title.n > 0) {
            dg_text_add(t, ",\"title\":");
            add_name(t, &a->item_title, hit.index);
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
    dg_refusal no;
    if (status == DG_ERR_NOMEM) return reply_no_memory();
    dg_refuse(&no, 500, "not_finite", "the model \"%s\" cannot rank here: %s", node->artifact->name,
              err->text);
    return dg_reply_refusal(&no);
}

static dg_reply refuse_unknown(const dg_node *node, bool user, const char *id, size_t n)
{
    dg_refusal no;
    dg_refuse(&no, 404, user ? "unknown_user" : "unknown_item",
              "the model \"%s\" has no %s \"%.*s\"", node->artifact->name, user ? "user" : "item",
              (int)n, id);
    return dg_reply_refusal(&no);
}

static dg_reply recommend(const dg_node *node, const dg_request *request)
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
    add_string(&t, request->id, request->n_id);
    add_member(&t, "model", a->name);
    dg_text_add(&t, ",\"exclude_seen\":%s", list.excludes_seen ? "true" : "false");
    add_list(&t, a, &list);
    return reply_text(200, &t);
}

static dg_reply similar(const dg_node *node, const dg_request *request)
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
    add_string(&t, request->id, request->n_id);
    if (a->item_title.n > 0) {
        dg_text_add(&t, ",\"title\":");
        add_name(&t, &a->item_title, item);
    }
    add_member(&t, "model", a->name);
    add_list(&t, a, &list);
    return reply_text(200, &t);
}

static dg_reply similar_users(const dg_node *node, const dg_request *request)
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
    add_string(&t, request->id, request->n_id);
    add_member(&t, "model", a->name);
    dg_text_add(&t, ",\"users\":[");
    for (int place = 0; place < list.n; place++) {
        dg_text_add(&t, "%s{\"user\":", place > 0 ? "," : "");
        add_name(&t, &a->user_id, hit[place].index);
        dg_text_add(&t, ",\"score\":%.7g,\"rank\":%d}", (double)hit[place].score, place + 1);
    }
    dg_text_add(&t, "]}");
    return reply_text(200, &t);
}

static void add_reason(dg_text *t, const dg_artifact *a, const dg_reasons *why, int64_t k)
{
    const dg_reason *r = why->at + k;
    dg_text_add(t, "%s{\"%s\":", k > 0 ? "," : "", why->of_users ? "user" : "item");
    add_name(t, why->of_users ? &a->user_id : &a->item_id, r->row);
    if (!why->of_users && a->item_title.n > 0) {
        dg_text_add(t, ",\"title\":");
        add_name(t, &a->item_title, r->row);
    }
    dg_text_add(t, ",\"similarity\":%.7g,\"value\":%.7g,\"contribution\":%.9g}", (double)r->weight,
                (double)r->value, r->contribution);
}

/* The k largest contributions, and the sum of the others: base, reasons and others are the score.
 */
static dg_reply explain(const dg_node *node, const dg_request *request)
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
    if (a->profile.ptr == NULL) {
        dg_refusal no;
        dg_refuse(&no, 409, "no_reasons",
                  "the model \"%s\" (%s) knows no neighbours to explain a score by", a->name,
                  a->algorithm);
        return dg_reply_refusal(&no);
    }
    const dg_taste taste = dg_taste_of(a, user);
    const dg_status st = dg_links_explain(a, &taste, item, &why, &err);
    if (st != DG_OK) return refuse_ranking(node, st, &err);
    const int64_t shown = why.n < request->k ? why.n : request->k;
    for (int64_t k = shown; k < why.n; k++) others += why.at[k].contribution;
    dg_text_add(&t, "{\"user\":");
    add_string(&t, request->id, request->n_id);
    dg_text_add(&t, ",\"item\":");
    add_string(&t, request->item, request->n_item);
    add_member(&t, "model", a->name);
    dg_text_add(&t, ",\"score\":%.9g,\"base\":%.9g,\"others\":%.9g,\"reasons\":[", why.score,
                why.base, others);
    for (int64_t k = 0; k < shown; k++) add_reason(&t, a, &why, k);
    dg_text_add(&t, "]}");
    dg_free(why.at);
    return reply_text(200, &t);
}

dg_reply dg_node_answer(const dg_node *node, const dg_request *request)
{
    static const char ok[] = "{\"status\":\"ok\"}", ready[] = "{\"status\":\"ready\"}";
    switch (request->route) {
    case DG_ROUTE_RECOMMEND: return recommend(node, request);
    case DG_ROUTE_SIMILAR: return similar(node, request);
    case DG_ROUTE_SIMILAR_USERS: return similar_users(node, request);
    case DG_ROUTE_EXPLAIN: return explain(node, request);
    case DG_ROUTE_MODEL: return borrow(200, node->card.at, node->card.n);
    case DG_ROUTE_HEALTH: return borrow(200, ok, sizeof ok - 1);
    case DG_ROUTE_READY: break;
    }
    return borrow(200, ready, sizeof ready - 1);
}

/* Metrics were written as JSON text; hand them on as JSON, checked. */
static dg_status add_metrics(dg_text *t, const dg_artifact *a, dg_err *err)
{
    if (a->metrics == NULL) return DG_OK;
    json_error_t where;
    json_t *metrics = json_loads(a->metrics, JSON_REJECT_DUPLICATES, &where);
    if (metrics == NULL)
        return DG_FAIL(err, DG_ERR_DATA, "%s: /meta: metrics is not JSON: %s", a->path, where.text);
    json_decref(metrics);
    dg_text_add(t, ",\"metrics\":%s", a->metrics);
    return DG_OK;
}

static dg_status render_card(dg_node *node, dg_err *err)
{
    const dg_artifact *a = node->artifact;
    dg_text *t = &node->card;
    dg_text_add(t, "{\"model\":");
    add_string(t, a->name, strlen(a->name));
    add_member(t, "algorithm", a->algorithm);
    add_member(t, "content_digest", a->content);
    add_member(t, "model_digest", a->model);
    add_member(t, "dataset_digest", a->dataset);
    if (a->created != NULL) add_member(t, "created", a->created);
    dg_text_add(t,
                ",\"users\":%" PRId64 ",\"items\":%" PRId64 ",\"events\":%" PRId64
                ",\"n_cols\":%d,\"similar_cols\":%d",
                a->n_users, a->n_items, a->history_ptr[a->n_users], (int)a->n_cols,
                (int)a->similar_cols);
    const dg_status st = add_metrics(t, a, err);
    if (st != DG_OK) return st;
    add_member(t, "config", a->config);
    dg_text_add(t, "}");
    return t->failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path) : DG_OK;
}

dg_status dg_node_open(const char *path, dg_node **out, dg_err *err)
{
    *out = NULL;
    dg_node *node = dg_alloc(1, sizeof *node);
    if (node == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    dg_status st = dg_artifact_open(path, &node->artifact, err);
    if (st == DG_OK) st = dg_ranker_create(node->artifact, &node->ranker, err);
    if (st == DG_OK) st = render_card(node, err);
    if (st != DG_OK) {
        dg_node_close(&node);
        return st;
    }
    *out = node;
    return DG_OK;
}

void dg_node_close(dg_node **node)
{
    if (*node == NULL) return;
    dg_text_free(&(*node)->card);
    dg_ranker_destroy(&(*node)->ranker);
    dg_artifact_close(&(*node)->artifact);
    dg_free(*node);
    *node = NULL;
}
