/* Replies: every body is JSON of the documented shape, whatever the texts in the artifact hold. */
#include "artifact_file.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "serve/live/eventstore.h"
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

static json_t *post(const char *path, const char *text, int http)
{
    dg_request request;
    dg_refusal no;
    json_error_t where;
    ck_assert_msg(dg_request_start(&request, "POST", path, &no), "%s", no.message);
    ck_assert_msg(dg_request_body(&request, text, strlen(text), &no), "%s", no.message);
    const dg_reply reply = dg_node_answer(node, &request);
    dg_request_close(&request);
    ck_assert_msg(reply.http == http, "%d: %s", reply.http, reply.body);
    json_t *body = json_loadb(reply.body, reply.n, JSON_REJECT_DUPLICATES, &where);
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
    ck_assert_str_eq(text_at(json_object_get(card, "card"), "licence"), "CC0-1.0");
    json_decref(card);
    close_node();
    made_artifact *m = make_artifact(2, 2, 3, 5);
    m->metrics = "{\"rmse\": ";
    ck_assert_int_eq(try_open(m), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "metrics"));
    ck_assert_ptr_null(node);
    close_node();
    m = make_artifact(2, 2, 3, 5);
    m->card = "[]";
    ck_assert_int_eq(try_open(m), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "card is not a JSON object"));
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

static const dg_als_law behaviour = {.unobserved_weight = 0.1, .reg_exponent = 1};

static void open_fold(void) { open_node(make_fold_artifact(8, 40, 5, &behaviour, 0.05, 4)); }

/* Ids of the goods of a list, in order, each with a blank behind; cut to size. */
static const char *goods_of(json_t *list)
{
    static char text[2][4096];
    static int turn;
    char *at = text[turn = !turn];
    size_t k, n = 0;
    json_t *each;
    at[0] = '\0';
    json_array_foreach(json_object_get(list, "items"), k, each) n +=
        (size_t)snprintf(at + n, sizeof text[0] - n, "%s ", text_at(each, "item"));
    return at;
}

static bool lists_good(json_t *list, const char *id)
{
    size_t k;
    json_t *each;
    json_array_foreach(json_object_get(list, "items"), k,
                       each) if (strcmp(text_at(each, "item"), id) == 0) return true;
    return false;
}

START_TEST(a_body_asks_as_a_path_does)
{
    open_fold();
    json_t *asked = ask("/v1/recommend/u3", 9, 200);
    json_t *posted = post("/v1/recommend", "{\"user\":\"u3\",\"k\":9}", 200);
    ck_assert(json_equal(asked, posted));
    json_decref(asked);
    json_decref(posted);
    posted = post("/v1/recommend", "{}", 200);
    ck_assert_str_eq(text_at(posted, "source"), "popular");
    ck_assert_str_eq(text_at(posted, "reason"), "no_profile");
    ck_assert_ptr_null(json_object_get(posted, "user"));
    json_decref(posted);
    close_node();
}
END_TEST

START_TEST(a_session_has_a_taste_and_its_goods_are_seen)
{
    open_fold();
    json_t *one = post("/v1/recommend", "{\"session\":[\"item 3\",\"item 4\"],\"k\":40}", 200);
    json_t *two = post("/v1/recommend", "{\"session\":[\"item 5\",\"none\"],\"k\":40}", 200);
    ck_assert_str_eq(text_at(one, "source"), "user");
    ck_assert_str_ne(goods_of(one), goods_of(two));
    ck_assert(!lists_good(one, "item 3") && !lists_good(one, "item 4") &&
              lists_good(one, "item 5"));
    ck_assert_int_eq(json_integer_value(json_object_get(two, "unknown_items")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(one, "items")), 38);
    json_decref(one);
    json_decref(two);
    one = post("/v1/recommend", "{\"session\":[\"none\"]}", 200);
    ck_assert_str_eq(text_at(one, "reason"), "no_profile");
    json_decref(one);
    close_node();
}
END_TEST

