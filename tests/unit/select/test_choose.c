/* Lists under a filter and rules, against a reference that scores and sorts every good. */
#include "select/choose.h"

#include "base/fault.h"
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
#include <unistd.h>

enum { GOODS = 330, MOST = 100 };

static dg_err err;
static made_goods *g;
static dg_chosen_item listed[MOST];
static dg_chosen chosen;

typedef struct made_step { /* a step of the ladder: scores of the goods it knows */
    float score[GOODS];
    bool knows[GOODS];
    int asked;
} made_step;

static made_step first, second;

static int by_place(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return dg_hit_before(*x, *y) ? -1 : dg_hit_before(*y, *x);
}

static dg_status best(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n, dg_err *e)
{
    made_step *s = from;
    dg_hit all[GOODS];
    int found = 0;
    (void)e;
    for (int32_t i = 0; i < g->from.n_items; i++)
        if (dg_bits_has(goods, i) && s->knows[i]) all[found++] = (dg_hit){s->score[i], i};
    qsort(all, (size_t)found, sizeof *all, by_place);
    *n = found < k ? found : k;
    memcpy(hit, all, (size_t)*n * sizeof *hit);
    s->asked++;
    return DG_OK;
}

/* Scores from a few values, so that many are equal, some below 0. */
static void draw_steps(uint64_t seed, uint32_t share)
{
    dg_rng r = dg_rng_at(seed, DG_RNG_TEST, 7);
    for (int i = 0; i < GOODS; i++) {
        first.score[i] = (float)dg_rng_below(&r, 40) / 8 - 2;
        first.knows[i] = dg_rng_below(&r, 100) < share;
        second.score[i] = (float)dg_rng_below(&r, 9);
        second.knows[i] = true;
    }
}

static dg_rules *rules_of(const char *text)
{
    dg_rules *rules = NULL;
    const char *path = scratch((long)getppid(), "rules.yaml");
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) abort();
    ck_assert_msg(dg_rules_open(path, g->goods, &rules, &err) == DG_OK, "%s", err.text);
    return rules;
}

static dg_wish wish_of(const dg_rules *rules, int k)
{
    return (dg_wish){.goods = g->goods,
                     .rules = rules,
                     .occasion = {.asked = {5, 1}, .path = "recommend", .now = 1000},
                     .k = k,
                     .step = {{"first", best, &first}, {"second", best, &second}},
                     .n_steps = 2};
}

static void choose(const dg_wish *w)
{
    const size_t live = dg_alloc_live();
    chosen = (dg_chosen){.at = listed};
    ck_assert_msg(dg_choose(w, &chosen, &err) == DG_OK, "%s", err.text);
    ck_assert_uint_eq(dg_alloc_live(), live);
    for (int a = 0; a < chosen.n; a++)
        for (int b = 0; b < a; b++) ck_assert_int_ne(listed[a].item, listed[b].item);
}

static bool passes(const char *text, int32_t item)
{
    static dg_condition c;
    uint64_t found[8];
    ck_assert_int_eq(dg_condition_read(g->goods, text, strlen(text), &c, &err), DG_OK);
    ck_assert_int_eq(dg_condition_apply(&c, g->goods, (dg_asked){5, 1}, found, &err), DG_OK);
    return dg_bits_has(found, item);
}

/* ---- boosts, caps and the ladder, good by good ---- */

typedef struct ref_good {
    float score, plain;
    int32_t item;
} ref_good;

static int by_score(const void *a, const void *b)
{
    const ref_good *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->plain != y->plain) return x->plain > y->plain ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static const char boosting[] = "rules:\n"
                               "  cheap: {boost: 1.5, where: price < 20}\n"
                               "  old: {bury: 0.25, where: year = 1 or year is missing}\n"
                               "  alike: {add: 1, where: category = CurrentItem.category}\n"
                               "  brands: {at_most: 2, of: category}\n"
                               "  some: {at_most: 3, where: \"tags contains 't1'\"}\n"
                               "  stock: {keep: brand is not missing}\n"
                               "  gone: {block: \"brand in ('b1', 'b2')\"}\n";

static float ref_score(float plain, int32_t item)
{
    double x = (double)plain, factor = 1, term = 0;
    if (passes("price < 20", item)) factor *= 1.5;
    if (passes("year = 1 or year is missing", item)) factor *= 0.25;
    if (passes("category = CurrentItem.category", item)) term += 1;
    x = x > 0 ? x * factor : x / factor;
    return (float)(x + term);
}

