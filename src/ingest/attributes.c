#include "ingest/attributes.h"

#include "base/memory.h"
#include "comm/exchange.h"
#include "ingest/ids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct dg_declaration { /* being read */
    const char *key;            /* "data.items" */
    const char *text;           /* what is left of it */
    dg_attribute_plan *out;
    dg_err *err;
} dg_declaration;

#define REFUSE(d, ...)                                                                             \
    dg_err_hint((d)->err, DG_FAIL((d)->err, DG_ERR_CONFIG, "%s.attributes.%s: " __VA_ARGS__),      \
                "as in {price: number, brand: text, genres: list |}")

/* The next word, or what stands in quotes; false at the end. */
static bool next_word(dg_declaration *d, char *out, size_t size)
{
    const char *s = d->text + strspn(d->text, " \t");
    const char quote = *s == '"' || *s == '\'' ? *s++ : '\0';
    const size_t n = quote != '\0' ? strcspn(s, (char[]){quote, '\0'}) : strcspn(s, " \t");
    if (n == 0 || n >= size) return false;
    memcpy(out, s, n);
    out[n] = '\0';
    d->text = s + n + (quote != '\0' && s[n] == quote);
    return true;
}

static dg_status add_word(dg_strings *to, const char *word, bool with_nul, dg_err *err)
{
    return dg_strings_add(to, word, strlen(word) + with_nul, err);
}

static dg_status read_flags(dg_declaration *d)
{
    char word[256];
    while (next_word(d, word, sizeof word)) {
        char *value = strchr(word, '=');
        if (value != NULL) *value++ = '\0';
        if (value == NULL) value = word;
        if (word[0] == '\0' || value[0] == '\0')
            return REFUSE(d, "expected COLUMN or COLUMN=VALUE", d->key, d->out->name);
        if (d->out->column.n >= DG_ATTRIBUTE_FLAGS_MAX)
            return REFUSE(d, "more than %d flags", d->key, d->out->name, DG_ATTRIBUTE_FLAGS_MAX);
        dg_status st = add_word(&d->out->column, word, true, d->err);
        if (st == DG_OK) st = add_word(&d->out->value, value, false, d->err);
        if (st != DG_OK) return st;
    }
    if (d->out->column.n == 0) return REFUSE(d, "flags of no column", d->key, d->out->name);
    return DG_OK;
}

static dg_status read_type(dg_declaration *d)
{
    char word[64] = "";
    next_word(d, word, sizeof word);
    if (strcmp(word, "number") == 0) {
        d->out->type = DG_ATTRIBUTE_NUMBER;
    } else if (strcmp(word, "text") == 0) {
        d->out->type = DG_ATTRIBUTE_TEXT;
    } else if (strcmp(word, "list") == 0) {
        d->out->type = DG_ATTRIBUTE_LIST;
        if (!next_word(d, word, sizeof word) || strcmp(word, "from") == 0)
            return REFUSE(d, "a list needs its separator", d->key, d->out->name);
        return add_word(&d->out->split, word, false, d->err);
    } else if (strcmp(word, "flags") == 0) {
        d->out->type = DG_ATTRIBUTE_LIST;
        return read_flags(d);
    } else {
        return REFUSE(d, "expected number, text, list or flags, found \"%s\"", d->key, d->out->name,
                      word);
    }
    return DG_OK;
}

static dg_status read_from(dg_declaration *d)
{
    char word[8];
    const char *column = d->out->name;
    if (d->out->column.n > 0) return DG_OK; /* flags */
    if (next_word(d, word, sizeof word)) {
        column = d->text + strspn(d->text, " \t");
        if (strcmp(word, "from") != 0 || column[0] == '\0')
            return REFUSE(d, "expected nothing more, or \"from COLUMN\"", d->key, d->out->name);
        d->text += strlen(d->text);
    }
    if (d->text[strspn(d->text, " \t")] != '\0')
        return REFUSE(d, "expected nothing more than a type", d->key, d->out->name);
    return add_word(&d->out->column, column, true, d->err);
}

static bool is_known(const dg_attribute_plans *p, const char *name)
{
    for (int32_t k = 0; k < p->n; k++)
        if (strcmp(p->at[k].name, name) == 0) return true;
    return false;
}

