/* A made-up shop whose truth is known: arms, delays, chances. The same bits on any ranks. */
#include "online/online.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_USERS = 2000, LISTS = 3, ITEMS = 4, DAY = 86400 };

static dg_err err;
static const char *control;
static const char *const kinds[] = {"click", "buy"};

/* Champion: an item is clicked with chance .10, challenger: .16, shown to a quarter of the users. A
 * click converts with chance .3, after an exponential delay of one day. The log has ten days. */
static void write_logs(const char *impressions, const char *events, int n_users)
{
    FILE *shown = fopen(impressions, "w"), *done = fopen(events, "w");
    int request = 0;
    for (int u = 0; u < n_users; u++) {
        dg_rng r = dg_rng_at(12, DG_RNG_TEST, (uint64_t)u);
        const bool challenger = dg_rng_uniform(&r) < 0.25;
        for (int l = 0; l < LISTS; l++, request++) {
            const double when = 10 * DAY * dg_rng_uniform(&r);
            fprintf(
                shown,
                "{\"time\":%.3f,\"request\":\"r%d\",\"shown\":true,\"user\":\"u%d\",\"arm\":\"%s\","
                "\"propensity\":%g,\"items\":[",
                when, request, u, challenger ? "challenger" : "champion", challenger ? 0.25 : 0.75);
            for (int i = 0; i < ITEMS; i++) {
                const int item = l * ITEMS + i;
                fprintf(shown, "%s{\"item\":%d,\"position\":%d}", i > 0 ? "," : "", item, i + 1);
                const double click = when + 600 * dg_rng_uniform(&r);
                const double buy = click - DAY * log(1 - dg_rng_uniform(&r));
                if (dg_rng_uniform(&r) > (challenger ? 0.16 : 0.10)) continue;
                fprintf(done, "{\"time\":%.3f,\"user\":\"u%d\",\"item\":%d,\"event\":\"click\"}\n",
                        click, u, item);
                if (dg_rng_uniform(&r) > 0.3 || buy > 10 * DAY) continue;
                fprintf(done, "{\"time\":%.3f,\"user\":\"u%d\",\"item\":%d,\"event\":\"buy\"}\n",
                        buy, u, item);
            }
            fprintf(shown, "]}\n");
        }
    }
    fclose(shown);
    fclose(done);
}

static dg_online_options wish(void)
{
    return (dg_online_options){.click_window = 1000 * DAY,
                               .window = 7000LL * DAY,
                               .n_kinds = 2,
                               .is_click = {true},
                               .is_conversion = {false, true},
                               .weight = {1, 5},
                               .confidence = 0.95,
                               .effect = 0.02,
                               .resamples = 200,
                               .seed = 4,
                               .clip = 100,
                               .policy = "challenger",
                               .least_effective = 1000,
                               .least_overlap = 0.8};
}

static dg_status look(const dg_comm *c, const char *impressions, const char *events,
                      const dg_online_options *o, dg_online *out)
{
    dg_strings shown = {0}, done = {0};
    dg_logs logs = {0};
    dg_status st = dg_strings_add(&shown, impressions, strlen(impressions), &err);
    if (st == DG_OK && events != NULL) st = dg_strings_add(&done, events, strlen(events), &err);
    st = dg_agree(c, st, &err);
    const dg_logs_options from = {&shown, &done, kinds, 2, control, 0.001};
    if (st == DG_OK) st = dg_logs_read(c, &from, &logs, &err);
    if (st == DG_OK) st = dg_online_measure(c, &logs, o, out, &err);
    dg_logs_free(&logs);
    dg_strings_free(&shown);
    dg_strings_free(&done);
    return st;
}

static char impressions[512], events[512];

static void set_up(void)
{
    int64_t tag = getpid();
    dg_bcast(&world, &tag, sizeof tag, 0);
    snprintf(impressions, sizeof impressions, "%s", scratch((long)tag, "impressions.jsonl"));
    snprintf(events, sizeof events, "%s", scratch((long)tag, "events.jsonl"));
    if (world.rank == 0) write_logs(impressions, events, N_USERS);
    MPI_Barrier(world.comm);
}

