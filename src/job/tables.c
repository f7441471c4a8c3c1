#include "job/tables.h"

#include "models/model.h"

enum { MAX_MODELS = 64 };

const dg_job_tables *dg_job_tables_all(const dg_generate_options *shop)
{
    static dg_job_table models[MAX_MODELS], generate;
    static dg_job_tables tables;
    const dg_model_class *const *all = dg_model_all();
    generate = (dg_job_table){"generate", dg_generate_table, dg_generate_table_size,
                              sizeof(dg_generate_options), shop};
    tables = (dg_job_tables){.models = models, .generate = &generate};
    for (size_t k = 0; all[k] != NULL && k < MAX_MODELS; k++)
        models[tables.n_models++] = (dg_job_table){all[k]->name, all[k]->option, all[k]->n_options,
                                                   all[k]->options_size, NULL};
    return &tables;
}

dg_status dg_job_settle(dg_job *job, dg_err *err)
{
    const dg_model_class *class =
        job->model.table == NULL ? NULL : dg_model_find(job->model.table->name);
    if (class == NULL || class->settle == NULL) return DG_OK;
    dg_err why;
    const dg_status st = class->settle(job->model.options, &why);
    if (st == DG_OK) return DG_OK;
    DG_FAIL(err, st, "%.200s%s%.500s", job->file, job->file[0] == '\0' ? "" : ": ", why.text);
    return why.hint[0] == '\0' ? st : dg_err_hint(err, st, "%s", why.hint);
}
