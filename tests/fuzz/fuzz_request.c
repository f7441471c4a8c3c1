/* Method, path, query and body of a request, as a client sends them: zero bytes part the four, and
 * & and = the query. What is taken is within every limit; what is not is refused with a code. */
#include "fuzz.h"

#include "base/memory.h"
#include "serve/request.h"

#include <stdlib.h>
#include <string.h>

static void must(bool good)
{
    if (!good) abort();
}

/* The next part, up to a zero byte or the end, as a string of its own. */
static char *part(const uint8_t **at, size_t *left, size_t *n)
{
    const uint8_t *zero = *left > 0 ? memchr(*at, 0, *left) : NULL;
    *n = zero != NULL ? (size_t)(zero - *at) : *left;
    char *out = malloc(*n + 1);
    must(out != NULL);
    if (*n > 0) memcpy(out, *at, *n);
    out[*n] = '\0';
    const size_t taken = *n + (zero != NULL);
    *at += taken;
    *left -= taken;
    return out;
}

static bool add_query(dg_request *r, char *query, dg_refusal *no)
{
    char *rest = query;
    for (char *pair; (pair = strsep(&rest, "&")) != NULL;) {
        char *value = pair;
        const char *key = strsep(&value, "=");
        if (!dg_request_option(r, key, strlen(key), value, value != NULL ? strlen(value) : 0, no))
            return false;
    }
    return true;
}

static void check(const dg_request *r)
{
    size_t n;
    const char *user = dg_request_user(r, &n);
    must(r->route != NULL && r->k >= 1 && r->k <= DG_MAX_K);
    must(r->n_id <= DG_MAX_ID && dg_utf8_valid(r->id, r->n_id));
    must(r->n_item <= DG_MAX_ID && dg_utf8_valid(r->item, r->n_item));
    must(user == NULL || n <= DG_MAX_ID);
    for (int list = 0; list < DG_N_LISTS; list++) {
        must(r->list[list].n <= DG_MAX_IDS);
        for (size_t k = 0; k < r->list[list].n; k++)
            must(r->list[list].at[k].n >= 1 && r->list[list].at[k].n <= DG_MAX_ID);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_method, n_path, n_query;
    char *method = part(&data, &n, &n_method), *path = part(&data, &n, &n_path);
    char *query = part(&data, &n, &n_query);
    dg_request *r = calloc(1, sizeof *r);
    dg_refusal no = {0};
    must(r != NULL);
    bool good = dg_request_start(r, method, path, &no);
    if (good) {
        good = n_query == 0 || add_query(r, query, &no);
        if (good && r->route->body > 0) good = dg_request_body(r, (const char *)data, n, &no);
        if (good) check(r);
        dg_request_close(r);
    }
    must(good || (no.http >= 400 && no.http < 600 && no.code != NULL && no.message[0] != '\0'));
    if (!good) {
        dg_reply reply = dg_reply_refusal(&no);
        must(reply.n > 0 && dg_utf8_valid(reply.body, reply.n));
        dg_free(reply.owned);
    }
    free(r), free(method), free(path), free(query);
    return 0;
}
