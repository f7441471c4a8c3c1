#include "base/json.h"

#include <string.h>

void dg_json_string(dg_text *t, const char *bytes, size_t n)
{
    dg_text_bytes(t, "\"", 1);
    for (size_t i = 0, step; i<n; i += step> 0 ? step : 1) {
        const unsigned char c = (unsigned char)bytes[i];
        step = dg_utf8_step(bytes + i, n - i);
        if (step == 0)
            dg_text_bytes(t, "\xef\xbf\xbd", 3);
        else if (c < 0x20 || c == 0x7f)
            dg_text_add(t, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            dg_text_add(t, "\\%c", c);
        else
            dg_text_bytes(t, bytes + i, step);
    }
    dg_text_bytes(t, "\"", 1);
}

void dg_json_member(dg_text *t, const char *key, const char *value)
{
    dg_text_add(t, ",\"%s\":", key);
    dg_json_string(t, value, strlen(value));
}