static bool ref_has_room(const int32_t *taken, int n, int32_t item)
{
    int same = 0, some = 0;
    const dg_attribute *a = &g->items.at[2];
    for (int k = 0; k < n; k++) {
        const bool has = a->ptr[item] < a->ptr[item + 1];
        same += has && a->ptr[taken[k]] < a->ptr[taken[k] + 1] &&
                a->code[a->ptr[taken[k]]] == a->code[a->ptr[item]];
        some += passes("tags contains 't1'", taken[k]);
    }
    return same < 2 && !(some >= 3 && passes("tags contains 't1'", item));
}

static int ref_choose(const char *filter, int k, int32_t *item, float *score)
{
    const made_step *const step[] = {&first, &second};
    int n = 0;
    for (int s = 0; s < 2; s++) {
        static ref_good all[GOODS];
        int found = 0;
        for (int32_t i = 0; i < g->from.n_items; i++)
            if (step[s]->knows[i] && passes(filter, i) && passes("brand is not missing", i) &&
                !passes("brand in ('b1', 'b2')", i))
                all[found++] = (ref_good){ref_score(step[s]->score[i], i), step[s]->score[i], i};
        qsort(all, (size_t)found, sizeof *all, by_score);
        for (int f = 0; f < found && n < k; f++) {
            bool there = false;
            for (int p = 0; p < n; p++) there = there || item[p] == all[f].item;
            if (there || !ref_has_room(item, n, all[f].item)) continue;
            score[n] = all[f].score;
            item[n++] = all[f].item;
        }
    }
    return n;
}

START_TEST(boosts_caps_and_the_ladder_are_those_of_a_full_sort)
{
    static const char *const filters[] = {"price >= 0", "category != 'c2'",
                                          "price < 6 or tags contains 't2'"};
    g = make_goods(GOODS, 4);
    dg_rules *rules = rules_of(boosting);
    for (uint64_t round = 0; round < 6; round++) {
        static dg_condition filter;
        const char *text = filters[round % 3];
        int32_t item[MOST];
        float score[MOST];
        draw_steps(round, round % 2 ? 8 : 70);
        dg_wish w = wish_of(rules, round < 3 ? 9 : 20);
        ck_assert_int_eq(dg_condition_read(g->goods, text, strlen(text), &filter, &err), DG_OK);
        w.filter = &filter;
        const int n = ref_choose(text, w.k, item, score);
        choose(&w);
        ck_assert_int_eq(chosen.n, n);
        for (int k = 0; k < n; k++) {
            ck_assert_int_eq(listed[k].item, item[k]);
            ck_assert_float_eq(listed[k].score, score[k]);
            ck_assert_int_eq(dg_bits_has(listed[k].rules, 0), passes("price < 20", item[k]));
            ck_assert(!dg_bits_has(listed[k].rules, 5));
        }
    }
    dg_rules_close(&rules);
    free_goods(&g);
}
END_TEST

/* MMR as its formula says, over all goods: the head is longer than the shop. */
START_TEST(diversity_takes_what_the_formula_takes)
{
    g = make_goods(90, 9);
    for (uint64_t round = 0; round < 8; round++) {
        int32_t taken[MOST];
        bool used[GOODS] = {false};
        draw_steps(round, 100);
        dg_wish w = wish_of(NULL, 12);
        w.diversity = 0.15 * (double)(round + 1) > 1 ? 1 : 0.15 * (double)(round + 1);
        w.alike_by = 4;
        choose(&w);
        float least = 9, most = -9;
        for (int i = 0; i < 90; i++) {
            least = first.score[i] < least ? first.score[i] : least;
            most = first.score[i] > most ? first.score[i] : most;
        }
        for (int k = 0; k < 12; k++) {
            int at = -1;
            double gain = 0;
            for (int32_t i = 0; i < 90; i++) {
                double near = 0;
                for (int p = 0; p < k; p++) {
                    const double like = dg_alike_by(&g->items.at[4], i, taken[p]);
                    near = like > near ? like : near;
                }
                const double here = (1 - w.diversity) * ((double)first.score[i] - (double)least) /
                                        ((double)most - (double)least) -
                                    w.diversity * near;
                /* Equal gains: the better score first, then the row. */
                const bool wins = at < 0 || here > gain + 1e-12 ||
                                  (here > gain - 1e-12 && first.score[i] > first.score[at]);
                if (used[i] || !wins) continue;
                at = i;
                gain = here;
            }
            used[at] = true;
            taken[k] = at;
            ck_assert_int_eq(listed[k].item, at);
        }
    }
    free_goods(&g);
}
END_TEST

