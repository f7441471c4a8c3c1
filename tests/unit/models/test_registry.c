/* Every algorithm of the table can be found and brings what a job calls. */
#include "models/model.h"

#include "base/memory.h"
#include "unit_main.h"

#include <string.h>

START_TEST(algorithms_are_found_by_name)
{
    ck_assert_str_eq(dg_model_find("als")->name, "als");
    ck_assert_str_eq(dg_model_find("ials")->name, "ials");
    ck_assert(dg_model_find("als")->rates && !dg_model_find("ials")->rates);
    ck_assert(dg_model_find("") == NULL && dg_model_find("ALS") == NULL);
    ck_assert(dg_model_find("ialspp") == NULL);
}
END_TEST

START_TEST(every_algorithm_is_complete)
{
    size_t n = 0;
    for (const dg_model_class *const *c = dg_model_all(); *c != NULL; c++, n++) {
        ck_assert(dg_model_find((*c)->name) == *c); /* no name twice */
        ck_assert(strlen((*c)->summary) > 10);
        ck_assert((*c)->sweeps && (*c)->create && (*c)->sweep && (*c)->save && (*c)->load);
        ck_assert((*c)->scorer && (*c)->export && (*c)->destroy);
    }
    ck_assert_uint_ge(n, 3);
}
END_TEST

START_TEST(default_options_settle)
{
    for (const dg_model_class *const *c = dg_model_all(); *c != NULL; c++) {
        dg_err err;
        void *options = dg_alloc(1, (*c)->options_size);
        ck_assert(dg_options_default((*c)->option, (*c)->n_options, options, &err) == DG_OK);
        ck_assert((*c)->settle == NULL || (*c)->settle(options, &err) == DG_OK);
        ck_assert_int_gt((*c)->sweeps(options), 0);
        dg_options_free((*c)->option, (*c)->n_options, options);
        dg_free(options);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
    for (const dg_model_class *const *c = dg_model_all(); *c != NULL; c++) {
        dg_model *m = NULL;
        (*c)->destroy(&m);
        ck_assert(m == NULL);
    }
}
END_TEST

UNIT_MAIN("registry", algorithms_are_found_by_name, every_algorithm_is_complete,
          default_options_settle, destroying_nothing_is_fine)