START_TEST(what_is_disliked_is_pushed_down)
{
    open_fold();
    json_t *liked = post("/v1/rank", "{\"positive\":[\"item 3\"],\"items\":[\"item 7\"]}", 200);
    json_t *mixed = post("/v1/rank",
                         "{\"positive\":[\"item 3\"],\"negative\":[\"item 7\"],"
                         "\"items\":[\"item 7\"]}",
                         200);
    double score[2];
    json_t *const lists[] = {liked, mixed};
    for (int k = 0; k < 2; k++)
        score[k] = json_number_value(
            json_object_get(json_array_get(json_object_get(lists[k], "items"), 0), "score"));
    ck_assert(fabs(score[1]) < fabs(score[0])); /* drawn towards 0 */
    json_decref(liked);
    json_decref(mixed);
    close_node();
}
END_TEST

START_TEST(lists_may_be_limited)
{
    open_fold();
    json_t *all = post("/v1/recommend", "{\"user\":\"u3\",\"k\":40}", 200);
    const char *best = text_at(json_array_get(json_object_get(all, "items"), 0), "item");
    char text[256];
    snprintf(text, sizeof text, "{\"user\":\"u3\",\"exclude\":[\"%s\",\"%s\",\"none\"],\"k\":40}",
             best, best);
    json_t *less = post("/v1/recommend", text, 200);
    ck_assert(!lists_good(less, best));
    ck_assert_int_eq(json_integer_value(json_object_get(less, "unknown_items")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(less, "items")) + 1,
                      json_array_size(json_object_get(all, "items")));
    json_decref(less);
    snprintf(text, sizeof text, "{\"user\":\"u3\",\"include\":[\"%s\"],\"k\":40}", best);
    less = post("/v1/recommend", text, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(less, "items")), 1);
    ck_assert(lists_good(less, best));
    json_decref(less);
    less = post("/v1/recommend", "{\"user\":\"u3\",\"include\":[]}", 200);
    ck_assert_str_eq(text_at(less, "reason"), "none_allowed");
    ck_assert_uint_eq(json_array_size(json_object_get(less, "items")), 0);
    json_decref(less);
    less = post("/v1/recommend", "{\"user\":\"nobody\",\"exclude\":[\"item 1\"],\"k\":40}", 200);
    ck_assert_str_eq(text_at(less, "reason"), "unknown_user");
    ck_assert(!lists_good(less, "item 1") && lists_good(less, "item 2"));
    json_decref(less);
    /* u1 has seen everything: fallen back on, within what is wanted */
    less = post("/v1/recommend", "{\"user\":\"u1\",\"include\":[\"item 5\",\"item 6\"]}", 200);
    ck_assert_str_eq(text_at(less, "reason"), "all_seen");
    ck_assert(json_is_false(json_object_get(less, "exclude_seen")));
    ck_assert_uint_eq(json_array_size(json_object_get(less, "items")), 2);
    json_decref(less);
    json_decref(all);
    close_node();
}
END_TEST

START_TEST(where_all_that_is_ranked_is_left_out_others_stand_in)
{
    open_node(
        make_weights_artifact(8, 60, "user", 1)); /* so few that they know a part of the goods */
    const dg_artifact *a = dg_node_artifact(node);
    json_t *all = ask("/v1/recommend/u5", 60, 200);
    json_t *listed = json_object_get(all, "items"), *left_out = json_array(), *each;
    const size_t n = json_array_size(listed);
    const size_t unseen = (size_t)(60 - (a->history_ptr[6] - a->history_ptr[5]));
    ck_assert(n > 0 && n < unseen);
    size_t k;
    json_array_foreach(listed, k, each) json_array_append(left_out, json_object_get(each, "item"));
    json_t *body = json_pack("{s:s, s:i, s:o}", "user", "u5", "k", 60, "exclude", left_out);
    char *text = json_dumps(body, 0);
    json_t *rest = post("/v1/recommend", text, 200);
    ck_assert_str_eq(text_at(rest, "source"), "popular");
    ck_assert_str_eq(text_at(rest, "reason"), "none_ranked");
    ck_assert(json_is_true(json_object_get(rest, "exclude_seen")));
    ck_assert_uint_eq(json_array_size(json_object_get(rest, "items")), unseen - n);
    free(text);
    json_decref(body);
    json_decref(rest);
    json_decref(all);
    close_node();
}
END_TEST

