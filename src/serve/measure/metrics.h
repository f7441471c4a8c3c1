/* metrics.h - numbers a node counts of itself, and the page Prometheus reads them from.
 *
 * Series are made at the start and never removed; counting is one atomic addition. A name that
 * cannot be made for want of memory yields a series that counts nothing, and dg_metrics_made says
 * so once: callers keep pointers without looking at each.
 *
 * Source  Prometheus exposition format, text version 0.0.4. */
#ifndef DG_SERVE_MEASURE_METRICS_H
#define DG_SERVE_MEASURE_METRICS_H
#include "base/text.h"

#include <stdatomic.h>

typedef struct dg_metrics dg_metrics;

typedef struct dg_counter {
    _Alignas(64) _Atomic uint64_t n; /* a cache line each: threads count side by side */
} dg_counter;

enum { DG_MAX_BUCKETS = 24 };

typedef struct dg_histogram {
    const double *bound; /* (n,) ascending upper ends, borrowed */
    int n;
    _Alignas(64) _Atomic uint64_t count[DG_MAX_BUCKETS + 1]; /* the last is beyond all bounds */
    _Atomic uint64_t billionths;                             /* sum of all that was observed */
} dg_histogram;

enum { DG_MAX_VALUES = 48 };

/* Counters of one label whose values are found while counting: error codes, steps. */
typedef struct dg_counters {
    const char *label;                          /* borrowed */
    _Atomic(const char *) value[DG_MAX_VALUES]; /* in the order they came; "other" is beyond */
    dg_counter counter[DG_MAX_VALUES + 1];
} dg_counters;

/** LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_metrics_create(dg_metrics **out, dg_err *err);

/** LOCAL, NULL-safe; the series go with it. */
void dg_metrics_destroy(dg_metrics **m);

/**
 * A series of a counter. LOCAL, at the start only: not while another thread reads the page.
 *
 * @param[in]  name    of the family, "daogou_swaps_total"; series of one name share its help
 * @param[in]  labels  as the page shows them, `code="200"`; "" for none; escaped by the caller
 * Yields  never NULL; the same series for the same name and labels
 */
dg_counter *dg_metrics_counter(dg_metrics *m, const char *name, const char *labels,
                               const char *help);

/** A series of a histogram over n <= DG_MAX_BUCKETS ascending bounds, borrowed. As above. LOCAL. */
dg_histogram *dg_metrics_histogram(dg_metrics *m, const char *name, const char *labels,
                                   const char *help, const double *bound, int n);

/** Counters: as a counter, with one more label, borrowed. LOCAL, at the start only. */
dg_counters *dg_metrics_counters(dg_metrics *m, const char *name, const char *labels,
                                 const char *label, const char *help);

/** Bounds for times of answers, from 50 us to 10 s, in seconds. LOCAL. */
const double *dg_latency_bounds(int *n);

/** Call `write` whenever the page is made: for what is read, not counted. LOCAL, at the start. */
void dg_metrics_collect(dg_metrics *m, void (*write)(void *context, dg_text *page), void *context);

/** Were all series made? LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_metrics_made(const dg_metrics *m, dg_err *err);

/** Append the page. LOCAL, thread-safe; a page may show a moment later in its later lines. */
void dg_metrics_page(dg_metrics *m, dg_text *page);

/** For collectors: the lines that start a family of type "gauge" or "counter". LOCAL. */
void dg_metrics_family(dg_text *page, const char *name, const char *type, const char *help);

/** A label's value as the format wants it: \ " and line ends escaped. LOCAL. */
void dg_metrics_label(dg_text *out, const char *value, size_t n);

/** LOCAL, thread-safe, some nanoseconds; c and h may be NULL. */
static inline void dg_count(dg_counter *c, uint64_t more)
{
    if (c != NULL) atomic_fetch_add_explicit(&c->n, more, memory_order_relaxed);
}
void dg_observe(dg_histogram *h, double value); /* at least 0 */

/** Count a value: a literal, or else text that outlives the metrics. LOCAL, thread-safe, no lock;
 *  NULL-safe. */
void dg_count_value(dg_counters *t, const char *value);

#endif
