#include "job/schema.h"

#include <math.h>
#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define NAMES(...)  ((const char *const[]){__VA_ARGS__, NULL})

static const char *const formats[] = {"csv", "jsonl", "mtx", "lists", "parquet", "hdf5", NULL};
static const char *const encodings[] = {"utf-8", "latin1", NULL};
static const char *const on_errors[] = {"reject", "fail", NULL};
static const char *const on_leaks[] = {"warn", "fail", NULL};
static const char *const duplicates[] = {"sum", "max", "last", "first", "count", NULL};
static const char *const methods[] = {"ratio", "leave-last", "hold-last", "time", "user-holdout",
                                      "kfold", "files",      "none",      NULL};
static const char *const intervals[] = {"fixed", "auto", NULL};
static const char *const parts[] = {"auto", "test", "valid", NULL};
static const char *const searches[] = {"random", "quasi", "halving", NULL};
static const char *const precisions[] = {"f32", "f16", "int8", NULL};

static const dg_option root_rows[] = {
    {.key = "name",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, name),
     .help = "names the run and its folder; by default the job file's name without .yaml"},
    {.key = "seed",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, seed),
     .fallback = "1",
     .help = "of every random choice; equal seeds give equal models",
     .min = 0,
     .max = INFINITY,
     .aliases = NAMES("random_state")},
};

static const dg_option dialect_rows[] = {
    {.key = "path",
     .type = DG_OPT_LIST,
     .offset = offsetof(dg_job_source, path),
     .help = "file, glob, or list of them, from the current folder; .gz and .zst in place"},
    {.key = "format",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job_source, format),
     .fallback = "csv",
     .help = "of the files; jsonl is an object a line, columns are paths of keys (event.user.id); "
             "lists is "
             "\"user item item …\" a line, in time order; mtx is MatrixMarket; parquet needs "
             "DuckDB's library; columns of hdf5 are paths of arrays (events/user)",
     .choices = formats},
    {.key = "separator",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job_source, separator),
     .fallback = ",",
     .help = "between columns, any string: \",\", \"\\t\", \"::\"",
     .aliases = NAMES("sep")},
    {.key = "header",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job_source, header),
     .fallback = "true",
     .help = "does the first line name the columns"},
    {.key = "encoding",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job_source, encoding),
     .fallback = "utf-8",
     .help = "of the text",
     .choices = encodings},
    {.key = "on_error",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job_source, on_error),
     .fallback = "reject",
     .help = "a bad row: count it and go on up to max_rejects, or fail at once",
     .choices = on_errors},
    {.key = "max_rejects",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job_source, max_rejects),
     .fallback = "0.001",
     .help = "share of bad rows above which reading fails",
     .min = 0,
     .max = 1},
};

#define COLUMN(field, text, names)                                                                 \
    {                                                                                              \
        .key = "columns." #field, .type = DG_OPT_TEXT,                                             \
        .offset = offsetof(dg_job_source, columns.field), .help = text, .aliases = names           \
    }
#define FEATURES(text)                                                                             \
    {                                                                                              \
        .key = "features", .type = DG_OPT_MAP, .offset = offsetof(dg_job_source, features),        \
        .help = text                                                                               \
    }
#define ATTRIBUTES(text)                                                                           \
    {                                                                                              \
        .key = "attributes", .type = DG_OPT_MAP, .offset = offsetof(dg_job_source, attributes),    \
        .help = text, .if_set = true                                                               \
    }
#define USER_NAMES NAMES("userCol", "user_col")
#define ITEM_NAMES NAMES("itemCol", "item_col")