START_TEST(a_batch_answers_as_each_alone)
{
    static const char *const users[] = {"u3", "nobody", "u1", "u3", "u0"};
    open_fold();
    json_t *all = post("/v1/recommend/batch",
                       "{\"users\":[\"u3\",\"nobody\",\"u1\",\"u3\",\"u0\"],\"k\":6,"
                       "\"exclude\":[\"item 2\"]}",
                       200);
    json_t *list = json_object_get(all, "users");
    ck_assert_uint_eq(json_array_size(list), 5);
    for (size_t k = 0; k < 5; k++) {
        char text[128];
        json_t *of = json_array_get(list, k);
        snprintf(text, sizeof text, "{\"user\":\"%s\",\"k\":6,\"exclude\":[\"item 2\"]}", users[k]);
        json_t *alone = post("/v1/recommend", text, 200);
        static const char *const same[] = {"user", "source", "reason", "items", "exclude_seen"};
        for (size_t s = 0; s < 5; s++) {
            json_t *x = json_object_get(of, same[s]), *y = json_object_get(alone, same[s]);
            ck_assert(x == y || json_equal(x, y));
        }
        json_decref(alone);
    }
    json_decref(all);
    json_decref(post("/v1/recommend/batch", "{\"users\":[]}", 400));
    json_decref(post("/v1/recommend/batch", "{\"k\":5}", 400));
    close_node();
}
END_TEST

START_TEST(a_given_list_is_put_in_order)
{
    open_fold();
    json_t *all = post("/v1/recommend", "{\"user\":\"u3\",\"k\":40,\"exclude_seen\":false}", 200);
    json_t *some = post("/v1/rank",
                        "{\"user\":\"u3\",\"items\":[\"item 1\",\"item 9\",\"none\",\"item 30\","
                        "\"item 1\"]}",
                        200);
    json_t *list = json_object_get(some, "items"), *each, *other;
    size_t k, j;
    ck_assert_uint_eq(json_array_size(list), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(some, "unknown_items")), 1);
    double before = INFINITY;
    json_array_foreach(list, k, each)
    {
        const double score = json_number_value(json_object_get(each, "score"));
        ck_assert(score <= before);
        before = score;
        json_array_foreach(json_object_get(all, "items"), j,
                           other) if (strcmp(text_at(each, "item"), text_at(other, "item")) == 0)
            ck_assert(json_equal(json_object_get(each, "score"), json_object_get(other, "score")));
    }
    json_decref(all);
    json_decref(some);
    some = post("/v1/rank", "{\"user\":\"nobody\",\"items\":[\"item 1\"]}", 200);
    ck_assert_str_eq(text_at(some, "source"), "popular");
    json_decref(some);
    json_decref(post("/v1/rank", "{\"user\":\"u3\"}", 400));
    close_node();
}
END_TEST

