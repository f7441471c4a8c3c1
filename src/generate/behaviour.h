/* behaviour.h - what shoppers do: ratings.csv and events.csv, made from the planted truth. */
#ifndef DG_GENERATE_BEHAVIOUR_H
#define DG_GENERATE_BEHAVIOUR_H
#include "generate/lines.h"
#include "generate/portions.h"
#include "generate/shop.h"

#define DG_RATINGS_HEADER "user,item,rating,time\n"
#define DG_EVENTS_HEADER  "user,item,event,time,scene\n"

typedef enum dg_event_kind {
    DG_EVENT_VIEW,
    DG_EVENT_SEARCH,
    DG_EVENT_CART,
    DG_EVENT_BUY
} dg_event_kind;
enum { DG_N_EVENTS = 4, DG_FIXED = 1 << 20 /* fixed point, so that sums are exact */ };

extern const char *const dg_event_names[DG_N_EVENTS];

/* Sums over the rows this rank made; integers, to be added over ranks in any order. */
typedef struct dg_behaviour_sums {
    int64_t rows, stars_halved;       /* ratings: count, and sum of half stars */
    int64_t squares, squares_clipped; /* (rating - planted value)^2 in 1/DG_FIXED; the latter with
                                         the planted value clipped to 0.5 … 5 */
    int64_t events[DG_N_EVENTS];
} dg_behaviour_sums;

enum { DG_EVENTS_PER_SESSION = 8, DG_START_TIME = 1704067200 /* 2024-01-01 UTC */ };

typedef struct dg_session {
    int64_t start; /* seconds since 1970 */
    int64_t scene; /* -1: the shop has none */
} dg_session;

/* What makes one of the two files. Zero-initialise; free with dg_behaviour_free. */
typedef struct dg_behaviour {
    const dg_shop *shop;
    dg_portions portions; /* rows of each shopper */
    dg_picker picker;
    dg_behaviour_sums sums;
    float *taste, *mixed; /* (n_factors,) of the shopper, and of the shopper in a scene */
    float scale;          /* of a scene's taste, to the size of a shopper's */
    dg_session *sessions; /* room for those of one shopper */
} dg_behaviour;

/** Deal `rows` to the shoppers. COLLECTIVE; the shop is kept. Errors as dg_portions_find. */
dg_status dg_behaviour_create(const dg_comm *c, const dg_shop *s, int64_t rows, dg_behaviour *out,
                              dg_err *err);

/** LOCAL, twice-safe. */
void dg_behaviour_free(dg_behaviour *b);

/**
 * Ratings of 64 shoppers: a `make` of dg_sheet, `from` a dg_behaviour. By shopper, then time;
 * no item twice. LOCAL. Errors DG_ERR_NOMEM.
 */
dg_status dg_make_ratings(void *from, int64_t unit, dg_lines *out, dg_err *err);

/**
 * Events of 64 shoppers: a `make` of dg_sheet, `from` a dg_behaviour. By shopper, then time. They
 * come in sessions, each in one scene, and go down the funnel: perhaps a search, a view or two,
 * perhaps into the cart, perhaps bought. LOCAL. Errors DG_ERR_NOMEM.
 */
dg_status dg_make_events(void *from, int64_t unit, dg_lines *out, dg_err *err);

#endif
