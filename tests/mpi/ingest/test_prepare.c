/* The dataset equals that of a slow serial reference, for every rank's part, whatever the ranks. */
#include "ingest/prepare.h"

#include "base/memory.h"
#include "mpi_main.h"
#include "shop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;
static shop town;
static dg_dataset d;
static dg_prepare_report report;

static bool is_string(const dg_strings *s, int64_t k, const char *expected)
{
    size_t n;
    const char *at = dg_strings_at(s, k, &n);
    return n == strlen(expected) && memcmp(at, expected, n) == 0;
}

static bool side_matches(const dg_shards *shards, const dg_strings *ids, const ref_side *side)
{
    const dg_range own = dg_shards_rows(shards, world.rank, world.size);
    if (shards->n != DG_SHARDS_MIN || ids->n != own.end - own.begin) return false;
    if (memcmp(shards->begin, side->begin, sizeof side->begin) != 0) return false;
    for (int64_t r = own.begin; r < own.end; r++)
        if (!is_string(ids, r - own.begin, side->row[r].id)) return false;
    return true;
}

static float cell(const ref_dataset *ref, int part, int64_t u, int64_t i)
{
    return ref->value[part][u * ref->items.n + i];
}

static bool rows_match(const dg_csr *m, const ref_dataset *ref, int part)
{
    for (int64_t u = m->begin; u < m->end; u++) {
        const dg_row row = dg_csr_row(m, u);
        int64_t at = 0;
        for (int i = 0; i < ref->items.n; i++) {
            const float value = cell(ref, part, u, i);
            if (isnan(value)) continue;
            if (at >= row.n || row.index[at] != i || row.value[at] != value) return false;
            at++;
        }
        if (at != row.n) return false;
    }
    return true;
}

static bool columns_match(const dg_csr *m, const ref_dataset *ref)
{
    for (int64_t i = m->begin; i < m->end; i++) {
        const dg_row row = dg_csr_row(m, i);
        int64_t at = 0;
        for (int u = 0; u < ref->users.n; u++) {
            const float value = cell(ref, DG_PART_TRAIN, u, i);
            if (isnan(value)) continue;
            if (at >= row.n || row.index[at] != u || row.value[at] != value) return false;
            at++;
        }
        if (at != row.n) return false;
    }
    return true;
}

static int64_t count_part(const ref_dataset *ref, int part)
{
    int64_t n = 0;
    for (int k = 0; k < ref->users.n * ref->items.n; k++) n += !isnan(ref->value[part][k]);
    return n;
}

static bool range_matches(const ref_dataset *ref)
{
    double least = INFINITY, most = -INFINITY;
    for (int k = 0; k < ref->users.n * ref->items.n; k++) {
        const double value = (double)ref->value[DG_PART_TRAIN][k];
        if (value < least) least = value;
        if (value > most) most = value;
    }
    return d.value_min == least && d.value_max == most;
}

/* Does part p of user u hold anything? */
static bool has_any(const ref_dataset *ref, int part, int64_t u)
{
    for (int i = 0; i < ref->items.n; i++)
        if (!isnan(cell(ref, part, u, i))) return true;
    return false;
}

static bool is_sold(const ref_dataset *ref, int64_t i)
{
    for (int u = 0; u < ref->users.n; u++)
        if (!isnan(cell(ref, DG_PART_TRAIN, u, i))) return true;
    return false;
}

static bool targets_match(const ref_dataset *ref)
{
    int64_t known = 0, cold_user = 0, cold_item = 0;
    for (int u = 0; u < ref->users.n; u++)
        for (int i = 0; i < ref->items.n; i++)
            for (int part = DG_PART_VALID; part <= DG_PART_TEST; part++) {
                if (isnan(cell(ref, part, u, i))) continue;
                known += !isnan(cell(ref, DG_PART_TRAIN, u, i));
                cold_user += !has_any(ref, DG_PART_TRAIN, u) && !has_any(ref, DG_PART_FOLD_IN, u);
                cold_item += !is_sold(ref, i);
            }
    return report.targets_in_train == known && report.targets_cold_user == cold_user &&
           report.targets_cold_item == cold_item;
}

