/* Conditions on goods: what they say, what is refused, and random ones against a slow reference. */
#include "select/condition.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "made_goods.h"
#include "select/bits.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;
static dg_condition condition;

/* ---- random conditions: a text, and the truth about each good without the module's help ---- */

typedef struct dg_draw {
    const made_goods *g;
    dg_rng rng;
    dg_text text;
    dg_asked asked;
} dg_draw;

static const char *cased(dg_draw *d, const char *word)
{
    static char out[16];
    snprintf(out, sizeof out, "%s", word);
    if (dg_rng_below(&d->rng, 4) == 0)
        for (char *c = out; *c != '\0'; c++) *c = (char)(*c - ('a' <= *c && *c <= 'z' ? 32 : 0));
    return out;
}

static double number_at(const dg_attributes *a, int k, int64_t row)
{
    return row < 0 ? NAN : a->at[k].number[row];
}

static bool has_text(const dg_attribute *a, int64_t row, const char *value)
{
    for (int64_t p = row < 0 ? 0 : a->ptr[row]; row >= 0 && p < a->ptr[row + 1]; p++) {
        size_t n;
        const char *at = dg_attribute_text(a, a->code[p], &n);
        if (n == strlen(value) && memcmp(at, value, n) == 0) return true;
    }
    return false;
}

static bool shares_text(const dg_attribute *a, int64_t row, const dg_attribute *b, int64_t other)
{
    for (int64_t p = other < 0 ? 0 : b->ptr[other]; other >= 0 && p < b->ptr[other + 1]; p++) {
        char value[32];
        size_t n;
        const char *at = dg_attribute_text(b, b->code[p], &n);
        snprintf(value, sizeof value, "%.*s", (int)n, at);
        if (has_text(a, row, value)) return true;
    }
    return false;
}

static bool is_missing(const dg_attribute *a, int64_t row)
{
    if (row < 0) return true;
    return a->number != NULL ? isnan(a->number[row]) : a->ptr[row] == a->ptr[row + 1];
}

/* A number to compare with: a constant, or what is asked of somebody. */
static double draw_number(dg_draw *d)
{
    const double factor = 0.25 * (double)(1 + dg_rng_below(&d->rng, 8));
    switch (dg_rng_below(&d->rng, 4)) {
    case 0: dg_text_add(&d->text, "%g * CurrentItem.price", factor); break;
    case 1: dg_text_add(&d->text, "User.age"); break;
    default: {
        const double x = 0.5 * (double)dg_rng_below(&d->rng, 110) - 2;
        dg_text_add(&d->text, "%g", x);
        return x;
    }
    }
    const bool user = d->text.at[d->text.n - 1] == 'e' && d->text.at[d->text.n - 2] == 'g';
    return user ? number_at(&d->g->users, 0, d->asked.user)
                : factor * number_at(&d->g->items, 0, d->asked.item);
}

static bool draw_compare(dg_draw *d, int64_t item)
{
    static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char *const names[] = {"price", "year", "`odd name`"};
    static const int place[] = {0, 1, 5};
    const uint32_t sign = dg_rng_below(&d->rng, 6), k = dg_rng_below(&d->rng, 3);
    dg_text_add(&d->text, "%s%s%s ", names[k], dg_rng_below(&d->rng, 2) ? " " : "", signs[sign]);
    const double x = number_at(&d->g->items, place[k], item), y = draw_number(d);
    return sign == 0   ? x == y
           : sign == 1 ? !(x == y)
           : sign == 2 ? x < y
           : sign == 3 ? x <= y
           : sign == 4 ? x > y
                       : x >= y;
}

static bool draw_between(dg_draw *d, int64_t item)
{
    const bool not = dg_rng_below(&d->rng, 2);
    dg_text_add(&d->text, "price %s ", not ? cased(d, "not") : "");
    dg_text_add(&d->text, "%s ", cased(d, "between"));
    const double x = number_at(&d->g->items, 0, item), low = draw_number(d);
    dg_text_add(&d->text, " %s ", cased(d, "and"));
    const double high = draw_number(d);
    return (x >= low && x <= high) != not ;
}

