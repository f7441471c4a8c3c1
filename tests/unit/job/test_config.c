#include "job/config.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "job_tables.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE      ((const char *const[]){NULL})

static void add_all(dg_strings *to, const char *const *from)
{
    dg_err err;
    for (; *from != NULL; from++)
        ck_assert_int_eq(dg_strings_add(to, *from, strlen(*from), &err), DG_OK);
}

static dg_status parse(const char *text, const char *const *env, const char *const *flags,
                       dg_job **job, dg_err *err)
{
    dg_job_input in = {.file = dg_strdup("jobs/shop.yaml")};
    dg_text_add(&in.text, "%s", text);
    add_all(&in.env, env);
    add_all(&in.flags, flags);
    const dg_status st = dg_job_parse(&in, &toy_tables, job, err);
    dg_job_input_free(&in);
    return st;
}

static dg_job *accept(const char *text, const char *const *env, const char *const *flags)
{
    dg_job *job;
    dg_err err;
    const dg_status st = parse(text, env, flags, &job, &err);
    ck_assert_msg(st == DG_OK, "%s", st == DG_OK ? "" : err.text);
    return job;
}

static void refuse(const char *text, const char *const *env, const char *const *flags,
                   const char *message, const char *hint)
{
    dg_job *job;
    dg_err err;
    const dg_status st = parse(text, env, flags, &job, &err);
    ck_assert_int_ne(st, DG_OK);
    ck_assert_str_eq(err.text, message);
    ck_assert_str_eq(err.hint, hint);
    ck_assert_ptr_null(job);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static void expect_list(const dg_strings *list, const char *const *items)
{
    int64_t k = 0;
    for (; items[k] != NULL; k++) {
        size_t n;
        ck_assert_int_lt(k, list->n);
        const char *at = dg_strings_at(list, k, &n);
        ck_assert_uint_eq(n, strlen(items[k]));
        ck_assert_int_eq(memcmp(at, items[k], n), 0);
    }
    ck_assert_int_eq(list->n, k);
}

static void expect_pair(const dg_map *map, const char *key, const char *value)
{
    size_t n;
    const char *at = dg_map_get(map, key, &n);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(n, strlen(value));
    ck_assert_int_eq(memcmp(at, value, n), 0);
}

static const char shop[] =
    "name: shop\n"                                                                 /* 1 */
    "seed: 7\n"                                                                    /* 2 */
    "data:\n"                                                                      /* 3 */
    "  ratings:\n"                                                                 /* 4 */
    "    path: [a.csv, \"b*.gz\"]\n"                                               /* 5 */
    "    separator: \"\\t\"\n"                                                     /* 6 */
    "    header: false\n"                                                          /* 7 */
    "    columns: {user: 1, item: 2, value: 3, time: 4}\n"                         /* 8 */
    "  items: {path: items.csv, columns: {item: item_id, title: name}, features: " /* 9 */
    "{category: one_hot}}\n"
    "prepare:\n"                                              /* 10 */
    "  event_weights: {view: 1, buy: 8}\n"                    /* 11 */
    "  half_life: 90d\n"                                      /* 12 */
    "  split: {method: ratio, test: 0.25, valid: 0.05}\n"     /* 13 */
    "model:\n"                                                /* 14 */
    "  algorithm: toy\n"                                      /* 15 */
    "  factors: 64\n"                                         /* 16 */
    "evaluate: {k: [100, 20, 20], metrics: [ndcg, recall]}\n" /* 17 */
    "export: {max_loss: {recall@20: 0.01}}\n";                /* 18 */

START_TEST(a_job_lands_in_its_struct)
{
    dg_job *job = accept(shop, NONE, NONE);
    const toy_options *model = job->model.options;
    ck_assert_str_eq(job->name, "shop");
    ck_assert_int_eq(job->seed, 7);
    expect_list(&job->data.ratings.path, LIST("a.csv", "b*.gz"));
    ck_assert_str_eq(job->data.ratings.separator, "\t");
    ck_assert(!job->data.ratings.header);
    ck_assert_str_eq(job->data.ratings.columns.time, "4");
    ck_assert_str_eq(job->data.ratings.columns.event, "");
    ck_assert_str_eq(job->data.items.columns.title, "name");
    ck_assert_str_eq(job->data.items.columns.value, ""); /* which such a table cannot have */
    ck_assert(job->data.items.header);
    expect_pair(&job->data.items.features, "category", "one_hot");
    ck_assert_int_eq(job->data.users.path.n, 0);
    expect_pair(&job->prepare.event_weights, "buy", "8");
    ck_assert_double_eq(job->prepare.half_life, 90 * 86400.0);
    ck_assert_int_eq(job->prepare.duplicates, DG_JOB_LAST);
    ck_assert_int_eq(job->prepare.split.method, DG_JOB_RATIO);
    ck_assert_double_eq(job->prepare.split.test, 0.25);
    ck_assert_double_eq(job->prepare.split.valid, 0.05);
    ck_assert_str_eq(job->model.table->name, "toy");
    ck_assert_int_eq(model->factors, 64);
    ck_assert_double_eq(model->regularization, 0.003);
    expect_list(&job->evaluate.k, LIST("20", "100"));
    expect_list(&job->evaluate.metrics, LIST("recall", "recall_trunc", "ndcg"));
    expect_pair(&job->export.max_loss, "recall@20", "0.01");
    ck_assert(dg_job_names(job, "evaluate") && dg_job_names(job, "export"));
    ck_assert(!dg_job_names(job, "publish"));
    dg_job_destroy(&job);
    dg_job_destroy(&job);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(an_empty_job_has_defaults_and_the_name_of_its_file)
{
    dg_job *job = accept("", NONE, NONE);
    ck_assert_str_eq(job->name, "shop");
    ck_assert_int_eq(job->seed, 1);
    ck_assert_ptr_null(job->model.table);
    ck_assert_int_eq(job->checkpoint.keep, 3);
    ck_assert_double_eq(job->prepare.split.test, 0.2);
    ck_assert_ptr_nonnull(job->generate.options);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(an_unknown_key_names_its_place_and_the_nearest_one)
{
    refuse("name: x\nmodle:\n  factors: 3\n", NONE, NONE, "jobs/shop.yaml:2: modle: unknown key",
           "did you mean \"model\"?");
    refuse("model:\n  algorithm: toy\n  factrs: 3\n", NONE, NONE,
           "jobs/shop.yaml:3: model.factrs: unknown key of algorithm toy",
           "did you mean \"model.factors\"?");
    refuse("model: {factors: 3}\n", NONE, NONE,
           "jobs/shop.yaml:1: model.factors: unknown key while model.algorithm is not given", "");
    refuse("prepare: {splitt: {}}\n", NONE, NONE, "jobs/shop.yaml:1: prepare.splitt: unknown key",
           "did you mean \"prepare.split\"?");
    refuse("half_life: 3d\n", NONE, NONE, "jobs/shop.yaml:1: half_life: unknown key",
           "did you mean \"prepare.half_life\"?");
    refuse("data: {ratings: {columns: {usr: 1}}}\n", NONE, NONE,
           "jobs/shop.yaml:1: data.ratings.columns.usr: unknown key",
           "did you mean \"data.ratings.columns.user\"?");
    refuse("", NONE, LIST("modle.factors=3"), "--set modle.factors: unknown key",
           "did you mean \"model\"?");
    refuse("", LIST("DAOGOU_checkpont__keep=3"), NONE,
           "environment DAOGOU_checkpont__keep: unknown key", "did you mean \"checkpoint.keep\"?");
    refuse("zzzzzzzz: 1\n", NONE, NONE, "jobs/shop.yaml:1: zzzzzzzz: unknown key", "");
}
END_TEST

START_TEST(an_algorithm_brings_its_own_keys)
{
    refuse("model: {algorithm: plain, factors: 3}\n", NONE, NONE,
           "jobs/shop.yaml:1: model.factors: unknown key of algorithm plain", "");
    refuse("model:\n  algorithm: tooy\n", NONE, NONE,
           "jobs/shop.yaml:2: model.algorithm: expected one of toy, plain, found \"tooy\"",
           "did you mean \"toy\"?");
    dg_job *job = accept("model: {algorithm: toy}\n", NONE, LIST("model.algorithm=plain"));
    ck_assert_str_eq(job->model.table->name, "plain");
    ck_assert_str_eq(job->model.algorithm, "plain");
    dg_job_destroy(&job);
}
END_TEST

START_TEST(a_wrong_type_names_place_key_and_what_was_wanted)
{
    refuse("seed: seven\n", NONE, NONE,
           "jobs/shop.yaml:1: seed: expected a whole number of at least 0, found \"seven\"", "");
    refuse("seed: [1]\n", NONE, NONE,
           "jobs/shop.yaml:1: seed: expected a whole number of at least 0, found a list", "");
    refuse("seed: {a: 1}\n", NONE, NONE,
           "jobs/shop.yaml:1: seed: expected a whole number of at least 0, found a map", "");
    refuse("data: ratings.csv\n", NONE, NONE, "jobs/shop.yaml:1: data: expected a map of keys", "");
    refuse("data:\n  ratings: [a]\n", NONE, NONE,
           "jobs/shop.yaml:2: data.ratings: expected a map of keys", "");
    refuse("prepare:\n  event_weights: 3\n", NONE, NONE,
           "jobs/shop.yaml:2: prepare.event_weights: expected a map, found a plain value", "");
    refuse("prepare:\n  event_weights:\n    buy: [3]\n", NONE, NONE,
           "jobs/shop.yaml:3: prepare.event_weights.buy: expected a plain value", "");
    refuse("prepare:\n  event_weights:\n    buy: lots\n", NONE, NONE,
           "jobs/shop.yaml:3: prepare.event_weights.buy: buy: expected a number of at least 0, "
           "found \"lots\"",
           "");
    refuse("data: {ratings: {path: {a: 1}}}\n", NONE, NONE,
           "jobs/shop.yaml:1: data.ratings.path: expected a list, found a map", "");
    refuse("data: {ratings: {header: yes}}\n", NONE, NONE,
           "jobs/shop.yaml:1: data.ratings.header: expected true or false, found \"yes\"", "");
    refuse("prepare: {duplicates: lst}\n", NONE, NONE,
           "jobs/shop.yaml:1: prepare.duplicates: expected one of sum, max, last, first, count, "
           "found \"lst\"",
           "did you mean \"last\"?");
    refuse("", NONE, LIST("model.algorithm=toy", "model.factors=0"),
           "--set model.factors: expected a whole number from 1 to 8192, found \"0\"", "");
    refuse("", LIST("DAOGOU_seed=x"), NONE,
           "environment DAOGOU_seed: expected a whole number of at least 0, found \"x\"", "");
}
END_TEST

START_TEST(flags_beat_the_file_and_the_file_beats_the_environment)
{
    dg_job *job =
        accept("seed: 2\nname: file\n", LIST("DAOGOU_checkpoint__keep=9", "DAOGOU_seed=1"),
               LIST("name=one", "name=two"));
    ck_assert_int_eq(job->seed, 2);
    ck_assert_int_eq(job->checkpoint.keep, 9);
    ck_assert_str_eq(job->name, "two");
    dg_job_destroy(&job);
}
END_TEST

START_TEST(variables_without_a_lower_case_key_are_no_overlays)
{
    dg_job *job = accept(
        "", LIST("DAOGOU_DATA=/data", "DAOGOU_FAULT=alloc:0:9", "DAOGOU_=x", "PATH=x"), NONE);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(lists_and_maps_of_flags_are_yaml_other_text_is_taken_as_it_stands)
{
    dg_job *job = accept(shop, NONE,
                         LIST("evaluate.k=[5, 3]", "data.ratings.path=*.csv",
                              "data.ratings.separator=::", "prepare.event_weights.view=2",
                              "prepare.event_weights.cart=3", "data.items.features={a: b}"));
    expect_list(&job->evaluate.k, LIST("3", "5"));
    expect_list(&job->data.ratings.path, LIST("*.csv"));
    ck_assert_str_eq(job->data.ratings.separator, "::");
    ck_assert_int_eq(job->prepare.event_weights.key.n, 3);
    expect_pair(&job->prepare.event_weights, "view", "2");
    expect_pair(&job->prepare.event_weights, "cart", "3");
    ck_assert_int_eq(job->data.items.features.key.n, 1);
    expect_pair(&job->data.items.features, "a", "b");
    dg_job_destroy(&job);
    refuse(shop, NONE, LIST("evaluate.k=10,20"),
           "--set evaluate.k: expected whole numbers from 1 to 100000, found \"10,20\"",
           "write a list as [10, 20]");
    refuse(shop, NONE, LIST("evaluate.k=[10"),
           "--set evaluate.k: not valid YAML: did not find expected ',' or ']'", "");
    refuse(shop, NONE, LIST("evaluate.k"), "--set evaluate.k: expected key.path=value",
           "as in --set model.factors=64");
    refuse(shop, NONE, LIST("=3"), "--set =3: expected key.path=value",
           "as in --set model.factors=64");
    refuse(shop, NONE, LIST("prepare={min_usr: 3}"), "--set prepare: prepare.min_usr: unknown key",
           "did you mean \"prepare.min_user\"?");
}
END_TEST

START_TEST(a_tab_typed_in_a_shell_is_a_tab)
{
    dg_job *job = accept(shop, NONE, LIST("data.ratings.separator=\\t"));
    ck_assert_str_eq(job->data.ratings.separator, "\t");
    dg_job_destroy(&job);
}
END_TEST

START_TEST(null_stands_for_the_default)
{
    dg_job *job = accept(shop, NONE, LIST("prepare.split.test=null", "prepare.event_weights=~"));
    ck_assert_double_eq(job->prepare.split.test, 0.2);
    ck_assert_int_eq(job->prepare.event_weights.key.n, 0);
    dg_job_destroy(&job);
    job = accept("seed:\nname: \"null\"\nprepare:\n", NONE, NONE);
    ck_assert_int_eq(job->seed, 1);
    ck_assert_str_eq(job->name, "null");
    dg_job_destroy(&job);
}
END_TEST

START_TEST(the_environment_fills_in_values)
{
    dg_job *job = accept("data:\n  ratings:\n    path: [\"${HOME}/a\", \"${NO:-d/e}/b\", "
                         "\"${EMPTY:-f}\", \"$${HOME}$\"]\n    columns: {user: u, item: i}\n",
                         LIST("HOME=/h", "EMPTY="), LIST("publish.registry=${HOME}"));
    expect_list(&job->data.ratings.path, LIST("/h/a", "d/e/b", "f", "${HOME}$"));
    ck_assert_str_eq(job->publish.registry, "/h");
    dg_job_destroy(&job);
    refuse("seed: 1\nname: ${NO}\n", NONE, NONE,
           "jobs/shop.yaml:2: name: environment variable \"NO\" is not set", "");
    refuse("publish: {gate: \"${NO\"}\n", NONE, NONE,
           "jobs/shop.yaml:1: publish.gate: \"${\" without \"}\"; $${ stands for the text ${", "");
    refuse("publish: {gate: \"${X}\"}\n", LIST("X=\xFF"), NONE,
           "jobs/shop.yaml:1: publish.gate: the environment's text is not UTF-8", "");
}
END_TEST

START_TEST(the_environment_cannot_smuggle_in_yaml)
{
    dg_job *job = accept("publish: {registry: \"${X}\"}\n", LIST("X={a: 1}\nseed: 9"), NONE);
    ck_assert_str_eq(job->publish.registry, "{a: 1}\nseed: 9");
    ck_assert_int_eq(job->seed, 1);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(names_peers_use_are_taken_and_the_canonical_one_shown)
{
    static const char *const model[] = {"model", NULL};
    char *text;
    dg_err err;
    dg_job *job = accept("model: {algorithm: toy, rank: 10}\n", NONE, NONE);
    ck_assert_int_eq(dg_job_show(job, model, &text, &err), DG_OK);
    ck_assert_str_eq(text, "model:\n  algorithm: toy\n  factors: 10\n  regularization: 0.003\n"
                           "  solver: auto\n  note: \"\"\n");
    dg_free(text);
    dg_job_destroy(&job);
    refuse("model:\n  algorithm: toy\n  rank: 10\n  factors: 20\n", NONE, NONE,
           "jobs/shop.yaml:4: model.factors: another name of model.rank, which is set already", "");
    job = accept("model: {algorithm: toy, rank: 10}\n", NONE, LIST("model.n_components=20"));
    ck_assert_int_eq(((const toy_options *)job->model.options)->factors, 20);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(test_files_take_their_dialect_from_the_ratings_unless_they_say_otherwise)
{
    static const char text[] = "data:\n"
                               "  ratings: {path: u1.base, separator: \"|\", header: false, "
                               "columns: {user: 2, item: 3}}\n"
                               "prepare:\n"
                               "  split:\n"
                               "    method: files\n"
                               "    test: {path: u1.test, columns: {item: 4}}\n";
    dg_job *job = accept(text, NONE, NONE);
    const dg_job_source *test = &job->prepare.split.test_files;
    expect_list(&test->path, LIST("u1.test"));
    ck_assert_str_eq(test->separator, "|");
    ck_assert(!test->header);
    ck_assert_str_eq(test->columns.user, "2");
    ck_assert_str_eq(test->columns.item, "4");
    ck_assert_int_eq(job->prepare.split.valid_files.path.n, 0);
    dg_job_destroy(&job);
    /* A stronger source may take the files back. */
    job = accept(text, NONE, LIST("prepare.split.method=ratio", "prepare.split.test=0.3"));
    ck_assert_int_eq(job->prepare.split.test_files.path.n, 0);
    ck_assert_double_eq(job->prepare.split.test, 0.3);
    dg_job_destroy(&job);
    /* And the dialect follows a flag for the ratings. */
    job = accept(text, NONE, LIST("data.ratings.separator=;"));
    ck_assert_str_eq(job->prepare.split.test_files.separator, ";");
    dg_job_destroy(&job);
}
END_TEST

START_TEST(keys_that_need_each_other_are_checked)
{
    static const char ratings[] = "data: {ratings: {path: a.csv, columns: {user: u, item: i}}}\n";
    refuse("data: {ratings: {path: a.csv, columns: {user: u}}}\n", NONE, NONE,
           "jobs/shop.yaml: data.ratings.columns.item: missing: which column holds the item?", "");
    refuse(
        "data: {ratings: {path: a.csv, header: false, columns: {value: score}}}\n", NONE, NONE,
        "jobs/shop.yaml:1: data.ratings.columns.value: expected a column number from 1, as there "
        "is no header, found \"score\"",
        "");
    refuse(ratings, NONE, LIST("data.ratings.separator="),
           "--set data.ratings.separator: expected at least one character", "");
    refuse(ratings, NONE, LIST("name=../x"),
           "--set name: expected up to 64 letters, digits and . _ -, not first a .", "");
    refuse(ratings, NONE, LIST("prepare.split.method=time"),
           "jobs/shop.yaml: prepare.split.at: expected a time or a share such as 80%, found \"\"",
           "");
    refuse(ratings, NONE, LIST("prepare.split.method=files"),
           "jobs/shop.yaml: prepare.split.test.path: missing: split method files needs it", "");
    refuse(ratings, NONE, LIST("prepare.split.method=user-holdout"),
           "jobs/shop.yaml: prepare.split.users: missing: split method user-holdout needs it", "");
    refuse(ratings, NONE, LIST("prepare.split.method=kfold", "prepare.split.fold=6"),
           "--set prepare.split.fold: there are only 5 folds", "");
    refuse(ratings, NONE, LIST("prepare.split={test: 0.6, valid: 0.4}"),
           "--set prepare.split: prepare.split.test: test and valid together leave nothing to "
           "train on",
           "");
    refuse(ratings, NONE, LIST("prepare.split={test: {path: x}}"),
           "--set prepare.split: prepare.split.test.path: only split method files has files", "");
    refuse("evaluate:\n  metrics: [recal]\n", NONE, NONE,
           "jobs/shop.yaml:2: evaluate.metrics: \"recal\" is not a metric",
           "did you mean \"recall\"?");
    dg_job *job = accept(ratings, NONE,
                         LIST("data.ratings.header=false", "data.ratings.columns={time: 4}",
                              "data.ratings.columns.user=~", "data.ratings.columns.item=~"));
    ck_assert_str_eq(job->data.ratings.columns.user, "1");
    ck_assert_str_eq(job->data.ratings.columns.item, "2");
    dg_job_destroy(&job);
}
END_TEST

/* Show the job, read what was shown, show that: nothing may change. */
static void expect_fixed_point(const dg_job *job)
{
    char *once, *twice;
    dg_job *again;
    dg_err err;
    ck_assert_int_eq(dg_job_show(job, NULL, &once, &err), DG_OK);
    const dg_status st = parse(once, NONE, NONE, &again, &err);
    ck_assert_msg(st == DG_OK, "%s\n%s", st == DG_OK ? "" : err.text, once);
    ck_assert_int_eq(dg_job_show(again, NULL, &twice, &err), DG_OK);
    ck_assert_str_eq(once, twice);
    dg_job_destroy(&again);
    dg_free(once);
    dg_free(twice);
}

START_TEST(a_shown_job_is_a_job_that_shows_itself)
{
    const char *const jobs[] = {
        "",
        shop,
        "model: {algorithm: toy, note: \"${X} # : { [ ' \\\" \\\\ \\t\\n \\u2028 导购\"}\n",
        "data: {ratings: {path: u.base, header: false}}\nprepare: {split: {method: files, test: "
        "{path: u.test}, valid: {path: u.valid, separator: \";\"}}}\n",
        "generate: {users: 5}\npublish: {gate: \"ndcg@100 >= 0.98 * champion\"}\nexport:\n",
        "prepare: {event_weights: {\"a: b\": 1, \"${X}\": 2, null: 3}}\nevaluate: {k: 5}\n"};
    for (size_t k = 0; k < sizeof jobs / sizeof *jobs; k++) {
        dg_job *job = accept(jobs[k], LIST("X=$${Y} $$"), NONE);
        expect_fixed_point(job);
        dg_job_destroy(&job);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* Digests of earlier datasets stand: what they were made from is shown as it was then. */
START_TEST(newer_keys_show_only_where_they_are_set)
{
    char *text;
    dg_err err;
    dg_job *job = accept("data: {ratings: {path: a, header: false, columns: {user: 1, item: 2}}}\n",
                         NONE, NONE);
    ck_assert_int_eq(dg_job_show(job, NULL, &text, &err), DG_OK);
    ck_assert_ptr_null(strstr(text, "drop"));
    ck_assert_ptr_null(strstr(text, "max_user"));
    dg_free(text);
    dg_job_destroy(&job);
    job = accept("data: {ratings: {path: a, header: false, columns: {user: 1, item: 2}, drop: {n: "
                 "\"<= 0\", u: \"NA | \"}}}\n"
                 "prepare: {max_user: 9, split: {method: files, test: {path: b, drop: {}}}}\n",
                 NONE, NONE);
    ck_assert_int_eq(dg_job_show(job, NULL, &text, &err), DG_OK);
    ck_assert_ptr_nonnull(strstr(text, "\n    drop: {n: \"<= 0\", u: \"NA | \"}\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  max_user: 9\n"));
    ck_assert_ptr_nonnull(strstr(text, "      drop: {}\n"));
    dg_free(text);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(a_section_is_shown_alone_and_unnamed_stages_are_left_out)
{
    static const char *const split[] = {"prepare.split", "checkpoint", NULL};
    char *text;
    dg_err err;
    dg_job *job = accept("data: {ratings: {path: a, header: false}}\n", NONE, NONE);
    ck_assert_int_eq(dg_job_show(job, split, &text, &err), DG_OK);
    ck_assert_str_eq(text,
                     "prepare:\n  split:\n    method: ratio\n    n: 1\n    at: \"\"\n"
                     "    users: 0\n    fold_in: 0.8\n    k: 5\n    fold: 1\n    test: 0.2\n"
                     "    valid: 0\ncheckpoint:\n  interval: fixed\n  every: 1\n"
                     "  max_cost: 0.02\n  minutes: 15\n  mtbf: 1d\n  local: \"\"\n  keep: 3\n");
    dg_free(text);
    ck_assert_int_eq(dg_job_show(job, NULL, &text, &err), DG_OK);
    ck_assert_ptr_nonnull(strstr(text, "\nprepare:\n"));
    ck_assert_ptr_null(strstr(text, "evaluate"));
    ck_assert_ptr_null(strstr(text, "checkpoint"));
    ck_assert_ptr_null(strstr(text, "items"));
    dg_free(text);
    dg_job_destroy(&job);
}
END_TEST

START_TEST(a_table_may_bring_its_own_defaults)
{
    const toy_options defaults = {.factors = 7, .regularization = 0.5, .note = "none"};
    dg_job_table models[] = {toy_tables.models[0]};
    models[0].defaults = &defaults;
    const dg_job_tables tables = {.models = models, .n_models = 1};
    dg_job_input in = {.file = dg_strdup("job.yaml")};
    dg_text_add(&in.text, "model: {algorithm: toy, rank: 9}");
    dg_job *job;
    dg_err err;
    ck_assert_int_eq(dg_job_parse(&in, &tables, &job, &err), DG_OK);
    const toy_options *o = job->model.options;
    ck_assert_int_eq(o->factors, 9);
    ck_assert_double_eq(o->regularization, 0.5);
    ck_assert_str_eq(o->note, "none");
    dg_job_destroy(&job);
    dg_job_input_free(&in);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(help_names_every_key_of_every_algorithm)
{
    dg_text out = {0};
    dg_job_help(&toy_tables, &out);
    ck_assert_ptr_nonnull(strstr(out.at, "prepare.half_life\n"));
    ck_assert_ptr_nonnull(strstr(out.at,
                                 "\nmodel.factors\n    toy: length of a factor\n    a whole "
                                 "number from 1 to 8192; default 128; also called rank, "
                                 "n_components\n"));
    ck_assert_ptr_nonnull(strstr(out.at, "\nmodel.size\n    plain: "));
    ck_assert_ptr_nonnull(strstr(out.at, "\ngenerate.users\n"));
    dg_text_free(&out);
}
END_TEST

/* Mutants of real jobs are refused with a sentence, or give jobs that survive showing. */
START_TEST(mangled_jobs_are_refused_or_shown_and_leak_nothing)
{
    static const char *const seeds[] = {
        shop,
        "data: {ratings: {path: \"${HOME:-x}/u1.base\", header: false}}\nprepare: {split: {method: "
        "files, test: {path: u1.test}}}\nmodel: {algorithm: toy, rank: 3}\n",
        "prepare:\n  split:\n    method: time\n    at: 80%\n  min_user: 5\nevaluate:\n  k: [1]\n",
    };
    static const char spice[] = "{}[]:,-#&*'\"%$~\n\t \\\xC3\xA9"
                                "019null";
    for (uint64_t round = 0; round < 3000; round++) {
        dg_rng r = dg_rng_at(3, DG_RNG_TEST, round);
        char text[1024];
        dg_job *job;
        dg_err err;
        const size_t n = (size_t)snprintf(text, sizeof text, "%s", seeds[round % 3]);
        for (uint32_t k = dg_rng_below(&r, 4) + 1; k > 0; k--)
            text[dg_rng_below(&r, (uint32_t)n)] = spice[dg_rng_below(&r, sizeof spice - 1)];
        if (round % 7 == 0) text[dg_rng_below(&r, (uint32_t)n)] = '\0';
        const dg_status st = parse(text, LIST("HOME=/h"), NONE, &job, &err);
        if (st == DG_OK)
            expect_fixed_point(job);
        else
            ck_assert_int_eq(st, DG_ERR_CONFIG);
        dg_job_destroy(&job);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_reported_and_leaks_nothing)
{
    dg_job_input in = {.file = dg_strdup("jobs/shop.yaml")};
    dg_text_add(&in.text, "%s", shop);
    add_all(&in.env, LIST("DAOGOU_seed=3"));
    add_all(&in.flags, LIST("prepare.event_weights.view=9", "model.rank=12"));
    const size_t live = dg_alloc_live();
    for (int nth = 1;; nth++) {
        char spec[32], *text = NULL;
        dg_job *job;
        dg_err err;
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        dg_status st = dg_job_parse(&in, &toy_tables, &job, &err);
        if (st == DG_OK) st = dg_job_show(job, NULL, &text, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        dg_free(text);
        dg_job_destroy(&job);
        ck_assert_uint_eq(dg_alloc_live(), live);
        if (st == DG_OK) {
            ck_assert_int_gt(nth, 100);
            break;
        }
        ck_assert_int_eq(st, DG_ERR_NOMEM);
    }
    dg_job_input_free(&in);
}
END_TEST

START_TEST(input_is_read_from_file_and_environment)
{
    char path[] = "/tmp/daogou-job-XXXXXX";
    static const char text[] = "name: ${WHO}\n";
    char *const environment[] = {
        "ZZ=1", "WHO=me", "DAOGOU_seed=${EVEN:-4}", "EVEN=2", "WHOM=you", "DAOGOU_DATA=/d", NULL};
    dg_job_input in;
    dg_err err;
    const int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(dg_job_input_read(path, LIST("a=b"), 1, environment, &in, &err), DG_OK);
    ck_assert_str_eq(in.text.at, text);
    expect_list(&in.env, LIST("DAOGOU_seed=${EVEN:-4}", "EVEN=2", "WHO=me"));
    expect_list(&in.flags, LIST("a=b"));
    dg_job_input_free(&in);
    remove(path);
    ck_assert_int_eq(dg_job_input_read(path, NONE, 0, environment, &in, &err), DG_ERR_NOINPUT);
    ck_assert_ptr_nonnull(strstr(err.text, ": cannot read the job: No such file or directory"));
    dg_job_input_free(&in);
    ck_assert_int_eq(dg_job_input_read("/", NONE, 0, environment, &in, &err), DG_ERR_NOINPUT);
    ck_assert_str_eq(err.text, "/: cannot read the job: it is a folder");
    dg_job_input_free(&in);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("config", a_job_lands_in_its_struct, an_empty_job_has_defaults_and_the_name_of_its_file,
          an_unknown_key_names_its_place_and_the_nearest_one, an_algorithm_brings_its_own_keys,
          a_wrong_type_names_place_key_and_what_was_wanted,
          flags_beat_the_file_and_the_file_beats_the_environment,
          variables_without_a_lower_case_key_are_no_overlays,
          lists_and_maps_of_flags_are_yaml_other_text_is_taken_as_it_stands,
          a_tab_typed_in_a_shell_is_a_tab, null_stands_for_the_default,
          the_environment_fills_in_values, the_environment_cannot_smuggle_in_yaml,
          names_peers_use_are_taken_and_the_canonical_one_shown,
          test_files_take_their_dialect_from_the_ratings_unless_they_say_otherwise,
          keys_that_need_each_other_are_checked, a_shown_job_is_a_job_that_shows_itself,
          a_section_is_shown_alone_and_unnamed_stages_are_left_out,
          newer_keys_show_only_where_they_are_set, a_table_may_bring_its_own_defaults,
          help_names_every_key_of_every_algorithm,
          mangled_jobs_are_refused_or_shown_and_leak_nothing,
          every_failing_allocation_is_reported_and_leaks_nothing,
          input_is_read_from_file_and_environment)
