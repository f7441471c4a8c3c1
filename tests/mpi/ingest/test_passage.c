/* A passage comes back as it was kept; of a file that lies nothing is believed. */
#include "ingest/passage.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"
#include "scratch.h"
#include "store/writer.h"

#include <sys/stat.h>

enum { EVENTS = 40, USERS = 7, ITEMS = 11 };

static dg_err err;

static const char *file(const char *name) { return scratch((long)getpid(), name); }

/* Read one that was made by reading. */
static dg_passage make(bool timed)
{
    char id[16];
    dg_ids user = {0}, item = {0};
    dg_events events = {.timed = timed};
    dg_passage p = {.dated = timed, .lines = 45, .first = 17, .end = 900};
    p.tally = (dg_reading_tally){.rejected = 5, .late = 1, .late_oldest = 3, .late_newest = 4};
    for (int k = 0; k < EVENTS; k++) {
        dg_rating r = {.value = (float)k / 2, .time = 1000 - k};
        if (dg_ids_code(&user, id, (size_t)snprintf(id, sizeof id, "u%d", k * k % USERS), &r.user,
                        &err) != DG_OK ||
            dg_ids_code(&item, id, (size_t)snprintf(id, sizeof id, "货%d", k % ITEMS), &r.item,
                        &err) != DG_OK ||
            dg_events_add(&events, r, &err) != DG_OK)
            abort();
    }
    for (int k = 0; k < 3; k++) {
        dg_reject *bad = &p.tally.bad[p.tally.n_bad++].reject;
        *bad = (dg_reject){.cause = DG_REJECT_TIME, .line = 3 + k, .column = k};
        snprintf(bad->reason, sizeof bad->reason, "\"%d\" is not a time", k);
    }
    p.tally.filtered[2] = 8;
    if (dg_passage_take(&user, &item, &events, &p, &err) != DG_OK) abort();
    return p;
}

static bool same_strings(const dg_strings *a, const dg_strings *b)
{
    return a->n == b->n &&
           memcmp(a->offset, b->offset, ((size_t)a->n + 1) * sizeof *a->offset) == 0 &&
           memcmp(a->bytes, b->bytes, (size_t)a->offset[a->n]) == 0;
}

static bool same(const dg_passage *a, const dg_passage *b)
{
    const size_t n = (size_t)a->n;
    bool good = a->n == b->n && same_strings(&a->user, &b->user) &&
                same_strings(&a->item, &b->item) && a->dated == b->dated && a->lines == b->lines &&
                a->first == b->first && a->end == b->end && (a->time == NULL) == (b->time == NULL);
    good = good && memcmp(a->user_code, b->user_code, n * sizeof *a->user_code) == 0 &&
           memcmp(a->item_code, b->item_code, n * sizeof *a->item_code) == 0 &&
           memcmp(a->value, b->value, n * sizeof *a->value) == 0 &&
           (a->time == NULL || memcmp(a->time, b->time, n * sizeof *a->time) == 0);
    const dg_reading_tally *x = &a->tally, *y = &b->tally;
    good = good && x->rejected == y->rejected && x->late == y->late && x->n_bad == y->n_bad &&
           x->late_oldest == y->late_oldest && x->late_newest == y->late_newest &&
           memcmp(x->filtered, y->filtered, sizeof x->filtered) == 0;
    for (int64_t k = 0; good && k < x->n_bad; k++)
        good = x->bad[k].reject.cause == y->bad[k].reject.cause &&
               x->bad[k].reject.line == y->bad[k].reject.line &&
               x->bad[k].reject.column == y->bad[k].reject.column &&
               strcmp(x->bad[k].reject.reason, y->bad[k].reject.reason) == 0;
    return good;
}

START_TEST(what_was_kept_comes_back)
{
    for (int timed = 0; timed < 2; timed++) {
        dg_passage p = make(timed == 1), q;
        ck_assert_all(dg_passage_write(&world, &p, file("p.h5"), "key", &err) == DG_OK);
        ck_assert_all(dg_passage_read(file("p.h5"), "key", &q, &err) == DG_OK && same(&p, &q));
        dg_passage_free(&q);
        dg_passage_free(&p);
    }
}
END_TEST

