/* portions.h - deal an exact total to rows by weight: how many ratings each shopper gives. */
#ifndef DG_GENERATE_PORTIONS_H
#define DG_GENERATE_PORTIONS_H
#include "comm/comm.h"

#include <stdint.h>

/* Row u gets min(most, least + floor(scale * weight(u))); the scale is found so that the portions
 * add up. What a step of the scale leaves over goes to the rows that step would raise. */
typedef struct dg_portions {
    int64_t n_rows, n_units, least, most;
    double (*weight)(const void *from, int64_t row); /* > 0, pure */
    const void *from;
    double low, high;  /* scales just below and just above the total */
    int64_t over;      /* left over at `low` */
    int64_t *rows;     /* (n_units,) total of each unit of DG_SHEET_UNIT rows */
    int64_t *raisable; /* (n_units,) what `high` would add in the units before */
} dg_portions;

/**
 * Find the portions. COLLECTIVE. n_rows, least, most, weight and from stand in `p` already;
 * n_rows * least <= total <= n_rows * most.
 * Cost    about 30 passes over the rank's share of the rows; 16 bytes a unit.
 * Errors  DG_ERR_NOMEM, DG_ERR_RANGE for a total out of reach; agreed.
 */
dg_status dg_portions_find(const dg_comm *c, int64_t total, dg_portions *p, dg_err *err);

/** The portions of one unit's rows into out (DG_SHEET_UNIT,); yields the number of rows. LOCAL. */
int dg_portions_unit(const dg_portions *p, int64_t unit, int64_t *out);

/** LOCAL, twice-safe. */
void dg_portions_free(dg_portions *p);

#endif
