#include "online/log.h"

#include "base/digest.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As daogou-serve writes it. */
static const char full[] =
    "{\"v\":1,\"time\":\"2026-11-22T08:00:00.250Z\",\"request\":\"r-1\",\"shown\":true,\"user\":"
    "\"u7\","
    "\"model\":\"shop\",\"version\":\"v3\",\"arm\":\"challenger\",\"experiment\":\"x\","
    "\"propensity\":0.25,\"route\":\"recommend\",\"context\":{\"k\":2,\"exclude_seen\":true},"
    "\"source\":\"model\",\"items\":[{\"item\":\"a\",\"position\":1,\"score\":0.5},"
    "{\"item\":12,\"position\":3,\"score\":-1}]}";
static const char *const kinds[] = {"click", "buy"};
static dg_shown shown[DG_ITEMS_SHOWN];
static char why[160];

static int read(const char *line, dg_arm_names *arms)
{
    return dg_log_shown(line, strlen(line), arms, shown, why, sizeof why);
}

START_TEST(a_line_of_the_server_gives_its_items)
{
    dg_arm_names arms = {0};
    ck_assert_int_eq(read(full, &arms), 2);
    ck_assert(arms.n == 1 && strcmp(arms.at[0], "challenger") == 0);
    ck_assert(shown[0].list == dg_id_hash("r-1", 3) && shown[0].user == dg_id_hash("u7", 2));
    ck_assert(shown[0].item == dg_id_hash("a", 1) && shown[1].item == dg_id_hash("12", 2));
    ck_assert(shown[0].position == 1 && shown[1].position == 3);
    ck_assert(shown[0].propensity == 0.25 && isnan(shown[0].target) && isnan(shown[1].predicted));
    ck_assert_int_eq(shown[0].time, 1795334400250); /* date -u -d 2026-11-22T08:00:00 +%s */
}
END_TEST

START_TEST(what_nobody_saw_gives_nothing)
{
    dg_arm_names arms = {0};
    ck_assert_int_eq(read("{\"shown\":false}", &arms), 0);
    ck_assert_int_eq(read("{\"time\":5,\"request\":\"r\",\"items\":[]}", &arms), 0);
    ck_assert_str_eq(arms.at[0], "all"); /* where no arm is named */
}
END_TEST

START_TEST(a_log_for_another_policy_carries_its_chances)
{
    dg_arm_names arms = {0};
    ck_assert_int_eq(read("{\"time\":5.5,\"request\":9,\"propensity\":0.5,\"target\":0,"
                          "\"predicted\":0.1,\"predicted_target\":0.2,\"items\":[{\"item\":\"x\","
                          "\"propensity\":0.4,\"target\":0.3},{\"item\":\"y\"}]}",
                          &arms),
                     2);
    ck_assert(shown[0].item_propensity == 0.4 && shown[0].item_target == 0.3);
    ck_assert(isnan(shown[1].item_propensity) && isnan(shown[1].item_target));
    ck_assert(shown[0].target == 0 && shown[0].predicted == 0.1 &&
              shown[0].predicted_target == 0.2 && shown[0].time == 5500 && shown[0].position == 1);
}
END_TEST