static bool draw_in(dg_draw *d, int64_t item)
{
    static const char *const names[] = {"category", "brand", "tags"};
    static const char prefix[] = {'c', 'b', 't'};
    const uint32_t k = dg_rng_below(&d->rng, 3), n = 1 + dg_rng_below(&d->rng, 4);
    const bool not = dg_rng_below(&d->rng, 2);
    bool found = false;
    dg_text_add(&d->text, "%s %s in (", names[k], not ? "not" : "");
    for (uint32_t v = 0; v < n; v++) {
        char value[16];
        snprintf(value, sizeof value, "%c%u", prefix[k], dg_rng_below(&d->rng, 12));
        dg_text_add(&d->text, "%s%s%s%s", v > 0 ? ", " : "", v % 2 ? "\"" : "'", value,
                    v % 2 ? "\"" : "'");
        found = has_text(&d->g->items.at[2 + k], item, value) || found;
    }
    dg_text_add(&d->text, ")");
    return found != not ;
}

static bool draw_alike(dg_draw *d, int64_t item)
{
    switch (dg_rng_below(&d->rng, 5)) {
    case 0:
        dg_text_add(&d->text, "category = CurrentItem.category");
        return shares_text(&d->g->items.at[2], item, &d->g->items.at[2], d->asked.item);
    case 1:
        dg_text_add(&d->text, "tags contains CurrentItem.tags");
        return shares_text(&d->g->items.at[4], item, &d->g->items.at[4], d->asked.item);
    case 2:
        dg_text_add(&d->text, "tags != User.tags");
        return !shares_text(&d->g->items.at[4], item, &d->g->users.at[2], d->asked.user);
    case 3:
        dg_text_add(&d->text, "category = User.city");
        return shares_text(&d->g->items.at[2], item, &d->g->users.at[1], d->asked.user);
    default:
        dg_text_add(&d->text, "tags contains 't3'");
        return has_text(&d->g->items.at[4], item, "t3");
    }
}

static bool draw_missing(dg_draw *d, int64_t item)
{
    static const char *const names[] = {"price", "year", "category", "brand", "tags"};
    const uint32_t k = dg_rng_below(&d->rng, 5);
    const bool not = dg_rng_below(&d->rng, 2);
    dg_text_add(&d->text, "%s is %s missing", names[k], not ? "not" : "");
    return is_missing(&d->g->items.at[k], item) != not ;
}

static bool draw_asked(dg_draw *d)
{
    const uint32_t k = dg_rng_below(&d->rng, 12);
    switch (dg_rng_below(&d->rng, 5)) {
    case 0:
        dg_text_add(&d->text, "User.age >= %u", 5 * k);
        return number_at(&d->g->users, 0, d->asked.user) >= 5 * k;
    case 1: {
        char value[16];
        snprintf(value, sizeof value, "c%u", k);
        dg_text_add(&d->text, "user.city in ('%s', \"c1\")", value);
        return has_text(&d->g->users.at[1], d->asked.user, value) ||
               has_text(&d->g->users.at[1], d->asked.user, "c1");
    }
    case 2:
        dg_text_add(&d->text, "User.tags is missing");
        return is_missing(&d->g->users.at[2], d->asked.user);
    case 3:
        dg_text_add(&d->text, "CurrentItem.price is missing");
        return is_missing(&d->g->items.at[0], d->asked.item);
    default:
        dg_text_add(&d->text, "CurrentItem.price between 1 and %u", k);
        return number_at(&d->g->items, 0, d->asked.item) >= 1 &&
               number_at(&d->g->items, 0, d->asked.item) <= k;
    }
}

static bool draw_id(dg_draw *d, int64_t item)
{
    const uint32_t k = dg_rng_below(&d->rng, 80);
    dg_text_add(&d->text, "item in ('item %u', 'nobody', \"item 3\")", k);
    return item == (int64_t)k || item == 3;
}

/* The same draws for each item: the text comes out the same, the truth is the item's. */
static bool draw(dg_draw *d, int depth, int64_t item)
{
    const uint32_t kind = dg_rng_below(&d->rng, depth > 0 ? 12 : 7);
    if (kind < 7) {
        switch (kind) {
        case 0: return draw_compare(d, item);
        case 1: return draw_between(d, item);
        case 2: return draw_in(d, item);
        case 3: return draw_alike(d, item);
        case 4: return draw_missing(d, item);
        case 5: return draw_asked(d);
        default: return draw_id(d, item);
        }
    }
    if (kind == 7) {
        dg_text_add(&d->text, "%s (", cased(d, "not"));
        const bool inner = draw(d, depth - 1, item);
        dg_text_add(&d->text, ")");
        return !inner;
    }
    const bool any = kind < 10;
    dg_text_add(&d->text, "(");
    const bool left = draw(d, depth - 1, item);
    dg_text_add(&d->text, " %s ", cased(d, any ? "or" : "and"));
    const bool right = draw(d, depth - 1, item);
    dg_text_add(&d->text, ")");
    return any ? left || right : left && right;
}