static void tear_down(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    ck_assert_all(dg_alloc_live() == 0);
}

static bool near(double value, double truth, double by) { return fabs(value - truth) < by; }

START_TEST(the_truth_is_found_in_the_same_bits_on_any_ranks)
{
    static dg_online many, single;
    const dg_online_options o = wish();
    dg_comm one;
    set_up();
    dg_comm_init(&one, MPI_COMM_SELF);
    ck_assert_all(look(&world, impressions, events, &o, &many) == DG_OK);
    ck_assert_all(look(&one, impressions, events, &o, &single) == DG_OK);
    ck_assert_all(memcmp(&many, &single, sizeof many) == 0);
    dg_comm_free(&one);

    const dg_arm_figures *champion = &many.arm[0], *challenger = &many.arm[1];
    ck_assert_all(many.arms.n == 2 && strcmp(many.arms.at[1], "challenger") == 0);
    ck_assert_all(many.lists == N_USERS * LISTS && many.items == N_USERS * LISTS * ITEMS);
    ck_assert_all(many.unmatched == 0 && many.rejected == 0);
    /* Standard errors: .0022 and .0047 of the rates of clicks, .010 and .017 of conversions: bounds
     * of more than four of them. */
    ck_assert_all(near(champion->ctr.value, 0.10, 0.01) && near(challenger->ctr.value, 0.16, 0.02));
    ck_assert_all(champion->ctr.low < champion->ctr.value &&
                  champion->ctr.value < champion->ctr.high);
    ck_assert_all(champion->cvr.value < 0.3 && near(champion->cvr_corrected, 0.3, 0.05));
    ck_assert_all(near(challenger->cvr_corrected, 0.3, 0.08));
    ck_assert_all(near(champion->ctcvr_corrected, 0.03, 0.006));
    /* One day of seven is nine steps of 64: 1 - exp(-9.14 / 9.14) = .632 by the end of the ninth.
     */
    ck_assert_all(near(many.delay[8], 0.625, 0.06) && many.delay[DG_DELAYS - 1] == 1);
    ck_assert_all(near(many.position[3].value, many.all.ctr.value, 0.03));
}
END_TEST

START_TEST(arms_are_told_apart_and_a_policy_is_judged)
{
    static dg_online r;
    dg_online_options o = wish();
    ck_assert_all(look(&world, impressions, events, &o, &r) == DG_OK);
    /* A list of 4 has a click with chance 1 - .84^4 = .502 and 1 - .9^4 = .344: challenger less
     * champion .158, standard error about .016. */
    ck_assert_all(near(r.click[1].value, 0.158, 0.07));
    ck_assert_all(r.click[1].low > 0 && r.click[1].always_low > 0 && r.click[1].always_p < 0.01);
    ck_assert_all(r.click[1].always_low < r.click[1].low &&
                  r.click[1].always_high > r.click[1].high);
    ck_assert_all(r.policy.asked && !r.policy.refused);
    ck_assert_all(near(r.policy.snips.value, 0.502, 0.06) && near(r.policy.ips.value, 0.502, 0.12));
    ck_assert_all(r.policy.snips.low < 0.502 && r.policy.snips.high > 0.502);
    ck_assert_all(isnan(r.policy.dr.value)); /* the log has no predictions */
    ck_assert_all(r.policy.gain_low > 0 && strstr(r.policy.verdict, "better") != NULL);
    o.least_effective = 3000; /* a quarter of 6000 lists were shown by it */
    ck_assert_all(look(&world, impressions, events, &o, &r) == DG_OK);
    ck_assert_all(r.policy.refused && near(r.policy.effective, 1500, 200));
    ck_assert_all(strncmp(r.policy.verdict, "refused: the effective sample", 29) == 0);
    o.policy = "nobody";
    ck_assert_all(look(&world, impressions, events, &o, &r) == DG_ERR_CONFIG);
    o.policy = NULL;
    control = "nobody";
    ck_assert_all(look(&world, impressions, events, &o, &r) == DG_ERR_CONFIG);
    control = "challenger"; /* the other way round */
    ck_assert_all(look(&world, impressions, events, &o, &r) == DG_OK);
    ck_assert_all(near(r.click[1].value, -0.158, 0.07) && strcmp(r.arms.at[1], "champion") == 0);
    control = NULL;
}
END_TEST

