/* model_card.h - what a platform engineer asks of a model before it is served: where it comes from,
 * of which data and days, what it was judged by, whose it is. It lies in artifact.h5 as JSON,
 * beside the content: two exports of one model are the same model. Internal to job/. */
#ifndef DG_JOB_MODEL_CARD_H
#define DG_JOB_MODEL_CARD_H
#include "job/work.h"

/**
 * The card of the model and the dataset that lie in the work folder, both checked before. LOCAL;
 * the same on every rank.
 *
 * @param[out] text    one line of JSON, dg_alloc'ed
 * @param[out] newest  time of the newest event; INT64_MIN where the data has no times
 * Errors  as dg_container_open; DG_ERR_NOMEM.
 */
dg_status dg_model_card(const dg_work *w, char **text, int64_t *newest, dg_err *err);

#endif
