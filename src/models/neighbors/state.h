/* state.h - what a neighbourhood model holds, for its scorer and export. Internal to
 * models/neighbors. */
#ifndef DG_MODELS_NEIGHBORS_STATE_H
#define DG_MODELS_NEIGHBORS_STATE_H
#include "comm/node_csr.h"
#include "models/model.h"
#include "models/neighbors/baseline.h"
#include "models/neighbors/options.h"
#include "ranking/tally.h"

struct dg_model {
    const dg_comm *comm;
    const dg_dataset *data;
    const dg_knn_options *options;
    uint64_t seed;
    bool users;           /* neighbours are users */
    dg_csr lists;         /* own items, or users: their neighbours and similarities */
    dg_baseline baseline; /* all 0 where nothing is taken off */
    dg_node_csr all;      /* while there is a scorer: what it reads of all rows */
    dg_tally_rule rule;
};

/** A scorer of the lists as they are. COLLECTIVE. Errors DG_ERR_NOMEM; agreed. */
dg_status dg_knn__scorer(dg_model *m, dg_scorer *out, dg_err *err);

/** Own users' ratings less the baseline; of held-out users what was shown. COLLECTIVE. Errors
 *  DG_ERR_NOMEM; agreed. */
dg_status dg_knn__profiles(const dg_model *m, dg_csr *out, dg_err *err);

/** Items by their neighbours: for each own item those that name it. COLLECTIVE. Errors
 *  DG_ERR_NOMEM; agreed. */
dg_status dg_knn__by_source(const dg_model *m, dg_csr *out, dg_err *err);

/** Write what serving reads. COLLECTIVE. */
void dg_knn__export(dg_model *m, dg_writer *w);

#endif