static const dg_option rating_rows[] = {
    COLUMN(user, "column of the user's id: a name, or a number from 1 without a header",
           USER_NAMES),
    COLUMN(item, "column of the item's id", ITEM_NAMES),
    COLUMN(value, "column of the rating or strength; none: every row counts 1",
           NAMES("rating", "ratingCol", "rating_col")),
    COLUMN(time, "column of the time: seconds since 1970, or a date",
           NAMES("timestamp", "time_col")),
    COLUMN(event, "column of the kind of event, see prepare.event_weights", NAMES("event_col")),
    COLUMN(scene, "column of the scene's id", NULL),
    {.key = "drop",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job_source, drop),
     .help =
         "rows passed over: column: test, as in {Quantity: \"<= 0\", Invoice: \"C*\", Customer: "
         "\"NA | \"}; the last alternative is an empty field",
     .if_set = true},
    {.key = "keep",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job_source, keep),
     .help = "only rows that pass stay: column: test, as in {Country: \"France | Germany\"}",
     .if_set = true},
    {.key = "kinds",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job_source, kinds),
     .help =
         "kind of the events of a file by its name: {view: \"*view.txt\", buy: \"*buy.txt\"}; in "
         "place of columns.event",
     .if_set = true},
};
static const dg_option item_rows[] = {
    COLUMN(item, "column of the item's id", ITEM_NAMES),
    COLUMN(title, "column of the name shown to people", NULL),
    FEATURES("column: encoder, as in {category: one_hot, price: standardize}"),
    ATTRIBUTES("what filters and rules know: name: number, text, list SEPARATOR or flags "
               "COLUMN=VALUE …, as in {price: number, genres: list |, brand: text from maker}"),
};
static const dg_option user_rows[] = {
    COLUMN(user, "column of the user's id", USER_NAMES),
    FEATURES("column: encoder, as in {age: bucket, city: one_hot}"),
    ATTRIBUTES("as of data.items; users of the file have a row with or without ratings"),
};
static const dg_option scene_rows[] = {
    COLUMN(scene, "column of the scene's id", NULL),
    FEATURES("column: encoder"),
};
static const dg_option friend_rows[] = {
    COLUMN(user, "column of one user's id", USER_NAMES),
    COLUMN(friend, "column of the other user's id", NULL),
};

static const dg_option prepare_rows[] = {
    {.key = "event_weights",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job, prepare.event_weights),
     .help = "strength of each kind of event, as in {view: 1, buy: 8}; other kinds are rejected"},
    {.key = "half_life",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, prepare.half_life),
     .fallback = "0s",
     .help = "a row this much older than the newest counts half; 0s: age does not matter"},
    {.key = "duplicates",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, prepare.duplicates),
     .fallback = "last",
     .help = "what several rows of one user and item become",
     .choices = duplicates},
    {.key = "since",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, prepare.since),
     .help = "rows before this time are passed over",
     .if_set = true},
    {.key = "until",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, prepare.until),
     .help = "rows from this time on are passed over",
     .if_set = true},
    {.key = "pseudonyms.key",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, prepare.pseudonyms),
     .help = "file of a pseudonym key (daogou keygen --pseudonyms): users are known by their "
             "pseudonyms "
             "from here on",
     .if_set = true},
    {.key = "sessions.gap",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, prepare.session_gap),
     .fallback = "0s",
     .help =
         "a break this long ends a session, and sessions take the place of users; 0s: no sessions",
     .if_set = true},
    {.key = "max_user_day",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.max_user_day),
     .fallback = "0",
     .help = "drop all rows of a user on a day (UTC) with more rows, such as a crawler's, before "
             "max_user; the user's other days stay; 0: no limit",
     .min = 0,
     .max = INFINITY,
     .if_set = true},
    {.key = "max_user",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.max_user),
     .fallback = "0",
     .help = "drop users with more rows, such as crawlers, before min_user; 0: no limit",
     .min = 0,
     .max = INFINITY,
     .if_set = true},
    {.key = "min_user",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.min_user),
     .fallback = "1",
     .help = "drop users with fewer items, until none is left to drop",
     .min = 1,
     .max = INFINITY},
    {.key = "min_item",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.min_item),
     .fallback = "1",
     .help = "drop items with fewer users, until none is left to drop",
     .min = 1,
     .max = INFINITY},
    {.key = "scenes",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job, prepare.scenes),
     .fallback = "false",
     .help = "count what is met in each scene of data.ratings, for lists by scene",
     .if_set = true},
    {.key = "split.method",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, prepare.split.method),
     .fallback = "ratio",
     .help = "how rows are held out for the test",
     .choices = methods},
    {.key = "split.n",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.split.n),
     .fallback = "1",
     .help = "leave-last: newest rows of each user held out",
     .min = 1,
     .max = INFINITY},
    {.key = "split.at",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, prepare.split.at),
     .help = "time: rows from here on are the test; a time, or a share of the rows as \"80%\""},
    {.key = "split.users",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.split.users),
     .fallback = "0",
     .help = "user-holdout: how many users are held out",
     .min = 0,
     .max = INFINITY},
    {.key = "split.fold_in",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, prepare.split.fold_in),
     .fallback = "0.8",
     .help = "user-holdout: share of a held-out user's rows the model is shown",
     .min = 0,
     .max = 1},
    {.key = "split.k",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.split.k),
     .fallback = "5",
     .help = "kfold: number of folds",
     .min = 2,
     .max = 1000},
    {.key = "split.fold",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, prepare.split.fold),
     .fallback = "1",
     .help = "kfold: the fold that is the test, from 1",
     .min = 1,
     .max = 1000},
    {.key = "split.test",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, prepare.split.test),
     .fallback = "0.2",
     .help =
         "ratio: share of each user's rows; hold-last: their newest, to the nearest whole number; "
         "files: a map with path, read as data.ratings",
     .min = 0,
     .max = 1},
    {.key = "split.valid",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, prepare.split.valid),
     .fallback = "0",
     .help = "as test, for the validation rows that tuning looks at; files, none: a share as well",
     .min = 0,
     .max = 1},
};

