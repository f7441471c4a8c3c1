#include "ingest/summary.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>

/* Floats as integers in the same order, so that an integer maximum finds the largest. */
static int64_t ordered(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? -(int64_t)(bits & INT32_MAX) - 1 : bits;
}

static double from_ordered(int64_t key)
{
    const uint32_t bits = key < 0 ? (uint32_t)(-(key + 1)) | 0x80000000u : (uint32_t)key;
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

static void find_range(const dg_comm *c, dg_dataset *d)
{
    int64_t range[2] = {INT64_MIN, INT64_MIN}; /* largest, and largest of the negated keys */
    const int64_t n = dg_csr_count(&d->train);
    for (int64_t k = 0; k < n; k++) {
        const int64_t key = ordered(d->train.value[k]);
        if (key > range[0]) range[0] = key;
        if (-key > range[1]) range[1] = -key;
    }
    dg_max_int64(c, range, 2);
    d->value_max = d->n_train == 0 ? 0 : from_ordered(range[0]);
    d->value_min = d->n_train == 0 ? 0 : from_ordered(-range[1]);
}

static int64_t empty_rows(const dg_csr *m)
{
    int64_t n = 0;
    for (int64_t r = 0; r < m->end - m->begin; r++) n += m->ptr[r + 1] == m->ptr[r];
    return n;
}

/* Entries of both rows: each is sorted. */
static int64_t count_common(dg_row a, dg_row b)
{
    int64_t n = 0, j = 0;
    for (int64_t k = 0; k < a.n; k++) {
        while (j < b.n && b.index[j] < a.index[k]) j++;
        n += j < b.n && b.index[j] == a.index[k];
    }
    return n;
}

/* Targets of users, and pairs, that training has or has not seen. */
static void look_at_targets(const dg_dataset *d, const dg_csr *targets, dg_prepare_report *report)
{
    for (int64_t u = targets->begin; u < targets->end; u++) {
        const dg_row row = dg_csr_row(targets, u), known = dg_csr_row(&d->train, u);
        if (known.n == 0 && dg_csr_row(&d->fold_in, u).n == 0) report->targets_cold_user += row.n;
        report->targets_in_train += count_common(row, known);
    }
}

/* A bit for every item of all ranks that has a training rating. */
static dg_status note_warm(const dg_comm *c, const dg_dataset *d, int64_t **out, dg_err *err)
{
    const int64_t words = d->items.begin[d->items.n] / 64 + 1;
    int64_t *warm = *out = dg_alloc((size_t)words, sizeof *warm);
    dg_status st = warm != NULL && words <= INT_MAX
                       ? DG_OK
                       : DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting cold items");
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    for (int64_t i = d->train_by_item.begin; i < d->train_by_item.end; i++)
        if (dg_csr_row(&d->train_by_item, i).n > 0)
            warm[i / 64] = (int64_t)((uint64_t)warm[i / 64] | 1ULL << i % 64);
    dg_sum_int64(c, warm, (int)words); /* ranks have different items: the sum gathers */
    return DG_OK;
}

static int64_t count_cold(const dg_csr *targets, const int64_t *warm)
{
    int64_t cold = 0;
    for (int64_t k = 0; k < dg_csr_count(targets); k++) {
        const int32_t i = targets->index[k];
        cold += ~(uint64_t)warm[i / 64] >> i % 64 & 1;
    }
    return cold;
}

static void sum_up(const dg_comm *c, int64_t *const number[], int n)
{
    for (int k = 0; k < n; k++) dg_sum_int64(c, number[k], 1);
}

dg_status dg_summary_fill(const dg_comm *c, dg_dataset *d, dg_prepare_report *report, dg_err *err)
{
    d->n_train = dg_csr_count(&d->train);
    d->n_valid = dg_csr_count(&d->valid);
    d->n_test = dg_csr_count(&d->test);
    d->n_fold_in = dg_csr_count(&d->fold_in);
    report->cold_users = empty_rows(&d->train);
    report->cold_items = empty_rows(&d->train_by_item);
    look_at_targets(d, &d->valid, report);
    look_at_targets(d, &d->test, report);
    int64_t *warm = NULL;
    const dg_status st = note_warm(c, d, &warm, err);
    if (st == DG_OK)
        report->targets_cold_item = count_cold(&d->valid, warm) + count_cold(&d->test, warm);
    dg_free(warm);
    if (st != DG_OK) return st;

    int64_t *const numbers[] = {&d->n_train,
                                &d->n_valid,
                                &d->n_test,
                                &d->n_fold_in,
                                &report->cold_users,
                                &report->cold_items,
                                &report->targets_cold_user,
                                &report->targets_cold_item,
                                &report->targets_in_train};
    sum_up(c, numbers, (int)(sizeof numbers / sizeof *numbers));
    find_range(c, d);
    report->users = d->users.begin[d->users.n];
    report->items = d->items.begin[d->items.n];
    report->train = d->n_train;
    report->valid = d->n_valid;
    report->test = d->n_test;
    report->fold_in = d->n_fold_in;
    return DG_OK;
}
