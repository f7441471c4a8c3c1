#include "ingest/rule.h"

#include "unit_main.h"

#include <math.h>
#include <string.h>

static dg_err err;
static dg_strings one_path;

static dg_prepare_options sound(dg_split_method method)
{
    if (one_path.n == 0) dg_strings_add(&one_path, "r.csv", 5, &err);
    return (dg_prepare_options){
        .ratings = {.paths = one_path,
                    .dialect = dg_dialect_default(),
                    .columns = {[DG_ROLE_USER] = "u", [DG_ROLE_ITEM] = "i", [DG_ROLE_TIME] = "t"}},
        .split = {.method = method,
                  .test = .2,
                  .n = 1,
                  .at = "80%",
                  .users = 10,
                  .fold_in = .8,
                  .k = 5,
                  .fold = 5,
                  .test_files = {.paths = one_path}}};
}

static void refused(const dg_prepare_options *o, const char *text)
{
    ck_assert_int_eq(dg_rule_check(o, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, text);
}

START_TEST(sound_options_pass_for_every_method)
{
    for (int m = DG_SPLIT_RATIO; m <= DG_SPLIT_NONE; m++) {
        const dg_prepare_options o = sound((dg_split_method)m);
        ck_assert_int_eq(dg_rule_check(&o, &err), DG_OK);
    }
}
END_TEST

START_TEST(impossible_wishes_name_their_key)
{
    dg_prepare_options o = sound(DG_SPLIT_RATIO);
    o.split.valid = .8;
    refused(&o, "prepare.split: test 0.2 and valid 0.8 leave nothing to train on");
    o.split.valid = NAN;
    refused(&o, "prepare.split.valid: nan is not from 0 to below 1");
    o = sound(DG_SPLIT_HOLD_LAST);
    o.split.test = 1;
    refused(&o, "prepare.split: test 1 and valid 0 leave nothing to train on");
    o = sound(DG_SPLIT_LEAVE_LAST);
    o.split.n = 0;
    refused(&o, "prepare.split.n: 0 is not a positive number");
    o = sound(DG_SPLIT_TIME);
    o.split.at = "100%";
    refused(&o, "prepare.split.at: \"100%\" is neither a time nor a share such as 80%");
    o.split.at = NULL;
    refused(&o, "prepare.split.at: \"\" is neither a time nor a share such as 80%");
    o = sound(DG_SPLIT_TIME);
    o.ratings.columns[DG_ROLE_TIME] = NULL;
    refused(&o, "prepare.split: time needs data.ratings.columns.time, which is not given");
    o = sound(DG_SPLIT_RATIO);
    o.max_user_day = 9;
    o.ratings.columns[DG_ROLE_TIME] = NULL;
    refused(&o, "prepare.max_user_day needs data.ratings.columns.time, which is not given");
    o = sound(DG_SPLIT_USER_HOLDOUT);
    o.split.users = 0;
    refused(&o, "prepare.split.users: 0 is not a positive number");
    o = sound(DG_SPLIT_USER_HOLDOUT);
    o.split.fold_in = 1;
    refused(&o, "prepare.split.fold_in: 1 is not between 0 and 1");
    o = sound(DG_SPLIT_KFOLD);
    o.split.fold = 6;
    refused(&o, "prepare.split.fold: 6 is not from 1 to k = 5");
    o = sound(DG_SPLIT_FILES);
    o.split.test_files.paths = (dg_strings){0};
    refused(&o, "prepare.split.test: no file is named");
    o = sound(DG_SPLIT_NONE);
    o.ratings.paths = (dg_strings){0};
    refused(&o, "data.ratings.path: no file is named");
    o = sound(DG_SPLIT_NONE);
    o.half_life = 60;
    o.ratings.columns[DG_ROLE_TIME] = NULL;
    refused(&o, "prepare.half_life needs data.ratings.columns.time, which is not given");
    o = sound(DG_SPLIT_NONE);
    o.half_life = -1;
    refused(&o, "prepare.half_life: -1 is not a duration");
}
END_TEST

START_TEST(lists_bring_their_own_times)
{
    dg_prepare_options o = sound(DG_SPLIT_TIME);
    o.ratings.columns[DG_ROLE_TIME] = NULL;
    o.ratings.dialect.format = DG_FORMAT_LISTS;
    ck_assert_int_eq(dg_rule_check(&o, &err), DG_OK);
}
END_TEST

UNIT_MAIN("rule", sound_options_pass_for_every_method, impossible_wishes_name_their_key,
          lists_bring_their_own_times)
