#include "report/charts.h"

#include "plot/plot.h"
#include "report/html.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 560, HEIGHT = 320, MOST = 2048, BARS = 24 };

static void begin(dg_text *out, const char *id, double height)
{
    dg_text_add(out, "<figure id=\"%s\">\n", id);
    dg_plot_begin(out, WIDTH, height, "", "");
}

static void end(dg_text *out, const char *caption)
{
    dg_plot_end(out);
    dg_html_element(out, "figcaption", NULL, caption);
    dg_text_add(out, "</figure>\n");
}

static int numbers(const json_t *array, double *to)
{
    size_t k;
    const json_t *value;
    int n = 0;
    json_array_foreach((json_t *)(uintptr_t)array, k, value) if (n < MOST) to[n++] =
        json_number_value(value);
    return n;
}

/* Member `key` of each sweep that is known, and the sweeps' numbers. */
static int of_sweeps(const json_t *figures, const char *key, double *x, double *y)
{
    size_t k;
    const json_t *sweep;
    int n = 0;
    json_array_foreach(json_object_get(figures, "sweeps"), k, sweep)
    {
        if (!json_is_object(sweep) || n == MOST) continue;
        x[n] = (double)(k + 1);
        y[n++] = dg_html_value(sweep, key);
    }
    return n;
}

/* Likewise of what was measured after those sweeps that were judged. */
static int of_judged(const json_t *figures, const char *key, double *x, double *y)
{
    size_t k;
    const json_t *sweep;
    int n = 0;
    json_array_foreach(json_object_get(figures, "sweeps"), k, sweep)
    {
        const json_t *value = json_object_get(json_object_get(sweep, "judged"), key);
        if (!json_is_number(value) || n == MOST) continue;
        x[n] = (double)(k + 1);
        y[n++] = json_number_value(value);
    }
    return n;
}

void dg_chart_judged(const json_t *figures, dg_text *out)
{
    enum { LINES = 4 };
    static double x[LINES][MOST], y[LINES][MOST];
    const json_t *sweep, *judged = NULL;
    dg_plot_series s[LINES];
    const char *key;
    json_t *value;
    size_t k;
    int lines = 0;
    json_array_foreach(json_object_get(figures, "sweeps"), k, sweep)
    {
        const json_t *of = json_object_get(sweep, "judged");
        if (json_is_object(of)) judged = of;
    }
    json_object_foreach((json_t *)(uintptr_t)judged, key, value)
    {
        const int n = lines < LINES ? of_judged(figures, key, x[lines], y[lines]) : 0;
        if (n < 2) continue;
        s[lines] = (dg_plot_series){key, x[lines], y[lines], n, false};
        lines++;
    }
    if (lines == 0) return;
    begin(out, "judged", HEIGHT);
    dg_plot_curves(out, (dg_plot_box){0, 0, WIDTH, HEIGHT}, "Measures", "sweep", "",
                   DG_PLOT_LINEAR_X | DG_PLOT_LINEAR_Y, s, lines);
    end(out, "The model judged by held-out rows while it was trained (evaluate.every).");
}

void dg_chart_loss(const json_t *figures, dg_text *out)
{
    static const char *const key[] = {"loss", "observed", "unobserved", "regularization"};
    static double x[4][MOST], y[4][MOST];
    dg_plot_series s[4];
    int lines = 0;
    for (int k = 0; k < 4; k++) {
        const int n = of_sweeps(figures, key[k], x[k], y[k]);
        bool any = false;
        for (int i = 0; i < n; i++) any = any || y[k][i] > 0;
        if (any) s[lines++] = (dg_plot_series){k == 0 ? "loss" : key[k], x[k], y[k], n, false};
    }
    if (lines == 0 || s[0].n < 2) return;
    begin(out, "loss", HEIGHT);
    dg_plot_curves(out, (dg_plot_box){0, 0, WIDTH, HEIGHT}, "Loss", "sweep", "loss",
                   DG_PLOT_LINEAR_X, s, lines);
    end(out, "What training minimises, and its parts, after each sweep.");
}

void dg_chart_rate(const json_t *figures, dg_text *out)
{
    static double x[MOST], y[MOST];
    const json_t *counts = json_object_get(json_object_get(figures, "card"), "counts");
    const double ratings = dg_html_value(counts, "train") / 1e6;
    const dg_plot_series s = {"rate", x, y, of_sweeps(figures, "seconds", x, y), false};
    for (int k = 0; k < s.n; k++) y[k] = y[k] > 0 ? ratings / y[k] : 0;
    if (s.n < 2 || !(ratings > 0)) return;
    begin(out, "rate", HEIGHT);
    dg_plot_curves(out, (dg_plot_box){0, 0, WIDTH, HEIGHT}, "Rate of a sweep", "sweep",
                   "million ratings a second", DG_PLOT_LINEAR_X | DG_PLOT_LINEAR_Y, &s, 1);
    end(out, "Ratings to train on over the seconds of a sweep. One much slower than the others met "
             "other work on the machine.");
}

