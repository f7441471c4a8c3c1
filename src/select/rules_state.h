/* rules_state.h - what rules.c and rules_read.c share. Internal to select/. */
#ifndef DG_SELECT_RULES_STATE_H
#define DG_SELECT_RULES_STATE_H
#include "select/rules.h"

typedef struct dg_stamp { /* of a file; all 0 where it is not there */
    int64_t inode, size, time;
} dg_stamp;

struct dg_rules {
    char *path;
    dg_goods *goods;
    int64_t n_items;
    size_t words, capacity;
    dg_strings files; /* the file and the lists it names, each with its NUL */
    dg_stamp *stamp;  /* (files.n,) as they were before they were read */
    int n;
    dg_rule rule[DG_RULES_MAX];
};

/** No rules yet. LOCAL. Errors NULL: DG_ERR_NOMEM. */
dg_rules *dg_rules__new(const char *path, dg_goods *goods, dg_err *err);

/** Remember how a file is now. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_rules__watch(dg_rules *r, const char *path, dg_err *err);

/** Read the text of the file into r->rule. LOCAL. Errors as dg_rules_open. */
dg_status dg_rules__parse(dg_rules *r, const char *text, size_t n, dg_err *err);

/** Does it change scores? LOCAL. */
static inline bool dg_rule__moves(const dg_rule *rule)
{
    return rule->action == DG_RULE_BOOST || rule->action == DG_RULE_ADD;
}

#endif
