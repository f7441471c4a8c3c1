/* Odd, broken and hostile files: what is rejected, what is refused, and in which words. */
#include "ingest/prepare.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "mpi_main.h"
#include "packed.h"
#include "shop.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

static dg_err err;
static shop town;
static dg_dataset d;
static dg_prepare_report report;

/* Prepare one file of the folder with these words for the rest; the dataset is freed. */
static dg_status prepare_with(dg_prepare_options *o, const char *name)
{
    dg_strings_free(&o->ratings.paths);
    o->ratings.paths = shop_paths(shop_path(&town, name));
    err = (dg_err){0};
    const dg_status st = dg_prepare(&world, o, &d, &report, &err);
    dg_dataset_free(&d);
    return st;
}

static dg_status prepare_text(dg_prepare_options *o, const char *name, const char *text, size_t n)
{
    shop_write(&world, &town, name, text, n);
    return prepare_with(o, name);
}

/* Does the error read FOLDER/what? */
static bool says(const char *what)
{
    char expected[sizeof err.text];
    snprintf(expected, sizeof expected, "%s/%s", town.folder, what);
    if (strcmp(err.text, expected) == 0) return true;
    fprintf(stderr, "expected %s\nfound    %s\n", expected, err.text);
    return false;
}

/* 2,000 good lines, but for line `bad` of every thousand. */
static dg_text lines_with_bad(int bad)
{
    dg_text t = {0};
    dg_text_add(&t, "user,item,kind,rating,ts\n");
    for (int k = 2; k <= 2000; k++)
        dg_text_add(&t, "u%d,i%d,view,%s,%d\n", k % 91, k % 37, k % 1000 == bad ? "abc" : "2", k);
    return t;
}

START_TEST(bad_records_are_counted_and_quoted_with_their_line)
{
    dg_prepare_options o = shop_options(&town);
    dg_text t = lines_with_bad(204);
    o.ratings.max_rejects = .0011;
    ck_assert_all(prepare_text(&o, "few.csv", t.at, t.n) == DG_OK);
    ck_assert_all(report.records == 1997 && report.listed == SHOP_LISTED && report.rejected == 2 &&
                  report.n_quotes == 2);
    char expected[256];
    snprintf(expected, sizeof expected, "%s/few.csv:1204: column 4: \"abc\" is not a number",
             town.folder);
    ck_assert_all(strcmp(report.quote[1], expected) == 0);
    ck_assert_all(strstr(report.quote[0], "few.csv:204: ") != NULL);
    dg_text_free(&t);
    shop_options_free(&o);
}
END_TEST

START_TEST(too_many_bad_records_fail_with_the_first_of_them)
{
    dg_prepare_options o = shop_options(&town);
    dg_text t = lines_with_bad(204);
    o.ratings.max_rejects = .0009;
    ck_assert_all(prepare_text(&o, "many.csv", t.at, t.n) == DG_ERR_DATA);
    ck_assert_all(says("many.csv:204: column 4: \"abc\" is not a number"));
    ck_assert_all(strcmp(err.hint, "2 of 1999 records are bad; data.ratings.max_rejects allows a "
                                   "share of 0.0009") == 0);
    o.ratings.max_rejects = 1;
    o.ratings.fail = true;
    ck_assert_all(prepare_with(&o, "many.csv") == DG_ERR_DATA);
    ck_assert_all(says("many.csv:204: column 4: \"abc\" is not a number"));
    ck_assert_all(strcmp(err.hint, "data.ratings.on_error: reject would pass over the 2 bad "
                                   "records of 1999") == 0);
    dg_text_free(&t);
    shop_options_free(&o);
}
END_TEST