/* Two contexts and two actions; the log's policy takes action 1 with chance .2 in context 0, .6 in
 * context 1, the policy to judge with .9 and .3. Rewards are certain: .1 + .5 a + .2 x, as clicks
 * of a hundred copies. The truth: mean over contexts of .1 + .2 x + .5 pi(1 | x) = .1 + .1 + .5
 * (.6) = .5. */
START_TEST(a_policy_that_never_ran_is_judged_by_its_chances)
{
    static dg_online r;
    char path[540];
    dg_online_options o = wish();
    snprintf(path, sizeof path, "%s.policy", impressions);
    o.policy = NULL;
    if (world.rank == 0) {
        FILE *f = fopen(path, "w"), *e = fopen(events, "w");
        dg_rng g = dg_rng_at(14, DG_RNG_TEST, 0);
        for (int k = 0; k < 20000; k++) {
            const int x = k % 2;
            const double of_log = x == 0 ? 0.2 : 0.6, of_policy = x == 0 ? 0.9 : 0.3;
            const int a = dg_rng_uniform(&g) < of_log;
            const double reward = 0.1 + 0.5 * a + 0.2 * x;
            fprintf(
                f,
                "{\"time\":%d,\"request\":\"q%d\",\"propensity\":%g,\"target\":%g,\"predicted\":%g,"
                "\"predicted_target\":%g,\"items\":[{\"item\":\"i\"}]}\n",
                k, k, a ? of_log : 1 - of_log, a ? of_policy : 1 - of_policy, reward,
                0.1 + 0.2 * x + 0.5 * of_policy);
            if (dg_rng_uniform(&g) < reward)
                fprintf(e, "{\"time\":%d,\"request\":\"q%d\",\"item\":\"i\",\"event\":\"click\"}\n",
                        k + 1, k);
        }
        fclose(f);
        fclose(e);
    }
    MPI_Barrier(world.comm);
    ck_assert_all(look(&world, path, events, &o, &r) == DG_OK);
    ck_assert_all(near(r.policy.ips.value, 0.5, 0.06) && near(r.policy.snips.value, 0.5, 0.05) &&
                  near(r.policy.dr.value, 0.5, 0.05));
    ck_assert_all(r.policy.dr.low < 0.5 && r.policy.dr.high > 0.5);
    ck_assert_all(r.policy.dr.high - r.policy.dr.low < r.policy.ips.high - r.policy.ips.low);
    ck_assert_all(r.policy.overlap > 0.95 && r.policy.effective > 5000 && !r.policy.refused);
    o.clip = 1;
    ck_assert_all(look(&world, path, events, &o, &r) == DG_OK);
    ck_assert_all(r.policy.clipped <
                  r.policy.ips.value); /* clipping takes away, and says so by differing */
    MPI_Barrier(world.comm);
    if (world.rank == 0) unlink(path);
}
END_TEST

/* Items a and b, liked with chances .6 and .2, in two places, looked at with chances 1 and .3: a
 * click is both. In the order ab a list has .6 + .2 x .3 = .66 clicks, in the order ba .2 + .6 x .3
 * = .38. The policy to judge shows ab. `drawn`: the log has ab a quarter of the time, and says so;
 * else it has ba alone, and the chances are those of being looked at (Joachims and others 2017). */
