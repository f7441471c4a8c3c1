#include "online/join.h"

#include "base/rng.h"
#include "unit_main.h"

#include <stdlib.h>
#include <string.h>

/* Kind 0 is a click, 1 a conversion, 2 neither. Windows: 100 to a click, 1000 to a conversion. */
static const dg_online_options options = {.click_window = 100,
                                          .window = 1000,
                                          .n_kinds = 3,
                                          .is_click = {true},
                                          .is_conversion = {false, true}};

static dg_outcome seen(uint64_t user, uint64_t list, uint64_t item, int64_t time)
{
    return (dg_outcome){
        .shown = {.list = list, .user = user, .item = item, .time = time, .position = 1},
        .key = user,
        .clicked_at = INT64_MIN,
        .converted_at = INT64_MIN};
}

static dg_done did(uint64_t user, uint64_t item, int64_t time, int kind)
{
    return (dg_done){.user = user, .item = item, .time = time, .kind = kind, .key = user};
}

START_TEST(a_click_belongs_to_the_latest_list_before_it)
{
    dg_outcome s[] = {seen(1, 10, 5, 0), seen(1, 11, 5, 50), seen(1, 12, 5, 90),
                      seen(2, 13, 5, 60)};
    dg_done d[] = {did(1, 5, 70, 0)};
    ck_assert_int_eq(dg_join(&options, s, 4, d, 1), 0);
    for (int k = 0; k < 4; k++)
        ck_assert(s[k].clicked_at == (s[k].shown.list == 11 ? 70 : INT64_MIN));
}
END_TEST

START_TEST(what_comes_too_late_or_too_early_belongs_to_nothing)
{
    dg_outcome s[] = {seen(1, 10, 5, 100)};
    dg_done d[] = {did(1, 5, 99, 0), did(1, 5, 201, 0), did(1, 6, 150, 0), did(3, 5, 150, 0)};
    ck_assert_int_eq(dg_join(&options, s, 1, d, 4), 4);
    ck_assert(s[0].clicked_at == INT64_MIN && s[0].kinds == 0);
    dg_done edge[] = {did(1, 5, 200, 0)};
    ck_assert_int_eq(dg_join(&options, s, 1, edge, 1), 0);
    ck_assert_int_eq(s[0].clicked_at, 200);
}
END_TEST

START_TEST(a_conversion_belongs_to_the_click_before_it)
{
    dg_outcome s[] = {seen(1, 10, 5, 0), seen(1, 11, 5, 500)}; /* shown again, not clicked again */
    dg_done d[] = {did(1, 5, 800, 1), did(1, 5, 20, 0), did(1, 5, 900, 1)};
    ck_assert_int_eq(dg_join(&options, s, 2, d, 3), 0);
    ck_assert(s[0].shown.list == 10 && s[0].clicked_at == 20 && s[0].converted_at == 800);
    ck_assert(s[0].kinds == 3 && s[1].clicked_at == INT64_MIN && s[1].converted_at == INT64_MIN);
    dg_outcome alone[] = {seen(1, 10, 5, 0)};
    dg_done bought[] = {did(1, 5, 30, 1)};
    ck_assert_int_eq(dg_join(&options, alone, 1, bought, 1), 0);
    ck_assert(alone[0].unclicked_conversion && alone[0].converted_at == INT64_MIN);
}
END_TEST

START_TEST(an_event_belongs_to_the_list_it_names)
{
    dg_outcome s[] = {seen(1, 10, 5, 0), seen(1, 11, 5, 50)};
    dg_done d[] = {did(1, 5, 70, 0), did(1, 5, 80, 1), did(1, 5, 75, 0)};
    d[0].list = d[1].list = 10;
    d[2].list = 99; /* that nobody was shown: to the latest */
    ck_assert_int_eq(dg_join(&options, s, 2, d, 3), 0);
    ck_assert(s[0].shown.list == 10 && s[0].clicked_at == 70 && s[0].converted_at == 80);
    ck_assert(s[1].clicked_at == 75 && s[1].converted_at == INT64_MIN);
    /* A purchase names a list that was not clicked: it is of the one that was. */
    dg_outcome t[] = {seen(1, 10, 5, 0), seen(1, 11, 5, 50)};
    dg_done e[] = {did(1, 5, 60, 0), did(1, 5, 80, 1)};
    e[1].list = 10;
    ck_assert_int_eq(dg_join(&options, t, 2, e, 2), 0);
    ck_assert(t[1].converted_at == 80 && !t[0].unclicked_conversion);
}
END_TEST

/* Two users of one batch, joined by request: the list is the user's whom the event names. */
START_TEST(lists_of_a_batch_are_told_apart_by_user)
{
    dg_outcome s[] = {seen(1, 10, 5, 0), seen(2, 10, 5, 0)};
    dg_done d[] = {did(2, 5, 70, 0)};
    s[0].key = s[1].key = d[0].key = d[0].list = 10;
    ck_assert_int_eq(dg_join(&options, s, 2, d, 1), 0);
    for (int k = 0; k < 2; k++)
        ck_assert(s[k].clicked_at == (s[k].shown.user == 2 ? 70 : INT64_MIN));
}
END_TEST