START_TEST(ten_quotes_at_most_in_file_order)
{
    dg_prepare_options o = shop_options(&town);
    dg_text t = {0};
    dg_text_add(&t, "user,item,kind,rating,ts\n");
    for (int k = 2; k <= 1000; k++) dg_text_add(&t, "u%d,i,%s,1,1\n", k, k % 40 ? "buy" : "steal");
    o.ratings.max_rejects = 1;
    ck_assert_all(prepare_text(&o, "steal.csv", t.at, t.n) == DG_OK);
    ck_assert_all(report.rejected == 25 && report.n_quotes == 10);
    for (int k = 0; k < 10; k++) {
        char expected[256];
        snprintf(expected, sizeof expected,
                 "%s/steal.csv:%d: column 3: event \"steal\" has no weight in "
                 "prepare.event_weights",
                 town.folder, 40 * (k + 1));
        ck_assert_all(strcmp(report.quote[k], expected) == 0);
    }
    dg_text_free(&t);
    shop_options_free(&o);
}
END_TEST

START_TEST(without_weights_every_kind_weighs_one)
{
    dg_prepare_options o = shop_options(&town);
    static const char text[] = "user,item,kind,rating,ts\na,b,anything,2.5,1\n";
    const dg_map weights = o.event_weights;
    o.event_weights = (dg_map){0};
    ck_assert_all(prepare_text(&o, "one.csv", text, sizeof text - 1) == DG_OK);
    ck_assert_all(report.train == 1 && report.users == 1);
    o.event_weights = weights;
    shop_options_free(&o);
}
END_TEST

START_TEST(a_weight_that_is_no_number_is_a_wrong_job)
{
    dg_prepare_options o = shop_options(&town);
    dg_strings_add(&o.event_weights.key, "gift", 4, &err);
    dg_strings_add(&o.event_weights.value, "lots", 4, &err);
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_ERR_CONFIG);
    ck_assert_all(strcmp(err.text, "prepare.event_weights.gift: \"lots\" is not a number") == 0);
    shop_options_free(&o);
}
END_TEST

START_TEST(useless_files_are_refused_with_the_right_status)
{
    static const char both_bad[] = "user,item,kind,rating,ts\na,b,buy,x,1\nc,d,buy,y,2\n";
    static const char header[] = "user,item,kind,rating,ts\n";
    char noise[5000];
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    dg_prepare_options o = shop_options(&town);
    for (size_t k = 0; k < sizeof noise; k++) noise[k] = (char)dg_rng_u32(&r);
    o.ratings.max_rejects = .9;
    ck_assert_all(prepare_text(&o, "bad.csv", both_bad, sizeof both_bad - 1) == DG_ERR_DATA);
    ck_assert_all(says("bad.csv:2: column 4: \"x\" is not a number"));
    ck_assert_all(prepare_text(&o, "header.csv", header, sizeof header - 1) == DG_ERR_DATA);
    ck_assert_all(says("header.csv: no usable record"));
    ck_assert_all(prepare_text(&o, "empty.csv", "", 0) == DG_ERR_DATA);
    ck_assert_all(says("empty.csv: empty file"));
    ck_assert_all(prepare_with(&o, "nowhere.csv") == DG_ERR_NOINPUT);
    ck_assert_all(says("nowhere.csv: no such file"));
    ck_assert_all(prepare_with(&o, ".") == DG_ERR_NOINPUT);
    o.ratings.dialect.header = false;
    for (int k = 0; k < DG_N_ROLES; k++) o.ratings.columns[k] = NULL;
    o.ratings.columns[DG_ROLE_USER] = "1";
    o.ratings.columns[DG_ROLE_ITEM] = "2";
    o.ratings.columns[DG_ROLE_VALUE] = "3";
    ck_assert_all(prepare_text(&o, "noise.csv", noise, sizeof noise) == DG_ERR_DATA);
    shop_options_free(&o);
}
END_TEST

/* As prepare_text, but the dataset stays. */
static dg_status prepare_text_keep(dg_prepare_options *o, const char *name, const char *text,
                                   size_t n)
{
    shop_write(&world, &town, name, text, n);
    dg_strings_free(&o->ratings.paths);
    o->ratings.paths = shop_paths(shop_path(&town, name));
    return dg_prepare(&world, o, &d, &report, &err);
}

