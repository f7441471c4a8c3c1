/* prepare.h - from raw files to a dataset: read, clean, weigh, index, split; on all ranks at once.
 *
 * Every rank reads its own part of the files. Ids meet in a distributed dictionary, rows are dealt
 * to shards of equal work, ratings travel to the owners of their users. The dataset does not depend
 * on the number of ranks, bit for bit. With pseudonyms nothing of a record is quoted, neither in
 * reports nor in errors. */
#ifndef DG_INGEST_PREPARE_H
#define DG_INGEST_PREPARE_H
#include "base/keys.h"
#include "base/option.h"
#include "ingest/attributes.h"
#include "ingest/days.h"
#include "ingest/duplicates.h"
#include "ingest/inputs.h"
#include "ingest/leaks.h"
#include "store/dataset.h"
#include "table/record.h"

/* Where a table lies and how to read it. All borrowed. */
typedef struct dg_prepare_source {
    dg_strings paths; /* files and globs; n == 0: there is none */
    dg_dialect dialect;
    const char *columns[DG_N_ROLES]; /* names, or numbers from 1; NULL where the data has none */
    dg_map drop, keep;               /* rows passed over, as table/filter.h reads them */
    dg_map kinds;       /* kind of all events of a file = name or glob of it; empty: the
                           column says */
    bool fail;          /* the first bad record is an error */
    double max_rejects; /* share of records that may be bad, 0 .. 1 */
} dg_prepare_source;

typedef struct dg_prepare_catalogue { /* goods or users, with or without ratings */
    dg_prepare_source source; /* of columns the one of their ids is needed, others not looked at */
    const char *title;        /* column, or NULL; of goods only */
    dg_attribute_plans attributes; /* owned: dg_prepare_options_free */
} dg_prepare_catalogue;

typedef struct dg_split_options {
    dg_split_method method;
    double test, valid; /* shares; leave-last, user-holdout and kfold: valid > 0 makes a second
                           part as large as the test part */
    int64_t n;          /* leave-last: ratings a user, > 0 */
    const char *at;     /* time: "2011-10-01", seconds, or "80%" of the ratings before it */
    double users;       /* user-holdout: how many, or a share where below 1 */
    double fold_in;     /* user-holdout: share of a history shown, 0 .. 1 */
    int64_t k, fold;    /* kfold: 1 <= fold <= k */
    dg_prepare_source test_files, valid_files; /* files */
} dg_split_options;

/* The same on every rank; what it points to is borrowed for the call. */
typedef struct dg_prepare_options {
    dg_prepare_source ratings;
    dg_prepare_catalogue items, users;
    dg_map event_weights; /* empty: every kind weighs 1; else a kind it lacks is a bad record */
    double half_life;     /* seconds after which an event counts half; 0: never */
    dg_duplicates duplicates;
    const dg_key
        *pseudonyms;    /* users are known by their pseudonyms of this key; NULL: as they are */
    double session_gap; /* seconds without an event that end a session; sessions are the users then;
                           0: users are */
    const char *since, *until; /* times: events before, or from there on, are passed over; NULL */
    int64_t max_user_day; /* a day of a user with more ratings goes, see days.h; 0: none does */
    int64_t max_user;     /* users with more ratings go, before any minimum; 0: none do */
    bool scenes;          /* count what is met in each scene; passages are then not kept */
    int64_t min_user, min_item; /* ratings a user or item needs to stay, 1 or less: any */
    dg_split_options split;
    uint64_t seed;
    /* Where what was parsed is kept for the next time, and the digests of all files; no result
     * depends on them. NULL: nothing is kept. */
    const char *parsed;
    const dg_file_digests *digests;
    /* For tests; no result depends on them. */
    int64_t stretch; /* bytes a rank reads at a time, 0: 16 MiB */
    int64_t batch;   /* ratings worth a round of messages, 0: 2^15 a rank */
} dg_prepare_options;

