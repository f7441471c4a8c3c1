#include "tune/space.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {"choice", "uniform", "log", "int", "double"};

/* A piece of a value, its blanks cut off. */
typedef struct piece {
    const char *at;
    size_t n;
} piece;

static piece trim(piece p)
{
    while (p.n > 0 && (p.at[0] == ' ' || p.at[0] == '\t')) p.at++, p.n--;
    while (p.n > 0 && (p.at[p.n - 1] == ' ' || p.at[p.n - 1] == '\t')) p.n--;
    return p;
}

/* The next of the comma-separated pieces; false after the last one. */
static bool next_piece(piece *rest, piece *out)
{
    if (rest->at == NULL) return false;
    const char *comma = memchr(rest->at, ',', rest->n);
    const size_t n = comma == NULL ? rest->n : (size_t)(comma - rest->at);
    *out = trim((piece){rest->at, n});
    *rest = comma == NULL ? (piece){NULL, 0} : (piece){comma + 1, rest->n - n - 1};
    return true;
}

/* KIND(…): which, and what stands between the brackets. */
static bool split_kind(piece text, dg_space_kind *kind, piece *inside)
{
    const char *open = memchr(text.at, '(', text.n);
    if (open == NULL || text.at[text.n - 1] != ')') return false;
    const piece name = trim((piece){text.at, (size_t)(open - text.at)});
    *inside = (piece){open + 1, text.n - (size_t)(open - text.at) - 2};
    for (int k = 0; k < (int)(sizeof kinds / sizeof *kinds); k++) {
        *kind = (dg_space_kind)k;
        if (name.n == strlen(kinds[k]) && memcmp(name.at, kinds[k], name.n) == 0) return true;
    }
    return false;
}

static dg_status read_choice(dg_space_key *k, piece rest, dg_err *err)
{
    dg_status st = DG_OK;
    for (piece word; st == DG_OK && next_piece(&rest, &word);) {
        if (word.n == 0 || word.n >= DG_SPACE_VALUE)
            return DG_FAIL(err, DG_ERR_CONFIG, "a word of 1 to %d bytes stands between commas",
                           DG_SPACE_VALUE - 1);
        st = dg_strings_add(&k->choice, word.at, word.n, err);
    }
    return st;
}

static dg_status read_range(dg_space_key *k, piece rest, dg_err *err)
{
    piece low, high, more;
    const bool two = next_piece(&rest, &low) && next_piece(&rest, &high);
    if (!two || next_piece(&rest, &more) || !dg_parse_double(low.at, low.n, &k->low) ||
        !dg_parse_double(high.at, high.n, &k->high) || !(k->low < k->high))
        return DG_FAIL(err, DG_ERR_CONFIG, "%s takes two numbers, the smaller first",
                       kinds[k->kind]);
    const bool scaled = k->kind == DG_SPACE_LOG || k->kind == DG_SPACE_DOUBLE;
    const bool whole = k->kind == DG_SPACE_INT || k->kind == DG_SPACE_DOUBLE;
    if (scaled && !(k->low > 0))
        return DG_FAIL(err, DG_ERR_CONFIG, "%s begins above 0", kinds[k->kind]);
    if (whole &&
        (k->low != floor(k->low) || k->high != floor(k->high) || k->high > 1e15 || k->low < -1e15))
        return DG_FAIL(err, DG_ERR_CONFIG, "%s takes whole numbers", kinds[k->kind]);
    return DG_OK;
}

static dg_status read_value(dg_space_key *k, piece text, dg_err *err)
{
    piece inside;
    if (text.n == 0 || !split_kind(text, &k->kind, &inside)) {
        const dg_status st = DG_FAIL(err, DG_ERR_CONFIG, "\"%.*s\" is no range",
                                     (int)(text.n < 60 ? text.n : 60), text.at);
        return dg_err_hint(err, st,
                           "write choice(a, b), uniform(0, 1), log(0.01, 10), int(1, 9) "
                           "or double(16, 256)");
    }
    return k->kind == DG_SPACE_CHOICE ? read_choice(k, inside, err) : read_range(k, inside, err);
}

static char *copy(piece p)
{
    char *out = dg_alloc(p.n + 1, 1);
    if (out != NULL && p.n > 0) memcpy(out, p.at, p.n);
    return out;
}

/* What a search may change: how models learn and how events count, never what it is judged by. */
static bool may_be_tried(const char *key)
{
    return strncmp(key, "model.", 6) == 0 ||
           (strncmp(key, "prepare.", 8) == 0 && strncmp(key, "prepare.split", 13) != 0);
}

