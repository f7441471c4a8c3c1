/* answers.h - one function for each path: a checked request in, its JSON out.
 *
 * Each always yields a reply, errors included: 404 unknown_item or unknown_user, 409 no_reasons or
 * no_fold_in, 500 not_finite or out_of_memory. All are LOCAL and thread-safe. */
#ifndef DG_SERVE_ANSWERS_H
#define DG_SERVE_ANSWERS_H
#include "serve/live/live.h"
#include "serve/node.h"
#include "serve/rank/ranker.h"
#include "serve/ruling.h"

struct dg_node { /* written before it answers, then only read */
    dg_artifact *artifact;
    dg_ranker *ranker;
    dg_goods *goods;
    dg_ruling *ruling;    /* NULL: no file of rules */
    dg_eventstore *store; /* borrowed; NULL: no events are taken */
    dg_live *live;        /* NULL likewise */
    dg_text card;         /* body of /v1/model */
    dg_text mark;         /* ,"model":…,"version":… as answers say it */
    char version[64];
};

/** A step of the ladder as answers name it: "user", "popular". LOCAL. */
const char *dg_source_name(dg_list_source source);

/** 404: there is no such user, or item. LOCAL. */
dg_reply dg_refuse_unknown(const dg_node *node, bool user, const char *id, size_t n);

/** {"request_id":…,"model":…,"version":…, the first where the request has one. LOCAL. */
void dg_answer__begin(dg_text *t, const dg_node *node, const dg_request *request);

/** The k best goods for a user, or for whoever the body describes. LOCAL. */
dg_reply dg_answer_recommend(const dg_node *node, const dg_request *request);

/** The same for many users. LOCAL. */
dg_reply dg_answer_batch(const dg_node *node, const dg_request *request);

/** Writes the lists of a batch, one a user in the order of the body; `unknown` ids were named in
 * it. LOCAL, thread-safe. */
typedef void dg_batch_writer(const dg_node *node, const dg_request *request, const dg_list *list,
                             int n, int64_t unknown, dg_text *t);

/** The lists of a batch, written as somebody else would have them. LOCAL. */
dg_reply dg_answer__many(const dg_node *node, const dg_request *request, dg_batch_writer *write);

/** Tell whoever hears of lists of that of user u of a batch. LOCAL. */
void dg_answer__heard(const dg_request *request, int u, const dg_list *list);

/** A score as answers show it: within the range of ratings; of popular goods, how often they were
 *  chosen. LOCAL. */
double dg_answer__score(const dg_artifact *a, const dg_list *list, dg_hit hit);

/** A list of goods put in order. LOCAL. */
dg_reply dg_answer_rank(const dg_node *node, const dg_request *request);

/** The k goods closest to one. LOCAL. */
dg_reply dg_answer_similar(const dg_node *node, const dg_request *request);

/** The k users closest to one. LOCAL. */
dg_reply dg_answer_similar_users(const dg_node *node, const dg_request *request);

/** Why a score is what it is. LOCAL. */
dg_reply dg_answer_explain(const dg_node *node, const dg_request *request);

/** Take events: 200 when they are on disk. 409 no_events without a store; 503 events_not_taken.
 * LOCAL.
 */
dg_reply dg_answer_events(const dg_node *node, const dg_request *request);

/** What is known of a good. LOCAL. */
dg_reply dg_answer_item(const dg_node *node, const dg_request *request);

/** What a user's taste was learned from. LOCAL. */
dg_reply dg_answer_profile(const dg_node *node, const dg_request *request);

/** What is served. LOCAL. */
dg_reply dg_answer_model(const dg_node *node, const dg_request *request);

/** The process answers. LOCAL. */
dg_reply dg_answer_health(const dg_node *node, const dg_request *request);

/** It also wants more requests. Whether it does is the server's to know. LOCAL. */
dg_reply dg_answer_ready(const dg_node *node, const dg_request *request);

#endif
