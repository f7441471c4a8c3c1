/* Attributes of goods and users, from a catalogue's fields to the columns of a dataset. */
#include "ingest/prepare.h"

#include "base/memory.h"
#include "mpi_main.h"
#include "shop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;
static shop town;
static dg_dataset d;
static dg_prepare_report report;

enum { LISTED = 90 };

static const char *const tags[] = {"", "Action", "Comedy|Action", "Drama | Action||Drama",
                                   "客|a b"};
static const char *const tag_codes[] = {"", "Action", "Action,Comedy", "Action,Drama", "a b,客"};
static const char *const brands[] = {"Lumen", "", "鹏程", "a \x1f b"};

/* Good k of the catalogue; 60 and on are listed a second time, with another price. */
static void write_catalogues(void)
{
    dg_text t = {0};
    dg_text_add(&t, "item,price,brand,tags,new,sale\n");
    for (int k = 0; k < LISTED; k++)
        dg_text_add(&t, "%d,%s,\"%s\",%s,%d,%s\n", k,
                    k % 6 == 0   ? "NA"
                    : k % 6 == 1 ? ""
                                 : "2.25",
                    brands[k % 4], tags[k % 5], k % 2, k % 3 == 0 ? "Yes" : "no");
    for (int k = 60; k < LISTED; k++) dg_text_add(&t, "%d,99,Late,Late,1,1\n", k);
    shop_write(&world, &town, "goods.csv", t.at, t.n);
    t.n = 0;
    dg_text_add(&t, "user,city\nnobody,\"Paris, rive gauche\"\n0,Lyon\n");
    shop_write(&world, &town, "people.csv", t.at, t.n);
    dg_text_free(&t);
}

static void declare(dg_attribute_plans *out, const char *const *pairs)
{
    dg_map declared = {0};
    const dg_map none = {0};
    for (; *pairs != NULL; pairs += 2) {
        dg_strings_add(&declared.key, pairs[0], strlen(pairs[0]), &err);
        dg_strings_add(&declared.value, pairs[1], strlen(pairs[1]), &err);
    }
    ck_assert_all(dg_attribute_plans_read("data.items", &declared, &none, out, &err) == DG_OK);
    dg_strings_free(&declared.key);
    dg_strings_free(&declared.value);
}

static dg_prepare_options options(void)
{
    static const char *const of_goods[] = {
        "price",  "number",           "brand", "text",
        "genres", "list | from tags", "on",    "flags new sale=Sale",
        NULL};
    static const char *const of_people[] = {"town", "text from city", NULL};
    dg_prepare_options o = shop_options(&town);
    dg_strings_free(&o.items.source.paths);
    o.items.source.paths = shop_paths(shop_path(&town, "goods.csv"));
    o.items.title = NULL;
    o.users.source = o.items.source;
    o.users.source.paths = shop_paths(shop_path(&town, "people.csv"));
    declare(&o.items.attributes, of_goods);
    declare(&o.users.attributes, of_people);
    return o;
}

static void free_options(dg_prepare_options *o)
{
    dg_prepare_options_free(o);
    dg_strings_free(&o->users.source.paths);
    shop_options_free(o);
}

/* Values of an own row, with commas between them. */
static const char *told(const dg_attribute_column *a, int64_t r)
{
    static dg_text t;
    t.n = 0;
    dg_text_add(&t, "%s", "");
    for (int64_t p = a->ptr[r]; p < a->ptr[r + 1]; p++) {
        size_t n;
        const char *value = dg_strings_at(&a->values, a->code[p], &n);
        dg_text_add(&t, "%s%.*s", p > a->ptr[r] ? "," : "", (int)n, value);
    }
    return t.at;
}