START_TEST(reasons_of_factors_sum_to_the_score)
{
    open_fold();
    for (int item = 0; item < 40; item += 3) {
        char path[64];
        size_t k;
        json_t *each;
        snprintf(path, sizeof path, "/v1/explain/u3/item%%20%d", item);
        json_t *why = ask(path, 3, 200);
        double sum = 0;
        static const char *const parts[] = {"base", "others", "unsettled"};
        for (size_t p = 0; p < 3; p++) sum += json_number_value(json_object_get(why, parts[p]));
        ck_assert_uint_le(json_array_size(json_object_get(why, "reasons")), 3);
        json_array_foreach(json_object_get(why, "reasons"), k, each)
        {
            ck_assert_ptr_nonnull(strstr(text_at(each, "title"), "Title "));
            sum += json_number_value(json_object_get(each, "contribution"));
        }
        const double score = json_number_value(json_object_get(why, "score"));
        ck_assert_double_lt(fabs(sum - score), 1e-6 * fmax(1, fabs(score)));
        ck_assert(json_number_value(json_object_get(why, "uncertainty")) > 0);
        json_decref(why);
    }
    close_node();
}
END_TEST

START_TEST(goods_and_users_are_shown)
{
    open_fold();
    json_t *good = ask("/v1/items/item%207", 10, 200);
    ck_assert_str_eq(text_at(good, "title"), "Title 7");
    ck_assert_int_eq(json_integer_value(json_object_get(good, "popularity")),
                     dg_node_artifact(node)->popularity[7]);
    json_decref(good);
    json_decref(ask("/v1/items/none", 10, 404));
    json_t *user = ask("/v1/users/u3/profile", 2, 200), *items = json_object_get(user, "items");
    const dg_artifact *a = dg_node_artifact(node);
    ck_assert_int_eq(json_integer_value(json_object_get(user, "rated")),
                     a->profile.ptr[4] - a->profile.ptr[3]);
    ck_assert_int_eq(json_integer_value(json_object_get(user, "seen")),
                     a->history_ptr[4] - a->history_ptr[3]);
    ck_assert_uint_eq(json_array_size(items), 2);
    ck_assert(json_number_value(json_object_get(json_array_get(items, 0), "value")) >=
              json_number_value(json_object_get(json_array_get(items, 1), "value")));
    json_decref(user);
    json_decref(ask("/v1/users/nobody/profile", 10, 404));
    close_node();
}
END_TEST

static dg_eventstore *store;

static void open_with_events(void)
{
    int64_t n, cut;
    open_fold();
    ck_assert_int_eq(dg_eventstore_open(scratch(getpid(), "events"), &store, &n, &cut, &err),
                     DG_OK);
    ck_assert_int_eq(dg_node_take_events(node, store, 1 << 20, &err), DG_OK);
}

static void close_with_events(void)
{
    dg_node_close(&node);
    dg_eventstore_close(&store);
    close_node();
}

START_TEST(an_event_changes_the_next_answer)
{
    open_with_events();
    json_t *before = ask("/v1/recommend/u3", 40, 200);
    json_t *nobody = ask("/v1/recommend/new", 5, 200);
    ck_assert_str_eq(text_at(nobody, "reason"), "unknown_user");
    const char *best = text_at(json_array_get(json_object_get(before, "items"), 0), "item");
    char text[512];
    snprintf(text, sizeof text,
             "{\"events\":[{\"user\":\"u3\",\"item\":\"%s\",\"id\":\"1\",\"recommendation\":\"r\"},"
             "{\"user\":\"new\",\"item\":\"item 5\",\"time\":\"2026-01-02T03:04:05Z\"},"
             "{\"user\":\"new\",\"item\":\"brand new\"}]}",
             best);
    json_t *taken = post("/v1/events", text, 200);
    ck_assert_int_eq(json_integer_value(json_object_get(taken, "accepted")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(taken, "unknown_items")), 1);
    json_decref(taken);
    json_t *after = ask("/v1/recommend/u3", 40, 200);
    ck_assert(!lists_good(after, best));
    ck_assert_uint_eq(json_array_size(json_object_get(after, "items")) + 1,
                      json_array_size(json_object_get(before, "items")));
    json_decref(after);
    after = ask("/v1/recommend/new", 5, 200);
    ck_assert_str_eq(text_at(after, "source"), "user");
    json_decref(after);
    after = post("/v1/recommend/batch", "{\"users\":[\"new\",\"u3\",\"new\"],\"k\":5}", 200);
    json_t *list = json_object_get(after, "users");
    ck_assert_str_eq(text_at(json_array_get(list, 2), "source"), "user");
    ck_assert_str_eq(goods_of(json_array_get(list, 0)), goods_of(json_array_get(list, 2)));
    json_decref(after);
    after = ask("/v1/explain/new/item%202", 5, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(after, "reasons")), 1);
    ck_assert(fabs(json_number_value(json_object_get(after, "unsettled"))) < 1e-6);
    json_decref(after);
    after = ask("/v1/users/new/profile", 5, 200);
    ck_assert_int_eq(json_integer_value(json_object_get(after, "rated")), 1);
    json_decref(after);
    after = post("/v1/recommend", "{\"user\":\"new\",\"session\":[\"item 9\"],\"k\":40}", 200);
    ck_assert(!lists_good(after, "item 5") && !lists_good(after, "item 9"));
    json_decref(after);
    taken = post("/v1/events", text, 200); /* the client did not hear, and says it again */
    ck_assert_int_eq(json_integer_value(json_object_get(taken, "duplicates")), 1);
    json_decref(taken);
    json_decref(before);
    json_decref(nobody);
    close_with_events();
}
END_TEST

