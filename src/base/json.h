/* json.h - JSON written straight into a text: no tree, no block of memory for each word. */
#ifndef DG_BASE_JSON_H
#define DG_BASE_JSON_H
#include "base/text.h"

/** A JSON string with its quotes. What is not UTF-8 becomes U+FFFD, as JSON has no other way.
 *  LOCAL. */
void dg_json_string(dg_text *t, const char *bytes, size_t n);

/** ,"key":"value" LOCAL. */
void dg_json_member(dg_text *t, const char *key, const char *value);

#endif
