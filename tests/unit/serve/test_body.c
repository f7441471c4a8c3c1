/* Bodies: what is understood, what is refused and how, and what a fuzzer can send. */
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "serve/request.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_request request;
static dg_refusal no;

static bool post(const char *path, const char *body)
{
    ck_assert_msg(dg_request_start(&request, "POST", path, &no), "%s", no.message);
    return dg_request_body(&request, body, strlen(body), &no);
}

static void refused(bool good, int http, const char *code)
{
    ck_assert(!good);
    ck_assert_int_eq(no.http, http);
    ck_assert_str_eq(no.code, code);
    ck_assert_int_gt(strlen(no.message), 10);
    dg_request_close(&request);
}

START_TEST(a_body_says_what_a_query_says)
{
    ck_assert(post("/v1/recommend", "{\"user\":\"a/b\\u0000\",\"k\":7,\"exclude_seen\":false}"));
    ck_assert_uint_eq(request.n_id, 4);
    ck_assert_mem_eq(request.id, "a/b", 4);
    ck_assert(request.k == 7 && !request.exclude_seen);
    dg_request_close(&request);
    ck_assert(post("/v1/recommend", "{}"));
    ck_assert(request.n_id == 0 && request.k == DG_DEFAULT_K && request.exclude_seen);
    dg_request_close(&request);
}
END_TEST

START_TEST(what_is_not_one_json_object_is_refused)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "{}{}",
                                      "{\"k\":1,\"k\":1}",
                                      "{'k':1}",
                                      "nul",
                                      "{\"user\":\"\xff\"}",
                                      "{\"k\":1e999}",
                                      "{\"k\":99999999999999999999}",
                                      "[]",
                                      "1",
                                      "\"k\"",
                                      "null"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        refused(post("/v1/recommend", bad[k]), 400, "bad_json");
}
END_TEST

START_TEST(keys_and_values_are_bounded)
{
    static const char *const bad[] = {"{\"k\":0}",      "{\"k\":1001}",           "{\"k\":\"5\"}",
                                      "{\"k\":2.0}",    "{\"k\":null}",           "{\"user\":\"\"}",
                                      "{\"user\":196}", "{\"exclude_seen\":0}",   "{\"user\":null}",
                                      "{\"k\":-1}",     "{\"exclude_seen\":\"\"}"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        refused(post("/v1/recommend", bad[k]), 400, "bad_parameter");
    refused(post("/v1/recommend", "{\"K\":5}"), 400, "unknown_parameter");
    refused(post("/v1/recommend", "{\"\":5}"), 400, "unknown_parameter");
    char body[DG_MAX_ID + 64];
    const int base = snprintf(body, sizeof body, "{\"user\":\"");
    memset(body + base, 'x', DG_MAX_ID + 1);
    strcpy(body + base + DG_MAX_ID + 1, "\"}");
    refused(post("/v1/recommend", body), 414, "id_too_long");
    strcpy(body + base + DG_MAX_ID, "\"}");
    ck_assert(post("/v1/recommend", body) && request.n_id == DG_MAX_ID);
    dg_request_close(&request);
}
END_TEST

START_TEST(lists_hold_ids)
{
    ck_assert(post("/v1/recommend", "{\"session\":[\"a\",\"b c\"],\"exclude\":[]}"));
    ck_assert_uint_eq(request.list[DG_LIST_SESSION].n, 2);
    ck_assert_mem_eq(request.list[DG_LIST_SESSION].at[1].at, "b c", 3);
    ck_assert(request.list[DG_LIST_EXCLUDE].n == 0 && request.list[DG_LIST_EXCLUDE].at != NULL);
    ck_assert_ptr_null(request.list[DG_LIST_INCLUDE].at);
    dg_request_close(&request);
    static const char *const bad[] = {"{\"session\":\"a\"}",     "{\"session\":[1]}",
                                      "{\"session\":[\"\"]}",    "{\"session\":null}",
                                      "{\"include\":[[\"a\"]]}", "{\"negative\":{}}"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        refused(post("/v1/recommend", bad[k]), 400, "bad_parameter");
    refused(post("/v1/recommend", "{\"items\":[\"a\"]}"), 400, "unknown_parameter");
    static char long_list[8 * DG_MAX_IDS];
    char *at = long_list + sprintf(long_list, "{\"items\":[");
    for (int k = 0; k < DG_MAX_IDS; k++) at += sprintf(at, "%s\"a\"", k > 0 ? "," : "");
    strcpy(at, "]}");
    ck_assert(post("/v1/rank", long_list) && request.list[DG_LIST_ITEMS].n == DG_MAX_IDS);
    dg_request_close(&request);
    strcpy(at, ",\"a\"]}");
    refused(post("/v1/rank", long_list), 400, "bad_parameter");
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(a_path_with_a_body_has_no_query)
{
    ck_assert(dg_request_start(&request, "POST", "/v1/recommend", &no));
    refused(dg_request_option(&request, "k", 1, "5", 1, &no), 400, "unknown_parameter");
}
END_TEST

static const char *const samples[] = {
    "{\"user\":\"u1\",\"k\":5,\"exclude_seen\":true}",
    "{\"user\":\"\\u5bfc\\u8d2d\",\"k\":1000}",
    "{\"exclude_seen\":false}",
    "{\"session\":[\"a\",\"b\"],\"include\":[\"c\"]}",
    "{\"positive\":[\"a\"],\"negative\":[],\"exclude\":[\"\\u0000\"]}",
};

static size_t mutate(dg_rng *rng, char *text, size_t n, size_t room)
{
    static const char alphabet[] = "{}[]\":,.\\eu0123456789-ntfk \xff";
    for (uint32_t edits = 1 + dg_rng_below(rng, 3); edits > 0; edits--) {
        const size_t at = dg_rng_below(rng, (uint32_t)n + 1);
        const char c = alphabet[dg_rng_below(rng, sizeof alphabet - 1)];
        const uint32_t what = dg_rng_below(rng, 3);
        if (what == 0 && at < n) text[at] = c;
        if (what == 1 && n + 1 < room) {
            memmove(text + at + 1, text + at, n - at);
            text[at] = c;
            n++;
        }
        if (what == 2 && at < n) memmove(text + at, text + at + 1, --n - at);
    }
    return n;
}

START_TEST(any_bytes_are_understood_or_refused)
{
    enum { ROOM = 4096 };
    static char text[ROOM];
    dg_rng rng = dg_rng_at(2, DG_RNG_TEST, 0);
    int understood = 0;
    for (int round = 0; round < 20000; round++) {
        const char *sample = samples[dg_rng_below(&rng, sizeof samples / sizeof *samples)];
        size_t n = strlen(sample);
        memcpy(text, sample, n);
        n = round % 4 == 0 ? dg_rng_below(&rng, (uint32_t)n) : mutate(&rng, text, n, ROOM);
        ck_assert(dg_request_start(&request, "POST", "/v1/recommend", &no));
        if (dg_request_body(&request, text, n, &no)) {
            understood++;
            ck_assert(request.k >= 1 && request.k <= DG_MAX_K && request.n_id <= DG_MAX_ID);
            ck_assert(dg_utf8_valid(request.id, request.n_id));
        } else {
            ck_assert(no.http >= 400 && no.http < 500 && no.code != NULL);
        }
        dg_request_close(&request);
    }
    ck_assert_int_gt(understood, 500);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("body", a_body_says_what_a_query_says, what_is_not_one_json_object_is_refused,
          keys_and_values_are_bounded, lists_hold_ids, a_path_with_a_body_has_no_query,
          any_bytes_are_understood_or_refused)
