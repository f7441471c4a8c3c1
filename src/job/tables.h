/* tables.h - the options this build knows: those of every algorithm, and of generate. */
#ifndef DG_JOB_TABLES_H
#define DG_JOB_TABLES_H
#include "generate/options.h"
#include "job/config.h"

/** Tables to parse a job with. LOCAL, not thread-safe: the result is static, and the next call
 *  changes the defaults of generate.
 *  @param[in] shop  defaults of generate, kept until the next call; NULL: each key's own */
const dg_job_tables *dg_job_tables_all(const dg_generate_options *shop);

/** Check the model's options that depend on each other, and put them in canonical form. LOCAL: the
 *  same job settles alike on every rank. Errors DG_ERR_CONFIG naming the job's file. */
dg_status dg_job_settle(dg_job *job, dg_err *err);

#endif
