#include "cli/page.h"

#include "base/file.h"
#include "base/memory.h"
#include "job/champion.h"
#include "job/figures.h"
#include "report/page.h"
#include "serve/answers.h"

#include <stdlib.h>
#include <string.h>

enum { LIST = 8, HISTORY = 10, REASONS = 2 };

typedef struct length {
    int64_t n;
    int64_t row;
} length;

static int by_length(const void *a, const void *b)
{
    const length *x = a, *y = b;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Title of an item, else its id. */
static json_t *name_of(const dg_artifact *a, int64_t item)
{
    size_t n;
    const dg_names *names = a->item_title.n > 0 ? &a->item_title : &a->item_id;
    const char *at = dg_names_at(names, item, &n);
    json_t *name = json_stringn(at, n);
    return name != NULL ? name : json_string("?"); /* not UTF-8 */
}

static json_t *history_json(const dg_artifact *a, int64_t user)
{
    json_t *out = json_array();
    const int64_t begin = a->history_ptr[user], end = a->history_ptr[user + 1];
    for (int64_t k = begin; k < end && k < begin + HISTORY; k++)
        json_array_append_new(out, name_of(a, a->history_item[k]));
    if (end - begin > HISTORY) {
        char more[40];
        snprintf(more, sizeof more, "and %lld more", (long long)(end - begin - HISTORY));
        json_array_append_new(out, json_string(more));
    }
    return out;
}

static json_t *ask(const dg_node *node, dg_asker *answer, const dg_request *request)
{
    const dg_reply reply = answer(node, request);
    json_t *out = reply.http == 200 ? json_loadb(reply.body, reply.n, 0, NULL) : NULL;
    dg_free(reply.owned);
    return out;
}

static const char *shown(const json_t *o)
{
    const char *title = json_string_value(json_object_get(o, "title"));
    return title != NULL ? title : json_string_value(json_object_get(o, "item"));
}

/* What speaks most for an item, by name; nothing where the model knows no reasons. */
static json_t *because(const dg_node *node, dg_request *request, const char *item)
{
    json_t *out = json_array(), *reason;
    size_t k;
    request->n_item = strlen(item);
    request->k = REASONS;
    if (request->n_item > sizeof request->item) return out;
    memcpy(request->item, item, request->n_item);
    json_t *answer = ask(node, dg_answer_explain, request);
    json_array_foreach(json_object_get(answer, "reasons"), k, reason)
    {
        const bool speaks = json_number_value(json_object_get(reason, "contribution")) > 0;
        if (speaks && shown(reason) != NULL) json_array_append_new(out, json_string(shown(reason)));
    }
    json_decref(answer);
    return out;
}

static json_t *items_json(const dg_node *node, dg_request *request)
{
    json_t *out = json_array(), *item, *answer = ask(node, dg_answer_recommend, request);
    size_t k;
    json_array_foreach(json_object_get(answer, "items"), k, item)
    {
        const char *id = json_string_value(json_object_get(item, "item"));
        json_array_append_new(out, json_pack("{s:s, s:O, s:o}", "name", shown(item), "score",
                                             json_object_get(item, "score"), "because",
                                             because(node, request, id)));
    }
    json_decref(answer);
    return out;
}

static json_t *example_json(const dg_node *node, int64_t user)
{
    const dg_artifact *a = dg_node_artifact(node);
    dg_request request = {.k = LIST, .exclude_seen = true};
    const char *id = dg_names_at(&a->user_id, user, &request.n_id);
    memcpy(request.id, id, request.n_id < sizeof request.id ? request.n_id : sizeof request.id);
    json_t *name = json_stringn(id, request.n_id);
    return json_pack("{s:o, s:o, s:o}", "user", name != NULL ? name : json_string("?"), "history",
                     history_json(a, user), "items", items_json(node, &request));
}

/* Users at even places in the order of their histories' lengths: few and many, nobody chosen by
 * hand. */
static json_t *examples_of(const dg_node *node, int64_t wanted)
{
    const dg_artifact *a = dg_node_artifact(node);
    json_t *out = json_array();
    length *users = dg_alloc((size_t)a->n_users, sizeof *users);
    int64_t first = 0;
    for (int64_t u = 0; users != NULL && u < a->n_users; u++)
        users[u] = (length){a->history_ptr[u + 1] - a->history_ptr[u], u};
    if (users != NULL) qsort(users, (size_t)a->n_users, sizeof *users, by_length);
    while (users != NULL && first < a->n_users && users[first].n == 0) first++;
    for (int64_t k = 0; users != NULL && k < wanted && first < a->n_users; k++) {
        const int64_t at = first + (a->n_users - first) * (2 * k + 1) / (2 * wanted);
        json_array_append_new(out, example_json(node, users[at].row));
    }
    dg_free(users);
    return out;
}

/* None where the artifact cannot be opened: an encrypted one is for its nodes to read. */
static json_t *examples_json(const dg_work *w)
{
    char path[DG_WORK_PATH];
    dg_node *node = NULL;
    dg_err ignored;
    const int64_t wanted = w->job->report.examples;
    if (wanted == 0 || dg_node_open(dg_work_path(w, "artifact.h5", path), &node, &ignored) != DG_OK)
        return json_array();
    json_t *out = examples_of(node, wanted);
    dg_node_close(&node);
    return out;
}

static dg_status write_page(const dg_work *w, const json_t *figures, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_text html = {0};
    dg_report_page(figures, &html);
    const dg_status st =
        html.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for report.html")
                    : dg_file_replace(dg_work_path(w, "report.html", path), html.at, html.n, err);
    dg_text_free(&html);
    return st;
}

dg_status dg_cli_page(dg_work *w, json_t **figures, dg_err *err)
{
    json_t *own = NULL;
    dg_status st = dg_stage_figures(w, &own, err);
    if (st == DG_OK && w->comm->rank == 0) {
        json_object_set_new(own, "examples", examples_json(w));
        st = write_page(w, own, err);
    }
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK && figures != NULL)
        *figures = own;
    else
        json_decref(own);
    return st;
}
