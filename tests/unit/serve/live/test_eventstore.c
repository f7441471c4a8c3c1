/* The store: events once each, in order, by user; by many threads; through restarts. */
#include "base/fault.h"
#include "base/memory.h"
#include "scratch.h"
#include "serve/live/eventstore.h"
#include "unit_main.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

static dg_eventstore *store;
static dg_err err;
static int64_t n_events, n_cut;

static void open_store(void)
{
    ck_assert_msg(
        dg_eventstore_open(scratch(getpid(), "events"), &store, &n_events, &n_cut, &err) == DG_OK,
        "%s", err.text);
}

static void clean_up(void)
{
    dg_eventstore_close(&store);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static dg_word_at word(const char *s) { return (dg_word_at){s, strlen(s)}; }

static dg_event_new event_of(const char *user, const char *item, const char *id)
{
    return (dg_event_new){.user = word(user),
                          .item = word(item),
                          .kind = word("view"),
                          .id = word(id),
                          .value = NAN,
                          .time = 1700000000000};
}

static dg_taken take(const char *user, const char *item, const char *id)
{
    const dg_event_new e = event_of(user, item, id);
    dg_taken taken;
    ck_assert_msg(dg_eventstore_take(store, &e, 1, &taken, &err) == DG_OK, "%s", err.text);
    return taken;
}

static dg_status note(void *context, const dg_event_seen *event, dg_err *why)
{
    (void)why;
    dg_text_add(context, "%.*s ", (int)event->n_item, event->item);
    return DG_OK;
}

/* Items of a user's events after a place, in order. */
static const char *items_after(const char *user, dg_event_place after)
{
    static char out[8192];
    dg_text t = {0};
    dg_text_add(&t, "%s", "");
    ck_assert_msg(dg_eventstore_read(store, user, strlen(user),
                                     dg_eventstore_latest(store, user, strlen(user)), after, note,
                                     &t, &err) == DG_OK,
                  "%s", err.text);
    snprintf(out, sizeof out, "%s", t.at);
    dg_text_free(&t);
    return out;
}

START_TEST(a_users_events_come_back_in_order_through_restarts)
{
    for (int twice = 0; twice < 2; twice++) {
        open_store();
        ck_assert_int_eq(n_events, twice * 4);
        take("a", "1", "");
        take("b", "9", "");
        take("a", "2", "");
        const dg_event_place before = dg_eventstore_latest(store, "a", 1);
        take("a", "3", "");
        ck_assert_str_eq(items_after("a", 0), twice ? "1 2 3 1 2 3 " : "1 2 3 ");
        ck_assert_str_eq(items_after("a", before), "3 ");
        ck_assert_str_eq(items_after("b", 0), twice ? "9 9 " : "9 ");
        ck_assert_uint_eq(dg_eventstore_latest(store, "c", 1), 0);
        dg_eventstore_close(&store);
    }
    clean_up();
}
END_TEST

static dg_status check_fields(void *context, const dg_event_seen *event, dg_err *why)
{
    (void)why;
    ++*(int *)context;
    ck_assert(event->n_item == strlen("导购\\") &&
              memcmp(event->item, "导购\\", event->n_item) == 0);
    ck_assert_str_eq(event->kind, "buy");
    ck_assert(event->value == 0.1 && event->time == 12);
    return DG_OK;
}

START_TEST(fields_come_back_as_they_went_in)
{
    static const char *const times[] = {"\"time\":12,", "\"time\":12.034,"};
    const char user[] = "u\0\"\n";
    int n = 0;
    dg_taken taken;
    open_store();
    const dg_event_new e = {.user = {user, 4},
                            .item = word("导购\\"),
                            .kind = word("buy"),
                            .session = word("s"),
                            .recommendation = word("r"),
                            .value = 0.1,
                            .time = 12034};
    dg_event_new both[] = {e, e};
    both[0].whole = true;
    ck_assert_int_eq(dg_eventstore_take(store, both, 2, &taken, &err), DG_OK);
    ck_assert_int_eq(dg_eventstore_read(store, user, 4, dg_eventstore_latest(store, user, 4), 0,
                                        check_fields, &n, &err),
                     DG_OK);
    ck_assert_int_eq(n, 2);
    FILE *log = fopen(scratch(getpid(), "events/events-00000001.jsonl"), "r");
    for (int k = 0; k < 2; k++) { /* what is known to the second alone is not made to look exact */
        char line[512];
        ck_assert(fgets(line, sizeof line, log) != NULL && strstr(line, times[k]) != NULL);
    }
    fclose(log);
    clean_up();
}
END_TEST

START_TEST(an_id_is_taken_once_through_restarts)
{
    open_store();
    ck_assert_int_eq(take("a", "1", "x").accepted, 1);
    ck_assert_int_eq(take("a", "2", "x").duplicates, 1);
    ck_assert_int_eq(take("b", "3", "y").accepted, 1);
    dg_eventstore_close(&store);
    open_store();
    ck_assert_int_eq(take("a", "1", "x").duplicates, 1);
    const dg_event_new both[] = {event_of("a", "4", "z"), event_of("a", "4", "z"),
                                 event_of("a", "5", "")};
    dg_taken taken;
    ck_assert_int_eq(dg_eventstore_take(store, both, 3, &taken, &err), DG_OK);
    ck_assert(taken.accepted == 2 && taken.duplicates == 1);
    ck_assert_str_eq(items_after("a", 0), "1 4 5 ");
    clean_up();
}
END_TEST

START_TEST(the_oldest_ids_are_forgotten_first)
{
    enum { BATCH = 1000 };
    static char id[BATCH][16];
    static dg_event_new e[BATCH];
    dg_taken taken;
    open_store();
    take("a", "0", "first");
    for (int round = 0; round * BATCH < DG_EVENT_IDS; round++) {
        for (int k = 0; k < BATCH; k++) {
            snprintf(id[k], sizeof id[k], "%d", round * BATCH + k);
            e[k] = event_of("a", "1", id[k]);
        }
        ck_assert_int_eq(dg_eventstore_take(store, e, BATCH, &taken, &err), DG_OK);
        ck_assert_int_eq(taken.accepted, BATCH);
    }
    ck_assert_int_eq(take("a", "2", id[BATCH - 1]).duplicates, 1);
    ck_assert_int_eq(take("a", "2", "first").accepted, 1);
    ck_assert_int_eq(take("a", "2", id[0]).duplicates, 1);
    size_t n = 0;
    for (const char *c = items_after("a", 0); *c != '\0'; c++) n += *c == ' ';
    ck_assert_uint_eq(n, DG_EVENTS_OF_A_USER); /* the latest */
    clean_up();
}
END_TEST

START_TEST(what_is_not_on_disk_is_not_taken)
{
    static const char *const faults[] = {"write:0:1", "fsync:0:1"};
    open_store();
    take("a", "1", "x");
    for (int k = 0; k < 2; k++) {
        dg_taken taken;
        const dg_event_new e[] = {event_of("a", "2", "y"), event_of("b", "2", "z")};
        const dg_event_place before = dg_eventstore_latest(store, "a", 1);
        setenv("DAOGOU_FAULT", faults[k], 1);
        dg_fault_reload();
        ck_assert_int_ne(dg_eventstore_take(store, e, 2, &taken, &err), DG_OK);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_uint_eq(dg_eventstore_latest(store, "a", 1), before);
    }
    ck_assert_uint_eq(dg_eventstore_latest(store, "b", 1), 0);
    ck_assert_int_eq(take("a", "2", "y").accepted, 1); /* tried again, taken once */
    ck_assert_int_eq(take("a", "2", "y").duplicates, 1);
    ck_assert_str_eq(items_after("a", 0), "1 2 ");
    dg_eventstore_close(&store);
    open_store();
    ck_assert_int_eq(n_events, 2);
    ck_assert_str_eq(items_after("a", 0), "1 2 ");
    clean_up();
}
END_TEST

enum { THREADS = 4, EACH = 60 };

/* Each thread sends its events, and every other one of its neighbour's. */
static void *send_all(void *of)
{
    const int me = *(const int *)of;
    for (int k = 0; k < EACH; k++)
        for (int other = 0; other < 2; other++) {
            char item[16], id[32];
            const int from = (me + other) % THREADS;
            if (other == 1 && k % 2 == 1) continue;
            snprintf(item, sizeof item, "%d-%d", from, k);
            snprintf(id, sizeof id, "id %s", item);
            const dg_event_new e = event_of("everybody", item, id);
            dg_taken taken;
            dg_err own;
            while (dg_eventstore_take(store, &e, 1, &taken, &own) != DG_OK) continue;
        }
    return NULL;
}

static void all_once(void)
{
    const char *items = items_after("everybody", 0);
    for (int t = 0; t < THREADS; t++)
        for (int k = 0; k < EACH; k++) {
            char item[32];
            snprintf(item, sizeof item, "%d-%d ", t, k);
            const char *at = strstr(items, item);
            while (at != NULL && at != items && at[-1] != ' ') at = strstr(at + 1, item);
            ck_assert_msg(at != NULL, "%s is missing", item);
            for (at = strstr(at + 1, item); at != NULL; at = strstr(at + 1, item))
                ck_assert_msg(at[-1] != ' ', "%s is there twice", item);
        }
}

START_TEST(threads_share_the_disk_and_lose_nothing)
{
    pthread_t thread[THREADS];
    int number[THREADS];
    open_store();
    setenv("DAOGOU_FAULT", "write:0:9", 1); /* one group fails under way, and all behind it */
    dg_fault_reload();
    for (int t = 0; t < THREADS; t++) {
        number[t] = t;
        pthread_create(&thread[t], NULL, send_all, &number[t]);
    }
    for (int t = 0; t < THREADS; t++) pthread_join(thread[t], NULL);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    all_once();
    dg_eventstore_close(&store);
    open_store();
    ck_assert_int_eq(n_events, THREADS * EACH);
    all_once();
    clean_up();
}
END_TEST

UNIT_MAIN("eventstore", a_users_events_come_back_in_order_through_restarts,
          fields_come_back_as_they_went_in, an_id_is_taken_once_through_restarts,
          the_oldest_ids_are_forgotten_first, what_is_not_on_disk_is_not_taken,
          threads_share_the_disk_and_lose_nothing)