static const dg_option model_rows[] = {
    {.key = "algorithm",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, model.algorithm),
     .help = "what to train; its own keys stand below"},
};

static const dg_option stage_rows[] = {
    {.key = "cache.parsed",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job, cache.parsed),
     .fallback = "false",
     .help = "keep what prepare parses in WORK/parsed, and parse only what is new the next time"},
    {.key = "train.warm_start",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, train.warm_start),
     .help = "start from the factors of an earlier model, by ids: champion (of publish.registry), "
             "or the path of an artifact.h5"},
    {.key = "train.warm_iterations",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, train.warm_iterations),
     .fallback = "0",
     .help = "sweeps after a warm start; 0: as many as without",
     .min = 0,
     .max = 100000},
    {.key = "drift.psi_max",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, drift.psi_max),
     .fallback = "0",
     .help = "stop before training when the goods' popularity has moved further from the "
             "champion's data, as a PSI; 0: never",
     .min = 0,
     .max = 1000},
    {.key = "drift.score_shift_max",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, drift.score_shift_max),
     .fallback = "0",
     .help = "stop before publishing when the mean score of held-out pairs has moved by more "
             "standard deviations of the champion's scores; 0: never",
     .min = 0,
     .max = 1000},
    {.key = "drift.psi_min",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, drift.psi_min),
     .fallback = "0",
     .help = "train only when it has moved at least so far; 0: always",
     .min = 0,
     .max = 1000},
    {.key = "drift.goods_min",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, drift.goods_min),
     .fallback = "0",
     .help = "train only when the champion knows a smaller share of the goods; with psi_min one of "
             "the two will do; 0: always",
     .min = 0,
     .max = 1},
    {.key = "drift.coverage_min",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, drift.coverage_min),
     .fallback = "0",
     .help = "stop before publishing when the goods in the new model's lists are fewer than this "
             "share of those in the champion's; 0: never",
     .min = 0,
     .max = 1000},
    {.key = "checkpoint.interval",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, checkpoint.interval),
     .fallback = "fixed",
     .help = "fixed: by checkpoint.every and minutes; auto: from what a checkpoint takes and "
             "checkpoint.mtbf",
     .choices = intervals},
    {.key = "checkpoint.every",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, checkpoint.every),
     .fallback = "1",
     .help = "sweeps between checkpoints; 0: never by count",
     .min = 0,
     .max = INFINITY,
     .aliases = NAMES("checkpointInterval", "checkpoint_every")},
    {.key = "checkpoint.max_cost",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, checkpoint.max_cost),
     .fallback = "0.02",
     .help = "share of the time that checkpoints by count may take: of short sweeps, not each is "
             "saved; 1: each is",
     .min = 0,
     .max = 1},
    {.key = "checkpoint.minutes",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, checkpoint.minutes),
     .fallback = "15",
     .help = "minutes between checkpoints; 0: never by time",
     .min = 0,
     .max = 1e6},
    {.key = "checkpoint.mtbf",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, checkpoint.mtbf),
     .fallback = "24h",
     .help = "auto: mean time between failures of all the job's nodes together"},
    {.key = "checkpoint.local",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, checkpoint.local),
     .help = "a quick folder that all ranks see; checkpoints go there first and are copied to the "
             "work folder behind the run"},
    {.key = "checkpoint.keep",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, checkpoint.keep),
     .fallback = "3",
     .help = "newest checkpoints kept",
     .min = 1,
     .max = 1000},
    {.key = "watch.stuck_after",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, watch.stuck_after),
     .fallback = "10m",
     .help = "warn of a rank that has not moved for so long and does not wait; 0s: never"},
    {.key = "watch.stop_after",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, watch.stop_after),
     .fallback = "0s",
     .help = "end the run with 75 when a rank is stuck for so long, beyond stuck_after; 0s: never"},
    {.key = "watch.textfile",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, watch.textfile),
     .help = "figures for Prometheus: a .prom file in node_exporter's textfile folder"},
    {.key = "evaluate.k",
     .type = DG_OPT_LIST,
     .offset = offsetof(dg_job, evaluate.k),
     .fallback = "10,20,100",
     .help = "lengths of list at which metrics are taken"},
    {.key = "evaluate.metrics",
     .type = DG_OPT_LIST,
     .offset = offsetof(dg_job, evaluate.metrics),
     .fallback = "recall,ndcg,map,hr,coverage",
     .help = "what is measured; models of ratings always add rmse and mae"},
    {.key = "evaluate.exclude_seen",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job, evaluate.exclude_seen),
     .fallback = "true",
     .help = "leave the items a user already has out of the ranking"},
    {.key = "evaluate.per_user",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job, evaluate.per_user),
     .fallback = "false",
     .help = "write metrics.h5 too, the measures of each user; publish.confidence asks for it"},
    {.key = "evaluate.part",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, evaluate.part),
     .fallback = "auto",
     .help = "rows to judge by; auto: test where there are any, else valid",
     .choices = parts,
     .if_set = true},
    {.key = "evaluate.resamples",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, evaluate.resamples),
     .fallback = "1000",
     .help = "of the users, for 95 % intervals of what is a mean over users; 0: none",
     .min = 0,
     .max = 100000},
    {.key = "evaluate.sampled",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, evaluate.sampled),
     .fallback = "0",
     .help =
         "also rank each target among so many items drawn at random, as some papers do; named so: "
         "hr@10(sampled 99). 0: all items only",
     .min = 0,
     .max = 100000},
    {.key = "evaluate.by_attribute",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, evaluate.by_attribute),
     .help = "of goods, as genre: recall over the targets of each of its values, too",
     .if_set = true},
    {.key = "evaluate.every",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, evaluate.every),
     .fallback = "0",
     .help = "judge after every so many sweeps too, for the curves of report.html; valid where "
             "there are such rows, else test. 0: when trained only",
     .min = 0,
     .max = 1e6},
    {.key = "evaluate.on_leak",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, evaluate.on_leak),
     .fallback = "warn",
     .help = "where held-out ratings are no news to the model: say so, or stop before training",
     .choices = on_leaks},
    {.key = "report.examples",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, report.examples),
     .fallback = "4",
     .help = "users whose lists report.html shows; 0: none, as names of users and goods are in it",
     .min = 0,
     .max = 100},
    {.key = "tune.method",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, tune.method),
     .fallback = "quasi",
     .help = "random, evenly spread (quasi), or evenly spread with more sweeps for the best "
             "(halving)",
     .choices = searches},
    {.key = "tune.metric",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, tune.metric),
     .fallback = "ndcg@100",
     .help = "what the best trial has most of, or least: rmse, mae"},
    {.key = "tune.trials",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, tune.trials),
     .fallback = "32",
     .help = "how many are tried",
     .min = 1,
     .max = 100000},
    {.key = "tune.space",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job, tune.space),
     .help = "key: choice(a, b), uniform(0, 1), log(0.01, 10), int(1, 9) or double(16, 256); a key "
             "for one algorithm alone is ease/model.regularization"},
    {.key = "tune.eta",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, tune.eta),
     .fallback = "3",
     .help = "halving: one trial in so many goes on, with so many times the sweeps",
     .min = 2,
     .max = 100},
    {.key = "tune.min_iterations",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, tune.min_iterations),
     .fallback = "2",
     .help = "halving: least sweeps of a trial",
     .min = 1,
     .max = 100000},
    {.key = "tune.minutes",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, tune.minutes),
     .fallback = "0",
     .help = "no trial begins later; 0: no limit",
     .min = 0,
     .max = 1e6},
    {.key = "tune.valid",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, tune.valid),
     .fallback = "0.1",
     .help = "prepare.split.valid where the job gives none",
     .min = 0.001,
     .max = 0.9},
    {.key = "export.precision",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(dg_job, export.precision),
     .fallback = "f32",
     .help = "of the numbers in the artifact",
     .choices = precisions},
    {.key = "export.max_loss",
     .type = DG_OPT_MAP,
     .offset = offsetof(dg_job, export.max_loss),
     .help = "metric: share of it that compression may cost, as in {recall@20: 0.01}"},
    {.key = "export.licence",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, export.licence),
     .help = "of the model, as the model card and /v1/model show it",
     .if_set = true},
    {.key = "export.notes",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, export.notes),
     .help = "what else the model card shall say",
     .if_set = true},
    {.key = "export.sign",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, export.sign),
     .help = "file of the key that signs the artifact (daogou keygen)",
     .speed_only = true}, /* the content stays as it is */
    {.key = "export.segments",
     .type = DG_OPT_LIST,
     .offset = offsetof(dg_job, export.segments),
     .help = "attributes of data.users by whose values popular goods are listed, as in [city]; "
             "whom the model does not know gets those of the first they have",
     .if_set = true},
    {.key = "publish.registry",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, publish.registry),
     .fallback = "registry",
     .help = "folder artifacts are published to"},
    {.key = "publish.name",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, publish.name),
     .help = "of the model in the registry; by default the job's name"},
    {.key = "publish.gate",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, publish.gate),
     .help = "what a new model must show, as in \"ndcg@100 >= 0.98 * champion\"; none: nothing"},
    {.key = "publish.confidence",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_job, publish.confidence),
     .fallback = "0",
     .help = "of the gate, as 0.95: what holds must hold at the lower bound of a paired bootstrap "
             "over users; 0: the values decide",
     .min = 0,
     .max = 0.9999},
    {.key = "publish.resamples",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, publish.resamples),
     .fallback = "2000",
     .help = "drawn by that bootstrap",
     .min = 100,
     .max = 1000000},
    {.key = "publish.rescore",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_job, publish.rescore),
     .fallback = "false",
     .help = "judge the champion anew where it was judged on another split, instead of refusing"},
    {.key = "publish.encrypt",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_job, publish.encrypt),
     .help = "file of the key that encrypts the published artifact (daogou keygen --encryption)",
     .speed_only = true},
    {.key = "publish.keep",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_job, publish.keep),
     .fallback = "5",
     .help = "newest versions kept; 0: all. Champion, challenger and the one before stay anyway",
     .min = 0,
     .max = 100000},
    {.key = "publish.wait",
     .type = DG_OPT_DURATION,
     .offset = offsetof(dg_job, publish.wait),
     .fallback = "10m",
     .help = "longest wait for another publisher of the model"},
};

