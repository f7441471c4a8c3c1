#include "cli/access.h"

dg_status dg_cli_access_read(const dg_access_flags *flags, dg_cli_access *out, dg_err *err)
{
    dg_status st = DG_OK;
    *out = (dg_cli_access){0};
    if (flags->trusted_keys[0] != '\0') {
        st = dg_keyring_read(flags->trusted_keys, &out->trusted, err);
        out->access.trusted = &out->trusted;
    }
    if (st == DG_OK && flags->encryption_key[0] != '\0') {
        st = dg_key_read(flags->encryption_key, DG_KEY_ENCRYPT, &out->key, err);
        out->access.decrypt = &out->key;
    }
    return st;
}

void dg_cli_access_free(dg_cli_access *a)
{
    dg_keyring_free(&a->trusted);
    dg_key_wipe(&a->key);
}