static void write_places(const char *path, bool drawn)
{
    static const double liked[] = {0.6, 0.2}, looked[] = {1, 0.3};
    FILE *f = fopen(path, "w"), *e = fopen(events, "w");
    dg_rng r = dg_rng_at(15, DG_RNG_TEST, drawn);
    for (int k = 0; k < 5000; k++) {
        const int first = drawn && dg_rng_uniform(&r) < 0.25 ? 0 : 1;
        fprintf(f, "{\"time\":%d.0,\"request\":\"q%d\",\"items\":[", k, k);
        for (int place = 0; place < 2; place++) {
            const int item = first ^ place;
            const double of_log = !drawn ? looked[place] : first == 0 ? 0.25 : 0.75;
            const double of_policy = !drawn ? looked[item] : first == 0;
            fprintf(f, "%s{\"item\":\"%c\",\"propensity\":%g,\"target\":%g}", place > 0 ? "," : "",
                    "ab"[item], of_log, of_policy);
            if (dg_rng_uniform(&r) < liked[item] * looked[place])
                fprintf(e,
                        "{\"time\":%d.5,\"request\":\"q%d\",\"item\":\"%c\",\"event\":\"click\"}\n",
                        k, k, "ab"[item]);
        }
        fprintf(f, "]}\n");
    }
    fclose(f);
    fclose(e);
}

START_TEST(items_are_judged_in_other_places)
{
    static dg_online r;
    char path[540];
    dg_online_options o = wish();
    snprintf(path, sizeof path, "%s.places", impressions);
    o.policy = NULL;
    for (int drawn = 0; drawn < 2; drawn++) {
        MPI_Barrier(world.comm);
        if (world.rank == 0) write_places(path, drawn);
        MPI_Barrier(world.comm);
        ck_assert_all(look(&world, path, events, &o, &r) == DG_OK);
        ck_assert_all(!r.policy.asked && r.slate.asked && r.slate.lists == 5000);
        /* standard errors: .009 as logged, .021 of ips */
        ck_assert_all(near(r.slate.logged, drawn ? 0.45 : 0.38, 0.03));
        ck_assert_all(near(r.slate.ips.value, 0.66, 0.07));
        ck_assert_all(r.slate.ips.low < 0.66 && r.slate.ips.high > 0.66);
        ck_assert_all(!r.slate.refused && strstr(r.slate.verdict, "better") != NULL);
    }
    MPI_Barrier(world.comm);
    if (world.rank == 0) unlink(path);
}
END_TEST

START_TEST(bad_lines_are_counted_or_refused)
{
    static dg_online r;
    char path[540];
    const dg_online_options o = wish();
    snprintf(path, sizeof path, "%s.bad", impressions);
    if (world.rank == 0) {
        FILE *f = fopen(path, "w");
        for (int k = 0; k < 3000; k++)
            fprintf(f,
                    k == 1500 ? "{\"time\":1,\n"
                              : "{\"time\":1,\"request\":%d,\"arm\":\"challenger\","
                                "\"items\":[{\"item\":1}]}\n",
                    k);
        fclose(f);
    }
    MPI_Barrier(world.comm);
    ck_assert_all(look(&world, path, NULL, &o, &r) == DG_OK);
    ck_assert_all(r.rejected == 1 && r.lists == 2999 && r.all.ctr.of == 0);
    if (world.rank == 0) {
        FILE *f = fopen(path, "a");
        for (int k = 0; k < 10; k++) fprintf(f, "no\n");
        fclose(f);
    }
    MPI_Barrier(world.comm);
    ck_assert_all(look(&world, path, NULL, &o, &r) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "11 of 3010 lines are bad") != NULL);
    ck_assert_all(look(&world, "/nowhere/at/all", NULL, &o, &r) == DG_ERR_NOINPUT);
    MPI_Barrier(world.comm);
    if (world.rank == 0) unlink(path);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    static dg_online r;
    dg_online_options o = wish();
    o.resamples = 3;
    const size_t before = dg_alloc_live();
    dg_status st = DG_ERR_NOMEM;
    if (world.rank == 0) write_logs(impressions, events, 40);
    MPI_Barrier(world.comm);
    for (int nth = 1; st != DG_OK && nth < 400; nth += 1 + nth / 20) {
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = look(&world, impressions, events, &o, &r);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK);
    tear_down();
}
END_TEST

MPI_MAIN("online", the_truth_is_found_in_the_same_bits_on_any_ranks,
         arms_are_told_apart_and_a_policy_is_judged,
         a_policy_that_never_ran_is_judged_by_its_chances, items_are_judged_in_other_places,
         bad_lines_are_counted_or_refused, each_failing_allocation_fails_all)
