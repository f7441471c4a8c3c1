#include "artifact_file.h"

#include "artifact/layout.h"
#include "artifact/scan.h"
#include "artifact/seal.h"
#include "base/memory.h"
#include "base/rng.h"
#include "dense/half.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Also used outside Check, whose assertions need a running test. */
static void must(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "artifact fixture: %s\n", what);
    abort();
}

/* ---- making ---- */

static made_part *add_part(made_artifact *m, const char *array, dg_type type, int64_t n_rows,
                           int64_t n_cols)
{
    made_part *p = m->part;
    while (p < m->part + PARTS && p->array != NULL) p++;
    must(p < m->part + PARTS, "too many arrays");
    *p = (made_part){array, type, n_rows, n_cols,
                     dg_alloc((size_t)(n_rows * n_cols), dg_type_size(type))};
    must(p->at != NULL, "out of memory");
    return p;
}

void made_add(made_artifact *m, const char *array, dg_type type, int64_t n_rows, const void *at)
{
    made_part *p = add_part(m, array, type, n_rows, 1);
    if (n_rows > 0) memcpy(p->at, at, (size_t)n_rows * dg_type_size(type));
}

made_part *made_array(made_artifact *m, const char *array)
{
    for (int k = 0; k < PARTS; k++)
        if (m->part[k].array != NULL && strcmp(m->part[k].array, array) == 0) return &m->part[k];
    must(false, array);
    return NULL;
}

static void add_names(made_artifact *m, int64_t n, const char *pattern, const char *offsets,
                      const char *bytes)
{
    char name[64];
    int64_t *offset = add_part(m, offsets, DG_I64, n + 1, 1)->at;
    for (int64_t r = 0; r < n; r++)
        offset[r + 1] = offset[r] + snprintf(name, sizeof name, pattern, (long long)r);
    char *at = add_part(m, bytes, DG_U8, offset[n], 1)->at;
    for (int64_t r = 0; r < n; r++) {
        const int length = snprintf(name, sizeof name, pattern, (long long)r);
        memcpy(at + offset[r], name, (size_t)length);
    }
}

typedef struct sorting {
    const int64_t *offset, *count;
    const char *bytes;
} sorting;

static int by_id(const void *a, const void *b, void *context)
{
    const sorting *s = context;
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    const int64_t nx = s->offset[x + 1] - s->offset[x], ny = s->offset[y + 1] - s->offset[y];
    const uint64_t hx = dg_id_hash(s->bytes + s->offset[x], (size_t)nx);
    const uint64_t hy = dg_id_hash(s->bytes + s->offset[y], (size_t)ny);
    if (hx != hy) return hx < hy ? -1 : 1;
    const int order =
        memcmp(s->bytes + s->offset[x], s->bytes + s->offset[y], (size_t)(nx < ny ? nx : ny));
    return order != 0 ? order : (nx > ny) - (nx < ny);
}

static int by_count(const void *a, const void *b, void *context)
{
    const sorting *s = context;
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    if (s->count[x] != s->count[y]) return s->count[x] < s->count[y] ? 1 : -1;
    return (x > y) - (x < y);
}

static void add_order(made_artifact *m, const char *array, int64_t n, sorting by,
                      int (*compare)(const void *, const void *, void *))
{
    int32_t *order = add_part(m, array, DG_I32, n, 1)->at;
    for (int64_t r = 0; r < n; r++) order[r] = (int32_t)r;
    qsort_r(order, (size_t)n, sizeof *order, compare, &by);
}

/* Factors in steps of 1/8, so that sums are exact and equal scores occur. */
static void add_factors(made_artifact *m, const char *array, int64_t n, bool user, dg_rng *rng)
{
    float *at = add_part(m, array, DG_F32, n, m->n_cols)->at;
    for (int64_t k = 0; k < n * m->n_cols; k++) at[k] = (float)((int)dg_rng_below(rng, 17) - 8) / 8;
    for (int64_t r = 0; r < n; r++) at[r * m->n_cols + m->n_cols - (user ? 1 : 2)] = 1;
    const int64_t cold = user ? 0 : n - 1;
    memset(at + cold * m->n_cols, 0, (size_t)m->similar_cols * sizeof *at);
}

