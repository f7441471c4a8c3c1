/* A page shows what the figures have, says nothing of what they lack, and believes no name. */
#include "unit_main.h"

#include "base/memory.h"
#include "base/rng.h"
#include "report/page.h"

#include <stdio.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_error_t where;
    json_t *j = json_loads(text, 0, &where);
    ck_assert_msg(j != NULL, "%s", where.text);
    return j;
}

static char *page_of(const char *figures)
{
    json_t *j = parse(figures);
    dg_text html = {0};
    dg_report_page(j, &html);
    ck_assert(!html.failed);
    json_decref(j);
    return html.at;
}

static int count(const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr(s, what)) != NULL; s++) n++;
    return n;
}

static const char whole[] =
    "{\"name\": \"shop\", \"algorithm\": \"ials\","
    " \"run\": {\"started\": \"2026-11-22T00:00:00Z\", \"ranks\": 2, \"threads\": 1,"
    "   \"train\": {\"seconds\": 3, \"sweeps\": 3, \"peak_bytes_of_all_ranks\": 1000000},"
    "   \"job\": \"name: shop\\n\"},"
    " \"card\": {\"counts\": {\"train\": 900, \"test\": 100}, \"users\": {\"rows\": 30},"
    "   \"items\": {\"rows\": 20}},"
    " \"metrics\": {\"users\": 30, \"recall@20\": 0.4, \"ndcg@20\": 0.3, \"ndcg@100\": 0.5,"
    "   \"rmse\": 0.9, \"intervals\": {\"ndcg@100\": [0.49, 0.52]},"
    "   \"by_history\": [{\"from\": 1, \"to\": 4, \"users\": 9, \"ndcg@100\": 0.2},"
    "                    {\"from\": 100, \"users\": 3, \"ndcg@100\": 0.6}],"
    "   \"by_popularity\": [{\"group\": \"head\", \"targets\": 5, \"recall@100\": 0.7}],"
    "   \"by_attribute\": {\"genre\": [{\"value\": \"Noir\", \"targets\": 4, \"recall@100\": "
    "0.6}]}},"
    " \"popular\": {\"recall@20\": 0.2, \"ndcg@20\": 0.3, \"rmse\": 0.8},"
    " \"champion\": {\"version\": \"v1\", \"metrics\": {\"recall@20\": 0.5}},"
    " \"sweeps\": [null, {\"sweep\": 2, \"loss\": 9, \"seconds\": 1, \"judged\": {\"ndcg@9\": "
    "0.1}},"
    "   {\"sweep\": 3, \"loss\": 8, \"seconds\": 2, \"worked\": [1, 1.5],"
    "    \"judged\": {\"ndcg@9\": 0.2}}],"
    " \"tail\": {\"rank\": [1, 2, 9], \"count\": [90, 40, 2], \"share_of_items\": [0, 0.5, 1],"
    "   \"share_of_ratings\": [0, 0.9, 1]},"
    " \"examples\": [{\"user\": \"u1\", \"history\": [\"tea\", \"cup\"], \"items\":"
    "   [{\"name\": \"pot\", \"score\": 0.75, \"because\": [\"tea\"]}]}]}";

START_TEST(all_there_is_is_shown)
{
    char *html = page_of(whole);
    static const char *const parts[] = {"<title>shop</title>",  "95 %: 0.4900 to 0.5200",
                                        "champion v1",          "the most popular",
                                        "because of tea",       "<span class=\"chip\">cup</span>",
                                        "id=\"loss\"",          "id=\"rate\"",
                                        "id=\"ranks\"",         "id=\"history\"",
                                        "id=\"by_popularity\"", "id=\"tail\"",
                                        "id=\"concentration\"", "1 to 4 ratings",
                                        "100 ratings and more", "name: shop",
                                        "id=\"judged\"",        "ndcg@9",
                                        "Recall by genre",      "Noir"};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        ck_assert_msg(strstr(html, parts[k]) != NULL, "%s is not there", parts[k]);
    ck_assert_int_eq(count(html, "<svg"), 9);
    ck_assert_int_eq(count(html, "<svg"), count(html, "</svg>"));
    dg_free(html);
}
END_TEST

/* recall@20: .4 is twice the popular .2, a fifth less than the champion's .5; rmse .9 above .8. */
START_TEST(better_and_worse_are_told_by_the_measure)
{
    char *html = page_of(whole);
    ck_assert_ptr_nonnull(strstr(html, "0.2000 <small class=\"better\">+100 %"));
    ck_assert_ptr_nonnull(strstr(html, "0.5000 <small class=\"worse\">-20 %"));
    ck_assert_ptr_nonnull(strstr(html, "0.3000 <small class=\"\">+0 %"));
    ck_assert_ptr_nonnull(strstr(html, "0.8000 <small class=\"worse\">+12.5 %"));
    dg_free(html);
}
END_TEST

