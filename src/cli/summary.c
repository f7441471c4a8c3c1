#include "cli/summary.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t count(const json_t *stage, const char *name)
{
    return json_integer_value(json_object_get(stage, name));
}

static void line(const char *name, const json_t *stage, const char *what)
{
    char spent[32] = "";
    const json_t *seconds = json_object_get(stage, "seconds");
    if (seconds != NULL) dg_show_seconds(json_real_value(seconds), spent, sizeof spent);
    printf("  %-9s %-58s %8s\n", name, what, spent);
}

static void prepare_line(const json_t *stage)
{
    char what[160], users[32], items[32], train[32], test[32];
    snprintf(what, sizeof what, "%s users, %s items, %s to train on, %s to test",
             dg_show_count(count(stage, "users"), users, sizeof users),
             dg_show_count(count(stage, "items"), items, sizeof items),
             dg_show_count(count(stage, "train"), train, sizeof train),
             dg_show_count(count(stage, "test"), test, sizeof test));
    line("prepare", stage, what);
}

/* How factors travelled, where they did. */
static void exchange_lines(const json_t *stage)
{
    const json_t *sides = json_object_get(stage, "exchange");
    json_t *side;
    const json_t *traffic = json_object_get(stage, "traffic");
    const json_t *last = json_array_get(traffic, json_array_size(traffic) - 1);
    char rows[32], sums[32];
    const char *name;
    if (count(last, "rows_bytes") == 0) return;
    json_object_foreach((json_t *)(uintptr_t)sides, name, side) printf(
        "  %-9s %s: %s\n", "", strcmp(name, "solve_users") == 0 ? "item factors" : "user factors",
        json_string_value(json_object_get(side, "chosen")));
    printf("  %-9s %s of factors and %s of sums in a sweep\n", "",
           dg_show_bytes((double)count(last, "rows_bytes"), rows, sizeof rows),
           dg_show_bytes((double)count(last, "sums_bytes"), sums, sizeof sums));
}

static void train_line(const json_t *stage)
{
    char what[160];
    const json_t *losses = json_object_get(stage, "loss");
    const size_t n = json_array_size(losses);
    snprintf(what, sizeof what, "%s, %lld sweeps, loss %.6g",
             json_string_value(json_object_get(stage, "algorithm")),
             (long long)count(stage, "sweeps"),
             n > 0 ? json_real_value(json_array_get(losses, n - 1)) : 0.0);
    line("train", stage, what);
    exchange_lines(stage);
}

enum { MAX_K = 32, CELL = 40 };

/* Length of a measure's list, 0 of other keys; `name_bytes` before the @. */
static int length_of(const char *key, int *name_bytes)
{
    const char *at = strchr(key, '@');
    *name_bytes = at == NULL ? 0 : (int)(at - key);
    return at == NULL || strchr(key, '(') != NULL ? 0 : atoi(at + 1);
}

/* The k's that occur, in order of appearance; returns how many. */
static int columns(const json_t *metrics, int k[MAX_K])
{
    const char *key;
    json_t *value;
    int n = 0, bytes;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        const int length = length_of(key, &bytes);
        int j = 0;
        while (j < n && k[j] != length) j++;
        if (length > 0 && j == n && n < MAX_K) k[n++] = length;
    }
    return n;
}

/* "0.39190 ±.0065": a value and half its interval. */
static const char *cell(const json_t *metrics, const char *key, char out[CELL])
{
    const json_t *value = json_object_get(metrics, key);
    const json_t *between = json_object_get(json_object_get(metrics, "intervals"), key);
    if (value == NULL) return "";
    const double v = json_number_value(value);
    const double half = (json_number_value(json_array_get(between, 1)) -
                         json_number_value(json_array_get(between, 0))) /
                        2;
    char *end = out + snprintf(out, CELL, v < 1000 ? "%.5f" : "%.1f", v);
    if (half > 0) snprintf(end, CELL - (size_t)(end - out), v < 100 ? " ±%.4f" : " ±%.1f", half);
    return out;
}

/* Columns of text with one letter of two bytes are that much wider. */
static void print_cell(const char *text, bool intervals)
{
    const int more = strstr(text, "±") != NULL;
    printf(" %*s", (intervals ? 17 : 9) + more, text);
}

static void metric_row(const json_t *metrics, const char *name, int name_bytes, const int *k, int n)
{
    char key[96], room[CELL];
    printf("  %-9s %-14.*s", "", name_bytes, name);
    for (int j = 0; j < n; j++) {
        snprintf(key, sizeof key, "%.*s@%d", name_bytes, name, k[j]);
        print_cell(cell(metrics, key, room), json_object_get(metrics, "intervals") != NULL);
    }
    printf("\n");
}

static bool is_single(const char *key)
{
    static const char *const single[] = {"rmse", "mae", "logloss", "auc", "gauc"};
    for (size_t k = 0; k < sizeof single / sizeof *single; k++)
        if (strcmp(key, single[k]) == 0) return true;
    return strchr(key, '(') != NULL;
}

