#include "generate/sheet.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { WAVE_ROWS = 1 << 16 }; /* rows a rank makes between two exchanges */

typedef struct units { /* half-open */
    int64_t begin, end;
} units;

typedef struct writing {
    const dg_comm *c;
    const dg_sheet *sheet;
    const char *path;
    int fd;
    int64_t n_rows;                 /* of the whole file */
    int64_t next_unit, rows, bytes; /* of the whole file so far, same on every rank */
    int64_t *lengths;               /* (size,) of the wave's runs */
    dg_lines text;
} writing;

static int64_t unit_rows(const dg_sheet *s, int64_t unit)
{
    return s->rows == NULL ? DG_SHEET_UNIT : s->rows[unit];
}

/* Rows of a run: WAVE_ROWS, or an even share of what is left; at least one, so that units without
 * rows get done too. */
static int64_t rows_of_run(const writing *w)
{
    const int64_t share = (w->n_rows - w->rows) / w->c->size + 1;
    return share < WAVE_ROWS ? share : WAVE_ROWS;
}

/* Deal the next units to the ranks, a run each; yields this rank's. */
static units deal_wave(writing *w)
{
    units mine = {0, 0};
    const int64_t enough = rows_of_run(w);
    for (int rank = 0; rank < w->c->size; rank++) {
        units run = {w->next_unit, w->next_unit};
        int64_t rows = 0;
        while (run.end < w->sheet->n_units && rows < enough) rows += unit_rows(w->sheet, run.end++);
        w->next_unit = run.end;
        w->rows += rows;
        if (rank == w->c->rank) mine = run;
    }
    return mine;
}

static dg_status write_at(const writing *w, int64_t offset, dg_err *err)
{
    size_t done = 0;
    if (w->text.n > 0 && dg_fault("write")) {
        errno = EIO;
        return dg_err_errno(err, w->path, "write");
    }
    while (done < w->text.n) {
        const ssize_t n =
            pwrite(w->fd, w->text.at + done, w->text.n - done, (off_t)(offset + (int64_t)done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return dg_err_errno(err, w->path, "write");
        done += (size_t)n;
    }
    return DG_OK;
}

/* The local stage of a wave: no MPI in here. */
static dg_status make_run(writing *w, units run, dg_err *err)
{
    dg_status st = DG_OK;
    w->text.n = 0;
    if (run.begin == 0 && run.end > 0) {
        const size_t n = strlen(w->sheet->header);
        st = dg_lines_room(&w->text, n, err);
        if (st == DG_OK) dg_lines_bytes(&w->text, w->sheet->header, n);
    }
    for (int64_t unit = run.begin; unit < run.end && st == DG_OK; unit++)
        st = w->sheet->make(w->sheet->from, unit, &w->text, err);
    return st;
}

/* Gather the lengths of the runs, write this rank's where it belongs. COLLECTIVE. */
static dg_status place_run(writing *w, dg_err *err)
{
    const int64_t length = (int64_t)w->text.n;
    int64_t mine = w->bytes;
    dg_gather_int64(w->c, &length, 1, w->lengths);
    for (int rank = 0; rank < w->c->size; rank++) {
        if (rank == w->c->rank) mine = w->bytes;
        w->bytes += w->lengths[rank];
    }
    return write_at(w, mine, err);
}

static dg_status open_file(writing *w, int flags, dg_err *err)
{
    w->lengths = dg_alloc((size_t)w->c->size, sizeof *w->lengths);
    if (w->lengths == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", w->path);
    w->fd = open(w->path, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (w->fd >= 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_CANTCREATE, "%s: cannot create: %s", w->path, strerror(errno));
}

/* Rank 0 first: the others open what it made. COLLECTIVE. */
static dg_status open_everywhere(writing *w, dg_err *err)
{
    dg_status st = w->c->rank == 0 ? open_file(w, O_CREAT | O_TRUNC, err) : DG_OK;
    st = dg_agree(w->c, st, err);
    if (st != DG_OK) return st;
    if (w->c->rank != 0) st = open_file(w, 0, err);
    return dg_agree(w->c, st, err);
}

/* COLLECTIVE. A failed write is agreed on with the next wave, or after the last one. */
static dg_status write_waves(writing *w, dg_err *err)
{
    dg_status st = DG_OK;
    while (w->next_unit < w->sheet->n_units) {
        const units run = deal_wave(w);
        if (st == DG_OK) st = make_run(w, run, err);
        st = dg_agree(w->c, st, err);
        if (st != DG_OK) return st;
        st = place_run(w, err);
        dg_progress(w->rows, NULL);
    }
    if (close(w->fd) != 0 && st == DG_OK) st = dg_err_errno(err, w->path, "close");
    w->fd = -1;
    return dg_agree(w->c, st, err);
}

dg_status dg_sheet_write(const dg_comm *c, const char *path, const dg_sheet *s, int64_t *bytes,
                         dg_err *err)
{
    writing w = {.c = c, .sheet = s, .path = path, .fd = -1};
    for (int64_t unit = 0; unit < s->n_units; unit++) w.n_rows += unit_rows(s, unit);
    dg_progress_begin(s->what, "rows", w.n_rows);
    dg_status st = open_everywhere(&w, err);
    if (st == DG_OK) st = write_waves(&w, err);
    dg_progress_end();
    if (w.fd >= 0) close(w.fd);
    dg_free(w.lengths);
    dg_lines_free(&w.text);
    *bytes = w.bytes;
    return st;
}
