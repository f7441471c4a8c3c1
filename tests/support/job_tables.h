/* job_tables.h - two made-up algorithms and a made-up generator, for tests of job files. */
#ifndef TESTS_JOB_TABLES_H
#define TESTS_JOB_TABLES_H
#include "job/config.h"

typedef struct toy_options {
    int64_t factors;
    double regularization;
    int solver;
    char *note;
} toy_options;

extern const dg_job_tables toy_tables;

#endif
