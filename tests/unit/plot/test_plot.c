/* Pictures are well-formed, and nothing is drawn outside of the page whatever the numbers are. */
#include "base/rng.h"
#include "plot/plot.h"
#include "unit_main.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 600, HEIGHT = 400 };

/* Every opened element is closed in order; no bare "<" or "&" in text. */
static bool well_formed(const char *s)
{
    char open[32][16];
    int depth = 0;
    for (; *s != '\0'; s++) {
        if (*s == '&' && strncmp(s, "&amp;", 5) != 0 && strncmp(s, "&lt;", 4) != 0 &&
            strncmp(s, "&gt;", 4) != 0)
            return false;
        if (*s != '<') continue;
        const char *end = strchr(s, '>');
        const bool closes = s[1] == '/';
        char name[16] = "";
        if (end == NULL) return false;
        for (size_t k = 0; k < 15 && isalpha((unsigned char)s[1 + closes + (long)k]); k++)
            name[k] = s[1 + closes + (long)k];
        if (closes && (depth == 0 || strcmp(open[--depth], name) != 0)) return false;
        if (!closes && end[-1] != '/' && (depth == 32 || name[0] == '\0')) return false;
        if (!closes && end[-1] != '/') strcpy(open[depth++], name);
        s = end;
    }
    return depth == 0;
}

/* Attributes that are coordinates lie on the page; width and height are not negative. Returns one
 * that does not. */
static const char *leaves_page(const char *s)
{
    static char found[64];
    static const struct {
        const char *name;
        double most;
    } all[] = {{" x=\"", WIDTH},     {" y=\"", HEIGHT},     {" x1=\"", WIDTH}, {" x2=\"", WIDTH},
               {" y1=\"", HEIGHT},   {" y2=\"", HEIGHT},    {" cx=\"", WIDTH}, {" cy=\"", HEIGHT},
               {" width=\"", WIDTH}, {" height=\"", HEIGHT}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (const char *at = s; (at = strstr(at, all[k].name)) != NULL; at++) {
            const double v = strtod(at + strlen(all[k].name), NULL);
            if (v >= 0 && v <= all[k].most) continue;
            snprintf(found, sizeof found, "%.60s", at);
            return found;
        }
    return strstr(s, "nan") != NULL || strstr(s, "inf") != NULL ? "nan or inf" : NULL;
}

static void check(dg_text *svg, const char *what)
{
    dg_plot_end(svg);
    ck_assert(!svg->failed);
    ck_assert_msg(well_formed(svg->at), "%s is not well-formed: %.400s", what, svg->at);
    const char *leaves = leaves_page(svg->at);
    ck_assert_msg(leaves == NULL, "%s leaves the page: %s", what, leaves);
    dg_text_free(svg);
}

static const dg_plot_box whole = {0, 60, WIDTH, HEIGHT - 60};

START_TEST(any_numbers_stay_on_the_page)
{
    static const double odd[] = {0, -3, 1e-300, 1e300, NAN, INFINITY};
    for (uint64_t round = 0; round < 300; round++) {
        dg_rng rng = dg_rng_at(3, DG_RNG_TEST, round);
        double x[3][6], y[3][6];
        dg_plot_series s[3];
        dg_plot_bar bar[8];
        for (int k = 0; k < 3; k++) {
            s[k] = (dg_plot_series){"a series", x[k], y[k], (int)dg_rng_below(&rng, 7), k == 0};
            for (int i = 0; i < 6; i++) {
                x[k][i] = pow(10, 20 * (dg_rng_uniform(&rng) - 0.5));
                y[k][i] = dg_rng_below(&rng, 9) == 0 ? odd[dg_rng_below(&rng, 6)]
                                                     : pow(10, 6 * dg_rng_uniform(&rng));
            }
        }
        for (int k = 0; k < 8; k++)
            bar[k] = (dg_plot_bar){"bar", "note", 200 * dg_rng_uniform(&rng),
                                   k % 2 == 0 ? 300 * dg_rng_uniform(&rng) : 0, k};
        dg_text lines = {0}, bars = {0};
        dg_plot_begin(&lines, WIDTH, HEIGHT, "title", "subtitle");
        dg_plot_curves(&lines, whole, "panel", "x", "y", (unsigned)round % 4, s, 3);
        check(&lines, "lines");
        dg_plot_begin(&bars, WIDTH, HEIGHT, "title", "subtitle");
        dg_plot_bars(&bars, whole, "panel", round % 2 == 0 ? 100 : 0, bar,
                     (int)dg_rng_below(&rng, 9));
        check(&bars, "bars");
    }
}
END_TEST

START_TEST(what_xml_reserves_is_spelled_out)
{
    dg_text svg = {0};
    dg_plot_begin(&svg, WIDTH, HEIGHT, "a < b & c > d", "\"quoted\"");
    ck_assert_ptr_nonnull(strstr(svg.at, "a &lt; b &amp; c &gt; d"));
    check(&svg, "title");
}
END_TEST

START_TEST(each_of_few_x_values_has_a_tick)
{
    const double x[] = {1, 2, 4, 8, 16}, y[] = {1, 1.9, 2, 2, 2};
    const dg_plot_series s = {"speed-up", x, y, 5, false};
    dg_text svg = {0};
    dg_plot_begin(&svg, WIDTH, HEIGHT, "t", "s");
    dg_plot_lines(&svg, whole, "panel", "ranks", "times", &s, 1);
    ck_assert_ptr_nonnull(strstr(svg.at, ">16</text>"));
    ck_assert_ptr_nonnull(strstr(svg.at, ">4</text>"));
    ck_assert_ptr_null(strstr(svg.at, ">10</text>"));
    check(&svg, "ticks");
}
END_TEST

START_TEST(linear_axes_show_0_and_begin_there)
{
    const double x[] = {0, 0.5, 1}, y[] = {0, 0.2, 1};
    const dg_plot_series s = {"share", x, y, 3, false};
    dg_text svg = {0};
    dg_plot_begin(&svg, WIDTH, HEIGHT, "t", "s");
    dg_plot_curves(&svg, whole, "panel", "x", "y", DG_PLOT_LINEAR_X | DG_PLOT_LINEAR_Y, &s, 1);
    /* three dots, the first where the axes meet */
    const char *dot = strstr(svg.at, "<circle cx=\"56.0\" cy=\"360.0\"");
    ck_assert_ptr_nonnull(dot);
    ck_assert_ptr_nonnull(strstr(strstr(dot + 1, "<circle") + 1, "<circle"));
    check(&svg, "linear");
}
END_TEST

START_TEST(a_bar_to_reach_is_drawn_across)
{
    const dg_plot_bar bar[] = {{"gram", "80 %", 80, 70, 0}, {"pass", "40 %", 40, 0, 1}};
    dg_text svg = {0};
    dg_plot_begin(&svg, WIDTH, HEIGHT, "t", "s");
    dg_plot_bars(&svg, whole, "panel", 100, bar, 2);
    const char *first = strstr(svg.at, "class=\"target\"");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "class=\"target\""));
    check(&svg, "bars");
}
END_TEST

UNIT_MAIN("plot", any_numbers_stay_on_the_page, what_xml_reserves_is_spelled_out,
          each_of_few_x_values_has_a_tick, linear_axes_show_0_and_begin_there,
          a_bar_to_reach_is_drawn_across)
