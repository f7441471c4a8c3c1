#include "serve/node.h"

#include "base/clock.h"
#include "base/memory.h"
#include "serve/answers.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

const dg_artifact *dg_node_artifact(const dg_node *node) { return node->artifact; }

dg_reply dg_node_answer(const dg_node *node, const dg_request *request)
{
    return request->route->answer(node, request);
}

const char *dg_node_version(const dg_node *node) { return node->version; }

dg_status dg_node_mark(dg_node *node, const char *version, const char *arm, dg_err *err)
{
    dg_text *t = &node->mark;
    dg_text_free(t);
    snprintf(node->version, sizeof node->version, "%s", version);
    dg_json_member(t, "model", node->artifact->name);
    dg_json_member(t, "version", node->version);
    if (arm != NULL) dg_json_member(t, "arm", arm);
    return t->failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", node->artifact->path)
                     : DG_OK;
}

/* By the artifact alone. */
static dg_status mark(dg_node *node, dg_err *err)
{
    char version[17];
    snprintf(version, sizeof version, "%.16s", node->artifact->content);
    return dg_node_mark(node, version, NULL, err);
}

dg_status dg_node_take_events(dg_node *node, dg_eventstore *store, size_t bytes, dg_err *err)
{
    node->store = store;
    return dg_live_create(node->artifact, store, bytes, &node->live, err);
}

dg_node_lives dg_node_look(const dg_node *node)
{
    if (node->live == NULL) return (dg_node_lives){0};
    const dg_live_figures now = dg_live_look(node->live);
    return (dg_node_lives){now.people, now.bytes, now.folds};
}

void dg_node_warm(const dg_node *node)
{
    enum { TIMES = 16 };
    static const double enough = 0.008; /* seconds; lists of a million goods take some each */
    const double begun = dg_now();
    const dg_artifact *a = node->artifact;
    dg_request request = {.k = DG_DEFAULT_K, .exclude_seen = true};
    dg_refusal no;
    request.route = dg_route_find("GET", "/v1/recommend/x", &no);
    for (int64_t k = 0; k < TIMES && k < a->n_users && dg_now() - begun < enough; k++) {
        const char *id =
            dg_names_at(&a->user_id, k * a->n_users / TIMES % a->n_users, &request.n_id);
        if (request.n_id > sizeof request.id) continue;
        memcpy(request.id, id, request.n_id);
        dg_free(dg_node_answer(node, &request).owned);
    }
}

/* What was written as JSON text is handed on as JSON, checked. */
static dg_status add_json(dg_text *t, const dg_artifact *a, const char *name, const char *text,
                          dg_err *err)
{
    if (text == NULL) return DG_OK;
    json_error_t where;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    const bool good = json_is_object(value);
    json_decref(value);
    if (!good)
        return DG_FAIL(err, DG_ERR_DATA, "%s: /meta: %s is not a JSON object: %s", a->path, name,
                       where.text);
    dg_text_add(t, ",\"%s\":%s", name, text);
    return DG_OK;
}

static dg_status render_card(dg_node *node, dg_err *err)
{
    const dg_artifact *a = node->artifact;
    dg_text *t = &node->card;
    dg_text_add(t, "{\"model\":");
    dg_json_string(t, a->name, strlen(a->name));
    dg_json_member(t, "algorithm", a->algorithm);
    dg_json_member(t, "content_digest", a->content);
    dg_json_member(t, "model_digest", a->model);
    dg_json_member(t, "dataset_digest", a->dataset);
    if (a->created != NULL) dg_json_member(t, "created", a->created);
    dg_text_add(t,
                ",\"users\":%" PRId64 ",\"items\":%" PRId64 ",\"events\":%" PRId64
                ",\"n_cols\":%d,\"similar_cols\":%d",
                a->n_users, a->n_items, a->history_ptr[a->n_users], (int)a->n_cols,
                (int)a->similar_cols);
    dg_status st = add_json(t, a, "metrics", a->metrics, err);
    if (st == DG_OK) st = add_json(t, a, "card", a->card, err);
    if (st == DG_OK) st = add_json(t, a, "precision_loss", a->precision_loss, err);
    if (st != DG_OK) return st;
    dg_json_member(t, "config", a->config);
    dg_text_add(t, "}");
    return t->failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path) : DG_OK;
}

dg_status dg_node_open(const char *path, dg_node **out, dg_err *err)
{
    return dg_node_open_for(path, NULL, out, err);
}

dg_status dg_node_open_for(const char *path, const dg_access *access, dg_node **out, dg_err *err)
{
    *out = NULL;
    dg_node *node = dg_alloc(1, sizeof *node);
    if (node == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    dg_status st = dg_artifact_open_for(path, access, &node->artifact, err);
    if (st == DG_OK) st = dg_ranker_create(node->artifact, &node->ranker, err);
    if (st == DG_OK) st = dg_goods_of(node->artifact, &node->goods, err);
    if (st == DG_OK) st = render_card(node, err);
    if (st == DG_OK) st = mark(node, err);
    if (st != DG_OK) {
        dg_node_close(&node);
        return st;
    }
    *out = node;
    return DG_OK;
}

dg_status dg_node_rule(dg_node *node, const char *path, dg_err *err)
{
    return path == NULL ? DG_OK : dg_ruling_open(path, node->goods, &node->ruling, err);
}

void dg_node_close(dg_node **node)
{
    if (*node == NULL) return;
    dg_text_free(&(*node)->card);
    dg_text_free(&(*node)->mark);
    dg_live_destroy(&(*node)->live);
    dg_ruling_close(&(*node)->ruling);
    dg_goods_destroy(&(*node)->goods);
    dg_ranker_destroy(&(*node)->ranker);
    dg_artifact_close(&(*node)->artifact);
    dg_free(*node);
    *node = NULL;
}