void dg_chart_ranks(const json_t *figures, dg_text *out)
{
    const json_t *sweeps = json_object_get(figures, "sweeps"), *value;
    const json_t *last = json_array_get(sweeps, json_array_size(sweeps) - 1);
    const json_t *worked = json_object_get(last, "worked");
    static char label[BARS][32];
    dg_plot_bar bar[BARS];
    size_t k;
    int n = 0;
    json_array_foreach((json_t *)(uintptr_t)worked, k, value)
    {
        if (n == BARS) break;
        snprintf(label[n], sizeof label[n], "rank %zu", k);
        bar[n] = (dg_plot_bar){label[n], NULL, json_number_value(value),
                               dg_html_value(last, "seconds"), 0};
        n++;
    }
    if (n < 2) return;
    begin(out, "ranks", dg_plot_bars_height(n));
    dg_plot_bars(out, (dg_plot_box){0, 0, WIDTH, dg_plot_bars_height(n)},
                 "Work of each rank, last sweep", 0, bar, n);
    end(out,
        "Seconds a rank worked; up to the tick, the whole sweep, it sent, received or waited.");
}

void dg_chart_tail(const json_t *figures, dg_text *out)
{
    static double x[MOST], y[MOST];
    const json_t *tail = json_object_get(figures, "tail");
    const int n = numbers(json_object_get(tail, "rank"), x);
    const dg_plot_series s = {"ratings of an item", x, y, n, false};
    if (numbers(json_object_get(tail, "count"), y) != n || n < 3) return;
    begin(out, "tail", HEIGHT);
    dg_plot_lines(out, (dg_plot_box){0, 0, WIDTH, HEIGHT}, "The long tail",
                  "items, most popular first", "ratings", &s, 1);
    end(out, "Training ratings of each item. A straight line is a power law.");
}

void dg_chart_concentration(const json_t *figures, dg_text *out)
{
    static const double ends[] = {0, 1};
    static double x[MOST], y[MOST];
    const json_t *tail = json_object_get(figures, "tail");
    const int n = numbers(json_object_get(tail, "share_of_items"), x);
    const dg_plot_series s[] = {{"ratings they have", x, y, n, false},
                                {"were all alike", ends, ends, 2, true}};
    if (numbers(json_object_get(tail, "share_of_ratings"), y) != n || n < 3) return;
    begin(out, "concentration", HEIGHT);
    dg_plot_curves(out, (dg_plot_box){0, 0, WIDTH, HEIGHT}, "Concentration", "share of items",
                   "share of ratings", DG_PLOT_LINEAR_X | DG_PLOT_LINEAR_Y, s, 2);
    end(out, "What share of all ratings the most popular items have.");
}

void dg_chart_history(const json_t *figures, const char *measure, dg_text *out)
{
    static char label[BARS][48], note[BARS][48];
    const json_t *slices = json_object_get(json_object_get(figures, "metrics"), "by_history"),
                 *slice;
    dg_plot_bar bar[BARS];
    size_t k;
    int n = 0;
    char title[96];
    json_array_foreach((json_t *)(uintptr_t)slices, k, slice)
    {
        const json_t *to = json_object_get(slice, "to");
        if (n == BARS || json_object_get(slice, measure) == NULL) continue;
        if (json_is_integer(to))
            snprintf(label[n], sizeof label[n], "%.0f to %.0f ratings",
                     dg_html_value(slice, "from"), json_number_value(to));
        else
            snprintf(label[n], sizeof label[n], "%.0f ratings and more",
                     dg_html_value(slice, "from"));
        snprintf(note[n], sizeof note[n], "%.4f, %.0f users", dg_html_value(slice, measure),
                 dg_html_value(slice, "users"));
        bar[n] = (dg_plot_bar){label[n], note[n], dg_html_value(slice, measure), 0, 1};
        n++;
    }
    if (n == 0) return;
    snprintf(title, sizeof title, "%.40s by what a user has", measure);
    begin(out, "history", dg_plot_bars_height(n));
    dg_plot_bars(out, (dg_plot_box){0, 0, WIDTH, dg_plot_bars_height(n)}, title, 0, bar, n);
    end(out, "Users by the length of the history the model learned from.");
}

static void draw_slices(const json_t *all, const char *id, const char *key, const char *measure,
                        const char *title, dg_text *out)
{
    static char note[BARS][48];
    const json_t *slice;
    dg_plot_bar bar[BARS];
    size_t k;
    int n = 0;
    json_array_foreach((json_t *)(uintptr_t)all, k, slice)
    {
        const char *label = json_string_value(json_object_get(slice, key));
        if (n == BARS || label == NULL || json_object_get(slice, measure) == NULL) continue;
        snprintf(note[n], sizeof note[n], "%.4f, %.0f targets", dg_html_value(slice, measure),
                 dg_html_value(slice, "targets"));
        bar[n] = (dg_plot_bar){label, note[n], dg_html_value(slice, measure), 0, 2};
        n++;
    }
    if (n == 0) return;
    begin(out, id, dg_plot_bars_height(n));
    dg_plot_bars(out, (dg_plot_box){0, 0, WIDTH, dg_plot_bars_height(n)}, title, 0, bar, n);
    end(out, "What was held out, by the kind of item it is.");
}

void dg_chart_slices(const json_t *figures, const char *measure, dg_text *out)
{
    const json_t *metrics = json_object_get(figures, "metrics");
    const char *attribute;
    json_t *values;
    char title[96];
    draw_slices(json_object_get(metrics, "by_popularity"), "by_popularity", "group", measure,
                "Recall by popularity", out);
    json_object_foreach(json_object_get(metrics, "by_attribute"), attribute, values)
    {
        snprintf(title, sizeof title, "Recall by %.60s", attribute);
        draw_slices(values, "by_attribute", "value", measure, title, out);
    }
}
