#include "plot/plot.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Distinguishable without colour vision (Okabe and Ito 2008), the palest left out. */
static const char *const hues[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                   "#e69f00", "#56b4e9", "#5b5b5b", "#8c510a"};
enum { N_HUES = sizeof hues / sizeof *hues };

enum { BAR = 14, STEP = 20, HEAD = 34, FEW = 8, DOTS = 40 };

/* Text with what XML reserves spelled out. */
static void words(dg_text *svg, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '&')
            dg_text_add(svg, "&amp;");
        else if (*s == '<')
            dg_text_add(svg, "&lt;");
        else if (*s == '>')
            dg_text_add(svg, "&gt;");
        else
            dg_text_bytes(svg, s, 1);
    }
}

static void label(dg_text *svg, double x, double y, const char *class, const char *anchor,
                  const char *s)
{
    dg_text_add(svg, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, class,
                anchor);
    words(svg, s);
    dg_text_add(svg, "</text>\n");
}

static void stroke(dg_text *svg, double x1, double y1, double x2, double y2, const char *class)
{
    dg_text_add(svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1,
                y1, x2, y2, class);
}

void dg_plot_begin(dg_text *svg, double width, double height, const char *title,
                   const char *subtitle)
{
    dg_text_add(svg,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
                "width=\"%.0f\" height=\"%.0f\" font-family=\"Helvetica,Arial,sans-serif\">\n"
                "<style>text{font-size:12px;fill:#333}.page{font-size:18px;fill:#111}"
                ".panel{font-size:14px;fill:#111}.small{font-size:11px;fill:#666}"
                ".grid{stroke:#e4e4e4}.axis{stroke:#888}.target{stroke:#111;stroke-width:2}"
                "</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                width, height, width, height);
    label(svg, 24, 32, "page", "start", title);
    label(svg, 24, 52, "small", "start", subtitle);
}

void dg_plot_end(dg_text *svg) { dg_text_add(svg, "</svg>\n"); }

/* One axis, logarithmic if not linear: values [low, high] onto pixels [from, to]. */
typedef struct axis {
    double low, high, from, to;
    bool linear;
} axis;

static double at(const axis *a, double value)
{
    if (a->linear) return a->from + (a->to - a->from) * (value - a->low) / (a->high - a->low);
    return a->from + (a->to - a->from) * log(value / a->low) / log(a->high / a->low);
}

/* Logarithmic axes have no place for 0, less, what is no number or nothing measured. */
static bool has_place(double v) { return v > 1e-99 && v < 1e99; }

static bool fits(const axis *a, double v) { return has_place(v) || (a->linear && v == 0); }

static bool is_shown(const axis *x, const axis *y, const dg_plot_series *s, int i)
{
    return fits(x, s->x[i]) && fits(y, s->y[i]);
}

/* From the least to the greatest value shown, with some air; a linear axis of y begins at 0. */
static void span(axis *x, axis *y, const dg_plot_series *s, int n, bool of_x)
{
    axis *a = of_x ? x : y;
    double low = INFINITY, high = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < s[k].n; i++) {
            const double v = of_x ? s[k].x[i] : s[k].y[i];
            if (!is_shown(x, y, &s[k], i)) continue;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    if (a->linear) {
        a->low = of_x && low < INFINITY ? low : 0;
        a->high = of_x ? high : high * 1.05;
        if (!(a->high > a->low + a->low * 1e-6)) a->high = a->low + fmax(1, a->low * 0.01);
        return;
    }
    if (high == 0) low = high = 1;
    const double air = high / low > 1.5 ? pow(high / low, 0.06) : 1.5;
    a->low = low / air;
    a->high = high * air;
}

/* "0.02", "5", "2k", "50M": short enough to stand side by side. */
static const char *tick_text(double v, char text[32])
{
    static const char *const marks[] = {"", "k", "M", "G", "T", "P"};
    int m = 0;
    for (; v >= 1000 && m < 5; m++) v /= 1000;
    snprintf(text, 32, "%.3g%s", v, marks[m]);
    return text;
}

static double round_up(double v);

static void tick(dg_text *svg, const axis *x, const axis *y, bool of_x, double v)
{
    char text[32];
    if (of_x) {
        stroke(svg, at(x, v), y->from, at(x, v), y->to, "grid");
        label(svg, at(x, v), y->from + 16, "", "middle", tick_text(v, text));
    } else {
        stroke(svg, x->from, at(y, v), x->to, at(y, v), "grid");
        label(svg, x->from - 6, at(y, v) + 4, "", "end", tick_text(v, text));
    }
}

/* 1, 2, 5 times powers of ten; over many decades the powers alone, within one all digits. */
static void ticks(dg_text *svg, const axis *x, const axis *y, bool of_x)
{
    const axis *a = of_x ? x : y;
    if (a->linear) {
        const double apart = round_up((a->high - a->low) / 6);
        const double first = ceil(a->low / apart);
        for (int k = 0; k < 12 && (first + k) * apart <= a->high; k++)
            tick(svg, x, y, of_x, (first + k) * apart);
        return;
    }
    const double decades = log10(a->high / a->low), step = pow(10, ceil(decades / 10));
    for (double power = pow(10, floor(log10(a->low))); power <= a->high; power *= step)
        for (int digit = 1; digit < 10; digit++) {
            const double v = power * digit;
            const bool wanted =
                digit == 1 || decades < 1 || (decades <= 3 && (digit == 2 || digit == 5));
            if (wanted && v >= a->low && v <= a->high) tick(svg, x, y, of_x, v);
        }
}

/* Where the lines' points stand: one tick each. False where they are too many to read. */
static bool own_ticks(dg_text *svg, const axis *x, const axis *y, const dg_plot_series *s, int n)
{
    double own[FEW];
    int n_own = 0;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < s[k].n && !s[k].reference; i++) {
            if (!is_shown(x, y, &s[k], i)) continue;
            int j = 0;
            while (j < n_own && own[j] != s[k].x[i]) j++;
            if (j == n_own && n_own == FEW) return false;
            if (j == n_own) own[n_own++] = s[k].x[i];
        }
    for (int j = 0; j < n_own; j++) tick(svg, x, y, true, own[j]);
    return n_own > 0;
}