typedef struct layout {
    const char *prefix;
    const dg_option *rows;
    size_t n;
    long source; /* offset of the dg_job_source the rows describe; -1: they describe the job */
    bool based;  /* defaults are those of data.ratings */
} layout;

#define HERE(prefix, rows)                                                                         \
    {                                                                                              \
        prefix, rows, COUNT(rows), -1, false                                                       \
    }
#define SOURCE(prefix, field, rows, based)                                                         \
    {prefix, dialect_rows, COUNT(dialect_rows), offsetof(dg_job, field), based},                   \
    {                                                                                              \
        prefix, rows, COUNT(rows), offsetof(dg_job, field), based                                  \
    }

static const layout before_model[] = {
    HERE("", root_rows),
    SOURCE("data.ratings", data.ratings, rating_rows, false),
    SOURCE("data.items", data.items, item_rows, false),
    SOURCE("data.users", data.users, user_rows, false),
    SOURCE("data.scenes", data.scenes, scene_rows, false),
    SOURCE("data.friends", data.friends, friend_rows, false),
    HERE("prepare", prepare_rows),
    SOURCE("prepare.split.test", prepare.split.test_files, rating_rows, true),
    SOURCE("prepare.split.valid", prepare.split.valid_files, rating_rows, true),
    HERE("model", model_rows),
};
static const layout after_model[] = {HERE("", stage_rows)};

