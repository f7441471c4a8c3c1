#include "artifact/container.h"
#include "artifact/inside.h"
#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A choice by name: its place in `names`. */
static dg_status read_choice(const dg_artifact *a, const char *key, const char *const *names,
                             int *out, dg_err *err)
{
    char *text = NULL;
    dg_status st = dg_artifact__text(a, key, true, &text, err);
    if (st != DG_OK) return st;
    for (*out = 0; names[*out] != NULL && strcmp(names[*out], text) != 0;) ++*out;
    if (names[*out] == NULL)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: /meta: %s is \"%.40s\", which is not known here",
                     a->path, key, text);
    dg_free(text);
    return st;
}

static dg_status read_law(dg_artifact *a, dg_err *err)
{
    dg_als_law *law = &a->fold.law;
    const struct {
        const char *key;
        double min, max;
        double *at;
    } reals[] = {{"fold_unobserved_weight", 0, 1e9, &law->unobserved_weight},
                 {"fold_alpha", 0, 1e12, &law->alpha},
                 {"fold_epsilon", 0, 1e12, &law->epsilon},
                 {"fold_reg_exponent", 0, 2, &law->reg_exponent},
                 {"fold_reg", 0, 1e12, &a->fold.reg}};
    dg_status st = read_choice(a, "fold_loss", dg_als_losses, &law->loss, err);
    if (st == DG_OK)
        st = read_choice(a, "fold_confidence", dg_als_confidences, &law->confidence, err);
    if (st == DG_OK) st = read_choice(a, "fold_compat", dg_als_compats, &law->compat, err);
    for (size_t k = 0; k < sizeof reals / sizeof *reals && st == DG_OK; k++)
        st = dg_artifact__real(a, reals[k].key, reals[k].min, reals[k].max, reals[k].at, err);
    if (st == DG_OK && law->confidence == DG_ALS_LOG && law->epsilon == 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: /meta: fold_epsilon is 0", a->path);
    return st;
}

/* Two columns more than factors are a bias and a 1. */
static dg_status check_columns(dg_artifact *a, dg_err *err)
{
    const bool ratings = a->fold.law.loss == DG_ALS_RATINGS;
    a->fold.biases = a->n_cols == a->similar_cols + 2;
    a->fold.d = a->similar_cols + a->fold.biases;
    if (a->fold.d > 0 && (a->n_cols == a->similar_cols || (a->fold.biases && ratings)))
        return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA,
                   "%s: /meta: %d columns of which %d are factors cannot be folded into", a->path,
                   (int)a->n_cols, (int)a->similar_cols);
}

static dg_status map_gram(dg_artifact *a, dg_err *err)
{
    const void *at;
    const int64_t d = a->fold.d;
    const dg_status st = dg_artifact__map(a, "fold/gram", DG_F64, d, d, &at, err);
    if (st != DG_OK) return st;
    a->fold.gram = at;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++) {
            const double below = a->fold.gram[i * d + j], above = a->fold.gram[j * d + i];
            if (!isfinite(below) || below != above)
                return dg_artifact__wrong(a, "fold/gram", i, "is not finite and symmetric", err);
        }
    return DG_OK;
}

dg_status dg_artifact__fold(dg_artifact *a, dg_err *err)
{
    char *loss = NULL;
    dg_status st = dg_artifact__text(a, "fold_loss", false, &loss, err);
    a->fold.known = loss != NULL;
    dg_free(loss);
    if (st != DG_OK || !a->fold.known) return st;
    st = read_law(a, err);
    if (st == DG_OK) st = check_columns(a, err);
    if (st == DG_OK && a->fold.law.loss != DG_ALS_RATINGS) st = map_gram(a, err);
    return st == DG_OK ? dg_artifact__links(a, "profile", a->n_users, a->n_items, &a->profile, err)
                       : st;
}
