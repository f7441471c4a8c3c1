/* stop.h - being asked to stop: by SIGTERM, SIGINT, SIGUSR1, or by the clock.
 *
 * A scheduler warns before it kills (docs/operations.md). A handler sets a flag and nothing else;
 * what has a state to save looks at it, agrees, saves, and ends with DG_ERR_AGAIN. Where nothing is
 * lost by leaving at once (dg_stop_allow), every dg_agree is such a place, and long loops between
 * two of them leave early where dg_stop_now says so. */
#ifndef DG_BASE_STOP_H
#define DG_BASE_STOP_H
#include <stdbool.h>
#include <stdint.h>

/* Why to stop. The greatest one counts when ranks were told different things. */
enum { DG_STOP_NO, DG_STOP_CLOCK, DG_STOP_USR1, DG_STOP_TERM, DG_STOP_INT };

/**
 * Catch the three signals from now on. A second one of the same kind ends the process at once, with
 * exit code 75 and one line on stderr where it `speaks`; files are whole or not there, so the last
 * checkpoint counts. The second of two within a second is taken for the first: launchers and
 * schedulers both hand signals on. Not so SIGINT: somebody who types it twice means it. A write
 * beyond the limit on file sizes fails from now on, instead of killing the process. LOCAL.
 */
void dg_stop_catch(bool speaks);

/** Stop at this time of dg_now's clock; 0: never. LOCAL. */
void dg_stop_at(double when);

/** Was this process asked to stop, and why? LOCAL: ranks may differ, so agree before acting. */
int64_t dg_stop_asked(void);

/** "SIGTERM", "the end of the job's time" … LOCAL. */
const char *dg_stop_name(int64_t why);

/** May work be left where it stands from now on, because nothing of it is worth saving or all of it
 *  is saved? Say the same on every rank; false at first. LOCAL. */
void dg_stop_allow(bool leave);

/** Was this process asked to stop, and may it leave its work? It stays so until dg_stop_allow: a
 *  loop that is left for it must come to a dg_agree, which then fails for all. LOCAL, cheap. */
bool dg_stop_now(void);

#endif
