#include "base/memory.h"
#include "job/layers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* No more is kept than it takes to see that the file is too long. */
static dg_status read_stream(FILE *f, const char *path, dg_text *out, dg_err *err)
{
    char part[16384];
    for (;;) {
        const size_t n = fread(part, 1, sizeof part, f);
        dg_text_bytes(out, part, n);
        if (ferror(f)) return dg_err_errno(err, path, "cannot read the job");
        if (n < sizeof part || out->n > DG_YAML_MAX_BYTES) break;
    }
    return out->failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory reading it", path) : DG_OK;
}

static dg_status read_file(const char *path, dg_text *out, dg_err *err)
{
    struct stat info;
    FILE *f = fopen(path, "r");
    if (f == NULL) return dg_err_errno(err, path, "cannot read the job");
    const bool folder = fstat(fileno(f), &info) == 0 && S_ISDIR(info.st_mode);
    const dg_status st =
        folder ? DG_FAIL(err, DG_ERR_NOINPUT, "%s: cannot read the job: it is a folder", path)
               : read_stream(f, path, out, err);
    fclose(f);
    return st;
}

/* Does any text ask for ${NAME}? */
static bool asked_for(const char *text, const char *name, size_t n)
{
    for (const char *s = text; s != NULL && (s = strstr(s, "${")) != NULL; s += 2)
        if (strncmp(s + 2, name, n) == 0 && (s[2 + n] == '}' || s[2 + n] == ':')) return true;
    return false;
}

typedef struct asker { /* all texts that may ask for variables */
    const char *text;
    const char *const *flags;
    size_t n_flags;
    char *const *environment;
} asker;