START_TEST(an_empty_passage_comes_back)
{
    dg_passage p = {0}, q;
    dg_ids none = {0}, nothing = {0};
    dg_events events = {0};
    ck_assert_all(dg_passage_take(&none, &nothing, &events, &p, &err) == DG_OK);
    ck_assert_all(dg_passage_write(&world, &p, file("e.h5"), "", &err) == DG_OK);
    ck_assert_all(dg_passage_read(file("e.h5"), "", &q, &err) == DG_OK && q.n == 0);
    dg_passage_free(&q);
    dg_passage_free(&p);
}
END_TEST

START_TEST(another_key_and_a_missing_file_are_told_apart)
{
    dg_passage p = make(true), q;
    ck_assert_all(dg_passage_write(&world, &p, file("k.h5"), "key", &err) == DG_OK);
    ck_assert_all(dg_passage_read(file("k.h5"), "other", &q, &err) == DG_ERR_DATA);
    ck_assert_all(dg_passage_read(file("none.h5"), "key", &q, &err) == DG_ERR_NOINPUT);
    dg_passage_free(&p);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct stat info;
    dg_passage p = make(true), q;
    ck_assert_all(dg_passage_write(&world, &p, file("t.h5"), "key", &err) == DG_OK);
    ck_assert_all(stat(file("t.h5"), &info) == 0);
    for (off_t n = info.st_size; n-- > 0;) {
        if (truncate(file("t.h5"), n) != 0) abort();
        if (dg_passage_read(file("t.h5"), "key", &q, &err) != DG_ERR_DATA)
            ck_abort_msg("cut to %ld", (long)n);
    }
    dg_passage_free(&p);
}
END_TEST

typedef struct part {
    const char *array;
    dg_type type;
    int64_t rows, cols;
    void *at;
} part;

typedef struct number {
    const char *name;
    int64_t value;
} number;

enum { PARTS = 11, NUMBERS = 11 };

/* Written with right digests and seal, whatever it says. */
static void write_lies(const part *parts, const number *numbers, const char *path)
{
    dg_writer *w = NULL;
    if (dg_writer_create(&world, path, "daogou-parsed", 1, &w, &err) != DG_OK) abort();
    dg_writer_text(w, "key", "key");
    for (int k = 0; k < NUMBERS; k++)
        if (numbers[k].name != NULL) dg_writer_int(w, numbers[k].name, numbers[k].value);
    for (int k = 0; k < PARTS; k++)
        if (parts[k].array != NULL)
            dg_writer_small(w, parts[k].array, parts[k].type, parts[k].rows, parts[k].cols,
                            parts[k].at);
    if (dg_writer_commit(&w, NULL, &err) != DG_OK) abort();
}

static int64_t odd_number(dg_rng *r)
{
    static const int64_t odd[] = {-1, 0, 1, 2, 3, EVENTS, 1 << 20, INT32_MAX, INT64_MAX, INT64_MIN};
    return odd[dg_rng_below(r, sizeof odd / sizeof *odd)];
}

static void mutate(part *parts, number *numbers, dg_rng *r)
{
    if (dg_rng_below(r, 3) == 0) {
        number *n = &numbers[dg_rng_below(r, NUMBERS)];
        if (dg_rng_below(r, 5) == 0)
            n->name = NULL;
        else
            n->value = odd_number(r);
        return;
    }
    part *p = &parts[dg_rng_below(r, PARTS)];
    const int64_t cells = p->rows * p->cols;
    switch (dg_rng_below(r, 6)) {
    case 0: p->array = NULL; break;
    case 1: p->rows -= p->rows > 0; break;
    case 2: p->type = p->type == DG_I64 ? DG_F64 : p->type == DG_F32 ? DG_I32 : DG_U8; break;
    default:
        if (cells == 0) break;
        const uint32_t k = dg_rng_below(r, (uint32_t)cells);
        const int64_t v = odd_number(r);
        if (p->type == DG_I64 || p->type == DG_F64) ((int64_t *)p->at)[k] = v;
        if (p->type == DG_I32) ((int32_t *)p->at)[k] = (int32_t)v;
        if (p->type == DG_F32) ((float *)p->at)[k] = v < 0 ? (float)(0.0 / 0.0) : 1e38F * 10;
        if (p->type == DG_U8) ((char *)p->at)[k] = (char)v;
    }
}

