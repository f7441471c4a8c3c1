/* access.h - flags of commands that read artifacts: keys to trust, a key to decrypt. */
#ifndef DG_CLI_ACCESS_H
#define DG_CLI_ACCESS_H
#include "artifact/container.h"
#include "cli/command.h"

/* The fields such a command begins with, and rows for them. */
typedef struct dg_access_flags {
    char *trusted_keys, *encryption_key;
} dg_access_flags;

#define DG_ACCESS_ROWS                                                                             \
    {.key = "trusted_keys",                                                                        \
     .type = DG_OPT_TEXT,                                                                          \
     .offset = offsetof(dg_access_flags, trusted_keys),                                            \
     .help = "file of public keys, one of which must have signed it"},                             \
    {                                                                                              \
        .key = "encryption_key", .type = DG_OPT_TEXT,                                              \
        .offset = offsetof(dg_access_flags, encryption_key),                                       \
        .help = "file of the key of encrypted ones (default: DAOGOU_ENCRYPTION_KEY)"               \
    }

/* The keys themselves. */
typedef struct dg_cli_access {
    dg_access access;
    dg_keyring trusted;
    dg_key key;
} dg_cli_access;

/** Read what the flags name. LOCAL. Errors as dg_keyring_read and dg_key_read; free in any case. */
dg_status dg_cli_access_read(const dg_access_flags *flags, dg_cli_access *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_cli_access_free(dg_cli_access *a);

#endif
