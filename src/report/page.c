#include "report/page.h"

#include "report/charts.h"
#include "report/html.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{--ink:#1c2430;--soft:#667085;--line:#e4e7ec;--paper:#fff;--page:#f6f7f9;--mark:#0072b2}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#344054;"
    "--paper:#1d2430;--page:#12161d;--mark:#56b4e9}figure svg{filter:invert(.92) "
    "hue-rotate(180deg)}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);"
    "font:15px/1.5 system-ui,Helvetica,Arial,sans-serif}"
    "main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}"
    "h1{font-size:30px;margin:0}h2{font-size:20px;margin:40px 0 12px}"
    ".soft,figcaption,small{color:var(--soft)}figcaption,small{font-size:13px}"
    ".tiles,.cards{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(170px,1fr))}"
    ".tiles{margin-top:20px}.cards{grid-template-columns:repeat(auto-fill,minmax(480px,1fr))}"
    ".tile,figure,.card,table{background:var(--paper);border:1px solid var(--line);"
    "border-radius:10px}.tile{padding:12px 16px}.tile b{display:block;font-size:22px}"
    "figure{margin:0;padding:12px}figure svg{width:100%;height:auto;display:block}"
    "table{border-collapse:separate;border-spacing:0;width:100%}"
    "th,td{padding:7px 14px;text-align:right;border-bottom:1px solid var(--line)}"
    "th:first-child,td:first-child{text-align:left}tr:last-child td{border-bottom:0}"
    "th{color:var(--soft);font-weight:600}.card{padding:16px}.card table{border:0}"
    ".card h3{margin:0 0 6px;font-size:16px}.chip{display:inline-block;border:1px solid "
    "var(--line);border-radius:99px;padding:1px 10px;margin:2px 4px 2px 0;font-size:13px}"
    ".better{color:#027a48}.worse{color:#b42318}pre{overflow:auto;font-size:13px}"
    "@media(max-width:560px){.cards{grid-template-columns:1fr}}";

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s == NULL ? "" : s;
}

/* ---- what the run was ---- */

static void tile(dg_text *out, const char *name, const char *value, const char *more)
{
    if (value[0] == '\0') return;
    dg_text_add(out, "<div class=\"tile\">");
    dg_html_element(out, "span", "soft", name);
    dg_html_element(out, "b", NULL, value);
    dg_html_element(out, "small", NULL, more);
    dg_text_add(out, "</div>\n");
}

static void count_tile(dg_text *out, const char *name, const json_t *object, const char *key,
                       const char *more)
{
    char value[40];
    if (json_object_get(object, key) == NULL) return;
    tile(out, name, dg_show_count((int64_t)dg_html_value(object, key), value, sizeof value), more);
}

/* The measure a page speaks of where one must do: ndcg, recall or rmse, at the longest list. */
static const char *main_measure(const json_t *metrics)
{
    static const char *const wanted[] = {"ndcg@", "recall@", "rmse"};
    const char *key, *found = "";
    json_t *value;
    for (size_t w = 0; w < 3 && found[0] == '\0'; w++)
        json_object_foreach((json_t *)(uintptr_t)metrics, key,
                            value) if (strncmp(key, wanted[w], strlen(wanted[w])) == 0 &&
                                       strchr(key, '(') == NULL) found = key;
    return found;
}

static void measure_tile(const json_t *metrics, dg_text *out)
{
    const char *measure = main_measure(metrics);
    const json_t *interval = json_object_get(json_object_get(metrics, "intervals"), measure);
    char value[40], more[80] = "";
    if (measure[0] == '\0') return;
    snprintf(value, sizeof value, "%.4f", dg_html_value(metrics, measure));
    if (json_array_size(interval) == 2)
        snprintf(more, sizeof more, "95 %%: %.4f to %.4f",
                 json_number_value(json_array_get(interval, 0)),
                 json_number_value(json_array_get(interval, 1)));
    tile(out, measure, value, more);
}

static void add_tiles(const json_t *figures, dg_text *out)
{
    const json_t *run = json_object_get(figures, "run"), *card = json_object_get(figures, "card");
    const json_t *counts = json_object_get(card, "counts"), *train = json_object_get(run, "train");
    const double sweeps = dg_html_value(train, "sweeps"), ranks = dg_html_value(run, "ranks");
    const double threads = dg_html_value(run, "threads");
    char value[40], more[80];
    dg_text_add(out, "<div class=\"tiles\">\n");
    measure_tile(json_object_get(figures, "metrics"), out);
    count_tile(out, "users", json_object_get(card, "users"), "rows", "");
    count_tile(out, "items", json_object_get(card, "items"), "rows", "");
    count_tile(out, "ratings to train on", counts, "train", "");
    count_tile(out, "held out", counts, "test", "");
    snprintf(more, sizeof more, "%.0f sweep%s", sweeps, sweeps == 1 ? "" : "s");
    tile(out, "training", dg_show_seconds(dg_html_value(train, "seconds"), value, sizeof value),
         more);
    snprintf(more, sizeof more, "%.0f rank%s of %.0f thread%s", ranks, ranks == 1 ? "" : "s",
             threads, threads == 1 ? "" : "s");
    tile(out, "memory",
         dg_show_bytes(dg_html_value(train, "peak_bytes_of_all_ranks"), value, sizeof value), more);
    dg_text_add(out, "</div>\n");
}

