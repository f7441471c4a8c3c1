/* What differs between two jobs. */
#include "unit_main.h"

#include "job/changes.h"

static const char was[] = "seed: 7\nmodel:\n  algorithm: als\n  factors: 12\n  deep:\n"
                          "    er: \"a: b\"\n  iterations: 16\ntrain:\n  warm_start: \"\"\n";

static void differ(const char *now, const char *const *but, const char *want)
{
    dg_text out = {0};
    dg_err err;
    dg_text_add(&out, "(");
    ck_assert_int_eq(dg_job_changes(was, now, but, &out, &err), DG_OK);
    ck_assert_str_eq(out.at + 1, want);
    dg_text_free(&out);
}

START_TEST(equal_jobs_differ_in_nothing) { differ(was, NULL, ""); }
END_TEST

START_TEST(changed_new_and_absent_keys_are_told)
{
    differ("seed: 8\nmodel:\n  algorithm: als\n  factors: 12\n  deep:\n    er: c\n"
           "  iterations: 16\n  biases: true\n",
           NULL,
           "seed 7, now 8; model.deep.er \"a: b\", now c; train.warm_start \"\", now absent; "
           "model.biases absent, now true");
}
END_TEST

START_TEST(keys_that_do_not_count_are_passed_over)
{
    static const char *const but[] = {"model.iterations", "train.warm_start", NULL};
    differ("seed: 7\nmodel:\n  algorithm: als\n  factors: 12\n  deep:\n    er: \"a: b\"\n"
           "  iterations: 99\n",
           but, "");
}
END_TEST

START_TEST(a_value_is_found_by_its_whole_key)
{
    char value[16] = "";
    ck_assert(dg_job_value(was, "model.iterations", value, sizeof value));
    ck_assert_str_eq(value, "16");
    ck_assert(!dg_job_value(was, "iterations", value, sizeof value));
    ck_assert(!dg_job_value(was, "model", value, sizeof value));
}
END_TEST

/* The text comes out of a file: whatever it holds, nothing but its words may come of it. */
START_TEST(any_text_is_survived)
{
    char text[sizeof was + 400];
    uint64_t state = 1;
    for (int round = 0; round < 4000; round++) {
        const size_t n = sizeof was - 1;
        memcpy(text, was, sizeof was);
        for (int k = 0; k < 6; k++) {
            static const char bytes[] = " :\n.\"a";
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[(state >> 33) % n] = bytes[(state >> 20) % 6];
        }
        if (round % 9 == 0) memset(text + n / 2, round % 2 ? 'k' : ' ', n / 2 + 300);
        text[round % 9 == 0 ? n + 300 : n - (size_t)(round % 50)] = '\0';
        dg_text out = {0};
        dg_err err;
        ck_assert_int_eq(dg_job_changes(text, was, NULL, &out, &err), DG_OK);
        ck_assert_int_eq(dg_job_changes(was, text, NULL, &out, &err), DG_OK);
        dg_text_free(&out);
    }
}
END_TEST

UNIT_MAIN("changes", equal_jobs_differ_in_nothing, changed_new_and_absent_keys_are_told,
          keys_that_do_not_count_are_passed_over, a_value_is_found_by_its_whole_key,
          any_text_is_survived)
