#include "serve/measure/metrics.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

typedef struct series {
    char *labels;
    dg_counter counter;
    dg_histogram histogram;
    dg_counters counters;
} series;

typedef enum family_kind { COUNTER, HISTOGRAM, COUNTERS } family_kind;

typedef struct family {
    char *name, *help;
    family_kind kind;
    series **at; /* (n,) */
    size_t n, capacity;
} family;

typedef struct collector {
    void (*write)(void *context, dg_text *page);
    void *context;
} collector;

struct dg_metrics {
    family **family; /* (n,) in the order they were made */
    size_t n, capacity;
    collector *collector;
    size_t n_collectors, collector_capacity;
    series lost; /* stands in for what there was no memory for */
    bool failed;
};

dg_status dg_metrics_create(dg_metrics **out, dg_err *err)
{
    *out = dg_alloc(1, sizeof **out);
    return *out != NULL ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics");
}

static void free_series(series *s)
{
    if (s == NULL) return;
    dg_free(s->labels);
    dg_free(s);
}

static void free_family(family *f)
{
    if (f == NULL) return;
    for (size_t k = 0; k < f->n; k++) free_series(f->at[k]);
    dg_free(f->at);
    dg_free(f->name);
    dg_free(f->help);
    dg_free(f);
}

void dg_metrics_destroy(dg_metrics **m)
{
    if (*m == NULL) return;
    for (size_t k = 0; k < (*m)->n; k++) free_family((*m)->family[k]);
    dg_free((*m)->family);
    dg_free((*m)->collector);
    dg_free(*m);
    *m = NULL;
}

static family *make_family(dg_metrics *m, family_kind kind, const char *name, const char *help)
{
    family **grown = dg_grow(m->family, m->n, m->n + 1, &m->capacity, sizeof *grown);
    if (grown == NULL) return NULL;
    m->family = grown;
    family *f = dg_alloc(1, sizeof *f);
    if (f == NULL || (f->name = dg_strdup(name)) == NULL || (f->help = dg_strdup(help)) == NULL) {
        free_family(f);
        return NULL;
    }
    f->kind = kind;
    return m->family[m->n++] = f;
}

static series *make_series(family *f, const char *labels)
{
    series **grown = dg_grow(f->at, f->n, f->n + 1, &f->capacity, sizeof *grown);
    if (grown == NULL) return NULL;
    f->at = grown;
    series *s = dg_alloc(1, sizeof *s);
    if (s == NULL || (s->labels = dg_strdup(labels)) == NULL) {
        free_series(s);
        return NULL;
    }
    return f->at[f->n++] = s;
}

static series *find(dg_metrics *m, family_kind kind, const char *name, const char *labels,
                    const char *help)
{
    family *f = NULL;
    for (size_t k = 0; k < m->n && f == NULL; k++)
        if (strcmp(m->family[k]->name, name) == 0) f = m->family[k];
    if (f == NULL) f = make_family(m, kind, name, help);
    for (size_t k = 0; f != NULL && k < f->n; k++)
        if (strcmp(f->at[k]->labels, labels) == 0) return f->at[k];
    series *s = f == NULL ? NULL : make_series(f, labels);
    m->failed = m->failed || s == NULL;
    return s != NULL ? s : &m->lost;
}

dg_counter *dg_metrics_counter(dg_metrics *m, const char *name, const char *labels,
                               const char *help)
{
    return &find(m, COUNTER, name, labels, help)->counter;
}

dg_histogram *dg_metrics_histogram(dg_metrics *m, const char *name, const char *labels,
                                   const char *help, const double *bound, int n)
{
    dg_histogram *h = &find(m, HISTOGRAM, name, labels, help)->histogram;
    h->bound = bound;
    h->n = n < DG_MAX_BUCKETS ? n : DG_MAX_BUCKETS;
    return h;
}

dg_counters *dg_metrics_counters(dg_metrics *m, const char *name, const char *labels,
                                 const char *label, const char *help)
{
    dg_counters *t = &find(m, COUNTERS, name, labels, help)->counters;
    t->label = label;
    return t;
}

void dg_count_value(dg_counters *t, const char *value)
{
    int k = 0;
    if (t == NULL) return;
    for (; k < DG_MAX_VALUES; k++) {
        const char *found = atomic_load_explicit(&t->value[k], memory_order_acquire);
        if (found == NULL && atomic_compare_exchange_strong(&t->value[k], &found, value)) break;
        if (found == value || strcmp(found, value) == 0) break;
    }
    dg_count(&t->counter[k], 1);
}

