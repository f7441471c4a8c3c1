/* job JOB.yaml [KEY=VALUE …] - print a job as Daogou understands it, every default filled in. */
#include "daogou.h"

#include <stdio.h>

extern char **environ;

static dg_status show(char **argv, int argc, char **text, dg_err *err)
{
    dg_job_input in = {0};
    dg_job *job = NULL;
    dg_status st = dg_job_input_read(argv[1], (const char *const *)argv + 2, (size_t)argc - 2,
                                     environ, &in, err);
    if (st == DG_OK) st = dg_job_parse(&in, dg_job_tables_all(NULL), &job, err);
    if (st == DG_OK) st = dg_job_settle(job, err);
    if (st == DG_OK) st = dg_job_show(job, NULL, text, err);
    dg_job_destroy(&job);
    dg_job_input_free(&in);
    return st;
}

int main(int argc, char **argv)
{
    char *text = NULL;
    dg_err err = {.text = "usage: job JOB.yaml [KEY=VALUE ...]"};
    const dg_status st = argc < 2 ? DG_ERR_USAGE : show(argv, argc, &text, &err);
    if (st == DG_OK)
        fputs(text, stdout);
    else
        fprintf(stderr, "%s\n", err.text);
    dg_free(text);
    return dg_status_exit(st);
}
