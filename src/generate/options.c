#include "generate/options.h"

#include "base/text.h"

#include <string.h>

#define FIELD(name) offsetof(dg_generate_options, name)

static const char *const rank_aliases[] = {"factors", NULL};

/* The defaults are the preset shop-small. */
const dg_option dg_generate_table[] = {
    {"generate.users", DG_OPT_INT, FIELD(users), "500", "shoppers", 1, 4e9, NULL, NULL, false,
     false},
    {"generate.items", DG_OPT_INT, FIELD(items), "300", "goods", 1, 2e9, NULL, NULL, false, false},
    {"generate.events", DG_OPT_INT, FIELD(events), "20000", "rows of events.csv, exactly", 0, 1e12,
     NULL, NULL, false, false},
    {"generate.ratings", DG_OPT_INT, FIELD(ratings), "8000", "rows of ratings.csv, exactly", 0,
     1e12, NULL, NULL, false, false},
    {"generate.scenes", DG_OPT_INT, FIELD(scenes), "40", "rows of scenes.csv", 0, 1e6, NULL, NULL,
     false, false},
    {"generate.friends", DG_OPT_REAL, FIELD(friends), "3", "ties each shopper starts, on average",
     0, 100, NULL, NULL, false, false},
    {"generate.shoppers", DG_OPT_BOOL, FIELD(shoppers), "true", "write shoppers.csv", 0, 0, NULL,
     NULL, false, false},
    {"generate.truth", DG_OPT_BOOL, FIELD(truth), "false",
     "write the planted factors: truth_users.csv, truth_items.csv", 0, 0, NULL, NULL, false, false},
    {"generate.rank", DG_OPT_INT, FIELD(n_factors), "4", "planted factors", 1, 256, NULL,
     rank_aliases, false, false},
    {"generate.seed", DG_OPT_INT, FIELD(seed), "1", "another seed, another shop", 0, 9e15, NULL,
     NULL, false, false},
    {"generate.days", DG_OPT_INT, FIELD(days), "180", "days from 2024-01-01 on", 1, 36500, NULL,
     NULL, false, false},
    {"generate.fewest", DG_OPT_INT, FIELD(fewest), "5",
     "rows of a file per shopper at least, where the total allows", 0, 1e9, NULL, NULL, false,
     false},
    {"generate.most", DG_OPT_REAL, FIELD(most), "0.5",
     "share of the goods that one shopper touches at most", 0, 1, NULL, NULL, false, false},
    {"generate.user_exponent", DG_OPT_REAL, FIELD(user_exponent), "3",
     "a shopper is this active: uniform^(-1/exponent) - 1", 0.5, 100, NULL, NULL, false, false},
    {"generate.item_exponent", DG_OPT_REAL, FIELD(item_exponent), "1",
     "popularity of the r-th item: (r + shift)^-exponent", 0, 10, NULL, NULL, false, false},
    {"generate.item_shift", DG_OPT_REAL, FIELD(item_shift), "10", "flattens the head", 0, 1e9, NULL,
     NULL, false, false},
    {"generate.choosiness", DG_OPT_REAL, FIELD(choosiness), "2.5",
     "how much taste decides what is looked at; 0: popularity alone", 0, 20, NULL, NULL, false,
     false},
    {"generate.threshold", DG_OPT_REAL, FIELD(threshold), "1.25",
     "taste at which every second item is passed over, in standard deviations", -5, 5, NULL, NULL,
     false, false},
    {"generate.attribute_share", DG_OPT_REAL, FIELD(attribute_share), "0.4",
     "share of taste that category, brand, age and city tell", 0, 1, NULL, NULL, false, false},
    {"generate.scene_share", DG_OPT_REAL, FIELD(scene_share), "0.3",
     "weight of the scene's taste beside the shopper's", 0, 10, NULL, NULL, false, false},
    {"generate.mean", DG_OPT_REAL, FIELD(mean), "2.7", "stars", 0.5, 5, NULL, NULL, false, false},
    {"generate.user_spread", DG_OPT_REAL, FIELD(user_spread), "0.4",
     "standard deviation of shoppers' biases, stars", 0, 5, NULL, NULL, false, false},
    {"generate.item_spread", DG_OPT_REAL, FIELD(item_spread), "0.4",
     "standard deviation of goods' biases, stars", 0, 5, NULL, NULL, false, false},
    {"generate.taste_spread", DG_OPT_REAL, FIELD(taste_spread), "1",
     "standard deviation of <p_u, q_i>, stars", 0, 5, NULL, NULL, false, false},
    {"generate.noise", DG_OPT_REAL, FIELD(noise), "0.75",
     "standard deviation of the noise in a rating before rounding, stars", 0, 5, NULL, NULL, false,
     false},
};
const size_t dg_generate_table_size = sizeof dg_generate_table / sizeof *dg_generate_table;

