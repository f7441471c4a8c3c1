/* Public data sets against the counts their own documentation gives. */
#include "ingest/prepare.h"

#include "mpi_main.h"
#include "real_data.h"

#include <string.h>

static dg_err err;
static dg_dataset d;
static dg_prepare_report report;

static dg_prepare_source source(const char *name, const char *separator, bool header)
{
    char path[1000];
    dg_prepare_source s = {.dialect = dg_dialect_default()};
    snprintf(path, sizeof path, "%s/%s", real_data_folder(), name);
    dg_strings_add(&s.paths, path, strlen(path), &err);
    s.dialect.header = header;
    dg_dialect_separate(&s.dialect, separator, &err);
    return s;
}

static dg_prepare_source movielens(const char *name)
{
    dg_prepare_source s = source(name, "\t", false);
    s.columns[DG_ROLE_USER] = "1";
    s.columns[DG_ROLE_ITEM] = "2";
    s.columns[DG_ROLE_VALUE] = "3";
    s.columns[DG_ROLE_TIME] = "4";
    return s;
}

static bool run(dg_prepare_options *o)
{
    o->duplicates = DG_DUPLICATES_LAST;
    o->seed = 1;
    const dg_status st = dg_prepare(&world, o, &d, &report, &err);
    if (st != DG_OK && world.rank == 0) fprintf(stderr, "%s\n", err.text);
    dg_strings_free(&o->ratings.paths);
    dg_strings_free(&o->items.source.paths);
    dg_strings_free(&o->split.test_files.paths);
    return st == DG_OK;
}

/* Row of this rank with that id, -1 where another rank has it. */
static int64_t own_row(const dg_strings *ids, const char *id)
{
    for (int64_t k = 0; k < ids->n; k++) {
        size_t n;
        const char *at = dg_strings_at(ids, k, &n);
        if (n == strlen(id) && memcmp(at, id, n) == 0) return k;
    }
    return -1;
}

static bool has_title(const char *id, const char *title)
{
    const int64_t row = own_row(&d.item_id, id);
    if (row < 0) return true;
    size_t n;
    const char *at = dg_strings_at(&d.item_title, row, &n);
    return n == strlen(title) && memcmp(at, title, n) == 0;
}

/* README of the data: 943 users, 1682 items, 100,000 ratings of which 10 a user are ua.test. */
START_TEST(movielens_100k_with_its_own_split)
{
    dg_prepare_options o = {
        .ratings = movielens("movielens-100k/ua.base"),
        .items = {.source = source("movielens-100k/u.item", "|", false), .title = "2"},
        .split = {.method = DG_SPLIT_FILES, .test_files = movielens("movielens-100k/ua.test")}};
    o.items.source.columns[DG_ROLE_ITEM] = "1";
    o.items.source.dialect.encoding = DG_ENCODING_LATIN1;
    o.items.source.dialect.quote = '\0';
    ck_assert_all(run(&o));
    ck_assert_all(report.users == 943 && report.items == 1682);
    ck_assert_all(report.train == 90570 && report.test == 9430 && report.duplicates == 0);
    ck_assert_all(report.targets_in_train == 0 && report.targets_cold_user == 0);
    ck_assert_all(d.value_min == 1 && d.value_max == 5);
    ck_assert_all(has_title("1", "Toy Story (1995)") && has_title("543", "Misérables, Les (1995)"));
    dg_dataset_free(&d);
}
END_TEST

/* README of the data: 610 users, 9,724 of 9,742 movies rated, 100,836 ratings. */
START_TEST(movielens_latest_with_its_catalogue)
{
    dg_prepare_options o = {
        .ratings = source("movielens-latest-small/ratings.csv", ",", true),
        .items = {.source = source("movielens-latest-small/movies.csv", ",", true),
                  .title = "title"},
        .split = {.method = DG_SPLIT_RATIO, .test = .2}};
    o.ratings.columns[DG_ROLE_USER] = "userId";
    o.ratings.columns[DG_ROLE_ITEM] = "movieId";
    o.ratings.columns[DG_ROLE_VALUE] = "rating";
    o.ratings.columns[DG_ROLE_TIME] = "timestamp";
    o.items.source.columns[DG_ROLE_ITEM] = "movieId";
    ck_assert_all(run(&o));
    ck_assert_all(report.users == 610 && report.items == 9742 && report.listed == 9742);
    ck_assert_all(report.records == 100836 && report.train + report.test == 100836);
    ck_assert_all(report.test > 19900 && report.test < 20400);
    ck_assert_all(has_title("11", "American President, The (1995)"));
    dg_dataset_free(&d);
}
END_TEST

