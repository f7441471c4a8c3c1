/* artifact.h - a model as the serving node sees it: one artifact.h5, mapped, checked, read-only.
 *
 * The layout (docs/formats.md) is made by `daogou export`. Models of factors score
 *     score(u, i) = offset + dot(user_factor[u], item_factor[i])
 * with biases already folded into columns of their own, behind the first similar_cols ones. Models
 * of weights score by a product of two sparse matrices, one of them the users' profiles:
 *     score(u, i) = offset + sum over j of profile[u, j] * item_weights[j, i], or
 *     score(u, i) = offset + sum over v of user_weights[u, v] * profile[v, i]
 * where `rule` may divide the sum, and user_base[u] + item_base[i] is added. */
#ifndef DG_ARTIFACT_ARTIFACT_H
#define DG_ARTIFACT_ARTIFACT_H
#include "als/law.h"
#include "artifact/attributes.h"
#include "artifact/container.h"
#include "artifact/groups.h"
#include "artifact/scan.h"
#include "ranking/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_ARTIFACT_VERSION = 1 };

/* One text per row, in place in the file. */
typedef struct dg_names {
    int64_t n;              /* rows; 0 where the artifact has no such texts */
    const int64_t *offset;  /* (n+1,) */
    const char *bytes;      /* text of row r is bytes[offset[r] .. offset[r+1]) */
    const int32_t *by_hash; /* (n,) rows by dg_id_hash of their text, then memcmp, then length;
                               NULL for titles */
} dg_names;

/* A sparse matrix in place in the file; row r is entries [ptr[r], ptr[r+1]). */
typedef struct dg_links {
    const int64_t *ptr;   /* (n_rows+1,) NULL where the artifact has no such matrix */
    const int32_t *index; /* columns, ascending in a row */
    const float *value;   /* finite */
} dg_links;

/* How users of a model of factors are solved from the items they met (dense/normal.h). */
typedef struct dg_fold_in {
    bool known; /* the file says so; else new users and events change no factor */
    dg_als_law law;
    double reg;         /* lambda of users */
    bool biases;        /* behind the factors a row has its bias and a 1 (items), or a 1 and its
                           bias (users) */
    int32_t d;          /* unknowns: the factors, and the bias */
    const double *gram; /* (d, d) sum of h h' over the item factors as trained; NULL for ratings */
} dg_fold_in;

enum { DG_SEGMENTS_MAX = 8 };

typedef struct dg_segment {
    int32_t attribute; /* of the users, a text */
    dg_groups lists;   /* by its values: value v's is list v */
} dg_segment;

typedef struct dg_artifact {
    char *path;
    char *name, *algorithm, *config; /* never NULL */
    char *dataset, *model;           /* content digests of what it was exported from */
    char *created, *metrics, *card;  /* NULL where the file has none */
    char *content;                   /* content digest, hexadecimal */
    char *event_weights;             /* "view=1,buy=8": weights of kinds of event; or NULL */
    char *duplicates;                /* how events of one pair were merged, "last"; or NULL */
    int64_t newest;                  /* time of the newest event it was made from, or INT64_MIN */
    bool binary;                     /* profiles of a model of weights count 1 an entry */

    int64_t n_users, n_items; /* items >= 1 */
    int32_t n_cols;           /* of a factor row; 0 for a model of weights */
    int32_t similar_cols;     /* leading columns that carry taste; 0 when the model has none */
    double offset;            /* finite; added to every score */
    bool clipped;             /* scores are ratings within [clip_min, clip_max] */
    double clip_min, clip_max;

    dg_names user_id, item_id, item_title;
    dg_attributes item_attributes, user_attributes; /* n == 0 where the artifact has none */
    dg_groups scenes;                               /* the most chosen in each */
    int32_t n_segments;
    dg_segment segment[DG_SEGMENTS_MAX]; /* the most chosen of users of one value */
    dg_factors user_factor;      /* (n_users, n_cols) as trained: not checked to be finite; at is
                                    NULL for a model of weights */
    dg_factors item_factor;      /* (n_items, n_cols) likewise */
    dg_scan scan;                /* the item factors once more, to be searched; n == 0: not there */
    const float *inverse_norm;   /* (n_items,) with it: 1 / length of the taste columns, or 0 */
    char *precision_loss;        /* JSON: what rounding the factors costs; NULL: not measured */
    dg_links profile;            /* (n_users, n_items) what the model learned from; of models of
                                    weights: as they read it. May be absent with factors */
    dg_fold_in fold;             /* of models of factors */
    dg_links item_weights;       /* (n_items, n_items) one of these two, if so */
    dg_links user_weights;       /* (n_users, n_users) */
    dg_links similar_items;      /* (n_items, n_items) neighbours of each item; may be absent */
    dg_tally_rule rule;          /* how weighted values become a score; plain sums by default */
    const float *user_base;      /* (n_users,) finite; NULL where nothing is added */
    const float *item_base;      /* (n_items,) likewise */
    const int64_t *history_ptr;  /* (n_users+1,) */
    const int32_t *history_item; /* items user u has seen, ascending: [ptr[u], ptr[u+1]) */
    const int64_t *popularity;   /* (n_items,) times each item was chosen, >= 0 */
    const int32_t *popular;      /* (n_items,) items by popularity descending, then by row */

    dg_container *file; /* holds the mapping */
} dg_artifact;

/**
 * Open, map and check an artifact: every shape, offset, order and index that a reader relies on
 * holds afterwards, so the arrays can be used without further checks. LOCAL.
 *
 * The file must not change while it is open; publish new versions under new names or by rename.
 *
 * Cost    one pass over the file for its digest, one over ids, history and popularity; the arrays
 *         stay in the file's pages, only the texts of /meta are copied.
 * Errors  DG_ERR_NOINPUT missing; DG_ERR_DATA damaged, truncated, of another format, of a newer
 *         version, or inconsistent, with the array and the row; DG_ERR_NOMEM; DG_ERR_IO.
 */
dg_status dg_artifact_open(const char *path, dg_artifact **out, dg_err *err);

/** The same, with more asked of the file (artifact/container.h): a trusted signature, a key to
 * decrypt it. LOCAL. Errors also DG_ERR_PERM. */
dg_status dg_artifact_open_for(const char *path, const dg_access *access, dg_artifact **out,
                               dg_err *err);

/** The same of a file that lies in memory, borrowed until closed; `name` is for messages. LOCAL. */
dg_status dg_artifact_open_bytes(const char *name, const void *at, size_t n, dg_artifact **out,
                                 dg_err *err);

/** LOCAL, NULL-safe. Everything borrowed from it ends here. */
void dg_artifact_close(dg_artifact **a);

/** Text of a row, not NUL-terminated; "" when n == 0. LOCAL. */
static inline const char *dg_names_at(const dg_names *names, int64_t row, size_t *n)
{
    if (names->n == 0) return *n = 0, "";
    *n = (size_t)(names->offset[row + 1] - names->offset[row]);
    return names->bytes + names->offset[row];
}

/** Row of an id, or -1. Only for names with an order. LOCAL, O(log n) hashes of ids. */
int64_t dg_names_find(const dg_names *names, const char *id, size_t n_bytes);

#endif