/* ---- beside others ---- */

static bool less_is_better(const char *measure)
{
    static const char *const those[] = {"rmse", "mae", "logloss", "gini", "arp", "pop", "ils"};
    for (size_t k = 0; k < sizeof those / sizeof *those; k++)
        if (strncmp(measure, those[k], strlen(those[k])) == 0) return true;
    return false;
}

static void add_other(const json_t *others, const char *key, double own, dg_text *out)
{
    const json_t *value = json_object_get(others, key);
    const double v = json_number_value(value);
    dg_text_add(out, "<td>");
    dg_html_measure(out, value);
    if (json_is_number(value) && v > 0) {
        const double change = 100 * (own / v - 1);
        const bool better = less_is_better(key) ? own < v : own > v;
        dg_text_add(out, " <small class=\"%s\">%+.3g %%</small>",
                    own == v ? ""
                    : better ? "better"
                             : "worse",
                    change);
    }
    dg_text_add(out, "</td>");
}

static void add_measures(const json_t *figures, dg_text *out)
{
    const json_t *own = json_object_get(figures, "metrics");
    const json_t *champion = json_object_get(figures, "champion");
    const json_t *popular = json_object_get(figures, "popular");
    const char *key;
    json_t *value;
    if (!json_is_object(own)) return;
    dg_text_add(out, "<h2>Measures</h2>\n<table id=\"measures\"><tr><th></th><th>this run</th>");
    if (json_is_object(champion)) {
        dg_text_add(out, "<th>champion ");
        dg_html_text(out, text_of(champion, "version"));
        dg_text_add(out, "</th>");
    }
    if (json_is_object(popular)) dg_text_add(out, "<th>the most popular</th>");
    dg_text_add(out, "</tr>\n");
    json_object_foreach((json_t *)(uintptr_t)own, key, value)
    {
        if (!json_is_real(value) && strchr(key, '@') == NULL) continue;
        dg_text_add(out, "<tr>");
        dg_html_element(out, "td", NULL, key);
        dg_text_add(out, "<td><b>");
        dg_html_measure(out, value);
        dg_text_add(out, "</b></td>");
        if (json_is_object(champion))
            add_other(json_object_get(champion, "metrics"), key, json_number_value(value), out);
        if (json_is_object(popular)) add_other(popular, key, json_number_value(value), out);
        dg_text_add(out, "</tr>\n");
    }
    dg_text_add(out, "</table>\n<p class=\"soft\">Behind a number: how far this run is from it. "
                     "Judged by the same held-out rows, every item ranked.</p>\n");
}

/* ---- pictures ---- */

static void add_section(dg_text *out, const char *title, const dg_text *figures)
{
    if (figures->n == 0) return;
    dg_html_element(out, "h2", NULL, title);
    dg_text_add(out, "\n<div class=\"cards\">\n");
    dg_text_bytes(out, figures->at, figures->n);
    dg_text_add(out, "</div>\n");
}

static void add_charts(const json_t *figures, dg_text *out)
{
    const char *measure = main_measure(json_object_get(figures, "metrics"));
    const char *at = strchr(measure, '@');
    char recall[64];
    dg_text training = {0}, data = {0}, slices = {0};
    snprintf(recall, sizeof recall, "recall%.40s", at == NULL ? "" : at);
    dg_chart_loss(figures, &training);
    dg_chart_judged(figures, &training);
    dg_chart_rate(figures, &training);
    dg_chart_ranks(figures, &training);
    dg_chart_history(figures, measure, &slices);
    dg_chart_slices(figures, recall, &slices);
    dg_chart_tail(figures, &data);
    dg_chart_concentration(figures, &data);
    out->failed = out->failed || training.failed || slices.failed || data.failed;
    add_section(out, "For whom", &slices);
    add_section(out, "Training", &training);
    add_section(out, "Data", &data);
    dg_text_free(&training);
    dg_text_free(&slices);
    dg_text_free(&data);
}

/* ---- examples ---- */

static void add_names(const json_t *names, const char *class, dg_text *out)
{
    size_t k;
    const json_t *name;
    json_array_foreach((json_t *)(uintptr_t)names, k, name)
    {
        if (k > 0 && class == NULL) dg_text_add(out, ", ");
        if (class != NULL)
            dg_html_element(out, "span", class, json_string_value(name));
        else
            dg_html_text(out, json_string_value(name));
    }
}

