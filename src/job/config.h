/* config.h - a job: the YAML file, its overlays, and the typed struct they end up in.
 *
 * Overlays: environment DAOGOU_key__path=value < job file < --set key.path=value. Every value runs
 * through a table of options (base/option.h), so that what is not known or of the wrong type is
 * refused with file, line, key and the nearest valid key. In every source ${NAME} and
 * ${NAME:-default} stand for the environment, $${ for the two characters ${; an unquoted null, ~ or
 * nothing stands for the default.
 *
 * A rank never looks at its own environment or files: rank 0 gathers a dg_job_input, everybody
 * parses the same bytes. */
#ifndef DG_JOB_CONFIG_H
#define DG_JOB_CONFIG_H
#include "base/option.h"
#include "base/text.h"
#include "comm/comm.h"

typedef enum dg_job_format {
    DG_JOB_CSV,
    DG_JOB_JSONL,
    DG_JOB_MTX,
    DG_JOB_LISTS,   /* "user item item …", in time order */
    DG_JOB_PARQUET, /* read as csv with a header */
    DG_JOB_HDF5
} dg_job_format;
typedef enum dg_job_encoding { DG_JOB_UTF8, DG_JOB_LATIN1 } dg_job_encoding;
typedef enum dg_job_on_error { DG_JOB_REJECT, DG_JOB_FAIL } dg_job_on_error;
typedef enum dg_job_on_leak { DG_JOB_LEAK_WARN, DG_JOB_LEAK_FAIL } dg_job_on_leak;
typedef enum dg_job_duplicates {
    DG_JOB_SUM,
    DG_JOB_MAX,
    DG_JOB_LAST,
    DG_JOB_FIRST,
    DG_JOB_COUNT
} dg_job_duplicates;
typedef enum dg_job_split {
    DG_JOB_RATIO,
    DG_JOB_LEAVE_LAST,
    DG_JOB_HOLD_LAST,
    DG_JOB_TIME,
    DG_JOB_USER_HOLDOUT,
    DG_JOB_KFOLD,
    DG_JOB_FILES,
    DG_JOB_NO_SPLIT
} dg_job_split;
typedef enum dg_job_interval { DG_JOB_FIXED, DG_JOB_AUTO } dg_job_interval;
typedef enum dg_job_part { DG_JOB_AUTO_PART, DG_JOB_TEST_PART, DG_JOB_VALID_PART } dg_job_part;
typedef enum dg_job_search { DG_JOB_RANDOM, DG_JOB_QUASI, DG_JOB_HALVING } dg_job_search;
typedef enum dg_job_precision { DG_JOB_F32, DG_JOB_F16, DG_JOB_INT8 } dg_job_precision;

/* Where a table of raw data lies and how to read it. Columns are names or, without a header,
 * numbers from 1; "" where the job names none, and where such a table cannot have one. */
typedef struct dg_job_source {
    dg_strings path; /* files and globs; n == 0 where the job has no such table */
    int format;      /* dg_job_format */
    char *separator; /* any string, not empty */
    bool header;
    int encoding;       /* dg_job_encoding */
    int on_error;       /* dg_job_on_error */
    double max_rejects; /* share of rows */
    struct dg_job_columns {
        char *user, *item, *value, *time, *event, *scene, *title, *friend;
    } columns;
    dg_map features;   /* column = encoder */
    dg_map attributes; /* attribute = type, see ingest/attributes.h */
    dg_map drop, keep; /* column = test, see table/filter.h */
    dg_map kinds;      /* kind of event = name or glob of its files */
} dg_job_source;

/* The options of one algorithm, or of generate: a table for a struct of options_size bytes whose
 * keys are whole ("model.factors"). */
typedef struct dg_job_table {
    const char *name; /* "ials" */
    const dg_option *options;
    size_t n_options, options_size;
    const void *defaults; /* such a struct, filled; NULL: each row's own default */
} dg_job_table;

typedef struct dg_job_tables { /* borrowed as long as jobs parsed with them live */
    const dg_job_table *models;
    size_t n_models;
    const dg_job_table *generate; /* NULL: no section generate */
} dg_job_tables;

