/* parts.h - from events as they were read to the rows of train, valid, test and fold-in.
 *
 * Events go to the owner of their user in rounds (rounds.h); there duplicates are merged, the split
 * is applied user by user, and the rows are finished before the next round comes. */
#ifndef DG_INGEST_PARTS_H
#define DG_INGEST_PARTS_H
#include "base/strings.h"
#include "comm/shards.h"
#include "ingest/duplicates.h"
#include "ingest/events.h"
#include "ingest/leaks.h"
#include "sparse/csr.h"

typedef struct dg_side {  /* what the codes of a local dictionary stand for; all borrowed */
    int64_t n;            /* codes */
    const int64_t *row;   /* (n,) global row, DG_NO_ROW where there is none */
    const uint64_t *hash; /* (n,) dg_id_hash */
} dg_side;

typedef struct dg_parts_input { /* all borrowed */
    dg_events *events;          /* freed as soon as they are sent: memory peaks right after */
    dg_side user, item;
    const dg_shards *shards;   /* of the users */
    const dg_strings *user_id; /* of the users of this rank's shards */
    const dg_split_rule *rule; /* same on every rank */
    dg_duplicates duplicates;  /* same on every rank */
    double half_life;          /* seconds; 0: values do not age */
    int64_t batch;             /* ratings worth a round, 0: 2^15 for each rank */
    int64_t newest;            /* the time ages are counted from; later events have age 0 */
    dg_part_times *times;      /* gets the times of the own users' rows; NULL: not wanted */
    bool all_targets;          /* all of them are held-out ratings, whatever the rule says */
} dg_parts_input;

typedef struct dg_parts {
    dg_csr part[DG_PARTS]; /* by dg_part; rows of the own users; part[k].ptr never NULL */
    int64_t merged;        /* events that became part of another one, on this rank */
    int64_t dropped;       /* events without a row for user or item, on this rank */
} dg_parts;

/**
 * Ship, merge and split. COLLECTIVE.
 *
 * Cost    32 bytes on the wire per event; 8 bytes per rating of the result and 3 times 32 bytes per
 *         event of the largest round in memory.
 * Errors  those of dg_merge_duplicates; DG_ERR_NOMEM; agreed. *out is then empty.
 */
dg_status dg_parts_build(const dg_comm *c, const dg_parts_input *in, dg_parts *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_parts_free(dg_parts *p);

#endif