/* A list at 10.250 s, a click and a purchase in the same second of logs that have only seconds. */
START_TEST(whole_seconds_do_not_come_before_what_they_follow)
{
    dg_outcome s[] = {seen(1, 10, 5, 10250)};
    dg_done d[] = {did(1, 5, 10000, 1), did(1, 5, 10300, 0), did(1, 5, 9000, 0)};
    d[0].open = d[2].open = 999;
    ck_assert_int_eq(dg_join(&options, s, 1, d, 3), 1); /* 9.999 s is before it in any case */
    ck_assert(s[0].clicked_at == 10300 && s[0].converted_at == 10000);
}
END_TEST

START_TEST(who_is_unknown_is_joined_by_request)
{
    const dg_shown anonymous = {.list = 7}, known = {.list = 7, .user = 3};
    const dg_done by_user = {.user = 3, .list = 7}, by_list = {.list = 7};
    ck_assert(dg_join_key_shown(&anonymous, false) == 7 && dg_join_key_shown(&known, false) == 3);
    ck_assert(dg_join_key_shown(&known, true) == 7 && dg_join_key_done(&by_user, true) == 7);
    ck_assert(dg_join_key_done(&by_user, false) == 3 && dg_join_key_done(&by_list, false) == 7);
}
END_TEST

/* Every event by itself, over all lists there are; none names a list. */
static int64_t slow_join(dg_outcome *s, int n, const dg_done *d, int n_done)
{
    int64_t unmatched = 0;
    for (int e = 0; e < n_done; e++) { /* conversions last, in the order of time */
        dg_outcome *latest = NULL, *clicked = NULL;
        const int64_t last = d[e].time + d[e].open;
        for (int k = 0; k < n; k++) {
            if (s[k].key != d[e].key || s[k].shown.item != d[e].item || s[k].shown.time > last)
                continue;
            if (latest == NULL || s[k].shown.time > latest->shown.time) latest = &s[k];
            if (s[k].clicked_at != INT64_MIN && s[k].clicked_at <= last &&
                d[e].time - s[k].clicked_at <= options.window &&
                (clicked == NULL || s[k].shown.time > clicked->shown.time))
                clicked = &s[k];
        }
        const bool buys = d[e].kind == 1;
        dg_outcome *to = buys && clicked != NULL ? clicked : latest;
        if (to == NULL ||
            (to == latest && !(buys && clicked != NULL) &&
             d[e].time - to->shown.time > (buys ? options.window : options.click_window))) {
            unmatched++;
            continue;
        }
        if (buys && clicked == NULL) {
            to->unclicked_conversion = true;
            continue;
        }
        to->kinds |= 1U << d[e].kind;
        if (buys && to->converted_at == INT64_MIN) to->converted_at = d[e].time;
        if (d[e].kind == 0 && to->clicked_at == INT64_MIN) to->clicked_at = d[e].time;
    }
    return unmatched;
}

static int by_place(const void *a, const void *b)
{
    const dg_outcome *x = a, *y = b;
    return x->shown.position - y->shown.position;
}

static int by_time(const void *a, const void *b)
{
    const dg_done *x = a, *y = b;
    if ((x->kind == 1) != (y->kind == 1)) return (x->kind == 1) - (y->kind == 1);
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->kind - y->kind;
}

START_TEST(random_logs_are_joined_as_by_hand)
{
    enum { N = 60 };
    for (uint64_t round = 0; round < 300; round++) {
        dg_rng r = dg_rng_at(6, DG_RNG_TEST, round);
        dg_outcome s[N], t[N];
        dg_done d[N];
        for (int k = 0; k < N; k++) {
            s[k] = seen(1 + dg_rng_below(&r, 3), (uint64_t)(100 + k), 1 + dg_rng_below(&r, 3),
                        7 * (int64_t)dg_rng_below(&r, 400) + k % 7); /* no two at once */
            s[k].shown.position = k;
            d[k] = did(1 + dg_rng_below(&r, 3), 1 + dg_rng_below(&r, 3),
                       (int64_t)dg_rng_below(&r, 3500), (int)dg_rng_below(&r, 3));
            d[k].open = dg_rng_below(&r, 2) ? 19 : 0;
        }
        for (int k = 0; k < N; k++)
            for (int j = 0; j < k; j++)
                if (s[j].shown.time == s[k].shown.time) s[k].shown.time = 10000 + k;
        memcpy(t, s, sizeof t);
        qsort(d, N, sizeof *d, by_time);
        const int64_t expect = slow_join(t, N, d, N);
        ck_assert_int_eq(dg_join(&options, s, N, d, N), expect);
        qsort(s, N, sizeof *s, by_place);
        for (int k = 0; k < N; k++)
            ck_assert(s[k].clicked_at == t[k].clicked_at &&
                      s[k].converted_at == t[k].converted_at && s[k].kinds == t[k].kinds &&
                      s[k].unclicked_conversion == t[k].unclicked_conversion);
    }
}
END_TEST

UNIT_MAIN("join", a_click_belongs_to_the_latest_list_before_it,
          what_comes_too_late_or_too_early_belongs_to_nothing,
          an_event_belongs_to_the_list_it_names, lists_of_a_batch_are_told_apart_by_user,
          whole_seconds_do_not_come_before_what_they_follow,
          a_conversion_belongs_to_the_click_before_it, who_is_unknown_is_joined_by_request,
          random_logs_are_joined_as_by_hand)