/* All goods, one draw of the same random numbers each. */
static void check_random(const made_goods *g, uint64_t row, dg_asked asked)
{
    const int64_t n = g->from.n_items;
    uint64_t *found = dg_alloc(dg_bits_words(n), sizeof *found);
    dg_draw d = {.g = g, .asked = asked};
    for (int64_t item = 0; item < n; item++) {
        d.rng = dg_rng_at(5, DG_RNG_TEST, row);
        d.text.n = 0;
        const bool passes = draw(&d, 4, item);
        if (item == 0) {
            ck_assert_msg(dg_condition_read(g->goods, d.text.at, d.text.n, &condition, &err) ==
                              DG_OK,
                          "%s: %s", d.text.at, err.text);
            ck_assert_int_eq(dg_condition_apply(&condition, g->goods, asked, found, &err), DG_OK);
        }
        ck_assert_msg(dg_bits_has(found, item) == passes, "item %lld, %s", (long long)item,
                      d.text.at);
    }
    if (n % 64 != 0) ck_assert_uint_eq(found[n / 64] >> (n % 64), 0);
    dg_text_free(&d.text);
    dg_free(found);
}

START_TEST(random_conditions_pass_the_goods_a_slow_reference_passes)
{
    static const int64_t sizes[] = {1, 63, 64, 65, 200, 517};
    const size_t live = dg_alloc_live();
    for (uint64_t k = 0; k < 6; k++) {
        made_goods *g = make_goods(sizes[k], k);
        for (uint64_t row = 0; row < 120; row++)
            check_random(g, 1000 * k + row,
                         (dg_asked){(int64_t)(row % 7 == 0 ? -1 : (int64_t)row % sizes[k]),
                                    (int64_t)row % (MADE_USERS + 1) - 1});
        free_goods(&g);
    }
    ck_assert_uint_eq(dg_alloc_live(), live);
}
END_TEST

static int64_t passing(const made_goods *g, const char *text, dg_asked asked)
{
    uint64_t found[64];
    ck_assert_msg(dg_condition_read(g->goods, text, strlen(text), &condition, &err) == DG_OK, "%s",
                  err.text);
    ck_assert_int_eq(dg_condition_apply(&condition, g->goods, asked, found, &err), DG_OK);
    return dg_bits_count(found, g->from.n_items);
}

START_TEST(and_binds_more_than_or_and_not_more_than_and)
{
    made_goods *g = make_goods(500, 3);
    const dg_asked nobody = {-1, -1};
    ck_assert_int_eq(passing(g, "year = 1 or year = 2 and price < 9", nobody),
                     passing(g, "year = 1 or (year = 2 and price < 9)", nobody));
    ck_assert_int_ne(passing(g, "year = 1 or year = 2 and price < 9", nobody),
                     passing(g, "(year = 1 or year = 2) and price < 9", nobody));
    ck_assert_int_eq(passing(g, "not year = 1 and price < 9", nobody),
                     passing(g, "(not year = 1) and price < 9", nobody));
    free_goods(&g);
}
END_TEST

START_TEST(a_value_nothing_has_passes_nothing_and_its_opposite_all)
{
    made_goods *g = make_goods(500, 3);
    const dg_asked nobody = {-1, -1};
    ck_assert_int_eq(passing(g, "category = 'none such'", nobody), 0);
    ck_assert_int_eq(passing(g, "category != 'none such'", nobody), 500);
    ck_assert_int_eq(passing(g, "price < User.age", nobody), 0);
    free_goods(&g);
}
END_TEST

START_TEST(texts_may_have_quotes_and_numbers_stand_for_their_text)
{
    made_goods *g = make_goods(10, 3);
    const dg_asked nobody = {-1, -1};
    ck_assert_int_eq(passing(g, "category in ('it\\'s', \"say \\\"c1\\\"\", 'c\\1')", nobody),
                     passing(g, "category = 'c1'", nobody));
    ck_assert_int_eq(passing(g, "item = 3", nobody), 0);
    ck_assert_int_eq(passing(g, "price >= -1e3 and price <= 1.5e2", nobody),
                     passing(g, "price is not missing", nobody));
    free_goods(&g);
}
END_TEST

