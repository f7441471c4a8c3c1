/* search.h - trials in order until the best is known.
 *
 * random and quasi train every trial in full. halving trains many a little and the best of them
 * more (Jamieson and Talwalkar 2016): rung r trains a share eta^(r-R) of a trial's sweeps and keeps
 * one trial in eta; models without sweeps are in full from the start.
 *
 * Trials are independent, so groups of ranks, and other processes on the same folder, take them
 * from each other. What was done is never done again: a search that was killed goes on, and finds
 * the same. */
#ifndef DG_TUNE_SEARCH_H
#define DG_TUNE_SEARCH_H
#include "tune/trial.h"

/**
 * Search the space of the job's section tune. COLLECTIVE.
 *
 * Leaves in WORK/tune: dataset.h5, trials/N/result-RUNG.json, tune.json (all of it) and best.yaml.
 *
 * @param[in]  job     its model's options not settled: a trial sets some of them
 * @param[in]  groups  of ranks that run a trial each at a time, 1 to the number of ranks
 * @param[in]  only    the one trial to run, in full; 0: all
 * @param[out] result  rank 0: what tune.json holds, caller's reference; NULL elsewhere
 * Cost    the trials; a dataset is loaded for each.
 * Errors  DG_ERR_CONFIG; DG_ERR_NUMERIC no trial came to a value; DG_ERR_AGAIN stopped; those of
 *         the stages. Agreed.
 */
dg_status dg_tune(const dg_comm *c, const dg_job *job, const char *work, int groups, int64_t only,
                  json_t **result, dg_err *err);

#endif