static void metric_rows(const json_t *metrics)
{
    int k[MAX_K], bytes, last_bytes = 0;
    const int n = columns(metrics, k);
    const bool intervals = json_object_get(metrics, "intervals") != NULL;
    const char *key, *last = "";
    char room[CELL], head[16];
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        if (!is_single(key)) continue;
        printf("  %-9s %-14s", "", key);
        print_cell(cell(metrics, key, room), intervals);
        printf("\n");
    }
    if (n > 0) {
        printf("  %-9s %-14s", "", "");
        for (int j = 0; j < n; j++) {
            snprintf(head, sizeof head, "@%d", k[j]);
            print_cell(head, intervals);
        }
        printf("\n");
    }
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        if (length_of(key, &bytes) == 0) continue;
        if (bytes == last_bytes && strncmp(key, last, (size_t)bytes) == 0) continue;
        last = key;
        last_bytes = bytes;
        metric_row(metrics, key, bytes, k, n);
    }
}

/* "recall@10 by history: 5-9 0.21, 10-19 0.18", of the first measure of lists. */
static void slice_row(const json_t *metrics, const char *slices, const char *by, const char *key)
{
    const json_t *all = json_object_get(metrics, slices), *slice;
    size_t at;
    const char *between = ":";
    if (json_object_get(json_array_get(all, json_array_size(all) - 1), key) == NULL &&
        json_object_get(json_array_get(all, 0), key) == NULL)
        return;
    printf("  %-9s %s by %s", "", key, by);
    json_array_foreach(all, at, slice)
    {
        const json_t *value = json_object_get(slice, key);
        const char *group = json_string_value(json_object_get(slice, "group"));
        if (value == NULL) continue;
        printf("%s ", between);
        if (group != NULL)
            printf("%s", group);
        else if (json_object_get(slice, "to") != NULL)
            printf("%lld-%lld", (long long)count(slice, "from"), (long long)count(slice, "to"));
        else
            printf("%lld+", (long long)count(slice, "from"));
        printf(" %.4f", json_number_value(value));
        between = ",";
    }
    printf("\n");
}

/* "recall@10 by genre: Action 0.31, Comedy 0.18", the values of most targets. */
static void attribute_rows(const json_t *metrics, const char *key)
{
    enum { MOST = 8 };
    const char *attribute;
    json_t *values, *slice;
    size_t at;
    json_object_foreach(json_object_get(metrics, "by_attribute"), attribute, values)
    {
        printf("  %-9s %s by %s", "", key, attribute);
        json_array_foreach(values, at, slice)
        {
            if (at == MOST) break;
            printf("%s %s %.4f", at == 0 ? ":" : ",",
                   json_string_value(json_object_get(slice, "value")),
                   json_real_value(json_object_get(slice, key)));
        }
        printf("%s\n", at == MOST ? " …" : "");
    }
}

static void slice_rows(const json_t *metrics)
{
    const char *key;
    json_t *value;
    int bytes;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        if (strncmp(key, "recall@", 7) != 0 || length_of(key, &bytes) == 0) continue;
        slice_row(metrics, "by_history", "ratings a user has", key);
        slice_row(metrics, "by_popularity", "popularity of items", key);
        attribute_rows(metrics, key);
        return;
    }
    if (json_object_get(metrics, "rmse") != NULL)
        slice_row(metrics, "by_history", "ratings a user has", "rmse");
}

static void evaluate_lines(const json_t *stage)
{
    char what[160], users[32], targets[32];
    const json_t *alarm;
    size_t k;
    snprintf(what, sizeof what, "%s users ranked, %s targets, %lld users without history left out",
             dg_show_count(count(stage, "users"), users, sizeof users),
             dg_show_count(count(stage, "targets"), targets, sizeof targets),
             (long long)count(stage, "cold_users"));
    line("evaluate", stage, what);
    metric_rows(stage);
    slice_rows(stage);
    json_array_foreach(json_object_get(json_object_get(stage, "leaks"), "alarms"), k, alarm)
        printf("  %-9s leak: %s\n", "", json_string_value(json_object_get(alarm, "text")));
}

static void publish_line(const dg_work *w, const json_t *stage)
{
    char what[DG_WORK_PATH];
    if (json_object_get(stage, "version") == NULL) return;
    snprintf(what, sizeof what, "%.900s/%s/%s", w->job->publish.registry, w->job->publish.name,
             json_string_value(json_object_get(stage, "version")));
    line("publish", stage, what);
}

void dg_cli_print_summary(const dg_work *w)
{
    char bytes[32], spent[32], path[DG_WORK_PATH];
    const json_t *stage = NULL, *last = NULL;
    printf("%s in %s\n", w->job->name, w->folder);
    if ((stage = json_object_get(w->record, "prepare")) != NULL) prepare_line(last = stage);
    if ((stage = json_object_get(w->record, "train")) != NULL) train_line(last = stage);
    if ((stage = json_object_get(w->record, "evaluate")) != NULL) evaluate_lines(last = stage);
    if ((stage = json_object_get(w->record, "export")) != NULL)
        line("export", last = stage, dg_work_path(w, "artifact.h5", path));
    if ((stage = json_object_get(w->record, "publish")) != NULL) publish_line(w, last = stage);
    if ((stage = json_object_get(w->record, "report")) != NULL)
        line("report", last = stage, dg_work_path(w, "report.html", path));
    if (last != NULL)
        printf("  %-9s %s in all, %s of memory on %lld rank%s\n", "",
               dg_show_seconds(json_real_value(json_object_get(w->record, "seconds")), spent,
                               sizeof spent),
               dg_show_bytes((double)count(last, "peak_bytes_of_all_ranks"), bytes, sizeof bytes),
               (long long)count(w->record, "ranks"), count(w->record, "ranks") == 1 ? "" : "s");
}