/* README of the data: 22,363 users, 12,101 items, 198,502 events; the last is test, the one before
 * valid, and everybody has five. */
START_TEST(s3rec_beauty_leaves_the_last_two_out)
{
    dg_prepare_options o = {.ratings = source("s3rec/Beauty.txt", " ", false),
                            .split = {.method = DG_SPLIT_LEAVE_LAST, .n = 1, .valid = .1}};
    o.ratings.dialect.format = DG_FORMAT_LISTS;
    ck_assert_all(run(&o));
    ck_assert_all(report.users == 22363 && report.items == 12101);
    ck_assert_all(report.valid == 22363 && report.test == 22363);
    ck_assert_all(report.train + report.duplicates == 198502 - 2 * 22363);
    dg_dataset_free(&d);
}
END_TEST

/* README of the data: 541,909 rows of 4,372 customers and of nobody, who is written "NA". */
START_TEST(online_retail_compressed_by_time)
{
    dg_prepare_options o = {.ratings = source("online-retail/online_retail.csv.gz", ",", true),
                            .split = {.method = DG_SPLIT_TIME, .at = "80%"}};
    o.ratings.columns[DG_ROLE_USER] = "CustomerID";
    o.ratings.columns[DG_ROLE_ITEM] = "StockCode";
    o.ratings.columns[DG_ROLE_TIME] = "InvoiceDate";
    ck_assert_all(run(&o));
    ck_assert_all(report.rejected == 0 && report.records == 541909 && report.users == 4373);
    ck_assert_all(report.train + report.test + report.duplicates == report.records);
    dg_dataset_free(&d);
}
END_TEST

static void add_pair(dg_map *m, const char *key, const char *value)
{
    ck_assert_all(dg_strings_add(&m->key, key, strlen(key), &err) == DG_OK &&
                  dg_strings_add(&m->value, value, strlen(value), &err) == DG_OK);
}

/* README of the data: after dropping cancellations and anonymous rows 397,924 rows, 4,339
 * customers, 3,665 items; 9,288 rows are of invoices that begin with C. */
START_TEST(online_retail_cleaned_by_rules_has_the_counts_of_its_readme)
{
    dg_prepare_options o = {.ratings = source("online-retail/online_retail.csv.gz", ",", true),
                            .split = {.method = DG_SPLIT_NONE}};
    o.ratings.columns[DG_ROLE_USER] = "CustomerID";
    o.ratings.columns[DG_ROLE_ITEM] = "StockCode";
    add_pair(&o.ratings.drop, "InvoiceNo", "C*");
    add_pair(&o.ratings.drop, "CustomerID", "NA | ");
    add_pair(&o.ratings.drop, "Quantity", "<= 0");
    ck_assert_all(run(&o));
    ck_assert_all(report.rejected == 0 && report.records == 397924);
    ck_assert_all(report.users == 4339 && report.items == 3665);
    ck_assert_all(report.filtered[0] == 9288 && report.filtered[2] == 0);
    ck_assert_all(report.records + report.filtered[0] + report.filtered[1] == 541909);
    dg_strings_free(&o.ratings.drop.key);
    dg_strings_free(&o.ratings.drop.value);
    dg_dataset_free(&d);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        movielens_100k_with_its_own_split, movielens_latest_with_its_catalogue,
        s3rec_beauty_leaves_the_last_two_out, online_retail_compressed_by_time,
        online_retail_cleaned_by_rules_has_the_counts_of_its_readme};
    char path[1000];
    if (!real_data(".", path, sizeof path)) return TEST_SKIPPED;
    return mpi_main("prepare real data", tests, sizeof tests / sizeof *tests);
}
