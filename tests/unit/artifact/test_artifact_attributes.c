/* Attributes, scenes and segments in an artifact: read as they are, refused by place where they are
 * not what they should be. */
#include "artifact/artifact.h"

#include "artifact_file.h"
#include "base/memory.h"
#include "scratch.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 3, ITEMS = 4 };

static dg_err err;

static const char *file_path(void) { return scratch((long)getppid(), "attributes.h5"); }

#define ADD(m, array, type, ...)                                                                   \
    do {                                                                                           \
        const void *at_ = (__VA_ARGS__);                                                           \
        made_add(m, array, type, (int64_t)(sizeof(__VA_ARGS__) / dg_type_size(type)), at_);        \
    } while (0)

static void add_groups(made_artifact *m, const char *const path[5])
{
    ADD(m, path[0], DG_I64, (int64_t[]){0, 1, 2});
    ADD(m, path[1], DG_U8, (uint8_t[]){'a', 'b'});
    ADD(m, path[2], DG_I64, (int64_t[]){0, 3, 3});
    ADD(m, path[3], DG_I32, (int32_t[]){2, 0, 3});
    ADD(m, path[4], DG_I64, (int64_t[]){5, 4, 4});
}

/* Goods: price, tags (a list of x and yy); users: city (a or b). */
static made_artifact *make(void)
{
    static const char *const scene[] = {"popularity/scene/names/offsets",
                                        "popularity/scene/names/bytes", "popularity/scene/ptr",
                                        "popularity/scene/item", "popularity/scene/count"};
    static const char *const segment[] = {
        "popularity/segment/0/names/offsets", "popularity/segment/0/names/bytes",
        "popularity/segment/0/ptr", "popularity/segment/0/item", "popularity/segment/0/count"};
    made_artifact *m = make_artifact(USERS, ITEMS, 5, 8);
    ADD(m, "attributes/item/names/offsets", DG_I64, (int64_t[]){0, 5, 9});
    ADD(m, "attributes/item/names/bytes", DG_U8,
        (uint8_t[]){'p', 'r', 'i', 'c', 'e', 't', 'a', 'g', 's'});
    ADD(m, "attributes/item/types", DG_U8, (uint8_t[]){DG_ATTRIBUTE_NUMBER, DG_ATTRIBUTE_LIST});
    ADD(m, "attributes/item/0/number", DG_F64, (double[]){1.5, NAN, -3, 0});
    ADD(m, "attributes/item/1/ptr", DG_I64, (int64_t[]){0, 2, 2, 3, 4});
    ADD(m, "attributes/item/1/code", DG_I32, (int32_t[]){0, 1, 1, 0});
    ADD(m, "attributes/item/1/values/offsets", DG_I64, (int64_t[]){0, 1, 3});
    ADD(m, "attributes/item/1/values/bytes", DG_U8, (uint8_t[]){'x', 'y', 'y'});
    ADD(m, "attributes/user/names/offsets", DG_I64, (int64_t[]){0, 4});
    ADD(m, "attributes/user/names/bytes", DG_U8, (uint8_t[]){'c', 'i', 't', 'y'});
    ADD(m, "attributes/user/types", DG_U8, (uint8_t[]){DG_ATTRIBUTE_TEXT});
    ADD(m, "attributes/user/0/ptr", DG_I64, (int64_t[]){0, 1, 1, 2});
    ADD(m, "attributes/user/0/code", DG_I32, (int32_t[]){1, 0});
    ADD(m, "attributes/user/0/values/offsets", DG_I64, (int64_t[]){0, 1, 2});
    ADD(m, "attributes/user/0/values/bytes", DG_U8, (uint8_t[]){'a', 'b'});
    add_groups(m, scene);
    ADD(m, "popularity/segment/of", DG_I32, (int32_t[]){0});
    add_groups(m, segment);
    return m;
}

START_TEST(what_was_written_is_read_in_place)
{
    dg_artifact *a;
    made_artifact *m = make();
    write_artifact(m, file_path());
    free_artifact(&m);
    ck_assert_msg(dg_artifact_open(file_path(), &a, &err) == DG_OK, "%s", err.text);
    const dg_attributes *items = &a->item_attributes;
    ck_assert_int_eq(items->n, 2);
    ck_assert_int_eq(dg_attributes_find(items, "tags", 4), 1);
    ck_assert_int_eq(dg_attributes_find(items, "tag", 3), -1);
    ck_assert(items->at[0].number[0] == 1.5 && isnan(items->at[0].number[1]));
    ck_assert_int_eq(dg_attribute_code(&items->at[1], "yy", 2), 1);
    ck_assert_int_eq(dg_attribute_code(&items->at[1], "y", 1), -1);
    ck_assert_int_eq(a->user_attributes.n, 1);
    ck_assert_int_eq(a->scenes.n, 2);
    ck_assert_int_eq(dg_groups_find(&a->scenes, "b", 1), 1);
    ck_assert(a->scenes.item[0] == 2 && a->scenes.count[0] == 5);
    ck_assert(a->n_segments == 1 && a->segment[0].attribute == 0 && a->segment[0].lists.n == 2);
    dg_artifact_close(&a);
}
END_TEST

