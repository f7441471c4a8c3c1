/* A file of tokens, and a header judged by it: the header up to the first zero byte, then the file.
 * A file that cannot be used is refused; a header that is no token of it never gets a role. */
#include "fuzz.h"

#include "serve/guard/tokens.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n > 0 ? memchr(data, 0, n) : NULL;
    const size_t n_header = zero != NULL ? (size_t)(zero - data) : n;
    char *header = malloc(n_header + 1);
    dg_tokens *tokens = NULL;
    dg_bearer who = {.roles = 0};
    dg_err err;
    if (n_header > 0) memcpy(header, data, n_header);
    header[n_header] = '\0';
    const char *file = zero != NULL ? (const char *)zero + 1 : "";
    const size_t n_file = zero != NULL ? n - n_header - 1 : 0;
    if (dg_tokens_parse("fuzz", file, n_file, &tokens, &err) == DG_OK) {
        const dg_verdict verdict = dg_tokens_check(tokens, header, 0, &who);
        if ((verdict == DG_TOKEN_GOOD) != (who.roles != 0) && verdict != DG_TOKEN_EXPIRED) abort();
    }
    dg_tokens_close(&tokens);
    free(header);
    return 0;
}
