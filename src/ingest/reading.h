/* reading.h - one rank's share of the files, as codes, events, titles and bad records. */
#ifndef DG_INGEST_READING_H
#define DG_INGEST_READING_H
#include "ingest/events.h"
#include "ingest/ids.h"
#include "ingest/inputs.h"
#include "ingest/listing.h"
#include "ingest/prepare.h"
#include "ingest/scenes.h"

typedef struct dg_bad_record {
    int64_t stretch; /* where it was met; its line counts from there */
    dg_reject reject;
} dg_bad_record;

typedef struct dg_reading_tally { /* of one kind of input */
    int64_t records, rejected, outside;
    int64_t oldest, newest; /* times of good records; INT64_MAX and INT64_MIN for none */
    int64_t late;           /* of the bad ones: found out behind the window, by their value … */
    int64_t late_oldest, late_newest; /* … and their times; as above for none */
    int64_t filtered[DG_FILTERS_MAX];
    int64_t n_bad;
    dg_bad_record bad[DG_PREPARE_QUOTES]; /* (n_bad,) the first ones */
} dg_reading_tally;

/** An empty tally. LOCAL. */
static inline void dg_tally_start(dg_reading_tally *t)
{
    *t = (dg_reading_tally){.oldest = INT64_MAX,
                            .newest = INT64_MIN,
                            .late_oldest = INT64_MAX,
                            .late_newest = INT64_MIN};
}

/** Count a bad record, and quote it where it is one of the first. LOCAL. */
static inline void dg_tally_bad(dg_reading_tally *t, int64_t stretch, const dg_reject *reject)
{
    t->rejected++;
    if (t->n_bad < DG_PREPARE_QUOTES) t->bad[t->n_bad++] = (dg_bad_record){stretch, *reject};
}

/** Widen a span of times. LOCAL. */
static inline void dg_tally_span(int64_t time, int64_t *oldest, int64_t *newest)
{
    if (time < *oldest) *oldest = time;
    if (time > *newest) *newest = time;
}

/* Zero-initialise; free with dg_reading_free. */
typedef struct dg_reading {
    dg_events events[DG_INPUT_ITEMS]; /* train, valid, test */
    dg_ids user, item;
    dg_scenes scenes; /* of events to train on, where the options ask for them */
    /* Catalogues of items and of users. Columns: the title where the job names one, attributes. */
    dg_listing listing[2];
    dg_reading_tally tally[DG_INPUT_KINDS];
    int64_t reused; /* bytes of files whose passages were kept (parsed.h) */
    /* (stretches,) of each stretch of this rank, 0 elsewhere. */
    int64_t *lines;
    int64_t *first, *end; /* dg_records_first and dg_records_end; 0 for catalogues */
} dg_reading;

struct dg_parsed;

/**
 * Read the stretches [share.begin, share.end). LOCAL.
 *
 * @param[in]  start  (stretches,) where the first record of each begins, 0 where that is not known
 * @param[in]  kept   passages to take in place of stretches and to keep new ones with (parsed.h),
 * or NULL
 *
 * A stretch of a kind below DG_INPUT_ITEMS is a byte range of ratings, one of the others a whole
 * catalogue.
 *
 * Errors  those of table/record.h and table/rows.h; DG_ERR_CONFIG an event weight that is not a
 *         number; those of writing a passage; DG_ERR_NOMEM. Bad records are tallied, not errors.
 */
dg_status dg_reading_run(const dg_prepare_options *o, const dg_inputs *in, const dg_stretches *s,
                         dg_range share, const int64_t *start, const struct dg_parsed *kept,
                         dg_reading *out, dg_err *err);

/** Make users known by their pseudonyms. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_reading_hide_users(dg_reading *r, const dg_key *key, dg_err *err);

/** LOCAL, twice-safe. */
void dg_reading_free(dg_reading *r);

#endif
