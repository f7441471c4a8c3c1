/* rounding.h - factors on their way into the artifact: rounded to fewer bits if the job says so,
 * what that costs measured, and the copy that serving searches. Internal to job/. */
#ifndef DG_JOB_ROUNDING_H
#define DG_JOB_ROUNDING_H
#include "artifact/factors.h"
#include "job/work.h"

/* Own rows. Zero-initialise; free with dg_rounding_free. */
typedef struct dg_rounding {
    dg_model_factors f; /* as serving will read them */
    dg_precision precision;
    void *user, *item;              /* (own rows, n_cols) halves or int8; NULL for floats */
    float *user_scale, *item_scale; /* (own rows,) of int8 */
    json_t *loss; /* {"recall@20": {"f32": …, "int8": …, "loss": …}}; NULL where not measured */
} dg_rounding;

/** LOCAL, twice-safe. */
void dg_rounding_free(dg_rounding *r);

/**
 * The factors of the work folder's model in export.precision. COLLECTIVE.
 *
 * The loss is measured on the held-out part as evaluation does, with lists of the floats and of
 * what they are rounded to, in every metric of export.max_loss; without those in recall@20, or
 * rmse.
 *
 * Errors  DG_ERR_GATE a metric loses more than export.max_loss allows, or a number is too large for
 *         a half; DG_ERR_CONFIG max_loss without a held-out part, a metric that is none, or too
 * many columns; DG_ERR_NUMERIC a factor is not finite; the model's and evaluation's. Agreed.
 */
dg_status dg_rounding_make(dg_work *w, dg_rounding *out, dg_err *err);

/** Write them: factors/, scan/ and what /meta says of both. COLLECTIVE; a failure is remembered by
 *  the writer. Cost rank 0 holds n_cols + 40 bytes an item and the copy, another n_cols. */
void dg_rounding_write(const dg_work *w, const dg_rounding *r, dg_writer *to);

#endif
