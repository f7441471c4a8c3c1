#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "select/bits.h"
#include "select/rules_state.h"
#include "table/rows.h"
#include "table/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_rule_reader {
    dg_rules *r;
    dg_rule *rule;         /* being read */
    const dg_entry *start; /* where it begins */
    const dg_entry *entry; /* at hand */
    bool acts, has_where;
    dg_err *err;
} dg_rule_reader;

static dg_status refuse(const dg_rule_reader *d, const dg_entry *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static dg_status refuse(const dg_rule_reader *d, const dg_entry *at, const char *fmt, ...)
{
    char what[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return DG_FAIL(d->err, DG_ERR_CONFIG, "%.200s:%lld: %.120s: %s", d->r->path,
                   (long long)at->line, at->path, what);
}

static dg_status scalar(const dg_rule_reader *d)
{
    if (d->entry->kind == DG_ENTRY_SCALAR && d->entry->text[0] != '\0') return DG_OK;
    return refuse(d, d->entry, "expected a plain value");
}

static dg_status read_number(const dg_rule_reader *d, double least, double *out)
{
    dg_status st = scalar(d);
    const char *text = d->entry->text;
    if (st == DG_OK && (!dg_parse_double(text, strlen(text), out) || *out < least))
        st = refuse(d, d->entry, "expected a number%s, found \"%.60s\"",
                    least > -1e300 ? " above 0" : "", text);
    return st;
}

static dg_status read_count(const dg_rule_reader *d, int64_t least, int64_t *out)
{
    const dg_status st = scalar(d);
    const char *text = d->entry->text;
    if (st != DG_OK) return st;
    if (!dg_parse_int64(text, strlen(text), out) || *out < least || *out > 1000)
        return refuse(d, d->entry, "expected a whole number from %d to 1000, found \"%.60s\"",
                      (int)least, text);
    return DG_OK;
}

static dg_status read_condition(dg_rule_reader *d, dg_condition **out)
{
    dg_status st = scalar(d);
    if (st != DG_OK) return st;
    dg_free(*out); /* "where" beside an action that has one: finish refuses it */
    *out = dg_alloc(1, sizeof **out);
    if (*out == NULL) return DG_FAIL(d->err, DG_ERR_NOMEM, "%s: out of memory", d->r->path);
    st = dg_condition_read(d->r->goods, d->entry->text, strlen(d->entry->text), *out, d->err);
    if (st != DG_ERR_USAGE) return st;
    const dg_err plain = *d->err;
    st = refuse(d, d->entry, "%s", plain.text);
    return plain.hint[0] == '\0' ? st : dg_err_hint(d->err, st, "%s", plain.hint);
}

static dg_status act(dg_rule_reader *d, dg_rule_action action)
{
    if (d->acts) return refuse(d, d->entry, "a rule does one thing, and this one does another");
    d->acts = true;
    d->rule->action = action;
    return DG_OK;
}

static dg_status on_pin(dg_rule_reader *d)
{
    dg_status st = act(d, DG_RULE_PIN);
    if (st == DG_OK) st = scalar(d);
    if (st != DG_OK) return st;
    const dg_names *ids = dg_goods_from(d->r->goods)->item_id;
    d->rule->item = (int32_t)dg_names_find(ids, d->entry->text, strlen(d->entry->text));
    d->rule->idle = d->rule->item < 0;
    return DG_OK;
}

static dg_status on_pin_best(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_PIN);
    return st == DG_OK ? read_condition(d, &d->rule->where) : st;
}

static dg_status on_place(dg_rule_reader *d) { return read_count(d, 1, &d->rule->place); }

static dg_status on_boost(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_BOOST);
    return st == DG_OK ? read_number(d, 1e-9, &d->rule->amount) : st;
}

static dg_status on_bury(dg_rule_reader *d)
{
    dg_status st = act(d, DG_RULE_BOOST);
    if (st == DG_OK) st = read_number(d, 1e-9, &d->rule->amount);
    if (st == DG_OK && d->rule->amount >= 1)
        st = refuse(d, d->entry, "expected a factor below 1, for boost is above");
    return st;
}

static dg_status on_add(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_ADD);
    return st == DG_OK ? read_number(d, -1e308, &d->rule->amount) : st;
}

static dg_status on_at_most(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_AT_MOST);
    return st == DG_OK ? read_count(d, 1, &d->rule->n) : st;
}

