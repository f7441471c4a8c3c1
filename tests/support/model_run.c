#include "model_run.h"

#include "base/memory.h"
#include "store/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_one(const dg_model_class *class, void *options, char *pair)
{
    char key[64];
    dg_err err;
    char *value = strchr(pair, '=');
    if (value == NULL) abort();
    *value++ = '\0';
    snprintf(key, sizeof key, "model.%s", pair);
    const dg_option *o = dg_options_find(class->option, class->n_options, key);
    if (o == NULL || dg_option_set(o, options, value, &err) != DG_OK) {
        fprintf(stderr, "no such option: %s=%s\n", key, value);
        abort();
    }
}

void *run_options(const dg_model_class *class, const char *text)
{
    char pairs[256], *rest = pairs;
    dg_err err;
    void *options = dg_alloc(1, class->options_size);
    if (options == NULL ||
        dg_options_default(class->option, class->n_options, options, &err) != DG_OK)
        abort();
    snprintf(pairs, sizeof pairs, "%s", text);
    for (char *pair; (pair = strtok_r(rest, " ", &rest)) != NULL;) set_one(class, options, pair);
    if (class->settle != NULL && class->settle(options, &err) != DG_OK) abort();
    return options;
}

dg_status run_sweeps(const dg_model_class *class, dg_model *m, int n, dg_loss *losses, dg_err *err)
{
    dg_loss loss;
    dg_status st = DG_OK;
    for (int k = 0; k < n && st == DG_OK; k++)
        st = class->sweep(m, losses == NULL ? &loss : losses + k, err);
    return st;
}

dg_status run_save(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                   const char *path, char content[DG_HEX_SIZE], dg_err *err)
{
    dg_writer *w = NULL;
    const dg_status st = dg_writer_create(c, path, "daogou-model", 1, &w, err);
    if (st != DG_OK) return st;
    class->save(m, w);
    return dg_writer_commit(&w, content, err);
}

dg_status run_export(const dg_comm *c, const dg_model_class *class, dg_model *m, const char *path,
                     dg_err *err)
{
    dg_writer *w = NULL;
    dg_model_factors f = {0};
    dg_status st = class->factors == NULL ? DG_OK : class->factors(m, &f, err);
    if (st == DG_OK) st = dg_writer_create(c, path, "daogou-artifact", 1, &w, err);
    if (st == DG_OK && class->factors != NULL) dg_model_factors_write(c, &f, w);
    dg_model_factors_free(&f);
    if (st != DG_OK) return st;
    class->export(m, w);
    return dg_writer_commit(&w, NULL, err);
}

dg_status run_load(const dg_comm *c, const dg_model_class *class, dg_model *m, const char *path,
                   dg_err *err)
{
    dg_container *f = NULL;
    dg_status st = dg_store_open(c, path, NULL, 1, &f, err);
    if (st == DG_OK) st = class->load(m, f, err);
    dg_container_close(&f);
    return st;
}

dg_status run_factors_read(const dg_comm *c, const char *path, const char *constant,
                           run_factors *out, dg_err *err)
{
    dg_container *f = NULL;
    dg_array_info info = {0};
    *out = (run_factors){0};
    dg_status st = dg_store_open(c, path, NULL, 1, &f, err);
    if (st != DG_OK) return st;
    st = dg_container_info(f, "factors/user", &info, err);
    out->n_cols = (int)info.n_cols;
    if (st == DG_OK)
        st = dg_container_read_all(f, "factors/user", DG_F32, (void **)&out->users, &out->n_users,
                                   err);
    if (st == DG_OK)
        st = dg_container_read_all(f, "factors/item", DG_F32, (void **)&out->items, &out->n_items,
                                   err);
    if (st == DG_OK) st = dg_container_real(f, "/meta", constant, &out->start, err);
    dg_container_close(&f);
    return dg_agree(c, st, err);
}

void run_factors_free(run_factors *f)
{
    dg_free(f->users);
    dg_free(f->items);
    *f = (run_factors){0};
}