static bool report_matches(const ref_dataset *ref)
{
    int64_t cold_users = 0, cold_items = 0;
    for (int u = 0; u < ref->users.n; u++) cold_users += !has_any(ref, DG_PART_TRAIN, u);
    for (int i = 0; i < ref->items.n; i++) cold_items += !is_sold(ref, i);
    return report.users == ref->users.n && report.items == ref->items.n &&
           report.cold_users == cold_users && report.cold_items == cold_items &&
           report.train == count_part(ref, DG_PART_TRAIN) && d.n_train == report.train &&
           report.valid == count_part(ref, DG_PART_VALID) && d.n_valid == report.valid &&
           report.test == count_part(ref, DG_PART_TEST) && d.n_test == report.test &&
           report.fold_in == count_part(ref, DG_PART_FOLD_IN) && d.n_fold_in == report.fold_in &&
           report.duplicates == ref->duplicates && report.passes == ref->passes &&
           report.rejected == 0 && report.n_quotes == 0;
}

/* Titles: of goods listed twice the first; empty for goods that are only sold. */
static bool titles_match(const ref_dataset *ref)
{
    if (d.item_title.n != d.item_id.n) return false;
    for (int64_t k = 0; k < d.item_title.n; k++) {
        const char *title = "", *id = ref->items.row[d.train_by_item.begin + k].id;
        for (int j = SHOP_LISTED; j-- > 0;)
            if (strcmp(town.listed[j], id) == 0) title = town.title[j];
        if (!is_string(&d.item_title, k, title)) return false;
    }
    return true;
}

static bool matches(const ref_dataset *ref)
{
    return side_matches(&d.users, &d.user_id, &ref->users) &&
           side_matches(&d.items, &d.item_id, &ref->items) &&
           rows_match(&d.train, ref, DG_PART_TRAIN) && rows_match(&d.valid, ref, DG_PART_VALID) &&
           rows_match(&d.test, ref, DG_PART_TEST) && rows_match(&d.fold_in, ref, DG_PART_FOLD_IN) &&
           columns_match(&d.train_by_item, ref) && range_matches(ref) && targets_match(ref) &&
           report_matches(ref) && titles_match(ref);
}

static void compare(const dg_prepare_options *o)
{
    ref_dataset ref;
    ref_input input[DG_INPUT_ITEMS];
    const size_t live = dg_alloc_live();
    shop_inputs(&town, o, input);
    ref_prepare(o, input, (const char(*)[REF_ID])town.listed, SHOP_LISTED, &ref);
    const dg_status st = dg_prepare(&world, o, &d, &report, &err);
    if (st != DG_OK && world.rank == 0) fprintf(stderr, "%s\n", err.text);
    ck_assert_all(st == DG_OK);
    ck_assert_all(matches(&ref));
    dg_dataset_free(&d);
    ck_assert_all(dg_alloc_live() == live);
    ref_free(&ref);
}

START_TEST(every_duplicates_policy_gives_the_dataset_of_the_reference)
{
    dg_prepare_options o = shop_options(&town);
    for (int p = DG_DUPLICATES_SUM; p <= DG_DUPLICATES_COUNT; p++) {
        o.duplicates = (dg_duplicates)p;
        compare(&o);
        ck_assert_all(report.duplicates > 100); /* or the data would not test it */
    }
    shop_options_free(&o);
}
END_TEST

static dg_split_options split_of(const dg_prepare_options *o, dg_split_options s)
{
    s.test_files = o->split.test_files;
    s.valid_files = o->split.valid_files;
    return s;
}

START_TEST(every_split_gives_the_dataset_of_the_reference)
{
    static const dg_split_options splits[] = {
        {.method = DG_SPLIT_RATIO, .test = .2},
        {.method = DG_SPLIT_RATIO, .test = .25, .valid = .1},
        {.method = DG_SPLIT_LEAVE_LAST, .n = 1},
        {.method = DG_SPLIT_LEAVE_LAST, .n = 2, .valid = .1},
        {.method = DG_SPLIT_HOLD_LAST, .test = .2},
        {.method = DG_SPLIT_HOLD_LAST, .test = .1, .valid = .15},
        {.method = DG_SPLIT_TIME, .at = "80%"},
        {.method = DG_SPLIT_TIME, .at = "70.5%", .valid = .15},
        {.method = DG_SPLIT_TIME, .at = "2011-04-10T00:00:00Z", .valid = .1},
        {.method = DG_SPLIT_USER_HOLDOUT, .users = 9, .fold_in = .8},
        {.method = DG_SPLIT_USER_HOLDOUT, .users = .2, .fold_in = .5, .valid = .1},
        {.method = DG_SPLIT_KFOLD, .k = 5, .fold = 5, .valid = .2},
        {.method = DG_SPLIT_KFOLD, .k = 3, .fold = 1},
        {.method = DG_SPLIT_FILES},
        {.method = DG_SPLIT_NONE},
        {.method = DG_SPLIT_NONE, .valid = .15}};
    dg_prepare_options o = shop_options(&town);
    for (size_t k = 0; k < sizeof splits / sizeof *splits; k++) {
        o.split = split_of(&o, splits[k]);
        compare(&o);
        ck_assert_all((report.test > 0) == (o.split.method != DG_SPLIT_NONE));
        ck_assert_all(o.split.method != DG_SPLIT_NONE || (report.valid > 0) == (o.split.valid > 0));
        const bool holds_out = o.split.method == DG_SPLIT_USER_HOLDOUT;
        ck_assert_all((report.fold_in > 0) == holds_out);
    }
    shop_options_free(&o);
}
END_TEST