static dg_status on_at_least(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_AT_LEAST);
    return st == DG_OK ? read_count(d, 1, &d->rule->n) : st;
}

static dg_status on_keep(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_KEEP);
    return st == DG_OK ? read_condition(d, &d->rule->where) : st;
}

static dg_status on_block(dg_rule_reader *d)
{
    const dg_status st = act(d, DG_RULE_BLOCK);
    return st == DG_OK ? read_condition(d, &d->rule->where) : st;
}

static dg_status on_where(dg_rule_reader *d)
{
    d->has_where = true;
    return read_condition(d, &d->rule->where);
}

static dg_status on_when(dg_rule_reader *d)
{
    const dg_status st = read_condition(d, &d->rule->when);
    if (st == DG_OK && d->rule->when->of_goods)
        return refuse(d, d->entry,
                      "\"when\" asks User and CurrentItem alone; \"where\" asks goods");
    return st;
}

static dg_status on_of(dg_rule_reader *d)
{
    const dg_attributes *all = dg_goods_from(d->r->goods)->items;
    dg_status st = scalar(d);
    if (st != DG_OK) return st;
    d->rule->of = dg_attributes_find(all, d->entry->text, strlen(d->entry->text));
    if (d->rule->of < 0)
        return refuse(d, d->entry, "\"%.60s\" is not an attribute of the goods", d->entry->text);
    if (all->at[d->rule->of].type == DG_ATTRIBUTE_NUMBER)
        return refuse(d, d->entry, "%.60s is a number; a cap is by a text", d->entry->text);
    return dg_goods_prepare(d->r->goods, d->rule->of, d->err);
}

static dg_status read_names(dg_rule_reader *d, dg_strings *out)
{
    const dg_entry *e = d->entry;
    if (e->kind == DG_ENTRY_SCALAR) return dg_strings_add(out, e->text, strlen(e->text), d->err);
    if (e->kind != DG_ENTRY_LIST || e->list.n == 0)
        return refuse(d, e, "expected a name or a list of names");
    dg_status st = DG_OK;
    for (int64_t k = 0; k < e->list.n && st == DG_OK; k++) {
        size_t n;
        const char *name = dg_strings_at(&e->list, k, &n);
        st = dg_strings_add(out, name, n, d->err);
    }
    return st;
}

static dg_status on_scene(dg_rule_reader *d) { return read_names(d, &d->rule->scenes); }

static dg_status on_paths(dg_rule_reader *d)
{
    static const char *const known[] = {"recommend", "similar", "rank"};
    dg_status st = read_names(d, &d->rule->paths);
    for (int64_t k = 0; k < d->rule->paths.n && st == DG_OK; k++) {
        size_t n;
        bool good = false;
        const char *name = dg_strings_at(&d->rule->paths, k, &n);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            good = good || (strlen(known[i]) == n && memcmp(known[i], name, n) == 0);
        if (!good) st = refuse(d, d->entry, "expected recommend, similar or rank");
    }
    return st;
}

static dg_status read_time(const dg_rule_reader *d, int64_t *out)
{
    const dg_status st = scalar(d);
    if (st == DG_OK && !dg_parse_time(d->entry->text, strlen(d->entry->text), out))
        return refuse(d, d->entry, "expected a time such as 2026-12-01, found \"%.60s\"",
                      d->entry->text);
    return st;
}

static dg_status on_from(dg_rule_reader *d) { return read_time(d, &d->rule->from); }
static dg_status on_until(dg_rule_reader *d) { return read_time(d, &d->rule->until); }

static dg_status read_bool(const dg_rule_reader *d, bool *out)
{
    const dg_status st = scalar(d);
    if (st != DG_OK) return st;
    *out = strcmp(d->entry->text, "true") == 0;
    if (!*out && strcmp(d->entry->text, "false") != 0)
        return refuse(d, d->entry, "expected true or false");
    return DG_OK;
}

static dg_status on_enabled(dg_rule_reader *d) { return read_bool(d, &d->rule->enabled); }
static dg_status on_relax(dg_rule_reader *d) { return read_bool(d, &d->rule->relax); }

