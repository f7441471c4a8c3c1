#include "table/json.h"

#include <string.h>

typedef uint32_t mask; /* bit k: path k */

typedef struct reader {
    const dg_json_paths *paths;
    char *at;
    const char *end;
    dg_slice *value;
    mask found;
    int depth;
    const char *wrong;
} reader;

dg_status dg_json_paths_add(dg_json_paths *p, const char *path, dg_err *err)
{
    if (p->n == DG_JSON_PATHS)
        return DG_FAIL(err, DG_ERR_CONFIG, "more than %d columns of one file", DG_JSON_PATHS);
    p->at[p->n].keys = 0;
    for (const char *key = path;; key++) {
        const size_t n = strcspn(key, ".");
        if (n == 0 || p->at[p->n].keys == DG_JSON_DEPTH)
            return DG_FAIL(err, DG_ERR_CONFIG, "\"%.100s\" is no path of keys, as in event.user.id",
                           path);
        p->at[p->n].key[p->at[p->n].keys++] = (dg_slice){key, n};
        key += n;
        if (*key == '\0') break;
    }
    p->n++;
    return DG_OK;
}

static bool fail(reader *r, const char *wrong)
{
    if (r->wrong == NULL) r->wrong = wrong;
    return false;
}

static void pass_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n'))
        r->at++;
}

static bool is_next(const reader *r, char c) { return r->at < r->end && *r->at == c; }

static bool pass(reader *r, char c, const char *wrong)
{
    pass_blanks(r);
    if (!is_next(r, c)) return fail(r, wrong);
    r->at++;
    return true;
}

static bool read_hex(reader *r, uint32_t *code)
{
    *code = 0;
    if (r->end - r->at < 4) return fail(r, "an escape that is cut short");
    for (int k = 0; k < 4; k++, r->at++) {
        const char c = *r->at;
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return fail(r, "an escape that is none");
        *code = *code << 4 | (uint32_t)digit;
    }
    return true;
}

/* Behind "\u"; UTF-8 takes no more room than the escape. */
static char *read_code(reader *r, char *to)
{
    uint32_t code, low;
    if (!read_hex(r, &code)) return NULL;
    if (code >= 0xd800 && code < 0xdc00) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') code = 0;
        r->at += code == 0 ? 0 : 2;
        if (code == 0 || !read_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
            code = 0xdc00;
        else
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0 || (code >= 0xdc00 && code < 0xe000)) {
        fail(r, code == 0 ? "a NUL in a string" : "half a surrogate pair");
        return NULL;
    }
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

/* Behind a backslash. */
static char *read_escape(reader *r, char *to)
{
    static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char c = r->at < r->end ? *r->at++ : '\0';
    if (c == 'u') return read_code(r, to);
    const char *known = c == '\0' ? NULL : strchr(from, c);
    if (known == NULL) {
        fail(r, "an escape that is none");
        return NULL;
    }
    *to++ = meant[known - from];
    return to;
}

/* Bytes that end a run of plain ones: the quote, the backslash, control characters. */
static bool is_plain(char c) { return (unsigned char)c >= 0x20 && c != '"' && c != '\\'; }

/* Behind the opening quote. */
static bool read_string(reader *r, dg_slice *out)
{
    char *const begin = r->at;
    while (r->at < r->end && is_plain(*r->at)) r->at++;
    char *to = r->at;
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            to = read_escape(r, to);
            if (to == NULL) return false;
        } else if (is_plain(*r->at)) {
            *to++ = *r->at++;
        } else {
            return fail(r, "a control character in a string");
        }
    }
    if (r->at == r->end) return fail(r, "a string without an end");
    *out = (dg_slice){begin, (size_t)(to - begin)};
    r->at++;
    return true;
}

static bool read_digits(reader *r)
{
    const char *const begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > begin || fail(r, "a number that is none");
}

static bool read_number(reader *r, dg_slice *out)
{
    const char *const begin = r->at;
    r->at += *r->at == '-';
    const bool zero = is_next(r, '0');
    const char *const digits = r->at;
    if (!read_digits(r)) return false;
    if (zero && r->at - digits > 1) return fail(r, "a number that begins with 0");
    if (is_next(r, '.')) {
        r->at++;
        if (!read_digits(r)) return false;
    }
    if (is_next(r, 'e') || is_next(r, 'E')) {
        r->at++;
        r->at += is_next(r, '+') || is_next(r, '-');
        if (!read_digits(r)) return false;
    }
    *out = (dg_slice){begin, (size_t)(r->at - begin)};
    return true;
}

