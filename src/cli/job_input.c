#include "cli/job_input.h"

#include "base/memory.h"
#include "job/tables.h"
#include "table/source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static dg_status read_alone(const dg_cli *cli, const char *file, const dg_job_tables *tables,
                            dg_job **out, dg_err *err)
{
    dg_job_input in;
    dg_status st = dg_job_input_read(file, cli->sets, cli->n_sets, environ, &in, err);
    if (st == DG_OK) st = dg_job_parse(&in, tables, out, err);
    dg_job_input_free(&in);
    return st;
}

dg_status dg_cli_job_as_given(const dg_cli *cli, const dg_job_tables *tables, dg_job **out,
                              dg_err *err)
{
    const char *file = cli->n_args > 0 ? cli->args[0] : NULL;
    *out = NULL;
    return cli->comm == NULL
               ? read_alone(cli, file, tables, out, err)
               : dg_job_read(cli->comm, file, cli->sets, cli->n_sets, environ, tables, out, err);
}

dg_status dg_cli_job(const dg_cli *cli, const dg_job_tables *tables, dg_job **out, dg_err *err)
{
    dg_status st = dg_cli_job_as_given(cli, tables, out, err);
    if (st == DG_OK) st = dg_job_settle(*out, err);
    if (st != DG_OK) dg_job_destroy(out);
    return st;
}

const char *dg_cli_work(const dg_cli *cli, const dg_job *job, char *buf, size_t n)
{
    if (cli->work != NULL)
        snprintf(buf, n, "%s", cli->work);
    else
        snprintf(buf, n, "runs/%s", job->name);
    return buf;
}

static dg_status print_keys(dg_err *err)
{
    dg_text text = {0};
    dg_job_help(dg_job_tables_all(NULL), &text);
    const bool failed = text.failed;
    if (!failed) fputs(text.at, stdout);
    dg_text_free(&text);
    return failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory printing the keys") : DG_OK;
}

static dg_status print_config(const dg_cli *cli, const dg_job *job, dg_err *err)
{
    char *text = NULL;
    dg_status st = dg_job_show(job, NULL, &text, err);
    if (st == DG_OK && cli->json)
        st = dg_cli_print_json(json_pack("{s:s, s:s}", "name", job->name, "job", text), err);
    else if (st == DG_OK)
        fputs(text, stdout);
    dg_free(text);
    return st;
}

/* The files a key stands for, each with its size. */
static dg_status list_files(const char *key, const dg_strings *paths, json_t *inputs, dg_err *err)
{
    dg_sources found = {0};
    if (paths->n == 0) return DG_OK;
    const dg_status st = dg_sources_find(paths, &found, err);
    for (int64_t k = 0; k < found.n && st == DG_OK; k++)
        json_array_append_new(inputs,
                              json_pack("{s:s, s:s, s:I}", "key", key, "path", found.at[k].path,
                                        "bytes", (json_int_t)found.at[k].size));
    dg_sources_free(&found);
    return st;
}

static dg_status list_inputs(const dg_job *job, json_t *inputs, dg_err *err)
{
    const struct {
        const char *key;
        const dg_strings *paths;
    } all[] = {
        {"data.ratings", &job->data.ratings.path},
        {"data.items", &job->data.items.path},
        {"prepare.split.test", &job->prepare.split.test_files.path},
        {"prepare.split.valid", &job->prepare.split.valid_files.path},
    };
    dg_status st = DG_OK;
    for (size_t k = 0; k < sizeof all / sizeof *all && st == DG_OK; k++)
        st = list_files(all[k].key, all[k].paths, inputs, err);
    return st;
}

static void print_plan(const char *command, const dg_job *job, const char *work,
                       const json_t *inputs)
{
    size_t k;
    json_t *file;
    printf("daogou %s would work on %s in %s\n", command, job->name, work);
    if (job->model.table != NULL) printf("  model %s\n", job->model.table->name);
    json_array_foreach((json_t *)inputs, k, file)
    {
        char bytes[32];
        printf("  %-20s %s (%s)\n", json_string_value(json_object_get(file, "key")),
               json_string_value(json_object_get(file, "path")),
               dg_show_bytes((double)json_integer_value(json_object_get(file, "bytes")), bytes,
                             sizeof bytes));
    }
}

static dg_status plan(const dg_cli *cli, const dg_job *job, dg_err *err)
{
    char work[4096];
    json_t *inputs = json_array();
    const dg_status st = list_inputs(job, inputs, err);
    dg_cli_work(cli, job, work, sizeof work);
    if (st == DG_OK && cli->json)
        return dg_cli_print_json(json_pack("{s:s, s:s, s:s, s:s, s:o}", "command",
                                           cli->command->name, "name", job->name, "work", work,
                                           "algorithm", job->model.algorithm, "inputs", inputs),
                                 err);
    if (st == DG_OK) print_plan(cli->command->name, job, work, inputs);
    json_decref(inputs);
    return st;
}

dg_status dg_cli_about_job(const dg_cli *cli, dg_err *err)
{
    dg_job *job;
    if (cli->help_keys) return print_keys(err);
    dg_status st = dg_cli_job(cli, dg_job_tables_all(NULL), &job, err);
    if (st != DG_OK) return st;
    st = cli->print_config ? print_config(cli, job, err) : plan(cli, job, err);
    dg_job_destroy(&job);
    return st;
}
