#include "serve/tensors.h"

#include <string.h>

const dg_tensor dg_tensor_inputs[] = {
    {"user", "BYTES", false}, {"k", "INT32", false}, {"exclude_seen", "BOOL", false}, {0}};

const dg_tensor dg_tensor_outputs[] = {{"item", "BYTES", true},
                                       {"score", "FP32", true},
                                       {"count", "INT32", false},
                                       {"source", "BYTES", false},
                                       {0}};

static const dg_tensor *find(const dg_tensor *table, const char *name)
{
    for (; name != NULL && table->name != NULL; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

static bool no_memory(dg_refusal *no)
{
    return dg_refuse(no, 500, "out_of_memory", "out of memory");
}

/* The elements in a row; the protocol lets a client nest them as the shape says. */
static bool flatten(const json_t *data, json_t *out, int depth)
{
    size_t k;
    json_t *value;
    json_array_foreach(data, k, value)
    {
        if (json_is_array(value)) {
            if (depth == 0 || !flatten(value, out, depth - 1)) return false;
        } else if (json_array_append(out, value) != 0) {
            return false;
        }
    }
    return true;
}

/* Does the shape hold n elements? */
static bool has_shape(const json_t *shape, size_t n)
{
    size_t k, product = 1;
    json_t *value;
    if (!json_is_array(shape) || json_array_size(shape) == 0 || json_array_size(shape) > 4)
        return false;
    json_array_foreach(shape, k, value)
    {
        const json_int_t d = json_integer_value(value);
        if (!json_is_integer(value) || d < 0 || d > 1 << 20) return false;
        product *= (size_t)d;
        if (product > 1 << 20) return false;
    }
    return product == n;
}

static bool is_datatype(const dg_tensor *t, const char *given)
{
    if (given == NULL) return false;
    return strcmp(given, t->datatype) == 0 ||
           (strcmp(t->datatype, "INT32") == 0 && strcmp(given, "INT64") == 0);
}

/* The elements of an input as the body's key of the same meaning; a list, or its only element. */
static bool take_elements(const dg_tensor *t, json_t *elements, json_t *out, dg_refusal *no)
{
    const bool users = strcmp(t->name, "user") == 0;
    const char *key = users ? "users" : t->name;
    if (json_object_get(out, key) != NULL)
        return dg_refuse(no, 400, "repeated_parameter", "the input %s is given twice", t->name);
    if (!users && json_array_size(elements) != 1)
        return dg_refuse(no, 400, "bad_parameter", "the input %s has one element", t->name);
    json_t *value = users ? elements : json_array_get(elements, 0);
    return json_object_set(out, key, value) == 0 || no_memory(no);
}

static bool take_input(const json_t *input, json_t *out, dg_refusal *no)
{
    const char *name = json_string_value(json_object_get(input, "name"));
    const dg_tensor *t = find(dg_tensor_inputs, name);
    if (t == NULL)
        return dg_refuse(no, 400, "unknown_parameter",
                         "inputs are user, k and exclude_seen, not \"%.60s\"",
                         name == NULL ? "" : name);
    const char *datatype = json_string_value(json_object_get(input, "datatype"));
    if (!is_datatype(t, datatype))
        return dg_refuse(no, 400, "bad_parameter", "the input %s is of datatype %s", t->name,
                         t->datatype);
    json_t *elements = json_array();
    bool good = elements != NULL || no_memory(no);
    if (good && (!json_is_array(json_object_get(input, "data")) ||
                 !flatten(json_object_get(input, "data"), elements, 3) ||
                 !has_shape(json_object_get(input, "shape"), json_array_size(elements))))
        good = dg_refuse(no, 400, "bad_parameter", "the data of input %s are not of its shape",
                         t->name);
    if (good) good = take_elements(t, elements, out, no);
    json_decref(elements);
    return good;
}

static bool take_outputs(const json_t *outputs, json_t *rest, dg_refusal *no)
{
    size_t k;
    json_t *value, *names = json_array();
    bool good = json_object_set_new(rest, "outputs", names) == 0 || no_memory(no);
    if (good && !json_is_array(outputs))
        good = dg_refuse(no, 400, "bad_parameter", "outputs must be a list");
    json_array_foreach(outputs, k, value)
    {
        json_t *name = json_object_get(value, "name");
        if (good && find(dg_tensor_outputs, json_string_value(name)) == NULL)
            good = dg_refuse(no, 400, "unknown_parameter",
                             "outputs are item, score, count and source");
        if (good && json_array_append(names, name) != 0) good = no_memory(no);
    }
    return good;
}

static bool take_member(const char *key, json_t *value, json_t *out, json_t *rest, dg_refusal *no)
{
    size_t k;
    json_t *input;
    if (strcmp(key, "id") == 0) {
        if (!json_is_string(value) || json_string_length(value) > 1024)
            return dg_refuse(no, 400, "bad_parameter", "id must be a string of at most 1024 bytes");
        return json_object_set(rest, "id", value) == 0 || no_memory(no);
    }
    if (strcmp(key, "outputs") == 0) return take_outputs(value, rest, no);
    if (strcmp(key, "parameters") == 0 && json_is_object(value) && json_object_size(value) == 0)
        return true;
    if (strcmp(key, "inputs") != 0)
        return dg_refuse(no, 400, "unknown_parameter", "the body of this path has no key \"%.60s\"",
                         key);
    if (!json_is_array(value)) return dg_refuse(no, 400, "bad_parameter", "inputs must be a list");
    json_array_foreach(value, k, input)
    {
        if (!take_input(input, out, no)) return false;
    }
    return true;
}

json_t *dg_tensors_flatten(const json_t *body, json_t **rest, dg_refusal *no)
{
    const char *key;
    json_t *value, *out = json_object();
    bool good = true;
    *rest = json_object();
    if (out == NULL || *rest == NULL) good = no_memory(no);
    if (good && !json_is_object(body))
        good = dg_refuse(no, 400, "bad_json", "the body must be one JSON object");
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        good = good && take_member(key, value, out, *rest, no);
    }
    if (good && json_object_get(out, "users") == NULL)
        good = dg_refuse(no, 400, "bad_parameter", "the input user is missing");
    if (good) return out;
    json_decref(out);
    json_decref(*rest);
    *rest = NULL;
    return NULL;
}