static void add_history(made_artifact *m, dg_rng *rng)
{
    int64_t *ptr = add_part(m, "history/ptr", DG_I64, m->n_users + 1, 1)->at;
    bool *seen = dg_alloc((size_t)(m->n_users * m->n_items), sizeof *seen);
    for (int64_t u = 0; u < m->n_users; u++) {
        for (int64_t i = 0; i < m->n_items; i++) {
            seen[u * m->n_items + i] = u == 1 || (u > 1 && dg_rng_below(rng, 5) == 0);
            ptr[u + 1] += seen[u * m->n_items + i];
        }
        ptr[u + 1] += ptr[u];
    }
    int32_t *item = add_part(m, "history/index", DG_I32, ptr[m->n_users], 1)->at;
    int64_t *count = add_part(m, "popularity/count", DG_I64, m->n_items, 1)->at;
    for (int64_t k = 0; k < m->n_users * m->n_items; k++) {
        if (!seen[k]) continue;
        *item++ = (int32_t)(k % m->n_items);
        count[k % m->n_items]++;
    }
    dg_free(seen);
    add_order(m, "popularity/order", m->n_items, (sorting){.count = count}, by_count);
}

made_artifact *make_artifact(int64_t n_users, int64_t n_items, int64_t n_cols, uint64_t seed)
{
    made_artifact *m = dg_alloc(1, sizeof *m);
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 0);
    *m = (made_artifact){.n_users = n_users,
                         .n_items = n_items,
                         .n_cols = n_cols,
                         .similar_cols = n_cols - 2,
                         .offset = 0.5,
                         .format = "daogou-artifact",
                         .version = 1,
                         .name = "fixture",
                         .algorithm = "als",
                         .config = "model:\n  algorithm: als\n",
                         .dataset = "00",
                         .model = "01",
                         .created = "2026-01-02T03:04:05Z",
                         .card = "{\"made_with\":{\"daogou\":\"0.1.0\",\"revision\":\"test\"},"
                                 "\"data\":{\"dataset_digest\":\"00\",\"users\":1,\"items\":1},"
                                 "\"licence\":\"CC0-1.0\"}",
                         .metrics = "{\"recall@20\": 0.25}"};
    add_names(m, n_users, "u%lld", "ids/user/offsets", "ids/user/bytes");
    add_names(m, n_items, "item %lld", "ids/item/offsets", "ids/item/bytes");
    add_names(m, n_items, "Title %lld", "titles/item/offsets", "titles/item/bytes");
    add_order(m, "ids/user/by_hash", n_users,
              (sorting){.offset = made_array(m, "ids/user/offsets")->at,
                        .bytes = made_array(m, "ids/user/bytes")->at},
              by_id);
    add_order(m, "ids/item/by_hash", n_items,
              (sorting){.offset = made_array(m, "ids/item/offsets")->at,
                        .bytes = made_array(m, "ids/item/bytes")->at},
              by_id);
    add_factors(m, "factors/user", n_users, true, &rng);
    add_factors(m, "factors/item", n_items, false, &rng);
    add_history(m, &rng);
    return m;
}

/* A sparse matrix with values in steps of 1/8; no entries in row `bare_row` and column `bare`. */
static void add_links(made_artifact *m, const char *const path[3], int64_t n_rows, int64_t n_cols,
                      int64_t bare_row, int64_t bare, dg_rng *rng)
{
    int64_t *ptr = add_part(m, path[0], DG_I64, n_rows + 1, 1)->at;
    bool *linked = dg_alloc((size_t)(n_rows * n_cols), sizeof *linked);
    for (int64_t r = 0; r < n_rows; r++) {
        ptr[r + 1] = ptr[r];
        for (int64_t c = 0; c < n_cols; c++) {
            linked[r * n_cols + c] = r != bare_row && c != bare && dg_rng_below(rng, 4) == 0;
            ptr[r + 1] += linked[r * n_cols + c];
        }
    }
    int32_t *index = add_part(m, path[1], DG_I32, ptr[n_rows], 1)->at;
    float *value = add_part(m, path[2], DG_F32, ptr[n_rows], 1)->at;
    for (int64_t k = 0; k < n_rows * n_cols; k++) {
        if (!linked[k]) continue;
        *index++ = (int32_t)(k % n_cols);
        *value++ = (float)((int)dg_rng_below(rng, 17) - 6) / 8;
    }
    dg_free(linked);
}