/* What does not depend on where a dataset's rows lie. */
static int64_t mark_of_dataset(void)
{
    int64_t sum = 0;
    for (int64_t u = d.train.begin; u < d.train.end; u++) {
        const dg_row row = dg_csr_row(&d.train, u);
        for (int64_t k = 0; k < row.n; k++)
            sum += (int64_t)row.value[k] * (u + 1) * (row.index[k] + 1);
    }
    for (int64_t k = 0; k < d.item_id.n; k++) {
        size_t n;
        const char *at = dg_strings_at(&d.item_id, k, &n);
        sum += (int64_t)(dg_hash64(at, n, 0) >> 20);
    }
    dg_sum_int64(&world, &sum, 1);
    return sum;
}

START_TEST(line_ends_in_quotes_may_lie_across_any_cut)
{
    static const int64_t stretch[] = {0, 7, 40, 90, 333};
    dg_prepare_options o = shop_options(&town);
    dg_text t = {0};
    int64_t mark = 0;
    dg_text_add(&t, "user,item,kind,rating,ts\n");
    for (int k = 0; k < 300; k++)
        dg_text_add(&t, "%d,\"a%d\nb\",buy,%d,1\n%d,\"\"\"\n,\n\"\",c\",buy,3,1\n", k % 17, k % 29,
                    1 + k % 5, k % 17);
    for (size_t s = 0; s < sizeof stretch / sizeof *stretch; s++) {
        o.stretch = stretch[s];
        ck_assert_all(prepare_text_keep(&o, "quotes.csv", t.at, t.n) == DG_OK);
        ck_assert_all(report.rejected == 0 && report.records == 600 && report.users == 17);
        ck_assert_all(report.train + report.duplicates == 600);
        if (s == 0) mark = mark_of_dataset();
        ck_assert_all(mark_of_dataset() == mark);
        dg_dataset_free(&d);
    }
    for (int k = 0; k < 3 * N_PACKINGS; k++) { /* and across the parts of packed files */
        static const size_t part[] = {11, 200, 3001};
        const packing how = (packing)(k % N_PACKINGS);
        dg_text packed = {0};
        pack_parts(&packed, how, t.at, t.n, part[k / N_PACKINGS]);
        o.stretch = stretch[1 + k % 4];
        ck_assert_all(prepare_text_keep(&o, how == PACKED_BGZF ? "quotes.csv.gz" : "quotes.csv.zst",
                                        packed.at, packed.n) == DG_OK);
        ck_assert_all(report.records == 600 && mark_of_dataset() == mark);
        dg_dataset_free(&d);
        dg_text_free(&packed);
    }
    dg_text_free(&t);
    shop_options_free(&o);
}
END_TEST

/* The one rank that comes to the wrong place fails them all. */
START_TEST(a_packed_file_whose_parts_lie_elsewhere_is_refused_by_all)
{
    enum { PARTS = 20, PART = 500 };
    dg_prepare_options o = shop_options(&town);
    dg_text plain = lines_with_bad(-1), packed = {0};
    o.stretch = 2 * PART;
    o.ratings.max_rejects = .01; /* the last line is cut */
    pack_parts(&packed, PACKED_SEEKABLE, plain.at, PARTS * PART, PART);
    for (int k = 1; k + 1 < PARTS; k++) {
        char *sizes = packed.at + packed.n - 9 - 8 * (PARTS - k);
        sizes[4]++;
        sizes[12]--;
        ck_assert_all(prepare_text(&o, "moved.csv.zst", packed.at, packed.n) == DG_ERR_DATA);
        ck_assert_all(strstr(err.text, "moved.csv.zst: before byte ") != NULL);
        sizes[4]--;
        sizes[12]++;
    }
    ck_assert_all(prepare_text(&o, "moved.csv.zst", packed.at, packed.n) == DG_OK);
    dg_text_free(&plain);
    dg_text_free(&packed);
    shop_options_free(&o);
}
END_TEST

