/* rates.h - how often one client may ask: a token bucket each, in a table of fixed size.
 *
 * Source  the generic cell rate algorithm (ITU-T I.371), a token bucket kept as one time: when the
 *         bucket would be full again. */
#ifndef DG_SERVE_GUARD_RATES_H
#define DG_SERVE_GUARD_RATES_H
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct dg_rates dg_rates;

/** @param[in] per_second requests in the long run; @param[in] burst at once, at least 1.
 *  LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_rates_create(double per_second, double burst, dg_rates **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_rates_destroy(dg_rates **r);

/**
 * May this client ask now? LOCAL, thread-safe, no lock.
 *
 * 4096 clients are remembered; a new one takes the place of the one, of eight, whose bucket is
 * fullest, mostly one that has been silent.
 *
 * @param[in]  key   hash of whoever asks; 0 is taken for 1
 * @param[in]  now   dg_now()
 * @param[out] wait  seconds until it may, where it may not
 */
bool dg_rates_admit(dg_rates *r, uint64_t key, double now, double *wait);

#endif
