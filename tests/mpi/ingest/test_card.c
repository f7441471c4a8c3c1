/* The data card against what one would write down with all rows on one desk. */
#include "ingest/card.h"

#include "base/fault.h"
#include "base/memory.h"
#include "ingest/prepare.h"
#include "mpi_main.h"
#include "shop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static shop town;
static dg_dataset d;
static dg_prepare_report report;
static dg_err err;

static void open_dataset(void)
{
    dg_prepare_options o = shop_options(&town);
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    shop_options_free(&o);
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Lengths of all rows that are not empty, sorted; how many. */
static int64_t all_lengths(const dg_csr *m, const dg_shards *shards, int64_t *out)
{
    const int64_t rows = shards->begin[shards->n];
    int64_t n = 0;
    memset(out, 0, (size_t)rows * sizeof *out);
    for (int64_t r = m->begin; r < m->end; r++) out[r] = dg_csr_row(m, r).n;
    dg_sum_int64(&world, out, (int)rows);
    for (int64_t r = 0; r < rows; r++)
        if (out[r] > 0) out[n++] = out[r];
    qsort(out, (size_t)n, sizeof *out, compare);
    return n;
}

/* Gini's own definition: the mean difference of all pairs over twice the mean. */
static double gini_of(const int64_t *length, int64_t n)
{
    double difference = 0, sum = 0;
    for (int64_t a = 0; a < n; a++) {
        sum += (double)length[a];
        for (int64_t b = 0; b < n; b++) difference += fabs((double)(length[a] - length[b]));
    }
    return difference / (2 * (double)n * sum);
}

static bool same_spread(const dg_csr *m, const dg_shards *shards, const dg_spread *s)
{
    static int64_t length[SHOP_RECORDS];
    const int64_t n = all_lengths(m, shards, length);
    int64_t sum = 0, of_power[DG_CARD_LENGTHS] = {0}, top = 0;
    for (int64_t k = 0; k < n; k++) {
        int power = 0;
        while (length[k] >> (power + 1) > 0) power++;
        of_power[power]++;
        sum += length[k];
        if (k >= n - (n + 99) / 100) top += length[k];
    }
    bool same = s->rows == shards->begin[shards->n] && s->empty == s->rows - n &&
                s->ratings == sum && s->most == length[n - 1] &&
                fabs(s->gini - gini_of(length, n)) < 1e-12 &&
                fabs(s->top_share - (double)top / (double)sum) < 1e-12 &&
                memcmp(of_power, s->length, sizeof of_power) == 0;
    for (int q = 0; q < DG_CARD_QUANTILES; q++)
        same = same && s->quantile[q] == length[(int64_t)(dg_card_at[q] * (double)(n - 1))];
    return same;
}

START_TEST(a_card_says_what_all_rows_say)
{
    dg_card card;
    open_dataset();
    ck_assert_all(dg_card_make(&world, &d, &card, &err) == DG_OK);
    ck_assert_all(same_spread(&d.train, &d.users, &card.users));
    ck_assert_all(same_spread(&d.train_by_item, &d.items, &card.items));
    ck_assert_all(card.items.empty == report.cold_items && card.items.empty > 0);
    int64_t values = 0;
    for (int k = 0; k < DG_CARD_VALUES; k++) values += card.value[k];
    ck_assert_all(values == report.train && card.value[0] > 0);
    ck_assert_all(card.value[DG_CARD_VALUES - 1] > 0);
    dg_dataset_free(&d);
}
END_TEST

START_TEST(one_bad_rank_fails_all)
{
    dg_card card;
    open_dataset();
    const size_t live = dg_alloc_live();
    char fault[40];
    snprintf(fault, sizeof fault, "alloc:%d:1", world.size - 1);
    setenv("DAOGOU_FAULT", fault, 1);
    dg_fault_reload();
    ck_assert_all(dg_card_make(&world, &d, &card, &err) == DG_ERR_NOMEM);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert_all(dg_alloc_live() == live);
    dg_dataset_free(&d);
}
END_TEST

START_TEST(make_the_shop) { shop_open(&world, &town); }
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("card", make_the_shop, a_card_says_what_all_rows_say, one_bad_rank_fails_all,
         remove_the_shop)