START_TEST(events_are_checked_before_any_is_taken)
{
    static const char *const bad[] = {
        "{}",
        "{\"user\":\"u\"}",
        "{\"item\":\"i\"}",
        "{\"user\":\"u\",\"item\":1}",
        "{\"user\":\"u\",\"item\":\"i\",\"value\":\"1\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"value\":1e300}",
        "{\"user\":\"u\",\"item\":\"i\",\"time\":-1}",
        "{\"user\":\"u\",\"item\":\"i\",\"time\":99999999999}",
        "{\"user\":\"u\",\"item\":\"i\",\"time\":\"soon\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"event\":\"\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"event\":\"a\\u0000b\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"colour\":\"red\"}",
        "{\"user\":\"a\\u0000b\",\"item\":\"i\"}",
        "{\"user\":\"u\",\"item\":\"a\\u0000b\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"session\":\"\\u0000\"}",
        "[]",
    };
    open_with_events();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char text[512];
        snprintf(text, sizeof text, "{\"events\":[{\"user\":\"u3\",\"item\":\"item 1\"},%s]}",
                 bad[k]);
        json_t *no = post("/v1/events", text, 400);
        ck_assert_str_eq(text_at(json_object_get(no, "error"), "code"),
                         strstr(bad[k], "colour") ? "unknown_parameter" : "bad_parameter");
        ck_assert_ptr_nonnull(strstr(text_at(json_object_get(no, "error"), "message"), "number 2"));
        json_decref(no);
    }
    ck_assert_uint_eq(dg_eventstore_latest(store, "u3", 2), 0);
    setenv("DAOGOU_FAULT", "fsync:0:2", 1); /* the first is that of the segment's name */
    dg_fault_reload();
    json_t *no = post("/v1/events", "{\"events\":[{\"user\":\"u3\",\"item\":\"item 1\"}]}", 503);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert_str_eq(text_at(json_object_get(no, "error"), "code"), "events_not_taken");
    json_decref(no);
    ck_assert_uint_eq(dg_eventstore_latest(store, "u3", 2), 0);
    char text[1024];
    for (int n = 512; n <= 513; n++) { /* ids as long as prepare takes, and one that it rejects */
        snprintf(text, sizeof text, "{\"events\":[{\"user\":\"u\",\"item\":\"%0*d\"}]}", n, 1);
        json_decref(post("/v1/events", text, n == 512 ? 200 : 400));
    }
    close_with_events();
    open_fold();
    no = post("/v1/events", "{\"events\":[{\"user\":\"u3\",\"item\":\"item 1\"}]}", 409);
    json_decref(no);
    close_node();
}
END_TEST

