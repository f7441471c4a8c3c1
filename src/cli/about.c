#include "cli/about.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static int64_t count_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_count(const json_t *object, const char *key, const char *what)
{
    char count[32];
    printf("%s %s", dg_show_count(count_of(object, key), count, sizeof count), what);
}

static void begin(const char *what) { printf("  %-20s ", what); }

/* Notes may have line breaks. */
static void print_text(const char *what, const char *text)
{
    if (text[0] == '\0') return;
    begin(what);
    for (const char *s = text; *s != '\0'; s++)
        if (*s != '\n')
            putchar(*s);
        else if (s[1] != '\0')
            printf("\n  %-20s ", "");
    putchar('\n');
}

static void print_model(const json_t *meta)
{
    begin("model");
    printf("%s: %s", text_of(meta, "name"), text_of(meta, "algorithm"));
    if (count_of(meta, "n_cols") > 0) printf(" of %" PRId64 " columns", count_of(meta, "n_cols"));
    printf(", ");
    print_count(meta, "n_users", "users, ");
    print_count(meta, "n_items", "items\n");
}

static void print_origin(const json_t *meta, const json_t *card)
{
    const json_t *by = json_object_get(card, "made_with");
    if (text_of(card, "trained")[0] == '\0') return;
    begin("trained");
    printf("%s, exported %s by daogou %s (%s)\n", text_of(card, "trained"),
           text_of(meta, "created"), text_of(by, "daogou"), text_of(by, "revision"));
}

static void print_data(const json_t *card)
{
    static const char *const parts[][2] = {
        {"train", "to train"}, {"valid", "to tune"}, {"test", "to judge by"}, {"fold_in", "shown"}};
    const json_t *data = json_object_get(card, "data");
    if (data == NULL) return;
    begin("data");
    print_count(data, "records", "records of ");
    print_count(data, "files", count_of(data, "files") == 1 ? "file" : "files");
    if (text_of(data, "oldest")[0] != '\0')
        printf(", %.10s to %.10s", text_of(data, "oldest"), text_of(data, "newest"));
    printf("\n  %-20s ", "");
    for (size_t k = 0, said = 0; k < sizeof parts / sizeof *parts; k++) {
        if (count_of(data, parts[k][0]) == 0) continue;
        printf("%s", said++ > 0 ? ", " : "");
        print_count(data, parts[k][0], parts[k][1]);
    }
    if (text_of(card, "split")[0] != '\0') printf(" (split %s)", text_of(card, "split"));
    putchar('\n');
}

/* The counts first; then each figure. */
static void print_judged(const json_t *metrics)
{
    static const char *const apart[] = {"users",  "cold_users", "targets",
                                        "inputs", "split",      "resamples"};
    const char *name;
    json_t *value;
    int on_line = 0;
    if (metrics == NULL) return;
    begin("judged");
    print_count(metrics, "users", "users, ");
    print_count(metrics, "targets", "targets, ");
    print_count(metrics, "cold_users", "users without history left out");
    json_object_foreach((json_t *)metrics, name, value)
    {
        bool skip = !json_is_number(value);
        for (size_t k = 0; k < sizeof apart / sizeof *apart; k++)
            skip = skip || strcmp(name, apart[k]) == 0;
        if (skip) continue;
        if (on_line++ % 3 == 0)
            printf("\n  %-20s ", "");
        else
            printf("   ");
        printf("%-16s %8.5f", name, json_number_value(value));
    }
    putchar('\n');
}

/* What rounding the factors cost, metric by metric. */
static void print_rounded(const char *to, const char *text)
{
    const char *name;
    json_t *value, *loss = json_loads(text, 0, NULL);
    int n = 0;
    if (json_object_size(loss) > 0) begin("rounded");
    json_object_foreach(loss, name, value)
    {
        printf("%s%s: %s %.5f where f32 has %.5f", n++ > 0 ? ", " : "", to, name,
               json_number_value(json_object_get(value, to)),
               json_number_value(json_object_get(value, "f32")));
    }
    if (n > 0) putchar('\n');
    json_decref(loss);
}

void dg_cli_print_about(const json_t *meta)
{
    json_t *card = json_loads(text_of(meta, "card"), 0, NULL);
    json_t *metrics = json_loads(text_of(meta, "metrics"), 0, NULL);
    print_model(meta);
    print_origin(meta, card);
    print_data(card);
    print_judged(metrics);
    print_rounded(text_of(meta, "requires"), text_of(meta, "precision_loss"));
    print_text("licence", text_of(card, "licence"));
    print_text("notes", text_of(card, "notes"));
    json_decref(card);
    json_decref(metrics);
}
