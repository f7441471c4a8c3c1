/* lists.h - the list of one request: the model's, or where the request, the rules or the model's
 * silence ask for more, the one that select/ chooses step by step. */
#ifndef DG_SERVE_LISTS_H
#define DG_SERVE_LISTS_H
#include "select/choose.h"
#include "serve/answers.h"
#include "serve/selection.h"
#include "serve/whom.h"

/* What a list is of. */
typedef enum dg_list_kind { DG_LIST_OF_TASTE, DG_LIST_OF_ITEM, DG_LIST_OF_GIVEN } dg_list_kind;

/* What stands beside a list that was chosen step by step. */
typedef struct dg_beside {
    dg_chosen *chosen;
    const dg_rules *rules;
} dg_beside;

/* Everything borrowed. */
typedef struct dg_list_wish {
    const dg_request *request;
    dg_list_kind kind;
    const dg_whom *whom;
    const dg_selection *selection;
    int64_t item;         /* DG_LIST_OF_ITEM: the one; else what the request says, or -1 */
    const int32_t *given; /* (n_given,) DG_LIST_OF_GIVEN: to be ranked, each once */
    int n_given;
} dg_list_wish;

/* A request's terms made ready for this artifact and these rules; plain data, some 30 kB. */
typedef struct dg_terms {
    const dg_rules *rules; /* held until dg_terms_close; NULL: there are none */
    bool filtered;
    dg_condition filter;
    uint64_t named[DG_RULES_WORDS]; /* rules that the request names */
    int32_t alike_by;               /* attribute that diversity goes by; -1: factors */
    dg_cap cap[DG_CAPS_MAX];
    int n_caps;
    int64_t current;  /* row of the item the request is about, or -1 */
    bool needs_steps; /* any of these says something */
} dg_terms;

/**
 * Read the terms. LOCAL, thread-safe; dg_terms_close in either case.
 *
 * @param[in] item  row of the item a list is of; -1: whichever the request says
 * Errors  false and `no`: 400 bad_filter with the column, unknown_rule, bad_parameter.
 */
bool dg_terms_read(const dg_node *node, const dg_request *request, int64_t item, dg_terms *out,
                   dg_refusal *no);

/** Let go of the rules. LOCAL. */
void dg_terms_close(const dg_node *node, dg_terms *t);

/**
 * Make a list of at most request->k goods by the steps of select/choose.h. LOCAL, thread-safe.
 *
 * @param[out] list  hits as listed: scores of their steps; source is the first good's step
 * @param[out] item  (k,) what stands beside each hit
 * Errors  those of the ranker; DG_ERR_NOMEM.
 */
dg_status dg_list_make(const dg_node *node, const dg_terms *terms, const dg_list_wish *wish,
                       dg_list *list, dg_chosen *chosen, dg_err *err);

#endif
