#include "registry/gate.h"

#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = DG_GATE_NAMES };

/* Values by name, as the tests know them. */
static double own_value(const char *name)
{
    return strcmp(name, "ndcg@100") == 0    ? 0.50
           : strcmp(name, "recall@20") == 0 ? 0.40
           : strcmp(name, "rmse") == 0      ? 0.92
           : strcmp(name, "users") == 0     ? 1000
                                            : NAN;
}

static double champions_value(const char *name)
{
    return strcmp(name, "ndcg@100") == 0    ? 0.51
           : strcmp(name, "recall@20") == 0 ? 0.40
           : strcmp(name, "rmse") == 0      ? 0.93
                                            : NAN;
}

static bool judge(const char *text, bool has_champion, json_t **parts)
{
    double mine[MOST], theirs[MOST];
    dg_gate *g;
    dg_err err;
    bool passed;
    const dg_status st = dg_gate_parse(text, &g, &err);
    ck_assert_msg(st == DG_OK, "%s: %s", text, st == DG_OK ? "" : err.text);
    for (int k = 0; k < dg_gate_names(g); k++) {
        mine[k] = own_value(dg_gate_name(g, k));
        theirs[k] = champions_value(dg_gate_name(g, k));
    }
    const dg_gate_case c = {.mine = mine, .theirs = has_champion ? theirs : NULL};
    json_t *own = NULL;
    ck_assert_int_eq(dg_gate_judge(g, &c, &passed, &own, &err), DG_OK);
    if (parts != NULL)
        *parts = own;
    else
        json_decref(own);
    dg_gate_destroy(&g);
    ck_assert_uint_eq(dg_alloc_live(), 0);
    return passed;
}

static bool passes(const char *text) { return judge(text, true, NULL); }

START_TEST(comparisons_hold_as_arithmetic_says)
{
    ck_assert(passes("ndcg@100 >= 0.98 * champion"));
    ck_assert(!passes("ndcg@100 >= 0.99 * champion"));
    ck_assert(!passes("ndcg@100 >= champion"));
    ck_assert(passes("rmse <= champion"));
    ck_assert(passes("rmse < champion"));
    ck_assert(passes("recall@20 >= champion.recall@20"));
    ck_assert(!passes("recall@20 > champion.recall@20"));
    ck_assert(passes("recall@20 >= 0.39 and users > 999"));
    ck_assert(passes("1 + 2 * 3 < 7.5"));
    ck_assert(passes("(1 + 2) * 3 > 8.9"));
    ck_assert(passes("1 - 2 - 3 < -3.9"));
    ck_assert(passes("8 / 2 / 2 >= 2 and 8 / 2 / 2 <= 2"));
    ck_assert(passes("-recall@20 > -0.41"));
    ck_assert(passes("- - 1 > 0"));
    ck_assert(passes("1e-3 > .0005 and 2E2 > 1.9e+2"));
    ck_assert(
        passes("(ndcg@100 + recall@20) / 2 > (champion.ndcg@100 + champion.recall@20) / 2.1"));
}
END_TEST

START_TEST(conditions_combine_as_usual)
{
    ck_assert(passes("1 > 2 and 1 > 2 or 2 > 1")); /* and binds closer */
    ck_assert(!passes("1 > 2 and (1 > 2 or 2 > 1)"));
    ck_assert(passes("not 1 > 2"));
    ck_assert(passes("not not 2 > 1"));
    ck_assert(passes("not (1 > 2 or 2 > 3)"));
    ck_assert(!passes("not (1 > 2 or 3 > 2)"));
    ck_assert(passes("not 1 > 2 and 2 > 1"));
    ck_assert(passes("((((recall@20))) >= 0.39)"));
    ck_assert(passes(" \t\n2>1 "));
}
END_TEST

START_TEST(without_a_champion_what_asks_for_it_holds)
{
    ck_assert(judge("ndcg@100 >= 2 * champion", false, NULL));
    ck_assert(judge("not ndcg@100 >= 0.1 * champion", false, NULL));
    ck_assert(!judge("ndcg@100 >= 2 * champion and recall@20 > 0.41", false, NULL));
    ck_assert(judge("ndcg@100 >= 2 * champion and recall@20 > 0.39", false, NULL));
}
END_TEST

