#include "generate/generate.h"

#include "base/memory.h"
#include "base/text.h"
#include "generate/catalogue.h"
#include "generate/sheet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One shop on its way to disk. Files are written as NAME.tmp and renamed together at the end. */
typedef struct making {
    const dg_comm *c;
    const dg_generate_options *options;
    const char *folder;
    dg_shop shop;
    dg_generate_report *report;
    bool folder_is_new; /* rank 0 */
} making;

static dg_status path_of(const making *m, const char *name, const char *ending, dg_text *out,
                         dg_err *err)
{
    dg_text_add(out, "%s/%s%s", m->folder, name, ending);
    return out->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a path") : DG_OK;
}

/* mkdir -p, on rank 0. */
static dg_status make_folder(making *m, dg_err *err)
{
    dg_text path = {0};
    dg_text_add(&path, "%s", m->folder);
    if (path.failed) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a path");
    while (path.n > 1 && path.at[path.n - 1] == '/') path.at[--path.n] = '\0';
    bool made = true;
    for (char *at = path.at + 1; made && *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        made = mkdir(path.at, 0777) == 0 || errno == EEXIST;
        *at = '/';
    }
    if (made) m->folder_is_new = made = mkdir(path.at, 0777) == 0;
    struct stat st;
    if (!made && errno == EEXIST) made = stat(path.at, &st) == 0 && S_ISDIR(st.st_mode);
    dg_text_free(&path);
    if (made) return DG_OK;
    return DG_FAIL(err, DG_ERR_CANTCREATE, "%s: cannot create the folder: %s", m->folder,
                   strerror(errno == 0 ? ENOTDIR : errno));
}

/* Write one file under its temporary name. COLLECTIVE. */
static dg_status write_sheet(making *m, const char *name, const dg_sheet *sheet, dg_err *err)
{
    dg_generated_file *file = &m->report->file[m->report->n_files];
    dg_text path = {0};
    dg_status st = dg_agree(m->c, path_of(m, name, ".tmp", &path, err), err);
    if (st == DG_OK) {
        file->name = name;
        m->report->n_files++;
        st = dg_sheet_write(m->c, path.at, sheet, &file->bytes, err);
    }
    dg_text_free(&path);
    return st;
}

/* A table of n rows, made from the shop alone. COLLECTIVE. */
static dg_status write_table(making *m, const char *name, const char *header, int64_t n,
                             dg_status (*make)(void *, int64_t, dg_lines *, dg_err *), dg_err *err)
{
    const dg_sheet sheet = {name, header, dg_sheet_units(n), NULL, make, &m->shop};
    return n == 0 ? DG_OK : write_sheet(m, name, &sheet, err);
}

/* COLLECTIVE. */
static dg_status write_catalogue(making *m, dg_err *err)
{
    const dg_generate_options *o = m->options;
    const int64_t friendly = o->friends > 0 ? o->users : 0, described = o->shoppers ? o->users : 0;
    dg_status st = write_table(m, "goods.csv", DG_GOODS_HEADER, o->items, dg_make_goods, err);
    if (st == DG_OK)
        st = write_table(m, "shoppers.csv", DG_SHOPPERS_HEADER, described, dg_make_shoppers, err);
    if (st == DG_OK)
        st = write_table(m, "scenes.csv", DG_SCENES_HEADER, o->scenes, dg_make_scenes, err);
    if (st == DG_OK)
        st = write_table(m, "friends.csv", DG_FRIENDS_HEADER, friendly, dg_make_friends, err);
    return st;
}

/* COLLECTIVE. */
static dg_status write_vectors(making *m, dg_err *err)
{
    const dg_generate_options *o = m->options;
    dg_text users = {0}, items = {0};
    dg_text_add(&users, "user,bias");
    dg_text_add(&items, "item,bias,weight");
    for (int64_t f = 1; f <= o->n_factors; f++) {
        dg_text_add(&users, ",f%lld", (long long)f);
        dg_text_add(&items, ",f%lld", (long long)f);
    }
    dg_text_add(&users, "\n");
    dg_text_add(&items, "\n");
    dg_status st = DG_OK;
    if (users.failed || items.failed) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a header");
    st = dg_agree(m->c, st, err);
    if (st == DG_OK)
        st = write_table(m, "truth_users.csv", users.at, o->users, dg_make_truth_users, err);
    if (st == DG_OK)
        st = write_table(m, "truth_items.csv", items.at, o->items, dg_make_truth_items, err);
    dg_text_free(&users);
    dg_text_free(&items);
    return st;
}

static void report_sums(dg_generate_report *report, const dg_behaviour_sums *sums)
{
    report->ratings += sums->rows;
    for (int k = 0; k < DG_N_EVENTS; k++) report->events[k] += sums->events[k];
    if (sums->rows == 0) return;
    const double n = (double)sums->rows;
    report->mean_rating = (double)sums->stars_halved / 2 / n;
    report->rmse_planted = sqrt((double)sums->squares / DG_FIXED / n);
    report->rmse_planted_clipped = sqrt((double)sums->squares_clipped / DG_FIXED / n);
}