static dg_status declare(const char *key, const char *name, size_t n_name, const char *type,
                         dg_attribute_plans *out, dg_err *err)
{
    if (out->n == DG_ATTRIBUTES_MAX)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s.attributes: more than %d", key, DG_ATTRIBUTES_MAX);
    dg_declaration d = {key, type, &out->at[out->n], err};
    if (n_name == 0 || n_name > DG_ATTRIBUTE_NAME_MAX || memchr(name, '\0', n_name) != NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "%s.attributes.%.*s: not a name", key, (int)n_name,
                       name);
    snprintf(d.out->name, sizeof d.out->name, "%.*s", (int)n_name, name);
    out->n++;
    const dg_status st = read_type(&d);
    return st == DG_OK ? read_from(&d) : st;
}

/* What an encoder of features reads, or NULL. */
static const char *type_of_encoder(const char *encoder, size_t n)
{
    static const char *const known[][2] = {{"one_hot", "text"},
                                           {"multi_hot", "list |"},
                                           {"bucket", "number"},
                                           {"standardize", "number"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strlen(known[k][0]) == n && memcmp(known[k][0], encoder, n) == 0) return known[k][1];
    return NULL;
}

dg_status dg_attribute_plans_read(const char *key, const dg_map *declared, const dg_map *features,
                                  dg_attribute_plans *out, dg_err *err)
{
    dg_status st = DG_OK;
    *out = (dg_attribute_plans){0};
    for (int64_t k = 0; k < declared->key.n && st == DG_OK; k++) {
        size_t n, n_type;
        dg_text type = {0};
        const char *name = dg_strings_at(&declared->key, k, &n);
        const char *text = dg_strings_at(&declared->value, k, &n_type);
        dg_text_bytes(&type, text, n_type);
        st = type.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes")
                         : declare(key, name, n, type.at, out, err);
        dg_text_free(&type);
    }
    for (int64_t k = 0; k < features->key.n && st == DG_OK; k++) {
        size_t n, n_encoder;
        char copy[DG_ATTRIBUTE_NAME_MAX + 1];
        const char *name = dg_strings_at(&features->key, k, &n);
        const char *encoder = dg_strings_at(&features->value, k, &n_encoder);
        const char *type = type_of_encoder(encoder, n_encoder);
        snprintf(copy, sizeof copy, "%.*s", (int)n, name);
        if (type != NULL && !is_known(out, copy)) st = declare(key, name, n, type, out, err);
    }
    return st;
}

void dg_attribute_plans_free(dg_attribute_plans *p)
{
    for (int32_t k = 0; k < p->n; k++) {
        dg_strings_free(&p->at[k].split);
        dg_strings_free(&p->at[k].column);
        dg_strings_free(&p->at[k].value);
    }
    p->n = 0;
}

static dg_slice trimmed(dg_slice s)
{
    while (s.n > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) s = (dg_slice){s.at + 1, s.n - 1};
    while (s.n > 0 && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t')) s.n--;
    return s;
}

static bool is_one_of(dg_slice s, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t k = 0;
        const size_t n = strlen(*words);
        while (k < n && k < s.n && ((s.at[k] | 0x20) == (*words)[k] || s.at[k] == (*words)[k])) k++;
        if (k == n && s.n == n) return true;
    }
    return false;
}

static bool take_number(dg_slice field, dg_text *out)
{
    static const char *const missing[] = {"na", "n/a", "null", "nan", "\\n", NULL};
    double number;
    if (field.n == 0 || is_one_of(field, missing)) return true;
    if (!dg_parse_double(field.at, field.n, &number)) return false;
    dg_text_bytes(out, field.at, field.n);
    return true;
}

/* A value among others: the separator of values cannot be in it. */
static void add_value(dg_slice value, dg_text *out)
{
    const size_t from = out->n + (out->n > 0);
    if (value.n == 0) return;
    if (out->n > 0) dg_text_bytes(out, (char[]){DG_VALUE_END}, 1);
    dg_text_bytes(out, value.at, value.n);
    for (size_t k = from; k < out->n && !out->failed; k++)
        if (out->at[k] == DG_VALUE_END) out->at[k] = ' ';
}

static void take_list(dg_slice field, const char *split, size_t n_split, dg_text *out)
{
    while (field.n > 0) {
        const char *end = memmem(field.at, field.n, split, n_split);
        const size_t n = end == NULL ? field.n : (size_t)(end - field.at);
        const size_t step = end == NULL ? n : n + n_split;
        add_value(trimmed((dg_slice){field.at, n}), out);
        field = (dg_slice){field.at + step, field.n - step};
    }
}

static bool take_flag(dg_slice field, dg_slice value, dg_text *out)
{
    static const char *const on[] = {"1", "y", "yes", "t", "true", NULL};
    static const char *const off[] = {"0", "n", "no", "f", "false", NULL};
    if (is_one_of(field, on)) add_value(value, out);
    return field.n == 0 || is_one_of(field, on) || is_one_of(field, off);
}

int64_t dg_attribute_take(const dg_attribute_plan *p, const dg_slice *field, dg_text *out,
                          dg_reject *reject)
{
    out->n = 0;
    for (int64_t k = 0; k < p->column.n; k++) {
        const dg_slice at = trimmed(field[k]);
        dg_slice value;
        bool good = true;
        if (p->type == DG_ATTRIBUTE_NUMBER) {
            good = take_number(at, out);
        } else if (p->value.n > 0) {
            value.at = dg_strings_at(&p->value, k, &value.n);
            good = take_flag(at, value, out);
        } else if (p->split.n > 0) {
            value.at = dg_strings_at(&p->split, 0, &value.n);
            take_list(at, value.at, value.n, out);
        } else {
            add_value(at, out);
        }
        if (good) continue;
        char quoted[100];
        dg_show_quoted(at.at, at.n, quoted, sizeof quoted);
        reject->cause = DG_REJECT_NUMBER;
        snprintf(reject->reason, sizeof reject->reason, "attribute %.60s: %s is %s", p->name,
                 quoted, p->value.n > 0 ? "neither yes nor no" : "not a number");
        return k;
    }
    return -1;
}

/* Value `at` of a row's text, cut off its front; false behind the last. */
static bool next_value(dg_slice *rest, dg_slice *value)
{
    if (rest->n == 0) return false;
    const char *end = memchr(rest->at, DG_VALUE_END, rest->n);
    value->at = rest->at;
    value->n = end == NULL ? rest->n : (size_t)(end - rest->at);
    const size_t step = end == NULL ? rest->n : value->n + 1;
    *rest = (dg_slice){rest->at + step, rest->n - step};
    return true;
}

static dg_status list_values(const dg_strings *text, dg_ids *out, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t r = 0; r < text->n && st == DG_OK; r++) {
        int32_t code;
        dg_slice rest, value;
        rest.at = dg_strings_at(text, r, &rest.n);
        while (st == DG_OK && next_value(&rest, &value))
            st = dg_ids_code(out, value.at, value.n, &code, err);
    }
    return st;
}

