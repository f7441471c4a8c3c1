#include "select/rules.h"

#include "base/file.h"
#include "base/memory.h"
#include "select/bits.h"
#include "select/rules_state.h"

#include <string.h>
#include <sys/stat.h>

static dg_stamp stamp_of(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0) return (dg_stamp){0};
    return (dg_stamp){(int64_t)s.st_ino, (int64_t)s.st_size,
                      (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
}

dg_status dg_rules__watch(dg_rules *r, const char *path, dg_err *err)
{
    dg_stamp *grown =
        dg_grow(r->stamp, (size_t)r->files.n, (size_t)r->files.n + 1, &r->capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    r->stamp = grown;
    r->stamp[r->files.n] = stamp_of(path); /* before it is read: a change meanwhile is one */
    return dg_strings_add(&r->files, path, strlen(path) + 1, err);
}

bool dg_rules_changed(const dg_rules *r)
{
    for (int64_t k = 0; k < r->files.n; k++) {
        size_t n;
        const dg_stamp now = stamp_of(dg_strings_at(&r->files, k, &n));
        if (memcmp(&now, &r->stamp[k], sizeof now) != 0) return true;
    }
    return false;
}

/* The goods of conditions that ask nobody do not change. */
static dg_status fix_goods(dg_rules *r, dg_rule *rule, dg_err *err)
{
    const dg_condition *c = rule->where;
    if (c == NULL || c->of_current || c->of_user) return DG_OK;
    rule->goods = dg_alloc(r->words, sizeof *rule->goods);
    if (rule->goods == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", r->path);
    return dg_condition_apply(c, r->goods, (dg_asked){-1, -1}, rule->goods, err);
}

/* Groups that the fixed boosts from k on cut `set` into, counted up to the limit. */
static int count_groups(const dg_rules *r, int k, const uint64_t *set, dg_err *err)
{
    while (k < r->n && !dg_rule__moves(&r->rule[k])) k++;
    if (!dg_bits_any(set, r->n_items)) return 0;
    if (k == r->n) return 1;
    if (r->rule[k].goods == NULL) { /* it may cut each */
        const int n = 2 * count_groups(r, k + 1, set, err);
        return n;
    }
    uint64_t *part = dg_alloc(r->words, sizeof *part);
    if (part == NULL) return DG_RULE_GROUPS + 1;
    memcpy(part, set, r->words * sizeof *part);
    dg_bits_and(part, r->rule[k].goods, r->n_items);
    int n = count_groups(r, k + 1, part, err);
    if (n <= DG_RULE_GROUPS) {
        memcpy(part, set, r->words * sizeof *part);
        dg_bits_without(part, r->rule[k].goods, r->n_items);
        n += count_groups(r, k + 1, part, err);
    }
    dg_free(part);
    return n;
}

/* Each group of equally boosted goods is ranked by itself, so there must not be too many. */
static dg_status check_boosts(const dg_rules *r, dg_err *err)
{
    int n = 0;
    for (int k = 0; k < r->n; k++) n += dg_rule__moves(&r->rule[k]);
    if (n > DG_RULE_BOOSTS)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s: rules: more than %d that boost, bury or add",
                       r->path, DG_RULE_BOOSTS);
    if (n == 0) return DG_OK;
    uint64_t *all = dg_alloc(r->words, sizeof *all);
    if (all == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", r->path);
    dg_bits_all(all, r->n_items);
    n = count_groups(r, 0, all, err);
    dg_free(all);
    if (n <= DG_RULE_GROUPS) return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_CONFIG, "%s: rules: boosts cut the goods into more than %d groups",
                r->path, DG_RULE_GROUPS);
    return dg_err_hint(err, st,
                       "let fewer conditions of boosts overlap, or ask User and "
                       "CurrentItem in fewer of them");
}

dg_rules *dg_rules__new(const char *path, dg_goods *goods, dg_err *err)
{
    dg_rules *r = dg_alloc(1, sizeof *r);
    if (r == NULL || (r->path = dg_strdup(path)) == NULL) {
        DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
        dg_rules_close(&r);
        return NULL;
    }
    r->goods = goods;
    r->n_items = dg_goods_from(goods)->n_items;
    r->words = dg_bits_words(r->n_items);
    return r;
}

dg_status dg_rules_open(const char *path, dg_goods *goods, dg_rules **out, dg_err *err)
{
    dg_text text = {0};
    dg_rules *r = *out = dg_rules__new(path, goods, err);
    if (r == NULL) return DG_ERR_NOMEM;
    err->hint[0] = '\0';
    dg_status st = dg_rules__watch(r, path, err);
    if (st == DG_OK) st = dg_file_read(path, DG_RULES_BYTES, &text, err);
    if (st == DG_OK) st = dg_rules__parse(r, text.at == NULL ? "" : text.at, text.n, err);
    for (int k = 0; k < r->n && st == DG_OK; k++)
        if (r->rule[k].goods == NULL) st = fix_goods(r, &r->rule[k], err);
    if (st == DG_OK) st = check_boosts(r, err);
    dg_text_free(&text);
    if (st != DG_OK) dg_rules_close(out);
    return st;
}

void dg_rules_close(dg_rules **rules)
{
    dg_rules *r = *rules;
    if (r == NULL) return;
    for (int k = 0; k < r->n; k++) {
        dg_strings_free(&r->rule[k].scenes);
        dg_strings_free(&r->rule[k].paths);
        dg_free(r->rule[k].when);
        dg_free(r->rule[k].where);
        dg_free(r->rule[k].goods);
    }
    dg_strings_free(&r->files);
    dg_free(r->stamp);
    dg_free(r->path);
    dg_free(r);
    *rules = NULL;
}

const dg_rule *dg_rules_at(const dg_rules *r, int *n)
{
    *n = r == NULL ? 0 : r->n;
    return r == NULL ? NULL : r->rule;
}

int dg_rules_find(const dg_rules *r, const char *name, size_t n)
{
    for (int k = 0; r != NULL && k < r->n; k++)
        if (strlen(r->rule[k].name) == n && memcmp(r->rule[k].name, name, n) == 0) return k;
    return -1;
}

static bool among(const dg_strings *list, const char *text, size_t n)
{
    for (int64_t k = 0; k < list->n; k++) {
        size_t length;
        const char *at = dg_strings_at(list, k, &length);
        if (length == n && memcmp(at, text, n) == 0) return true;
    }
    return list->n == 0;
}

static bool holds(const dg_rules *r, const dg_rule *rule, const dg_occasion *o)
{
    if (o->now < rule->from || o->now >= rule->until || rule->idle) return false;
    if (!among(&rule->scenes, o->scene, o->n_scene)) return false;
    if (!among(&rule->paths, o->path, strlen(o->path))) return false;
    if (rule->where != NULL && rule->where->of_current && o->asked.item < 0) return false;
    return rule->when == NULL || dg_condition_holds(rule->when, r->goods, o->asked);
}

void dg_rules_holding(const dg_rules *r, const dg_occasion *o, uint64_t holding[DG_RULES_WORDS])
{
    memset(holding, 0, DG_RULES_WORDS * sizeof *holding);
    for (int k = 0; r != NULL && k < r->n; k++)
        if ((r->rule[k].enabled || dg_bits_has(o->named, k)) && holds(r, &r->rule[k], o))
            dg_bits_set(holding, k);
}