const char *const dg_generate_presets[] = {"shop-small", "shop-medium", "ratings-1m", "ratings-20m",
                                           NULL};

/* What a preset changes: the shapes of the rating presets are those of MovieLens 1M and 20M. */
static const struct {
    const char *preset, *key, *value;
} changes[] = {
    {"shop-medium", "generate.users", "20000"},
    {"shop-medium", "generate.items", "5000"},
    {"shop-medium", "generate.events", "2000000"},
    {"shop-medium", "generate.ratings", "400000"},
    {"shop-medium", "generate.scenes", "200"},
    {"shop-medium", "generate.rank", "8"},
    {"shop-medium", "generate.days", "365"},
    {"shop-medium", "generate.item_shift", "30"},
    {"ratings-1m", "generate.users", "6040"},
    {"ratings-1m", "generate.items", "3706"},
    {"ratings-1m", "generate.events", "0"},
    {"ratings-1m", "generate.ratings", "1000209"},
    {"ratings-1m", "generate.scenes", "0"},
    {"ratings-1m", "generate.friends", "0"},
    {"ratings-1m", "generate.shoppers", "false"},
    {"ratings-1m", "generate.rank", "12"},
    {"ratings-1m", "generate.days", "1000"},
    {"ratings-1m", "generate.fewest", "20"},
    {"ratings-1m", "generate.most", "0.6"},
    {"ratings-1m", "generate.item_exponent", "1.5"},
    {"ratings-1m", "generate.item_shift", "60"},
    {"ratings-20m", "generate.users", "138493"},
    {"ratings-20m", "generate.items", "26744"},
    {"ratings-20m", "generate.events", "0"},
    {"ratings-20m", "generate.ratings", "20000263"},
    {"ratings-20m", "generate.scenes", "0"},
    {"ratings-20m", "generate.friends", "0"},
    {"ratings-20m", "generate.shoppers", "false"},
    {"ratings-20m", "generate.rank", "16"},
    {"ratings-20m", "generate.days", "3650"},
    {"ratings-20m", "generate.fewest", "20"},
    {"ratings-20m", "generate.most", "0.35"},
    {"ratings-20m", "generate.user_exponent", "2.5"},
    {"ratings-20m", "generate.item_exponent", "1.5"},
    {"ratings-20m", "generate.item_shift", "80"},
};

static dg_status check_name(const char *preset, dg_err *err)
{
    size_t n = 0;
    for (; dg_generate_presets[n] != NULL; n++)
        if (strcmp(dg_generate_presets[n], preset) == 0) return DG_OK;
    const dg_status st = DG_FAIL(err, DG_ERR_USAGE, "there is no preset \"%.40s\"", preset);
    const char *near = dg_nearest(preset, dg_generate_presets, n);
    if (near != NULL) return dg_err_hint(err, st, "did you mean \"%s\"?", near);
    return dg_err_hint(err, st, "presets: shop-small, shop-medium, ratings-1m, ratings-20m");
}

dg_status dg_generate_preset(const char *preset, dg_generate_options *out, dg_err *err)
{
    *out = (dg_generate_options){0};
    dg_status st = check_name(preset, err);
    if (st == DG_OK) st = dg_options_default(dg_generate_table, dg_generate_table_size, out, err);
    for (size_t k = 0; k < sizeof changes / sizeof *changes && st == DG_OK; k++) {
        if (strcmp(changes[k].preset, preset) != 0) continue;
        const dg_option *o =
            dg_options_find(dg_generate_table, dg_generate_table_size, changes[k].key);
        st = dg_option_set(o, out, changes[k].value, err);
    }
    return st;
}

static dg_status check_rows(const dg_generate_options *o, const char *key, int64_t rows,
                            dg_err *err)
{
    const double reach = (double)o->users * (double)dg_generate_most(o);
    if ((double)rows <= reach) return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_CONFIG, "%s: %lld rows are more than %lld shoppers x %lld goods each",
                key, (long long)rows, (long long)o->users, (long long)dg_generate_most(o));
    return dg_err_hint(err, st, "raise generate.users, generate.items or generate.most");
}

dg_status dg_generate_check(const dg_generate_options *o, dg_err *err)
{
    if (o->users < 1 || o->items < 1 || o->n_factors < 1 || o->days < 1)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "generate.users, items, rank and days must be at least 1");
    const dg_status st = check_rows(o, "generate.events", o->events, err);
    return st == DG_OK ? check_rows(o, "generate.ratings", o->ratings, err) : st;
}
