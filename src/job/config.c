#include "job/config.h"

#include "base/memory.h"
#include "job/layers.h"
#include "job/schema.h"

#include <stdio.h>
#include <string.h>

typedef struct place { /* what set a row last; layer NULL: nothing */
    const dg_layer *layer;
    const dg_entry *entry;
} place;

typedef struct loader {
    dg_job *job;
    const dg_job_tables *tables;
    dg_layers layers;
    dg_mount mounts[DG_MAX_MOUNTS];
    size_t n_mounts;
    place *places[DG_MAX_MOUNTS]; /* (mounts[m].n,) */
    dg_err *err;
} loader;

typedef struct slot { /* one row of one mount; row NULL: none */
    const dg_mount *mount;
    const dg_option *row;
    place *place;
} slot;

static dg_status out_of_memory(loader *ld)
{
    return DG_FAIL(ld->err, DG_ERR_NOMEM, "out of memory reading the job");
}

static dg_status refuse(loader *ld, const dg_layer *l, const dg_entry *e, const char *what)
{
    return dg_layer_fail(l, e, DG_FAIL(ld->err, DG_ERR_CONFIG, "%s", what), ld->err);
}

/* What is left of `path` below `prefix`; path itself below "", NULL when it is elsewhere. */
static const char *below(const char *prefix, const char *path)
{
    const size_t n = strlen(prefix);
    if (n == 0) return path;
    return strncmp(path, prefix, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

static slot find_row(loader *ld, const char *path)
{
    for (size_t m = 0; m < ld->n_mounts; m++) {
        const dg_mount *mount = &ld->mounts[m];
        const char *rest = below(mount->prefix, path);
        const dg_option *row = rest == NULL ? NULL : dg_options_find(mount->rows, mount->n, rest);
        if (row != NULL) return (slot){mount, row, &ld->places[m][row - mount->rows]};
    }
    return (slot){0};
}

/* The row of type map that `path` is a key of; *key is left at that key. */
static slot find_map(loader *ld, const char *path, const char **key)
{
    char head[DG_MAX_KEY];
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if ((size_t)(dot - path) >= sizeof head) break;
        snprintf(head, sizeof head, "%.*s", (int)(dot - path), path);
        const slot s = find_row(ld, head);
        if (s.row == NULL || s.row->type != DG_OPT_MAP) continue;
        *key = dot + 1;
        return s;
    }
    return (slot){0};
}

/* Is `path` a section: does any whole key lie below it? */
static bool is_section(loader *ld, const char *path)
{
    char key[DG_MAX_KEY];
    for (size_t m = 0; m < ld->n_mounts; m++)
        for (size_t k = 0; k < ld->mounts[m].n; k++)
            if (below(path, dg_job__key(&ld->mounts[m], &ld->mounts[m].rows[k], key, sizeof key)))
                return true;
    return false;
}

static dg_status unknown_key(loader *ld, const dg_layer *l, const dg_entry *e)
{
    const dg_job_table *model = ld->job->model.table;
    dg_status st = DG_FAIL(ld->err, DG_ERR_CONFIG, "unknown key");
    if (below("model", e->path) != NULL && model != NULL)
        st = DG_FAIL(ld->err, DG_ERR_CONFIG, "unknown key of algorithm %s", model->name);
    else if (below("model", e->path) != NULL)
        st = DG_FAIL(ld->err, DG_ERR_CONFIG, "unknown key while model.algorithm is not given");
    char near[DG_MAX_KEY];
    dg_layer_fail(l, e, st, ld->err);
    if (dg_job__suggest(ld->mounts, ld->n_mounts, e->path, near))
        dg_err_hint(ld->err, st, "did you mean \"%s\"?", near);
    return st;
}

/* Back to the default: the base's value, or the row's own. */
static dg_status reset(loader *ld, slot s)
{
    char *text = NULL;
    dg_status st = DG_OK;
    if (s.mount->base == NULL) {
        dg_options_free(s.row, 1, s.mount->fields);
        return dg_options_default(s.row, 1, s.mount->fields, ld->err);
    }
    if (s.mount->part != NULL && strcmp(s.row->key, "path") == 0)
        return dg_option_set(s.row, s.mount->fields, "", ld->err);
    st = dg_option_show(s.row, s.mount->base, &text, ld->err);
    if (st == DG_OK) st = dg_option_set(s.row, s.mount->fields, text, ld->err);
    dg_free(text);
    return st;
}

/* Back to the default for all rows with a base that lie below `path`. */
static dg_status reset_below(loader *ld, const char *path)
{
    char key[DG_MAX_KEY];
    for (size_t m = 0; m < ld->n_mounts; m++) {
        const dg_mount *mount = &ld->mounts[m];
        for (size_t k = 0; k < mount->n && mount->base != NULL; k++) {
            const slot s = {mount, &mount->rows[k], &ld->places[m][k]};
            if (!below(path, dg_job__key(mount, s.row, key, sizeof key))) continue;
            const dg_status st = reset(ld, s);
            if (st != DG_OK) return st;
            *s.place = (place){0};
        }
    }
    return DG_OK;
}

/* dg_map cannot overwrite: rebuild it with the one value changed, keeping the order. */
static dg_status put_pair(loader *ld, slot s, const char *key, const char *text)
{
    dg_map *map = (dg_map *)((char *)s.mount->fields + s.row->offset);
    dg_map old = *map;
    size_t n, n_value;
    dg_status st = DG_OK;
    if (dg_map_get(map, key, &n) == NULL)
        return dg_option_add(s.row, s.mount->fields, key, text, ld->err);
    *map = (dg_map){0};
    for (int64_t k = 0; k < old.key.n && st == DG_OK; k++) {
        const char *name = dg_strings_at(&old.key, k, &n);
        const char *value = dg_strings_at(&old.value, k, &n_value);
        const bool same = n == strlen(key) && memcmp(name, key, n) == 0;
        st = dg_strings_add(&map->key, name, n, ld->err);
        if (st == DG_OK)
            st = dg_strings_add(&map->value, same ? text : value, same ? strlen(text) : n_value,
                                ld->err);
    }
    dg_strings_free(&old.key);
    dg_strings_free(&old.value);
    return st;
}

static dg_status wrong_kind(loader *ld, const dg_option *row, const char *found)
{
    dg_text wanted = {0};
    dg_option_describe(row, &wanted);
    const dg_status st =
        wanted.failed ? out_of_memory(ld)
                      : DG_FAIL(ld->err, DG_ERR_CONFIG, "expected %s, found %s", wanted.at, found);
    dg_text_free(&wanted);
    return st;
}

static dg_status set_list(loader *ld, slot s, const dg_strings *list)
{
    dg_status st = dg_option_set(s.row, s.mount->fields, "", ld->err);
    for (int64_t k = 0; k < list->n && st == DG_OK; k++) {
        dg_text text = {0};
        size_t n;
        const char *at = dg_strings_at(list, k, &n);
        dg_text_bytes(&text, at, n);
        st = text.failed ? out_of_memory(ld)
                         : dg_option_add(s.row, s.mount->fields, NULL, text.at, ld->err);
        dg_text_free(&text);
    }
    return st;
}

static dg_status set_scalar(loader *ld, slot s, const dg_entry *e)
{
    if (s.row->type == DG_OPT_MAP) return wrong_kind(ld, s.row, "a plain value");
    if (s.row->type != DG_OPT_LIST) return dg_option_set(s.row, s.mount->fields, e->text, ld->err);
    /* A scalar is a list of one, whatever commas it has; an empty one is an empty list. */
    dg_option_set(s.row, s.mount->fields, "", ld->err);
    return e->text[0] == '\0' ? DG_OK
                              : dg_option_add(s.row, s.mount->fields, NULL, e->text, ld->err);
}

static dg_status set_map(loader *ld, slot s, const dg_entry *e)
{
    if (s.row->type == DG_OPT_MAP) return dg_option_set(s.row, s.mount->fields, "", ld->err);
    return is_section(ld, e->path) ? reset(ld, s) : wrong_kind(ld, s.row, "a map");
}

static dg_status set_row(loader *ld, slot s, const dg_layer *l, const dg_entry *e)
{
    dg_status st = DG_OK;
    if (s.place->layer == l && strcmp(s.place->entry->path, e->path) != 0) {
        st = DG_FAIL(ld->err, DG_ERR_CONFIG, "another name of %.150s, which is set already",
                     s.place->entry->path);
        return dg_layer_fail(l, e, st, ld->err);
    }
    switch (e->kind) {
    case DG_ENTRY_SCALAR: st = set_scalar(ld, s, e); break;
    case DG_ENTRY_NULL: st = reset(ld, s); break;
    case DG_ENTRY_MAP: st = set_map(ld, s, e); break;
    case DG_ENTRY_LIST:
        st = s.row->type == DG_OPT_LIST ? set_list(ld, s, &e->list)
                                        : wrong_kind(ld, s.row, "a list");
        break;
    }
    *s.place = (place){l, e};
    return st == DG_OK ? st : dg_layer_fail(l, e, st, ld->err);
}

static dg_status set_pair(loader *ld, slot s, const dg_layer *l, const dg_entry *e, const char *key)
{
    if (e->kind != DG_ENTRY_SCALAR) return refuse(ld, l, e, "expected a plain value");
    *s.place = (place){l, e};
    const dg_status st = put_pair(ld, s, key, e->text);
    return st == DG_OK ? st : dg_layer_fail(l, e, st, ld->err);
}

/* Mounts with a base wait for the second pass, when what they take defaults from is settled; there
 * a plain value undoes what weaker sources set below it, as a share for split.test undoes files. */
static dg_status apply_entry(loader *ld, const dg_layer *l, const dg_entry *e, bool based)
{
    const char *key = NULL;
    slot s = find_row(ld, e->path);
    if (s.row == NULL) s = find_map(ld, e->path, &key);
    const bool plain = e->kind == DG_ENTRY_SCALAR || e->kind == DG_ENTRY_NULL;
    if (based && (s.row == NULL || s.mount->base == NULL))
        return plain && s.row != NULL ? reset_below(ld, e->path) : DG_OK;
    if (!based && s.row != NULL && s.mount->base != NULL) return DG_OK;
    if (key != NULL) return set_pair(ld, s, l, e, key);
    if (s.row != NULL) return set_row(ld, s, l, e);
    if (!is_section(ld, e->path)) return unknown_key(ld, l, e);
    if (e->kind == DG_ENTRY_MAP || e->kind == DG_ENTRY_NULL) return DG_OK;
    return refuse(ld, l, e, "expected a map of keys");
}

static dg_status apply(loader *ld, bool based)
{
    for (size_t k = 0; k < ld->layers.n; k++) {
        const dg_layer *l = &ld->layers.at[k];
        for (size_t i = 0; i < l->entries.n; i++) {
            const dg_status st = apply_entry(ld, l, &l->entries.at[i], based);
            if (st != DG_OK) return st;
        }
    }
    return DG_OK;
}

static const dg_job_table *find_model(const dg_job_tables *t, const char *name)
{
    for (size_t k = 0; k < t->n_models; k++)
        if (strcmp(t->models[k].name, name) == 0) return &t->models[k];
    return NULL;
}

static dg_status unknown_algorithm(loader *ld, const dg_layer *l, const dg_entry *e)
{
    const dg_job_tables *t = ld->tables;
    dg_text names = {0};
    const char **list = dg_alloc(t->n_models, sizeof *list);
    for (size_t k = 0; k < t->n_models && list != NULL; k++) {
        list[k] = t->models[k].name;
        dg_text_add(&names, "%s%s", k == 0 ? "" : ", ", list[k]);
    }
    if (list == NULL || names.failed) {
        dg_free(list);
        dg_text_free(&names);
        return out_of_memory(ld);
    }
    const dg_status st = DG_FAIL(ld->err, DG_ERR_CONFIG, "expected one of %s, found \"%.60s\"",
                                 names.at == NULL ? "" : names.at, e->text);
    const char *near = dg_nearest(e->text, list, t->n_models);
    if (near != NULL) dg_err_hint(ld->err, st, "did you mean \"%s\"?", near);
    dg_free(list);
    dg_text_free(&names);
    return dg_layer_fail(l, e, st, ld->err);
}

/* Which keys "model." has depends on the algorithm, so its last word is looked up first. */
static dg_status choose_model(loader *ld)
{
    const dg_layer *layer = NULL;
    const dg_entry *last = NULL;
    for (size_t k = 0; k < ld->layers.n; k++) {
        const dg_layer *l = &ld->layers.at[k];
        for (size_t i = 0; i < l->entries.n; i++) {
            if (strcmp(l->entries.at[i].path, "model.algorithm") != 0) continue;
            layer = l;
            last = &l->entries.at[i];
        }
    }
    if (last == NULL || last->kind != DG_ENTRY_SCALAR) return DG_OK;
    ld->job->model.table = find_model(ld->tables, last->text);
    return ld->job->model.table == NULL ? unknown_algorithm(ld, layer, last) : DG_OK;
}

static dg_status create_options(loader *ld)
{
    dg_job *job = ld->job;
    job->generate.table = ld->tables->generate;
    if (job->model.table != NULL) job->model.options = dg_alloc(1, job->model.table->options_size);
    if (job->generate.table != NULL)
        job->generate.options = dg_alloc(1, job->generate.table->options_size);
    const bool missing = (job->model.table != NULL && job->model.options == NULL) ||
                         (job->generate.table != NULL && job->generate.options == NULL);
    return missing ? out_of_memory(ld) : DG_OK;
}

static char **column_at(dg_job_source *s, size_t k)
{
    return &((char **)&s->columns)[k]; /* the struct is nothing but columns */
}

enum { N_COLUMNS = sizeof(struct dg_job_columns) / sizeof(char *) };

/* Columns that no row describes are "" too, so that readers need not know which those are. */
static dg_status fill_columns(loader *ld)
{
    for (size_t m = 0; m < ld->n_mounts; m++) {
        for (size_t k = 0; k < N_COLUMNS && ld->mounts[m].part != NULL; k++) {
            char **column = column_at(ld->mounts[m].part, k);
            if (*column == NULL && (*column = dg_strdup("")) == NULL) return out_of_memory(ld);
        }
    }
    return DG_OK;
}

static void free_columns(const dg_mount *m)
{
    for (size_t k = 0; k < N_COLUMNS && m->part != NULL; k++) {
        dg_free(*column_at(m->part, k));
        *column_at(m->part, k) = NULL;
    }
}

static dg_status mount_all(loader *ld)
{
    dg_status st = create_options(ld);
    if (st != DG_OK) return st;
    ld->n_mounts = dg_job__mounts(ld->job, ld->mounts);
    for (size_t m = 0; m < ld->n_mounts && st == DG_OK; m++) {
        ld->places[m] = dg_alloc(ld->mounts[m].n, sizeof *ld->places[m]);
        if (ld->places[m] == NULL) return out_of_memory(ld);
        st = dg_options_default(ld->mounts[m].rows, ld->mounts[m].n, ld->mounts[m].fields, ld->err);
    }
    return st == DG_OK ? fill_columns(ld) : st;
}

/* Defaults of the mounts with a base, once that is settled. */
static dg_status copy_bases(loader *ld)
{
    for (size_t m = 0; m < ld->n_mounts; m++) {
        for (size_t k = 0; k < ld->mounts[m].n && ld->mounts[m].base != NULL; k++) {
            const slot s = {&ld->mounts[m], &ld->mounts[m].rows[k], &ld->places[m][k]};
            const dg_status st = reset(ld, s);
            if (st != DG_OK) return st;
        }
    }
    return DG_OK;
}

static dg_status note_sections(loader *ld)
{
    dg_status st = DG_OK;
    for (size_t k = 0; k < ld->layers.n; k++) {
        for (size_t i = 0; i < ld->layers.at[k].entries.n && st == DG_OK; i++) {
            const char *path = ld->layers.at[k].entries.at[i].path;
            char head[DG_MAX_KEY];
            const size_t n = strcspn(path, ".");
            snprintf(head, sizeof head, "%.*s", (int)(n < sizeof head ? n : sizeof head - 1), path);
            if (!dg_job_names(ld->job, head))
                st = dg_strings_add(&ld->job->sections, head, strlen(head), ld->err);
        }
    }
    return st;
}

/* dg_place_error: the place is that of the entry which set the key, or the file's name. */
static dg_status at_key(void *context, const char *key, dg_status st, dg_err *err)
{
    loader *ld = context;
    const slot s = find_row(ld, key);
    if (s.row != NULL && s.place->layer != NULL)
        return dg_layer_fail(s.place->layer, s.place->entry, st, err);
    const dg_err why = *err;
    const char *file = ld->job->file;
    DG_FAIL(err, st, "%.200s%s%.150s: %.380s", file, file[0] == '\0' ? "" : ": ", key, why.text);
    return why.hint[0] == '\0' ? st : dg_err_hint(err, st, "%s", why.hint);
}

static dg_status load(loader *ld, const dg_job_input *in)
{
    dg_status st = dg_layers_read(in, &ld->layers, ld->err);
    if (st == DG_OK) st = choose_model(ld);
    if (st == DG_OK) st = mount_all(ld);
    if (st == DG_OK) st = apply(ld, false);
    if (st == DG_OK) st = copy_bases(ld);
    if (st == DG_OK) st = apply(ld, true);
    if (st == DG_OK) st = note_sections(ld);
    return st == DG_OK ? dg_job__check(ld->job, at_key, ld, ld->err) : st;
}

dg_status dg_job_parse(const dg_job_input *in, const dg_job_tables *tables, dg_job **out,
                       dg_err *err)
{
    loader ld = {.tables = tables, .err = err};
    *out = NULL;
    ld.job = dg_alloc(1, sizeof *ld.job);
    if (ld.job == NULL) return out_of_memory(&ld);
    ld.job->file = dg_strdup(in->file);
    const dg_status st = ld.job->file == NULL ? out_of_memory(&ld) : load(&ld, in);
    for (size_t m = 0; m < ld.n_mounts; m++) dg_free(ld.places[m]);
    dg_layers_free(&ld.layers);
    if (st != DG_OK)
        dg_job_destroy(&ld.job);
    else
        *out = ld.job;
    return st;
}

void dg_job_destroy(dg_job **job)
{
    dg_mount mounts[DG_MAX_MOUNTS];
    dg_job *j = *job;
    if (j == NULL) return;
    if (j->model.options == NULL) j->model.table = NULL; /* half made */
    if (j->generate.options == NULL) j->generate.table = NULL;
    const size_t n = dg_job__mounts(j, mounts);
    for (size_t m = 0; m < n; m++) dg_options_free(mounts[m].rows, mounts[m].n, mounts[m].fields);
    for (size_t m = 0; m < n; m++) free_columns(&mounts[m]);
    dg_free(j->model.options);
    dg_free(j->generate.options);
    dg_strings_free(&j->sections);
    dg_free(j->file);
    dg_free(j);
    *job = NULL;
}

bool dg_job_names(const dg_job *job, const char *section)
{
    const size_t want = strlen(section);
    for (int64_t k = 0; k < job->sections.n; k++) {
        size_t n;
        const char *at = dg_strings_at(&job->sections, k, &n);
        if (n == want && memcmp(at, section, n) == 0) return true;
    }
    return false;
}

dg_status dg_job_missing(const dg_job *job, const char *key, dg_err *err)
{
    const char *file = job->file[0] == '\0' ? "the job" : job->file;
    return DG_FAIL(err, DG_ERR_CONFIG, "%.300s: %s is missing", file, key);
}
