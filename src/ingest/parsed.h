/* parsed.h - a folder of passages: what earlier runs have parsed, found by what it was parsed from.
 *
 * A passage is known by a key: a digest of the bytes it was read from and of everything the job
 * says about reading them. What is found under a key is therefore right, whatever else has changed:
 * files that were added, renamed, moved or cut off, other splits, other minima, another time
 * window. */
#ifndef DG_INGEST_PARSED_H
#define DG_INGEST_PARSED_H
#include "ingest/passage.h"

typedef struct dg_parsed { /* free with dg_parsed_close */
    const char *folder;    /* borrowed */
    dg_comm alone;         /* this rank only */
    int64_t n;
    char (*key)[DG_HEX_SIZE]; /* (n,) of each stretch, "" where nothing is kept */
} dg_parsed;

/**
 * Look which stretches are there, and lower the work of those. COLLECTIVE.
 *
 * Catalogues are not kept, nor are files that have grown since they were digested.
 *
 * @param[in]     o        parsed and digests are not NULL; borrowed, as `in`, for the call
 * @param[in,out] s        work of each stretch; the same on every rank
 * Errors  DG_ERR_CANTCREATE the folder; DG_ERR_NOMEM; agreed. *out is to be closed all the same.
 */
dg_status dg_parsed_open(const dg_comm *c, const dg_prepare_options *o, const dg_inputs *in,
                         dg_stretches *s, dg_parsed *out, dg_err *err);

/** The passage of a stretch read from `start`; *found is false where there is none that can be
 * used, and a damaged one is told. LOCAL. Errors DG_ERR_IO, DG_ERR_NOMEM. */
dg_status dg_parsed_find(const dg_parsed *p, int64_t stretch, int64_t start, dg_passage *out,
                         bool *found, dg_err *err);

/** Keep a passage, unless it depends on more bytes than its key. LOCAL. Errors as store/writer.h.
 */
dg_status dg_parsed_keep(const dg_parsed *p, const dg_source *file, int64_t stretch,
                         const dg_stretch *at, int64_t start, const dg_passage *passage,
                         dg_err *err);

/** Remove all passages but those of these stretches, and what a killed run left half-written.
 * LOCAL, by one rank. */
void dg_parsed_tidy(const dg_parsed *p, const int64_t *start);

/** COLLECTIVE, twice-safe. */
void dg_parsed_close(dg_parsed *p);

#endif
