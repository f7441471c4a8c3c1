#include "job/config.h"

#include "base/digest.h"
#include "base/memory.h"
#include "job_tables.h"
#include "mpi_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const flags[] = {"seed=5", "evaluate.k=[7]"};
static char *const environment[] = {"WHO=me", "DAOGOU_checkpoint__keep=9", NULL};
static char *const foreign[] = {"WHO=somebody-else", "DAOGOU_modle=1", NULL};

/* Only rank 0 has a file, flags and a sound environment. */
static dg_status read_job(const char *text, dg_job **job, dg_err *err)
{
    char path[] = "/tmp/daogou-job-XXXXXX";
    if (world.rank == 0) {
        FILE *f = fdopen(mkstemp(path), "w");
        fputs(text, f);
        fclose(f);
    }
    const dg_status st =
        world.rank == 0 ? dg_job_read(&world, path, flags, 2, environment, &toy_tables, job, err)
                        : dg_job_read(&world, "/nowhere", NULL, 0, foreign, &toy_tables, job, err);
    if (world.rank == 0) unlink(path);
    return st;
}

START_TEST(every_rank_gets_what_rank_0_reads)
{
    dg_job *job;
    dg_err err;
    char *text;
    ck_assert_all(read_job("name: ${WHO}\nmodel: {algorithm: toy}\n", &job, &err) == DG_OK);
    ck_assert_all(strcmp(job->name, "me") == 0 && job->seed == 5);
    ck_assert_all(job->checkpoint.keep == 9 && job->evaluate.k.n == 1);
    ck_assert_all(dg_job_show(job, NULL, &text, &err) == DG_OK);
    const dg_digest d = dg_digest_of(text, strlen(text));
    ck_assert_all(dg_agree_same(&world, "text", (int64_t)d.low, &err) == DG_OK);
    dg_free(text);
    dg_job_destroy(&job);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(a_bad_job_fails_on_every_rank_with_one_sentence)
{
    dg_job *job;
    dg_err err;
    ck_assert_all(read_job("name: x\nmodle: 3\n", &job, &err) == DG_ERR_CONFIG);
    ck_assert_all(strstr(err.text, ":2: modle: unknown key") != NULL && job == NULL);
    ck_assert_all(strcmp(err.hint, "did you mean \"model\"?") == 0);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(a_missing_file_fails_on_every_rank)
{
    dg_job *job;
    dg_err err;
    ck_assert_all(dg_job_read(&world, "/nowhere/job.yaml", NULL, 0, environment, &toy_tables, &job,
                              &err) == DG_ERR_NOINPUT);
    ck_assert_all(strcmp(err.text, "/nowhere/job.yaml: cannot read the job: No such file or "
                                   "directory") == 0);
    ck_assert_all(job == NULL && dg_alloc_live() == 0);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    const int victim = world.size - 1;
    for (int nth = 1; nth < 40; nth += 6) {
        char spec[32];
        dg_job *job;
        dg_err err;
        snprintf(spec, sizeof spec, "alloc:%d:%d", victim, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = read_job("model: {algorithm: toy}\n", &job, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_ERR_NOMEM && job == NULL);
        ck_assert_all(dg_alloc_live() == 0);
    }
}
END_TEST

MPI_MAIN("job_read", every_rank_gets_what_rank_0_reads,
         a_bad_job_fails_on_every_rank_with_one_sentence, a_missing_file_fails_on_every_rank,
         one_rank_out_of_memory_fails_all)
