/* rules.h - what a merchandiser wants of lists: a YAML file of named rules (docs/merchandising.md).
 *
 *     rules:
 *       in-stock:   {keep: "stock > 0"}
 *       christmas:  {pin: "good 17", place: 1, scene: home, from: 2026-12-01, until: 2026-12-27}
 *       own-brand:  {boost: 1.5, where: 'brand = "Lumen"'}
 *       per-brand:  {at_most: 2, of: brand}
 *       band:       {keep: "price between 0.5 * CurrentItem.price and 2 * CurrentItem.price",
 *                    relax: true}
 *
 * Rules are read for one artifact's goods; for another they are read again. */
#ifndef DG_SELECT_RULES_H
#define DG_SELECT_RULES_H
#include "base/strings.h"
#include "select/condition.h"

enum {
    DG_RULES_MAX = 256,
    DG_RULES_WORDS = DG_RULES_MAX / 64,
    DG_RULE_NAME = 64,   /* bytes of a name, with its NUL */
    DG_RULE_GROUPS = 64, /* groups of goods of equal boosts */
    DG_RULE_BOOSTS = 16, /* boosts of one file */
    DG_RULES_BYTES = 1 << 20,
    DG_RULES_LIST = 64 << 20 /* bytes of a list of ids, or of stock */
};

typedef enum dg_rule_action {
    DG_RULE_PIN,     /* a good at a place */
    DG_RULE_BOOST,   /* score times amount; a score below 0 is divided by it */
    DG_RULE_ADD,     /* score plus amount */
    DG_RULE_AT_MOST, /* goods of one value, or that pass, in a list */
    DG_RULE_AT_LEAST,
    DG_RULE_KEEP, /* nothing but goods that pass */
    DG_RULE_BLOCK /* no goods that pass */
} dg_rule_action;

typedef struct dg_rule {
    char name[DG_RULE_NAME];
    dg_rule_action action;
    bool enabled;             /* else only where a request names it */
    bool relax;               /* keep, block: give way before a list is empty */
    dg_strings scenes, paths; /* n == 0: any */
    int64_t from, until;      /* seconds since 1970 */
    dg_condition *when;       /* of who is asking; NULL: always */
    dg_condition *where;      /* of goods; NULL: see goods, of, item */
    uint64_t *goods;          /* bitset of what `where` passes; NULL where that asks somebody */
    double amount;            /* of boosts, > 0; of adds */
    int64_t n, place;         /* of at most and at least; of pins, from 1 */
    int32_t of;               /* attribute of at most; -1: where */
    int32_t item;             /* of pins; -1: the best that passes */
    bool idle;                /* names a good that the artifact does not have */
} dg_rule;

typedef struct dg_rules dg_rules;

/**
 * Read a file of rules, and the lists it names. LOCAL.
 *
 * @param[in]  goods  borrowed until close
 * Cost    for every condition that asks nobody, the goods that pass: goods/8 bytes, kept.
 * Errors  DG_ERR_CONFIG "FILE:LINE: rules.NAME.KEY: what is wrong", with a hint where one helps;
 *         DG_ERR_DATA "FILE:LINE: …" a list that is none; DG_ERR_NOINPUT, DG_ERR_PERM, DG_ERR_IO;
 *         DG_ERR_NOMEM.
 */
dg_status dg_rules_open(const char *path, dg_goods *goods, dg_rules **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_rules_close(dg_rules **r);

/** Has the file, or a list it names, changed since it was read? LOCAL, a look at each. */
bool dg_rules_changed(const dg_rules *r);

/** The rules, in the file's order: (*n,), borrowed. Of NULL none. LOCAL. */
const dg_rule *dg_rules_at(const dg_rules *r, int *n);

/** The rule of a name, or -1. LOCAL, O(rules). */
int dg_rules_find(const dg_rules *r, const char *name, size_t n);

/* When and for whom a list is made. */
typedef struct dg_occasion {
    dg_asked asked;
    const char *path;  /* "recommend", "similar", … */
    const char *scene; /* (n_scene,) n_scene == 0: none */
    size_t n_scene;
    int64_t now;                    /* seconds since 1970 */
    uint64_t named[DG_RULES_WORDS]; /* rules the request names: bit k of rule k */
} dg_occasion;

/** Which rules hold: bit k of rule k. LOCAL, thread-safe. */
void dg_rules_holding(const dg_rules *r, const dg_occasion *o, uint64_t holding[DG_RULES_WORDS]);

#endif
