/* ledger.h - what a server counts of its requests, and the two logs it writes of them.
 *
 * The access log has a line for each request and names no user. The log of impressions has a line
 * for each list that somebody was shown, with all that evaluation needs to join it with clicks
 * (docs/formats.md). */
#ifndef DG_SERVE_LEDGER_H
#define DG_SERVE_LEDGER_H
#include "base/keys.h"
#include "serve/measure/journal.h"
#include "serve/measure/metrics.h"
#include "serve/visit.h"

typedef struct dg_ledger dg_ledger;

typedef struct dg_ledger_options {
    dg_journal *access, *impressions; /* borrowed; NULL: none */
    int64_t access_every;             /* of the requests without error one in this many; from 1 */
    const dg_key *pseudonym;          /* users are known by their pseudonyms; NULL: as they are */
} dg_ledger_options;

/** LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_ledger_create(const dg_ledger_options *options, dg_arms *arms, dg_metrics *m,
                           dg_ledger **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_ledger_destroy(dg_ledger **l);

/** A request was answered. LOCAL, thread-safe.
 *  @param[in] code the error's, or NULL. */
void dg_ledger_answered(dg_ledger *l, const dg_visit *v, const char *code);

/** A list was put into an answer. LOCAL, thread-safe. @param[in] request the one it was for. */
void dg_ledger_listed(dg_ledger *l, const dg_visit *v, const dg_request *request,
                      const struct dg_list *list);

/** The same of a list that a shadow made and nobody was shown: written, not counted. LOCAL,
 *  thread-safe. */
void dg_ledger_shadowed(dg_ledger *l, const dg_visit *v, const dg_request *request,
                        const struct dg_list *list);

#endif
