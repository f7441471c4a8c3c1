/* shadow.h - a challenger that answers beside the champion, to nobody: what it would have shown is
 * compared and written down.
 *
 * It works in a thread of its own, on copies; when it falls behind, requests are left out and
 * counted. Only plain lists for a user are followed: GET /v1/recommend/{user} with k and
 * exclude_seen. */
#ifndef DG_SERVE_SHADOW_H
#define DG_SERVE_SHADOW_H
#include "serve/ledger.h"

typedef struct dg_shadow dg_shadow;

/** LOCAL. What is given stays until stop. Errors DG_ERR_NOMEM; DG_ERR_IO no thread. */
dg_status dg_shadow_start(dg_arms *arms, dg_ledger *ledger, dg_metrics *m, dg_shadow **out,
                          dg_err *err);

/** Leave what is not yet answered. LOCAL, NULL-safe. */
void dg_shadow_stop(dg_shadow **s);

/** The champion showed this list for this request. LOCAL, thread-safe, NULL-safe; does not wait. */
void dg_shadow_offer(dg_shadow *s, const dg_visit *v, const dg_request *request,
                     const struct dg_list *list);

#endif
