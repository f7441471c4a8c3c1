/* html.h - pieces of a page: text with what HTML reserves spelled out, numbers, tables. Internal to
 * report/. */
#ifndef DG_REPORT_HTML_H
#define DG_REPORT_HTML_H
#include "base/text.h"

#include <jansson.h>

/** Text as it stands; NULL adds nothing. What is not UTF-8 becomes U+FFFD. LOCAL. */
void dg_html_text(dg_text *out, const char *s);

/** <TAG class=CLASS>TEXT</TAG>; class may be NULL. LOCAL. */
void dg_html_element(dg_text *out, const char *tag, const char *class, const char *text);

/** A number of a JSON value as people read it: four places, below 10; "–" where there is none.
 * LOCAL. */
void dg_html_number(dg_text *out, const json_t *value);

/** A measure, with four places whatever its type; "–" where there is none. LOCAL. */
void dg_html_measure(dg_text *out, const json_t *value);

/** Number of a member, 0 where there is none. LOCAL. */
double dg_html_value(const json_t *object, const char *key);

#endif