/* Whatever is known of an own good is what the catalogue's first row says. */
static bool good_is_right(int64_t r)
{
    size_t n;
    char id[REF_ID], on[32];
    const char *at = dg_strings_at(&d.item_id, r, &n);
    const dg_attribute_column *a = d.item_attributes.at;
    snprintf(id, sizeof id, "%.*s", (int)n, at);
    const int k = strncmp(id, "SKU", 3) == 0 ? LISTED : atoi(id);
    if (k >= LISTED)
        return isnan(a[0].number[r]) && told(&a[1], r)[0] == '\0' && told(&a[2], r)[0] == '\0';
    snprintf(on, sizeof on, "%s%s%s", k % 3 == 0 ? "Sale" : "", k % 3 == 0 && k % 2 ? "," : "",
             k % 2 ? "new" : "");
    return (k % 6 < 2 ? isnan(a[0].number[r]) : a[0].number[r] == 2.25) &&
           strcmp(told(&a[1], r), k % 4 == 3 ? "a   b" : brands[k % 4]) == 0 &&
           strcmp(told(&a[2], r), tag_codes[k % 5]) == 0 && strcmp(told(&a[3], r), on) == 0;
}

START_TEST(goods_have_what_their_first_row_says)
{
    dg_prepare_options o = options();
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(d.item_attributes.n == 4 && d.user_attributes.n == 1);
    bool right = true;
    for (int64_t r = 0; r < d.item_id.n; r++) right = right && good_is_right(r);
    ck_assert_all(right);
    dg_dataset_free(&d);
    free_options(&o);
}
END_TEST

START_TEST(users_of_the_catalogue_have_a_row)
{
    int64_t found = 0;
    dg_prepare_options o = options();
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    for (int64_t r = 0; r < d.user_id.n; r++) {
        size_t n;
        const char *id = dg_strings_at(&d.user_id, r, &n);
        const char *city = told(&d.user_attributes.at[0], r);
        if (n == 6 && memcmp(id, "nobody", 6) == 0)
            found += strcmp(city, "Paris, rive gauche") == 0;
        else if (n == 1 && id[0] == '0')
            found += strcmp(city, "Lyon") == 0;
        else
            found += city[0] == '\0' ? 0 : 100;
    }
    dg_sum_int64(&world, &found, 1);
    ck_assert_all(found == 2);
    dg_dataset_free(&d);
    free_options(&o);
}
END_TEST

START_TEST(a_file_gives_back_the_columns_that_were_written)
{
    dg_prepare_options o = options();
    dg_dataset again;
    char path[256];
    snprintf(path, sizeof path, "%s", shop_path(&town, "dataset.h5"));
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(dg_dataset_write(&world, &d, path, "", "", &err) == DG_OK);
    ck_assert_all(dg_dataset_load(&world, path, &again, &err) == DG_OK);
    ck_assert_all(again.item_attributes.n == 4 && again.user_attributes.n == 1);
    dg_dataset_free(&d);
    d = again;
    bool right = true;
    for (int64_t r = 0; r < d.item_id.n; r++) right = right && good_is_right(r);
    ck_assert_all(right);
    dg_dataset_free(&d);
    free_options(&o);
}
END_TEST

/* Of every good in every scene, by the log itself. */
START_TEST(scenes_have_what_was_met_in_them)
{
    static const char *const kinds[] = {"view", "cart", "buy"};
    dg_prepare_options o = options();
    int64_t counted[3] = {0}, listed = 0;
    o.ratings.columns[DG_ROLE_SCENE] = "kind";
    o.scenes = true;
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(d.scenes.n == 3);
    bool right = true;
    for (int32_t g = 0; g < 3 && world.rank == 0; g++) {
        size_t n;
        const char *name = dg_strings_at(&d.scenes.name, g, &n);
        const int k = n == 3 ? 2 : name[0] == 'c' ? 1 : 0;
        right = right && n == strlen(kinds[k]) && memcmp(name, kinds[k], n) == 0;
        for (int64_t p = d.scenes.ptr[g]; p < d.scenes.ptr[g + 1]; p++)
            counted[g] += d.scenes.count[p];
        listed += counted[g];
    }
    ck_assert_all(right && (world.rank > 0 || listed == SHOP_RECORDS));
    ck_assert_all(world.rank > 0 || (counted[0] > 300 && counted[1] > 300 && counted[2] > 300));
    dg_dataset_free(&d);
    free_options(&o);
}
END_TEST

