/* Files of rules: what is read, what is refused with its line, and when they have changed. */
#include "select/rules.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "made_goods.h"
#include "scratch.h"
#include "select/bits.h"
#include "unit_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static dg_err err;

static const char *write_file(const char *name, const char *text, size_t n)
{
    const char *path = scratch((long)getppid(), name);
    FILE *f = fopen(path, "w");
    if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0) abort();
    return path;
}

static dg_status open_rules(const made_goods *g, const char *text, dg_rules **out)
{
    err = (dg_err){0};
    return dg_rules_open(write_file("rules.yaml", text, strlen(text)), g->goods, out, &err);
}

START_TEST(rules_are_read_in_order_with_what_they_say)
{
    made_goods *g = make_goods(100, 1);
    dg_rules *r = NULL;
    int n;
    ck_assert_msg(
        open_rules(
            g,
            "# the shop's rules\n"
            "rules:\n"
            "  Christmas pin:\n"
            "    pin: item 7\n"
            "    place: 2\n"
            "    from: 2026-12-01\n"
            "    until: 2026-12-27 12:00:00\n"
            "  bury-it: {bury: 0.5, where: 'price < 3'}\n"
            "  \"客\": {add: -2.5, where: price > User.age, scene: [a, b], enabled: false}\n",
            &r) == DG_OK,
        "%s", err.text);
    const dg_rule *at = dg_rules_at(r, &n);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(at[0].name, "Christmas pin");
    ck_assert(at[0].action == DG_RULE_PIN && at[0].item == 7 && at[0].place == 2);
    ck_assert(at[0].from == 1796083200 && at[0].until == 1798372800); /* date -u -d …  +%s */
    ck_assert(at[1].action == DG_RULE_BOOST && at[1].amount == 0.5 && at[1].goods != NULL);
    ck_assert(at[2].action == DG_RULE_ADD && at[2].amount == -2.5 && at[2].goods == NULL);
    ck_assert(at[2].scenes.n == 2 && !at[2].enabled && at[1].enabled);
    dg_rules_close(&r);
    free_goods(&g);
}
END_TEST

START_TEST(a_file_without_rules_has_none)
{
    made_goods *g = make_goods(10, 1);
    dg_rules *r = NULL;
    int n;
    ck_assert_int_eq(open_rules(g, "", &r), DG_OK);
    dg_rules_at(r, &n);
    ck_assert_int_eq(n, 0);
    dg_rules_close(&r);
    ck_assert_int_eq(open_rules(g, "rules:\n", &r), DG_OK);
    dg_rules_close(&r);
    dg_rules_at(NULL, &n);
    ck_assert_int_eq(n, 0);
    free_goods(&g);
}
END_TEST