static dg_status read_key(dg_space_key *k, piece name, dg_err *err)
{
    const char *slash = memchr(name.at, '/', name.n);
    const size_t n = slash == NULL ? 0 : (size_t)(slash - name.at);
    const size_t skip = slash == NULL ? 0 : n + 1;
    k->algorithm = copy((piece){name.at, n});
    k->key = copy((piece){name.at + skip, name.n - skip});
    if (k->algorithm == NULL || k->key == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading the space");
    if (!may_be_tried(k->key))
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "a search may change keys of model and of prepare, but for its split");
    return DG_OK;
}

/* Put the key before an error about it. */
static dg_status about(piece name, dg_status st, dg_err *err)
{
    char text[sizeof err->text];
    if (st != DG_ERR_CONFIG) return st;
    snprintf(text, sizeof text, "%s", err->text);
    snprintf(err->text, sizeof err->text, "tune.space: %.*s: %.600s",
             (int)(name.n < 100 ? name.n : 100), name.at, text);
    return st;
}

dg_status dg_space_read(const dg_map *map, dg_space *out, dg_err *err)
{
    if (map->key.n == 0)
        return DG_FAIL(err, DG_ERR_CONFIG, "tune.space: missing: what is to be tried?");
    if (map->key.n > DG_SPACE_KEYS)
        return DG_FAIL(err, DG_ERR_CONFIG, "tune.space: at most %d keys", DG_SPACE_KEYS);
    for (int64_t k = 0; k < map->key.n; k++) {
        piece name, text;
        name.at = dg_strings_at(&map->key, k, &name.n);
        text.at = dg_strings_at(&map->value, k, &text.n);
        dg_space_key *key = &out->at[out->n++];
        dg_status st = read_key(key, name, err);
        if (st == DG_OK) st = read_value(key, trim(text), err);
        if (st != DG_OK) return about(name, st, err);
    }
    return DG_OK;
}

void dg_space_free(dg_space *s)
{
    for (int k = 0; k < s->n; k++) {
        dg_free(s->at[k].algorithm);
        dg_free(s->at[k].key);
        dg_strings_free(&s->at[k].choice);
    }
    *s = (dg_space){0};
}

/* The digits of n to the base, mirrored at the point. */
static double mirrored(int64_t n, int base)
{
    double value = 0, place = 1;
    for (; n > 0; n /= base) {
        place /= base;
        value += place * (double)(n % base);
    }
    return value;
}

void dg_space_point(const dg_space *s, dg_space_draw how, uint64_t seed, int64_t trial, double *u)
{
    static const int prime[DG_SPACE_KEYS] = {2,  3,  5,  7,   11,  13,  17,  19,  23,  29, 31,
                                             37, 41, 43, 47,  53,  59,  61,  67,  71,  73, 79,
                                             83, 89, 97, 101, 103, 107, 109, 113, 127, 131};
    dg_rng r = dg_rng_at(seed, DG_RNG_TUNE, how == DG_SPACE_QUASI ? 0 : (uint64_t)trial);
    for (int k = 0; k < s->n; k++) {
        const double drawn = dg_rng_uniform(&r);
        const double shifted = drawn + mirrored(trial, prime[k]);
        u[k] = how == DG_SPACE_QUASI ? shifted - floor(shifted) : drawn;
    }
}

const char *dg_space_value(const dg_space_key *k, double u, char out[DG_SPACE_VALUE])
{
    const double span = k->high - k->low;
    size_t n;
    switch (k->kind) {
    case DG_SPACE_CHOICE: {
        const char *word = dg_strings_at(&k->choice, (int64_t)(u * (double)k->choice.n), &n);
        snprintf(out, DG_SPACE_VALUE, "%.*s", (int)n, word);
        break;
    }
    case DG_SPACE_UNIFORM: snprintf(out, DG_SPACE_VALUE, "%.4g", k->low + u * span); break;
    case DG_SPACE_LOG:
        snprintf(out, DG_SPACE_VALUE, "%.4g", k->low * pow(k->high / k->low, u));
        break;
    case DG_SPACE_INT: snprintf(out, DG_SPACE_VALUE, "%.0f", k->low + floor(u * (span + 1))); break;
    case DG_SPACE_DOUBLE: {
        const double steps = floor(log2(k->high / k->low) + 1e-9) + 1;
        snprintf(out, DG_SPACE_VALUE, "%.0f", k->low * exp2(floor(u * steps)));
        break;
    }
    }
    return out;
}