made_artifact *make_weights_artifact(int64_t n_users, int64_t n_items, const char *side,
                                     uint64_t seed)
{
    static const char *const of[][3] = {
        {"weights/item/ptr", "weights/item/index", "weights/item/value"},
        {"weights/user/ptr", "weights/user/index", "weights/user/value"},
        {"profile/ptr", "profile/index", "profile/value"}};
    const bool users = strcmp(side, "user") == 0;
    const int64_t n = users ? n_users : n_items;
    made_artifact *m = make_artifact(n_users, n_items, 3, seed);
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 1);
    for (int k = 0; k < PARTS; k++) {
        if (m->part[k].array == NULL || strncmp(m->part[k].array, "factors/", 8) != 0) continue;
        dg_free(m->part[k].at);
        m->part[k] = (made_part){0};
    }
    m->n_cols = m->similar_cols = 0;
    m->algorithm = users ? "user-knn" : "ease";
    add_links(m, of[users], n, n, users ? 0 : n - 1, -1, &rng);
    add_links(m, of[2], n_users, n_items, 0, n_items - 1, &rng);
    return m;
}

static void add_gram(made_artifact *m)
{
    const int64_t d = m->n_cols;
    const float *item = made_array(m, "factors/item")->at;
    double *gram = add_part(m, "fold/gram", DG_F64, d, d)->at;
    for (int64_t r = 0; r < m->n_items; r++)
        for (int64_t i = 0; i < d; i++)
            for (int64_t j = 0; j < d; j++)
                gram[i * d + j] += (double)item[r * d + i] * (double)item[r * d + j];
}

/* A bias and a 1 behind the items' factors, a 1 and a bias behind the users', as export has them.
 */
static void set_biases(made_artifact *m, dg_rng *rng)
{
    const int64_t n = m->n_cols;
    float *user = made_array(m, "factors/user")->at, *item = made_array(m, "factors/item")->at;
    for (int64_t r = 0; r < m->n_users; r++) {
        user[r * n + n - 2] = 1;
        user[r * n + n - 1] = (float)((int)dg_rng_below(rng, 17) - 8) / 8;
    }
    for (int64_t r = 0; r < m->n_items; r++) {
        item[r * n + n - 2] = (float)((int)dg_rng_below(rng, 17) - 8) / 8;
        item[r * n + n - 1] = 1;
    }
}

made_artifact *make_fold_artifact(int64_t n_users, int64_t n_items, int64_t n_factors,
                                  const dg_als_law *law, double reg, uint64_t seed)
{
    static const char *const profile[] = {"profile/ptr", "profile/index", "profile/value"};
    const bool ratings = law->loss == DG_ALS_RATINGS;
    made_artifact *m = make_artifact(n_users, n_items, n_factors + 2 * ratings, seed);
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 2);
    m->similar_cols = n_factors;
    m->law = law;
    m->reg = reg;
    m->algorithm = ratings ? "als" : "ials";
    if (!ratings) m->offset = 0;
    if (ratings) set_biases(m, &rng);
    if (!ratings) add_gram(m);
    add_links(m, profile, n_users, n_items, 0, n_items - 1, &rng);
    made_part *value = made_array(m, "profile/value");
    for (int64_t k = 0; k < value->n_rows; k++)
        ((float *)value->at)[k] = (float)(1 + dg_rng_below(&rng, 5));
    return m;
}

static void round_side(made_artifact *m, const char *array, const char *scales, dg_type type)
{
    made_part *p = made_array(m, array);
    const float *from = p->at;
    const int64_t n_rows = p->n_rows, n_cols = p->n_cols;
    p->type = type;
    p->at = dg_alloc((size_t)(n_rows * n_cols), dg_type_size(type));
    float *scale = type == DG_I8 ? add_part(m, scales, DG_F32, n_rows, 1)->at : NULL;
    for (int64_t k = 0; k < n_rows * n_cols && type == DG_F16; k++)
        ((uint16_t *)p->at)[k] = dg_half_of_float(from[k]);
    for (int64_t r = 0; r < n_rows && type == DG_I8; r++)
        scale[r] =
            dg_scan_code(from + r * n_cols, (int32_t)n_cols, (int8_t *)p->at + r * n_cols).scale;
    dg_free((void *)(uintptr_t)from);
}

