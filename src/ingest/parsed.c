#include "ingest/parsed.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAME = DG_HEX_SIZE + 3,    /* HEX.h5 and its NUL */
    REACH = 2 * DG_RECORD_MAX, /* a record, and what has to be seen to know that it is too long */
    QUICKER = 2,               /* taking a passage is about that many times as quick as parsing, */
    QUICKER_PACKED = 8         /* or as unpacking and parsing */
};

static void add_map(dg_text *t, const char *what, const dg_map *map)
{
    for (int64_t k = 0; k < map->key.n; k++) {
        size_t n, m;
        const char *key = dg_strings_at(&map->key, k, &n);
        const char *value = dg_strings_at(&map->value, k, &m);
        dg_text_add(t, "%s %zu %zu ", what, n, m);
        dg_text_bytes(t, key, n);
        dg_text_bytes(t, value, m);
        dg_text_add(t, "\n");
    }
}

/* All of a job that decides what a file of this kind is read as; not what becomes of it. */
static void add_reading(dg_text *t, const dg_prepare_options *o, dg_input_kind kind,
                        const char *path)
{
    const dg_prepare_source *s = dg_prepare_source_of(o, kind);
    const dg_dialect *d = &s->dialect;
    dg_text_add(t, "%s %d\n", dg_revision(), DG_PASSAGE_VERSION);
    dg_text_add(t, "dialect %d %d %d %d %zu %s\n", d->format, d->encoding, d->header, d->quote,
                strlen(d->separator), d->separator);
    for (int r = 0; r < DG_N_ROLES; r++)
        if (s->columns[r] != NULL)
            dg_text_add(t, "column %d %zu %s\n", r, strlen(s->columns[r]), s->columns[r]);
    add_map(t, "drop", &s->drop);
    add_map(t, "keep", &s->keep);
    add_map(t, "weight", &o->event_weights);
    const dg_slice event = dg_prepare_kind_of(s, path);
    if (event.at != NULL) dg_text_add(t, "kind %zu ", event.n);
    if (event.at != NULL) dg_text_bytes(t, event.at, event.n);
}

/* Where on disk the bytes of the content up to `end`, or from there on, are. */
static int64_t on_disk(const dg_source *file, int64_t content, bool end)
{
    const dg_members *m = &file->members;
    if (m->n == 0) return content;
    const int64_t k = dg_members_before(m, content) + end;
    return k < m->n ? m->at[k].packed : content < m->content ? file->size : file->size + 1;
}

static void add_bytes(dg_text *t, const dg_prepare_options *o, const dg_source *file,
                      const dg_stretch *at, int64_t *hint, bool *known)
{
    const bool rows = file->codec == DG_CODEC_HDF5; /* they may lie anywhere in the file */
    const int64_t before = at->begin > 0 && !rows ? at->begin - 1 : 0;
    const int64_t behind = (rows ? file->size : at->end) + REACH;
    dg_text_add(t, "codec %d bytes %lld %lld\n", file->codec, (long long)at->begin,
                (long long)at->end);
    const int64_t begin = on_disk(file, before, false), end = on_disk(file, behind, true);
    *known = /* the header */
        dg_file_digests_show(o->digests, file, 0, on_disk(file, REACH, true), hint, t) &&
        dg_file_digests_show(o->digests, file, begin, end, hint, t);
}

static dg_status make_keys(const dg_prepare_options *o, const dg_inputs *in, const dg_stretches *s,
                           dg_parsed *p, dg_err *err)
{
    int64_t hint = 0;
    dg_text text = {0};
    p->key = dg_alloc((size_t)s->n, sizeof *p->key);
    for (int64_t k = 0; p->key != NULL && k < s->n && !text.failed; k++) {
        bool known = false;
        const dg_input_kind kind = dg_inputs_kind(in, s->at[k].file);
        if (kind >= DG_INPUT_ITEMS) continue; /* catalogues */
        text.n = 0;
        add_reading(&text, o, kind, in->files.at[s->at[k].file].path);
        add_bytes(&text, o, &in->files.at[s->at[k].file], &s->at[k], &hint, &known);
        if (known && !text.failed) dg_digest_hex(text.at, text.n, p->key[k]);
    }
    const bool failed = p->key == NULL || text.failed;
    dg_text_free(&text);
    return failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld pieces", (long long)s->n)
                  : DG_OK;
}

/* A stretch that is read from elsewhere says something else. */
static void name_of(const dg_parsed *p, int64_t stretch, int64_t start, char name[NAME])
{
    char hex[DG_HEX_SIZE], text[DG_HEX_SIZE + 24];
    const int n = snprintf(text, sizeof text, "%s %lld", p->key[stretch], (long long)start);
    dg_digest_hex(text, (size_t)n, hex);
    snprintf(name, NAME, "%s.h5", start == 0 ? p->key[stretch] : hex);
}

typedef struct dg_found { /* a file of the folder */
    char name[NAME + 4];  /* that of a half-written one is longer; comes first: bsearch by name */
    bool used;
} dg_found;

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