/* A list lies where the file says, seen from the folder of the rules. */
static dg_status find_list(dg_rule_reader *d, char path[DG_PATH])
{
    const char *slash = strrchr(d->r->path, '/'), *name = d->entry->text;
    const int n = name[0] == '/' || slash == NULL ? 0 : (int)(slash - d->r->path + 1);
    snprintf(path, DG_PATH, "%.*s%s", n, d->r->path, name);
    d->rule->goods = dg_alloc(d->r->words, sizeof *d->rule->goods);
    if (d->rule->goods == NULL)
        return DG_FAIL(d->err, DG_ERR_NOMEM, "%s: out of memory", d->r->path);
    return dg_rules__watch(d->r, path, d->err);
}

static void block(dg_rule_reader *d, const char *id, size_t n)
{
    const int64_t row = dg_names_find(dg_goods_from(d->r->goods)->item_id, id, n);
    if (row >= 0) dg_bits_set(d->rule->goods, row);
}

/* One id a line. */
static dg_status on_block_file(dg_rule_reader *d)
{
    char path[DG_PATH];
    dg_text text = {0};
    dg_status st = act(d, DG_RULE_BLOCK);
    if (st == DG_OK) st = scalar(d);
    if (st == DG_OK) st = find_list(d, path);
    if (st == DG_OK) st = dg_file_read(path, DG_RULES_LIST, &text, d->err);
    for (size_t k = 0; st == DG_OK && k < text.n;) {
        const char *end = memchr(text.at + k, '\n', text.n - k);
        size_t n = end == NULL ? text.n - k : (size_t)(end - (text.at + k));
        const size_t step = n + 1;
        if (n > 0 && text.at[k + n - 1] == '\r') n--;
        block(d, text.at + k, n);
        k += step;
    }
    dg_text_free(&text);
    return st;
}

static dg_status read_stock(dg_rule_reader *d, const char *path, dg_rows *rows)
{
    for (;;) {
        dg_table_row row;
        double stock;
        const dg_status st = dg_rows_next(rows, &row, d->err);
        if (st != DG_OK || row.outcome == DG_OUTCOME_END) return st;
        if (row.outcome == DG_OUTCOME_REJECT) return dg_reject_fail(row.reject, path, 0, d->err);
        if (!dg_parse_double(row.field[1].at, row.field[1].n, &stock))
            return DG_FAIL(d->err, DG_ERR_DATA, "%s:%lld: the stock is not a number", path,
                           (long long)row.line);
        if (!(stock > 0)) block(d, row.field[0].at, row.field[0].n);
    }
}

/* item,stock with a header: goods with none left are out; of others nothing is said. */
static dg_status on_stock_file(dg_rule_reader *d)
{
    static const char *const wanted[] = {"item", "stock"};
    char path[DG_PATH];
    dg_strings paths = {0};
    dg_sources found = {0};
    dg_rows *rows = NULL;
    const dg_dialect dialect = dg_dialect_default();
    dg_status st = act(d, DG_RULE_BLOCK);
    if (st == DG_OK) st = scalar(d);
    if (st == DG_OK) st = find_list(d, path);
    if (st == DG_OK) st = dg_strings_add(&paths, path, strlen(path), d->err);
    if (st == DG_OK) st = dg_sources_find(&paths, &found, d->err);
    if (st == DG_OK) st = dg_rows_open(&found.at[0], &dialect, wanted, 2, &rows, d->err);
    if (st == DG_OK) st = read_stock(d, path, rows);
    dg_rows_close(&rows);
    dg_sources_free(&found);
    dg_strings_free(&paths);
    return st;
}

static const struct {
    const char *key;
    dg_status (*read)(dg_rule_reader *d);
} keys[] = {{"pin", on_pin},
            {"pin_best", on_pin_best},
            {"place", on_place},
            {"boost", on_boost},
            {"bury", on_bury},
            {"add", on_add},
            {"at_most", on_at_most},
            {"at_least", on_at_least},
            {"keep", on_keep},
            {"block", on_block},
            {"block_file", on_block_file},
            {"stock_file", on_stock_file},
            {"where", on_where},
            {"of", on_of},
            {"when", on_when},
            {"scene", on_scene},
            {"paths", on_paths},
            {"from", on_from},
            {"until", on_until},
            {"enabled", on_enabled},
            {"relax", on_relax}};

enum { N_KEYS = sizeof keys / sizeof *keys };

static dg_status read_key(dg_rule_reader *d, const char *key)
{
    const char *names[N_KEYS];
    for (size_t k = 0; k < N_KEYS; k++) {
        if (strcmp(keys[k].key, key) == 0) return keys[k].read(d);
        names[k] = keys[k].key;
    }
    const dg_status st = refuse(d, d->entry, "unknown key");
    const char *near = dg_nearest(key, names, N_KEYS);
    return near == NULL ? st : dg_err_hint(d->err, st, "did you mean \"%s\"?", near);
}

