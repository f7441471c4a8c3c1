/* Paths and queries: what is understood, what is refused and how, and what a fuzzer can send. */
#include "base/rng.h"
#include "base/text.h"
#include "serve/answers.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_request request;
static dg_refusal no;

static bool start(const char *path) { return dg_request_start(&request, "GET", path, &no); }

static bool answered_by(dg_asker *answer) { return request.route->answer == answer; }

static bool option(const char *key, const char *value)
{
    return dg_request_option(&request, key, strlen(key), value, value == NULL ? 0 : strlen(value),
                             &no);
}

static void refused(bool good, int http, const char *code)
{
    ck_assert(!good);
    ck_assert_int_eq(no.http, http);
    ck_assert_str_eq(no.code, code);
    ck_assert_int_gt(strlen(no.message), 10);
}

static void has_id(const char *id, size_t n)
{
    ck_assert_uint_eq(request.n_id, n);
    ck_assert_mem_eq(request.id, id, n);
}

START_TEST(each_path_has_its_route_and_defaults)
{
    ck_assert(start("/v1/recommend/196") && answered_by(dg_answer_recommend));
    has_id("196", 3);
    ck_assert(request.k == 10 && request.exclude_seen);
    ck_assert(start("/v1/similar/a.b-c~d") && answered_by(dg_answer_similar));
    has_id("a.b-c~d", 7);
    ck_assert(start("/v1/similar-users/7") && answered_by(dg_answer_similar_users));
    has_id("7", 1);
    ck_assert(start("/v1/explain/a%2Fb/c") && answered_by(dg_answer_explain));
    has_id("a/b", 3);
    ck_assert(request.n_item == 1 && request.item[0] == 'c');
    ck_assert(start("/v1/users/a%2Fprofile/profile") && answered_by(dg_answer_profile));
    has_id("a/profile", 9);
    ck_assert(start("/v1/items/7") && answered_by(dg_answer_item));
    ck_assert(start("/v1/model") && answered_by(dg_answer_model));
    ck_assert(start("/healthz") && answered_by(dg_answer_health));
    ck_assert(start("/readyz") && answered_by(dg_answer_ready));
    ck_assert(dg_request_start(&request, "HEAD", "/readyz", &no));
}
END_TEST

START_TEST(other_paths_and_methods_are_refused)
{
    static const char *const paths[] = {
        "",          "/",          "/v1",        "/v1/models", "/healthz/",
        "/V1/model", "//v1/model", "/readyz%20", "*",          "/v1/recommend/a/b"};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++)
        refused(start(paths[k]), 404, "not_found");
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get", "GETX", ""};
    for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
        refused(dg_request_start(&request, methods[k], "/v1/recommend/1", &no), 405,
                "method_not_allowed");
        refused(dg_request_start(&request, methods[k], "/nothing", &no), 404, "not_found");
    }
    refused(start("/v1/recommend"), 405, "method_not_allowed"); /* a POST */
    refused(start("/v1/similar/"), 400, "missing_id");
    refused(start("/v1/explain/1"), 400, "missing_id");
    refused(start("/v1/users//profile"), 400, "missing_id");
    refused(start("/v1/explain/1/"), 400, "missing_id");
    refused(start("/v1/explain//1"), 400, "missing_id");
    refused(start("/v1/explain/1/2/3"), 404, "not_found");
}
END_TEST

START_TEST(ids_are_decoded_once)
{
    ck_assert(start("/v1/recommend/a%2Fb"));
    has_id("a/b", 3);
    ck_assert(start("/v1/recommend/100%25"));
    has_id("100%", 4);
    ck_assert(start("/v1/recommend/%2541")); /* decodes to %41, and stays it */
    has_id("%41", 3);
    ck_assert(start("/v1/recommend/a+b%2b")); /* a plus is a plus in a path */
    has_id("a+b+", 4);
    ck_assert(start("/v1/recommend/%E5%AF%BC%e8%b4%ad"));
    has_id("导购", 6);
    ck_assert(start("/v1/recommend/a%00b"));
    has_id("a\0b", 3);
}
END_TEST