void round_factors(made_artifact *m, dg_type type)
{
    round_side(m, "factors/user", "factors/user_scale", type);
    round_side(m, "factors/item", "factors/item_scale", type);
}

static dg_factors item_factors(made_artifact *m)
{
    const made_part *p = made_array(m, "factors/item");
    dg_factors f = {.n_cols = (int32_t)p->n_cols, .at = p->at};
    if (p->type == DG_F16) f.precision = DG_PRECISION_F16;
    if (p->type == DG_I8) f.precision = DG_PRECISION_INT8;
    if (p->type == DG_I8) f.scale = made_array(m, "factors/item_scale")->at;
    return f;
}

void add_scan(made_artifact *m)
{
    const dg_factors f = item_factors(m);
    const int64_t groups = dg_scan_groups(m->n_items), bytes = dg_scan_group_bytes(f.n_cols);
    float room[DG_FACTORS_ROOM];
    dg_scan s;
    dg_err err;
    must(dg_scan_make(&f, m->n_items, &s, &err) == DG_OK, "scan");
    float *inverse = add_part(m, "scan/inverse_norm", DG_F32, m->n_items, 1)->at;
    for (int64_t r = 0; r < m->n_items; r++)
        inverse[r] = dg_scan_inverse_norm(dg_factors_row(&f, r, room), (int32_t)m->similar_cols);
    memcpy(add_part(m, "scan/high", DG_U8, groups, bytes)->at, s.high, (size_t)(groups * bytes));
    memcpy(add_part(m, "scan/low", DG_U8, groups, bytes)->at, s.low, (size_t)(groups * bytes));
    memcpy(add_part(m, "scan/scale", DG_F32, groups * 16, 1)->at, s.scale, (size_t)groups * 64);
    memcpy(add_part(m, "scan/norm", DG_F32, groups, 1)->at, s.norm, (size_t)groups * 4);
    memcpy(add_part(m, "scan/coarse_rest", DG_F32, groups, 1)->at, s.coarse_rest,
           (size_t)groups * 4);
    memcpy(add_part(m, "scan/order", DG_I32, m->n_items, 1)->at, s.order, (size_t)m->n_items * 4);
    m->scan_fine_rest = s.fine_rest;
    m->scan_code_norm = s.code_norm;
    dg_scan_free(&s);
}

void free_artifact(made_artifact **m)
{
    for (int k = 0; k < PARTS; k++) dg_free((*m)->part[k].at);
    dg_free(*m);
    *m = NULL;
}

/* ---- writing ---- */