/* Names of the folder that are ours, sorted; those of half-written ones too. */
static dg_status list_names(const char *folder, dg_found **out, size_t *n, dg_err *err)
{
    size_t capacity = 0;
    DIR *dir = opendir(folder);
    dg_status st = DG_OK;
    *out = NULL;
    *n = 0;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strspn(e->d_name, "0123456789abcdef") != DG_HEX_SIZE - 1) continue;
        const char *rest = e->d_name + DG_HEX_SIZE - 1;
        if (strcmp(rest, ".h5") != 0 && strcmp(rest, ".h5.tmp") != 0) continue;
        dg_found *grown = dg_grow(*out, *n, *n + 1, &capacity, sizeof *grown);
        if (grown == NULL) {
            st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing %s", folder);
            break;
        }
        *out = grown;
        dg_found *at = &grown[(*n)++];
        at->used = false;
        memcpy(at->name, e->d_name, strlen(e->d_name) + 1);
    }
    if (dir != NULL) closedir(dir);
    if (*n > 0) qsort(*out, *n, sizeof **out, compare_names);
    return st;
}

/* Rank 0: 1 for each stretch whose passage is there. */
static dg_status look(const dg_parsed *p, int64_t *there, dg_err *err)
{
    dg_found *names = NULL;
    size_t n = 0;
    dg_status st = dg_folder_make(p->folder, err);
    if (st == DG_OK) st = list_names(p->folder, &names, &n, err);
    for (int64_t k = 0; k < p->n && st == DG_OK; k++) {
        char name[NAME + 4] = "";
        if (p->key[k][0] != '\0') name_of(p, k, 0, name);
        there[k] = n > 0 && bsearch(name, names, n, sizeof *names, compare_names) != NULL;
    }
    dg_free(names);
    return st;
}

dg_status dg_parsed_open(const dg_comm *c, const dg_prepare_options *o, const dg_inputs *in,
                         dg_stretches *s, dg_parsed *out, dg_err *err)
{
    *out = (dg_parsed){.folder = o->parsed, .n = s->n};
    dg_comm_init(&out->alone, MPI_COMM_SELF);
    int64_t *there = dg_alloc((size_t)s->n, sizeof *there);
    dg_status st = make_keys(o, in, s, out, err);
    if (st == DG_OK && there == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld pieces", (long long)s->n);
    if (st == DG_OK && c->rank == 0) st = look(out, there, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        dg_bcast(c, there, (size_t)s->n * sizeof *there, 0);
        for (int64_t k = 0; k < s->n; k++)
            if (there[k] != 0)
                s->at[k].work /=
                    in->files.at[s->at[k].file].codec == DG_CODEC_PLAIN ? QUICKER : QUICKER_PACKED;
    }
    dg_free(there);
    return st;
}

static void path_of(const dg_parsed *p, const char *name, char path[DG_PATH])
{
    snprintf(path, DG_PATH, "%.4000s/%s", p->folder, name);
}

dg_status dg_parsed_find(const dg_parsed *p, int64_t stretch, int64_t start, dg_passage *out,
                         bool *found, dg_err *err)
{
    char name[NAME], path[DG_PATH];
    *found = false;
    *out = (dg_passage){0};
    if (p->key[stretch][0] == '\0') return DG_OK;
    name_of(p, stretch, start, name);
    path_of(p, name, path);
    const dg_status st = dg_passage_read(path, name, out, err);
    *found = st == DG_OK;
    if (st == DG_ERR_DATA) dg_log(DG_LOG_WARN, "parsed", "%s; parsed again", err->text);
    return st == DG_ERR_DATA || st == DG_ERR_NOINPUT ? DG_OK : st;
}

dg_status dg_parsed_keep(const dg_parsed *p, const dg_source *file, int64_t stretch,
                         const dg_stretch *at, int64_t start, const dg_passage *passage,
                         dg_err *err)
{
    char name[NAME], path[DG_PATH];
    const int64_t content = dg_source_content(file);
    const bool whole = content < 0 || at->end == content;
    const int64_t seen = passage->first > passage->end ? passage->first : passage->end;
    if (p->key[stretch][0] == '\0' || (!whole && seen > at->end + DG_RECORD_MAX)) return DG_OK;
    name_of(p, stretch, start, name);
    path_of(p, name, path);
    const dg_status st = dg_passage_write(&p->alone, passage, path, name, err);
    if (st != DG_OK) err->rank = -1; /* not of that communicator */
    return st;
}

void dg_parsed_tidy(const dg_parsed *p, const int64_t *start)
{
    char path[DG_PATH];
    dg_found *names = NULL;
    size_t n = 0;
    dg_err ignored;
    if (list_names(p->folder, &names, &n, &ignored) != DG_OK) n = 0;
    for (int64_t k = 0; k < p->n && n > 0; k++)
        for (int from = 0; from < 2 && p->key[k][0] != '\0'; from++) {
            char name[NAME + 4] = "";
            name_of(p, k, from == 0 ? 0 : start[k], name);
            dg_found *at = bsearch(name, names, n, sizeof *names, compare_names);
            if (at != NULL) at->used = true;
        }
    for (size_t k = 0; k < n; k++) {
        if (names[k].used) continue;
        path_of(p, names[k].name, path);
        unlink(path);
    }
    dg_free(names);
}

void dg_parsed_close(dg_parsed *p)
{
    if (p->alone.size > 0) dg_comm_free(&p->alone);
    dg_free(p->key);
    *p = (dg_parsed){0};
}
