/* plot.h - a small writer of pictures: one SVG page of panels, each with lines or with bars.
 *
 * Plain SVG 1.1 that browsers and converters draw alike; no fonts, scripts or files of others. All
 * LOCAL; coordinates are pixels, y downwards. */
#ifndef DG_PLOT_PLOT_H
#define DG_PLOT_PLOT_H
#include "base/text.h"

typedef struct dg_plot_box { /* where a panel stands on the page, its labels included */
    double x, y, width, height;
} dg_plot_box;

typedef struct dg_plot_series {
    const char *name;    /* in the legend */
    const double *x, *y; /* (n,) > 0; from 0 on linear axes */
    int n;
    bool reference; /* dashed, grey, without dots: an ideal, a bar to reach */
} dg_plot_series;

typedef struct dg_plot_bar {
    const char *label, *note; /* left of the bar; behind it. note may be NULL */
    double value;             /* >= 0 */
    double target;            /* a tick across the bar: what it should reach; 0 for none */
    int hue;                  /* bars of one kind share one: 0 to 7 */
} dg_plot_bar;

/** The page's head. LOCAL. `title` and `subtitle` in plain text. */
void dg_plot_begin(dg_text *svg, double width, double height, const char *title,
                   const char *subtitle);

/** A panel of lines, both axes logarithmic, ticks at round numbers; x has one at each of its own
 *  values where they are few. LOCAL. Series with nothing to show are left out. */
void dg_plot_lines(dg_text *svg, dg_plot_box box, const char *title, const char *x_label,
                   const char *y_label, const dg_plot_series *series, int n);

/* Axes of dg_plot_curves that are not logarithmic. */
enum { DG_PLOT_LINEAR_X = 1, DG_PLOT_LINEAR_Y = 2 };

/** dg_plot_lines with linear axes where asked for; those begin at 0 or, on `x`, at the first value,
 *  and may show 0. LOCAL. */
void dg_plot_curves(dg_text *svg, dg_plot_box box, const char *title, const char *x_label,
                    const char *y_label, unsigned linear, const dg_plot_series *series, int n);

/** A panel of horizontal bars from 0 to `full` (0: a round number they fit in). LOCAL. */
void dg_plot_bars(dg_text *svg, dg_plot_box box, const char *title, double full,
                  const dg_plot_bar *bar, int n);

/** Height of a panel of n bars. LOCAL. */
double dg_plot_bars_height(int n);

/** The page's end. LOCAL. */
void dg_plot_end(dg_text *svg);

#endif
