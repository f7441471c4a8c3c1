/* rule.h - from the wishes of a job to a split rule with all its global numbers. */
#ifndef DG_INGEST_RULE_H
#define DG_INGEST_RULE_H
#include "ingest/directory.h"
#include "ingest/events.h"
#include "ingest/prepare.h"

/** Can these options be met at all? LOCAL. Errors DG_ERR_CONFIG, naming the key. */
dg_status dg_rule_check(const dg_prepare_options *o, dg_err *err);

/**
 * Find the times and draws that the rule cuts at. COLLECTIVE.
 *
 * @param[in]  o       has passed dg_rule_check
 * @param[in]  events  training ratings of this rank
 * @param[in]  users   ids of this rank's buckets
 * @param[in]  count   (users->text.n,) training ratings of each, <= 0 for none
 * @param[out] newest  time of the newest rating to train on, INT64_MIN where there is none or
 *                      nothing ages
 *
 * Errors  DG_ERR_CONFIG more users held out than there are; DG_ERR_NOMEM; agreed.
 */
dg_status dg_rule_find(const dg_comm *c, const dg_prepare_options *o, const dg_events *events,
                       const dg_ids *users, const int64_t *count, dg_split_rule *out,
                       int64_t *newest, dg_err *err);

#endif