START_TEST(a_price_that_is_no_number_is_a_bad_record)
{
    static const char text[] =
        "item,price,brand,tags,new,sale\n1,2,,,,\n2,cheap,,,,\n3,4,,,maybe,\n";
    dg_prepare_options o = options();
    dg_strings_free(&o.items.source.paths);
    shop_write(&world, &town, "odd.csv", text, sizeof text - 1);
    o.items.source.paths = shop_paths(shop_path(&town, "odd.csv"));
    o.items.source.max_rejects = 1;
    ck_assert_all(dg_prepare(&world, &o, &d, &report, &err) == DG_OK);
    ck_assert_all(report.rejected == 2 && report.n_quotes == 2);
    ck_assert_all(strstr(report.quote[0], "odd.csv:3: attribute price: \"cheap\" is not a number"));
    ck_assert_all(strstr(report.quote[1], "attribute on: \"maybe\" is neither yes nor no"));
    dg_dataset_free(&d);
    free_options(&o);
}
END_TEST

/* Declarations that cannot be, and what is said of them. */
START_TEST(declarations_are_read_or_refused_by_name)
{
    static const char *const bad[][2] = {{"", "expected number, text, list or flags"},
                                         {"numbr", "expected number, text, list or flags"},
                                         {"number text", "or \"from COLUMN\""},
                                         {"text from", "or \"from COLUMN\""},
                                         {"list", "needs its separator"},
                                         {"list from tags", "needs its separator"},
                                         {"flags", "flags of no column"},
                                         {"flags =x", "expected COLUMN or COLUMN=VALUE"}};
    const dg_map none = {0};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        dg_map m = {0};
        dg_attribute_plans plans;
        dg_strings_add(&m.key, "odd", 3, &err);
        dg_strings_add(&m.value, bad[k][0], strlen(bad[k][0]), &err);
        ck_assert_all(dg_attribute_plans_read("data.items", &m, &none, &plans, &err) ==
                      DG_ERR_CONFIG);
        ck_assert_all(strstr(err.text, bad[k][1]) && strstr(err.text, "data.items.attributes.odd"));
        dg_attribute_plans_free(&plans);
        dg_strings_free(&m.key);
        dg_strings_free(&m.value);
    }
}
END_TEST

START_TEST(features_declare_what_is_not_declared)
{
    static const char *const encoders[] = {"brand", "one_hot", "price", "standardize",
                                           "about", "text",    "tags",  "multi_hot"};
    dg_map features = {0};
    const dg_map none = {0};
    dg_attribute_plans plans;
    for (int k = 0; k < 8; k += 2) {
        dg_strings_add(&features.key, encoders[k], strlen(encoders[k]), &err);
        dg_strings_add(&features.value, encoders[k + 1], strlen(encoders[k + 1]), &err);
    }
    ck_assert_all(dg_attribute_plans_read("data.items", &none, &features, &plans, &err) == DG_OK);
    ck_assert_all(plans.n == 3 && plans.at[0].type == DG_ATTRIBUTE_TEXT &&
                  plans.at[1].type == DG_ATTRIBUTE_NUMBER &&
                  plans.at[2].type == DG_ATTRIBUTE_LIST && strcmp(plans.at[2].name, "tags") == 0);
    dg_attribute_plans_free(&plans);
    dg_strings_free(&features.key);
    dg_strings_free(&features.value);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    const size_t live = dg_alloc_live();
    dg_prepare_options o = options();
    o.ratings.columns[DG_ROLE_SCENE] = "kind";
    o.scenes = true;
    const size_t with_options = dg_alloc_live();
    int failures = 0;
    for (int nth = 400, more = 1; more; nth += 67) {
        char spec[64];
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = dg_prepare(&world, &o, &d, &report, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        more = st != DG_OK;
        failures += more;
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == world.size - 1));
        dg_dataset_free(&d);
        ck_assert_all(dg_alloc_live() == with_options);
    }
    free_options(&o);
    ck_assert_all(failures > 0 && dg_alloc_live() == live);
}
END_TEST

START_TEST(make_the_shop)
{
    shop_open(&world, &town);
    write_catalogues();
}
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("attributes", make_the_shop, goods_have_what_their_first_row_says,
         users_of_the_catalogue_have_a_row, a_file_gives_back_the_columns_that_were_written,
         scenes_have_what_was_met_in_them, a_price_that_is_no_number_is_a_bad_record,
         declarations_are_read_or_refused_by_name, features_declare_what_is_not_declared,
         one_rank_out_of_memory_fails_all, remove_the_shop)
