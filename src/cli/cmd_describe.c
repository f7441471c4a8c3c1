/* cmd_describe.c - the data card of a job's dataset, which is prepared first where it is not there.
 */
#include "artifact/container.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/in_work.h"
#include "job/stages.h"
#include "store/dataset.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t whole(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static double real(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void print_count(const char *name, int64_t count)
{
    char text[32];
    printf("  %-22s %16s\n", name, dg_show_count(count, text, sizeof text));
}

/* A bar as long as its share of the longest one, in eighths of a character. */
static void print_bar(int64_t count, int64_t most)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    enum { WIDTH = 40 };
    int n = most > 0 ? (int)((double)count / (double)most * WIDTH * 8 + .5) : 0;
    if (count > 0 && n == 0) n = 1;
    for (; n >= 8; n -= 8) printf("█");
    printf("%s\n", eighth[n]);
}

static int64_t largest(const json_t *list)
{
    int64_t most = 0;
    size_t k;
    json_t *each;
    json_array_foreach(list, k, each) if (json_integer_value(each) > most) most =
        json_integer_value(each);
    return most;
}

static void print_counts(const json_t *counts)
{
    static const struct {
        const char *key, *name;
        bool always;
    } row[] = {{"records", "records read", true},
               {"rejected", "bad records", true},
               {"duplicates", "merged into others", true},
               {"busy_days_dropped", "of busy days, dropped", false},
               {"crowd_dropped", "of busy users, dropped", false},
               {"core_dropped", "below the minima", false},
               {"train", "to train on", true},
               {"valid", "to validate", false},
               {"test", "to test", false},
               {"fold_in", "shown of held-out users", false}};
    printf("ratings\n");
    for (size_t k = 0; k < sizeof row / sizeof *row; k++)
        if (row[k].always || whole(counts, row[k].key) > 0)
            print_count(row[k].name, whole(counts, row[k].key));
}

static void print_day(const char *name, int64_t time)
{
    char text[40];
    const time_t at = (time_t)time;
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M", &utc) == 0)
        snprintf(text, sizeof text, "%lld", (long long)time);
    printf("  %-22s %16s\n", name, text);
}

static void print_spread(const char *name, const json_t *s)
{
    const json_t *lengths = json_object_get(s, "rows_by_power_of_two"), *each;
    json_t *quantile;
    const int64_t most = largest(lengths);
    const char *at;
    size_t k;
    char count[32], from[32];
    printf("\n%s\n", name);
    print_count("rows", whole(s, "rows"));
    print_count("cold: without a rating", whole(s, "cold"));
    printf("  %-22s %16.3f\n", "Gini", real(s, "gini"));
    printf("  %-22s %14.1f %%\n", "ratings of longest 1 %", 100 * real(s, "top_1_percent_share"));
    printf("  ratings a row        ");
    json_object_foreach(json_object_get(s, "quantiles"), at, quantile)
        printf(" %s: %lld ", at, (long long)json_integer_value(quantile));
    printf(" most: %lld\n", (long long)whole(s, "most"));
    json_array_foreach(lengths, k, each)
    {
        const int64_t n = json_integer_value(each);
        if (n == 0) continue;
        printf("  %10s %-12s %12s ", dg_show_count((int64_t)1 << k, from, sizeof from),
               k + 1 == json_array_size(lengths) ? "or more" : "and more",
               dg_show_count(n, count, sizeof count));
        print_bar(n, most);
    }
}

static void print_values(const json_t *v)
{
    const json_t *counts = json_object_get(v, "counts"), *each;
    const double least = real(v, "least"), most = real(v, "most");
    const double step = (most - least) / (double)json_array_size(counts);
    size_t k;
    char count[32];
    printf("\nvalues\n");
    if (step == 0) {
        printf("  all are %g\n", least);
        return;
    }
    json_array_foreach(counts, k, each)
    {
        printf("  %10.4g to %-9.4g %12s ", least + (double)k * step, least + (double)(k + 1) * step,
               dg_show_count(json_integer_value(each), count, sizeof count));
        print_bar(json_integer_value(each), largest(counts));
    }
}