enum { LOGGED = 800, SHARDS = 40 };

/* Event k of a log in which no two have the same time. */
static void log_event(dg_text *t, int k)
{
    dg_text_add(t, "u%d,i%d,buy,%d,%d\n", k * 7 % 17, k * 11 % 13, 1 + k % 5, 1000 + k * 37 % 4001);
}

/* By time, newest last, and by pair: neither depends on the order events come in. */
START_TEST(shards_in_any_order_make_the_dataset_of_one_file)
{
    dg_prepare_options o = shop_options(&town);
    dg_text one = {0}, shard[SHARDS] = {0};
    dg_rng r = dg_rng_at(8, DG_RNG_TEST, 0);
    o.split.method = DG_SPLIT_LEAVE_LAST;
    o.split.n = 2;
    dg_text_add(&one, "user,item,kind,rating,ts\n");
    for (int s = 0; s < SHARDS; s++) dg_text_add(&shard[s], "user,item,kind,rating,ts\n");
    for (int k = 0; k < LOGGED; k++) log_event(&one, k);
    for (int k = LOGGED; k-- > 0;) log_event(&shard[dg_rng_below(&r, SHARDS)], k);
    ck_assert_all(prepare_text_keep(&o, "one.csv", one.at, one.n) == DG_OK);
    ck_assert_all(report.test > 0 && report.duplicates > 0);
    const int64_t mark = mark_of_dataset(), train = report.train;
    dg_dataset_free(&d);
    for (int s = 0; s < SHARDS; s++) {
        char name[40];
        snprintf(name, sizeof name, "shard-%02d.csv", s);
        shop_write(&world, &town, name, shard[s].at, shard[s].n);
        dg_text_free(&shard[s]);
    }
    dg_strings_free(&o.ratings.paths);
    o.ratings.paths = shop_paths(shop_path(&town, "shard-*.csv"));
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(report.files == SHARDS + 1 && report.train == train);
    ck_assert_all(mark_of_dataset() == mark);
    dg_dataset_free(&d);
    dg_text_free(&one);
    shop_options_free(&o);
}
END_TEST

/* Records as objects: ids as text, numbers and escapes, one key deep, in any order of keys. */
static void write_objects(const ref_record *at, int n, dg_text *t)
{
    for (int k = 0; k < n; k++) {
        dg_text_add(t,
                    k % 2 == 0 ? "{\"ts\":%lld,\"who\":{\"id\":\""
                               : "{ \"ts\" : %lld.0, \"who\" : {\"id\" : \"",
                    (long long)at[k].time);
        for (const char *c = at[k].user; *c != '\0'; c++)
            dg_text_add(t, *c == '"' ? "\\\"" : k % 3 == 0 && *c == 'u' ? "\\u0075" : "%c", *c);
        dg_text_add(t, "\",\"age\":[1,{\"id\":2}]},\"item\":\"%s\",\"score\":%.9g}\n", at[k].item,
                    (double)at[k].value);
    }
}

START_TEST(objects_make_the_dataset_of_the_same_csv)
{
    dg_prepare_options o = shop_options(&town);
    dg_text t = {0};
    int64_t stretch[] = {0, 900, 40};
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    const int64_t mark = mark_of_dataset();
    dg_dataset_free(&d);
    write_objects(town.train, SHOP_RECORDS, &t);
    o.ratings.dialect.format = DG_FORMAT_JSONL;
    o.ratings.dialect.header = false;
    o.ratings.columns[DG_ROLE_USER] = "who.id";
    o.ratings.columns[DG_ROLE_VALUE] = "score";
    o.ratings.columns[DG_ROLE_EVENT] = NULL;
    for (size_t s = 0; s < sizeof stretch / sizeof *stretch; s++) {
        o.stretch = stretch[s];
        ck_assert_all(prepare_text_keep(&o, "objects.jsonl", t.at, t.n) == DG_OK);
        ck_assert_all(report.records == SHOP_RECORDS && mark_of_dataset() == mark);
        dg_dataset_free(&d);
    }
    dg_text_free(&t);
    shop_options_free(&o);
}
END_TEST

