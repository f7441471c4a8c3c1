#include "select/words.h"

#include "base/text.h"

#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static int column_here(dg_words *w)
{
    for (; w->counted < w->at; w->counted++) w->characters += (w->text[w->counted] & 0xc0) != 0x80;
    return w->characters + 1;
}

static char peek(const dg_words *w, size_t ahead)
{
    return w->at + ahead < w->n ? w->text[w->at + ahead] : '\0';
}

static dg_status read_quoted(dg_words *w, char quote, dg_err *err)
{
    dg_word *word = &w->word;
    size_t k = w->at + 1;
    word->at = w->text + k;
    while (k < w->n && w->text[k] != quote) {
        const bool escape = w->text[k] == '\\' && quote != '`' && k + 1 < w->n;
        word->escapes = word->escapes || escape;
        k += 1 + escape;
    }
    if (k >= w->n)
        return DG_FAIL(err, DG_ERR_USAGE, "column %d: the quote is never closed", word->column);
    word->n = (size_t)(w->text + k - word->at);
    word->kind = quote == '`' ? DG_WORD_NAME : DG_WORD_TEXT;
    word->quoted = quote == '`';
    w->at = k + 1;
    return DG_OK;
}

static dg_status read_number(dg_words *w, dg_err *err)
{
    dg_word *word = &w->word;
    size_t k = w->at + (w->text[w->at] == '-');
    while (k < w->n && (is_digit(w->text[k]) || w->text[k] == '.')) k++;
    if (k < w->n && (w->text[k] == 'e' || w->text[k] == 'E')) {
        k++;
        if (k < w->n && (w->text[k] == '-' || w->text[k] == '+')) k++;
        while (k < w->n && is_digit(w->text[k])) k++;
    }
    word->kind = DG_WORD_NUMBER;
    word->at = w->text + w->at;
    word->n = k - w->at;
    w->at = k;
    if (!dg_parse_double(word->at, word->n, &word->number) || (k < w->n && starts_name(w->text[k])))
        return DG_FAIL(err, DG_ERR_USAGE, "column %d: not a number", word->column);
    return DG_OK;
}

static dg_status read_sign(dg_words *w, dg_err *err)
{
    static const char *const signs[] = {"!=", "<>", "<=", ">=", "(", ")",
                                        ",",  ".",  "*",  "=",  "<", ">"};
    dg_word *word = &w->word;
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        const size_t n = strlen(signs[k]);
        if (n > w->n - w->at || memcmp(w->text + w->at, signs[k], n) != 0) continue;
        word->kind = DG_WORD_SIGN;
        word->at = signs[k];
        word->n = n;
        w->at += n;
        return DG_OK;
    }
    char quoted[16];
    dg_show_quoted(w->text + w->at, dg_utf8_step(w->text + w->at, w->n - w->at), quoted,
                   sizeof quoted);
    return DG_FAIL(err, DG_ERR_USAGE, "column %d: %s has no meaning here", word->column, quoted);
}

dg_status dg_words_next(dg_words *w, dg_err *err)
{
    while (w->at < w->n && strchr(" \t\r\n", w->text[w->at]) != NULL) w->at++;
    w->word = (dg_word){.column = column_here(w), .at = ""};
    if (w->at == w->n) return DG_OK;
    const char c = w->text[w->at];
    if (c == '"' || c == '\'' || c == '`') return read_quoted(w, c, err);
    if (is_digit(c) || (c == '-' && (is_digit(peek(w, 1)) || peek(w, 1) == '.')) ||
        (c == '.' && is_digit(peek(w, 1))))
        return read_number(w, err);
    if (!starts_name(c)) return read_sign(w, err);
    const size_t begin = w->at;
    while (w->at < w->n && (starts_name(w->text[w->at]) || is_digit(w->text[w->at]))) w->at++;
    w->word.kind = DG_WORD_NAME;
    w->word.at = w->text + begin;
    w->word.n = w->at - begin;
    return DG_OK;
}

bool dg_words_is_sign(const dg_words *w, const char *sign)
{
    return w->word.kind == DG_WORD_SIGN && strcmp(w->word.at, sign) == 0;
}

bool dg_words_is(const dg_words *w, const char *keyword)
{
    const size_t n = strlen(keyword);
    if (w->word.kind != DG_WORD_NAME || w->word.quoted || w->word.n != n) return false;
    for (size_t k = 0; k < n; k++)
        if ((w->word.at[k] | 0x20) != keyword[k]) return false;
    return true;
}

size_t dg_word_text(const dg_word *w, char *buf)
{
    size_t n = 0;
    for (size_t k = 0; k < w->n; k++) {
        if (w->escapes && w->at[k] == '\\' && k + 1 < w->n) k++;
        buf[n++] = w->at[k];
    }
    return n;
}