static void add_example(const json_t *example, dg_text *out)
{
    size_t k;
    const json_t *item;
    dg_text_add(out, "<div class=\"card example\"><h3>User ");
    dg_html_text(out, text_of(example, "user"));
    dg_text_add(out, "</h3><div>");
    add_names(json_object_get(example, "history"), "chip", out);
    dg_text_add(out, "</div><table>\n");
    json_array_foreach(json_object_get(example, "items"), k, item)
    {
        dg_text_add(out, "<tr><td>");
        dg_html_text(out, text_of(item, "name"));
        if (json_array_size(json_object_get(item, "because")) > 0) {
            dg_text_add(out, "<br><small>because of ");
            add_names(json_object_get(item, "because"), NULL, out);
            dg_text_add(out, "</small>");
        }
        dg_text_add(out, "</td><td>");
        dg_html_number(out, json_object_get(item, "score"));
        dg_text_add(out, "</td></tr>\n");
    }
    dg_text_add(out, "</table></div>\n");
}

static void add_examples(const json_t *figures, dg_text *out)
{
    const json_t *examples = json_object_get(figures, "examples"), *example;
    size_t k;
    if (json_array_size(examples) == 0) return;
    dg_text_add(out, "<h2>What it recommends</h2>\n<div class=\"cards\" id=\"examples\">\n");
    json_array_foreach((json_t *)(uintptr_t)examples, k, example) add_example(example, out);
    dg_text_add(out, "</div>\n");
}

/* ---- how it was made ---- */

static void add_stages(const json_t *run, dg_text *out)
{
    static const char *const stage[] = {"prepare", "train", "evaluate", "export", "publish"};
    char text[40];
    dg_text_add(out, "<h2>How it was made</h2>\n<table id=\"stages\"><tr><th></th><th>time</th>"
                     "<th>memory of all ranks</th></tr>\n");
    for (size_t k = 0; k < sizeof stage / sizeof *stage; k++) {
        const json_t *s = json_object_get(run, stage[k]);
        if (s == NULL) continue;
        dg_text_add(out, "<tr><td>%s</td><td>%s</td>", stage[k],
                    dg_show_seconds(dg_html_value(s, "seconds"), text, sizeof text));
        dg_text_add(out, "<td>%s</td></tr>\n",
                    dg_show_bytes(dg_html_value(s, "peak_bytes_of_all_ranks"), text, sizeof text));
    }
    dg_text_add(out, "</table>\n");
    if (text_of(run, "job")[0] == '\0') return;
    dg_text_add(out, "<details><summary>The whole job</summary><pre>");
    dg_html_text(out, text_of(run, "job"));
    dg_text_add(out, "</pre></details>\n");
}

static void add_head(const json_t *figures, dg_text *out)
{
    const json_t *run = json_object_get(figures, "run");
    dg_text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    dg_html_text(out, text_of(figures, "name"));
    dg_text_add(out, "</title>\n<style>%s</style></head>\n<body><main>\n", style);
    dg_html_element(out, "h1", NULL, text_of(figures, "name"));
    dg_text_add(out, "<p class=\"soft\">");
    dg_html_text(out, text_of(figures, "algorithm"));
    dg_text_add(out, ", started ");
    dg_html_text(out, text_of(run, "started"));
    dg_text_add(out, ", daogou ");
    dg_html_text(out, text_of(run, "version"));
    dg_text_add(out, ", model ");
    dg_html_text(out, text_of(json_object_get(run, "train"), "content_digest"));
    dg_text_add(out, "</p>\n");
}

void dg_report_page(const json_t *figures, dg_text *html)
{
    add_head(figures, html);
    add_tiles(figures, html);
    add_measures(figures, html);
    add_examples(figures, html);
    add_charts(figures, html);
    add_stages(json_object_get(figures, "run"), html);
    dg_text_add(html, "</main></body></html>\n");
}

void dg_report_lines(const json_t *figures, dg_text *out)
{
    const json_t *own = json_object_get(figures, "metrics");
    const json_t *champion = json_object_get(json_object_get(figures, "champion"), "metrics");
    const json_t *popular = json_object_get(figures, "popular");
    const char *key;
    json_t *value;
    dg_text_add(out, "%-22s %10s %10s %10s\n", text_of(figures, "name"), "this run",
                champion == NULL ? "" : "champion", popular == NULL ? "" : "popular");
    json_object_foreach((json_t *)(uintptr_t)own, key, value)
    {
        if (!json_is_real(value) && strchr(key, '@') == NULL) continue;
        dg_text_add(out, "%-22s %10.4f", key, json_number_value(value));
        dg_text_add(out, champion == NULL ? " %10s" : "", "");
        if (champion != NULL) dg_text_add(out, " %10.4f", dg_html_value(champion, key));
        if (json_object_get(popular, key) != NULL)
            dg_text_add(out, " %10.4f", dg_html_value(popular, key));
        dg_text_add(out, "\n");
    }
}