static bool refuses(dg_prepare_options *o, dg_status expected, const char *text)
{
    const dg_status st = prepare_with(o, "train-0.csv");
    if (st == expected && strcmp(err.text, text) == 0) return true;
    fprintf(stderr, "expected %s\nfound    %s\n", text, err.text);
    return false;
}

START_TEST(splits_and_minima_that_leave_nothing_are_refused)
{
    dg_prepare_options o = shop_options(&town);
    o.split.method = DG_SPLIT_TIME;
    o.split.at = "1999-12-31";
    ck_assert_all(refuses(&o, DG_ERR_DATA, "prepare.split leaves no rating to train on"));
    o.split.method = DG_SPLIT_USER_HOLDOUT;
    o.split.users = 60;
    o.split.fold_in = .5;
    o.split.valid = .1;
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_ERR_CONFIG);
    ck_assert_all(strstr(err.text, "prepare.split.users: 120 users held out leave none") != NULL);
    o.split.method = DG_SPLIT_NONE;
    o.min_user = 10000;
    ck_assert_all(refuses(
        &o, DG_ERR_DATA,
        "prepare.max_user_day 0, prepare.max_user 0, prepare.min_user 10000 and prepare.min_item 1 "
        "leave no rating"));
    shop_options_free(&o);
}
END_TEST

START_TEST(a_sum_too_large_names_its_user)
{
    static const char text[] = "user,item,kind,rating,ts\nann,b,view,3e38,1\nann,b,view,3e38,2\n";
    dg_prepare_options o = shop_options(&town);
    o.duplicates = DG_DUPLICATES_SUM;
    ck_assert_all(prepare_text(&o, "large.csv", text, sizeof text - 1) == DG_ERR_DATA);
    ck_assert_all(strcmp(err.text, "user \"ann\": 2 events about one item add up to more than a "
                                   "number can hold") == 0);
    shop_options_free(&o);
}
END_TEST

START_TEST(a_missing_column_is_a_wrong_job)
{
    dg_prepare_options o = shop_options(&town);
    o.ratings.columns[DG_ROLE_VALUE] = "ratings";
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_ERR_CONFIG);
    shop_options_free(&o);
}
END_TEST

/* The bytes of gzip for a text. */
static dg_text zipped(const char *text, size_t n)
{
    dg_text t = {0};
    static char bytes[1 << 17];
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)bytes;
    z.avail_out = sizeof bytes;
    deflate(&z, Z_FINISH);
    dg_text_bytes(&t, bytes, sizeof bytes - z.avail_out);
    deflateEnd(&z);
    return t;
}

START_TEST(compressed_files_read_as_plain_ones_and_truncated_ones_are_refused)
{
    dg_prepare_options o = shop_options(&town);
    dg_text plain = lines_with_bad(-1), gz = zipped(plain.at, plain.n);
    ck_assert_all(prepare_text(&o, "whole.csv.gz", gz.at, gz.n) == DG_OK);
    const dg_prepare_report zip = report;
    ck_assert_all(prepare_text(&o, "whole.csv", plain.at, plain.n) == DG_OK);
    ck_assert_all(zip.train == report.train && zip.users == report.users && zip.records == 1999);
    for (size_t cut = 19; cut < gz.n; cut += gz.n / 9) {
        ck_assert_all(prepare_text(&o, "cut.csv.gz", gz.at, cut) == DG_ERR_DATA);
        ck_assert_all(strstr(err.text, "cut.csv.gz") != NULL);
    }
    dg_text_free(&plain);
    dg_text_free(&gz);
    shop_options_free(&o);
}
END_TEST