static int by_bytes(const void *a, const void *b, void *strings)
{
    size_t na, nb;
    const char *x = dg_strings_at(strings, *(const int64_t *)a, &na);
    const char *y = dg_strings_at(strings, *(const int64_t *)b, &nb);
    const int order = memcmp(x, y, na < nb ? na : nb);
    return order != 0 ? order : (na > nb) - (na < nb);
}

/* All ranks' values, sorted, each once. */
static dg_status merge_values(const dg_strings *all, const char *what, int64_t most,
                              dg_strings *out, dg_err *err)
{
    int64_t *order = dg_alloc((size_t)all->n, sizeof *order);
    dg_status st =
        order == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes") : DG_OK;
    for (int64_t k = 0; k < all->n && st == DG_OK; k++) order[k] = k;
    if (st == DG_OK) qsort_r(order, (size_t)all->n, sizeof *order, by_bytes, (void *)all);
    for (int64_t k = 0; k < all->n && st == DG_OK; k++) {
        size_t n;
        const char *value = dg_strings_at(all, order[k], &n);
        if (k > 0 && by_bytes(&order[k - 1], &order[k], (void *)all) == 0) continue;
        st = dg_strings_add(out, value, n, err);
        if (st == DG_OK && out->n > most)
            st = DG_FAIL(err, DG_ERR_DATA, "%s: more than %lld different values", what,
                         (long long)most);
    }
    dg_free(order);
    return st;
}

