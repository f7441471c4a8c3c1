/* gate.h - a job's gate, judged: this run's measures against the champion's. Internal to job/. */
#ifndef DG_JOB_GATE_H
#define DG_JOB_GATE_H
#include "job/work.h"

typedef struct dg_verdict {
    bool passed;
    json_t *told; /* rank 0: what history keeps: gate, passed, parts …; NULL without a gate */
    char *line;   /* rank 0: the same for people; NULL without a gate */
} dg_verdict;

/* Where the measures of one model lie; rank 0 alone looks. */
typedef struct dg_measures {
    const char *json, *users; /* paths of metrics.json and metrics.h5 */
    const char *version;      /* of the champion, for messages */
} dg_measures;

/**
 * Judge publish.gate. COLLECTIVE.
 *
 * @param[in]  theirs  NULL: there is no champion
 * @param[out] split_differs  the gate asks for the champion, which was judged on another split, so
 *                     that nothing can be said
 * Cost    with publish.confidence: publish.resamples passes over the users, shared by the ranks;
 *         16 (2 + metrics) bytes a user and rank.
 * Errors  DG_ERR_CONFIG what the gate asks for was not measured; DG_ERR_DATA, DG_ERR_NOINPUT the
 *         files of measures; DG_ERR_NOMEM. Agreed.
 */
dg_status dg_verdict_find(const dg_work *w, const dg_measures *mine, const dg_measures *theirs,
                          bool *split_differs, dg_verdict *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_verdict_free(dg_verdict *v);

#endif