START_TEST(a_bad_line_says_what_is_wrong)
{
    static const char *const bad[][2] = {
        {"", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"{\"time\":1", "not a JSON object"},
        {"{\"time\":1,\"items\":[]}", "no \"request\""},
        {"{\"v\":2,\"request\":\"r\",\"time\":1,\"items\":[]}", "\"v\""},
        {"{\"request\":\"r\",\"items\":[]}", "no \"time\""},
        {"{\"request\":\"r\",\"time\":\"noon\",\"items\":[]}", "no \"time\""},
        {"{\"request\":\"r\",\"time\":1e300,\"items\":[]}", "no \"time\""},
        {"{\"request\":\"r\",\"time\":1}", "no \"items\""},
        {"{\"request\":\"r\",\"time\":1,\"items\":[{\"position\":1}]}", "no \"item\""},
        {"{\"request\":\"r\",\"time\":1,\"items\":[7]}", "no \"item\""},
        {"{\"request\":\"r\",\"time\":1,\"propensity\":0,\"items\":[]}", "\"propensity\""},
        {"{\"request\":\"r\",\"time\":1,\"items\":[{\"item\":1,\"propensity\":0}]}",
         "\"propensity\""},
        {"{\"request\":\"r\",\"time\":1,\"items\":[{\"item\":1,\"target\":2}]}", "\"target\""},
        {"{\"request\":\"r\",\"time\":1,\"propensity\":1.5,\"items\":[]}", "\"propensity\""},
        {"{\"request\":\"r\",\"time\":1,\"target\":-1,\"items\":[]}", "\"target\""},
        {"{\"request\":\"r\",\"time\":1,\"predicted\":\"x\",\"items\":[]}", "prediction"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        dg_arm_names arms = {0};
        ck_assert_int_eq(read(bad[k][0], &arms), -1);
        ck_assert_msg(strstr(why, bad[k][1]) != NULL, "%s: %s", bad[k][0], why);
    }
}
END_TEST

START_TEST(more_arms_than_there_is_room_for)
{
    dg_arm_names arms = {0};
    char line[200];
    for (int k = 0; k <= DG_ARMS; k++) {
        sprintf(line, "{\"request\":\"r\",\"time\":1,\"arm\":\"a%d\",\"items\":[]}", k);
        ck_assert_int_eq(read(line, &arms), k < DG_ARMS ? 0 : -1);
    }
    ck_assert_int_eq(read("{\"request\":\"r\",\"time\":1,\"arm\":\"a3\",\"items\":[]}", &arms), 0);
}
END_TEST

START_TEST(events_are_known_by_their_kind)
{
    dg_done d;
    const char *good =
        "{\"time\":\"2026-11-22\",\"user\":\"u\",\"item\":\"i\",\"event\":\"buy\",\"x\":[]}";
    ck_assert(dg_log_done(good, strlen(good), kinds, 2, &d, why, sizeof why));
    ck_assert(d.kind == 1 && d.list == 0 && d.user == dg_id_hash("u", 1) && d.item != 0);
    ck_assert(d.open == 86399999); /* some time that day */
    const char *other = "{\"time\":1,\"request\":\"q\",\"item\":3,\"event\":\"hover\"}";
    ck_assert(dg_log_done(other, strlen(other), kinds, 2, &d, why, sizeof why));
    ck_assert(d.kind == -1 && d.list != 0 && d.time == 1000 && d.open == 999);
    static const char *const bad[] = {"{}",
                                      "{\"time\":1,\"user\":\"u\"}",
                                      "{\"time\":1,\"item\":\"i\",\"event\":\"buy\"}",
                                      "{\"time\":1,\"user\":\"u\",\"event\":\"buy\"}",
                                      "{\"user\":\"u\",\"item\":\"i\",\"event\":\"buy\"}",
                                      "x"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert(!dg_log_done(bad[k], strlen(bad[k]), kinds, 2, &d, why, sizeof why));
}
END_TEST

/* No line, whatever it holds, does harm; what is read is in bounds. */
START_TEST(damaged_lines_do_no_harm)
{
    dg_rng r = dg_rng_at(8, DG_RNG_TEST, 0);
    const size_t n = sizeof full - 1;
    char line[sizeof full + 8];
    for (size_t cut = 0; cut < n; cut++) {
        dg_arm_names arms = {0};
        ck_assert_int_eq(dg_log_shown(full, cut, &arms, shown, why, sizeof why), -1);
    }
    for (int round = 0; round < 20000; round++) {
        dg_arm_names arms = {0};
        dg_done d;
        size_t length = n;
        memcpy(line, full, n);
        for (uint32_t hits = 1 + dg_rng_below(&r, 4); hits > 0; hits--) {
            const size_t at = dg_rng_below(&r, (uint32_t)length);
            if (dg_rng_below(&r, 3) == 0)
                memmove(line + at, line + at + 1, --length - at);
            else
                line[at] = "\"{}[]:,0e.-\\u\0x\x80"[dg_rng_below(&r, 16)];
        }
        const int items = dg_log_shown(line, length, &arms, shown, why, sizeof why);
        ck_assert(items >= -1 && items <= 2 && arms.n <= 1);
        for (int k = 0; k < items; k++)
            ck_assert(shown[k].propensity > 0 && shown[k].propensity <= 1 && shown[k].arm == 0 &&
                      shown[k].position >= 1 && shown[k].position <= DG_ITEMS_SHOWN);
        dg_log_done(line, length, kinds, 2, &d, why, sizeof why);
    }
}
END_TEST

UNIT_MAIN("log", a_line_of_the_server_gives_its_items, what_nobody_saw_gives_nothing,
          a_log_for_another_policy_carries_its_chances, a_bad_line_says_what_is_wrong,
          more_arms_than_there_is_room_for, events_are_known_by_their_kind,
          damaged_lines_do_no_harm)
