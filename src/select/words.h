/* words.h - a condition cut into words: names, numbers, texts in quotes, signs. Internal to
 * select/. */
#ifndef DG_SELECT_WORDS_H
#define DG_SELECT_WORDS_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum dg_word_kind {
    DG_WORD_END,
    DG_WORD_NAME,   /* letters, digits, _ and bytes beyond ASCII, not a digit first; or anything in
                       backquotes, which is never a keyword */
    DG_WORD_NUMBER, /* decimal */
    DG_WORD_TEXT,   /* in ' or ", where \ makes the next byte an ordinary one */
    DG_WORD_SIGN    /* ( ) , . * = != <> < <= > >= */
} dg_word_kind;

typedef struct dg_word {
    dg_word_kind kind;
    const char *at; /* (n,) as written, without quotes; still with its backslashes */
    size_t n;
    bool quoted;   /* a name in backquotes */
    bool escapes;  /* a text with backslashes */
    double number; /* DG_WORD_NUMBER */
    int column;    /* characters before it, and 1 */
} dg_word;

typedef struct dg_words {
    const char *text; /* (n,) valid UTF-8 without NULs */
    size_t n, at;
    dg_word word; /* the one at hand */
    size_t counted;
    int characters; /* in the first `counted` bytes */
} dg_words;

/** Go on to the next word. LOCAL. Errors DG_ERR_USAGE "column C: what is wrong". */
dg_status dg_words_next(dg_words *w, dg_err *err);

/** Is the word at hand this sign? LOCAL. */
bool dg_words_is_sign(const dg_words *w, const char *sign);

/** Is the word at hand this keyword (lower case), in any case? LOCAL. */
bool dg_words_is(const dg_words *w, const char *keyword);

/** A word's text without its backslashes, into buf (w->n bytes suffice). LOCAL. Its length. */
size_t dg_word_text(const dg_word *w, char *buf);

#endif
