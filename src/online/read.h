/* read.h - the logs of all files, each rank its own part of them. */
#ifndef DG_ONLINE_READ_H
#define DG_ONLINE_READ_H
#include "base/strings.h"
#include "comm/comm.h"
#include "online/log.h"

/* Zero-initialise; free with dg_logs_free. */
typedef struct dg_logs {
    dg_shown *shown; /* (n_shown,) this rank's, in the order of its part */
    dg_done *done;   /* (n_done,) */
    int64_t n_shown, n_done;
    size_t shown_capacity, done_capacity;
    dg_arm_names arms;            /* the same on every rank: the control, others sorted by name */
    int64_t lines, lists, events; /* over all ranks: good lines */
    int64_t rejected;             /* bad ones */
    char first[300]; /* the first bad line of the lowest rank that has one; "" for none */
    int64_t end;     /* latest time of any line */
} dg_logs;

typedef struct dg_logs_options {
    const dg_strings *impressions, *events; /* paths and globs, plain, .gz or .zst */
    const char *const *kind;                /* (n_kinds,) events of interest */
    int n_kinds;
    const char *control; /* arm that others are compared with; NULL: "champion" if it is there, else
                            the first by name */
    double max_rejects;  /* share of lines that may be bad */
} dg_logs_options;

/**
 * Read. COLLECTIVE. Plain files are cut at bytes among ranks, packed ones go whole to one rank
 * each.
 *
 * Cost    90 bytes an item shown and 60 an event of interest, over all ranks.
 * Errors  dg_sources_find's and those of reading; DG_ERR_DATA more bad lines than allowed (the text
 * is the first), no good line of impressions, more than DG_ARMS arms; DG_ERR_CONFIG no list was
 * shown by the control; DG_ERR_NOMEM; agreed.
 */
dg_status dg_logs_read(const dg_comm *c, const dg_logs_options *o, dg_logs *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_logs_free(dg_logs *l);

#endif