static bool wanted(const asker *by, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) return false;
    const size_t n = (size_t)(equals - assignment);
    if (dg_layers_is_overlay(assignment, n) || asked_for(by->text, assignment, n)) return true;
    for (size_t k = 0; k < by->n_flags; k++)
        if (asked_for(by->flags[k], assignment, n)) return true;
    for (char *const *e = by->environment; *e != NULL; e++) {
        const char *other = strchr(*e, '=');
        if (other != NULL && dg_layers_is_overlay(*e, (size_t)(other - *e)) &&
            asked_for(other, assignment, n))
            return true;
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that the order in which a shell hands variables over decides nothing. */
static dg_status pick_variables(const asker *by, dg_strings *out, dg_err *err)
{
    size_t n = 0, n_picked = 0;
    dg_status st = DG_OK;
    while (by->environment[n] != NULL) n++;
    const char **picked = dg_alloc(n, sizeof *picked);
    if (picked == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the environment");
    for (size_t k = 0; k < n; k++)
        if (wanted(by, by->environment[k])) picked[n_picked++] = by->environment[k];
    qsort(picked, n_picked, sizeof *picked, by_text);
    for (size_t k = 0; k < n_picked && st == DG_OK; k++)
        st = dg_strings_add(out, picked[k], strlen(picked[k]), err);
    dg_free(picked);
    return st;
}

dg_status dg_job_input_read(const char *file, const char *const *flags, size_t n_flags,
                            char *const *environment, dg_job_input *out, dg_err *err)
{
    *out = (dg_job_input){.file = dg_strdup(file == NULL ? "" : file)};
    dg_status st =
        out->file == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the job") : DG_OK;
    if (st == DG_OK && file != NULL) st = read_file(file, &out->text, err);
    for (size_t k = 0; k < n_flags && st == DG_OK; k++)
        st = dg_strings_add(&out->flags, flags[k], strlen(flags[k]), err);
    if (st != DG_OK) return st;
    const asker by = {
        .text = out->text.at, .flags = flags, .n_flags = n_flags, .environment = environment};
    return pick_variables(&by, &out->env, err);
}

void dg_job_input_free(dg_job_input *in)
{
    dg_free(in->file);
    dg_text_free(&in->text);
    dg_strings_free(&in->env);
    dg_strings_free(&in->flags);
    *in = (dg_job_input){0};
}

/* One string list carries it all: file, text, how many variables, variables, flags. */
static dg_status pack(const dg_job_input *in, dg_strings *out, dg_err *err)
{
    char count[32];
    size_t n = (size_t)snprintf(count, sizeof count, "%lld", (long long)in->env.n);
    dg_status st = dg_strings_add(out, in->file, strlen(in->file), err);
    if (st == DG_OK) st = dg_strings_add(out, in->text.at, in->text.n, err);
    if (st == DG_OK) st = dg_strings_add(out, count, n, err);
    for (int64_t k = 0; k < in->env.n && st == DG_OK; k++) {
        const char *at = dg_strings_at(&in->env, k, &n);
        st = dg_strings_add(out, at, n, err);
    }
    for (int64_t k = 0; k < in->flags.n && st == DG_OK; k++) {
        const char *at = dg_strings_at(&in->flags, k, &n);
        st = dg_strings_add(out, at, n, err);
    }
    return st;
}

static dg_status unpack(const dg_strings *packed, dg_job_input *out, dg_err *err)
{
    size_t n;
    int64_t n_env = 0;
    dg_text file = {0};
    const char *at = dg_strings_at(packed, 0, &n);
    dg_status st = DG_OK;
    *out = (dg_job_input){0};
    dg_text_bytes(&file, at, n);
    out->file = file.at;
    at = dg_strings_at(packed, 1, &n);
    dg_text_bytes(&out->text, at, n);
    at = dg_strings_at(packed, 2, &n);
    dg_parse_int64(at, n, &n_env);
    if (file.failed || out->text.failed)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the job");
    for (int64_t k = 3; k < packed->n && st == DG_OK; k++) {
        at = dg_strings_at(packed, k, &n);
        st = dg_strings_add(k - 3 < n_env ? &out->env : &out->flags, at, n, err);
    }
    return st;
}

/* Size arrays that the broadcast can fill; rank 0 has its own already. */
static dg_status make_room(const dg_comm *c, const int64_t size[2], dg_strings *packed, dg_err *err)
{
    if (c->rank == 0) return DG_OK;
    packed->offset = dg_alloc((size_t)size[0] + 1, sizeof *packed->offset);
    packed->bytes = dg_alloc((size_t)size[1], 1);
    if (packed->offset == NULL || packed->bytes == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the job");
    packed->n = size[0];
    packed->offset_capacity = (size_t)size[0] + 1;
    packed->bytes_capacity = (size_t)size[1];
    return DG_OK;
}

/* COLLECTIVE: rank 0's packed strings to everybody. */
static dg_status share(const dg_comm *c, dg_strings *packed, dg_err *err)
{
    int64_t size[2] = {packed->n, packed->n == 0 ? 0 : packed->offset[packed->n]};
    dg_bcast(c, size, sizeof size, 0);
    const dg_status st = dg_agree(c, make_room(c, size, packed, err), err);
    if (st != DG_OK) return st;
    dg_bcast(c, packed->offset, ((size_t)size[0] + 1) * sizeof *packed->offset, 0);
    dg_bcast(c, packed->bytes, (size_t)size[1], 0);
    return DG_OK;
}

dg_status dg_job_read(const dg_comm *c, const char *file, const char *const *flags, size_t n_flags,
                      char *const *environment, const dg_job_tables *tables, dg_job **out,
                      dg_err *err)
{
    dg_job_input in = {0};
    dg_strings packed = {0};
    dg_status st = DG_OK;
    *out = NULL;
    if (c->rank == 0) {
        st = dg_job_input_read(file, flags, n_flags, environment, &in, err);
        if (st == DG_OK) st = pack(&in, &packed, err);
        dg_job_input_free(&in);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = share(c, &packed, err);
    if (st == DG_OK) {
        st = unpack(&packed, &in, err);
        if (st == DG_OK) st = dg_job_parse(&in, tables, out, err);
        st = dg_agree(c, st, err);
    }
    dg_job_input_free(&in);
    dg_strings_free(&packed);
    if (st != DG_OK) dg_job_destroy(out);
    return st;
}
