#include "artifact/artifact.h"

#include "artifact/inside.h"
#include "base/memory.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* An id with its hash, as the order of ids compares them. */
typedef struct dg_hashed_id {
    uint64_t hash;
    const char *bytes;
    size_t n;
} dg_hashed_id;

static dg_hashed_id hashed(const char *bytes, size_t n)
{
    return (dg_hashed_id){dg_id_hash(bytes, n), bytes, n};
}

static dg_hashed_id hashed_row(const dg_names *names, int64_t row)
{
    size_t n;
    const char *bytes = dg_names_at(names, row, &n);
    return hashed(bytes, n);
}

static int compare(dg_hashed_id a, dg_hashed_id b)
{
    if (a.hash != b.hash) return a.hash < b.hash ? -1 : 1;
    const int order = memcmp(a.bytes, b.bytes, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

int64_t dg_names_find(const dg_names *names, const char *id, size_t n_bytes)
{
    const dg_hashed_id wanted = hashed(id, n_bytes);
    int64_t low = 0, high = names->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = compare(wanted, hashed_row(names, names->by_hash[middle]));
        if (order == 0) return names->by_hash[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

dg_status dg_artifact__wrong(const dg_artifact *a, const char *array, int64_t row, const char *what,
                             dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s: row %" PRId64 " %s", a->path, array, row, what);
}

dg_status dg_artifact__text(const dg_artifact *a, const char *key, bool required, char **out,
                            dg_err *err)
{
    const dg_status st = dg_container_text(a->file, "/meta", key, out, err);
    if (st == DG_ERR_DATA && !required) {
        *out = NULL;
        return DG_OK;
    }
    return st;
}

static dg_status read_texts(dg_artifact *a, dg_err *err)
{
    const struct {
        const char *key;
        bool required;
        char **at;
    } texts[] = {{"name", true, &a->name},
                 {"algorithm", true, &a->algorithm},
                 {"config", true, &a->config},
                 {"dataset", true, &a->dataset},
                 {"model", true, &a->model},
                 {"created", false, &a->created},
                 {"metrics", false, &a->metrics},
                 {"card", false, &a->card},
                 {"event_weights", false, &a->event_weights},
                 {"duplicates", false, &a->duplicates},
                 {"precision_loss", false, &a->precision_loss}};
    dg_status st = DG_OK;
    for (size_t k = 0; k < sizeof texts / sizeof *texts && st == DG_OK; k++)
        st = dg_artifact__text(a, texts[k].key, texts[k].required, texts[k].at, err);
    a->content = dg_strdup(dg_container_content(a->file));
    if (st == DG_OK && a->content == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path);
    return st;
}

static dg_status read_count(const dg_artifact *a, const char *key, int64_t min, int64_t max,
                            int64_t *out, dg_err *err)
{
    const dg_status st = dg_container_int(a->file, "/meta", key, out, err);
    if (st != DG_OK || (*out >= min && *out <= max)) return st;
    return DG_FAIL(err, DG_ERR_DATA,
                   "%s: /meta: %s is %" PRId64 ", not within %" PRId64 " to %" PRId64, a->path, key,
                   *out, min, max);
}

dg_status dg_artifact__real(const dg_artifact *a, const char *key, double min, double max,
                            double *out, dg_err *err)
{
    const dg_status st = dg_container_real(a->file, "/meta", key, out, err);
    if (st != DG_OK || (*out >= min && *out <= max)) return st; /* not NAN either */
    return DG_FAIL(err, DG_ERR_DATA, "%s: /meta: %s is %g, not within %g to %g", a->path, key, *out,
                   min, max);
}

static dg_status read_real(const dg_artifact *a, const char *key, double *out, dg_err *err)
{
    return dg_artifact__real(a, key, -DBL_MAX, DBL_MAX, out, err);
}

/* Both bounds, or neither. */
static dg_status read_clip(dg_artifact *a, dg_err *err)
{
    dg_err ignored;
    double probe;
    const bool low = dg_container_real(a->file, "/meta", "clip_min", &probe, &ignored) == DG_OK;
    const bool high = dg_container_real(a->file, "/meta", "clip_max", &probe, &ignored) == DG_OK;
    a->clipped = low || high;
    if (!a->clipped) return DG_OK;
    dg_status st = read_real(a, "clip_min", &a->clip_min, err);
    if (st == DG_OK) st = read_real(a, "clip_max", &a->clip_max, err);
    if (st == DG_OK && a->clip_min > a->clip_max)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: /meta: clip_min %g is above clip_max %g", a->path,
                     a->clip_min, a->clip_max);
    return st;
}

/* Words of /meta's "requires": what a reader must know to answer right from a file that has it.
 * Whatever else it does not know it leaves alone (docs/formats.md#versions). */
static const char *const understood[] = {"f16", "int8", NULL};

static bool is_understood(const char *word, size_t n)
{
    for (size_t k = 0; understood[k] != NULL; k++)
        if (strlen(understood[k]) == n && memcmp(understood[k], word, n) == 0) return true;
    return false;
}

static dg_status check_required(const dg_artifact *a, dg_err *err)
{
    char *words;
    dg_status st = dg_artifact__text(a, "requires", false, &words, err);
    for (const char *s = words; s != NULL && st == DG_OK && *s != '\0';) {
        const size_t n = strcspn(s, " ");
        if (n > 0 && !is_understood(s, n)) {
            st = DG_FAIL(err, DG_ERR_DATA, "%s: cannot be read without knowing \"%.*s\"", a->path,
                         n < 60 ? (int)n : 60, s);
            st = dg_err_hint(err, st, "use the Daogou version that wrote it, or newer");
        }
        s += n + (s[n] == ' ');
    }
    dg_free(words);
    return st;
}

static dg_status read_meta(dg_artifact *a, dg_err *err)
{
    int64_t n_cols = 0, similar_cols = 0, binary = 0;
    dg_status st = check_required(a, err);
    if (st == DG_OK) st = read_texts(a, err);
    if (st == DG_OK) st = read_count(a, "n_users", 0, INT32_MAX, &a->n_users, err);
    if (st == DG_OK) st = read_count(a, "n_items", 1, INT32_MAX, &a->n_items, err);
    if (st == DG_OK) st = read_count(a, "n_cols", 0, 1 << 20, &n_cols, err);
    if (st == DG_OK) st = read_count(a, "similar_cols", 0, n_cols, &similar_cols, err);
    if (st == DG_OK) st = read_real(a, "offset", &a->offset, err);
    if (st == DG_OK) st = read_clip(a, err);
    a->n_cols = (int32_t)n_cols;
    a->similar_cols = (int32_t)similar_cols;
    a->newest = INT64_MIN;
    if (st == DG_OK && dg_artifact__has(a, "newest", false))
        st = dg_container_int(a->file, "/meta", "newest", &a->newest, err);
    if (st == DG_OK && dg_artifact__has(a, "binary", false))
        st = read_count(a, "binary", 0, 1, &binary, err);
    a->binary = binary != 0;
    return st;
}

dg_status dg_artifact__map(const dg_artifact *a, const char *array, dg_type type, int64_t n_rows,
                           int64_t n_cols, const void **at, dg_err *err)
{
    dg_array_info info;
    dg_status st = dg_container_info(a->file, array, &info, err);
    if (st == DG_OK && (info.n_rows != n_rows || info.n_cols != n_cols))
        st = DG_FAIL(err, DG_ERR_DATA,
                     "%s: %s has shape %" PRId64 " x %" PRId64 " where %" PRId64 " x %" PRId64
                     " is expected",
                     a->path, array, info.n_rows, info.n_cols, n_rows, n_cols);
    return st == DG_OK ? dg_container_map(a->file, array, type, at, err) : st;
}

/* A run of offsets and what they cut: ARRAY of type `type`, whose length the last offset states. */
static dg_status map_cut(const dg_artifact *a, const char *offsets, const char *array, dg_type type,
                         int64_t n, const int64_t **offset, const void **at, dg_err *err)
{
    const void *cut;
    dg_status st = dg_artifact__map(a, offsets, DG_I64, n + 1, 1, &cut, err);
    if (st != DG_OK) return st;
    *offset = cut;
    if ((*offset)[0] != 0) return dg_artifact__wrong(a, offsets, 0, "is not 0", err);
    for (int64_t r = 0; r < n; r++)
        if ((*offset)[r + 1] < (*offset)[r])
            return dg_artifact__wrong(a, offsets, r + 1, "goes back", err);
    return dg_artifact__map(a, array, type, (*offset)[n], 1, at, err);
}

static dg_status map_names(const dg_artifact *a, int64_t n, const char *offsets, const char *bytes,
                           dg_names *out, dg_err *err)
{
    const void *at;
    const dg_status st = map_cut(a, offsets, bytes, DG_U8, n, &out->offset, &at, err);
    if (st != DG_OK) return st;
    out->bytes = at;
    out->n = n;
    return DG_OK;
}

/* Ids in this order lie all over the memory: ask for where one begins, and later for its bytes. */
static void fetch_ahead(const dg_names *names, int64_t k)
{
    enum { OFFSETS = 32, BYTES = 16 };
    if (k + OFFSETS < names->n) __builtin_prefetch(names->offset + names->by_hash[k + OFFSETS]);
    if (k + BYTES >= names->n) return;
    const int32_t row = names->by_hash[k + BYTES];
    if (row >= 0 && row < names->n) __builtin_prefetch(names->bytes + names->offset[row]);
}

/* Strictly ascending ids in range are n different rows: a permutation, and no id twice. */
static dg_status check_order(const dg_artifact *a, const char *array, const dg_names *names,
                             dg_err *err)
{
    dg_hashed_id before = {0};
    for (int64_t k = 0; k < names->n; k++) {
        fetch_ahead(names, k);
        if (names->by_hash[k] < 0 || names->by_hash[k] >= names->n)
            return dg_artifact__wrong(a, array, k, "is not a row", err);
        const dg_hashed_id here = hashed_row(names, names->by_hash[k]);
        if (k > 0 && compare(before, here) >= 0)
            return dg_artifact__wrong(a, array, k, "is out of order, or an id occurs twice", err);
        before = here;
    }
    return DG_OK;
}

static dg_status map_ids(const dg_artifact *a, int64_t n, const char *const path[3], dg_names *out,
                         dg_err *err)
{
    const void *order;
    dg_status st = map_names(a, n, path[0], path[1], out, err);
    if (st == DG_OK) st = dg_artifact__map(a, path[2], DG_I32, n, 1, &order, err);
    if (st != DG_OK) return st;
    out->by_hash = order;
    return check_order(a, path[2], out, err);
}

/* A sparse matrix GROUP/{ptr,index,value} of n_rows x n_cols. */
dg_status dg_artifact__links(const dg_artifact *a, const char *group, int64_t n_rows,
                             int64_t n_cols, dg_links *out, dg_err *err)
{
    char ptr[64], index[64], value[64];
    const void *at;
    snprintf(ptr, sizeof ptr, "%s/ptr", group);
    snprintf(index, sizeof index, "%s/index", group);
    snprintf(value, sizeof value, "%s/value", group);
    dg_status st = map_cut(a, ptr, index, DG_I32, n_rows, &out->ptr, &at, err);
    if (st != DG_OK) return st;
    out->index = at;
    st = dg_artifact__map(a, value, DG_F32, out->ptr[n_rows], 1, &at, err);
    if (st != DG_OK) return st;
    out->value = at;
    for (int64_t r = 0; r < n_rows; r++) {
        int32_t before = -1;
        for (int64_t p = out->ptr[r]; p < out->ptr[r + 1]; p++) {
            if (out->index[p] <= before || out->index[p] >= n_cols)
                return dg_artifact__wrong(a, index, p, "is not a column above the one before", err);
            if (!isfinite(out->value[p]))
                return dg_artifact__wrong(a, value, p, "is not finite", err);
            before = out->index[p];
        }
    }
    return DG_OK;
}

bool dg_artifact__has(const dg_artifact *a, const char *key, bool real)
{
    dg_err ignored;
    int64_t whole;
    double number;
    return real ? dg_container_real(a->file, "/meta", key, &number, &ignored) == DG_OK
                : dg_container_int(a->file, "/meta", key, &whole, &ignored) == DG_OK;
}

/* How weights become scores: plain sums where the file does not say. */
static dg_status read_rule(dg_artifact *a, dg_err *err)
{
    int64_t norm = DG_TALLY_SUM;
    double fallback = 0;
    dg_status st = DG_OK;
    a->rule.min_k = 1;
    if (dg_artifact__has(a, "normalize", false))
        st = read_count(a, "normalize", DG_TALLY_SUM, DG_TALLY_SIGNED_MEAN, &norm, err);
    if (st == DG_OK && dg_artifact__has(a, "k", false))
        st = read_count(a, "k", 0, DG_TALLY_MOST, &a->rule.k, err);
    if (st == DG_OK && dg_artifact__has(a, "min_k", false))
        st = read_count(a, "min_k", 1, DG_TALLY_MOST, &a->rule.min_k, err);
    if (st == DG_OK && dg_artifact__has(a, "fallback", true))
        st = read_real(a, "fallback", &fallback, err);
    a->rule.norm = (int)norm;
    a->rule.fallback = (float)fallback;
    return st;
}

static dg_status map_column(const dg_artifact *a, const char *array, int64_t n, const float **out,
                            dg_err *err)
{
    const void *at;
    const dg_status st = dg_artifact__map(a, array, DG_F32, n, 1, &at, err);
    if (st != DG_OK) return st;
    *out = at;
    for (int64_t r = 0; r < n; r++)
        if (!isfinite((*out)[r])) return dg_artifact__wrong(a, array, r, "is not finite", err);
    return DG_OK;
}

/* What neighbourhood models have beside weights. */
static dg_status map_neighbors(dg_artifact *a, dg_err *err)
{
    dg_status st = read_rule(a, err);
    if (st == DG_OK && (dg_container_has(a->file, "similar/item/ptr") ||
                        (a->rule.k > 0 && a->user_weights.ptr == NULL)))
        st = dg_artifact__links(a, "similar/item", a->n_items, a->n_items, &a->similar_items, err);
    if (st != DG_OK || !dg_container_has(a->file, "baseline/user")) return st;
    st = map_column(a, "baseline/user", a->n_users, &a->user_base, err);
    return st == DG_OK ? map_column(a, "baseline/item", a->n_items, &a->item_base, err) : st;
}

/* Profiles, and the weights of items or of users. */
static dg_status map_weights(dg_artifact *a, dg_err *err)
{
    const bool of_users = dg_container_has(a->file, "weights/user/ptr");
    if (of_users && dg_container_has(a->file, "weights/item/ptr"))
        return DG_FAIL(err, DG_ERR_DATA, "%s: weights: of both items and users", a->path);
    const int64_t n = of_users ? a->n_users : a->n_items;
    dg_status st = dg_artifact__links(a, "profile", a->n_users, a->n_items, &a->profile, err);
    if (st != DG_OK) return st;
    st = dg_artifact__links(a, of_users ? "weights/user" : "weights/item", n, n,
                            of_users ? &a->user_weights : &a->item_weights, err);
    return st == DG_OK ? map_neighbors(a, err) : st;
}

static dg_status map_history(dg_artifact *a, dg_err *err)
{
    const void *at;
    const dg_status st =
        map_cut(a, "history/ptr", "history/index", DG_I32, a->n_users, &a->history_ptr, &at, err);
    if (st != DG_OK) return st;
    a->history_item = at;
    for (int64_t u = 0; u < a->n_users; u++) {
        int32_t before = -1;
        for (int64_t p = a->history_ptr[u]; p < a->history_ptr[u + 1]; p++) {
            const int32_t item = a->history_item[p];
            if (item <= before || item >= a->n_items)
                return dg_artifact__wrong(a, "history/index", p,
                                          "is not an item above the one before", err);
            before = item;
        }
    }
    return DG_OK;
}

/* Counts descending, ties by row ascending: a strict order, so no item stands twice. */
static dg_status map_popularity(dg_artifact *a, dg_err *err)
{
    const void *count, *order;
    dg_status st = dg_artifact__map(a, "popularity/count", DG_I64, a->n_items, 1, &count, err);
    if (st == DG_OK)
        st = dg_artifact__map(a, "popularity/order", DG_I32, a->n_items, 1, &order, err);
    if (st != DG_OK) return st;
    a->popularity = count;
    a->popular = order;
    for (int64_t k = 0; k < a->n_items; k++) {
        const int32_t item = a->popular[k];
        if (item < 0 || item >= a->n_items)
            return dg_artifact__wrong(a, "popularity/order", k, "is not an item", err);
        if (a->popularity[item] < 0)
            return dg_artifact__wrong(a, "popularity/count", item, "is negative", err);
        const int32_t before = k > 0 ? a->popular[k - 1] : item;
        const bool descends = k == 0 || a->popularity[before] > a->popularity[item] ||
                              (a->popularity[before] == a->popularity[item] && before < item);
        if (!descends) return dg_artifact__wrong(a, "popularity/order", k, "is out of order", err);
    }
    return DG_OK;
}

/* Segment K is of the attribute popularity/segment/of[K]. */
static dg_status map_segments(dg_artifact *a, dg_err *err)
{
    static const char of[] = "popularity/segment/of";
    dg_array_info info;
    const void *at;
    if (!dg_container_has(a->file, of)) return DG_OK;
    dg_status st = dg_container_info(a->file, of, &info, err);
    if (st == DG_OK && (info.n_rows < 1 || info.n_rows > DG_SEGMENTS_MAX))
        st = dg_artifact__wrong(a, of, info.n_rows, "is the last: too few or too many segments",
                                err);
    if (st == DG_OK) st = dg_artifact__map(a, of, DG_I32, info.n_rows, 1, &at, err);
    for (int32_t k = 0; st == DG_OK && k < info.n_rows; k++) {
        char group[40];
        dg_segment *s = &a->segment[k];
        s->attribute = ((const int32_t *)at)[k];
        if (s->attribute < 0 || s->attribute >= a->user_attributes.n ||
            a->user_attributes.at[s->attribute].type == DG_ATTRIBUTE_NUMBER)
            return dg_artifact__wrong(a, of, k, "is not a text of the users", err);
        snprintf(group, sizeof group, "popularity/segment/%d", k);
        st = dg_groups_map(a->file, group, a->n_items, &s->lists, err);
        if (st == DG_OK && s->lists.n != a->user_attributes.at[s->attribute].n_values)
            st = dg_artifact__wrong(a, group, k, "has not a list for each value", err);
        a->n_segments = k + 1;
    }
    return st;
}

static dg_status map_all(dg_artifact *a, dg_err *err)
{
    static const char *const user[] = {"ids/user/offsets", "ids/user/bytes", "ids/user/by_hash"};
    static const char *const item[] = {"ids/item/offsets", "ids/item/bytes", "ids/item/by_hash"};
    dg_status st = map_ids(a, a->n_users, user, &a->user_id, err);
    if (st == DG_OK) st = map_ids(a, a->n_items, item, &a->item_id, err);
    if (st == DG_OK && dg_container_has(a->file, "titles/item/offsets"))
        st = map_names(a, a->n_items, "titles/item/offsets", "titles/item/bytes", &a->item_title,
                       err);
    if (st == DG_OK)
        st = dg_attributes_map(a->file, "attributes/item", a->n_items, &a->item_attributes, err);
    if (st == DG_OK)
        st = dg_attributes_map(a->file, "attributes/user", a->n_users, &a->user_attributes, err);
    if (st == DG_OK) st = dg_groups_map(a->file, "popularity/scene", a->n_items, &a->scenes, err);
    if (st == DG_OK) st = map_segments(a, err);
    if (st == DG_OK) st = a->n_cols > 0 ? dg_artifact__factors(a, err) : map_weights(a, err);
    if (st == DG_OK && a->n_cols > 0) st = dg_artifact__fold(a, err);
    if (st == DG_OK) st = map_history(a, err);
    return st == DG_OK ? map_popularity(a, err) : st;
}

static dg_status new_artifact(const char *path, dg_artifact **out, dg_err *err)
{
    dg_artifact *a = *out = dg_alloc(1, sizeof *a);
    if (a != NULL && (a->path = dg_strdup(path)) != NULL) return DG_OK;
    dg_artifact_close(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
}

/* Ends what opens an artifact: all of it was looked at, or all is undone. */
static dg_status finish_open(dg_status st, dg_artifact **out, dg_err *err)
{
    if (st == DG_OK) st = read_meta(*out, err);
    if (st == DG_OK) st = map_all(*out, err);
    if (st != DG_OK) dg_artifact_close(out);
    return st;
}

static const char format[] = "daogou-artifact";

dg_status dg_artifact_open_for(const char *path, const dg_access *access, dg_artifact **out,
                               dg_err *err)
{
    dg_status st = new_artifact(path, out, err);
    if (st == DG_OK)
        st = dg_container_open_for(path, format, DG_ARTIFACT_VERSION, access, &(*out)->file, err);
    return finish_open(st, out, err);
}

dg_status dg_artifact_open(const char *path, dg_artifact **out, dg_err *err)
{
    return dg_artifact_open_for(path, NULL, out, err);
}

dg_status dg_artifact_open_bytes(const char *name, const void *at, size_t n, dg_artifact **out,
                                 dg_err *err)
{
    dg_status st = new_artifact(name, out, err);
    if (st == DG_OK)
        st = dg_container_open_bytes(name, at, n, format, DG_ARTIFACT_VERSION, NULL, &(*out)->file,
                                     err);
    return finish_open(st, out, err);
}

void dg_artifact_close(dg_artifact **a)
{
    if (*a == NULL) return;
    char *const texts[] = {
        (*a)->path,          (*a)->name,       (*a)->algorithm,     (*a)->config, (*a)->dataset,
        (*a)->model,         (*a)->created,    (*a)->metrics,       (*a)->card,   (*a)->content,
        (*a)->event_weights, (*a)->duplicates, (*a)->precision_loss};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) dg_free(texts[k]);
    dg_container_close(&(*a)->file);
    dg_free(*a);
    *a = NULL;
}