static void draw(dg_text *svg, const axis *x, const axis *y, const dg_plot_series *s, int hue)
{
    dg_text_add(svg, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s points=\"",
                s->reference ? "#999" : hues[hue], s->reference ? "1.5" : "2.2",
                s->reference ? " stroke-dasharray=\"6 4\"" : "");
    for (int i = 0; i < s->n; i++)
        if (is_shown(x, y, s, i)) dg_text_add(svg, "%.1f,%.1f ", at(x, s->x[i]), at(y, s->y[i]));
    dg_text_add(svg, "\"/>\n");
    for (int i = 0; i < s->n && s->n <= DOTS && !s->reference; i++)
        if (is_shown(x, y, s, i))
            dg_text_add(svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
                        at(x, s->x[i]), at(y, s->y[i]), hues[hue]);
}

static void legend(dg_text *svg, double x, double y, const dg_plot_series *s, int hue)
{
    dg_text_add(svg,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"2.2\"%s/>\n",
                x, y - 4, x + 22, y - 4, s->reference ? "#999" : hues[hue],
                s->reference ? " stroke-dasharray=\"6 4\"" : "");
    label(svg, x + 28, y, "", "start", s->name);
}

void dg_plot_lines(dg_text *svg, dg_plot_box box, const char *title, const char *x_label,
                   const char *y_label, const dg_plot_series *series, int n)
{
    dg_plot_curves(svg, box, title, x_label, y_label, 0, series, n);
}