START_TEST(mistakes_are_told_with_their_column)
{
    static const char *const bad[][2] = {
        {"", "column 1: expected the name of an attribute, the text ends"},
        {"colour = 'red'", "column 1: \"colour\" is not an attribute of the goods"},
        {"价格 = 1 and pric > 2", "column 1: \"价格\" is not an attribute of the goods"},
        {"price > 2 and categories = 'a'",
         "column 15: \"categories\" is not an attribute of the goods"},
        {"User.town = 'x'", "column 6: \"town\" is not an attribute of the users"},
        {"price < 'x'", "column 9: a text stands where a number is compared"},
        {"price < CurrentItem.brand", "column 9: a text stands where a number is compared"},
        {"brand < 'x'", "column 7: < compares numbers, and this is a text"},
        {"brand = CurrentItem.price", "column 9: a number stands where a text is compared"},
        {"brand = 2 * User.age", "column 9: a number stands where a text is compared"},
        {"User.age = CurrentItem.price", "column 12: one side must be of the goods, or a constant"},
        {"User.city = CurrentItem.brand", "column 13: one side must be an attribute of the goods"},
        {"brand contains 'x'", "column 1: \"contains\" asks a list, and this is none"},
        {"brand between 1 and 2", "column 1: \"between\" compares numbers, and this is a text"},
        {"price between 1 or 2", "column 17: expected \"and\", found \"or\""},
        {"price is", "column 9: expected \"missing\", the text ends"},
        {"item is missing", "column 1: every good has an id"},
        {"price", "column 6: expected =, !=, <, <=, >, >=, in, between, contains or is, the text"},
        {"price not like 3", "column 11: expected \"in\" or \"between\", found \"like\""},
        {"price in ()", "column 11: expected a text in quotes or a number, found \")\""},
        {"price in (1,)", "column 13: expected a text in quotes or a number, found \")\""},
        {"price in (1", "column 12: expected \")\", the text ends"},
        {"brand in (CurrentItem.brand)", "column 11: a list has texts and numbers, not attributes"},
        {"(price = 1", "column 11: expected \")\", the text ends"},
        {"price = 1)", "column 10: expected \"and\", \"or\" or the end, found \")\""},
        {"price = 1 2", "column 11: expected \"and\", \"or\" or the end, found \"2\""},
        {"brand = 'x", "column 9: the quote is never closed"},
        {"price = 1x", "column 9: not a number"},
        {"price = 1.2.3", "column 9: not a number"},
        {"price = 1e999", "column 9: not a number"},
        {"price = 2 * 3", "column 13: expected CurrentItem or User, found \"3\""},
        {"price = $3", "column 9: \"$\" has no meaning here"},
        {"price = \xff", "column 1: the text is not UTF-8"},
    };
    made_goods *g = make_goods(10, 3);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ck_assert_int_eq(
            dg_condition_read(g->goods, bad[k][0], strlen(bad[k][0]), &condition, &err),
            DG_ERR_USAGE);
        ck_assert_msg(strncmp(err.text, bad[k][1], strlen(bad[k][1])) == 0, "%s: %s", bad[k][0],
                      err.text);
    }
    ck_assert_int_eq(dg_condition_read(g->goods, "pric > 2", 8, &condition, &err), DG_ERR_USAGE);
    ck_assert_str_eq(err.hint, "did you mean price?");
    free_goods(&g);
}
END_TEST

static dg_status read_repeated(const made_goods *g, const char *first, const char *again, int n,
                               const char *last)
{
    dg_text t = {0};
    dg_text_add(&t, "%s", first);
    for (int k = 0; k < n; k++) dg_text_add(&t, "%s", again);
    dg_text_add(&t, "%s", last);
    const dg_status st = dg_condition_read(g->goods, t.at, t.n, &condition, &err);
    dg_text_free(&t);
    return st;
}

