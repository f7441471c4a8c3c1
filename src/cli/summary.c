#include "cli/summary.h"

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

enum { MAX_K = 32 };

/* The k's that occur, in order of appearance; returns how many. */
static int columns(const json_t *metrics, int k[MAX_K])
{
    const char *key;
    json_t *value;
    int n = 0;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        const char *at = strchr(key, '@');
        if (at == NULL) continue;
        int j = 0;
        while (j < n && k[j] != atoi(at + 1)) j++;
        if (j == n && n < MAX_K) k[n++] = atoi(at + 1);
    }
    return n;
}

static void metric_row(const json_t *metrics, const char *name, int name_bytes, const int *k, int n)
{
    char key[96];
    printf("  %-9s %-14.*s", "", name_bytes, name);
    for (int j = 0; j < n; j++) {
        snprintf(key, sizeof key, "%.*s@%d", name_bytes, name, k[j]);
        const json_t *value = json_object_get(metrics, key);
        if (value == NULL)
            printf(" %9s", "");
        else
            printf(" %9.5f", json_number_value(value));
    }
    printf("\n");
}

static void metric_rows(const json_t *metrics)
{
    int k[MAX_K];
    const int n = columns(metrics, k);
    const char *key, *last = "";
    size_t last_bytes = 0;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        if (strcmp(key, "rmse") == 0 || strcmp(key, "mae") == 0)
            printf("  %-9s %-14s %9.5f\n", "", key, json_number_value(value));
    }
    if (n > 0) {
        printf("  %-9s %-14s", "", "");
        for (int j = 0; j < n; j++) printf(" %8s%d", "@", k[j]);
        printf("\n");
    }
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        const char *at = strchr(key, '@');
        const size_t bytes = at == NULL ? 0 : (size_t)(at - key);
        if (at == NULL || (bytes == last_bytes && strncmp(key, last, bytes) == 0)) continue;
        last = key;
        last_bytes = bytes;
        metric_row(metrics, key, (int)bytes, k, n);
    }
}

static void evaluate_lines(const json_t *stage)
{
    char what[160], users[32], targets[32];
    snprintf(what, sizeof what, "%s users ranked, %s targets, %lld users without history left out",
             dg_show_count(count(stage, "users"), users, sizeof users),
             dg_show_count(count(stage, "targets"), targets, sizeof targets),
             (long long)count(stage, "cold_users"));
    line("evaluate", stage, what);
    metric_rows(stage);
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
    if (last != NULL)
        printf("  %-9s %s in all, %s of memory on %lld rank%s\n", "",
               dg_show_seconds(json_real_value(json_object_get(w->record, "seconds")), spent,
                               sizeof spent),
               dg_show_bytes((double)count(last, "peak_bytes_of_all_ranks"), bytes, sizeof bytes),
               (long long)count(w->record, "ranks"), count(w->record, "ranks") == 1 ? "" : "s");
}
