/* answers.h - one function for each path: a checked request in, its JSON out.
 *
 * Each always yields a reply, errors included: 404 unknown_item or unknown_user, 409 no_reasons,
 * 500 not_finite or out_of_memory. All are LOCAL and thread-safe, and allocate the reply only. */
#ifndef DG_SERVE_ANSWERS_H
#define DG_SERVE_ANSWERS_H
#include "serve/node.h"
#include "serve/rank/ranker.h"

struct dg_node { /* written while it is opened, then only read */
    dg_artifact *artifact;
    dg_ranker *ranker;
    dg_text card; /* body of /v1/model */
    dg_text mark; /* ,"model":…,"version":… as answers say it */
    char version[64];
};

/** A step of the ladder as answers name it: "user", "popular". LOCAL. */
const char *dg_source_name(dg_list_source source);

/** The k best goods for a user. LOCAL. */
dg_reply dg_answer_recommend(const dg_node *node, const dg_request *request);

/** The k goods closest to one. LOCAL. */
dg_reply dg_answer_similar(const dg_node *node, const dg_request *request);

/** The k users closest to one. LOCAL. */
dg_reply dg_answer_similar_users(const dg_node *node, const dg_request *request);

/** Why a score is what it is. LOCAL. */
dg_reply dg_answer_explain(const dg_node *node, const dg_request *request);

/** What is served. LOCAL. */
dg_reply dg_answer_model(const dg_node *node, const dg_request *request);

/** The process answers. LOCAL. */
dg_reply dg_answer_health(const dg_node *node, const dg_request *request);

/** It also wants more requests. Whether it does is the server's to know. LOCAL. */
dg_reply dg_answer_ready(const dg_node *node, const dg_request *request);

#endif
