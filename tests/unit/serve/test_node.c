/* Replies: every body is JSON of the documented shape, whatever the texts in the artifact hold. */
#include "artifact_file.h"
#include "base/fault.h"
#include "base/memory.h"
#include "scratch.h"
#include "serve/node.h"
#include "unit_main.h"

#include <jansson.h>
#include <math.h>

static dg_node *node;
static dg_err err;

static dg_status try_open(made_artifact *m)
{
    const char *path = scratch(getpid(), "artifact.h5");
    write_artifact(m, path);
    free_artifact(&m);
    return dg_node_open(path, &node, &err);
}

static void open_node(made_artifact *m) { ck_assert_msg(try_open(m) == DG_OK, "%s", err.text); }

static void close_node(void)
{
    dg_node_close(&node);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

/* Ask; the status must be as wanted and the body strict JSON, which the caller decrefs. */
static json_t *ask(const char *path, int k, int http)
{
    dg_request request;
    dg_refusal no;
    json_error_t where;
    ck_assert_msg(dg_request_start(&request, "GET", path, &no), "%s", no.message);
    request.k = k;
    const dg_reply reply = dg_node_answer(node, &request);
    ck_assert_int_eq(reply.http, http);
    json_t *body = json_loadb(reply.body, reply.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    ck_assert_msg(body != NULL, "%s in %s", where.text, reply.body);
    dg_free(reply.owned);
    return body;
}

static const char *text_at(json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "(none)";
}

START_TEST(a_recommendation_has_the_documented_shape)
{
    made_artifact *m = make_artifact(4, 30, 6, 1);
    const double low = -0.25, high = 0.75;
    m->clipped = true;
    m->clip_min = low, m->clip_max = high;
    open_node(m);
    json_t *body = ask("/v1/recommend/u2", 30, 200);
    json_t *items = json_object_get(body, "items");
    ck_assert_str_eq(text_at(body, "user"), "u2");
    ck_assert_str_eq(text_at(body, "model"), "fixture");
    ck_assert_str_eq(text_at(body, "source"), "user");
    ck_assert(json_is_true(json_object_get(body, "exclude_seen")));
    ck_assert_ptr_null(json_object_get(body, "reason"));
    double before = INFINITY;
    for (size_t k = 0; k < json_array_size(items); k++) {
        json_t *entry = json_array_get(items, k);
        const double score = json_number_value(json_object_get(entry, "score"));
        char title[32];
        snprintf(title, sizeof title, "Title %s", text_at(entry, "item") + strlen("item "));
        ck_assert_str_eq(text_at(entry, "title"), title);
        ck_assert_int_eq(json_integer_value(json_object_get(entry, "rank")), (json_int_t)k + 1);
        ck_assert(score <= before && score >= low && score <= high);
        before = score;
    }
    const dg_artifact *a = dg_node_artifact(node);
    const int64_t n_seen = a->history_ptr[3] - a->history_ptr[2];
    ck_assert_int_eq((int64_t)json_array_size(items), 30 - n_seen);
    json_decref(body);
    close_node();
}
END_TEST

START_TEST(fallbacks_are_marked)
{
    static const struct {
        const char *path, *reason;
        bool excludes;
    } cases[] = {{"/v1/recommend/nobody%20here", "unknown_user", true},
                 {"/v1/recommend/u0", "no_profile", true},
                 {"/v1/recommend/u1", "all_seen", false}};
    open_node(make_artifact(4, 30, 6, 2));
    const dg_artifact *a = dg_node_artifact(node);
    for (size_t k = 0; k < 3; k++) {
        json_t *body = ask(cases[k].path, 5, 200);
        json_t *items = json_object_get(body, "items");
        ck_assert_str_eq(text_at(body, "source"), "popular");
        ck_assert_str_eq(text_at(body, "reason"), cases[k].reason);
        ck_assert(json_is_true(json_object_get(body, "exclude_seen")) == cases[k].excludes);
        ck_assert_uint_eq(json_array_size(items), 5);
        for (size_t place = 0; place < 5; place++)
            ck_assert_int_eq(
                json_integer_value(json_object_get(json_array_get(items, place), "score")),
                a->popularity[a->popular[place]]);
        json_decref(body);
    }
    close_node();
}
END_TEST

START_TEST(similar_items_know_their_item)
{
    open_node(make_artifact(2, 10, 6, 3));
    json_t *body = ask("/v1/similar/item%204", 3, 200);
    ck_assert_str_eq(text_at(body, "item"), "item 4");
    ck_assert_str_eq(text_at(body, "title"), "Title 4");
    ck_assert_str_eq(text_at(body, "source"), "item");
    ck_assert_uint_eq(json_array_size(json_object_get(body, "items")), 3);
    json_decref(body);
    body = ask("/v1/similar/item%209", 3, 200); /* the one without a vector */
    ck_assert_str_eq(text_at(body, "source"), "popular");
    ck_assert_str_eq(text_at(body, "reason"), "no_vector");
    json_decref(body);
    body = ask("/v1/similar/item%20%22%5C%E8%B4%AD", 3, 404);
    json_t *error = json_object_get(body, "error");
    ck_assert_str_eq(text_at(error, "code"), "unknown_item");
    ck_assert_ptr_nonnull(strstr(text_at(error, "message"), "item \"\\购"));
    json_decref(body);
    close_node();
}
END_TEST

START_TEST(the_model_card_tells_what_is_served)
{
    open_node(make_artifact(4, 30, 6, 4));
    json_t *card = ask("/v1/model", 10, 200);
    ck_assert_str_eq(text_at(card, "model"), "fixture");
    ck_assert_str_eq(text_at(card, "algorithm"), "als");
    ck_assert_str_eq(text_at(card, "content_digest"), dg_node_artifact(node)->content);
    ck_assert_str_eq(text_at(card, "created"), "2026-01-02T03:04:05Z");
    ck_assert_str_eq(text_at(card, "config"), "model:\n  algorithm: als\n");
    ck_assert_int_eq(json_integer_value(json_object_get(card, "users")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(card, "items")), 30);
    ck_assert_int_eq(json_integer_value(json_object_get(card, "n_cols")), 6);
    json_t *metrics = json_object_get(card, "metrics");
    ck_assert(json_real_value(json_object_get(metrics, "recall@20")) == 0.25);
    json_decref(card);
    close_node();
    made_artifact *m = make_artifact(2, 2, 3, 5);
    m->metrics = "{\"rmse\": ";
    ck_assert_int_eq(try_open(m), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "metrics"));
    ck_assert_ptr_null(node);
    close_node();
}
END_TEST

START_TEST(health_and_readiness_answer)
{
    open_node(make_artifact(1, 1, 3, 6));
    json_decref(ask("/healthz", 10, 200));
    json_decref(ask("/readyz", 10, 200));
    close_node();
}
END_TEST

START_TEST(any_bytes_in_texts_become_valid_json)
{
    made_artifact *m = make_artifact(3, 256, 5, 7);
    const int64_t *offset = made_array(m, "titles/item/offsets")->at;
    unsigned char *bytes = made_array(m, "titles/item/bytes")->at;
    for (int b = 0; b < 256; b++) { /* every byte, at the start and cut off at the end */
        bytes[offset[b]] = (unsigned char)b;
        bytes[offset[b + 1] - 1] = (unsigned char)b;
    }
    m->name = "a \"quoted\"\n\\ name \xff";
    open_node(m);
    json_t *body = ask("/v1/recommend/u2", 256, 200);
    ck_assert_str_eq(text_at(body, "model"), "a \"quoted\"\n\\ name \xef\xbf\xbd");
    json_decref(body);
    json_decref(ask("/v1/model", 1, 200));
    body = ask("/v1/recommend/a%00%01%7f", 1, 200);
    ck_assert_uint_eq(json_string_length(json_object_get(body, "user")), 4);
    json_decref(body);
    close_node();
}
END_TEST

START_TEST(scores_that_are_not_finite_are_an_error_never_a_rank)
{
    made_artifact *m = make_artifact(4, 30, 6, 8);
    ((float *)made_array(m, "factors/user")->at)[2 * 6] = NAN;
    open_node(m);
    json_t *body = ask("/v1/recommend/u2", 5, 500);
    ck_assert_str_eq(text_at(json_object_get(body, "error"), "code"), "not_finite");
    ck_assert_ptr_null(json_object_get(body, "items"));
    json_decref(body);
    json_decref(ask("/v1/recommend/u3", 5, 200));
    close_node();
}
END_TEST

static void fail_allocation(int nth)
{
    char fault[32];
    snprintf(fault, sizeof fault, "alloc:0:%d", nth);
    if (nth > 0)
        setenv("DAOGOU_FAULT", fault, 1);
    else
        unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
}

START_TEST(out_of_memory_is_an_answer_too)
{
    bool answered = false;
    open_node(make_artifact(4, 200, 6, 9));
    const size_t before = dg_alloc_live();
    for (int nth = 1; !answered; nth++) {
        dg_request request;
        dg_refusal no;
        ck_assert(dg_request_start(&request, "GET", "/v1/recommend/u3", &no));
        request.k = 200;
        fail_allocation(nth);
        const dg_reply reply = dg_node_answer(node, &request);
        fail_allocation(0);
        answered = reply.http == 200;
        if (!answered) {
            ck_assert_int_eq(reply.http, 500);
            ck_assert_ptr_nonnull(strstr(reply.body, "out_of_memory"));
        }
        dg_free(reply.owned);
        ck_assert_uint_eq(dg_alloc_live(), before);
        ck_assert(nth > 1 || !answered);
    }
    close_node();
}
END_TEST

UNIT_MAIN("node", a_recommendation_has_the_documented_shape, fallbacks_are_marked,
          similar_items_know_their_item, the_model_card_tells_what_is_served,
          health_and_readiness_answer, any_bytes_in_texts_become_valid_json,
          scores_that_are_not_finite_are_an_error_never_a_rank, out_of_memory_is_an_answer_too)
