#include "serve/platforms.h"

#include "base/version.h"
#include "serve/answers.h"
#include "serve/tensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

dg_reply dg_answer_invocations(const dg_node *node, const dg_request *request)
{
    if ((request->given & DG_TAKES_USERS) == 0) return dg_answer_recommend(node, request);
    if ((request->given & (DG_TAKES_USER | DG_TAKES_TASTE)) != 0)
        return dg_reply_refuse(400, "bad_parameter", "either users, or one user or their items");
    return dg_answer_batch(node, request);
}

static dg_reply say(const char *json) { return dg_reply_borrow(200, json, strlen(json)); }

dg_reply dg_answer_v2_live(const dg_node *node, const dg_request *request)
{
    (void)node, (void)request;
    return say("{\"live\":true}");
}

dg_reply dg_answer_v2_ready(const dg_node *node, const dg_request *request)
{
    (void)node, (void)request;
    return say("{\"ready\":true}");
}

dg_reply dg_answer_v2_server(const dg_node *node, const dg_request *request)
{
    dg_text t = {0};
    (void)node, (void)request;
    dg_text_add(&t, "{\"name\":\"daogou-serve\",\"version\":\"%s\",\"extensions\":[]}",
                dg_version());
    return dg_reply_take(200, &t);
}

/* ---- models ---- */

static bool is_model(const dg_node *node, const dg_request *request, dg_refusal *no)
{
    const char *name = dg_node_artifact(node)->name;
    if (request->n_id == strlen(name) && memcmp(request->id, name, request->n_id) == 0) return true;
    return dg_refuse(no, 404, "unknown_model", "this node serves no model \"%.*s\"",
                     (int)request->n_id, request->id);
}

static void add_tensors(dg_text *t, const char *key, const dg_tensor *table)
{
    dg_text_add(t, ",\"%s\":[", key);
    for (const dg_tensor *at = table; at->name != NULL; at++) {
        const bool single = at > table && table == dg_tensor_inputs;
        dg_text_add(t, "%s{\"name\":\"%s\",\"datatype\":\"%s\",\"shape\":%s}",
                    at > table ? "," : "", at->name, at->datatype,
                    single         ? "[1]"
                    : at->per_good ? "[-1,-1]"
                                   : "[-1]");
    }
    dg_text_add(t, "]");
}

dg_reply dg_answer_v2_model(const dg_node *node, const dg_request *request)
{
    dg_refusal no;
    dg_text t = {0};
    if (!is_model(node, request, &no)) return dg_reply_refusal(&no);
    dg_text_add(&t, "{\"name\":");
    dg_json_string(&t, request->id, request->n_id);
    dg_text_add(&t, ",\"versions\":[");
    dg_json_string(&t, dg_node_version(node), strlen(dg_node_version(node)));
    dg_text_add(&t, "],\"platform\":\"daogou\"");
    add_tensors(&t, "inputs", dg_tensor_inputs);
    add_tensors(&t, "outputs", dg_tensor_outputs);
    dg_text_add(&t, "}");
    return dg_reply_take(200, &t);
}

dg_reply dg_answer_v2_model_ready(const dg_node *node, const dg_request *request)
{
    dg_refusal no;
    dg_text t = {0};
    if (!is_model(node, request, &no)) return dg_reply_refusal(&no);
    dg_text_add(&t, "{\"name\":");
    dg_json_string(&t, request->id, request->n_id);
    dg_text_add(&t, ",\"ready\":true}");
    return dg_reply_take(200, &t);
}

/* ---- inference ---- */

static bool wants(const dg_request *request, const char *output)
{
    size_t k;
    json_t *name;
    const json_t *outputs = json_object_get(request->rest, "outputs");
    json_array_foreach(outputs, k, name)
    {
        if (strcmp(json_string_value(name), output) == 0) return true;
    }
    return json_array_size(outputs) == 0;
}

/* One element of an output: of the list of a user, and for what is per_good of a place in it. Lists
 * that are shorter than k are filled up with "" and 0. */
static void add_element(dg_text *t, const dg_artifact *a, const char *output, const dg_list *list,
                        int place)
{
    const bool there = place < list->n;
    if (strcmp(output, "count") == 0)
        dg_text_add(t, "%d", list->n);
    else if (strcmp(output, "source") == 0)
        dg_text_add(t, "\"%s\"", dg_source_name(list->source));
    else if (strcmp(output, "score") == 0)
        dg_text_add(t, "%.7g", there ? dg_answer__score(a, list, list->hit[place]) : 0.0);
    else if (there)
        dg_json_name(t, &a->item_id, list->hit[place].index);
    else
        dg_text_add(t, "\"\"");
}

static void add_output(dg_text *t, const dg_artifact *a, const dg_tensor *what, const dg_list *list,
                       int n, int k)
{
    dg_text_add(t, "{\"name\":\"%s\",\"datatype\":\"%s\",\"shape\":[%d", what->name, what->datatype,
                n);
    if (what->per_good) dg_text_add(t, ",%d", k);
    dg_text_add(t, "],\"data\":[");
    for (int u = 0; u < n; u++)
        for (int place = 0; place < (what->per_good ? k : 1); place++) {
            dg_text_add(t, "%s", u + place > 0 ? "," : "");
            add_element(t, a, what->name, &list[u], place);
        }
    dg_text_add(t, "]}");
}

static void write_tensors(const dg_node *node, const dg_request *request, const dg_list *list,
                          int n, int64_t unknown, dg_text *t)
{
    const json_t *id = json_object_get(request->rest, "id");
    int n_outputs = 0;
    (void)unknown;
    dg_text_add(t, "{\"model_name\":");
    dg_json_string(t, request->id, request->n_id);
    dg_json_member(t, "model_version", dg_node_version(node));
    if (id != NULL) dg_json_member(t, "id", json_string_value(id));
    dg_text_add(t, ",\"outputs\":[");
    for (const dg_tensor *what = dg_tensor_outputs; what->name != NULL; what++) {
        if (!wants(request, what->name)) continue;
        dg_text_add(t, "%s", n_outputs++ > 0 ? "," : "");
        add_output(t, dg_node_artifact(node), what, list, n, request->k);
    }
    dg_text_add(t, "]}");
    for (int u = 0; u < n; u++) dg_answer__heard(request, u, &list[u]);
}

dg_reply dg_answer_v2_infer(const dg_node *node, const dg_request *request)
{
    dg_refusal no;
    if (!is_model(node, request, &no)) return dg_reply_refusal(&no);
    return dg_answer__many(node, request, write_tensors);
}