static dg_mount place(const layout *l, const dg_job *job)
{
    dg_mount m = {.prefix = l->prefix, .rows = l->rows, .n = l->n, .fields = (void *)job};
    if (l->source < 0) return m;
    m.fields = (char *)job + l->source;
    m.part = m.fields;
    m.base = l->based ? &job->data.ratings : NULL;
    return m;
}

static size_t plug(dg_mount *out, const dg_job_table *table, void *options)
{
    if (table == NULL) return 0;
    *out = (dg_mount){.prefix = "",
                      .rows = table->options,
                      .n = table->n_options,
                      .fields = options,
                      .base = table->defaults};
    return 1;
}

size_t dg_job__mounts(const dg_job *job, dg_mount out[DG_MAX_MOUNTS])
{
    size_t n = 0;
    for (size_t k = 0; k < COUNT(before_model); k++) out[n++] = place(&before_model[k], job);
    n += plug(&out[n], job->model.table, job->model.options);
    for (size_t k = 0; k < COUNT(after_model); k++) out[n++] = place(&after_model[k], job);
    return n + plug(&out[n], job->generate.table, job->generate.options);
}

const char *dg_job__key(const dg_mount *m, const dg_option *row, char *buf, size_t n)
{
    snprintf(buf, n, "%s%s%s", m->prefix, m->prefix[0] == '\0' ? "" : ".", row->key);
    return buf;
}
