/* What earlier runs have parsed is used again, and nobody can tell from the dataset. */
#include "ingest/prepare.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "mpi_main.h"
#include "packed.h"
#include "shop.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static dg_err err;
static shop town;
static char parsed[300];

typedef struct outcome { /* of one prepare */
    dg_status status;
    uint64_t
        content; /* of this rank's part; what a file would hold is seen by tests/e2e/nights.py */
    dg_prepare_report report;
} outcome;

static uint64_t hash_strings(const dg_strings *s, uint64_t h)
{
    if (s->n == 0) return h;
    h = dg_hash64(s->offset, ((size_t)s->n + 1) * sizeof *s->offset, h);
    return dg_hash64(s->bytes, (size_t)s->offset[s->n], h);
}

static uint64_t hash_rows(const dg_csr *m, uint64_t h)
{
    const size_t n = (size_t)dg_csr_count(m);
    h = dg_hash64(m->ptr, (size_t)(m->end - m->begin + 1) * sizeof *m->ptr, h);
    h = dg_hash64(m->index, n * sizeof *m->index, h);
    return dg_hash64(m->value, n * sizeof *m->value, h);
}

static uint64_t hash_dataset(const dg_dataset *d)
{
    const dg_csr *const rows[] = {&d->train, &d->train_by_item, &d->valid, &d->test, &d->fold_in};
    uint64_t h = dg_hash64(d->users.begin, ((size_t)d->users.n + 1) * sizeof *d->users.begin, 1);
    h = dg_hash64(d->items.begin, ((size_t)d->items.n + 1) * sizeof *d->items.begin, h);
    h = hash_strings(&d->user_id, hash_strings(&d->item_id, hash_strings(&d->item_title, h)));
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) h = hash_rows(rows[k], h);
    const double range[] = {d->value_min, d->value_max};
    return dg_hash64(range, sizeof range, h);
}

static outcome prepare(dg_prepare_options *o, bool keep)
{
    dg_dataset d;
    outcome out = {0};
    dg_file_digests files = {0};
    err = (dg_err){0};
    out.status = dg_prepare_digests(&world, o, &files, &err);
    o->digests = &files;
    o->parsed = keep ? parsed : NULL;
    if (out.status == DG_OK) out.status = dg_prepare(&world, o, &d, &out.report, &err);
    if (out.status == DG_OK) {
        out.content = hash_dataset(&d);
        dg_dataset_free(&d);
    }
    dg_file_digests_free(&files);
    return out;
}

static int64_t take_reused(outcome *o)
{
    const int64_t reused = o->report.reused;
    o->report.reused = 0;
    return reused;
}

/* The same, but for what was parsed: dataset, counts and quotes. */
static bool same(outcome kept, outcome whole)
{
    (void)take_reused(&kept);
    return kept.status == whole.status && kept.content == whole.content &&
           memcmp(&kept.report, &whole.report, sizeof whole.report) == 0;
}

static void name_files(dg_prepare_options *o, const char *const *name, int n)
{
    dg_err ignored;
    dg_strings_free(&o->ratings.paths);
    for (int k = 0; k < n; k++) {
        const char *path = shop_path(&town, name[k]);
        if (dg_strings_add(&o->ratings.paths, path, strlen(path), &ignored) != DG_OK) abort();
    }
}

static int64_t size_of(const char *name)
{
    struct stat info;
    return stat(shop_path(&town, name), &info) == 0 ? (int64_t)info.st_size : -1;
}

static const char *const night[] = {"train-0.csv", "train-1.csv", "train-2.csv"};

static void forget(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) (void)dg_folder_remove(parsed, &err);
    MPI_Barrier(world.comm);
}

/* The shop in fewer pieces: each of them is a file that is made durable. */
static dg_prepare_options options(void)
{
    dg_prepare_options o = shop_options(&town);
    o.stretch = 9000;
    return o;
}

/* Night after night one file more; each night's dataset is that of all files so far. */
static void compare_nights(dg_prepare_options *o)
{
    int64_t before = 0;
    for (int n = 1; n <= 3; n += 2) {
        name_files(o, night, n);
        outcome kept = prepare(o, true);
        const outcome whole = prepare(o, false);
        ck_assert_all(whole.status == DG_OK);
        ck_assert_all(same(kept, whole));
        ck_assert_all(take_reused(&kept) >= before); /* files of the split are kept as well */
        before = size_of(night[0]);
    }
}