START_TEST(an_artifact_without_them_has_none)
{
    dg_artifact *a;
    made_artifact *m = make_artifact(USERS, ITEMS, 5, 8);
    write_artifact(m, file_path());
    free_artifact(&m);
    ck_assert_int_eq(dg_artifact_open(file_path(), &a, &err), DG_OK);
    ck_assert(a->item_attributes.n == 0 && a->user_attributes.n == 0);
    ck_assert(a->scenes.n == 0 && a->n_segments == 0);
    ck_assert_int_eq(dg_groups_find(&a->scenes, "b", 1), -1);
    dg_artifact_close(&a);
}
END_TEST

/* One element of one array changed, or the array cut or left out. */
static const struct {
    const char *array;
    int at; /* -1: left out, -2: its last row cut off */
    double value;
    const char *text;
} spoiled[] = {
    {"attributes/item/types", 0, 3, "attributes/item/types: row 0 is not a type"},
    {"attributes/item/names/offsets", 1, 0, "row 0 is no name"},
    {"attributes/item/names/offsets", 1, 12, "goes back"},
    {"attributes/item/names/bytes", 0, 0xff, "row 0 is no name"},
    {"attributes/item/names/bytes", -1, 0, "attributes/item/names/bytes"},
    {"attributes/item/names/offsets", -2, 0, "attributes/item/names/offsets has shape"},
    {"attributes/item/0/number", 2, INFINITY, "attributes/item/0/number: row 2 is not finite"},
    {"attributes/item/0/number", -2, 0, "attributes/item/0/number has shape 3 x 1"},
    {"attributes/item/1/ptr", 0, 1, "attributes/item/1/ptr: row 0 is not 0"},
    {"attributes/item/1/ptr", 2, 1, "attributes/item/1/ptr: row 2 goes back"},
    {"attributes/item/1/ptr", 4, 9, "attributes/item/1/code has shape"},
    {"attributes/item/1/code", 1, 0, "attributes/item/1/code: row 1 is not a value above"},
    {"attributes/item/1/code", 2, 2, "attributes/item/1/code: row 2 is not a value above"},
    {"attributes/item/1/code", 0, -1, "attributes/item/1/code: row 0 is not a value above"},
    {"attributes/item/1/values/offsets", 1, 0, "row 0 is empty or not UTF-8"},
    {"attributes/item/1/values/bytes", 1, 'a', "row 1 is out of order"},
    {"attributes/item/1/values/bytes", 0, 0x80, "row 0 is empty or not UTF-8"},
    {"attributes/user/0/ptr", 1, 2, "attributes/user/0/ptr: row 2 goes back"},
    {"attributes/user/types", 0, DG_ATTRIBUTE_NUMBER, "attributes/user/0/number"},
    {"popularity/scene/item", 1, ITEMS, "popularity/scene/"},
    {"popularity/scene/item", 1, -1, "row 1 is not of an item"},
    {"popularity/scene/item", 2, 0, "row 2 is out of order"},
    {"popularity/scene/count", 1, 6, "row 1 is out of order"},
    {"popularity/scene/count", 2, 0, "row 2 is not above 0"},
    {"popularity/scene/names/bytes", 1, 'a', "row 1 is out of order"},
    {"popularity/scene/count", -1, 0, "popularity/scene/count"},
    {"popularity/segment/of", 0, 1, "popularity/segment/of: row 0 is not a text of the users"},
    {"popularity/segment/of", 0, -1, "popularity/segment/of: row 0 is not a text of the users"},
    {"popularity/segment/0/ptr", -1, 0, "popularity/segment/0: row 0 has not a list for each"},
    {"popularity/segment/0/ptr", 2, 2, "goes back"},
};

static void set(made_part *p, int at, double value)
{
    if (at == -1) p->array = NULL;
    if (at == -2) p->n_rows--;
    if (at < 0) return;
    switch (p->type) {
    case DG_U8: ((uint8_t *)p->at)[at] = (uint8_t)value; break;
    case DG_I32: ((int32_t *)p->at)[at] = (int32_t)value; break;
    case DG_I64: ((int64_t *)p->at)[at] = (int64_t)value; break;
    default: ((double *)p->at)[at] = value;
    }
}

START_TEST(inconsistent_columns_are_refused_by_place)
{
    const size_t live = dg_alloc_live();
    for (size_t k = 0; k < sizeof spoiled / sizeof *spoiled; k++) {
        dg_artifact *a;
        made_artifact *m = make();
        set(made_array(m, spoiled[k].array), spoiled[k].at, spoiled[k].value);
        write_artifact(m, file_path());
        free_artifact(&m);
        ck_assert_msg(dg_artifact_open(file_path(), &a, &err) == DG_ERR_DATA, "%s %d: opened",
                      spoiled[k].array, spoiled[k].at);
        ck_assert_ptr_null(a);
        ck_assert_msg(strstr(err.text, spoiled[k].text) != NULL, "%s %d: %s", spoiled[k].array,
                      spoiled[k].at, err.text);
    }
    ck_assert_uint_eq(dg_alloc_live(), live);
    scratch_remove();
}
END_TEST

UNIT_MAIN("attributes", what_was_written_is_read_in_place, an_artifact_without_them_has_none,
          inconsistent_columns_are_refused_by_place)