void dg_plot_curves(dg_text *svg, dg_plot_box box, const char *title, const char *x_label,
                    const char *y_label, unsigned linear, const dg_plot_series *series, int n)
{
    const double top = box.y + HEAD + 18.0 * n, bottom = box.y + box.height - 40;
    axis x = {.from = box.x + 56,
              .to = box.x + box.width - 16,
              .linear = (linear & DG_PLOT_LINEAR_X) != 0};
    axis y = {.from = bottom, .to = top, .linear = (linear & DG_PLOT_LINEAR_Y) != 0};
    span(&x, &y, series, n, true);
    span(&x, &y, series, n, false);
    int hue = 0;
    label(svg, box.x + 56, box.y + 18, "panel", "start", title);
    if (!own_ticks(svg, &x, &y, series, n)) ticks(svg, &x, &y, true);
    ticks(svg, &x, &y, false);
    stroke(svg, x.from, bottom, x.to, bottom, "axis");
    stroke(svg, x.from, top, x.from, bottom, "axis");
    label(svg, (x.from + x.to) / 2, bottom + 34, "small", "middle", x_label);
    dg_text_add(svg, "<g transform=\"translate(%.1f %.1f) rotate(-90)\">", box.x + 12,
                (top + bottom) / 2);
    label(svg, 0, 0, "small", "middle", y_label);
    dg_text_add(svg, "</g>\n");
    for (int k = 0; k < n; k++) {
        draw(svg, &x, &y, &series[k], hue % N_HUES);
        legend(svg, x.from, box.y + HEAD + 2 + 18.0 * k, &series[k], hue % N_HUES);
        hue += !series[k].reference;
    }
}

double dg_plot_bars_height(int n) { return HEAD + STEP * (double)n + 26; }

/* The next number that quarters well: 1, 2, 4 or 6 times a power of ten. */
static double round_up(double v)
{
    static const double steps[] = {1, 2, 4, 6, 10};
    if (!has_place(v)) return 1;
    const double power = pow(10, floor(log10(v)));
    int k = 0;
    while (k < 4 && steps[k] * power < v) k++;
    return steps[k] * power;
}

void dg_plot_bars(dg_text *svg, dg_plot_box box, const char *title, double full,
                  const dg_plot_bar *bar, int n)
{
    const double left = box.x + 190, right = box.x + box.width - 150, top = box.y + HEAD;
    char text[32];
    double longest = 0;
    for (int k = 0; k < n; k++) longest = fmax(longest, bar[k].value);
    const double most = full > 0 ? full : round_up(longest);
    full = fmax(most, longest); /* a bar never leaves its panel */
    label(svg, left, box.y + 18, "panel", "start", title);
    for (int k = 0; k <= 4; k++) {
        const double x = left + (right - left) * most * k / 4 / full;
        stroke(svg, x, top, x, top + STEP * (double)n, "grid");
        snprintf(text, sizeof text, "%.3g", most * k / 4);
        label(svg, x, top + STEP * (double)n + 16, "small", "middle", text);
    }
    for (int k = 0; k < n; k++) {
        const double y = top + STEP * (double)k + (STEP - BAR) / 2.0;
        const double length = (right - left) * fmax(bar[k].value, 0) / full;
        label(svg, left - 8, y + BAR - 3, "", "end", bar[k].label);
        dg_text_add(svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
                    left, y, length, BAR, hues[bar[k].hue % N_HUES]);
        const double tick_at = left + (right - left) * fmin(bar[k].target, full) / full;
        if (bar[k].target > 0) stroke(svg, tick_at, y - 2, tick_at, y + BAR + 2, "target");
        const double behind = bar[k].target > 0 ? fmax(left + length, tick_at) : left + length;
        if (bar[k].note != NULL) label(svg, behind + 6, y + BAR - 3, "small", "start", bar[k].note);
    }
    stroke(svg, left, top, left, top + STEP * (double)n, "axis");
}
