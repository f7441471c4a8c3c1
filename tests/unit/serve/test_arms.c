/* Which model answers whom, and how long one stays open. */
#include "artifact_file.h"
#include "base/memory.h"
#include "scratch.h"
#include "serve/arms.h"
#include "unit_main.h"

static dg_err err;

static dg_node *open_node(uint64_t seed)
{
    dg_node *node;
    const char *path = scratch(getpid(), "artifact.h5");
    made_artifact *m = make_artifact(20, 40, 4, seed);
    write_artifact(m, path);
    free_artifact(&m);
    ck_assert_msg(dg_node_open(path, &node, &err) == DG_OK, "%s", err.text);
    return node;
}

static bool challenges(const dg_split *split, int user)
{
    char id[16];
    const int n = snprintf(id, sizeof id, "user-%d", user);
    return dg_split_challenges(split, id, (size_t)n);
}

START_TEST(a_split_gives_its_share_and_keeps_users_as_it_grows)
{
    enum { USERS = 20000 };
    const dg_split tenth = {.share = 0.1, .experiment = "a"};
    const dg_split fifth = {.share = 0.2, .experiment = "a"};
    const dg_split other = {.share = 0.1, .experiment = "b"};
    const dg_split all = {.share = 1}, shadow = {.share = 0.5, .shadow = true};
    int n = 0, both = 0;
    for (int user = 0; user < USERS; user++) {
        const bool in = challenges(&tenth, user);
        n += in;
        both += in && challenges(&other, user);
        ck_assert(!in || challenges(&fifth, user));
        ck_assert_int_eq(in, challenges(&tenth, user));
        ck_assert(challenges(&all, user));
        ck_assert(!challenges(&shadow, user));
    }
    ck_assert_int_gt(n, USERS / 10 - 170); /* four deviations of sqrt(20000 × 0.09) = 42 */
    ck_assert_int_lt(n, USERS / 10 + 170);
    ck_assert_int_gt(both, USERS / 100 - 57); /* independent: a hundredth, deviation 14 */
    ck_assert_int_lt(both, USERS / 100 + 57);
    ck_assert(!dg_split_challenges(&all, NULL, 0));
}
END_TEST

START_TEST(without_a_challenger_all_meet_the_champion)
{
    dg_arms *a;
    const dg_split split = {.share = 1};
    dg_node *champion = open_node(1), *challenger = open_node(2);
    const dg_node *second = challenger;
    ck_assert_int_eq(dg_arms_create(champion, &split, &a, &err), DG_OK);
    double chance;
    dg_shift *shift = dg_arms_take(a, "u", 1, &chance);
    ck_assert_ptr_eq(shift->node, champion);
    ck_assert(chance == 1); /* whatever the share: it could be nobody else */
    dg_arms_leave(a, shift);
    ck_assert_ptr_null(dg_arms_take_arm(a, DG_ARM_CHALLENGER));
    ck_assert_int_eq(dg_arms_swap(a, DG_ARM_CHALLENGER, &challenger, &err), DG_OK);
    ck_assert_ptr_null(challenger);
    shift = dg_arms_take(a, "u", 1, &chance);
    ck_assert_ptr_eq(shift->node, second);
    ck_assert_int_eq(shift->arm, DG_ARM_CHALLENGER);
    ck_assert_int_eq(dg_arms_swap(a, DG_ARM_CHALLENGER, &challenger, &err), DG_OK); /* it goes */
    ck_assert_str_eq(dg_node_artifact(shift->node)->name, "fixture"); /* and stays for us */
    dg_arms_leave(a, shift);
    shift = dg_arms_take(a, "u", 1, &chance);
    ck_assert_ptr_eq(shift->node, champion);
    dg_arms_leave(a, shift);
    dg_arms_leave(a, NULL);
    dg_arms_destroy(&a);
    dg_arms_destroy(&a);
    dg_node_close(&champion);
    ck_assert_uint_eq(dg_alloc_live(), 0);
    scratch_remove();
}
END_TEST

START_TEST(the_chance_of_an_arm_is_its_share)
{
    dg_arms *a;
    const dg_split split = {.share = 0.25};
    dg_node *champion = open_node(1), *challenger = open_node(2);
    double chance;
    int n = 0;
    ck_assert_int_eq(dg_arms_create(champion, &split, &a, &err), DG_OK);
    ck_assert_int_eq(dg_arms_swap(a, DG_ARM_CHALLENGER, &challenger, &err), DG_OK);
    for (int user = 0; user < 100; user++) {
        const char id[] = {'u', (char)('0' + user / 10), (char)('0' + user % 10)};
        dg_shift *shift = dg_arms_take(a, id, sizeof id, &chance);
        ck_assert(chance == (shift->arm == DG_ARM_CHALLENGER ? 0.25 : 0.75));
        n += shift->arm == DG_ARM_CHALLENGER;
        dg_arms_leave(a, shift);
    }
    ck_assert(n > 0 && n < 100);
    dg_shift *shift = dg_arms_take(a, NULL, 0, &chance); /* nobody is drawn for */
    ck_assert(shift->arm == DG_ARM_CHAMPION && chance == 1);
    dg_arms_leave(a, shift);
    dg_arms_destroy(&a);
    dg_node_close(&champion);
    ck_assert_uint_eq(dg_alloc_live(), 0);
    scratch_remove();
}
END_TEST

UNIT_MAIN("arms", a_split_gives_its_share_and_keeps_users_as_it_grows,
          without_a_challenger_all_meet_the_champion, the_chance_of_an_arm_is_its_share)
