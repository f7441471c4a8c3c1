#include "select/condition.h"

#include "base/text.h"
#include "select/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_reader { /* of one condition */
    dg_goods *goods;
    const dg_goods_source *from;
    dg_words words;
    dg_condition *out;
    int nesting, height; /* sets at hand where the steps written so far end */
    dg_err *err;
} dg_reader;

typedef struct dg_what { /* left of a test */
    dg_condition_of of;
    int32_t attribute; /* -1: the good's id */
    const dg_attribute *at;
    dg_word word;
} dg_what;

typedef struct dg_value { /* right of a test */
    dg_word word;         /* a number or a text, or the name of */
    dg_condition_of of;   /* what is not of goods, */
    int32_t attribute;
    double factor;
    char text[DG_CONDITION_BYTES]; /* (n,) */
    size_t n;
} dg_value;

static dg_status refuse(const dg_reader *r, int column, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static dg_status refuse(const dg_reader *r, int column, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return DG_FAIL(r->err, DG_ERR_USAGE, "column %d: %s", column, what);
}

static int here(const dg_reader *r) { return r->words.word.column; }

static dg_status expect(dg_reader *r, const char *what)
{
    char found[80];
    const dg_word *w = &r->words.word;
    if (w->kind == DG_WORD_END) return refuse(r, here(r), "expected %s, the text ends", what);
    return refuse(r, here(r), "expected %s, found %s", what,
                  dg_show_quoted(w->at, w->n, found, sizeof found));
}

static dg_status next(dg_reader *r) { return dg_words_next(&r->words, r->err); }

static dg_status take_sign(dg_reader *r, const char *sign)
{
    char what[8];
    snprintf(what, sizeof what, "\"%s\"", sign);
    return dg_words_is_sign(&r->words, sign) ? next(r) : expect(r, what);
}

static dg_status add_step(dg_reader *r, const dg_condition_step *step)
{
    dg_condition *c = r->out;
    if (c->n_steps == DG_CONDITION_STEPS)
        return refuse(r, here(r), "more than %d tests and operators", DG_CONDITION_STEPS);
    if (step->op == DG_OP_AND || step->op == DG_OP_OR)
        r->height--;
    else if (step->op != DG_OP_NOT)
        r->height++;
    if (r->height > c->depth) c->depth = r->height;
    c->step[c->n_steps++] = *step;
    return DG_OK;
}

static dg_status add_op(dg_reader *r, dg_condition_op op)
{
    return add_step(r, &(dg_condition_step){.op = op});
}

static dg_status unknown(dg_reader *r, const dg_attributes *all, const dg_word *name,
                         const char *of)
{
    char text[DG_ATTRIBUTES_MAX][DG_ATTRIBUTE_NAME_MAX + 1], quoted[80];
    char wrong[DG_ATTRIBUTE_NAME_MAX + 1];
    const char *list[DG_ATTRIBUTES_MAX];
    for (int32_t k = 0; k < all->n; k++) {
        snprintf(text[k], sizeof text[k], "%.*s", (int)all->at[k].n_name, all->at[k].name);
        list[k] = text[k];
    }
    dg_show_quoted(name->at, name->n, quoted, sizeof quoted);
    const dg_status st = refuse(r, name->column, "%s is not an attribute of the %s", quoted, of);
    snprintf(wrong, sizeof wrong, "%.*s", name->n < sizeof wrong ? (int)name->n : 0, name->at);
    const char *near = wrong[0] == '\0' ? NULL : dg_nearest(wrong, list, (size_t)all->n);
    if (near != NULL) return dg_err_hint(r->err, st, "did you mean %s?", near);
    if (all->n == 0) return dg_err_hint(r->err, st, "this model was made without attributes");
    return st;
}

/* CurrentItem.x or User.x; the word at hand is the first of them. */
static dg_status read_asked(dg_reader *r, dg_condition_of *of, int32_t *attribute)
{
    const bool user = dg_words_is(&r->words, "user");
    const dg_attributes *all = user ? r->from->users : r->from->items;
    *of = user ? DG_OF_USER : DG_OF_CURRENT;
    *(user ? &r->out->of_user : &r->out->of_current) = true;
    dg_status st = next(r);
    if (st == DG_OK) st = take_sign(r, ".");
    if (st != DG_OK) return st;
    if (r->words.word.kind != DG_WORD_NAME) return expect(r, "the name of an attribute");
    *attribute = dg_attributes_find(all, r->words.word.at, r->words.word.n);
    if (*attribute < 0) return unknown(r, all, &r->words.word, user ? "users" : "goods");
    return next(r);
}

static bool is_asked(const dg_words *w)
{
    size_t k = w->at;
    if (!dg_words_is(w, "currentitem") && !dg_words_is(w, "user")) return false;
    while (k < w->n && strchr(" \t\r\n", w->text[k]) != NULL) k++;
    return k < w->n && w->text[k] == '.';
}

static const dg_attribute *attribute_of(const dg_reader *r, dg_condition_of of, int32_t attribute)
{
    return &(of == DG_OF_USER ? r->from->users : r->from->items)->at[attribute];
}

static dg_status read_what(dg_reader *r, dg_what *out)
{
    *out = (dg_what){.word = r->words.word};
    if (out->word.kind != DG_WORD_NAME) return expect(r, "the name of an attribute");
    if (is_asked(&r->words)) {
        const dg_status st = read_asked(r, &out->of, &out->attribute);
        if (st == DG_OK) out->at = attribute_of(r, out->of, out->attribute);
        return st;
    }
    r->out->of_goods = true;
    out->attribute = dg_attributes_find(r->from->items, out->word.at, out->word.n);
    if (out->attribute < 0 && !dg_words_is(&r->words, "item"))
        return unknown(r, r->from->items, &out->word, "goods");
    dg_status st = DG_OK;
    if (out->attribute >= 0) {
        out->at = attribute_of(r, DG_OF_GOODS, out->attribute);
        st = dg_goods_prepare(r->goods, out->attribute, r->err);
    }
    return st == DG_OK ? next(r) : st;
}

static dg_status read_value(dg_reader *r, dg_value *out)
{
    out->word = r->words.word;
    out->of = DG_OF_GOODS;
    out->factor = 1;
    if (out->word.kind == DG_WORD_NUMBER || out->word.kind == DG_WORD_TEXT) {
        out->n = dg_word_text(&out->word, out->text);
        dg_status st = next(r);
        if (st != DG_OK || out->word.kind == DG_WORD_TEXT || !dg_words_is_sign(&r->words, "*"))
            return st;
        out->factor = out->word.number;
        st = next(r);
        if (st != DG_OK) return st;
        if (!is_asked(&r->words)) return expect(r, "CurrentItem or User");
    }
    if (is_asked(&r->words)) return read_asked(r, &out->of, &out->attribute);
    return expect(r, "a text in quotes or a number");
}

static bool is_text(const dg_attribute *a) { return a->type != DG_ATTRIBUTE_NUMBER; }

/* The bound a value is for a number. */
static dg_status to_bound(dg_reader *r, const dg_what *what, const dg_value *v, dg_bound *out)
{
    *out = (dg_bound){v->factor, v->of, v->attribute};
    if (v->of != DG_OF_GOODS) {
        if (what->of != DG_OF_GOODS)
            return refuse(r, v->word.column, "one side must be of the goods, or a constant");
        if (is_text(attribute_of(r, v->of, v->attribute)))
            return refuse(r, v->word.column, "a text stands where a number is compared");
        return DG_OK;
    }
    if (v->word.kind != DG_WORD_NUMBER)
        return refuse(r, v->word.column, "a text stands where a number is compared");
    out->factor = v->word.number;
    return DG_OK;
}

static dg_condition_step between(const dg_what *what)
{
    return (dg_condition_step){.op = what->of == DG_OF_GOODS ? DG_OP_BETWEEN : DG_OP_ASKED_BETWEEN,
                               .attribute = what->attribute,
                               .of = what->of,
                               .low = {-INFINITY, DG_OF_GOODS, 0},
                               .high = {INFINITY, DG_OF_GOODS, 0}};
}

static dg_status test_number(dg_reader *r, const dg_what *what, const char *sign, dg_value *v)
{
    dg_bound bound;
    dg_condition_step step = between(what);
    const dg_status st = to_bound(r, what, v, &bound);
    if (st != DG_OK) return st;
    if (sign[0] != '>') step.high = bound;
    if (sign[0] != '<') step.low = bound;
    step.below_high = strcmp(sign, "<") == 0;
    step.above_low = strcmp(sign, ">") == 0;
    return add_step(r, &step);
}

/* Another value of the step being made, unless no row has it: then nothing passes by it. */
static dg_status add_code(dg_reader *r, const dg_what *what, const dg_value *v,
                          dg_condition_step *step)
{
    const int64_t code = what->attribute < 0 ? dg_names_find(r->from->item_id, v->text, v->n)
                                             : dg_attribute_code(what->at, v->text, v->n);
    if (code < 0) return DG_OK;
    if (r->out->n_values == DG_CONDITION_VALUES)
        return refuse(r, v->word.column, "more than %d values", DG_CONDITION_VALUES);
    r->out->value[r->out->n_values++] = (int32_t)code;
    step->n++;
    return DG_OK;
}

static dg_condition_step with(const dg_reader *r, const dg_what *what)
{
    const dg_condition_op op = what->attribute < 0       ? DG_OP_ITEMS
                               : what->of == DG_OF_GOODS ? DG_OP_WITH
                                                         : DG_OP_ASKED_WITH;
    return (dg_condition_step){
        .op = op, .attribute = what->attribute, .of = what->of, .first = r->out->n_values};
}

static dg_status test_text(dg_reader *r, const dg_what *what, const dg_value *v)
{
    dg_condition_step step = with(r, what);
    if (v->of == DG_OF_GOODS) {
        const dg_status st = add_code(r, what, v, &step);
        return st == DG_OK ? add_step(r, &step) : st;
    }
    if (what->of != DG_OF_GOODS || what->attribute < 0)
        return refuse(r, v->word.column, "one side must be an attribute of the goods");
    if (v->word.kind == DG_WORD_NUMBER || !is_text(attribute_of(r, v->of, v->attribute)))
        return refuse(r, v->word.column, "a number stands where a text is compared");
    return add_step(r, &(dg_condition_step){.op = DG_OP_ALIKE,
                                            .attribute = what->attribute,
                                            .of = v->of,
                                            .other = v->attribute});
}

static dg_status read_compare(dg_reader *r, const dg_what *what, dg_value *v)
{
    char sign[4];
    const int column = here(r);
    snprintf(sign, sizeof sign, "%s", r->words.word.at);
    const bool differs = strcmp(sign, "!=") == 0 || strcmp(sign, "<>") == 0;
    dg_status st = next(r);
    if (st == DG_OK) st = read_value(r, v);
    if (st != DG_OK) return st;
    if (what->attribute >= 0 && !is_text(what->at))
        st = test_number(r, what, differs ? "=" : sign, v);
    else if (!differs && sign[0] != '=')
        return refuse(r, column, "%s compares numbers, and this is a text", sign);
    else
        st = test_text(r, what, v);
    return st == DG_OK && differs ? add_op(r, DG_OP_NOT) : st;
}

/* One of several numbers: each is a test of its own. */
static dg_status read_in(dg_reader *r, const dg_what *what, dg_value *v)
{
    const bool numbers = what->attribute >= 0 && !is_text(what->at);
    dg_condition_step step = with(r, what);
    dg_status st = take_sign(r, "(");
    for (int k = 0; st == DG_OK; k++) {
        st = read_value(r, v);
        if (st == DG_OK && numbers) {
            st = test_number(r, what, "=", v);
            if (st == DG_OK && k > 0) st = add_op(r, DG_OP_OR);
        } else if (st == DG_OK) {
            st = v->of == DG_OF_GOODS
                     ? add_code(r, what, v, &step)
                     : refuse(r, v->word.column, "a list has texts and numbers, not attributes");
        }
        if (st != DG_OK || !dg_words_is_sign(&r->words, ",")) break;
        st = next(r);
    }
    if (st == DG_OK) st = take_sign(r, ")");
    return st == DG_OK && !numbers ? add_step(r, &step) : st;
}

static dg_status read_between(dg_reader *r, const dg_what *what, dg_value *v)
{
    dg_condition_step step = between(what);
    if (what->attribute < 0 || is_text(what->at))
        return refuse(r, what->word.column, "\"between\" compares numbers, and this is a text");
    dg_status st = read_value(r, v);
    if (st == DG_OK) st = to_bound(r, what, v, &step.low);
    if (st == DG_OK) st = dg_words_is(&r->words, "and") ? next(r) : expect(r, "\"and\"");
    if (st == DG_OK) st = read_value(r, v);
    if (st == DG_OK) st = to_bound(r, what, v, &step.high);
    return st == DG_OK ? add_step(r, &step) : st;
}

static dg_status read_missing(dg_reader *r, const dg_what *what)
{
    const bool not = dg_words_is(&r->words, "not");
    dg_status st = not ? next(r) : DG_OK;
    if (st != DG_OK) return st;
    if (!dg_words_is(&r->words, "missing")) return expect(r, "\"missing\"");
    if (what->attribute < 0) return refuse(r, what->word.column, "every good has an id");
    st = next(r);
    if (st == DG_OK)
        st = add_step(r, &(dg_condition_step){.op = what->of == DG_OF_GOODS ? DG_OP_MISSING
                                                                            : DG_OP_ASKED_MISSING,
                                              .attribute = what->attribute,
                                              .of = what->of});
    return st == DG_OK && not ? add_op(r, DG_OP_NOT) : st;
}

static dg_status read_contains(dg_reader *r, const dg_what *what, dg_value *v)
{
    if (what->attribute < 0 || what->at->type != DG_ATTRIBUTE_LIST)
        return refuse(r, what->word.column, "\"contains\" asks a list, and this is none");
    const dg_status st = read_value(r, v);
    return st == DG_OK ? test_text(r, what, v) : st;
}

static dg_status read_test(dg_reader *r)
{
    static const char *const signs[] = {"=", "!=", "<>", "<", "<=", ">", ">="};
    dg_what what;
    dg_value v;
    dg_status st = read_what(r, &what);
    if (st != DG_OK) return st;
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (dg_words_is_sign(&r->words, signs[k])) return read_compare(r, &what, &v);
    const bool not = dg_words_is(&r->words, "not");
    if (not ) st = next(r);
    if (st != DG_OK) return st;
    if (dg_words_is(&r->words, "in")) {
        st = next(r);
        if (st == DG_OK) st = read_in(r, &what, &v);
    } else if (dg_words_is(&r->words, "between")) {
        st = next(r);
        if (st == DG_OK) st = read_between(r, &what, &v);
    } else if (!not &&dg_words_is(&r->words, "contains")) {
        st = next(r);
        if (st == DG_OK) st = read_contains(r, &what, &v);
    } else if (!not &&dg_words_is(&r->words, "is")) {
        st = next(r);
        if (st == DG_OK) st = read_missing(r, &what);
    } else {
        return expect(r, not ? "\"in\" or \"between\""
                             : "=, !=, <, <=, >, >=, in, between, contains or is");
    }
    return st == DG_OK && not ? add_op(r, DG_OP_NOT) : st;
}

static dg_status read_any(dg_reader *r);

static dg_status read_unit(dg_reader *r)
{
    dg_status st = DG_OK;
    if (r->nesting == DG_CONDITION_NESTING)
        return refuse(r, here(r), "nested deeper than %d", DG_CONDITION_NESTING);
    r->nesting++;
    if (dg_words_is(&r->words, "not")) {
        st = next(r);
        if (st == DG_OK) st = read_unit(r);
        if (st == DG_OK) st = add_op(r, DG_OP_NOT);
    } else if (dg_words_is_sign(&r->words, "(")) {
        st = next(r);
        if (st == DG_OK) st = read_any(r);
        if (st == DG_OK) st = take_sign(r, ")");
    } else {
        st = read_test(r);
    }
    r->nesting--;
    return st;
}

static dg_status read_all(dg_reader *r)
{
    dg_status st = read_unit(r);
    while (st == DG_OK && dg_words_is(&r->words, "and")) {
        st = next(r);
        if (st == DG_OK) st = read_unit(r);
        if (st == DG_OK) st = add_op(r, DG_OP_AND);
    }
    return st;
}

static dg_status read_any(dg_reader *r)
{
    dg_status st = read_all(r);
    while (st == DG_OK && dg_words_is(&r->words, "or")) {
        st = next(r);
        if (st == DG_OK) st = read_all(r);
        if (st == DG_OK) st = add_op(r, DG_OP_OR);
    }
    return st;
}

dg_status dg_condition_read(dg_goods *goods, const char *text, size_t n, dg_condition *out,
                            dg_err *err)
{
    dg_reader r = {.goods = goods,
                   .from = dg_goods_from(goods),
                   .words = {.text = text, .n = n},
                   .out = out,
                   .err = err};
    err->hint[0] = '\0';
    out->n_steps = out->n_values = out->depth = 0;
    out->of_goods = out->of_current = out->of_user = false;
    if (n > DG_CONDITION_BYTES)
        return refuse(&r, DG_CONDITION_BYTES, "the text is longer than %d bytes",
                      DG_CONDITION_BYTES);
    if (!dg_utf8_valid(text, n) || memchr(text, '\0', n) != NULL)
        return refuse(&r, 1, "the text is not UTF-8, or has a NUL in it");
    dg_status st = next(&r);
    if (st == DG_OK) st = read_any(&r);
    if (st == DG_OK && r.words.word.kind != DG_WORD_END)
        st = expect(&r, "\"and\", \"or\" or the end");
    return st;
}
