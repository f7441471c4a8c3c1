/* attributes.h - what a catalogue says of the goods or of the users: typed columns, in place in a
 * dataset.h5 or an artifact.h5 (docs/formats.md). */
#ifndef DG_ARTIFACT_ATTRIBUTES_H
#define DG_ARTIFACT_ATTRIBUTES_H
#include "artifact/container.h"

enum {
    DG_ATTRIBUTES_MAX = 64,            /* of one side */
    DG_ATTRIBUTE_NAME_MAX = 128,       /* bytes of a name */
    DG_ATTRIBUTE_VALUES_MAX = 1 << 20, /* different texts of one attribute */
};

typedef enum dg_attribute_type { /* as files store it */
                                 DG_ATTRIBUTE_NUMBER,
                                 DG_ATTRIBUTE_TEXT, /* at most one value a row */
                                 DG_ATTRIBUTE_LIST, /* any number of values a row */
                                 DG_ATTRIBUTE_TYPES
} dg_attribute_type;

/* One column, borrowed from the file. A row without a value is missing it. */
typedef struct dg_attribute {
    const char *name; /* (n_name,) UTF-8, not NUL-terminated, 1 to DG_ATTRIBUTE_NAME_MAX bytes */
    size_t n_name;
    dg_attribute_type type;
    const double *number;  /* (rows,) finite, NaN where missing; NULL for texts */
    const int64_t *ptr;    /* (rows+1,) texts: row r has the values code[ptr[r] .. ptr[r+1]) */
    const int32_t *code;   /* ascending in a row, each once */
    int32_t n_values;      /* different texts; code c is bytes[offset[c] .. offset[c+1]), */
    const int64_t *offset; /* (n_values+1,) in the order of their bytes */
    const char *bytes;
} dg_attribute;

typedef struct dg_attributes {
    int64_t n_rows;
    int32_t n; /* columns; 0 where the file has none */
    dg_attribute at[DG_ATTRIBUTES_MAX];
} dg_attributes;

/** "number", "text", "list". LOCAL. */
const char *dg_attribute_type_text(dg_attribute_type type);

/**
 * Map the columns GROUP/… ("attributes/item") and check them: all that the types above say holds
 * afterwards. LOCAL.
 *
 * @param[in]  n_rows  rows each column must have
 * @param[out] out     borrowed from the container; n == 0 where the file has no such group
 *
 * Cost    one pass over the columns; nothing is copied.
 * Errors  DG_ERR_DATA with file, array and row.
 */
dg_status dg_attributes_map(const dg_container *f, const char *group, int64_t n_rows,
                            dg_attributes *out, dg_err *err);

/** The column of a name, or -1. LOCAL, O(n). */
int32_t dg_attributes_find(const dg_attributes *a, const char *name, size_t n);

/** Text of a value, not NUL-terminated. LOCAL. */
static inline const char *dg_attribute_text(const dg_attribute *a, int32_t code, size_t *n)
{
    *n = (size_t)(a->offset[code + 1] - a->offset[code]);
    return a->bytes + a->offset[code];
}

/** The value of a text, or -1. LOCAL, O(log n_values). */
int32_t dg_attribute_code(const dg_attribute *a, const char *text, size_t n);

#endif
