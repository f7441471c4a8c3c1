/* People kept in little memory: what is left out, what comes back, who sees what. */
#include "artifact_file.h"
#include "base/memory.h"
#include "scratch.h"
#include "serve/live/live.h"
#include "unit_main.h"

#include <math.h>

static const dg_als_law plain = {.unobserved_weight = 0.1, .reg_exponent = 1};

static dg_artifact *a;
static dg_eventstore *store;
static dg_live *live;
static dg_err err;

static void open_all(made_artifact *m, size_t bytes)
{
    int64_t n, cut;
    const char *path = scratch(getpid(), "artifact.h5");
    write_artifact(m, path);
    free_artifact(&m);
    ck_assert_msg(dg_artifact_open(path, &a, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(dg_eventstore_open(scratch(getpid(), "events"), &store, &n, &cut, &err),
                     DG_OK);
    ck_assert_msg(dg_live_create(a, store, bytes, &live, &err) == DG_OK, "%s", err.text);
}

static void close_all(void)
{
    dg_live_destroy(&live);
    dg_eventstore_close(&store);
    dg_artifact_close(&a);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static void happen(const char *user, const char *item, const char *kind, int64_t time)
{
    dg_taken taken;
    const dg_event_new e = {.user = {user, strlen(user)},
                            .item = {item, strlen(item)},
                            .kind = {kind, strlen(kind)},
                            .value = NAN,
                            .time = 1000 * time};
    ck_assert_msg(dg_eventstore_take(store, &e, 1, &taken, &err) == DG_OK, "%s", err.text);
}

static dg_lived *take(const char *user)
{
    dg_lived *out;
    const int64_t row = dg_names_find(&a->user_id, user, strlen(user));
    ck_assert_msg(dg_live_take(live, user, strlen(user), row, &out, &err) == DG_OK, "%s", err.text);
    return out;
}

/* Value of a good for a user as they are now; NAN where they never met it. */
static double value_of(const char *user, int32_t item)
{
    const int32_t *items;
    const float *values;
    double out = NAN;
    dg_lived *p = take(user);
    if (p == NULL) return NAN;
    const int64_t n = dg_person_met(dg_lived_person(p), &items, &values);
    for (int64_t k = 0; k < n; k++)
        if (items[k] == item) out = (double)values[k];
    dg_live_leave(live, p);
    return out;
}

START_TEST(an_event_is_known_to_the_next_who_asks)
{
    open_all(make_fold_artifact(6, 40, 5, &plain, 0.05, 3), 1 << 20);
    ck_assert_ptr_null(take("u3"));
    ck_assert_ptr_null(take("new"));
    happen("new", "item 7", "", 5);
    ck_assert(value_of("new", 7) == 1);
    happen("new", "item 8", "", 6);
    happen("new", "not in the model", "", 6);
    ck_assert(value_of("new", 8) == 1 && value_of("new", 7) == 1);
    ck_assert(isnan(value_of("u3", 7)));
    ck_assert_uint_eq(dg_live_look(live).folds, 2);
    close_all();
}
END_TEST

START_TEST(kinds_weigh_as_in_the_data)
{
    made_artifact *m = make_fold_artifact(6, 40, 5, &plain, 0.05, 3);
    m->event_weights = "view=1,buy=8,dis\\,like=-1";
    m->duplicates = "max";
    open_all(m, 1 << 20);
    double weight;
    ck_assert(dg_live_weight(live, "buy", 3, &weight) && weight == 8);
    ck_assert(dg_live_weight(live, "dis,like", 8, &weight) && weight == -1);
    ck_assert(!dg_live_weight(live, "stare", 5, &weight) && !dg_live_weight(live, "", 0, &weight));
    happen("new", "item 7", "buy", 5);
    happen("new", "item 7", "view", 6);
    happen("new", "item 9", "dis,like", 6);
    ck_assert(value_of("new", 7) == 8 && value_of("new", 9) == -1);
    close_all();
    m = make_fold_artifact(6, 40, 5, &plain, 0.05, 3);
    m->event_weights = "view=much";
    const char *path = scratch(getpid(), "artifact.h5");
    write_artifact(m, path);
    free_artifact(&m);
    ck_assert_int_eq(dg_artifact_open(path, &a, &err), DG_OK);
    ck_assert_int_eq(dg_live_create(a, NULL, 1, &live, &err), DG_ERR_DATA);
    ck_assert_ptr_null(live);
    dg_artifact_close(&a);
    scratch_remove();
}
END_TEST

START_TEST(what_the_artifact_knows_is_not_taken_twice)
{
    made_artifact *m = make_fold_artifact(6, 40, 5, &plain, 0.05, 3);
    m->extra[0].name = "newest", m->extra[0].value = 100;
    m->duplicates = "sum";
    open_all(m, 1 << 20);
    int32_t known = -1, fresh = 0; /* a good of both profile and history; one of neither */
    double before = NAN;
    const dg_allowed unseen = dg_allowed_unseen(a, 4);
    for (int64_t k = a->profile.ptr[4]; k < a->profile.ptr[5] && known < 0; k++) {
        if (dg_allowed_has(&unseen, a->profile.index[k])) continue;
        known = a->profile.index[k];
        before = (double)a->profile.value[k];
    }
    ck_assert_int_ge(known, 0);
    while (!dg_allowed_has(&unseen, fresh)) fresh++;
    char name[32], other[32];
    snprintf(name, sizeof name, "item %d", known);
    snprintf(other, sizeof other, "item %d", fresh);
    happen("u4", name, "", 100); /* it was made from this one */
    ck_assert(value_of("u4", known) == before);
    happen("u4", name, "", 101);
    ck_assert(value_of("u4", known) == before + 1);
    happen("u4", other, "", 7); /* late, but of a pair that it never saw */
    ck_assert(!isnan(value_of("u4", fresh)));
    close_all();
}
END_TEST

START_TEST(those_asked_for_longest_ago_make_room_and_come_back)
{
    enum { PEOPLE = 50 };
    open_all(make_fold_artifact(6, 40, 5, &plain, 0.05, 3), 8 * 1024);
    for (int round = 0; round < 2; round++)
        for (int k = 0; k < PEOPLE; k++) {
            char user[16], item[16];
            snprintf(user, sizeof user, "new %d", k);
            snprintf(item, sizeof item, "item %d", (k + round) % 40);
            happen(user, item, "", 5);
            ck_assert(value_of(user, (k + round) % 40) == 1);
            ck_assert(round == 0 || value_of(user, k % 40) == 1);
            ck_assert_uint_le(dg_live_look(live).bytes, 8 * 1024);
        }
    const dg_live_figures now = dg_live_look(live);
    ck_assert(now.people > 0 && now.people < PEOPLE);
    ck_assert_uint_gt(now.folds, 2 * PEOPLE); /* those who came back were folded anew */
    close_all();
}
END_TEST

START_TEST(somebody_taken_stays_however_little_room_there_is)
{
    open_all(make_fold_artifact(6, 40, 5, &plain, 0.05, 3), 1);
    happen("one", "item 1", "", 5);
    happen("two", "item 2", "", 5);
    dg_lived *one = take("one"), *two = take("two");
    dg_taste taste;
    ck_assert_int_eq(dg_person_taste(dg_lived_person(one), &taste, &err), DG_OK);
    ck_assert_ptr_nonnull(taste.factor);
    dg_live_leave(live, two);
    ck_assert_int_eq(dg_person_taste(dg_lived_person(one), &taste, &err), DG_OK);
    dg_live_leave(live, one);
    ck_assert_uint_eq(dg_live_look(live).people, 0);
    close_all();
}
END_TEST

UNIT_MAIN("live", an_event_is_known_to_the_next_who_asks, kinds_weigh_as_in_the_data,
          what_the_artifact_knows_is_not_taken_twice,
          those_asked_for_longest_ago_make_room_and_come_back,
          somebody_taken_stays_however_little_room_there_is)
