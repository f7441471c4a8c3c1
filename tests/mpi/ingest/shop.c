#include "shop.h"

#include "base/rng.h"
#include "base/text.h"

#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"view", "cart", "buy"};
static const double weights[] = {1, 3, 7.5};

/* Popular ones first; a comma, a quote and Chinese characters among them. */
static void user_id(dg_rng *r, char *id)
{
    const unsigned u = dg_rng_below(r, 1 + dg_rng_below(r, 70));
    snprintf(id, REF_ID, u % 7 == 3 ? "u,%u" : u % 7 == 5 ? "客\"%u" : "%u", u * 9973);
}

static void item_id(dg_rng *r, char *id)
{
    const unsigned i = dg_rng_below(r, 1 + dg_rng_below(r, 50));
    snprintf(id, REF_ID, i % 5 == 2 ? "SKU-%04u" : "%u", i);
}

static void quote(dg_text *t, const char *id)
{
    dg_text_add(t, "\"");
    for (; *id != '\0'; id++) dg_text_add(t, *id == '"' ? "\"\"" : "%c", *id);
    dg_text_add(t, "\"");
}

/* A record and its line; the record holds the value as weighed. */
static void add_record(dg_rng *r, ref_record *record, bool cold, dg_text *t)
{
    const uint32_t kind = dg_rng_below(r, 3);
    const double rating = (double)(1 + dg_rng_below(r, 10)) / 2;
    user_id(r, record->user);
    item_id(r, record->item);
    if (cold && dg_rng_below(r, 9) == 0) strcpy(record->user, "stranger");
    if (cold && dg_rng_below(r, 9) == 0) strcpy(record->item, "novelty");
    record->time = 1300000000 + (int64_t)dg_rng_below(r, 40) * 86400;
    record->value = (float)(rating * weights[kind]);
    quote(t, record->user);
    dg_text_add(t, ",");
    quote(t, record->item);
    dg_text_add(t, ",%s,%g,%lld\n", kinds[kind], rating, (long long)record->time);
}

static const char header[] = "user,item,kind,rating,ts\n";

static void fill(const dg_comm *c, const shop *s, const char *name, uint64_t row, bool cold,
                 ref_record *record, int n)
{
    dg_rng r = dg_rng_at(99, DG_RNG_TEST, row);
    dg_text t = {0};
    dg_text_add(&t, header);
    for (int k = 0; k < n; k++) add_record(&r, &record[k], cold, &t);
    shop_write(c, s, name, t.at, t.n);
    dg_text_free(&t);
}

static void fill_catalogue(const dg_comm *c, shop *s)
{
    dg_text t = {0};
    dg_text_add(&t, "title,price,item\n");
    for (int k = 0; k < SHOP_LISTED; k++) {
        const int i = k < 40 ? k + 30 : k + 7; /* 47 .. 66 a second time, some never sold */
        snprintf(s->listed[k], REF_ID, i % 5 == 2 ? "SKU-%04u" : "%u", i);
        snprintf(s->title[k], sizeof s->title[0], k % 11 == 4 ? "" : "Good no. %d, 好货", k);
        dg_text_add(&t, "\"%s\",1.5,%s\n", s->title[k], s->listed[k]);
    }
    shop_write(c, s, "items.csv", t.at, t.n);
    dg_text_free(&t);
}

void shop_open(const dg_comm *c, shop *s)
{
    memset(s, 0, sizeof *s);
    snprintf(s->folder, sizeof s->folder, "/tmp/daogou-shop-XXXXXX");
    if (c->rank == 0 && mkdtemp(s->folder) == NULL) abort();
    dg_bcast(c, s->folder, sizeof s->folder, 0);
    for (int k = 0; k < 3; k++) {
        char name[32];
        const int begin = SHOP_RECORDS * k / 3, end = SHOP_RECORDS * (k + 1) / 3;
        snprintf(name, sizeof name, "train-%d.csv", k);
        fill(c, s, name, (uint64_t)k, false, s->train + begin, end - begin);
    }
    fill(c, s, "valid.csv", 10, true, s->valid, SHOP_TARGETS);
    fill(c, s, "test.csv", 11, true, s->test, SHOP_TARGETS);
    fill_catalogue(c, s);
}

void shop_close(const dg_comm *c, shop *s)
{
    glob_t found;
    MPI_Barrier(c->comm);
    if (c->rank != 0) return;
    if (glob(shop_path(s, "*"), 0, NULL, &found) == 0)
        for (size_t k = 0; k < found.gl_pathc; k++) unlink(found.gl_pathv[k]);
    globfree(&found);
    rmdir(s->folder);
}

void shop_write(const dg_comm *c, const shop *s, const char *name, const char *text, size_t n)
{
    if (c->rank == 0) {
        FILE *f = fopen(shop_path(s, name), "wb");
        if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0) abort();
    }
    MPI_Barrier(c->comm);
}

const char *shop_path(const shop *s, const char *name)
{
    static char path[8][256];
    static int next;
    next = (next + 1) % 8;
    snprintf(path[next], sizeof path[0], "%s/%s", s->folder, name);
    return path[next];
}

static void add_string(dg_strings *to, const char *text)
{
    dg_err err;
    if (dg_strings_add(to, text, strlen(text), &err) != DG_OK) abort();
}

dg_strings shop_paths(const char *path)
{
    dg_strings paths = {0};
    add_string(&paths, path);
    return paths;
}

static dg_prepare_source source(const shop *s, const char *name)
{
    return (dg_prepare_source){.paths = shop_paths(shop_path(s, name)),
                               .dialect = dg_dialect_default(),
                               .columns = {[DG_ROLE_USER] = "user",
                                           [DG_ROLE_ITEM] = "item",
                                           [DG_ROLE_VALUE] = "rating",
                                           [DG_ROLE_TIME] = "ts",
                                           [DG_ROLE_EVENT] = "kind"}};
}

dg_prepare_options shop_options(const shop *s)
{
    dg_prepare_options o = {.ratings = source(s, "train-?.csv"),
                            .items = {.source = source(s, "items.csv"), .title = "title"},
                            .duplicates = DG_DUPLICATES_LAST,
                            .min_user = 1,
                            .min_item = 1,
                            .split = {.method = DG_SPLIT_NONE,
                                      .test_files = source(s, "test.csv"),
                                      .valid_files = source(s, "valid.csv")},
                            .seed = 42,
                            .stretch = 3000};
    for (int k = 0; k < 3; k++) {
        char number[32];
        snprintf(number, sizeof number, "%g", weights[k]);
        add_string(&o.event_weights.key, kinds[k]);
        add_string(&o.event_weights.value, number);
    }
    return o;
}

void shop_options_free(dg_prepare_options *o)
{
    dg_strings_free(&o->ratings.paths);
    dg_strings_free(&o->items.source.paths);
    dg_strings_free(&o->split.test_files.paths);
    dg_strings_free(&o->split.valid_files.paths);
    dg_strings_free(&o->event_weights.key);
    dg_strings_free(&o->event_weights.value);
}

void shop_inputs(const shop *s, const dg_prepare_options *o, ref_input input[DG_INPUT_ITEMS])
{
    const int n = o->split.method == DG_SPLIT_FILES ? SHOP_TARGETS : 0;
    input[DG_INPUT_TRAIN] = (ref_input){s->train, SHOP_RECORDS};
    input[DG_INPUT_VALID] = (ref_input){s->valid, n};
    input[DG_INPUT_TEST] = (ref_input){s->test, n};
}