/* COLLECTIVE. */
static dg_status write_behaviour(making *m, const char *name, const char *header, int64_t rows,
                                 dg_status (*make)(void *, int64_t, dg_lines *, dg_err *),
                                 dg_err *err)
{
    dg_behaviour b;
    if (rows == 0) return DG_OK;
    dg_status st = dg_behaviour_create(m->c, &m->shop, rows, &b, err);
    if (st != DG_OK) return st;
    const dg_sheet sheet = {name, header, b.portions.n_units, b.portions.rows, make, &b};
    st = write_sheet(m, name, &sheet, err);
    dg_sum_int64(m->c, (int64_t *)&b.sums, sizeof b.sums / sizeof(int64_t));
    report_sums(m->report, &b.sums);
    dg_behaviour_free(&b);
    return st;
}

/* On rank 0. */
static dg_status write_truth(making *m, dg_err *err)
{
    dg_text path = {0};
    dg_status st = path_of(m, "truth.json", ".tmp", &path, err);
    json_t *truth = dg_generate_truth(m->options, m->report);
    if (st == DG_OK && truth == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the truth");
    if (st == DG_OK && json_dump_file(truth, path.at, JSON_INDENT(2)) != 0)
        st = DG_FAIL(err, DG_ERR_IO, "%s: cannot be written", path.at);
    struct stat there;
    dg_generated_file *file = &m->report->file[m->report->n_files];
    file->name = "truth.json";
    if (st == DG_OK && stat(path.at, &there) == 0) file->bytes = there.st_size;
    json_decref(truth);
    dg_text_free(&path);
    return st;
}

static dg_status rename_file(const making *m, const char *name, dg_err *err)
{
    dg_text from = {0}, to = {0};
    dg_status st = path_of(m, name, ".tmp", &from, err);
    if (st == DG_OK) st = path_of(m, name, "", &to, err);
    if (st == DG_OK && rename(from.at, to.at) != 0) st = dg_err_errno(err, to.at, "rename");
    dg_text_free(&from);
    dg_text_free(&to);
    return st;
}

/* Truth, and then all names at once. COLLECTIVE; rank 0 works. */
static dg_status finish(making *m, dg_err *err)
{
    dg_generate_report *report = m->report;
    dg_status st = m->c->rank == 0 ? write_truth(m, err) : DG_OK;
    for (int k = 0; k <= report->n_files && st == DG_OK && m->c->rank == 0; k++)
        st = rename_file(m, report->file[k].name, err);
    st = dg_agree(m->c, st, err);
    if (st != DG_OK) return st;
    dg_bcast(m->c, &report->file[report->n_files].bytes, sizeof(int64_t), 0);
    report->file[report->n_files++].name = "truth.json";
    return DG_OK;
}

/* Rank 0 removes what was begun. */
static void remove_begun(const making *m)
{
    for (int k = 0; k <= m->report->n_files && k < DG_GENERATE_FILES; k++) {
        dg_text path = {0};
        dg_err ignored;
        const char *name = m->report->file[k].name;
        if (name != NULL && path_of(m, name, ".tmp", &path, &ignored) == DG_OK) unlink(path.at);
        dg_text_free(&path);
    }
    if (m->folder_is_new) rmdir(m->folder);
}

/* COLLECTIVE. */
static dg_status write_all(making *m, dg_err *err)
{
    const dg_generate_options *o = m->options;
    dg_status st = m->c->rank == 0 ? make_folder(m, err) : DG_OK;
    st = dg_agree(m->c, st, err);
    if (st == DG_OK) st = write_catalogue(m, err);
    if (st == DG_OK)
        st = write_behaviour(m, "events.csv", DG_EVENTS_HEADER, o->events, dg_make_events, err);
    if (st == DG_OK)
        st = write_behaviour(m, "ratings.csv", DG_RATINGS_HEADER, o->ratings, dg_make_ratings, err);
    if (st == DG_OK && o->truth) st = write_vectors(m, err);
    return st == DG_OK ? finish(m, err) : st;
}

dg_status dg_generate(const dg_comm *c, const dg_generate_options *o, const char *folder,
                      dg_generate_report *report, dg_err *err)
{
    making m = {.c = c, .options = o, .folder = folder, .report = report};
    *report = (dg_generate_report){0};
    dg_status st = dg_generate_check(o, err);
    if (st == DG_OK) st = dg_shop_create(o, &m.shop, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = write_all(&m, err);
    if (st != DG_OK) {
        if (c->rank == 0) remove_begun(&m);
        dg_agree(c, DG_OK, err); /* nobody returns before the files are gone */
        *report = (dg_generate_report){0};
    }
    dg_shop_free(&m.shop);
    return st;
}