static const struct {
    const char *path, *body;
} samples[] = {
    {"/v1/recommend", "{\"user\":\"u2\",\"session\":[\"item 1\"],\"negative\":[\"item 3\"],"
                      "\"include\":[\"item 4\",\"item 9\"],\"exclude\":[\"item 9\"],\"k\":3}"},
    {"/v1/recommend/batch", "{\"users\":[\"u1\",\"new\",\"u1\"],\"k\":3}"},
    {"/v1/rank", "{\"user\":\"u2\",\"items\":[\"item 3\",\"none\",\"item 3\"]}"},
    {"/v1/events",
     "{\"events\":[{\"user\":\"new\",\"item\":\"item 3\",\"event\":\"buy\",\"value\":2,"
     "\"time\":5,\"id\":\"1\",\"session\":\"s\"},{\"user\":\"u1\",\"item\":\"x\"}]}"},
};

/* Whatever is understood is answered, in JSON; the rest is refused. */
START_TEST(any_body_has_an_answer)
{
    static const char letters[] = "{}[]\":,\\u0123456789-.eitmnonew ";
    dg_rng rng = dg_rng_at(4, DG_RNG_TEST, 0);
    int answered = 0;
    open_with_events();
    for (int round = 0; round < 4000; round++) {
        const size_t which = dg_rng_below(&rng, sizeof samples / sizeof *samples);
        char text[512];
        size_t n = strlen(strcpy(text, samples[which].body));
        for (uint32_t edits = dg_rng_below(&rng, 3); edits > 0; edits--)
            text[dg_rng_below(&rng, (uint32_t)n)] = letters[dg_rng_below(&rng, sizeof letters - 1)];
        if (which == 3 && round % 8 != 0) continue; /* the disk takes its time */
        dg_request request;
        dg_refusal no;
        ck_assert(dg_request_start(&request, "POST", samples[which].path, &no));
        if (dg_request_body(&request, text, n, &no)) {
            const dg_reply reply = dg_node_answer(node, &request);
            json_t *body = json_loadb(reply.body, reply.n, JSON_ALLOW_NUL, NULL);
            ck_assert_msg(body != NULL && reply.http < 500, "%s", text);
            answered += reply.http == 200;
            json_decref(body);
            dg_free(reply.owned);
        }
        dg_request_close(&request);
    }
    ck_assert_int_gt(answered, 500);
    close_with_events();
}
END_TEST

START_TEST(models_that_cannot_learn_say_so)
{
    open_node(make_artifact(4, 30, 6, 1));
    json_t *no = post("/v1/recommend", "{\"session\":[\"item 3\"]}", 409);
    ck_assert_str_eq(text_at(json_object_get(no, "error"), "code"), "no_fold_in");
    json_decref(no);
    close_node();
    open_node(make_weights_artifact(5, 20, "item", 2));
    json_t *list = post("/v1/recommend", "{\"session\":[\"item 3\",\"item 8\"]}", 200);
    ck_assert_str_eq(text_at(list, "source"), "user");
    json_decref(list);
    close_node();
}
END_TEST

UNIT_MAIN("node", a_recommendation_has_the_documented_shape, fallbacks_are_marked,
          similar_items_know_their_item, the_model_card_tells_what_is_served,
          health_and_readiness_answer, any_bytes_in_texts_become_valid_json,
          scores_that_are_not_finite_are_an_error_never_a_rank, out_of_memory_is_an_answer_too,
          a_body_asks_as_a_path_does, a_session_has_a_taste_and_its_goods_are_seen,
          what_is_disliked_is_pushed_down, lists_may_be_limited,
          where_all_that_is_ranked_is_left_out_others_stand_in, a_batch_answers_as_each_alone,
          a_given_list_is_put_in_order, reasons_of_factors_sum_to_the_score,
          goods_and_users_are_shown, an_event_changes_the_next_answer,
          events_are_checked_before_any_is_taken, any_body_has_an_answer,
          models_that_cannot_learn_say_so)