/* What its action needs is there, and nothing that has no meaning beside it. */
static dg_status finish(dg_rule_reader *d)
{
    const dg_rule *rule = d->rule;
    const bool cap = rule->action == DG_RULE_AT_MOST;
    const bool wants_where =
        dg_rule__moves(rule) || rule->action == DG_RULE_AT_LEAST || (cap && rule->of < 0);
    if (!d->acts)
        return refuse(d, d->start,
                      "does nothing: expected pin, pin_best, boost, bury, add, at_most, at_least, "
                      "keep, block, block_file or stock_file");
    if (rule->action == DG_RULE_PIN && rule->place == 0)
        return refuse(d, d->start, "a pin needs its place");
    if (rule->action != DG_RULE_PIN && rule->place != 0)
        return refuse(d, d->start, "only a pin has a place");
    if (cap && rule->of >= 0 && d->has_where)
        return refuse(d, d->start, "at_most is of an attribute or of where, not both");
    if (!cap && rule->of >= 0) return refuse(d, d->start, "only at_most has \"of\"");
    if (wants_where && !d->has_where)
        return refuse(d, d->start, "needs \"where\"%s", cap ? " or \"of\"" : "");
    if (!wants_where && d->has_where) return refuse(d, d->start, "\"where\" has no meaning here");
    if (rule->where != NULL && !rule->where->of_goods)
        return refuse(d, d->start, "its condition asks nothing of goods; that is what when is for");
    if (rule->relax && rule->action != DG_RULE_KEEP && rule->action != DG_RULE_BLOCK)
        return refuse(d, d->start, "only keep and block can relax");
    if (rule->from >= rule->until) return refuse(d, d->start, "ends before it begins");
    return DG_OK;
}

static dg_status begin(dg_rule_reader *d, const char *name)
{
    if (d->r->n == DG_RULES_MAX) return refuse(d, d->entry, "more than %d rules", DG_RULES_MAX);
    if (strlen(name) >= DG_RULE_NAME || strchr(name, '.') != NULL)
        return refuse(d, d->entry, "a name has at most %d bytes and no dot", DG_RULE_NAME - 1);
    d->rule = &d->r->rule[d->r->n++];
    *d->rule =
        (dg_rule){.enabled = true, .from = INT64_MIN, .until = INT64_MAX, .of = -1, .item = -1};
    snprintf(d->rule->name, DG_RULE_NAME, "%s", name);
    d->start = d->entry;
    d->acts = d->has_where = false;
    return DG_OK;
}

static dg_status read_entries(dg_rule_reader *d, const dg_entries *all)
{
    static const char prefix[] = "rules.";
    dg_status st = DG_OK;
    for (size_t k = 0; k < all->n && st == DG_OK; k++) {
        const dg_entry *e = d->entry = &all->at[k];
        if (strcmp(e->path, "rules") == 0) {
            if (e->kind == DG_ENTRY_MAP || e->kind == DG_ENTRY_NULL) continue;
            return refuse(d, e, "expected a map of rules");
        }
        if (strncmp(e->path, prefix, sizeof prefix - 1) != 0)
            return refuse(d, e, "unknown key; a file of rules has the key rules alone");
        const char *name = e->path + sizeof prefix - 1;
        const size_t n = d->start == NULL ? 0 : strlen(d->start->path);
        if (n > 0 && strncmp(e->path, d->start->path, n) == 0 && e->path[n] == '.') {
            st = read_key(d, e->path + n + 1);
            continue;
        }
        if (d->start != NULL) st = finish(d);
        if (st == DG_OK && e->kind != DG_ENTRY_MAP) return refuse(d, e, "expected a map");
        if (st == DG_OK) st = begin(d, name);
    }
    return st == DG_OK && d->start != NULL ? finish(d) : st;
}

dg_status dg_rules__parse(dg_rules *r, const char *text, size_t n, dg_err *err)
{
    dg_entries entries = {0};
    dg_rule_reader d = {.r = r, .err = err};
    dg_status st = dg_yaml_read(r->path, NULL, text, n, &entries, err);
    if (st == DG_OK) st = read_entries(&d, &entries);
    dg_entries_free(&entries);
    return st;
}
