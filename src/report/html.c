#include "report/html.h"

#include <stdio.h>
#include <string.h>

void dg_html_text(dg_text *out, const char *s)
{
    const size_t n = s == NULL ? 0 : strlen(s);
    for (size_t i = 0, step; i<n; i += step> 0 ? step : 1) {
        step = dg_utf8_step(s + i, n - i);
        if (step == 0)
            dg_text_add(out, "\xef\xbf\xbd");
        else if (s[i] == '&')
            dg_text_add(out, "&amp;");
        else if (s[i] == '<')
            dg_text_add(out, "&lt;");
        else if (s[i] == '>')
            dg_text_add(out, "&gt;");
        else if (s[i] == '"')
            dg_text_add(out, "&quot;");
        else if (step > 1 || (unsigned char)s[i] >= 0x20 || s[i] == '\n' || s[i] == '\t')
            dg_text_bytes(out, s + i, step);
    }
}

void dg_html_element(dg_text *out, const char *tag, const char *class, const char *text)
{
    if (class == NULL)
        dg_text_add(out, "<%s>", tag);
    else
        dg_text_add(out, "<%s class=\"%s\">", tag, class);
    dg_html_text(out, text);
    dg_text_add(out, "</%s>", tag);
}

double dg_html_value(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

void dg_html_measure(dg_text *out, const json_t *value)
{
    const double v = json_number_value(value);
    if (json_is_number(value))
        dg_text_add(out, v < 100 ? "%.4f" : "%.6g", v);
    else
        dg_text_add(out, "–");
}

void dg_html_number(dg_text *out, const json_t *value)
{
    char text[40];
    if (json_is_integer(value))
        dg_text_add(out, "%s", dg_show_count(json_integer_value(value), text, sizeof text));
    else if (json_is_real(value))
        dg_text_add(out, json_real_value(value) < 10 ? "%.4f" : "%.5g", json_real_value(value));
    else
        dg_text_add(out, "–");
}