START_TEST(old_events_count_less_from_the_newest_training_event_on)
{
    dg_prepare_options o = shop_options(&town);
    o.half_life = 5 * 86400;
    o.duplicates = DG_DUPLICATES_SUM;
    compare(&o);
    o.split = split_of(&o, (dg_split_options){.method = DG_SPLIT_TIME, .at = "60%"});
    compare(&o);
    o.split.method = DG_SPLIT_FILES;
    compare(&o);
    shop_options_free(&o);
}
END_TEST

START_TEST(the_k_core_drops_until_all_have_enough)
{
    static const int64_t mins[][2] = {{18, 1}, {1, 30}, {20, 15}, {15, 22}};
    dg_prepare_options o = shop_options(&town);
    o.split.method = DG_SPLIT_FILES;
    for (size_t k = 0; k < sizeof mins / sizeof *mins; k++) {
        o.min_user = mins[k][0];
        o.min_item = mins[k][1];
        compare(&o);
        ck_assert_all(report.core_dropped > 0 && report.passes > 0);
        ck_assert_all(report.pass_left[report.passes - 1] == SHOP_RECORDS - report.core_dropped);
        /* the catalogue keeps goods that the core dropped, so only users lose their targets */
        ck_assert_all((report.targets_dropped > 0) == (o.min_user > 1 || o.min_item > 1));
    }
    ck_assert_all(report.passes > 1);
    shop_options_free(&o);
}
END_TEST

START_TEST(events_outside_the_window_and_of_busy_users_are_passed_over)
{
    dg_prepare_options o = shop_options(&town);
    o.split = split_of(&o, (dg_split_options){.method = DG_SPLIT_LEAVE_LAST, .n = 1});
    o.since = "1300432000"; /* days 5 to 34 of 40 */
    o.until = "2011-04-17 07:06:40";
    compare(&o);
    ck_assert_all(report.outside > 0 && report.records + report.outside == SHOP_RECORDS);
    o.max_user_day = 3;
    compare(&o);
    const dg_days busy = report.busy;
    ck_assert_all(busy.n > busy.users && busy.users > 0 && busy.events > 3 * busy.n);
    ck_assert_all(busy.events < report.records);
    o.max_user_day = 0;
    o.max_user = 24;
    o.min_item = 3;
    compare(&o);
    ck_assert_all(report.crowd_users > 0 && report.crowd > 24 * report.crowd_users);
    ck_assert_all(report.crowd < report.records);
    shop_options_free(&o);
}
END_TEST

START_TEST(results_do_not_depend_on_how_work_is_cut)
{
    static const int64_t stretches[] = {200, 7777, 0}, batches[] = {1, 100, 500};
    dg_prepare_options o = shop_options(&town);
    o.split = split_of(&o, (dg_split_options){.method = DG_SPLIT_LEAVE_LAST, .n = 1});
    for (size_t k = 0; k < sizeof stretches / sizeof *stretches; k++) {
        o.stretch = stretches[k];
        o.batch = batches[k];
        compare(&o);
    }
    shop_options_free(&o);
}
END_TEST

START_TEST(without_a_catalogue_there_are_no_titles)
{
    dg_prepare_options o = shop_options(&town);
    dg_strings paths = o.items.source.paths;
    o.items.source.paths = (dg_strings){0};
    o.items.title = NULL;
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(d.item_title.n == 0 && report.cold_items == 0 && report.files == 3);
    dg_dataset_free(&d);
    o.items.source.paths = paths;
    shop_options_free(&o);
}
END_TEST

START_TEST(make_the_shop) { shop_open(&world, &town); }
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("prepare", make_the_shop, every_duplicates_policy_gives_the_dataset_of_the_reference,
         every_split_gives_the_dataset_of_the_reference,
         old_events_count_less_from_the_newest_training_event_on,
         the_k_core_drops_until_all_have_enough, results_do_not_depend_on_how_work_is_cut,
         events_outside_the_window_and_of_busy_users_are_passed_over,
         without_a_catalogue_there_are_no_titles, remove_the_shop)