START_TEST(size_depth_and_length_are_bounded)
{
    made_goods *g = make_goods(10, 3);
    ck_assert_int_eq(read_repeated(g, "", "not ", 31, "year = 1"), DG_OK);
    ck_assert_int_eq(read_repeated(g, "", "not ", 32, "year = 1"), DG_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "nested deeper than 32"));
    ck_assert_int_eq(read_repeated(g, "", "(", 5000, ""), DG_ERR_USAGE);
    ck_assert_int_eq(read_repeated(g, "year=1", " or year=1", 127, ""), DG_OK);
    ck_assert_int_eq(read_repeated(g, "year=1", " or year=1", 128, ""), DG_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 256 tests"));
    ck_assert_int_eq(read_repeated(g, "brand in ('b1'", ",'b2'", 1023, ")"), DG_OK);
    ck_assert_int_eq(read_repeated(g, "brand in ('b1'", ",'b2'", 1024, ")"), DG_ERR_USAGE);
    ck_assert_int_eq(read_repeated(g, "year = 1", " ", 8192, ""), DG_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "longer than 8192 bytes"));
    free_goods(&g);
}
END_TEST

START_TEST(the_deepest_condition_has_room_for_its_sets)
{
    made_goods *g = make_goods(100, 3);
    uint64_t found[2];
    ck_assert_int_eq(read_repeated(g, "", "year = 1 or year = 2 and (", 31, "year in (1, 2)"),
                     DG_ERR_USAGE);
    dg_text t = {0};
    for (int k = 0; k < 31; k++) dg_text_add(&t, "year = 1 or year = 2 and (");
    dg_text_add(&t, "year in (1, 2)");
    for (int k = 0; k < 31; k++) dg_text_add(&t, ")");
    ck_assert_int_eq(dg_condition_read(g->goods, t.at, t.n, &condition, &err), DG_OK);
    ck_assert_int_le(condition.depth, DG_CONDITION_STACK);
    ck_assert_int_gt(condition.depth, 60);
    ck_assert_int_eq(dg_condition_apply(&condition, g->goods, (dg_asked){-1, -1}, found, &err),
                     DG_OK);
    ck_assert_int_eq(dg_bits_count(found, 100), passing(g, "year in (1, 2)", (dg_asked){-1, -1}));
    dg_text_free(&t);
    free_goods(&g);
}
END_TEST

/* Texts of known words in any order, and known texts with bytes changed. */
START_TEST(any_text_is_read_or_refused)
{
    static const char *const words[] = {
        "price", "brand",   "tags", "and ", "or ", "not ", "(",        ")",    " in ",
        "is ",   "missing", "'b1'", "3",    "=",   "<",    "between ", ",",    "User",
        ".",     "age",     "*",    "`",    "\"",  "\\",   "客",       "item", "contains "};
    made_goods *g = make_goods(70, 3);
    uint64_t found[2];
    int good = 0;
    for (uint64_t k = 0; k < 6000; k++) {
        dg_rng r = dg_rng_at(11, DG_RNG_TEST, k);
        dg_text t = {0};
        if (k % 2)
            dg_text_add(&t, "price between 1 and 3 or not brand in ('b1', 'b2') and tags = 't1'");
        for (uint32_t i = k % 2 ? 0 : 1 + dg_rng_below(&r, 12); i > 0; i--)
            dg_text_add(&t, "%s", words[dg_rng_below(&r, sizeof words / sizeof *words)]);
        for (uint32_t i = k % 2 ? dg_rng_below(&r, 3) : 0; i > 0; i--)
            t.at[dg_rng_below(&r, (uint32_t)t.n)] = (char)dg_rng_below(&r, 256);
        const size_t n = k % 3 == 2 ? dg_rng_below(&r, (uint32_t)t.n + 1) : t.n;
        if (dg_condition_read(g->goods, t.at, n, &condition, &err) == DG_OK) {
            ck_assert_int_eq(
                dg_condition_apply(&condition, g->goods, (dg_asked){1, 1}, found, &err), DG_OK);
            good++;
        } else {
            ck_assert_ptr_nonnull(strstr(err.text, "column "));
        }
        dg_text_free(&t);
    }
    ck_assert_int_gt(good, 300);
    free_goods(&g);
}
END_TEST

UNIT_MAIN("condition", random_conditions_pass_the_goods_a_slow_reference_passes,
          and_binds_more_than_or_and_not_more_than_and,
          a_value_nothing_has_passes_nothing_and_its_opposite_all,
          texts_may_have_quotes_and_numbers_stand_for_their_text,
          mistakes_are_told_with_their_column, size_depth_and_length_are_bounded,
          the_deepest_condition_has_room_for_its_sets, any_text_is_read_or_refused)