static bool read_word(reader *r, dg_slice *out)
{
    static const char *const word[] = {"true", "false", "null"};
    for (int k = 0; k < 3; k++) {
        const size_t n = strlen(word[k]);
        if ((size_t)(r->end - r->at) < n || memcmp(r->at, word[k], n) != 0) continue;
        *out = (dg_slice){r->at, k < 2 ? n : 0};
        r->at += n;
        return true;
    }
    return fail(r, "no value where one is expected");
}

/* Those of `from` whose key at a depth is this one. */
static mask select_paths(const reader *r, mask from, int depth, dg_slice key)
{
    mask to = 0;
    for (mask left = from; left != 0; left &= left - 1) {
        const int k = __builtin_ctz(left);
        const dg_slice wanted = r->paths->at[k].key[depth];
        if (wanted.n == key.n && memcmp(wanted.at, key.at, key.n) == 0) to |= (mask)1 << k;
    }
    return to;
}

/* Those of `from` that end with `keys` keys. */
static mask ending(const reader *r, mask from, int keys)
{
    mask to = 0;
    for (mask left = from; left != 0; left &= left - 1)
        if (r->paths->at[__builtin_ctz(left)].keys == keys) to |= left & -left;
    return to;
}

static bool read_value(reader *r, mask paths, int keys);

/* Behind '['; what is in it is nobody's. */
static bool read_array(reader *r)
{
    pass_blanks(r);
    if (is_next(r, ']')) {
        r->at++;
        return true;
    }
    for (;;) {
        if (!read_value(r, 0, 0)) return false;
        pass_blanks(r);
        if (is_next(r, ']')) break;
        if (!pass(r, ',', "neither , nor ] in an array")) return false;
    }
    r->at++;
    return true;
}

/* Behind '{'. */
static bool read_object(reader *r, mask paths, int keys)
{
    pass_blanks(r);
    if (is_next(r, '}')) {
        r->at++;
        return true;
    }
    for (;;) {
        dg_slice key;
        if (!pass(r, '"', "no key where one is expected") || !read_string(r, &key)) return false;
        if (!pass(r, ':', "no : behind a key")) return false;
        const mask met = paths == 0 ? 0 : select_paths(r, paths, keys, key);
        if (!read_value(r, met, keys + 1)) return false;
        pass_blanks(r);
        if (is_next(r, '}')) break;
        if (!pass(r, ',', "neither , nor } in an object")) return false;
    }
    r->at++;
    return true;
}

static bool read_nested(reader *r, mask paths, int keys)
{
    if (ending(r, paths, keys) != 0) return fail(r, "an object or array where a value is wanted");
    if (r->depth == DG_JSON_DEPTH) return fail(r, "objects and arrays too deep in each other");
    r->depth++;
    const bool object = *r->at++ == '{';
    const bool done = object ? read_object(r, paths, keys) : read_array(r);
    r->depth--;
    return done;
}

/* The value that the first `keys` keys of `paths` lead to. */
static bool read_value(reader *r, mask paths, int keys)
{
    dg_slice value = {0};
    bool done;
    pass_blanks(r);
    if (is_next(r, '{') || is_next(r, '[')) return read_nested(r, paths, keys);
    if (is_next(r, '"')) {
        r->at++;
        done = read_string(r, &value);
    } else if (is_next(r, '-') || (r->at < r->end && *r->at >= '0' && *r->at <= '9')) {
        done = read_number(r, &value);
    } else {
        done = read_word(r, &value);
    }
    if (!done || paths == 0) return done;
    const mask here = ending(r, paths, keys);
    if ((here & r->found) != 0) return fail(r, "a key twice in one object");
    r->found |= here;
    for (mask left = here; left != 0; left &= left - 1) r->value[__builtin_ctz(left)] = value;
    return true;
}

bool dg_json_read(const dg_json_paths *p, char *text, size_t n, dg_slice *value, const char **wrong,
                  size_t *where)
{
    const mask all = p->n == DG_JSON_PATHS ? UINT32_MAX : ((mask)1 << p->n) - 1;
    reader r = {.paths = p, .at = text, .end = text + n, .value = value};
    for (int k = 0; k < p->n; k++) value[k] = (dg_slice){text, 0};
    pass_blanks(&r);
    bool done = is_next(&r, '{') ? read_value(&r, all, 0) : fail(&r, "no object");
    pass_blanks(&r);
    if (done && r.at < r.end) done = fail(&r, "more behind the object");
    *wrong = r.wrong;
    *where = (size_t)(r.at - text);
    return done;
}