typedef struct dg_job {
    char *name;
    int64_t seed;
    struct {
        dg_job_source ratings, items, users, scenes, friends;
    } data;
    struct {
        dg_map event_weights; /* event = number */
        double half_life;     /* seconds; 0: no decay */
        int duplicates;       /* dg_job_duplicates */
        char *since, *until;  /* times; "" for none */
        char *pseudonyms;     /* key file; "" for none */
        double session_gap;   /* seconds; 0: users are no sessions */
        int64_t max_user_day; /* 0: no limit */
        int64_t max_user;     /* 0: no limit */
        int64_t min_user, min_item;
        bool scenes; /* count what is met in each */
        struct {
            int method;                /* dg_job_split */
            double test, valid;        /* shares, where the method wants shares */
            int64_t n;                 /* leave-last: rows a user */
            char *at;                  /* time: a time, or a share as "80%" */
            int64_t users;             /* user-holdout: how many */
            double fold_in;            /* user-holdout: share of a history shown to the model */
            int64_t k, fold;           /* kfold: number of folds, and which (from 1) is the test */
            dg_job_source test_files;  /* files: dialect as data.ratings unless given */
            dg_job_source valid_files; /* path.n == 0 where there are none */
        } split;
    } prepare;
    struct {
        bool parsed;
    } cache;
    struct {
        char *algorithm;           /* "" where the job has no model */
        const dg_job_table *table; /* of that algorithm; NULL where the job has no model */
        void *options;             /* (table->options_size,) the algorithm's own struct */
    } model;
    struct {
        dg_strings k; /* whole numbers, ascending */
        dg_strings metrics;
        bool exclude_seen, per_user;
        int part;           /* dg_job_part */
        int64_t resamples;  /* for intervals; 0: none */
        int64_t sampled;    /* items drawn for sampled measures; 0: none */
        int64_t every;      /* sweeps between those judged for the report; 0: none */
        int on_leak;        /* dg_job_on_leak */
        char *by_attribute; /* of items; "": none */
    } evaluate;
    struct {
        int64_t examples;
    } report;
    struct {
        int method;   /* dg_job_search */
        char *metric; /* "ndcg@100" */
        dg_map space; /* key = range, see tune/space.h */
        int64_t trials, eta, min_iterations;
        double minutes; /* 0: no limit */
        double valid;   /* share of the training rows, where the job has none for validation */
    } tune;
    struct {
        char *warm_start; /* "", "champion" or a path */
        int64_t warm_iterations;
    } train;
    struct {
        double psi_max, psi_min, goods_min, score_shift_max, coverage_min; /* 0: no limit */
    } drift;
    struct {
        int interval;    /* dg_job_interval */
        int64_t every;   /* sweeps; 0: never by count */
        double max_cost; /* share of the time that those by count may take */
        double minutes;  /* 0: never by time */
        double mtbf;     /* seconds; of interval auto */
        char *local;     /* "" for none */
        int64_t keep;
    } checkpoint;
    struct {
        double stuck_after, stop_after; /* seconds; 0: never */
        char *textfile;                 /* "" for none */
    } watch;
    struct {
        int precision;       /* dg_job_precision */
        dg_map max_loss;     /* metric@k = share */
        dg_strings segments; /* attributes of users */
        char *sign;          /* file of the key; "" for none */
        char *licence, *notes;
    } export;
    struct {
        char *registry, *name, *gate; /* name is never "" once parsed */
        double confidence;            /* 0: none */
        int64_t resamples, keep;
        bool rescore;
        char *encrypt; /* file of the key; "" for none */
        double wait;   /* seconds */
    } publish;
    struct {
        const dg_job_table *table; /* NULL where nobody brought one */
        void *options;
    } generate;
    dg_strings sections; /* top-level keys that any source named */
    char *file;          /* for messages */
} dg_job;

/* All a job is made of, gathered in one place by one rank. Free with dg_job_input_free. */
typedef struct dg_job_input {
    char *file;       /* name of the job file; "" for none */
    dg_text text;     /* its bytes */
    dg_strings env;   /* "NAME=value", sorted: overlays, and what ${NAME} asks for */
    dg_strings flags; /* "key.path=value", in the order given */
} dg_job_input;

/**
 * Read the job file and pick what it needs from the environment. LOCAL.
 *
 * @param[in] file         NULL for a job of flags and environment alone
 * @param[in] flags        (n_flags,) arguments of --set
 * @param[in] environment  "NAME=value" …, NULL-terminated
 *
 * Errors  DG_ERR_NOINPUT missing or no file; DG_ERR_PERM; DG_ERR_IO; DG_ERR_CONFIG too long;
 *         DG_ERR_NOMEM.
 */
dg_status dg_job_input_read(const char *file, const char *const *flags, size_t n_flags,
                            char *const *environment, dg_job_input *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_job_input_free(dg_job_input *in);

/**
 * Parse, default and check. LOCAL: the same bytes give the same job, whoever calls.
 *
 * @param[out] out  caller destroys; NULL after a failure
 *
 * Errors  DG_ERR_CONFIG "FILE:LINE: KEY: what is wrong", or "--set …" or "environment …" in place
 *         of file and line; DG_ERR_USAGE a flag without "="; DG_ERR_NOMEM.
 */
dg_status dg_job_parse(const dg_job_input *in, const dg_job_tables *tables, dg_job **out,
                       dg_err *err);

/** dg_job_input_read on rank 0, broadcast, dg_job_parse everywhere. `file`, `flags` and
 *  `environment` are looked at on rank 0 only. COLLECTIVE. Errors as those two, agreed. */
dg_status dg_job_read(const dg_comm *c, const char *file, const char *const *flags, size_t n_flags,
                      char *const *environment, const dg_job_tables *tables, dg_job **out,
                      dg_err *err);

/** LOCAL, NULL-safe, twice-safe. */
void dg_job_destroy(dg_job **job);

/** Does any source name this top-level section? evaluate, export, publish and generate run only
 *  where named. LOCAL. */
bool dg_job_names(const dg_job *job, const char *section);

/**
 * The effective job as YAML: canonical names, one way to write each value, fixed order. It is a
 * valid job and shows as itself, so equal text means equal work. LOCAL.
 *
 * @param[in]  sections  NULL-terminated paths ("data", "prepare.split"), given or not by any
 *                       source, without options that change speed only; NULL: all the job has
 * @param[out] out       dg_alloc'ed
 */
dg_status dg_job_show(const dg_job *job, const char *const *sections, char **out, dg_err *err);

/** The value of one key as dg_option_set reads it; "" for a map of nothing. LOCAL.
 *  @param[out] out dg_alloc'ed. Errors DG_ERR_INTERNAL no such key; DG_ERR_NOMEM. */
dg_status dg_job_show_key(const dg_job *job, const char *key, char **out, dg_err *err);

/** Every key with what it takes, its default and its meaning, for people. LOCAL.
 *  @param[in,out] out  appended to; check out->failed */
void dg_job_help(const dg_job_tables *tables, dg_text *out);

/** Fail because a stage needs a key the job does not have: "FILE: KEY is missing". LOCAL. */
dg_status dg_job_missing(const dg_job *job, const char *key, dg_err *err);

#endif