START_TEST(appended_nights_give_the_dataset_of_all_files)
{
    static const dg_split_options splits[] = {
        {.method = DG_SPLIT_NONE},
        {.method = DG_SPLIT_RATIO, .test = .2, .valid = .1},
        {.method = DG_SPLIT_LEAVE_LAST, .n = 2, .valid = .1},
        {.method = DG_SPLIT_TIME, .at = "80%", .valid = .1},
        {.method = DG_SPLIT_USER_HOLDOUT, .users = 20, .fold_in = .5},
        {.method = DG_SPLIT_KFOLD, .k = 4, .fold = 2},
        {.method = DG_SPLIT_FILES}};
    dg_prepare_options o = options();
    for (size_t k = 0; k < sizeof splits / sizeof *splits; k++) {
        const dg_split_options files = o.split;
        o.split = splits[k];
        o.split.test_files = files.test_files;
        o.split.valid_files = files.valid_files;
        o.duplicates = (dg_duplicates)(k % 5);
        o.half_life = k % 2 == 0 ? 0 : 9 * 86400;
        o.min_user = o.min_item = k % 3 == 0 ? 1 : 4;
        compare_nights(&o);
        forget();
    }
    shop_options_free(&o);
}
END_TEST

START_TEST(other_rules_parse_nothing_anew)
{
    dg_prepare_options o = options();
    const int64_t all = size_of(night[0]) + size_of(night[1]) + size_of(night[2]);
    outcome first = prepare(&o, true);
    ck_assert_all(first.status == DG_OK && first.report.reused == 0);
    o.seed++;
    o.duplicates = DG_DUPLICATES_SUM;
    o.half_life = 86400;
    o.max_user = 100;
    o.min_user = 4;
    o.since = "1300800000";
    o.until = "1302000000";
    o.split.method = DG_SPLIT_RATIO;
    o.split.test = .1;
    const outcome kept = prepare(&o, true), whole = prepare(&o, false);
    ck_assert_all(whole.report.outside > 100 && whole.status == DG_OK);
    ck_assert_all(same(kept, whole) && kept.report.reused == all);
    forget();
    shop_options_free(&o);
}
END_TEST

/* Everything that decides what a line says must be part of what a passage is known by. */
START_TEST(another_way_of_reading_parses_anew)
{
    enum { COLUMN, FILTER, WEIGHT, QUOTE, ENCODING, TIMELESS, WAYS };
    for (int way = 0; way < WAYS; way++) {
        dg_prepare_options o = options();
        (void)prepare(&o, true);
        char weight[] = "9";
        if (way == COLUMN) o.ratings.columns[DG_ROLE_VALUE] = NULL;
        if (way == FILTER) {
            o.ratings.drop.key = shop_paths("kind");
            o.ratings.drop.value = shop_paths("buy");
        }
        if (way == WEIGHT) memcpy(o.event_weights.value.bytes, weight, 1);
        if (way == QUOTE) o.ratings.dialect.quote = '\0';
        if (way == ENCODING) o.ratings.dialect.encoding = DG_ENCODING_LATIN1;
        if (way == TIMELESS) o.ratings.columns[DG_ROLE_TIME] = NULL;
        const outcome kept = prepare(&o, true), whole = prepare(&o, false);
        ck_assert_all(same(kept, whole) && kept.report.reused == 0);
        if (way == FILTER) dg_strings_free(&o.ratings.drop.key);
        if (way == FILTER) dg_strings_free(&o.ratings.drop.value);
        shop_options_free(&o);
        forget();
    }
}
END_TEST

static int count_kept(void)
{
    int n = 0;
    DIR *dir = opendir(parsed);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        n += strstr(e->d_name, ".h5") != NULL;
    if (dir != NULL) closedir(dir);
    MPI_Barrier(world.comm);
    return n;
}

