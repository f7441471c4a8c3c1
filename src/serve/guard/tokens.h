/* tokens.h - bearer tokens: who may ask for what.
 *
 * The file has a line per token: NAME ROLES EXPIRES HASH, separated by blanks; # starts a comment.
 * ROLES is read, events, admin, or several with commas; admin may do everything. EXPIRES is a date
 * or time (base/text.h) or "never". HASH is BLAKE2b-256 of the token in hexadecimal. Tokens are 256
 * random bits, so the plain hash cannot be turned back by trying, and a slow password hash would
 * only cost time on every request (docs/decisions/0040-tokens.md). */
#ifndef DG_SERVE_GUARD_TOKENS_H
#define DG_SERVE_GUARD_TOKENS_H
#include "base/text.h"

enum { DG_ROLE_READ = 1 << 0, DG_ROLE_EVENTS = 1 << 1, DG_ROLE_ADMIN = 1 << 2 };

enum {
    DG_MAX_TOKENS = 1000,
    DG_TOKEN_NAME = 64, /* letters, digits and . _ -, with the NUL */
    DG_TOKEN_SIZE = 48  /* "dgt_" and 43 letters, with the NUL */
};

typedef struct dg_tokens dg_tokens;

typedef struct dg_bearer {
    char name[DG_TOKEN_NAME];
    unsigned roles; /* DG_ROLE_…; admin has all bits */
} dg_bearer;

typedef enum dg_verdict {
    DG_TOKEN_GOOD,
    DG_TOKEN_NONE,
    DG_TOKEN_WRONG,
    DG_TOKEN_EXPIRED
} dg_verdict;

/** Read a file of tokens. LOCAL. Errors DG_ERR_NOINPUT; DG_ERR_PERM others may write it;
 *  DG_ERR_DATA a line, with its number; DG_ERR_NOMEM. */
dg_status dg_tokens_open(const char *path, dg_tokens **out, dg_err *err);

/** The same of text that is in memory; `path` is for errors. LOCAL. Errors as dg_tokens_open. */
dg_status dg_tokens_parse(const char *path, const char *text, size_t n, dg_tokens **out,
                          dg_err *err);

/** LOCAL, NULL-safe. */
void dg_tokens_close(dg_tokens **t);

/** Read the file again if it has changed since. LOCAL, while others check. When it cannot be used
 *  the tokens from before go on counting. @param[out] changed were there other tokens?
 *  Errors as dg_tokens_open, once for each change of the file. */
dg_status dg_tokens_refresh(dg_tokens *t, bool *changed, dg_err *err);

int64_t dg_tokens_count(dg_tokens *t); /* LOCAL */

/**
 * Judge an Authorization header. LOCAL, thread-safe. Every token of the file is compared, in a time
 * that does not tell how much of one was right.
 *
 * @param[in]  header  "Bearer TOKEN", or NULL
 * @param[in]  now     seconds since 1970
 * @param[out] who     filled for DG_TOKEN_GOOD
 */
dg_verdict dg_tokens_check(dg_tokens *t, const char *header, int64_t now, dg_bearer *who);

/** "read,events" as bits. LOCAL. 0: not roles. */
unsigned dg_roles_parse(const char *s, size_t n);

/** Make a token, and its line for the file, without a line end. LOCAL.
 *  @param[in] expires  as the file has it. Errors DG_ERR_USAGE the name, roles or time. */
dg_status dg_token_make(const char *name, const char *roles, const char *expires,
                        char token[DG_TOKEN_SIZE], dg_text *line, dg_err *err);

#endif