START_TEST(what_is_no_number_does_not_hold)
{
    ck_assert(!passes("coverage@20 > 0"));
    ck_assert(!passes("coverage@20 < 0"));
    ck_assert(!passes("not coverage@20 > 0"));
    ck_assert(!passes("1 / 0 > 0"));
    ck_assert(!passes("0 / 0 >= 0"));
    ck_assert(passes("1 / 0 > 0 or 2 > 1"));
}
END_TEST

static void refused(const char *text, const char *what)
{
    dg_gate *g;
    dg_err err;
    ck_assert_int_eq(dg_gate_parse(text, &g, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, what);
    ck_assert_ptr_null(g);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

START_TEST(mistakes_are_refused_with_their_column)
{
    refused("and", "column 1: expected a metric, a number or a parenthesis");
    refused("1 >= >= 2", "column 6: expected a metric, a number or a parenthesis");
    refused("1 2", "column 3: expected and, or, or the end");
    refused("1 > 2 > 3", "column 7: expected and, or, or the end");
    refused("a == b", "column 3: expected and, or, or the end");
    refused("", "column 1: the gate ends too early");
    refused("1 >", "column 4: the gate ends too early");
    refused("(1 > 2", "column 7: expected \")\"");
    refused("1 > 2)", "column 6: expected and, or, or the end");
    refused("ndcg@100", "column 1: a gate is a condition, as in ndcg@100 >= 0.98 * champion");
    refused("(1 > 2) + 1", "column 9: a condition is not a number");
    refused("(1 > 2) >= 1", "column 9: a condition is not a number");
    refused("1 and 2 > 1", "column 3: expected a condition on both sides, as in a >= b and c >= d");
    refused("not 1", "column 1: expected a condition on both sides, as in a >= b and c >= d");
    refused("champion > 1", "column 1: which metric of the champion? as in champion.ndcg@100");
    refused("a + b > champion",
            "column 9: which metric of the champion? the comparison names several");
    refused("1..2 > 1", "column 1: not a number");
    refused("champion. > 1", "column 10: expected the name of a metric");
}
END_TEST

START_TEST(a_bare_champion_stands_for_its_own_comparison)
{
    json_t *parts;
    ck_assert(!judge("ndcg@100 >= champion and rmse <= champion", true, &parts));
    ck_assert_double_eq(json_number_value(json_object_get(json_array_get(parts, 0), "right")), .51);
    ck_assert_double_eq(json_number_value(json_object_get(json_array_get(parts, 1), "right")), .93);
    ck_assert(json_is_true(json_object_get(json_array_get(parts, 1), "holds")));
    json_decref(parts);
    ck_assert(
        judge("(ndcg@100 >= (champion * 0.9)) and (0.99 * champion <= recall@20)", true, &parts));
    ck_assert_double_eq_tol(json_number_value(json_object_get(json_array_get(parts, 1), "left")),
                            .99 * .4, 1e-15);
    json_decref(parts);
}
END_TEST

START_TEST(the_verdict_says_every_comparison_in_words)
{
    json_t *parts;
    dg_text t = {0};
    judge("ndcg@100  >=  champion or rmse <= 1", true, &parts);
    dg_gate_show(parts, &t);
    ck_assert_str_eq(t.at, "ndcg@100  >=  champion: 0.5 >= 0.51, no; rmse <= 1: 0.92 <= 1, yes");
    dg_text_free(&t);
    json_decref(parts);
}
END_TEST

/* Draws whose differences are 1, 2, … 100 times `unit`, shuffled. */
static bool with_draws(const char *text, double confidence, double unit, double shift)
{
    double mine = 1, theirs = 1, mine_drawn[100], theirs_drawn[100];
    dg_gate *g;
    dg_err err;
    bool passed;
    json_t *parts;
    for (int d = 0; d < 100; d++) {
        theirs_drawn[d] = (d * 7) % 13;
        mine_drawn[d] = theirs_drawn[d] + unit * ((d * 37) % 100 + 1) + shift;
    }
    ck_assert_int_eq(dg_gate_parse(text, &g, &err), DG_OK);
    const dg_gate_case c = {&mine, &theirs, mine_drawn, theirs_drawn, 100, confidence};
    ck_assert_int_eq(dg_gate_judge(g, &c, &passed, &parts, &err), DG_OK);
    json_decref(parts);
    dg_gate_destroy(&g);
    return passed;
}

START_TEST(with_draws_the_lower_bound_decides)
{
    /* Differences 1 … 100, less s: sorted, place floor(.05 * 100) = 5 holds 6 - s. */
    ck_assert(with_draws("a >= champion", .95, 1, -6));
    ck_assert(!with_draws("a >= champion", .95, 1, -6.001));
    ck_assert(!with_draws("a > champion", .95, 1, -6));
    ck_assert(with_draws("a > champion", .95, 1, -5.999));
    ck_assert(with_draws("a >= champion", .9, 1, -11));
    ck_assert(!with_draws("a >= champion", .9, 1, -11.001));
    /* For "<" the difference is turned: -100 … -1, less s; place 5 holds -95. */
    ck_assert(with_draws("a <= champion", .95, 1, -95));
    ck_assert(!with_draws("a <= champion", .95, 1, -94.9));
}
END_TEST

START_TEST(not_turns_comparisons_around_and_is_no_laxer)
{
    ck_assert(!with_draws("a >= champion", .95, 1, -50)); /* neither is sure */
    ck_assert(!with_draws("not a < champion", .95, 1, -50));
    ck_assert(!with_draws("a < champion", .95, 1, -50));
    ck_assert(with_draws("not a < champion", .95, 1, -6));
    ck_assert(with_draws("not (a < champion or a < champion)", .95, 1, -6));
}
END_TEST

/* ---- a slow and obvious second opinion on random gates ---- */

static void add_number(dg_rng *r, int depth, dg_text *t)
{
    static const char *const leaf[] = {"1", "0.5", "ndcg@100", "recall@20", "champion.rmse", "2"};
    const uint32_t what = dg_rng_below(r, depth > 3 ? 1 : 4);
    if (what == 0) {
        dg_text_add(t, "%s", leaf[dg_rng_below(r, 6)]);
    } else if (what == 1) {
        dg_text_add(t, "-");
        add_number(r, depth + 1, t);
    } else {
        dg_text_add(t, "(");
        add_number(r, depth + 1, t);
        dg_text_add(t, " %c ", "+-*/"[dg_rng_below(r, 4)]);
        add_number(r, depth + 1, t);
        dg_text_add(t, ")");
    }
}

static void add_condition(dg_rng *r, int depth, dg_text *t)
{
    static const char *const sign[] = {"<", "<=", ">", ">="};
    const uint32_t what = dg_rng_below(r, depth > 2 ? 1 : 4);
    if (what == 0) {
        add_number(r, 2, t);
        dg_text_add(t, " %s ", sign[dg_rng_below(r, 4)]);
        add_number(r, 2, t);
    } else if (what == 1) {
        dg_text_add(t, "not (");
        add_condition(r, depth + 1, t);
        dg_text_add(t, ")");
    } else {
        dg_text_add(t, "(");
        add_condition(r, depth + 1, t);
        dg_text_add(t, what == 2 ? " and " : " or ");
        add_condition(r, depth + 1, t);
        dg_text_add(t, ")");
    }
}

/* Reads what was written fully parenthesised, straight from the text. */
static double ref_number(const char **s);
static double ref_leaf(const char **s)
{
    static const char *const name[] = {"ndcg@100", "recall@20", "champion.rmse"};
    static const double value[] = {.50, .40, .93};
    for (int k = 0; k < 3; k++)
        if (strncmp(*s, name[k], strlen(name[k])) == 0) return *s += strlen(name[k]), value[k];
    char *end;
    const double v = strtod(*s, &end);
    *s = end;
    return v;
}

static double ref_number(const char **s)
{
    if (**s == '-') return ++*s, -ref_number(s);
    if (**s != '(') return ref_leaf(s);
    ++*s;
    const double a = ref_number(s);
    const char op = (*s)[1];
    *s += 3;
    const double b = ref_number(s);
    ++*s;
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
}

/* A number that is none makes its comparison false, turned around or not. */
static bool ref_condition(const char **s, bool turned)
{
    if (strncmp(*s, "not (", 5) == 0) {
        *s += 5;
        const bool inside = ref_condition(s, !turned);
        ++*s;
        return inside;
    }
    const char *begin = *s;
    if (**s == '(') { /* a condition, or the number a comparison begins with */
        int open = 0;
        const char *p = begin;
        do open += (*p == '(') - (*p == ')');
        while (++p, open > 0);
        if (memchr(begin, '<', (size_t)(p - begin)) || memchr(begin, '>', (size_t)(p - begin))) {
            ++*s;
            const bool a = ref_condition(s, turned);
            const bool both = strncmp(*s, " and ", 5) == 0;
            *s += both ? 5 : 4;
            const bool b = ref_condition(s, turned);
            ++*s;
            return both != turned ? a && b : a || b;
        }
    }
    const double a = ref_number(s);
    const bool less = (*s)[1] == '<', equal = (*s)[2] == '=';
    *s += equal ? 4 : 3;
    const double b = ref_number(s);
    if (!isfinite(a - b)) return false;
    const bool holds = less ? (equal ? a <= b : a < b) : (equal ? a >= b : a > b);
    return holds != turned;
}

START_TEST(random_gates_are_judged_as_a_slow_reader_judges_them)
{
    int n_passed = 0, n = 0;
    for (uint64_t round = 0; round < 3000; round++) {
        dg_rng r = dg_rng_at(1, DG_RNG_TEST, round);
        dg_text t = {0};
        dg_gate *g;
        dg_err err;
        add_condition(&r, 0, &t);
        const dg_status st = dg_gate_parse(t.at, &g, &err);
        if (st == DG_OK) {
            dg_gate_destroy(&g);
            char *text = dg_strdup(t.at);
            const char *s = text;
            dg_text_free(&t);
            const bool wanted = ref_condition(&s, false);
            ck_assert_int_eq(*s, '\0');
            char copy[4096];
            snprintf(copy, sizeof copy, "%s", text);
            dg_free(text);
            ck_assert_msg(passes(copy) == wanted, "%s", copy);
            n++;
            n_passed += wanted;
        } else { /* only ever too long */
            ck_assert_str_eq(strstr(err.text, "the gate is too long"), "the gate is too long");
            dg_text_free(&t);
        }
    }
    ck_assert_int_gt(n, 2500);
    ck_assert_int_gt(n_passed, n / 10);
    ck_assert_int_lt(n_passed, n - n / 10);
}
END_TEST

START_TEST(mutated_gates_never_harm)
{
    static const char seed[] =
        "not (ndcg@100 >= 0.98 * champion) or recall@20 + -1e-3 > champion.rmse / 2 and (1 < 2)";
    static const char bytes[] = " ()<>=+-*/.@e01andortchmpi\t\x80\xff";
    for (uint64_t round = 0; round < 20000; round++) {
        dg_rng r = dg_rng_at(2, DG_RNG_TEST, round);
        char text[256];
        size_t n = dg_rng_below(&r, sizeof seed);
        memcpy(text, seed, n);
        for (uint32_t k = dg_rng_below(&r, 6); k > 0 && n > 0; k--)
            text[dg_rng_below(&r, (uint32_t)n)] = bytes[dg_rng_below(&r, sizeof bytes - 1)];
        text[n] = '\0';
        dg_gate *g;
        dg_err err;
        if (dg_gate_parse(text, &g, &err) == DG_OK) {
            dg_gate_destroy(&g);
            passes(text);
        }
        ck_assert_uint_eq(dg_alloc_live(), 0);
    }
}
END_TEST

START_TEST(nesting_and_length_are_bounded)
{
    char text[5000];
    dg_gate *g;
    dg_err err;
    for (size_t n = 1; n < 4000; n = n * 3 + 1) {
        memset(text, '(', n);
        snprintf(text + n, sizeof text - n, "1");
        ck_assert_int_eq(dg_gate_parse(text, &g, &err), DG_ERR_CONFIG);
        memset(text, '-', n);
        ck_assert_int_eq(dg_gate_parse(text, &g, &err), DG_ERR_CONFIG);
        for (size_t k = 0; k + 4 < n; k += 4) memcpy(text + k, "not ", 4);
        ck_assert_int_eq(dg_gate_parse(text, &g, &err), DG_ERR_CONFIG);
    }
    size_t at = 0;
    for (int k = 0; k < 100; k++) at += (size_t)snprintf(text + at, sizeof text - at, "1>2 or ");
    snprintf(text + at, sizeof text - at, "1>2");
    refused(text, "column 452: the gate is too long");
}
END_TEST

UNIT_MAIN("gate", comparisons_hold_as_arithmetic_says, conditions_combine_as_usual,
          without_a_champion_what_asks_for_it_holds, what_is_no_number_does_not_hold,
          mistakes_are_refused_with_their_column, a_bare_champion_stands_for_its_own_comparison,
          the_verdict_says_every_comparison_in_words, with_draws_the_lower_bound_decides,
          not_turns_comparisons_around_and_is_no_laxer,
          random_gates_are_judged_as_a_slow_reader_judges_them, mutated_gates_never_harm,
          nesting_and_length_are_bounded)