const double *dg_latency_bounds(int *n)
{
    static const double bound[] = {5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 3e-3, 5e-3,
                                   1e-2, 2e-2, 5e-2, 0.1,  0.2,  0.5,    1,    2,    5,    10};
    *n = sizeof bound / sizeof *bound;
    return bound;
}

void dg_observe(dg_histogram *h, double value)
{
    int k = 0;
    if (h == NULL) return;
    while (k < h->n && value > h->bound[k]) k++;
    atomic_fetch_add_explicit(&h->count[k], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->billionths, (uint64_t)(value * 1e9 + 0.5), memory_order_relaxed);
}

void dg_metrics_collect(dg_metrics *m, void (*write)(void *context, dg_text *page), void *context)
{
    collector *grown = dg_grow(m->collector, m->n_collectors, m->n_collectors + 1,
                               &m->collector_capacity, sizeof *grown);
    if (grown == NULL) {
        m->failed = true;
        return;
    }
    m->collector = grown;
    m->collector[m->n_collectors++] = (collector){write, context};
}

dg_status dg_metrics_made(const dg_metrics *m, dg_err *err)
{
    return m->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics") : DG_OK;
}

void dg_metrics_family(dg_text *page, const char *name, const char *type, const char *help)
{
    dg_text_add(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void dg_metrics_label(dg_text *out, const char *value, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (value[k] == '\\' || value[k] == '"') dg_text_bytes(out, "\\", 1);
        if (value[k] == '\n')
            dg_text_bytes(out, "\\n", 2);
        else
            dg_text_bytes(out, value + k, 1);
    }
}

/* NAME_bucket{labels,le="…"} and so on. Read once, as threads go on counting: the total is the sum
 * of what is shown. */
static void write_histogram(dg_text *page, const char *name, const series *s)
{
    const dg_histogram *h = &s->histogram;
    const char *comma = s->labels[0] != '\0' ? "," : "";
    uint64_t total = 0;
    for (int k = 0; k <= h->n; k++) {
        total += atomic_load_explicit(&h->count[k], memory_order_relaxed);
        dg_text_add(page, "%s_bucket{%s%sle=\"", name, s->labels, comma);
        if (k < h->n)
            dg_text_add(page, "%.6g\"} %" PRIu64 "\n", h->bound[k], total);
        else
            dg_text_add(page, "+Inf\"} %" PRIu64 "\n", total);
    }
    const char *open = s->labels[0] != '\0' ? "{" : "", *shut = s->labels[0] != '\0' ? "}" : "";
    const double sum = 1e-9 * (double)atomic_load_explicit(&h->billionths, memory_order_relaxed);
    dg_text_add(page, "%s_sum%s%s%s %.9g\n", name, open, s->labels, shut, sum);
    dg_text_add(page, "%s_count%s%s%s %" PRIu64 "\n", name, open, s->labels, shut, total);
}

static void write_counter(dg_text *page, const char *name, const series *s)
{
    const uint64_t n = atomic_load_explicit(&s->counter.n, memory_order_relaxed);
    if (s->labels[0] != '\0')
        dg_text_add(page, "%s{%s} %" PRIu64 "\n", name, s->labels, n);
    else
        dg_text_add(page, "%s %" PRIu64 "\n", name, n);
}

static void write_counters(dg_text *page, const char *name, const series *s)
{
    const dg_counters *t = &s->counters;
    const char *comma = s->labels[0] != '\0' ? "," : "";
    for (int k = 0; k <= DG_MAX_VALUES; k++) {
        const char *value =
            k < DG_MAX_VALUES ? atomic_load_explicit(&t->value[k], memory_order_acquire) : "other";
        const uint64_t n = atomic_load_explicit(&t->counter[k].n, memory_order_relaxed);
        if (value != NULL && n > 0)
            dg_text_add(page, "%s{%s%s%s=\"%s\"} %" PRIu64 "\n", name, s->labels, comma, t->label,
                        value, n);
    }
}

void dg_metrics_page(dg_metrics *m, dg_text *page)
{
    static void (*const write[])(dg_text *, const char *, const series *) = {
        [COUNTER] = write_counter, [HISTOGRAM] = write_histogram, [COUNTERS] = write_counters};
    for (size_t k = 0; k < m->n; k++) {
        const family *f = m->family[k];
        dg_metrics_family(page, f->name, f->kind == HISTOGRAM ? "histogram" : "counter", f->help);
        for (size_t s = 0; s < f->n; s++) write[f->kind](page, f->name, f->at[s]);
    }
    for (size_t k = 0; k < m->n_collectors; k++)
        m->collector[k].write(m->collector[k].context, page);
}
