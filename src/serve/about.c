#include "serve/answers.h"

#include "base/memory.h"
#include "serve/whom.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void add_titled(dg_text *t, const dg_artifact *a, int64_t item)
{
    dg_text_add(t, "\"item\":");
    dg_json_name(t, &a->item_id, item);
    if (a->item_title.n == 0) return;
    dg_text_add(t, ",\"title\":");
    dg_json_name(t, &a->item_title, item);
}

static dg_reply refuse(const dg_node *node, dg_status status, const dg_err *err)
{
    dg_refusal no;
    dg_refuse_status(&no, node, status, err);
    return dg_reply_refusal(&no);
}

static void add_reason(dg_text *t, const dg_artifact *a, const dg_reasons *why, int64_t k)
{
    const dg_reason *r = why->at + k;
    dg_text_bytes(t, ",{", k > 0 ? 2 : 0);
    if (k == 0) dg_text_bytes(t, "{", 1);
    if (why->of_users) {
        dg_text_add(t, "\"user\":");
        dg_json_name(t, &a->user_id, r->row);
    } else {
        add_titled(t, a, r->row);
    }
    dg_text_add(t, ",\"similarity\":%.7g,\"value\":%.7g,\"contribution\":%.9g}", (double)r->weight,
                (double)r->value, r->contribution);
}

static void give_back(const dg_node *node, dg_person *person, dg_lived *held)
{
    if (held == NULL)
        dg_person_destroy(&person);
    else
        dg_live_leave(node->live, held);
}

/* The score as lists have it, before it is clipped. */
static dg_status score_of(const dg_node *node, const dg_whom *whom, int32_t item, double *out,
                          dg_err *err)
{
    float score = 0;
    const dg_status st = dg_ranker_score(node->ranker, &whom->taste, &item, 1, &score, err);
    *out = (double)score;
    return st;
}

/* The k largest contributions, and the sum of the others. */
static void write_reasons(const dg_artifact *a, const dg_request *request, const dg_reasons *why,
                          dg_text *t)
{
    const int64_t shown = why->n < request->k ? why->n : request->k;
    double others = 0;
    for (int64_t k = shown; k < why->n; k++) others += why->at[k].contribution;
    dg_text_add(t, ",\"base\":%.9g,\"others\":%.9g,\"reasons\":[", why->base, others);
    for (int64_t k = 0; k < shown; k++) add_reason(t, a, why, k);
    dg_text_add(t, "]}");
}

/* What a model of factors learned of a user it learned while items still moved: what its row says
 * beyond the items as they are now is told apart. */
static void write_explanation(const dg_node *node, const dg_request *request, double listed,
                              double unsure, const dg_reasons *why, dg_text *t)
{
    const dg_artifact *a = node->artifact;
    dg_text_add(t, "{\"user\":");
    dg_json_string(t, request->id, request->n_id);
    dg_text_add(t, ",\"item\":");
    dg_json_string(t, request->item, request->n_item);
    dg_text_bytes(t, node->mark.at, node->mark.n);
    dg_text_add(t, ",\"score\":%.9g", a->n_cols > 0 ? listed : why->score);
    if (a->n_cols > 0) dg_text_add(t, ",\"unsettled\":%.9g", listed - why->score);
    if (a->n_cols > 0 && !isnan(unsure)) dg_text_add(t, ",\"uncertainty\":%.9g", unsure);
    write_reasons(a, request, why, t);
}

dg_reply dg_answer_explain(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    float room[DG_FACTORS_ROOM];
    dg_reasons why = {0};
    dg_person *person = NULL;
    dg_lived *held = NULL;
    dg_whom whom;
    dg_refusal no;
    dg_text t = {0};
    dg_err err;
    double listed = 0, unsure = 0;
    const int64_t item = dg_names_find(&a->item_id, request->item, request->n_item);
    if (!dg_whom_find(node, request, room, &whom, &no)) return dg_reply_refusal(&no);
    dg_reply reply;
    if (whom.user < 0 && !whom.lived) {
        reply = dg_refuse_unknown(node, true, request->id, request->n_id);
    } else if (item < 0) {
        reply = dg_refuse_unknown(node, false, request->item, request->n_item);
    } else if (a->n_cols > 0 && !a->fold.known) {
        reply = dg_reply_refuse(409, "no_reasons",
                                "the model \"%s\" (%s) does not say what its rows were solved from",
                                a->name, a->algorithm);
    } else {
        dg_status st = a->n_cols > 0 ? score_of(node, &whom, (int32_t)item, &listed, &err) : DG_OK;
        if (st == DG_OK) st = dg_whom_person(node, request, whom.user, &person, &held, &err);
        if (st == DG_OK) st = dg_person_explain(person, (int32_t)item, &why, &unsure, &err);
        if (st == DG_OK) write_explanation(node, request, listed, unsure, &why, &t);
        reply = st == DG_OK ? dg_reply_take(200, &t) : refuse(node, st, &err);
    }
    dg_free(why.at);
    give_back(node, person, held);
    dg_whom_close(&whom);
    return reply;
}

