/* plan.h - what a job will take before it runs: bytes between nodes, memory of a rank, time. */
#ifndef DG_JOB_PLAN_H
#define DG_JOB_PLAN_H
#include "job/config.h"
#include "models/als/forecast.h"

/* What the data is, where there is no dataset.h5 yet; zeros where there is. */
typedef struct dg_plan_counts {
    double users, items, ratings;
} dg_plan_counts;

typedef struct dg_plan {
    dg_als_machines machines;
    dg_als_data data;
    dg_als_forecast forecast;
    bool guessed; /* the data is not known, only its counts */
} dg_plan;

/**
 * Plan the training of a job. LOCAL, without MPI.
 *
 * @param[in] dataset  path of dataset.h5; read where counts are zero
 * Cost    reads the dataset once; 20 bytes a rating.
 * Errors  DG_ERR_CONFIG the model is none that can be planned; DG_ERR_NOINPUT, DG_ERR_DATA of the
 *         dataset; DG_ERR_NOMEM.
 */
dg_status dg_plan_make(const dg_job *job, const char *dataset, const dg_plan_counts *counts,
                       const dg_als_machines *machines, dg_plan *out, dg_err *err);

/** DG_ERR_NOMEM, which ends with 71, where a rank or a node needs more than `limit` bytes; 0: no
 *  limit. LOCAL. */
dg_status dg_plan_fits(const dg_plan *p, double limit_of_rank, double limit_of_node, dg_err *err);

#endif
