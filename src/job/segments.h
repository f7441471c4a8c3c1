/* segments.h - what is most chosen by the users of each value of an attribute. */
#ifndef DG_JOB_SEGMENTS_H
#define DG_JOB_SEGMENTS_H
#include "job/config.h"
#include "store/dataset.h"

/** Are the attributes that export.segments names texts of the users? LOCAL, the same on every rank.
 *  Errors DG_ERR_CONFIG. */
dg_status dg_segments_check(const dg_job *job, const dg_dataset *d, dg_err *err);

/** Write popularity/scene and popularity/segment/…. COLLECTIVE. A failure is remembered by the
 *  writer. Cost 16 bytes for each training rating of a user who has the attribute. */
void dg_segments_write(const dg_comm *c, dg_writer *w, const dg_job *job, const dg_dataset *d);

#endif
