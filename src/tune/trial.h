/* trial.h - one trial of a search: its job, and its result in a folder of its own.
 *
 * A trial works in FOLDER/trials/N as any run works in its folder, on the dataset that all trials
 * share. Its result stays in result-RUNG.json; the model goes. Processes that search the same
 * folder take trials from each other by the folders' locks: what is locked is at work elsewhere,
 * what has a result is done. */
#ifndef DG_TUNE_TRIAL_H
#define DG_TUNE_TRIAL_H
#include "job/work.h"
#include "tune/space.h"

typedef struct dg_tuning { /* what all trials share; borrowed */
    const dg_job *job;     /* the user's, its model's options not settled */
    const dg_space *space;
    dg_space_draw draw;
    const char *folder;        /* with dataset.h5 and trials/ */
    char content[DG_HEX_SIZE]; /* of that dataset */
} dg_tuning;

typedef struct dg_trial {
    int64_t number; /* from 1 */
    dg_job *job;    /* the user's with the trial's settings, judged by the validation rows */
    int64_t sweeps; /* it trains; 0 for models without */
    int n;          /* settings: keys and values in the order of the space */
    const char *key[DG_SPACE_KEYS];
    char value[DG_SPACE_KEYS][DG_SPACE_VALUE];
} dg_trial;

/**
 * The job of a trial. LOCAL: the same on every rank.
 *
 * @param[in]  share  of its sweeps to train, above 0, at most 1
 * @param[out] out    free with dg_trial_free
 * Errors  DG_ERR_CONFIG a value the algorithm refuses, or a key that none knows; DG_ERR_NOMEM.
 */
dg_status dg_trial_make(const dg_tuning *t, int64_t number, double share, dg_trial *out,
                        dg_err *err);

/** LOCAL, twice-safe. */
void dg_trial_free(dg_trial *trial);

/** The job a trial stands for, as the user would write it: trained on all but the test rows, and
 *  with every section of the user's. LOCAL. @param[out] text dg_alloc'ed. Errors as dg_trial_make.
 */
dg_status dg_trial_job(const dg_tuning *t, const dg_trial *trial, char **text, dg_err *err);

/** The job all trials are judged with: that of the user with rows for validation. LOCAL. Caller
 *  destroys. Errors DG_ERR_CONFIG nothing can be held back. */
dg_status dg_trial_base(const dg_job *job, dg_job **out, dg_err *err);

/** Result of a trial that ran before with the same job on the same data; NULL where there is none.
 *  LOCAL; caller's reference. {"trial", "rung", "sweeps", "value" or "error", "seconds",
 *  "settings"}. */
json_t *dg_trial_result(const dg_tuning *t, const dg_trial *trial, int rung);

/**
 * Run it, unless there is a result. A model that fails (numbers, memory, options that do not go
 * together) is a result too. COLLECTIVE over c.
 *
 * Errors  DG_ERR_UNAVAILABLE another process is at it; DG_ERR_AGAIN stopped; what keeps any trial
 *         from running. Agreed.
 */
dg_status dg_trial_run(const dg_comm *c, const dg_tuning *t, const dg_trial *trial, int rung,
                       dg_err *err);

/** Remove model, checkpoints and the link to the dataset of a trial. LOCAL. */
void dg_trial_clear(const dg_tuning *t, int64_t number);

#endif
