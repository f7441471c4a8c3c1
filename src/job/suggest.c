#include "base/memory.h"
#include "job/schema.h"

#include <stdio.h>
#include <string.h>

typedef char name[DG_MAX_KEY];

static size_t count_rows(const dg_mount *mounts, size_t n)
{
    size_t rows = 0;
    for (size_t m = 0; m < n; m++) rows += mounts[m].n;
    return rows;
}

/* A key and the sections above it: "a.b.c", "a.b", "a"; cuts the key down. */
static size_t add_names(char *key, name *out, size_t room)
{
    size_t n = 0;
    for (char *dot = key; dot != NULL && n < room; dot = strrchr(key, '.')) {
        if (n > 0) *dot = '\0';
        snprintf(out[n++], sizeof *out, "%s", key);
    }
    return n;
}

static name *all_names(const dg_mount *mounts, size_t n_mounts, size_t *n)
{
    enum { DEPTH = 6 };
    name key, *names = dg_alloc(count_rows(mounts, n_mounts) * DEPTH, sizeof *names);
    *n = 0;
    for (size_t m = 0; m < n_mounts && names != NULL; m++) {
        for (size_t k = 0; k < mounts[m].n; k++) {
            dg_job__key(&mounts[m], &mounts[m].rows[k], key, sizeof key);
            *n += add_names(key, names + *n, DEPTH);
        }
    }
    return names;
}

/* Bytes of the parent and its dot; 0 for a top-level key. */
static size_t parent_size(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL ? 0 : (size_t)(dot + 1 - path);
}

/* The child of the same parent that is spelled most like `path`. */
static const char *nearest_sibling(const char *path, name *names, size_t n, bool *known)
{
    const size_t head = parent_size(path);
    const char **last = dg_alloc(n, sizeof *last);
    size_t n_last = 0;
    for (size_t k = 0; k < n && last != NULL; k++)
        if (parent_size(names[k]) == head && strncmp(names[k], path, head) == 0)
            last[n_last++] = names[k] + head;
    const char *near = last == NULL ? NULL : dg_nearest(path + head, last, n_last);
    *known = n_last > 0;
    dg_free(last);
    return near == NULL ? NULL : near - head;
}

/* A key of that very name elsewhere, of several the one whose sections are spelled most alike. */
static const char *namesake(const char *path, name *names, size_t n)
{
    const char *last = path + parent_size(path), **same = dg_alloc(n, sizeof *same);
    size_t n_same = 0;
    for (size_t k = 0; k < n && same != NULL; k++)
        if (strcmp(last, names[k] + parent_size(names[k])) == 0) same[n_same++] = names[k];
    const char *near = n_same == 0 ? NULL : dg_nearest(path, same, n_same);
    if (near == NULL && n_same > 0) near = same[0];
    dg_free(same);
    return near;
}

/* A key of that very name elsewhere helps more than one spelled alike; below an unknown section
 * it is the section that wants correcting. */
static const char *nearest(const char *path, name *names, size_t n)
{
    const char *last = path + parent_size(path);
    bool known;
    const char *near = namesake(path, names, n);
    if (near != NULL) return near;
    near = nearest_sibling(path, names, n, &known);
    if (near != NULL || known || last == path) return near;
    name parent;
    snprintf(parent, sizeof parent, "%.*s", (int)(last - 1 - path), path);
    return nearest(parent, names, n);
}

bool dg_job__suggest(const dg_mount *mounts, size_t n_mounts, const char *path,
                     char out[DG_MAX_KEY])
{
    size_t n;
    name *names = all_names(mounts, n_mounts, &n);
    const char *near = names == NULL || strlen(path) >= DG_MAX_KEY ? NULL : nearest(path, names, n);
    snprintf(out, DG_MAX_KEY, "%s", near == NULL ? "" : near);
    dg_free(names);
    return near != NULL;
}