static void add_values(dg_text *t, const dg_attribute *of, int64_t row)
{
    if (of->type == DG_ATTRIBUTE_NUMBER) {
        dg_text_add(t, "%.15g", of->number[row]);
        return;
    }
    if (of->type == DG_ATTRIBUTE_LIST) dg_text_bytes(t, "[", 1);
    for (int64_t p = of->ptr[row]; p < of->ptr[row + 1]; p++) {
        size_t n;
        const char *value = dg_attribute_text(of, of->code[p], &n);
        if (p > of->ptr[row]) dg_text_bytes(t, ",", 1);
        dg_json_string(t, value, n);
    }
    if (of->type == DG_ATTRIBUTE_LIST) dg_text_bytes(t, "]", 1);
}

/* ,"attributes":{…}: those the row does not miss. */
static void add_attributes(dg_text *t, const dg_attributes *all, int64_t row)
{
    bool first = true;
    if (all->n == 0) return;
    dg_text_add(t, ",\"attributes\":{");
    for (int32_t k = 0; k < all->n; k++) {
        const dg_attribute *of = &all->at[k];
        if (of->number != NULL ? isnan(of->number[row]) : of->ptr[row] == of->ptr[row + 1])
            continue;
        if (!first) dg_text_bytes(t, ",", 1);
        dg_json_string(t, of->name, of->n_name);
        dg_text_bytes(t, ":", 1);
        add_values(t, of, row);
        first = false;
    }
    dg_text_bytes(t, "}", 1);
}

dg_reply dg_answer_item(const dg_node *node, const dg_request *request)
{
    const dg_artifact *a = node->artifact;
    dg_text t = {0};
    const int64_t item = dg_names_find(&a->item_id, request->id, request->n_id);
    if (item < 0) return dg_refuse_unknown(node, false, request->id, request->n_id);
    dg_text_bytes(&t, "{", 1);
    add_titled(&t, a, item);
    dg_text_bytes(&t, node->mark.at, node->mark.n);
    dg_text_add(&t, ",\"popularity\":%" PRId64, a->popularity[item]);
    add_attributes(&t, &a->item_attributes, item);
    dg_text_bytes(&t, "}", 1);
    return dg_reply_take(200, &t);
}

/* The k items of most value; equal ones by row. */
typedef struct met {
    float value;
    int32_t item;
} met;

static int most_first(const void *a, const void *b)
{
    const met *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static dg_status write_profile(const dg_node *node, const dg_request *request, dg_person *p,
                               int64_t n_seen, dg_text *t, dg_err *err)
{
    const int32_t *item;
    const float *value;
    const int64_t n = dg_person_met(p, &item, &value);
    met *all = dg_alloc((size_t)n, sizeof *all);
    if (all == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a profile");
    for (int64_t k = 0; k < n; k++) all[k] = (met){value[k], item[k]};
    qsort(all, (size_t)n, sizeof *all, most_first);
    dg_text_add(t, "{\"user\":");
    dg_json_string(t, request->id, request->n_id);
    dg_text_bytes(t, node->mark.at, node->mark.n);
    dg_text_add(t, ",\"seen\":%" PRId64 ",\"rated\":%" PRId64 ",\"items\":[", n_seen, n);
    for (int64_t k = 0; k < n && k < request->k; k++) {
        dg_text_add(t, "%s{", k > 0 ? "," : "");
        add_titled(t, node->artifact, all[k].item);
        dg_text_add(t, ",\"value\":%.7g}", (double)all[k].value);
    }
    dg_text_add(t, "]}");
    dg_free(all);
    return DG_OK;
}

dg_reply dg_answer_profile(const dg_node *node, const dg_request *request)
{
    float room[DG_FACTORS_ROOM];
    dg_person *person = NULL;
    dg_lived *held = NULL;
    dg_whom whom;
    dg_refusal no;
    dg_text t = {0};
    dg_err err;
    if (!dg_whom_find(node, request, room, &whom, &no)) return dg_reply_refusal(&no);
    if (whom.user < 0 && !whom.lived)
        return dg_refuse_unknown(node, true, request->id, request->n_id);
    dg_status st = dg_whom_person(node, request, whom.user, &person, &held, &err);
    if (st == DG_OK) st = write_profile(node, request, person, whom.unseen.n_skip, &t, &err);
    give_back(node, person, held);
    dg_whom_close(&whom);
    return st == DG_OK ? dg_reply_take(200, &t) : refuse(node, st, &err);
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