START_TEST(likeness_is_shared_values_over_all)
{
    static const int64_t ptr[] = {0, 2, 4, 4, 7};
    static const int32_t code[] = {1, 3, 3, 5, 1, 3, 5};
    const dg_attribute a = {.type = DG_ATTRIBUTE_LIST, .ptr = ptr, .code = code};
    ck_assert_double_eq(dg_alike_by(&a, 0, 1), 1.0 / 3);
    ck_assert_double_eq(dg_alike_by(&a, 0, 0), 1);
    ck_assert_double_eq(dg_alike_by(&a, 0, 2), 0);
    ck_assert_double_eq(dg_alike_by(&a, 2, 2), 0);
    ck_assert_double_eq(dg_alike_by(&a, 1, 3), 2.0 / 3);
}
END_TEST

static void all_pass(const char *text)
{
    for (int k = 0; k < chosen.n; k++) ck_assert(passes(text, listed[k].item));
}

START_TEST(pins_stand_at_their_places_if_they_are_allowed)
{
    g = make_goods(GOODS, 4);
    draw_steps(1, 100);
    dg_rules *rules = rules_of("rules:\n"
                               "  b: {pin: item 40, place: 3}\n"
                               "  a: {pin: item 41, place: 1}\n"
                               "  late: {pin: item 42, place: 2, from: 2001-01-01}\n"
                               "  second: {pin: item 43, place: 1}\n"
                               "  far: {pin: item 44, place: 40}\n"
                               "  best: {pin_best: year = 2, place: 5}\n"
                               "  none: {pin: nobody, place: 4}\n");
    dg_wish w = wish_of(rules, 6);
    choose(&w);
    ck_assert_int_eq(chosen.n, 6);
    ck_assert_int_eq(listed[0].item, 41);
    ck_assert_int_eq(listed[2].item, 40);
    ck_assert(passes("year = 2", listed[4].item));
    ck_assert(dg_bits_has(listed[0].rules, 1) && !dg_bits_has(listed[1].rules, 1));
    ck_assert(dg_bits_has(listed[2].rules, 0) && dg_bits_has(listed[4].rules, 5));
    ck_assert_float_eq(listed[2].score, first.score[40]);
    w.occasion.now = 2000000000;
    choose(&w);
    ck_assert_int_eq(listed[1].item, 42);
    const dg_item_list seen = {(const int32_t[]){41, 40}, 2};
    w.seen = seen;
    choose(&w);
    ck_assert_int_eq(listed[0].item, 43);
    ck_assert_int_ne(listed[2].item, 40);
    dg_rules_close(&rules);
    free_goods(&g);
}
END_TEST

START_TEST(at_least_fetches_what_is_missing_and_leaves_the_best)
{
    g = make_goods(GOODS, 4);
    draw_steps(2, 100);
    for (int i = 0; i < GOODS; i++)
        if (passes("category = 'c1'", i)) first.score[i] = -9 - (float)i / 1000;
    dg_rules *rules = rules_of("rules:\n"
                               "  own: {at_least: 2, where: category = 'c1'}\n"
                               "  few: {at_least: 50, where: year = 99}\n");
    dg_wish w = wish_of(NULL, 8);
    choose(&w);
    const dg_chosen_item top = listed[5];
    w.rules = rules;
    choose(&w);
    ck_assert_int_eq(chosen.n, 8);
    ck_assert_int_eq(listed[5].item, top.item);
    for (int k = 0; k < 8; k++) {
        ck_assert_int_eq(passes("category = 'c1'", listed[k].item), k > 5);
        ck_assert_int_eq(dg_bits_has(listed[k].rules, 0), k > 5);
    }
    dg_rules_close(&rules);
    free_goods(&g);
}
END_TEST