static bool is_sound(const dg_passage *p)
{
    for (int64_t k = 0; k < p->n; k++) {
        size_t n;
        if (p->user_code[k] < 0 || p->user_code[k] >= p->user.n || p->item_code[k] < 0 ||
            p->item_code[k] >= p->item.n || !(p->value[k] - p->value[k] == 0))
            return false;
        (void)dg_strings_at(&p->user, p->user_code[k], &n);
        if (n < 1 || n > DG_ID_MAX) return false;
    }
    return p->tally.n_bad <= DG_PREPARE_QUOTES && p->tally.rejected >= p->tally.n_bad;
}

/* A copy of `bytes`, that may be spoiled. */
static void *copy(const void *at, size_t bytes)
{
    void *own = dg_alloc(bytes, 1);
    if (own == NULL) abort();
    if (bytes > 0) memcpy(own, at, bytes);
    return own;
}

START_TEST(mutated_content_is_refused_or_sound)
{
    enum { ROUNDS = 600 };
    const dg_passage p = make(true);
    int opened = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int64_t bad[] = {4, 3, 0, 4, 4, 1}, offsets[] = {0, 3, 5}, filtered[DG_FILTERS_MAX] = {0};
        char reason[] = "abcde";
        number numbers[NUMBERS] = {{"n_events", p.n},  {"n_users", p.user.n}, {"n_items", p.item.n},
                                   {"dated", 1},       {"lines", 9},          {"first", 0},
                                   {"end", 400},       {"rejected", 3},       {"late", 1},
                                   {"late_oldest", 5}, {"late_newest", 6}};
        part parts[PARTS] = {{"ids/user/offsets", DG_I64, p.user.n + 1, 1, p.user.offset},
                             {"ids/user/bytes", DG_U8, p.user.offset[p.user.n], 1, p.user.bytes},
                             {"ids/item/offsets", DG_I64, p.item.n + 1, 1, p.item.offset},
                             {"ids/item/bytes", DG_U8, p.item.offset[p.item.n], 1, p.item.bytes},
                             {"events/user", DG_I32, p.n, 1, (void *)(uintptr_t)p.user_code},
                             {"events/item", DG_I32, p.n, 1, (void *)(uintptr_t)p.item_code},
                             {"events/value", DG_F32, p.n, 1, (void *)(uintptr_t)p.value},
                             {"filtered", DG_I64, DG_FILTERS_MAX, 1, filtered},
                             {"bad/record", DG_I64, 2, 3, bad},
                             {"bad/reason/offsets", DG_I64, 3, 1, offsets},
                             {"bad/reason/bytes", DG_U8, 5, 1, reason}};
        dg_rng r = dg_rng_at(3, DG_RNG_TEST, round);
        void *own[PARTS];
        for (int k = 0; k < PARTS; k++)
            own[k] = parts[k].at = copy(parts[k].at, (size_t)(parts[k].rows * parts[k].cols) *
                                                         dg_type_size(parts[k].type));
        for (uint32_t n = round == 0 ? 0 : 1 + dg_rng_below(&r, 2); n > 0; n--)
            mutate(parts, numbers, &r);
        write_lies(parts, numbers, file("m.h5"));
        dg_passage q;
        const dg_status st = dg_passage_read(file("m.h5"), "key", &q, &err);
        if (st != DG_OK && st != DG_ERR_DATA) ck_abort_msg("%s", err.text);
        if (st == DG_OK && !is_sound(&q)) ck_abort_msg("round %d", (int)round);
        ck_assert(round > 0 || st == DG_OK);
        opened += st == DG_OK;
        dg_passage_free(&q);
        for (int k = 0; k < PARTS; k++) dg_free(own[k]);
    }
    ck_assert(opened > 20 && opened < ROUNDS / 2); /* the fuzz reaches both ends */
    dg_passage gone = p;
    dg_passage_free(&gone);
}
END_TEST

START_TEST(remove_the_files) { scratch_remove(); }
END_TEST

MPI_MAIN("passages", what_was_kept_comes_back, an_empty_passage_comes_back,
         another_key_and_a_missing_file_are_told_apart, every_truncation_is_refused,
         mutated_content_is_refused_or_sound, remove_the_files)