START_TEST(bad_targets_and_goods_are_judged_by_their_own_limits)
{
    dg_prepare_options o = shop_options(&town);
    static const char bad[] = "user,item,kind,rating,ts\na,b,buy,1,1\na,b,buy,?,2\n";
    static const char goods[] = "item,title\n,nameless\nx,good\n";
    shop_write(&world, &town, "bad-test.csv", bad, sizeof bad - 1);
    shop_write(&world, &town, "bad-items.csv", goods, sizeof goods - 1);
    o.split.method = DG_SPLIT_FILES;
    dg_strings_free(&o.split.test_files.paths);
    o.split.test_files.paths = shop_paths(shop_path(&town, "bad-test.csv"));
    o.split.test_files.max_rejects = .4;
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_ERR_DATA);
    ck_assert_all(says("bad-test.csv:3: column 4: \"?\" is not a number"));
    ck_assert_all(strstr(err.hint, "prepare.split.test.max_rejects") != NULL);
    o.split.test_files.max_rejects = .5;
    dg_strings_free(&o.items.source.paths);
    o.items.source.paths = shop_paths(shop_path(&town, "bad-items.csv"));
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_ERR_DATA);
    ck_assert_all(says("bad-items.csv:2: the item has no id"));
    ck_assert_all(strstr(err.hint, "data.items.max_rejects") != NULL);
    o.items.source.max_rejects = .5;
    ck_assert_all(prepare_with(&o, "train-0.csv") == DG_OK && report.rejected == 2);
    shop_options_free(&o);
}
END_TEST

START_TEST(lists_are_read_in_time_order)
{
    static const char text[] = "ann 1 2 3 4\nbob 3 1\ncat 9\n";
    dg_prepare_options o = shop_options(&town);
    o.ratings.dialect = (dg_dialect){.format = DG_FORMAT_LISTS, .separator = " "};
    for (int k = 0; k < DG_N_ROLES; k++) o.ratings.columns[k] = NULL;
    o.split.method = DG_SPLIT_LEAVE_LAST;
    o.split.n = 1;
    o.split.valid = .1;
    shop_write(&world, &town, "lists.txt", text, sizeof text - 1);
    dg_strings_free(&o.ratings.paths);
    o.ratings.paths = shop_paths(shop_path(&town, "lists.txt"));
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(report.train == 4 && report.valid == 1 && report.test == 2);
    ck_assert_all(report.targets_cold_item == 1); /* 4 is bought but once, last */
    bool right = true;
    for (int64_t u = d.test.begin; u < d.test.end; u++) {
        size_t n;
        const char *id = dg_strings_at(&d.user_id, u - d.test.begin, &n);
        const int64_t expected = *id == 'a' ? 2 : 1; /* of train */
        right = right && dg_csr_row(&d.train, u).n == expected &&
                dg_csr_row(&d.test, u).n == (*id == 'c' ? 0 : 1);
    }
    ck_assert_all(right);
    dg_dataset_free(&d);
    shop_options_free(&o);
}
END_TEST

static dg_status show_digests(dg_status st, dg_file_digests *files, char hex[DG_HEX_SIZE])
{
    if (st == DG_OK) st = dg_file_digests_hex(files, hex, &err);
    dg_file_digests_free(files);
    return st;
}

static dg_status digest_all(const dg_prepare_options *o, char hex[DG_HEX_SIZE])
{
    dg_file_digests files;
    return show_digests(dg_prepare_digests(&world, o, &files, &err), &files, hex);
}

static dg_status digest_paths(const dg_strings *paths, char hex[DG_HEX_SIZE])
{
    dg_file_digests files;
    return show_digests(dg_file_digests_read(&world, paths, &files, &err), &files, hex);
}