START_TEST(what_may_relax_does_before_a_list_is_empty_and_nothing_else)
{
    static dg_condition filter;
    static int32_t every[GOODS];
    g = make_goods(GOODS, 4);
    draw_steps(2, 100);
    dg_rules *rules = rules_of("rules:\n"
                               "  band: {keep: price < 3, relax: true}\n"
                               "  stock: {keep: 'year in (1, 2)'}\n");
    dg_wish w = wish_of(rules, 5);
    choose(&w);
    ck_assert(chosen.n == 5 && !chosen.relaxed);
    all_pass("price < 3 and year in (1, 2)");
    ck_assert_int_eq(dg_condition_read(g->goods, "price > 30", 10, &filter, &err), DG_OK);
    w.filter = &filter;
    choose(&w);
    ck_assert(chosen.n == 5 && chosen.relaxed && !chosen.with_seen);
    all_pass("price > 30 and year in (1, 2)");
    for (int i = 0; i < GOODS; i++) every[i] = i;
    w.seen = (dg_item_list){every, GOODS};
    choose(&w);
    ck_assert(chosen.n == 5 && chosen.relaxed && chosen.with_seen);
    all_pass("price > 30 and year in (1, 2)");
    w.exclude = w.seen;
    choose(&w);
    ck_assert(chosen.n == 0 && !chosen.relaxed && !chosen.with_seen);
    ck_assert_int_eq(dg_condition_read(g->goods, "year = 3", 8, &filter, &err), DG_OK);
    w.exclude.n = 0;
    choose(&w);
    ck_assert_int_eq(chosen.n, 0);
    dg_rules_close(&rules);
    free_goods(&g);
}
END_TEST

START_TEST(include_exclude_and_the_ladder_fill_a_list)
{
    g = make_goods(GOODS, 4);
    draw_steps(3, 0);
    first.knows[7] = first.knows[9] = true;
    dg_wish w = wish_of(NULL, 5);
    static const int32_t only[] = {9, 3, 200, 7, 7, 100, 64};
    uint64_t bits[GOODS / 64 + 1] = {0};
    for (int k = 0; k < 7; k++) dg_bits_set(bits, only[k]);
    w.only = bits;
    w.exclude = (dg_item_list){(const int32_t[]){9}, 1};
    choose(&w);
    ck_assert_int_eq(chosen.n, 5);
    ck_assert(listed[0].item == 7 && listed[0].step == 0);
    for (int k = 1; k < 5; k++) ck_assert_int_eq(listed[k].step, 1);
    free_goods(&g);
}
END_TEST

START_TEST(rules_hold_by_scene_path_name_and_who_asks)
{
    g = make_goods(GOODS, 4);
    dg_rules *rules = rules_of("rules:\n"
                               "  scene: {scene: [home, cart], pin: item 1, place: 1}\n"
                               "  path: {paths: similar, pin: item 1, place: 1}\n"
                               "  named: {enabled: false, pin: item 1, place: 1}\n"
                               "  user: {when: User.age is missing, pin: item 1, place: 1}\n"
                               "  item: {keep: price < CurrentItem.price}\n");
    dg_occasion o = {.asked = {-1, -1}, .path = "recommend", .now = 5};
    uint64_t holding[DG_RULES_WORDS];
    dg_rules_holding(rules, &o, holding);
    ck_assert_uint_eq(holding[0], 8);
    o.scene = "cart";
    o.n_scene = 4;
    dg_rules_holding(rules, &o, holding);
    ck_assert_uint_eq(holding[0], 9);
    o.path = "similar";
    o.asked.item = 3;
    dg_bits_set(o.named, dg_rules_find(rules, "named", 5));
    dg_rules_holding(rules, &o, holding);
    ck_assert_uint_eq(holding[0], 31);
    ck_assert_int_eq(dg_rules_find(rules, "nam", 3), -1);
    dg_rules_close(&rules);
    free_goods(&g);
}
END_TEST

START_TEST(out_of_memory_is_an_error_and_leaves_nothing)
{
    g = make_goods(GOODS, 4);
    draw_steps(1, 50);
    dg_rules *rules = rules_of(boosting);
    dg_wish w = wish_of(rules, 10);
    const size_t live = dg_alloc_live();
    int failures = 0;
    for (int nth = 1, more = 1; more; nth++) {
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        chosen = (dg_chosen){.at = listed};
        const dg_status st = dg_choose(&w, &chosen, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        more = st != DG_OK;
        failures += more;
        ck_assert(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_uint_eq(dg_alloc_live(), live);
    }
    ck_assert_int_gt(failures, 5);
    dg_rules_close(&rules);
    free_goods(&g);
    scratch_remove();
}
END_TEST

UNIT_MAIN("choose", boosts_caps_and_the_ladder_are_those_of_a_full_sort,
          diversity_takes_what_the_formula_takes, likeness_is_shared_values_over_all,
          pins_stand_at_their_places_if_they_are_allowed,
          at_least_fetches_what_is_missing_and_leaves_the_best,
          what_may_relax_does_before_a_list_is_empty_and_nothing_else,
          include_exclude_and_the_ladder_fill_a_list, rules_hold_by_scene_path_name_and_who_asks,
          out_of_memory_is_an_error_and_leaves_nothing)
