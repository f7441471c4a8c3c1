/* ref_ingest.h - prepare as one would explain it: whole data in memory, no order exploited. */
#ifndef TESTS_REF_INGEST_H
#define TESTS_REF_INGEST_H
#include "ingest/prepare.h"

enum { REF_ID = 24 };

typedef struct ref_record { /* as it stands in a file, its event already weighed */
    char user[REF_ID], item[REF_ID];
    float value;
    int64_t time;
} ref_record;

typedef struct ref_input { /* all files of one kind, in order */
    const ref_record *at;
    int n;
} ref_input;

typedef struct ref_row {
    char id[REF_ID];
    int64_t count; /* training records left, before duplicates are merged */
    int shard;
} ref_row;

typedef struct ref_side {
    int n;
    ref_row *row;                     /* (n,) global row order */
    int64_t begin[DG_SHARDS_MIN + 1]; /* first row of each shard */
} ref_side;

typedef struct ref_dataset {
    ref_side users, items;
    float *value[DG_PARTS]; /* (users, items) of each part, NaN where there is no rating */
    int64_t duplicates, passes;
} ref_dataset;

/** What dg_prepare must give; catalogue holds n_listed ids. Small data only: O(records^2). */
void ref_prepare(const dg_prepare_options *o, const ref_input input[DG_INPUT_ITEMS],
                 const char (*catalogue)[REF_ID], int n_listed, ref_dataset *out);
void ref_free(ref_dataset *d);

/** One event per item of one user's events, in order of items; returns how many. */
int ref_merge(const dg_event *event, int n, dg_duplicates policy, dg_event *out);

/** Part of each rating of one user. */
void ref_split(const dg_split_rule *rule, uint64_t user_hash, const dg_event *row, int n,
               uint8_t *part);

#endif