START_TEST(mistakes_name_line_rule_and_key)
{
    static const char *const bad[][2] = {
        {"rule: {}\n", ":1: rule: unknown key; a file of rules has the key rules alone"},
        {"rules: 3\n", ":1: rules: expected a map of rules"},
        {"rules:\n  a: 3\n", ":2: rules.a: expected a map"},
        {"rules:\n  a: {}\n", ":2: rules.a: does nothing: expected pin"},
        {"rules:\n  a.b: {pin: x, place: 1}\n", ":2: rules.a.b: a name has at most 63 bytes"},
        {"rules:\n  a: {bost: 2}\n", ":2: rules.a.bost: unknown key"},
        {"rules:\n  a:\n    boost: 2\n    where: prize < 3\n",
         ":4: rules.a.where: column 1: \"prize\" is not an attribute of the goods"},
        {"rules:\n  a: {boost: 2}\n", ":2: rules.a: needs \"where\""},
        {"rules:\n  a: {boost: -2, where: price < 3}\n", ": expected a number above 0"},
        {"rules:\n  a: {boost: lots, where: price < 3}\n", "found \"lots\""},
        {"rules:\n  a: {bury: 2, where: price < 3}\n", "expected a factor below 1"},
        {"rules:\n  a: {boost: 2, add: 1}\n", ":2: rules.a.add: a rule does one thing"},
        {"rules:\n  a: {pin: item 1}\n", "a pin needs its place"},
        {"rules:\n  a: {pin: item 1, place: 0}\n", "a whole number from 1 to 1000, found \"0\""},
        {"rules:\n  a: {keep: price < 3, place: 2}\n", "only a pin has a place"},
        {"rules:\n  a: {keep: price < 3, where: price < 3}\n", "\"where\" has no meaning here"},
        {"rules:\n  a: {at_most: 3}\n", "needs \"where\" or \"of\""},
        {"rules:\n  a: {at_most: 3, of: color}\n", "\"color\" is not an attribute of the goods"},
        {"rules:\n  a: {at_most: 3, of: price}\n", "price is a number; a cap is by a text"},
        {"rules:\n  a: {at_most: 3, of: brand, where: price < 3}\n", "not both"},
        {"rules:\n  a: {at_least: 3, where: price < 3, of: brand}\n", "only at_most has \"of\""},
        {"rules:\n  a: {add: 3, where: price < 3, relax: true}\n", "only keep and block can relax"},
        {"rules:\n  a: {keep: price < 3, when: price < 3}\n", "\"when\" asks User and CurrentItem"},
        {"rules:\n  a: {keep: User.age < 3}\n", "asks nothing of goods"},
        {"rules:\n  a: {keep: price < 3, paths: [explain]}\n", "expected recommend, similar or"},
        {"rules:\n  a: {keep: price < 3, from: tomorrow}\n", "expected a time such as"},
        {"rules:\n  a: {keep: price < 3, from: 2026-02-01, until: 2026-01-01}\n",
         "ends before it begins"},
        {"rules:\n  a: {keep: price < 3, enabled: maybe}\n", "expected true or false"},
        {"rules:\n  a: {keep: [price < 3]}\n", "expected a plain value"},
        {"rules:\n  a: {block_file: nowhere.txt}\n", "nowhere.txt"},
        {"rules:\n  a: {keep: price < 3\n", ": not valid YAML"},
        {"rules:\n  a: {keep: price < 3}\n  a: {keep: price < 4}\n", ":3:"},
    };
    const size_t live = dg_alloc_live();
    made_goods *g = make_goods(10, 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        dg_rules *r = NULL;
        const dg_status st = open_rules(g, bad[k][0], &r);
        ck_assert_msg(st == DG_ERR_CONFIG || st == DG_ERR_NOINPUT, "%s: %d %s", bad[k][0], st,
                      err.text);
        ck_assert_msg(strstr(err.text, bad[k][1]) != NULL, "%s: %s", bad[k][0], err.text);
        ck_assert_ptr_null(r);
    }
    free_goods(&g);
    ck_assert_uint_eq(dg_alloc_live(), live);
}
END_TEST

START_TEST(lists_of_goods_are_read_beside_the_file)
{
    static const char blocked[] = "item 3\r\nnobody\n\nitem 5";
    static const char stock[] = "stock,item\n0,item 1\n4,item 2\n-1,\"item 4\"\n0.5,item 6\n";
    static const char odd[] = "stock,item\n3,item 1\nmany,item 2\n";
    made_goods *g = make_goods(10, 1);
    dg_rules *r = NULL;
    int n;
    write_file("blocked.txt", blocked, sizeof blocked - 1);
    write_file("stock.csv", stock, sizeof stock - 1);
    ck_assert_msg(open_rules(g,
                             "rules:\n  blocked: {block_file: blocked.txt}\n"
                             "  sold-out: {stock_file: stock.csv}\n",
                             &r) == DG_OK,
                  "%s", err.text);
    const dg_rule *at = dg_rules_at(r, &n);
    ck_assert_uint_eq(at[0].goods[0], 1 << 3 | 1 << 5);
    ck_assert_uint_eq(at[1].goods[0], 1 << 1 | 1 << 4);
    ck_assert(!dg_rules_changed(r));
    write_file("stock.csv", stock, sizeof stock - 8);
    ck_assert(dg_rules_changed(r));
    dg_rules_close(&r);
    write_file("stock.csv", odd, sizeof odd - 1);
    ck_assert_int_eq(open_rules(g, "rules: {a: {stock_file: stock.csv}}", &r), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "stock.csv:3: the stock is not a number"));
    free_goods(&g);
}
END_TEST

