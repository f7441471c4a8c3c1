/* card.h - the data card of a dataset: what describe shows, as it lies in dataset.h5. */
#ifndef DG_JOB_CARD_H
#define DG_JOB_CARD_H
#include "ingest/prepare.h"

/**
 * Describe a dataset that was just prepared, into d->card. COLLECTIVE, the same on every rank.
 * Errors  as dg_card_make; what cannot be found out about the files' columns is left out; agreed.
 */
dg_status dg_job_card(const dg_comm *c, const dg_prepare_options *o, const dg_prepare_report *r,
                      dg_dataset *d, dg_err *err);

#endif
