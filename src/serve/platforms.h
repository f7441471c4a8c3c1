/* platforms.h - paths that serving platforms expect: SageMaker's, and the Open Inference Protocol
 * of KServe and Triton. They say in those platforms' words what answers.h says in ours.
 *
 * All are LOCAL and thread-safe, and always yield a reply, errors included. */
#ifndef DG_SERVE_PLATFORMS_H
#define DG_SERVE_PLATFORMS_H
#include "serve/node.h"

/** SageMaker's POST /invocations: the body of /v1/recommend, or with `users` that of
 *  /v1/recommend/batch. LOCAL. */
dg_reply dg_answer_invocations(const dg_node *node, const dg_request *request);

/** {"live": true}; {"ready": true}: whether it is, the server knows. LOCAL. */
dg_reply dg_answer_v2_live(const dg_node *node, const dg_request *request);
dg_reply dg_answer_v2_ready(const dg_node *node, const dg_request *request);

/** Name and version of the server. LOCAL. */
dg_reply dg_answer_v2_server(const dg_node *node, const dg_request *request);

/** What a model takes and gives; is it ready: 404 unknown_model for another name. LOCAL. */
dg_reply dg_answer_v2_model(const dg_node *node, const dg_request *request);
dg_reply dg_answer_v2_model_ready(const dg_node *node, const dg_request *request);

/** Lists for users, as tensors. 404 unknown_model. LOCAL. */
dg_reply dg_answer_v2_infer(const dg_node *node, const dg_request *request);

#endif
