#include "models/als/inside.h"

#include "base/memory.h"
#include "models/als/gram.h"
#include "store/sparse.h"

#include <string.h>

/* With biases a row becomes [factors, 1, own bias] for users and [factors, own bias, 1] for items,
 * so that serving needs nothing but a dot product and the mean. In this order it adds what scoring
 * here adds, one after another, and comes to the same bits. */
static dg_status widen(const dg_model *m, const float *own, int64_t rows, int bias_at, int one_at,
                       float **out, dg_err *err)
{
    const int d = m->d, biases = dg_als__has_biases(m);
    *out = dg_alloc((size_t)rows * (size_t)(d + biases), sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory exporting factors");
    for (int64_t r = 0; r < rows; r++) {
        const float *from = own + r * d;
        float *to = *out + r * (d + biases);
        memcpy(to, from, (size_t)(d - biases) * sizeof *to);
        if (!biases) continue;
        to[bias_at] = from[d - 1];
        to[one_at] = 1;
    }
    return DG_OK;
}

dg_status dg_als__factors(dg_model *m, dg_model_factors *out, dg_err *err)
{
    float *folded = NULL;
    *out = (dg_model_factors){.users = &m->data->users,
                              .items = &m->data->items,
                              .n_cols = m->d + dg_als__has_biases(m),
                              .similar_cols = (int)m->options->n_factors,
                              .offset = m->mean};
    dg_status st = m->data->n_fold_in > 0 ? dg_als__fold_users(m, &folded, err) : DG_OK;
    if (st == DG_OK) {
        const float *users = dg_matrix_row(&m->users, m->users.own.begin);
        const float *items = dg_matrix_row(&m->items, m->items.own.begin);
        const int64_t n_users = m->users.own.end - m->users.own.begin;
        st = widen(m, folded == NULL ? users : folded, n_users, m->d, m->d - 1, &out->user, err);
        if (st == DG_OK)
            st = widen(m, items, m->items.own.end - m->items.own.begin, m->d - 1, m->d, &out->item,
                       err);
        st = dg_agree(m->comm, st, err);
    }
    dg_free(folded);
    if (st != DG_OK) dg_model_factors_free(out);
    return st;
}

/* Own users' ratings that their rows are solved from. LOCAL. */
static dg_status profiles(const dg_model *m, dg_csr *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    const int64_t first = d->train.begin,
                  most = dg_csr_count(&d->train) + dg_csr_count(&d->fold_in);
    const dg_status st = dg_csr_create(first, d->train.end, most, out, err);
    int64_t n = 0;
    for (int64_t u = first; u < d->train.end && st == DG_OK; u++) {
        const dg_row shown = dg_csr_row(&d->fold_in, u);
        const dg_row row = shown.n > 0 ? shown : dg_csr_row(&d->train, u);
        memcpy(out->index + n, row.index, (size_t)row.n * sizeof *row.index);
        memcpy(out->value + n, row.value, (size_t)row.n * sizeof *row.value);
        n += row.n;
        out->ptr[u - first + 1] = n;
    }
    return st;
}

/* What serving needs to solve users' rows itself. COLLECTIVE. */
void dg_als__export(dg_model *m, dg_writer *w)
{
    const dg_als_law *law = &m->options->law;
    const int64_t d = m->d;
    double *gram = NULL;
    dg_csr profile = {0};
    dg_err err = {.text = ""};
    dg_writer_text(w, "fold_loss", dg_als_losses[law->loss]);
    dg_writer_text(w, "fold_confidence", dg_als_confidences[law->confidence]);
    dg_writer_text(w, "fold_compat", dg_als_compats[law->compat]);
    dg_writer_real(w, "fold_unobserved_weight", law->unobserved_weight);
    dg_writer_real(w, "fold_alpha", law->alpha);
    dg_writer_real(w, "fold_epsilon", law->epsilon);
    dg_writer_real(w, "fold_reg", m->options->reg_user);
    dg_writer_real(w, "fold_reg_exponent", law->reg_exponent);
    dg_status st = profiles(m, &profile, &err);
    if (st == DG_OK && dg_als__has_base(m) &&
        (gram = dg_alloc((size_t)(d * d), sizeof *gram)) == NULL)
        st = DG_FAIL(&err, DG_ERR_NOMEM, "out of memory exporting the Gram matrix");
    st = dg_agree(m->comm, st, &err);
    if (st == DG_OK && dg_als__has_base(m))
        st = dg_als_gram(m->comm, &m->data->items, &m->items, m->d, NULL, gram, &err);
    if (st == DG_OK) {
        if (dg_als__has_base(m)) dg_writer_small(w, "fold/gram", DG_F64, d, d, gram);
        dg_sparse_write(m->comm, w, "profile", &m->data->users, &profile);
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_csr_free(&profile);
    dg_free(gram);
}
