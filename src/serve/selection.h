/* selection.h - the goods that may stand in the list of one request. */
#ifndef DG_SERVE_SELECTION_H
#define DG_SERVE_SELECTION_H
#include "serve/request.h"
#include "serve/whom.h"

typedef struct dg_selection {
    dg_allowed allowed; /* all that holds: what was asked for, and what was not seen */
    dg_allowed wanted;  /* without regard to what was seen */
    uint64_t *bits;     /* owned, as skip and exclude */
    int32_t *skip, *exclude;
    int64_t unknown; /* ids of items that the model does not know */
} dg_selection;

/** Work out what a request allows. LOCAL; dg_selection_free in either case. Allocates nothing where
 *  it limits nothing. `unseen` is borrowed until then. Errors DG_ERR_NOMEM. */
dg_status dg_selection_make(const dg_artifact *a, const dg_request *request,
                            const dg_allowed *unseen, dg_selection *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_selection_free(dg_selection *s);

#endif