START_TEST(it_opens_offline)
{
    char *html = page_of(whole);
    ck_assert_int_eq(count(html, "<script"), 0);
    ck_assert_int_eq(count(html, "src="), 0);
    ck_assert_int_eq(count(html, "href="), 0);
    ck_assert_int_eq(count(html, "url("), 0);
    ck_assert_int_eq(count(html, "http"), count(html, "http://www.w3.org/2000/svg"));
    dg_free(html);
}
END_TEST

START_TEST(names_are_text_and_never_markup)
{
    char *html =
        page_of("{\"name\": \"</title><script>x\", \"algorithm\": \"a&b\", \"examples\":"
                " [{\"user\": \"<b>\", \"history\": [\"\\\"><img>\"], \"items\": [{\"name\":"
                " \"<i>\", \"score\": 1.5, \"because\": [\"<u>\"]}]}], \"metrics\":"
                " {\"<td>@10\": 0.5, \"by_popularity\": [{\"group\": \"<g>\","
                " \"targets\": 1, \"recall@10\": 0.5}], \"by_attribute\": {\"<p>\":"
                " [{\"value\": \"<q>\", \"recall@10\": 1}]}, \"recall@10\": 0.1},"
                " \"sweeps\": [{\"judged\": {\"<s>\": 1}}, {\"judged\": {\"<s>\": 2}}]}");
    ck_assert_int_eq(count(html, "<script"), 0);
    ck_assert_int_eq(count(html, "<img"), 0);
    ck_assert_int_eq(count(html, "<i>"), 0);
    ck_assert_int_eq(count(html, "<u>"), 0);
    ck_assert_int_eq(count(html, "<g>"), 0);
    ck_assert_int_eq(count(html, "<p>") + count(html, "<q>") + count(html, "<s>"), 0);
    ck_assert_ptr_nonnull(strstr(html, "&lt;td&gt;@10"));
    dg_free(html);
}
END_TEST

START_TEST(what_is_lacking_is_left_out)
{
    char *html = page_of("{\"name\": \"bare\", \"algorithm\": \"ease\", \"run\": {}, \"metrics\":"
                         " null, \"popular\": null, \"champion\": null, \"sweeps\": [null]}");
    ck_assert_int_eq(count(html, "<svg"), 0);
    ck_assert_ptr_null(strstr(html, "Measures"));
    ck_assert_ptr_null(strstr(html, "What it recommends"));
    ck_assert_ptr_nonnull(strstr(html, "</html>"));
    dg_free(html);
}
END_TEST

/* Members replaced by values of any kind: never a crash, always a whole page. */
START_TEST(odd_figures_make_a_page_too)
{
    static const char *const odd[] = {"null", "[]", "{}", "\"x\"", "-1", "1e300", "[[1]]", "[{}]"};
    for (uint64_t round = 0; round < 3000; round++) {
        dg_rng r = dg_rng_at(8, DG_RNG_TEST, round);
        json_t *j = parse(whole), *inside = j;
        for (int depth = 0; depth < 3 && json_is_object(inside); depth++) {
            const char *key;
            json_t *value;
            void *next;
            uint32_t skip = dg_rng_below(&r, (uint32_t)json_object_size(inside) + 1);
            json_object_foreach_safe(inside, next, key, value) if (skip-- == 0)
            {
                if (depth < 2 && json_is_object(value) && dg_rng_below(&r, 2) == 0)
                    inside = value;
                else
                    json_object_set_new(
                        inside, key, json_loads(odd[dg_rng_below(&r, 8)], JSON_DECODE_ANY, NULL));
                break;
            }
        }
        dg_text html = {0};
        dg_report_page(j, &html);
        ck_assert(!html.failed);
        ck_assert_ptr_nonnull(strstr(html.at, "</html>"));
        ck_assert_ptr_null(strstr(html.at, "nan"));
        dg_text_free(&html);
        dg_report_lines(j, &html);
        dg_text_free(&html);
        json_decref(j);
    }
}
END_TEST

UNIT_MAIN("page", all_there_is_is_shown, better_and_worse_are_told_by_the_measure, it_opens_offline,
          names_are_text_and_never_markup, what_is_lacking_is_left_out, odd_figures_make_a_page_too)