START_TEST(broken_ids_are_refused)
{
    static const char *const broken[] = {"%", "%4", "%zz", "a%2", "%%41", "%4g", "% 1"};
    char path[64];
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++) {
        snprintf(path, sizeof path, "/v1/recommend/%s", broken[k]);
        refused(start(path), 400, "bad_escape");
    }
    refused(start("/v1/recommend/%ff"), 400, "bad_utf8");
    refused(start("/v1/recommend/%C0%AF"), 400, "bad_utf8");
    refused(start("/v1/similar/\xe5\xaf"), 400, "bad_utf8");
}
END_TEST

START_TEST(ids_up_to_the_limit_pass_and_no_longer)
{
    enum { ROOM = 3 * DG_MAX_ID + 64 };
    static char path[ROOM];
    const int base = snprintf(path, ROOM, "/v1/recommend/");
    memset(path + base, 'x', DG_MAX_ID);
    ck_assert(start(path) && request.n_id == DG_MAX_ID);
    path[base + DG_MAX_ID] = 'x';
    refused(start(path), 414, "id_too_long");
    for (int k = 0; k < DG_MAX_ID; k++) memcpy(path + base + 3 * k, "%41", 4);
    ck_assert(start(path) && request.n_id == DG_MAX_ID && request.id[DG_MAX_ID - 1] == 'A');
    strcat(path, "A");
    refused(start(path), 414, "id_too_long");
}
END_TEST

START_TEST(options_are_read_and_bounded)
{
    start("/v1/recommend/1");
    ck_assert(option("k", "1000") && request.k == 1000);
    ck_assert(option("exclude_seen", "false") && !request.exclude_seen);
    start("/v1/recommend/1");
    ck_assert(option("%6b", "%37") && request.k == 7); /* escapes are allowed everywhere */
    static const char *const bad[] = {"0",   "-1",  "1001", "",    " 5",
                                      "5 ",  "1e2", "ten",  "5.0", "99999999999999999999",
                                      "%zz", NULL};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        start("/v1/recommend/1");
        refused(option("k", bad[k]), 400, "bad_parameter");
        refused(option("exclude_seen", bad[k]), 400, "bad_parameter");
    }
    start("/v1/recommend/1");
    ck_assert(option("k", "5") && option("exclude_seen", "true"));
    refused(option("k", "5"), 400, "repeated_parameter");
    refused(option("exclude_seen", "true"), 400, "repeated_parameter");
}
END_TEST

START_TEST(terms_of_a_list_are_read_and_bounded)
{
    static char long_filter[3 * DG_MAX_FILTER + 16];
    ck_assert(start("/v1/recommend/u"));
    ck_assert(option("filter", "price%20%3C%203 and brand = \"x\""));
    ck_assert_uint_eq(request.n_filter, strlen("price < 3 and brand = \"x\""));
    ck_assert_mem_eq(request.filter, "price < 3", 9);
    ck_assert(option("scene", "home") && option("diversity", "0.25"));
    ck_assert(option("diversity_by", "brand"));
    ck_assert(request.n_scene == 4 && request.diversity == 0.25 && request.n_alike_by == 5);
    refused(option("filter", "price < 4"), 400, "repeated_parameter");
    ck_assert(start("/v1/similar/i"));
    ck_assert_uint_eq(request.n_filter + request.n_scene + request.n_alike_by, 0);
    refused(option("filter", ""), 400, "bad_parameter");
    ck_assert(start("/v1/similar/i"));
    memset(long_filter, 'x', DG_MAX_FILTER);
    ck_assert(option("filter", long_filter));
    ck_assert(start("/v1/similar/i"));
    long_filter[DG_MAX_FILTER] = 'x';
    refused(option("filter", long_filter), 400, "bad_parameter");
    ck_assert(start("/v1/similar/i"));
    memset(long_filter, 'x', sizeof long_filter - 1);
    refused(option("filter", long_filter), 400, "bad_parameter");
    ck_assert(start("/v1/similar/i"));
    refused(option("scene", "%ff"), 400, "bad_parameter");
    ck_assert(start("/v1/similar/i"));
    refused(option("diversity", "1.5"), 400, "bad_parameter");
    ck_assert(start("/v1/similar/i"));
    refused(option("diversity", "nan"), 400, "bad_parameter");
    ck_assert(start("/v1/similar-users/u"));
    refused(option("filter", "price < 3"), 400, "unknown_parameter");
}
END_TEST