/* Everybody's values to everybody: a copy for each rank. */
static dg_status share_values(const dg_comm *c, const dg_strings *mine, dg_strings *all,
                              dg_err *err)
{
    dg_strings sent = {0};
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    for (int r = 0; r < c->size && st == DG_OK; r++) {
        count[r] = mine->n;
        for (int64_t k = 0; k < mine->n && st == DG_OK; k++) {
            size_t n;
            const char *value = dg_strings_at(mine, k, &n);
            st = dg_strings_add(&sent, value, n, err);
        }
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_exchange_strings(c, &sent, count, all, count + c->size, err);
    dg_strings_free(&sent);
    dg_free(count);
    return st;
}

dg_status dg_texts_of_all(const dg_comm *c, const dg_strings *mine, const char *what, int64_t most,
                          dg_strings *out, dg_err *err)
{
    dg_strings all = {0};
    dg_status st = share_values(c, mine, &all, err);
    if (st == DG_OK) st = dg_agree(c, merge_values(&all, what, most, out, err), err);
    dg_strings_free(&all);
    return st;
}

static int by_code(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Codes of each row, ascending, each once. */
static dg_status fill_codes(const dg_strings *text, const dg_ids *local, const int32_t *code,
                            dg_attribute_column *out, dg_err *err)
{
    int64_t most = 0, n = 0;
    for (int64_t r = 0; r < text->n; r++) {
        dg_slice rest, value;
        rest.at = dg_strings_at(text, r, &rest.n);
        while (next_value(&rest, &value)) most++;
    }
    out->ptr = dg_alloc((size_t)text->n + 1, sizeof *out->ptr);
    out->code = dg_alloc((size_t)most, sizeof *out->code);
    if (out->ptr == NULL || out->code == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    for (int64_t r = 0; r < text->n; r++) {
        dg_slice rest, value;
        const int64_t begin = n;
        rest.at = dg_strings_at(text, r, &rest.n);
        while (next_value(&rest, &value))
            out->code[n++] = code[dg_ids_find(local, value.at, value.n)];
        qsort(out->code + begin, (size_t)(n - begin), sizeof *out->code, by_code);
        int64_t kept = begin;
        for (int64_t p = begin; p < n; p++)
            if (p == begin || out->code[p] != out->code[p - 1]) out->code[kept++] = out->code[p];
        out->ptr[r + 1] = n = kept;
    }
    return DG_OK;
}

/* Place of each local value among all of them. */
static dg_status number_values(const dg_ids *local, const dg_strings *all, int32_t **out,
                               dg_err *err)
{
    *out = dg_alloc((size_t)local->text.n, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    for (int64_t k = 0; k < all->n; k++) {
        size_t n;
        const char *value = dg_strings_at(all, k, &n);
        const int32_t here = dg_ids_find(local, value, n);
        if (here >= 0) (*out)[here] = (int32_t)k;
    }
    return DG_OK;
}

static dg_status make_texts(const dg_comm *c, const char *key, const dg_strings *text,
                            dg_attribute_column *out, dg_err *err)
{
    dg_ids local = {0};
    int32_t *code = NULL;
    char what[2 * DG_ATTRIBUTE_NAME_MAX];
    snprintf(what, sizeof what, "%s.attributes.%s", key, out->name);
    dg_status st = dg_agree(c, list_values(text, &local, err), err);
    if (st == DG_OK)
        st = dg_texts_of_all(c, &local.text, what, DG_ATTRIBUTE_VALUES_MAX, &out->values, err);
    if (st == DG_OK) st = number_values(&local, &out->values, &code, err);
    if (st == DG_OK) st = fill_codes(text, &local, code, out, err);
    dg_ids_free(&local);
    dg_free(code);
    return dg_agree(c, st, err);
}

static dg_status make_numbers(const dg_strings *text, dg_attribute_column *out, dg_err *err)
{
    out->number = dg_alloc((size_t)text->n, sizeof *out->number);
    if (out->number == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes");
    for (int64_t r = 0; r < text->n; r++) {
        size_t n;
        const char *at = dg_strings_at(text, r, &n);
        if (!dg_parse_double(at, n, &out->number[r])) out->number[r] = NAN;
    }
    return DG_OK;
}

dg_status dg_attribute_columns_make(const dg_comm *c, const char *key,
                                    const dg_attribute_plans *plans, const dg_strings *text,
                                    dg_attribute_columns *out, dg_err *err)
{
    *out = (dg_attribute_columns){0};
    out->at = dg_alloc((size_t)plans->n, sizeof *out->at);
    dg_status st =
        out->at == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for attributes") : DG_OK;
    st = dg_agree(c, st, err);
    for (int32_t k = 0; k < plans->n && st == DG_OK; k++) {
        dg_attribute_column *column = &out->at[k];
        out->n = k + 1;
        column->type = plans->at[k].type;
        memcpy(column->name, plans->at[k].name, sizeof column->name);
        st = column->type == DG_ATTRIBUTE_NUMBER
                 ? dg_agree(c, make_numbers(&text[k], column, err), err)
                 : make_texts(c, key, &text[k], column, err);
    }
    return st;
}