START_TEST(files_that_go_take_their_passages_with_them)
{
    dg_prepare_options o = options();
    (void)prepare(&o, true);
    const int all = count_kept();
    name_files(&o, night + 1, 2); /* a window of files that moves on */
    const outcome kept = prepare(&o, true), whole = prepare(&o, false);
    ck_assert_all(same(kept, whole));
    ck_assert_all(kept.report.reused == size_of(night[1]) + size_of(night[2]));
    ck_assert_all(count_kept() < all && count_kept() > 0);
    forget();
    shop_options_free(&o);
}
END_TEST

/* Lines of which some are bad, some filtered, some of an event without a weight. */
static void write_odd(const char *name, int begin, int end)
{
    dg_text t = {0};
    dg_text_add(&t, "user,item,kind,rating,ts\n");
    for (int k = begin; k < end; k++)
        dg_text_add(&t, "u%d,i%d,%s,%s,%d\n", k % 91, k % 37,
                    k % 83 == 5    ? "stare"
                    : k % 101 == 7 ? "drop me"
                                   : "view",
                    k % 97 == 3 ? "abc" : "2", 1000 + k);
    shop_write(&world, &town, name, t.at, t.n);
    dg_text_free(&t);
}

START_TEST(rejects_and_filters_are_counted_and_quoted_as_ever)
{
    static const char *const odd[] = {"odd-0.csv", "odd-1.csv", "odd-2.csv"};
    static const char *const since[] = {NULL, "1300", "1907"};
    dg_prepare_options o = options();
    o.ratings.max_rejects = .5;
    o.ratings.drop.key = shop_paths("kind");
    o.ratings.drop.value = shop_paths("drop me");
    for (int k = 0; k < 3; k++) write_odd(odd[k], 900 * k, 900 * (k + 1));
    name_files(&o, odd, 3);
    for (size_t k = 0; k < sizeof since / sizeof *since; k++)
        for (int until = 0; until < 2; until++) {
            o.since = since[k];
            o.until = until == 0 ? NULL : "2950";
            const outcome kept = prepare(&o, true), whole = prepare(&o, false);
            ck_assert_all(whole.status == DG_OK && whole.report.rejected > 5 &&
                          whole.report.filtered[0] == 27 && whole.report.n_quotes > 5);
            ck_assert_all(same(kept, whole));
            ck_assert_all(k + (size_t)until == 0 || kept.report.reused > 0);
        }
    dg_strings_free(&o.ratings.drop.key);
    dg_strings_free(&o.ratings.drop.value);
    forget();
    shop_options_free(&o);
}
END_TEST

/* Line breaks in quotes over the ends of stretches, and a record longer than many of them. */
START_TEST(records_across_stretches_are_found_where_they_begin)
{
    static const char *const name[] = {"broken.csv", "broken.csv.gz"};
    dg_prepare_options o = options();
    dg_text t = {0}, packed = {0};
    dg_text_add(&t, "user,item,kind,rating,ts,note\n");
    for (int k = 0; k < 700; k++)
        dg_text_add(&t, "u%d,i%d,view,1,%d,\"a\nb,c,view,2,3,x\n%*s\"\n", k % 50, k % 31, k,
                    k % 100 == 9 ? 700 : 3, "");
    pack_parts(&packed, PACKED_BGZF, t.at, t.n, 300);
    shop_write(&world, &town, "broken.csv", t.at, t.n);
    shop_write(&world, &town, "broken.csv.gz", packed.at, packed.n);
    dg_text_free(&t);
    dg_text_free(&packed);
    for (int k = 0; k < 2; k++) {
        name_files(&o, &name[k], 1);
        o.stretch = 577;
        const outcome whole = prepare(&o, false);
        ck_assert_all(whole.status == DG_OK && whole.report.records == 700);
        for (int turn = 0; turn < 3; turn++) {
            const outcome kept = prepare(&o, true);
            ck_assert_all(same(kept, whole) && (turn == 0 || kept.report.reused > 0));
        }
        forget();
    }
    shop_options_free(&o);
}
END_TEST

