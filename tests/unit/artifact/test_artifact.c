/* Opening artifacts: whole ones show what was written, all others are refused in one sentence. */
#include "artifact/artifact.h"
#include "artifact/seal.h"
#include "artifact_file.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "unit_main.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

static const char *file_path(void) { return scratch(getpid(), "artifact.h5"); }

static dg_artifact *open_whole(const made_artifact *m)
{
    dg_artifact *a;
    dg_err err;
    write_artifact(m, file_path());
    const dg_status st = dg_artifact_open(file_path(), &a, &err);
    ck_assert_msg(st == DG_OK, "%s", err.text);
    return a;
}

static void close_all(made_artifact *m, dg_artifact *a)
{
    dg_artifact_close(&a);
    dg_artifact_close(&a); /* twice-safe */
    free_artifact(&m);
    scratch_remove();
}

/* ---- whole files ---- */

START_TEST(a_whole_file_shows_what_was_written)
{
    made_artifact *m = make_artifact(7, 11, 6, 1);
    m->clipped = true;
    m->clip_min = 1, m->clip_max = 5;
    dg_artifact *a = open_whole(m);
    ck_assert_str_eq(a->name, "fixture");
    ck_assert_str_eq(a->algorithm, "als");
    ck_assert_str_eq(a->config, m->config);
    ck_assert_str_eq(a->created, m->created);
    ck_assert_str_eq(a->metrics, m->metrics);
    ck_assert_uint_eq(strlen(a->content), DG_HEX_SIZE - 1);
    ck_assert(a->n_users == 7 && a->n_items == 11 && a->n_cols == 6 && a->similar_cols == 4);
    ck_assert(a->offset == 0.5 && a->clipped && a->clip_min == 1 && a->clip_max == 5);
    ck_assert_mem_eq(a->user_factor.at, made_array(m, "factors/user")->at, 7 * 6 * sizeof(float));
    ck_assert_mem_eq(a->item_factor.at, made_array(m, "factors/item")->at, 11 * 6 * sizeof(float));
    ck_assert_mem_eq(a->history_ptr, made_array(m, "history/ptr")->at, 8 * sizeof(int64_t));
    ck_assert_mem_eq(a->history_item, made_array(m, "history/index")->at,
                     (size_t)a->history_ptr[7] * sizeof(int32_t));
    ck_assert_mem_eq(a->popularity, made_array(m, "popularity/count")->at, 11 * sizeof(int64_t));
    ck_assert_mem_eq(a->popular, made_array(m, "popularity/order")->at, 11 * sizeof(int32_t));
    size_t n;
    const char *title = dg_names_at(&a->item_title, 10, &n);
    ck_assert(n == 8 && memcmp(title, "Title 10", 8) == 0);
    close_all(m, a);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(what_may_be_missing_may_be_missing)
{
    made_artifact *m = make_artifact(2, 3, 4, 2);
    made_array(m, "titles/item/offsets")->array = NULL;
    made_array(m, "titles/item/bytes")->array = NULL;
    m->created = m->metrics = NULL;
    dg_artifact *a = open_whole(m);
    size_t n = 1;
    ck_assert(a->created == NULL && a->metrics == NULL && !a->clipped && a->item_title.n == 0);
    dg_names_at(&a->item_title, 0, &n);
    ck_assert_uint_eq(n, 0);
    close_all(m, a);
}
END_TEST

START_TEST(a_file_of_weights_shows_what_was_written)
{
    for (int users = 0; users < 2; users++) {
        made_artifact *m = make_weights_artifact(7, 11, users ? "user" : "item", 1);
        dg_artifact *a = open_whole(m);
        const dg_links *w = users ? &a->user_weights : &a->item_weights;
        const int64_t n = users ? 7 : 11;
        const made_part *value = made_array(m, users ? "weights/user/value" : "weights/item/value");
        ck_assert(a->n_cols == 0 && a->user_factor.at == NULL && a->item_factor.at == NULL);
        ck_assert_ptr_null((users ? &a->item_weights : &a->user_weights)->ptr);
        ck_assert(w->ptr[n] == value->n_rows && value->n_rows > 0);
        ck_assert_mem_eq(w->value, value->at, (size_t)value->n_rows * sizeof(float));
        ck_assert_mem_eq(a->profile.ptr, made_array(m, "profile/ptr")->at, 8 * sizeof(int64_t));
        ck_assert_mem_eq(a->profile.index, made_array(m, "profile/index")->at,
                         (size_t)a->profile.ptr[7] * sizeof(int32_t));
        close_all(m, a);
    }
}
END_TEST

START_TEST(a_model_without_users_or_history_is_served)
{
    made_artifact *m = make_artifact(0, 5, 3, 3);
    dg_artifact *a = open_whole(m);
    ck_assert(a->n_users == 0 && dg_names_find(&a->user_id, "u0", 2) == -1);
    close_all(m, a);
}
END_TEST

START_TEST(every_id_is_found_and_no_other)
{
    enum { N = 1234 };
    made_artifact *m = make_artifact(N, 3, 3, 4);
    dg_artifact *a = open_whole(m);
    char id[16];
    for (int u = 0; u < N; u++) {
        const int n = snprintf(id, sizeof id, "u%d", u);
        ck_assert_int_eq(dg_names_find(&a->user_id, id, (size_t)n), u);
        id[n] = '\0'; /* the same and one byte more is another id */
        ck_assert_int_eq(dg_names_find(&a->user_id, id, (size_t)n + 1), -1);
    }
    const char *const absent[] = {"", "u", "u1234", "U1", "u01", "\xff", " u1"};
    for (size_t k = 0; k < sizeof absent / sizeof *absent; k++)
        ck_assert_int_eq(dg_names_find(&a->user_id, absent[k], strlen(absent[k])), -1);
    close_all(m, a);
}
END_TEST

/* ---- damage ---- */

static void refused(const char *path, dg_status want, const char *part_of_text)
{
    dg_artifact *a = (dg_artifact *)1;
    dg_err err;
    const dg_status st = dg_artifact_open(path, &a, &err);
    ck_assert_msg(st == want, "status %d instead of %d for \"%s\": %s", (int)st, (int)want,
                  part_of_text, st == DG_OK ? "opened" : err.text);
    ck_assert_ptr_null(a);
    ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    ck_assert_msg(strstr(err.text, part_of_text) != NULL, "%s", err.text);
}

START_TEST(every_truncation_is_refused)
{
    made_artifact *m = make_artifact(3, 4, 4, 5);
    struct stat info;
    const char *path = file_path();
    write_artifact(m, path);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_gt(info.st_size, 4096);
    for (off_t n = info.st_size - 1; n >= 0; n--) {
        ck_assert_int_eq(truncate(path, n), 0);
        refused(path, DG_ERR_DATA, n > DG_SEAL_SIZE ? "truncated" : "not a Daogou file");
    }
    unlink(path);
    refused(path, DG_ERR_NOINPUT, "No such file");
    close_all(m, NULL);
}
END_TEST

START_TEST(a_flipped_bit_anywhere_is_refused)
{
    made_artifact *m = make_artifact(3, 4, 4, 6);
    const char *path = file_path();
    struct stat info;
    write_artifact(m, path);
    const int fd = open(path, O_RDWR);
    ck_assert_int_eq(fstat(fd, &info), 0);
    for (off_t at = 0; at < info.st_size; at += at < DG_SEAL_SIZE ? 1 : 7) {
        unsigned char byte, flipped;
        ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
        flipped = byte ^ (unsigned char)(1u << (at % 8));
        ck_assert_int_eq(pwrite(fd, &flipped, 1, at), 1);
        refused(path, DG_ERR_DATA, "");
        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    close_all(m, NULL);
}
END_TEST

START_TEST(other_files_are_named_for_what_they_are)
{
    made_artifact *m = make_artifact(2, 2, 3, 7);
    m->format = "daogou-model";
    write_artifact(m, file_path());
    refused(file_path(), DG_ERR_DATA, "is a daogou-model file");
    m->format = "daogou-artifact";
    m->version = DG_ARTIFACT_VERSION + 1;
    write_artifact(m, file_path());
    refused(file_path(), DG_ERR_DATA, "format version 2");
    m->version = 0;
    write_artifact(m, file_path());
    refused(file_path(), DG_ERR_DATA, "format version 0");
    refused(scratch(getpid(), ""), DG_ERR_DATA, "folder");
    close_all(m, NULL);
}
END_TEST

/* ---- files whose digests are right and whose content is not ---- */

static void set_i64(made_artifact *m, const char *array, int64_t row, int64_t value)
{
    ((int64_t *)made_array(m, array)->at)[row] = value;
}

static void set_i32(made_artifact *m, const char *array, int64_t row, int32_t value)
{
    ((int32_t *)made_array(m, array)->at)[row] = value;
}

static void swap_i32(made_artifact *m, const char *array, int64_t row)
{
    int32_t *at = made_array(m, array)->at;
    const int32_t kept = at[row];
    at[row] = at[row + 1];
    at[row + 1] = kept;
}

static void no_items(made_artifact *m) { m->n_items = 0; }
static void negative_users(made_artifact *m) { m->n_users = -1; }
static void more_users(made_artifact *m) { m->n_users++; }
static void more_items(made_artifact *m) { m->n_items++; }
static void more_cols(made_artifact *m) { m->n_cols++; }
static void many_cols(made_artifact *m) { m->n_cols = INT64_MAX; }
static void wide_taste(made_artifact *m) { m->similar_cols = m->n_cols + 1; }
static void nan_offset(made_artifact *m) { m->offset = NAN; }
static void upside_down(made_artifact *m) { m->clipped = true, m->clip_min = 2, m->clip_max = 1; }
static void nan_clip(made_artifact *m) { m->clipped = true, m->clip_min = NAN; }
static void no_name(made_artifact *m) { m->name = NULL; }
static void no_factors(made_artifact *m) { made_array(m, "factors/item")->array = NULL; }
static void other_type(made_artifact *m) { made_array(m, "factors/user")->type = DG_I32; }
static void narrow(made_artifact *m) { made_array(m, "factors/user")->n_cols--; }
static void short_bytes(made_artifact *m) { made_array(m, "ids/user/bytes")->n_rows--; }
static void no_title_bytes(made_artifact *m) { made_array(m, "titles/item/bytes")->array = NULL; }
static void late_start(made_artifact *m) { set_i64(m, "ids/user/offsets", 0, 1); }
static void going_back(made_artifact *m) { set_i64(m, "ids/item/offsets", 2, 1); }
static void far_end(made_artifact *m) { set_i64(m, "titles/item/offsets", 8, INT64_MAX); }
static void bad_row(made_artifact *m) { set_i32(m, "ids/user/by_hash", 2, 6); }
static void negative_row(made_artifact *m) { set_i32(m, "ids/item/by_hash", 0, -1); }
static void unsorted(made_artifact *m) { swap_i32(m, "ids/item/by_hash", 3); }
static void twice(made_artifact *m) { ((char *)made_array(m, "ids/user/bytes")->at)[3] = '0'; }
static void unknown_good(made_artifact *m) { set_i32(m, "history/index", 0, 8); }
static void negative_good(made_artifact *m) { set_i32(m, "history/index", 0, -1); }
static void same_good(made_artifact *m) { set_i32(m, "history/index", 1, 0); }
static void negative_ptr(made_artifact *m) { set_i64(m, "history/ptr", 1, -1); }
static void long_ptr(made_artifact *m) { set_i64(m, "history/ptr", 6, 1000); }
static void negative_count(made_artifact *m) { set_i64(m, "popularity/count", 1, -5); }
static void unsorted_goods(made_artifact *m) { swap_i32(m, "popularity/order", 2); }
static void popular_nobody(made_artifact *m) { set_i32(m, "popularity/order", 0, 8); }

static const struct {
    void (*spoil)(made_artifact *m);
    const char *text;
} spoiled[] = {{no_items, "n_items is 0"},
               {negative_users, "n_users is -1"},
               {more_users, "ids/user/offsets has shape"},
               {more_items, "ids/item/offsets has shape"},
               {more_cols, "factors/user has shape"},
               {many_cols, "n_cols is"},
               {wide_taste, "similar_cols is"},
               {nan_offset, "offset is nan"},
               {upside_down, "clip_min 2 is above clip_max 1"},
               {nan_clip, "clip_min is nan"},
               {no_name, "name"},
               {no_factors, "factors/item"},
               {other_type, "factors/user"},
               {narrow, "factors/user has shape"},
               {short_bytes, "ids/user/bytes has shape"},
               {no_title_bytes, "titles/item/bytes"},
               {late_start, "ids/user/offsets: row 0"},
               {going_back, "ids/item/offsets: row 2"},
               {far_end, "titles/item/bytes has shape"},
               {bad_row, "ids/user/by_hash: row 2"},
               {negative_row, "ids/item/by_hash: row 0"},
               {unsorted, "ids/item/by_hash: row 4"},
               {twice, "ids/user/by_hash: row"},
               {unknown_good, "history/index: row 0"},
               {negative_good, "history/index: row 0"},
               {same_good, "history/index: row 1"},
               {negative_ptr, "history/ptr: row 1"},
               {long_ptr, "history/index has shape"},
               {negative_count, "popularity/count: row 1"},
               {unsorted_goods, "popularity/order: row 3"},
               {popular_nobody, "popularity/order: row 0"}};

START_TEST(inconsistent_content_is_refused_by_place)
{
    for (size_t k = 0; k < sizeof spoiled / sizeof *spoiled; k++) {
        made_artifact *m = make_artifact(6, 8, 5, 8);
        spoiled[k].spoil(m);
        write_artifact(m, file_path());
        refused(file_path(), DG_ERR_DATA, spoiled[k].text);
        free_artifact(&m);
    }
    scratch_remove();
}
END_TEST

static void no_weights(made_artifact *m) { made_array(m, "weights/item/ptr")->array = NULL; }
static void no_profiles(made_artifact *m) { made_array(m, "profile/value")->array = NULL; }
static void also_cols(made_artifact *m) { m->n_cols = 1; }
static void both(made_artifact *m) { made_array(m, "profile/ptr")->array = "weights/user/ptr"; }
static void turning(made_artifact *m) { set_i64(m, "weights/item/ptr", 1, -1); }
static void alien(made_artifact *m) { set_i32(m, "weights/item/index", 0, 8); }
static void double_good(made_artifact *m) { set_i32(m, "profile/index", 1, 0); }
static void fewer_values(made_artifact *m) { made_array(m, "profile/value")->n_rows--; }
static void infinite(made_artifact *m)
{
    ((float *)made_array(m, "weights/item/value")->at)[3] = INFINITY;
}

static void odd_norm(made_artifact *m)
{
    m->extra[0].name = "normalize";
    m->extra[0].value = 3;
}

static void too_many(made_artifact *m)
{
    m->extra[0].name = "k";
    m->extra[0].value = 1025;
}

static void no_lists(made_artifact *m)
{
    m->extra[0].name = "k";
    m->extra[0].value = 5;
}

static void no_matches(made_artifact *m) { m->extra[0].name = "min_k"; }
static void no_item_base(made_artifact *m)
{
    made_part *p = made_array(m, "titles/item/bytes"); /* its place will do */
    made_array(m, "titles/item/offsets")->array = NULL;
    dg_free(p->at);
    *p = (made_part){"baseline/user", DG_F32, m->n_users, 1,
                     dg_alloc((size_t)m->n_users, sizeof(float))};
}

static void endless_base(made_artifact *m)
{
    no_item_base(m);
    ((float *)made_array(m, "baseline/user")->at)[2] = NAN;
}

START_TEST(inconsistent_weights_are_refused_by_place)
{
    const struct {
        void (*spoil)(made_artifact *m);
        const char *text;
    } cases[] = {{no_weights, "weights/item/ptr"},
                 {no_profiles, "profile/value"},
                 {also_cols, "factors/user"},
                 {both, "weights: of both items and users"},
                 {turning, "weights/item/ptr: row 1 goes back"},
                 {alien, "weights/item/index: row 0"},
                 {double_good, "profile/index: row 1"},
                 {fewer_values, "profile/value has shape"},
                 {infinite, "weights/item/value: row 3 is not finite"},
                 {odd_norm, "normalize is 3, not within 0 to 2"},
                 {too_many, "k is 1025"},
                 {no_lists, "similar/item/ptr"},
                 {no_matches, "min_k is 0"},
                 {no_item_base, "baseline/item"},
                 {endless_base, "baseline/user: row 2 is not finite"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        made_artifact *m = make_weights_artifact(6, 8, "item", 8);
        cases[k].spoil(m);
        write_artifact(m, file_path());
        refused(file_path(), DG_ERR_DATA, cases[k].text);
        free_artifact(&m);
    }
    scratch_remove();
}
END_TEST

static void twice_there(made_artifact *m) { set_i32(m, "scan/order", 3, 2); }
static void outside(made_artifact *m) { set_i32(m, "scan/order", 0, 8); }
static void short_half(made_artifact *m) { made_array(m, "scan/low")->n_cols -= 8; }
static void no_half(made_artifact *m) { made_array(m, "scan/low")->array = NULL; }
static void bare_copy(made_artifact *m) { m->scan_code_norm = 0; }
static void endless_norm(made_artifact *m)
{
    ((float *)made_array(m, "scan/inverse_norm")->at)[4] = INFINITY;
}
static void no_scale(made_artifact *m) { made_array(m, "factors/user_scale")->array = NULL; }
static void negative_scale(made_artifact *m)
{
    ((float *)made_array(m, "factors/item_scale")->at)[5] = -1;
}
static void bytes_for_rows(made_artifact *m) { made_array(m, "factors/item")->type = DG_U8; }

START_TEST(rounded_factors_and_copies_that_are_wrong_are_refused_by_place)
{
    const struct {
        void (*spoil)(made_artifact *m);
        const char *text;
    } cases[] = {{twice_there, "scan/order: row"},
                 {outside, "scan/order: row 0"},
                 {short_half, "scan/low has shape 1 x 56"},
                 {no_half, "scan/low"},
                 {bare_copy, "scan_fine_rest"},
                 {endless_norm, "scan/inverse_norm: row 4"},
                 {no_scale, "factors/user_scale"},
                 {negative_scale, "factors/item_scale: row 5"},
                 {bytes_for_rows, "factors/item"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        made_artifact *m = make_artifact(6, 8, 5, 8);
        round_factors(m, DG_I8);
        add_scan(m);
        cases[k].spoil(m);
        write_artifact(m, file_path());
        refused(file_path(), DG_ERR_DATA, cases[k].text);
        free_artifact(&m);
    }
    scratch_remove();
}
END_TEST

static const dg_als_law behaviour = {.unobserved_weight = 0.1, .reg_exponent = 1};

static void no_gram(made_artifact *m) { made_array(m, "fold/gram")->array = NULL; }
static void small_gram(made_artifact *m) { made_array(m, "fold/gram")->n_rows--; }
static void skew_gram(made_artifact *m) { ((double *)made_array(m, "fold/gram")->at)[1] += 1; }
static void endless_gram(made_artifact *m)
{
    ((double *)made_array(m, "fold/gram")->at)[0] = INFINITY;
}
static void unread(made_artifact *m) { made_array(m, "profile/ptr")->array = NULL; }
static void negative_reg(made_artifact *m) { m->reg = -1; }
static void steep_law(made_artifact *m)
{
    static const dg_als_law law = {.reg_exponent = 3};
    m->law = &law;
}
static void flat_log(made_artifact *m)
{
    static const dg_als_law law = {.confidence = DG_ALS_LOG};
    m->law = &law;
}
static void odd_columns(made_artifact *m) { m->similar_cols--; }
static void biased_behaviour(made_artifact *m) { m->similar_cols -= 2; }

START_TEST(what_cannot_be_folded_into_is_refused_by_place)
{
    const struct {
        void (*spoil)(made_artifact *m);
        const char *text;
    } cases[] = {{no_gram, "fold/gram"},
                 {small_gram, "fold/gram has shape 4 x 5"},
                 {skew_gram, "fold/gram: row 1 is not finite and symmetric"},
                 {endless_gram, "fold/gram: row 0 is not finite"},
                 {unread, "profile/ptr"},
                 {negative_reg, "fold_reg is -1"},
                 {steep_law, "fold_reg_exponent is 3"},
                 {flat_log, "fold_epsilon is 0"},
                 {odd_columns, "5 columns of which 4 are factors"},
                 {biased_behaviour, "5 columns of which 3 are factors"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        made_artifact *m = make_fold_artifact(6, 8, 5, &behaviour, 0.1, 8);
        cases[k].spoil(m);
        write_artifact(m, file_path());
        refused(file_path(), DG_ERR_DATA, cases[k].text);
        free_artifact(&m);
    }
    scratch_remove();
}
END_TEST

static double use_factors(const dg_factors *f, int64_t n_rows)
{
    float room[DG_FACTORS_ROOM];
    double sum = 0;
    for (int64_t r = 0; r < n_rows; r++)
        for (int32_t c = 0; c < f->n_cols; c++) sum += (double)dg_factors_row(f, r, room)[c];
    return sum;
}

static double use_links(const dg_links *links, int64_t n_rows, int64_t n_cols)
{
    double sum = 0;
    if (links->ptr == NULL) return sum;
    for (int64_t p = 0; p < links->ptr[n_rows]; p++) {
        ck_assert(links->index[p] >= 0 && links->index[p] < n_cols);
        sum += (double)links->value[p];
    }
    return sum;
}

/* Touch all that an opened artifact promises to be safe; the sanitizers look on. */
static double use(const dg_artifact *a)
{
    double sum = 0;
    const dg_names *names[] = {&a->user_id, &a->item_id, &a->item_title};
    for (size_t side = 0; side < 3; side++)
        for (int64_t r = 0; r < names[side]->n; r++) {
            size_t n;
            const char *at = dg_names_at(names[side], r, &n);
            for (size_t i = 0; i < n; i++) sum += at[i];
            if (side < 2) ck_assert_int_eq(dg_names_find(names[side], at, n), r);
        }
    for (int64_t p = 0; p < a->history_ptr[a->n_users]; p++) sum += (double)a->history_item[p];
    for (int64_t i = 0; i < a->n_items; i++) sum += (double)a->popularity[a->popular[i]];
    sum += use_links(&a->profile, a->n_users, a->n_items);
    sum += use_links(&a->item_weights, a->n_items, a->n_items);
    sum += use_links(&a->user_weights, a->n_users, a->n_users);
    for (int64_t k = 0; a->fold.gram != NULL && k < a->fold.d * a->fold.d; k++)
        sum += a->fold.gram[k];
    for (int64_t k = 0; k < a->scan.n; k++) {
        ck_assert(a->scan.order[k] >= 0 && a->scan.order[k] < a->n_items);
        sum += (double)a->scan.scale[k] + (double)a->inverse_norm[a->scan.order[k]];
    }
    for (int64_t k = 0; k < dg_scan_groups(a->scan.n) * dg_scan_group_bytes(a->n_cols); k++)
        sum += a->scan.high[k] + a->scan.low[k];
    if (a->n_cols > 0) {
        sum += use_factors(&a->user_factor, a->n_users);
        sum += use_factors(&a->item_factor, a->n_items);
    }
    return sum;
}

static void mutate(made_artifact *m, dg_rng *rng)
{
    static const int64_t edges[] = {0, 1, -1, 2, 7, 8, 9, 1 << 20, INT32_MAX, INT64_MAX, INT64_MIN};
    const int64_t value = edges[dg_rng_below(rng, sizeof edges / sizeof *edges)];
    made_part *p = &m->part[dg_rng_below(rng, PARTS)];
    switch (dg_rng_below(rng, 8)) {
    case 0: m->n_users = value; return;
    case 1: m->n_items = value; return;
    case 2: m->n_cols = value; return;
    case 3: p->n_rows -= p->n_rows > 0; return;
    case 4: p->type = p->type == DG_I64 ? DG_F64 : p->type; return;
    default: break;
    }
    if (p->n_rows == 0) return;
    const int64_t row = dg_rng_below(rng, (uint32_t)(p->n_rows * p->n_cols));
    if (p->type == DG_I64) ((int64_t *)p->at)[row] = value;
    if (p->type == DG_I32) ((int32_t *)p->at)[row] = (int32_t)value;
    if (p->type == DG_F64) ((double *)p->at)[row] = value == 1 ? (double)NAN : (double)value;
    if (p->type == DG_F32) ((float *)p->at)[row] = value == 1 ? NAN : (float)value;
    if (p->type == DG_U8) ((uint8_t *)p->at)[row] = (uint8_t)value;
}

START_TEST(mutated_content_is_refused_or_harmless)
{
    dg_rng rng = dg_rng_at(9, DG_RNG_TEST, 0);
    int opened = 0, rounds = 300;
    for (int k = 0; k < rounds; k++) {
        dg_artifact *a;
        dg_err err;
        static const char *const sides[] = {"item", "user"};
        made_artifact *m = k % 4 < 2    ? make_weights_artifact(6, 8, sides[k % 4], 9)
                           : k % 4 == 2 ? make_fold_artifact(6, 8, 5, &behaviour, 0.1, 9)
                                        : make_artifact(6, 8, 5, 9);
        if (k % 8 == 3) round_factors(m, k % 16 == 3 ? DG_F16 : DG_I8);
        if (k % 4 == 3 && k % 3 > 0) add_scan(m);
        for (uint32_t times = 1 + dg_rng_below(&rng, 2); times > 0; times--) mutate(m, &rng);
        write_artifact(m, file_path());
        if (dg_artifact_open(file_path(), &a, &err) == DG_OK) {
            ck_assert(use(a) != -1); /* factors may be anything */
            opened++;
        } else {
            ck_assert_ptr_null(a);
        }
        dg_artifact_close(&a);
        free_artifact(&m);
    }
    ck_assert(opened > 0 && opened < rounds / 2); /* the fuzz reaches both ends */
    scratch_remove();
}
END_TEST

START_TEST(every_failing_allocation_is_survived)
{
    made_artifact *m = make_artifact(3, 4, 4, 10);
    dg_artifact *a;
    dg_err err;
    char fault[32];
    bool whole = false;
    write_artifact(m, file_path());
    const size_t before = dg_alloc_live();
    for (int nth = 1; !whole; nth++) {
        snprintf(fault, sizeof fault, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", fault, 1);
        dg_fault_reload();
        const dg_status st = dg_artifact_open(file_path(), &a, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        whole = st == DG_OK && a->metrics != NULL && a->created != NULL;
        dg_artifact_close(&a);
        ck_assert_uint_eq(dg_alloc_live(), before);
        ck_assert_int_lt(nth, 500);
    }
    close_all(m, NULL);
}
END_TEST

UNIT_MAIN("artifact", a_whole_file_shows_what_was_written, a_file_of_weights_shows_what_was_written,
          inconsistent_weights_are_refused_by_place, what_cannot_be_folded_into_is_refused_by_place,
          what_may_be_missing_may_be_missing, a_model_without_users_or_history_is_served,
          every_id_is_found_and_no_other, every_truncation_is_refused,
          a_flipped_bit_anywhere_is_refused, other_files_are_named_for_what_they_are,
          inconsistent_content_is_refused_by_place, mutated_content_is_refused_or_harmless,
          rounded_factors_and_copies_that_are_wrong_are_refused_by_place,
          every_failing_allocation_is_survived)