static void put_attribute(hid_t meta, const char *name, hid_t type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attr = H5Acreate2(meta, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    must(H5Awrite(attr, type, value) >= 0, name);
    H5Aclose(attr);
    H5Sclose(space);
}

static void put_text(hid_t meta, dg_content *content, const char *name, const char *value)
{
    if (value == NULL) return;
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(value) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    put_attribute(meta, name, type, value);
    H5Tclose(type);
    if (dg_layout_is_content(name)) dg_content_text(content, name, value);
}

static void put_int(hid_t meta, dg_content *content, const char *name, int64_t value)
{
    put_attribute(meta, name, H5T_NATIVE_INT64, &value);
    dg_content_int(content, name, value);
}

static void put_real(hid_t meta, dg_content *content, const char *name, double value)
{
    put_attribute(meta, name, H5T_NATIVE_DOUBLE, &value);
    dg_content_real(content, name, value);
}

static void put_set(hid_t file, const char *path, dg_type type, int64_t n_rows, int64_t n_cols,
                    const void *at)
{
    const hsize_t dims[2] = {(hsize_t)n_rows, (hsize_t)n_cols};
    hid_t space = H5Screate_simple(n_cols > 1 ? 2 : 1, dims, NULL);
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    hid_t set =
        H5Dcreate2(file, path, dg_layout_file_type(type), space, link, H5P_DEFAULT, H5P_DEFAULT);
    must(set >= 0, path);
    must(n_rows == 0 ||
             H5Dwrite(set, dg_layout_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, at) >= 0,
         path);
    H5Dclose(set);
    H5Pclose(link);
    H5Sclose(space);
}

static void put_part(hid_t file, dg_content *content, const made_part *p)
{
    char digests[DG_PATH_SIZE];
    const size_t bytes = (size_t)(p->n_rows * p->n_cols) * dg_type_size(p->type);
    const dg_digest d = dg_digest_of(p->at, bytes);
    const uint64_t table[4] = {0, (uint64_t)p->n_rows, d.low, d.high};
    const dg_array_info info = {p->type, p->n_rows, p->n_cols, 1};
    dg_layout_digest_path(p->array, digests);
    put_set(file, p->array, p->type, p->n_rows, p->n_cols, p->at);
    put_set(file, digests, DG_U64, 1, 4, table);
    dg_content_array(content, p->array, &info, table);
}

static void put_law(hid_t meta, dg_content *content, const dg_als_law *law, double reg)
{
    if (law == NULL) return;
    put_text(meta, content, "fold_loss", dg_als_losses[law->loss]);
    put_text(meta, content, "fold_confidence", dg_als_confidences[law->confidence]);
    put_text(meta, content, "fold_compat", dg_als_compats[law->compat]);
    put_real(meta, content, "fold_unobserved_weight", law->unobserved_weight);
    put_real(meta, content, "fold_alpha", law->alpha);
    put_real(meta, content, "fold_epsilon", law->epsilon);
    put_real(meta, content, "fold_reg", reg);
    put_real(meta, content, "fold_reg_exponent", law->reg_exponent);
}

static void put_meta(hid_t file, dg_content *content, const made_artifact *m)
{
    char hex[DG_HEX_SIZE];
    dg_err err;
    hid_t meta = H5Gcreate2(file, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_text(meta, content, "format", m->format);
    for (int k = 0; k < EXTRAS; k++)
        if (m->extra[k].name != NULL) put_int(meta, content, m->extra[k].name, m->extra[k].value);
    put_int(meta, content, "format_version", m->version);
    put_text(meta, content, "name", m->name);
    put_text(meta, content, "algorithm", m->algorithm);
    put_text(meta, content, "config", m->config);
    put_text(meta, content, "dataset", m->dataset);
    put_text(meta, content, "model", m->model);
    put_text(meta, content, "created", m->created);
    put_text(meta, content, "requires", m->requires);
    put_text(meta, content, "card", m->card);
    put_text(meta, content, "metrics", m->metrics);
    put_text(meta, content, "event_weights", m->event_weights);
    put_text(meta, content, "duplicates", m->duplicates);
    put_law(meta, content, m->law, m->reg);
    put_int(meta, content, "n_users", m->n_users);
    put_int(meta, content, "n_items", m->n_items);
    put_int(meta, content, "n_cols", m->n_cols);
    put_int(meta, content, "similar_cols", m->similar_cols);
    put_real(meta, content, "offset", m->offset);
    if (m->scan_code_norm > 0) {
        put_real(meta, content, "scan_fine_rest", m->scan_fine_rest);
        put_real(meta, content, "scan_code_norm", m->scan_code_norm);
    }
    if (m->clipped) {
        put_real(meta, content, "clip_min", m->clip_min);
        put_real(meta, content, "clip_max", m->clip_max);
    }
    must(dg_content_finish(content, hex, &err) == DG_OK, "content digest");
    put_text(meta, content, "content_digest", hex);
    H5Gclose(meta);
}

static void put_seal(const char *path)
{
    char seal[DG_SEAL_SIZE];
    struct stat info;
    dg_err err;
    const int fd = open(path, O_RDWR);
    must(fd >= 0 && fstat(fd, &info) == 0, path);
    const int64_t n = dg_seal_blocks(info.st_size);
    dg_digest *blocks = dg_alloc((size_t)n, sizeof *blocks);
    must(dg_seal_digest(fd, path, info.st_size, 0, n, blocks, &err) == DG_OK, path);
    dg_seal_text(info.st_size, blocks, seal);
    must(pwrite(fd, seal, sizeof seal, 0) == sizeof seal, path);
    dg_free(blocks);
    close(fd);
}

void write_artifact(const made_artifact *m, const char *path)
{
    dg_content content = {0};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_alignment(access, 1, DG_ALIGN);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    H5Pset_userblock(create, DG_SEAL_SIZE);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    must(file >= 0, path);
    for (int k = 0; k < PARTS; k++)
        if (m->part[k].array != NULL) put_part(file, &content, &m->part[k]);
    put_meta(file, &content, m);
    H5Pclose(create);
    H5Pclose(access);
    must(H5Fclose(file) >= 0, path);
    put_seal(path);
}