static void print_columns(const json_t *file)
{
    const json_t *columns = json_object_get(file, "columns"), *odd, *each;
    size_t k, o, personal = 0;
    json_t *column;
    char rows[32];
    if (json_array_size(columns) == 0) return;
    printf("\ncolumns of the first file, %s rows looked at\n",
           dg_show_count(whole(file, "rows_looked_at"), rows, sizeof rows));
    json_array_foreach((json_t *)(uintptr_t)columns, k, column)
    {
        char number[32];
        const char *name = json_string_value(json_object_get(column, "name"));
        snprintf(number, sizeof number, "%zu", k + 1);
        printf("  %-22s %-16s %12s different", name[0] != '\0' ? name : number,
               json_string_value(json_object_get(column, "looks_like")),
               dg_show_count(whole(column, "distinct"), rows, sizeof rows));
        odd = json_object_get(column, "odd");
        json_array_foreach(odd, o, each)
        {
            printf(", %s", json_string_value(each));
            personal += strcmp(json_string_value(each), "personal data") == 0;
        }
        printf("\n");
    }
    if (personal > 0)
        printf("  %zu of them seem to hold personal data: does the job need them? Users can have "
               "pseudonyms (prepare.pseudonyms)\n",
               personal);
}

static void print_attributes(const char *what, const json_t *list)
{
    size_t k;
    json_t *each;
    char count[32];
    if (json_array_size(list) == 0) return;
    printf("\nattributes of the %s\n", what);
    json_array_foreach((json_t *)(uintptr_t)list, k, each)
    {
        printf("  %-22s %-16s", json_string_value(json_object_get(each, "name")),
               json_string_value(json_object_get(each, "type")));
        if (json_object_get(each, "values") != NULL)
            printf(" %12s different", dg_show_count(whole(each, "values"), count, sizeof count));
        if (json_object_get(each, "least") != NULL)
            printf(" %12g to %g", real(each, "least"), real(each, "most"));
        if (whole(each, "missing") > 0)
            printf(", %s missing", dg_show_count(whole(each, "missing"), count, sizeof count));
        printf("\n");
    }
}

static void print_twins(const json_t *twins)
{
    static const struct {
        const char *key, *says;
    } row[] = {{"items", "items have ids that differ in case or blanks only"},
               {"users", "users have ids that differ in case or blanks only"},
               {"copied_users", "users have the ratings of another, all but a few"}};
    char count[32];
    bool any = false;
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        if (whole(twins, row[k].key) == 0) continue;
        printf("%s  %s %s\n", any ? "" : "\nperhaps there twice\n",
               dg_show_count(whole(twins, row[k].key), count, sizeof count), row[k].says);
        any = true;
    }
}

static void print_card(const json_t *card)
{
    const json_t *time = json_object_get(card, "time");
    print_counts(json_object_get(card, "counts"));
    printf("  %-22s %14.4f %%\n", "of all pairs", 100 * real(card, "density"));
    if (time != NULL) {
        print_day("oldest, UTC", whole(time, "oldest"));
        print_day("newest, UTC", whole(time, "newest"));
    }
    print_spread("users", json_object_get(card, "users"));
    print_spread("items", json_object_get(card, "items"));
    print_values(json_object_get(card, "values"));
    print_attributes("items", json_object_get(json_object_get(card, "attributes"), "items"));
    print_attributes("users", json_object_get(json_object_get(card, "attributes"), "users"));
    print_twins(json_object_get(card, "twins"));
    print_columns(json_object_get(card, "first_file"));
}

static dg_status read_card(const dg_work *w, json_t **out, dg_err *err)
{
    char path[DG_WORK_PATH], *text = NULL;
    dg_container *f = NULL;
    dg_work_path(w, "dataset.h5", path);
    dg_status st = dg_container_open(path, "daogou-dataset", DG_DATASET_VERSION, &f, err);
    if (st == DG_OK && dg_container_text(f, "/meta", "card", &text, err) != DG_OK) {
        st = DG_FAIL(err, DG_ERR_DATA, "%s: it has no data card", path);
        dg_err_hint(err, st, "an earlier version made it: remove it and describe again");
    }
    *out = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (st == DG_OK && *out == NULL)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: its data card is broken", path);
    dg_free(text);
    dg_container_close(&f);
    return st;
}

static dg_status show(const dg_cli *cli, const dg_work *w, dg_err *err)
{
    json_t *card = NULL;
    dg_status st = read_card(w, &card, err);
    if (st == DG_OK && cli->json) return dg_cli_print_json(card, err);
    if (st == DG_OK) print_card(card);
    json_decref(card);
    return st;
}

static dg_status describe_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    dg_status st = dg_stage_prepare(w, err);
    if (st == DG_OK && dg_cli_speaks(cli)) st = show(cli, w, err);
    return dg_agree(cli->comm, st, err);
}

static dg_status describe(const dg_cli *cli, dg_err *err)
{
    return dg_cli_in_work(cli, describe_in, err);
}

const dg_command dg_cmd_describe = {
    .name = "describe",
    .arguments = "JOB.yaml",
    .summary = "the data card: counts, sparsity, inequality, times, values, odd columns",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = describe,
};
