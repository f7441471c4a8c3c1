/* cmd_keys.c - keygen, sign, encrypt, decrypt: what artifacts need on their way to the nodes. */
#include "artifact/crypt.h"
#include "artifact/seal.h"
#include "base/file.h"
#include "cli/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct keygen_flags {
    bool encryption, pseudonyms;
} keygen_flags;

static const dg_option keygen_rows[] = {
    {.key = "encryption",
     .type = DG_OPT_BOOL,
     .offset = offsetof(keygen_flags, encryption),
     .help = "a key that encrypts, in place of a pair that signs"},
    {.key = "pseudonyms",
     .type = DG_OPT_BOOL,
     .offset = offsetof(keygen_flags, pseudonyms),
     .help = "a key of pseudonyms, see prepare.pseudonyms"},
};

static dg_status keygen(const dg_cli *cli, dg_err *err)
{
    const keygen_flags *f = cli->fields;
    const char *path = cli->args[0];
    const bool pair = !f->encryption && !f->pseudonyms;
    const dg_key_kind kind = f->pseudonyms   ? DG_KEY_PSEUDONYM
                             : f->encryption ? DG_KEY_ENCRYPT
                                             : DG_KEY_SIGN;
    char id[DG_KEY_ID_SIZE], public_path[DG_PATH];
    dg_key key;
    if (f->encryption && f->pseudonyms)
        return DG_FAIL(err, DG_ERR_USAGE, "keygen: a key is for encryption or for pseudonyms");
    dg_status st = dg_key_create(path, kind, err);
    snprintf(public_path, sizeof public_path, "%.4000s%s", path, pair ? ".pub" : "");
    if (st == DG_OK) st = dg_key_read(public_path, pair ? DG_KEY_PUBLIC : kind, &key, err);
    if (st != DG_OK) return st;
    dg_key_id(&key, id);
    dg_key_wipe(&key);
    if (cli->json) return dg_cli_print_json(json_pack("{s:s, s:s}", "key", id, "path", path), err);
    if (!pair)
        printf("%s: %s key %s, a secret\n", path, f->encryption ? "encryption" : "pseudonym", id);
    else
        printf("%s: signing key %s, a secret; %s is for those who trust it\n", path, id,
               public_path);
    return DG_OK;
}

const dg_command dg_cmd_keygen = {
    .name = "keygen",
    .arguments = "PATH",
    .summary = "make a pair of keys that sign artifacts, PATH and PATH.pub, or a key for one thing",
    .min_args = 1,
    .max_args = 1,
    .row = keygen_rows,
    .n_rows = sizeof keygen_rows / sizeof *keygen_rows,
    .fields_size = sizeof(keygen_flags),
    .run = keygen,
};

/* ---- sign ---- */

typedef struct key_flags {
    char *key;
} key_flags;

static const dg_option sign_rows[] = {
    {.key = "key",
     .type = DG_OPT_TEXT,
     .offset = offsetof(key_flags, key),
     .help = "file of the signing key"},
};

static dg_status sign(const dg_cli *cli, dg_err *err)
{
    const key_flags *f = cli->fields;
    dg_key key;
    if (f->key[0] == '\0')
        return DG_FAIL(err, DG_ERR_USAGE, "by which key? give --key FILE, made by daogou keygen");
    dg_status st = dg_key_read(f->key, DG_KEY_SIGN, &key, err);
    for (int k = 0; k < cli->n_args && st == DG_OK; k++) {
        st = dg_seal_sign(cli->args[k], &key, err);
        if (st == DG_OK && !cli->json) printf("%s: signed\n", cli->args[k]);
    }
    dg_key_wipe(&key);
    return st == DG_OK && cli->json
               ? dg_cli_print_json(json_pack("{s:i}", "signed", cli->n_args), err)
               : st;
}

const dg_command dg_cmd_sign = {
    .name = "sign",
    .arguments = "FILE…",
    .summary = "sign artifacts in place, in the stead of who signed them before",
    .min_args = 1,
    .max_args = INT_MAX,
    .row = sign_rows,
    .n_rows = sizeof sign_rows / sizeof *sign_rows,
    .fields_size = sizeof(key_flags),
    .run = sign,
};

/* ---- encrypt, decrypt ---- */

static const dg_option crypt_rows[] = {
    {.key = "key",
     .type = DG_OPT_TEXT,
     .offset = offsetof(key_flags, key),
     .help = "file of the encryption key (default: DAOGOU_ENCRYPTION_KEY)"},
};

static dg_status encryption_key(const key_flags *f, dg_key *out, dg_err *err)
{
    if (f->key[0] != '\0') return dg_key_read(f->key, DG_KEY_ENCRYPT, out, err);
    const dg_status st = dg_key_from_environment(out, err);
    if (st != DG_ERR_NOINPUT) return st;
    return DG_FAIL(err, DG_ERR_USAGE,
                   "with which key? give --key FILE, made by daogou keygen "
                   "--encryption, or DAOGOU_ENCRYPTION_KEY");
}

static dg_status make_copy(const dg_cli *cli, const char *done,
                           dg_status (*copy)(const char *from, const char *to, const dg_key *key,
                                             dg_err *err),
                           dg_err *err)
{
    dg_key key;
    dg_status st = encryption_key(cli->fields, &key, err);
    if (st == DG_OK) st = copy(cli->args[0], cli->args[1], &key, err);
    dg_key_wipe(&key);
    if (st != DG_OK) return st;
    if (cli->json) return dg_cli_print_json(json_pack("{s:s}", done, cli->args[1]), err);
    printf("%s: %s\n", cli->args[1], done);
    return DG_OK;
}

static dg_status encrypt(const dg_cli *cli, dg_err *err)
{
    return make_copy(cli, "encrypted", dg_crypt_encrypt, err);
}

static dg_status decrypt(const dg_cli *cli, dg_err *err)
{
    return make_copy(cli, "decrypted", dg_crypt_decrypt, err);
}

const dg_command dg_cmd_encrypt = {
    .name = "encrypt",
    .arguments = "FILE COPY",
    .summary = "make an encrypted copy of an artifact, which daogou-serve reads with the key",
    .min_args = 2,
    .max_args = 2,
    .row = crypt_rows,
    .n_rows = 1,
    .fields_size = sizeof(key_flags),
    .run = encrypt,
};

const dg_command dg_cmd_decrypt = {
    .name = "decrypt",
    .arguments = "FILE COPY",
    .summary = "make the plain copy of an encrypted artifact",
    .min_args = 2,
    .max_args = 2,
    .row = crypt_rows,
    .n_rows = 1,
    .fields_size = sizeof(key_flags),
    .run = decrypt,
};