START_TEST(the_digest_sees_content_and_names_and_nothing_else)
{
    char first[DG_HEX_SIZE], again[DG_HEX_SIZE], other[DG_HEX_SIZE];
    dg_prepare_options o = shop_options(&town);
    ck_assert_all(digest_all(&o, first) == DG_OK);
    o.seed++;
    o.stretch = 77;
    ck_assert_all(digest_all(&o, again) == DG_OK);
    ck_assert_all(strcmp(first, again) == 0 && strlen(first) == 64);
    o.split.method = DG_SPLIT_FILES;
    ck_assert_all(digest_all(&o, other) == DG_OK);
    ck_assert_all(strcmp(first, other) != 0);
    /* From Python's hashlib.blake2b over name, size and libxxhash's XXH3-128 of the content. */
    static const char text[] = "user,item\na,b\n";
    shop_write(&world, &town, "fixed.csv", text, sizeof text - 1);
    dg_strings paths = shop_paths(shop_path(&town, "fixed.csv"));
    ck_assert_all(digest_paths(&paths, other) == DG_OK);
    ck_assert_all(
        strcmp(other, "d76d30c970931409443ea1a85b996118eec31fb2db6f8fabfdd99fbaeaa5f3e5") == 0);
    shop_write(&world, &town, "fixed.csv", "user,item\na,c\n", 14);
    ck_assert_all(digest_paths(&paths, again) == DG_OK);
    ck_assert_all(strcmp(other, again) != 0);
    dg_strings_free(&paths);
    shop_options_free(&o);
}
END_TEST

/* Bytes of a good file changed at random: prepared or refused, never a crash, always alike. */
START_TEST(mangled_files_never_divide_the_ranks)
{
    dg_prepare_options o = shop_options(&town);
    dg_text good = lines_with_bad(-1);
    o.ratings.max_rejects = .5;
    const size_t n = 3000, live = dg_alloc_live();
    for (uint64_t round = 0; round < 150; round++) {
        char text[3000];
        dg_rng r = dg_rng_at(17, DG_RNG_TEST, round);
        memcpy(text, good.at, n);
        for (uint32_t k = 1 + dg_rng_below(&r, 40); k > 0; k--)
            text[dg_rng_below(&r, (uint32_t)n)] = "\",\n\r\0x9-\xff"[dg_rng_below(&r, 9)];
        o.stretch = 100 + dg_rng_below(&r, 2000);
        const dg_status st = prepare_text(&o, "mangled.csv", text, 1 + dg_rng_below(&r, 2999));
        dg_err differ;
        ck_assert_all(dg_agree_same(&world, "status", (int64_t)st, &differ) == DG_OK);
        ck_assert_all(st == DG_OK || st == DG_ERR_DATA || st == DG_ERR_CONFIG);
    }
    ck_assert_all(dg_alloc_live() == live);
    dg_text_free(&good);
    shop_options_free(&o);
}
END_TEST

START_TEST(make_the_shop) { shop_open(&world, &town); }
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("prepare files", make_the_shop, bad_records_are_counted_and_quoted_with_their_line,
         too_many_bad_records_fail_with_the_first_of_them, ten_quotes_at_most_in_file_order,
         without_weights_every_kind_weighs_one, a_weight_that_is_no_number_is_a_wrong_job,
         useless_files_are_refused_with_the_right_status, a_missing_column_is_a_wrong_job,
         splits_and_minima_that_leave_nothing_are_refused, a_sum_too_large_names_its_user,
         compressed_files_read_as_plain_ones_and_truncated_ones_are_refused,
         bad_targets_and_goods_are_judged_by_their_own_limits, lists_are_read_in_time_order,
         the_digest_sees_content_and_names_and_nothing_else, mangled_files_never_divide_the_ranks,
         line_ends_in_quotes_may_lie_across_any_cut,
         a_packed_file_whose_parts_lie_elsewhere_is_refused_by_all,
         objects_make_the_dataset_of_the_same_csv, shards_in_any_order_make_the_dataset_of_one_file,
         remove_the_shop)