/* A byte changed, bytes cut off, another's file under the name: parsed again, and kept again. */
static void spoil(int way, uint64_t round)
{
    char path[600];
    DIR *dir = opendir(parsed);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strstr(e->d_name, ".h5") == NULL) continue;
        dg_rng r = dg_rng_at(5, DG_RNG_TEST, round++);
        snprintf(path, sizeof path, "%s/%s", parsed, e->d_name);
        struct stat info;
        if (stat(path, &info) != 0) abort();
        const long at = (long)dg_rng_below(&r, (uint32_t)info.st_size);
        if (way == 0 && truncate(path, at) != 0) abort();
        if (way == 1) {
            FILE *f = fopen(path, "r+b");
            if (f == NULL || fseek(f, at, SEEK_SET) != 0) abort();
            const int c = fgetc(f);
            if (fseek(f, at, SEEK_SET) != 0 || fputc(c ^ 0x10, f) == EOF || fclose(f) != 0) abort();
        }
        if (way == 2) {
            char first[600] = "";
            snprintf(first, sizeof first, "%s/other", parsed);
            if (access(first, F_OK) != 0 && dg_file_copy(path, first, &err) != DG_OK) abort();
            unlink(path);
            if (dg_file_copy(first, path, &err) != DG_OK) abort();
        }
    }
    if (dir != NULL) closedir(dir);
}

START_TEST(damaged_passages_are_parsed_again)
{
    dg_prepare_options o = options();
    const outcome whole = prepare(&o, false);
    (void)prepare(&o, true);
    dg_log_setup(world.rank, DG_LOG_WARN + 1);
    for (int way = 0; way < 3; way++) {
        if (world.rank == 0) spoil(way, 100 * (uint64_t)way);
        MPI_Barrier(world.comm);
        const outcome kept = prepare(&o, true);
        ck_assert_all(same(kept, whole));
        ck_assert_all(kept.report.reused <= 9000); /* of way 2 one is where it was */
        const outcome again = prepare(&o, true);
        ck_assert_all(same(again, whole) && again.report.reused > 30000);
    }
    dg_log_setup(world.rank, DG_LOG_WARN);
    forget();
    shop_options_free(&o);
}
END_TEST

/* Let visit `nth` of a site fail on the last rank, until none fails any more. */
static void sweep(dg_prepare_options *o, bool warm, const char *site, dg_status expected, int step)
{
    const size_t live = dg_alloc_live();
    const int victim = world.size - 1;
    int failures = 0;
    dg_status st = expected;
    dg_file_digests files = {0};
    ck_assert_all(dg_prepare_digests(&world, o, &files, &err) == DG_OK);
    o->digests = &files;
    o->parsed = parsed;
    for (int nth = 1; st != DG_OK; nth += step) {
        char spec[64];
        dg_dataset d;
        dg_prepare_report report;
        dg_err differ;
        if (!warm) forget();
        snprintf(spec, sizeof spec, "%s:%d:%d", site, victim, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        err = (dg_err){.rank = -1};
        st = dg_prepare(&world, o, &d, &report, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        failures += st != DG_OK;
        ck_assert_all(dg_agree_same(&world, "status", (int64_t)st, &differ) == DG_OK);
        ck_assert_all(st == DG_OK || (st == expected && err.rank == victim));
        dg_dataset_free(&d);
    }
    ck_assert_all(failures > 0);
    dg_file_digests_free(&files);
    ck_assert_all(dg_alloc_live() == live);
}

START_TEST(one_rank_that_fails_to_keep_or_to_find_fails_all)
{
    dg_prepare_options o = options();
    sweep(&o, false, "write", DG_ERR_IO, 9);
    sweep(&o, false, "fsync", DG_ERR_IO, 1);
    sweep(&o, false, "alloc", DG_ERR_NOMEM, 41);
    (void)prepare(&o, true);
    sweep(&o, true, "read", DG_ERR_IO, 1);
    sweep(&o, true, "alloc", DG_ERR_NOMEM, 31);
    forget();
    shop_options_free(&o);
}
END_TEST

START_TEST(make_the_shop)
{
    shop_open(&world, &town);
    snprintf(parsed, sizeof parsed, "%s/parsed", town.folder);
}
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("prepare with what was parsed before", make_the_shop,
         appended_nights_give_the_dataset_of_all_files, other_rules_parse_nothing_anew,
         another_way_of_reading_parses_anew, files_that_go_take_their_passages_with_them,
         rejects_and_filters_are_counted_and_quoted_as_ever,
         records_across_stretches_are_found_where_they_begin, damaged_passages_are_parsed_again,
         one_rank_that_fails_to_keep_or_to_find_fails_all, remove_the_shop)