enum { DG_PREPARE_QUOTES = 10, DG_PREPARE_PASSES = 16 };

/* Over all ranks, the same on every rank. */
typedef struct dg_prepare_report {
    int64_t files, bytes;             /* as on disk */
    int64_t reused;                   /* of these bytes: parsed by an earlier run */
    int64_t records, listed;          /* good ones: ratings of all parts, rows of catalogues */
    int64_t rejected;                 /* bad ones, of all files */
    int64_t filtered[DG_FILTERS_MAX]; /* rows of ratings that each filter passed over */
    int64_t outside;                  /* events before `since` or from `until` on */
    int64_t oldest, newest; /* times of the ratings read; oldest > newest where they have none */
    int64_t sessions;       /* 0 where none were asked for */
    dg_days busy;           /* days with too many ratings of one user */
    int64_t crowd_users, crowd; /* users with too many ratings, and those ratings */
    int n_quotes;
    char quote[DG_PREPARE_QUOTES][sizeof((dg_err *)0)->text]; /* first bad ones, in file order */
    int64_t passes;                       /* of the k-core, 0 where none was asked for */
    int64_t pass_left[DG_PREPARE_PASSES]; /* ratings left after each of the first passes */
    int64_t core_dropped;                 /* ratings of users and items with too few */
    int64_t duplicates;                   /* records merged into others */
    int64_t users, items;                 /* rows */
    int64_t train, valid, test, fold_in;  /* ratings of each part */
    int64_t cold_users, cold_items;       /* rows without a training rating */
    int64_t targets_in_train;             /* valid and test pairs that are also in train */
    int64_t targets_cold_user;            /* of users with neither train nor fold-in */
    int64_t targets_cold_item;            /* of items without a training rating */
    dg_leaks leaks;                       /* of the split */
    int64_t targets_dropped;              /* of ids that the k-core removed: not in the dataset */
} dg_prepare_report;

/**
 * Prepare a dataset. COLLECTIVE.
 *
 * Rows: every id with a training rating, every id of the catalogues, and, unless a minimum above 1
 * is asked for, every id of the valid and test files. Of an id that a catalogue lists twice the
 * first row counts. Values: the value column (else 1) times the event's weight, halved for every
 * half_life between the event and the newest one to train on (a `time` split trains on those before
 * its time).
 *
 * @param[out] out     caller frees with dg_dataset_free; empty on every rank after any failure
 * @param[out] report  filled as far as work went, also on failure
 *
 * Cost    about 25 bytes a rating over all ranks at the peak (20 without times), the files read
 *         once, each rating sent twice.
 * Errors  DG_ERR_CONFIG an impossible wish, named by its key; DG_ERR_NOINPUT, DG_ERR_PERM,
 *         DG_ERR_IO files; DG_ERR_DATA damaged or useless content, too many bad records (the text
 *         is the first one), nothing left to train on; DG_ERR_NOMEM. Same text on every rank.
 */
dg_status dg_prepare(const dg_comm *c, const dg_prepare_options *o, dg_dataset *out,
                     dg_prepare_report *report, dg_err *err);

/** What the options own. LOCAL, twice-safe. */
void dg_prepare_options_free(dg_prepare_options *o);

/** The source of a kind of input. LOCAL. */
const dg_prepare_source *dg_prepare_source_of(const dg_prepare_options *o, dg_input_kind kind);

/** The kind that `kinds` gives to the events of a file, borrowed; at == NULL where none does.
 * LOCAL. */
dg_slice dg_prepare_kind_of(const dg_prepare_source *s, const char *path);

/** Do its records come with times? LOCAL. */
bool dg_prepare_has_times(const dg_prepare_source *s);

/** dg_file_digests_read of all the files that dg_prepare would read. COLLECTIVE. */
dg_status dg_prepare_digests(const dg_comm *c, const dg_prepare_options *o, dg_file_digests *out,
                             dg_err *err);

#endif
