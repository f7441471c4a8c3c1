#include "table/dialect.h"

#include <string.h>

dg_dialect dg_dialect_default(void)
{
    return (dg_dialect){.format = DG_FORMAT_CSV,
                        .encoding = DG_ENCODING_UTF8,
                        .header = true,
                        .quote = '"',
                        .separator = ","};
}

dg_status dg_dialect_separate(dg_dialect *d, const char *separator, dg_err *err)
{
    if (strcmp(separator, "\\t") == 0) separator = "\t";
    const size_t n = strlen(separator);
    if (n == 0 || n >= sizeof d->separator)
        return DG_FAIL(err, DG_ERR_CONFIG, "separator: expected 1 to %zu bytes, found %zu",
                       sizeof d->separator - 1, n);
    if (strpbrk(separator, "\r\n") != NULL ||
        (d->quote != '\0' && strchr(separator, d->quote) != NULL))
        return DG_FAIL(err, DG_ERR_CONFIG, "separator: it may not hold a line end or a quote");
    memset(d->separator, 0, sizeof d->separator);
    memcpy(d->separator, separator, n);
    return DG_OK;
}