START_TEST(a_change_of_the_file_is_seen)
{
    made_goods *g = make_goods(10, 1);
    dg_rules *r = NULL;
    ck_assert_int_eq(open_rules(g, "rules: {a: {keep: price < 3}}\n", &r), DG_OK);
    ck_assert(!dg_rules_changed(r));
    write_file("rules.yaml", "rules:\n", 7);
    ck_assert(dg_rules_changed(r));
    unlink(scratch((long)getppid(), "rules.yaml"));
    ck_assert(dg_rules_changed(r));
    dg_rules_close(&r);
    free_goods(&g);
}
END_TEST

START_TEST(boosts_that_cut_the_goods_too_finely_are_refused)
{
    made_goods *g = make_goods(500, 1);
    dg_rules *r = NULL;
    dg_text t = {0};
    dg_text_add(&t, "rules:\n");
    for (int k = 0; k < 6; k++)
        dg_text_add(&t, "  r%d: {boost: 2, where: price < %d * User.age}\n", k, k + 1);
    ck_assert_msg(open_rules(g, t.at, &r) == DG_OK, "%s", err.text);
    dg_rules_close(&r);
    dg_text_add(&t, "  r6: {boost: 2, where: price < 9}\n");
    ck_assert_int_eq(open_rules(g, t.at, &r), DG_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "into more than 64 groups"));
    t.n = 0;
    dg_text_add(&t, "rules:\n");
    for (int k = 0; k < 16; k++) dg_text_add(&t, "  r%d: {boost: 2, where: brand = 'b%d'}\n", k, k);
    ck_assert_msg(open_rules(g, t.at, &r) == DG_OK, "%s", err.text);
    dg_rules_close(&r);
    dg_text_free(&t);
    free_goods(&g);
}
END_TEST

START_TEST(any_bytes_are_rules_or_refused)
{
    static const char good[] = "rules:\n  a: {boost: 1.5, where: 'price < 3', scene: [x, y]}\n"
                               "  b: {pin: item 3, place: 2, from: 2026-01-01}\n"
                               "  c: {at_most: 2, of: brand, when: User.age < 9}\n";
    made_goods *g = make_goods(70, 1);
    int read = 0;
    const char *path = write_file("rules.yaml", good, sizeof good - 1);
    for (uint64_t k = 0; k < 1500; k++) {
        dg_rng rng = dg_rng_at(3, DG_RNG_TEST, k);
        char text[sizeof good];
        dg_rules *r = NULL;
        memcpy(text, good, sizeof good);
        for (uint32_t i = dg_rng_below(&rng, 4); i > 0; i--)
            text[dg_rng_below(&rng, sizeof good - 1)] = (char)dg_rng_below(&rng, 256);
        write_file("rules.yaml", text, k < sizeof good ? k : sizeof good - 1);
        const dg_status st = dg_rules_open(path, g->goods, &r, &err);
        ck_assert((st == DG_OK) == (r != NULL));
        read += st == DG_OK;
        dg_rules_close(&r);
    }
    ck_assert_int_gt(read, 100);
    free_goods(&g);
    scratch_remove();
}
END_TEST

UNIT_MAIN("rules", rules_are_read_in_order_with_what_they_say, a_file_without_rules_has_none,
          mistakes_name_line_rule_and_key, lists_of_goods_are_read_beside_the_file,
          a_change_of_the_file_is_seen, boosts_that_cut_the_goods_too_finely_are_refused,
          any_bytes_are_rules_or_refused)
