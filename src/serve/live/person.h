/* person.h - what is known of one person of this minute: what the artifact learned from, and what
 * happened since. Gives the taste that ranking asks for, the goods already seen, and the reasons.
 *
 * A user the artifact knows begins with the ratings it was trained on, anybody else with nothing;
 * each event changes one pair. In a model of factors that changes the person's row, solved from the
 * item factors as training does (dense/normal.h), in a model of items' weights the profile. Other
 * models learn nothing here, but what was seen is known. One thread at a time. */
#ifndef DG_SERVE_LIVE_PERSON_H
#define DG_SERVE_LIVE_PERSON_H
#include "serve/rank/allowed.h"
#include "serve/rank/links.h"
#include "serve/rank/taste.h"

typedef struct dg_person dg_person;

/** Can this model learn from events? LOCAL. */
bool dg_person_learns(const dg_artifact *a);

/**
 * A person as the artifact knows them. LOCAL.
 *
 * @param[in]  a     kept until destroy
 * @param[in]  user  row, or -1 for somebody it does not know
 * Cost    of factors: 8 d^2 bytes, and n d^2 flops for n ratings.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_person_create(const dg_artifact *a, int64_t user, dg_person **out, dg_err *err);

/** A copy that goes its own way. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_person_copy(const dg_person *p, dg_person **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_person_destroy(dg_person **p);

/** What it takes in memory, about. LOCAL. */
size_t dg_person_bytes(const dg_person *p);

/**
 * They met an item. LOCAL.
 *
 * @param[in]  value  as a rating of the data: what is not above 0 is a dislike, but for models of
 *                    ratings; merged with what is known of the pair as the artifact's data was
 * Cost    O(n + d^2).
 * Errors  DG_ERR_NOMEM, nothing changed.
 */
dg_status dg_person_meet(dg_person *p, int32_t item, float value, dg_err *err);

/** What a good that is liked, or disliked, is worth to this model where nobody says more: the ends
 *  of the range of ratings, or 1 and -1. LOCAL. */
float dg_person_worth(const dg_artifact *a, bool liked);

/**
 * The taste, borrowed until the person changes. LOCAL.
 * Cost    2 d^2 flops after a change, d^3/3 more where lambda changed with it.
 * Errors  DG_ERR_NUMERIC their row has no solution.
 */
dg_status dg_person_taste(dg_person *p, dg_taste *out, dg_err *err);

/** What the taste is made of: rows of items, ascending, and their values, borrowed until the person
 *  changes. LOCAL. Returns how many. */
int64_t dg_person_met(const dg_person *p, const int32_t **item, const float **value);

/** All but what was seen, borrowed until the person changes. LOCAL. */
dg_allowed dg_person_unseen(const dg_person *p);

/**
 * Why an item scores as it does: score = base + contributions. LOCAL; caller frees out->at.
 *
 * Of factors, a contribution is c s with s = f_i' M^-1 f_j, what the item j of the history and the
 * item i have in common as this person sees it, and c what j pulls with: dislikes pull with 0.
 *
 * @param[out] unsure  f_i' M^-1 f_i: how little the history says of the item; NaN where there is
 *                     no history, 0 in other models
 * Cost    of factors: 2 d^2 flops and 2 d for each of the history.
 * Errors  DG_ERR_NUMERIC, DG_ERR_NOMEM.
 * Source  Hu, Koren, Volinsky 2008, section 5.
 */
dg_status dg_person_explain(dg_person *p, int32_t item, dg_reasons *out, double *unsure,
                            dg_err *err);

#endif