START_TEST(unknown_options_are_never_ignored)
{
    static const char *const unknown[] = {"K", "n", "", "exclude-seen", "k%00", "%zz", "kk"};
    for (size_t k = 0; k < sizeof unknown / sizeof *unknown; k++) {
        start("/v1/recommend/1");
        refused(option(unknown[k], "5"), 400, "unknown_parameter");
    }
    start("/v1/similar/1");
    ck_assert(option("k", "5"));
    refused(option("exclude_seen", "true"), 400, "unknown_parameter");
    start("/v1/model");
    refused(option("k", "5"), 400, "unknown_parameter");
}
END_TEST

/* Slow and obvious: decode byte by byte with sscanf. */
static ptrdiff_t reference_decode(const char *s, size_t n, char *out)
{
    ptrdiff_t used = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned value = (unsigned char)s[i];
        if (s[i] == '%') {
            const char two[3] = {i + 1 < n ? s[i + 1] : '?', i + 2 < n ? s[i + 2] : '?', 0};
            if (strspn(two, "0123456789abcdefABCDEF") != 2) return -1;
            sscanf(two, "%2x", &value);
            i += 2;
        }
        out[used++] = (char)value;
    }
    return used;
}

static void fuzz_bytes(dg_rng *rng, char *out, size_t n)
{
    static const char alphabet[] = "%%%%/0123456789abcdefABCDEFgk+&=?.\xe5\xaf\xbc\xff\x01 ";
    for (size_t k = 0; k < n; k++)
        out[k] = dg_rng_below(rng, 20) > 0 ? alphabet[dg_rng_below(rng, sizeof alphabet - 1)]
                                           : (char)dg_rng_u32(rng);
}

START_TEST(any_bytes_are_understood_or_refused)
{
    dg_rng rng = dg_rng_at(1, DG_RNG_TEST, 0);
    int understood = 0;
    for (int round = 0; round < 20000; round++) {
        char text[64] = "", path[96], mine[64], reference[64];
        const size_t n = dg_rng_below(&rng, 24);
        fuzz_bytes(&rng, text, n);
        const ptrdiff_t used = dg_percent_decode(text, n, mine);
        ck_assert_int_eq(used, reference_decode(text, n, reference));
        if (used > 0) ck_assert_mem_eq(mine, reference, (size_t)used);

        snprintf(path, sizeof path, "/v1/%s/%s", round % 2 ? "similar" : "recommend", text);
        no.code = NULL;
        if (!start(path)) {
            ck_assert(no.http >= 400 && no.http < 500 && no.code != NULL);
            continue;
        }
        understood++;
        ck_assert(request.n_id >= 1 && dg_utf8_valid(request.id, request.n_id));
        if (!dg_request_option(&request, text, n / 2, text + n / 2, n - n / 2, &no))
            ck_assert(no.http == 400 && no.code != NULL);
        ck_assert(request.k >= 1 && request.k <= DG_MAX_K);
    }
    ck_assert_int_gt(understood, 500);
}
END_TEST

UNIT_MAIN("request", each_path_has_its_route_and_defaults, other_paths_and_methods_are_refused,
          ids_are_decoded_once, broken_ids_are_refused, ids_up_to_the_limit_pass_and_no_longer,
          options_are_read_and_bounded, terms_of_a_list_are_read_and_bounded,
          unknown_options_are_never_ignored, any_bytes_are_understood_or_refused)
