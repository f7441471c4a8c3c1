/* tensors.h - the body of the Open Inference Protocol (KServe and Triton, "V2"), as this node's own
 * bodies say the same.
 *
 * {"id"?, "inputs": [{"name", "shape", "datatype", "data"}…], "outputs"?: [{"name"}…]}, where the
 * inputs are `user` (BYTES, a user each), and, if wanted, `k` (INT32 or INT64) and `exclude_seen`
 * (BOOL), of one element. Outputs are named in dg_tensor_outputs. */
#ifndef DG_SERVE_TENSORS_H
#define DG_SERVE_TENSORS_H
#include "serve/reply.h"

#include <jansson.h>

typedef struct dg_tensor {
    const char *name, *datatype;
    bool per_good; /* its shape is users x k, not users */
} dg_tensor;

/* Ends with a row without a name. */
extern const dg_tensor dg_tensor_inputs[], dg_tensor_outputs[];

/**
 * {"users": […], "k"?, "exclude_seen"?} of such a body. LOCAL.
 * @param[out] rest  what is not asked of the model: {"id"?, "outputs"?: [names]}; the caller's
 * reference Errors  NULL and `no`: 400 bad_parameter, unknown_parameter; 500 out_of_memory.
 */
json_t *dg_tensors_flatten(const json_t *body, json_t **rest, dg_refusal *no);

#endif
