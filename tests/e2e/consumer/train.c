/* train JOB.yaml FOLDER - every stage of a job on all ranks; prints the model's content digest. */
#include "daogou.h"

#include <stdio.h>

extern char **environ;

/* All of it is COLLECTIVE: every rank calls the same functions and gets the same status. */
static dg_status train(const dg_comm *world, const char *file, const char *folder, dg_err *err)
{
    dg_job *job = NULL;
    dg_work work;
    dg_status st = dg_job_read(world, file, NULL, 0, environ, dg_job_tables_all(NULL), &job, err);
    if (st == DG_OK) st = dg_job_settle(job, err);
    if (st == DG_OK) st = dg_work_open(world, job, folder, "auto", &work, err);
    if (st == DG_OK) {
        st = dg_stage_all(&work, err);
        if (st == DG_OK) st = dg_work_finish(&work, err);
        if (st == DG_OK && world->rank == 0) printf("%s\n", work.model_content);
        dg_work_close(&work);
    }
    dg_job_destroy(&job);
    return st;
}

int main(int argc, char **argv)
{
    dg_comm world;
    dg_err err = {.text = "usage: train JOB.yaml FOLDER"};
    MPI_Init(&argc, &argv);
    dg_comm_init(&world, MPI_COMM_WORLD);
    dg_log_setup(world.rank, DG_LOG_WARN);
    const dg_status st = argc != 3 ? DG_ERR_USAGE : train(&world, argv[1], argv[2], &err);
    if (st != DG_OK && world.rank == 0) fprintf(stderr, "%s\n", err.text);
    dg_comm_free(&world);
    MPI_Finalize();
    return dg_status_exit(st);
}
