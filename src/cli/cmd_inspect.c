#include "artifact/crypt.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/about.h"
#include "cli/access.h"
#include "cli/saved.h"
#include "cli/versions.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const type_names[] = {
    [DG_U8] = "u8",   [DG_I32] = "i32", [DG_I64] = "i64", [DG_U64] = "u64",
    [DG_F32] = "f32", [DG_F64] = "f64", [DG_I8] = "i8",   [DG_F16] = "f16",
};

/* An attribute of /meta as JSON, whatever its type; NULL when it is none we write. */
static json_t *attribute(const dg_container *c, const char *name)
{
    dg_err ignored;
    int64_t whole;
    double real;
    char *text;
    if (dg_container_int(c, "/meta", name, &whole, &ignored) == DG_OK) return json_integer(whole);
    if (dg_container_real(c, "/meta", name, &real, &ignored) == DG_OK) return json_real(real);
    if (dg_container_text(c, "/meta", name, &text, &ignored) != DG_OK) return NULL;
    json_t *value = json_string(text);
    dg_free(text);
    return value;
}

static dg_status collect_meta(const dg_container *c, json_t *out, dg_err *err)
{
    dg_strings names = {0};
    const dg_status st = dg_container_attributes(c, "/meta", &names, err);
    for (int64_t k = 0; k < names.n && st == DG_OK; k++) {
        size_t n;
        const char *name = dg_strings_at(&names, k, &n);
        json_t *value = attribute(c, name);
        if (value != NULL) json_object_set_new(out, name, value);
    }
    dg_strings_free(&names);
    return st;
}

static dg_status collect_arrays(const dg_container *c, json_t *out, dg_err *err)
{
    dg_strings names = {0};
    dg_status st = dg_container_arrays(c, &names, err);
    for (int64_t k = 0; k < names.n && st == DG_OK; k++) {
        size_t n;
        dg_array_info info;
        const char *name = dg_strings_at(&names, k, &n);
        st = dg_container_info(c, name, &info, err);
        if (st != DG_OK) break;
        json_t *shape = json_pack("[I]", (json_int_t)info.n_rows);
        if (info.n_cols != 1) json_array_append_new(shape, json_integer(info.n_cols));
        json_object_set_new(out, name,
                            json_pack("{s:s, s:o, s:I}", "type", type_names[info.type], "shape",
                                      shape, "shards", (json_int_t)info.n_shards));
    }
    dg_strings_free(&names);
    return st;
}

static dg_status collect(const dg_container *c, json_t *doc, dg_err *err)
{
    struct stat info = {0};
    json_t *meta = json_object(), *arrays = json_object();
    stat(dg_container_path(c), &info);
    json_object_set_new(doc, "path", json_string(dg_container_path(c)));
    json_object_set_new(doc, "bytes", json_integer(info.st_size));
    json_object_set_new(doc, "format", json_string(dg_container_format(c)));
    json_object_set_new(doc, "content_digest", json_string(dg_container_content(c)));
    if (dg_container_signed(c) != NULL)
        json_object_set_new(doc, "signed_by", json_string(dg_container_signed(c)));
    if (dg_container_encrypted(c) != NULL)
        json_object_set_new(doc, "encrypted_with", json_string(dg_container_encrypted(c)));
    json_object_set_new(doc, "meta", meta);
    json_object_set_new(doc, "arrays", arrays);
    const dg_status st = collect_meta(c, meta, err);
    json_object_set(doc, "format_version", json_object_get(meta, "format_version"));
    return st == DG_OK ? collect_arrays(c, arrays, err) : st;
}

/* One attribute a line; of texts with several lines, all but the first indented. */
static void print_meta(const char *name, const json_t *value)
{
    printf("  %-20s ", name);
    if (json_is_integer(value)) printf("%lld\n", (long long)json_integer_value(value));
    if (json_is_real(value)) printf("%.9g\n", json_real_value(value));
    if (!json_is_string(value)) return;
    for (const char *s = json_string_value(value); *s != '\0';) {
        const size_t n = strcspn(s, "\n");
        printf("%.*s\n", (int)n, s);
        s += n + (s[n] == '\n');
        if (*s != '\0') printf("  %-20s ", "");
    }
}

static void print_arrays(const json_t *arrays)
{
    const char *name;
    json_t *a;
    int width = 6;
    json_object_foreach((json_t *)arrays, name, a) if ((int)strlen(name) > width) width =
        (int)strlen(name);
    printf("\n  %-*s  %-4s %14s %8s %8s\n", width, "array", "type", "rows", "columns", "shards");
    json_object_foreach((json_t *)arrays, name, a)
    {
        char rows[32], cols[32] = "", shards[32];
        const json_t *shape = json_object_get(a, "shape");
        dg_show_count(json_integer_value(json_array_get(shape, 0)), rows, sizeof rows);
        if (json_array_size(shape) == 2)
            dg_show_count(json_integer_value(json_array_get(shape, 1)), cols, sizeof cols);
        dg_show_count(json_integer_value(json_object_get(a, "shards")), shards, sizeof shards);
        printf("  %-*s  %-4s %14s %8s %8s\n", width, name,
               json_string_value(json_object_get(a, "type")), rows, cols, shards);
    }
}

static void print_key(const json_t *doc, const char *name)
{
    const char *id = json_string_value(json_object_get(doc, name));
    if (id != NULL) printf("  %-20s key %s\n", name, id);
}

static void print_human(const json_t *doc)
{
    static const char *const said[] = {"format", "format_version", "content_digest",
                                       /* and by the model card */
                                       "card", "metrics", "precision_loss", "name", "algorithm",
                                       "created", "n_users", "n_items"};
    enum { ALWAYS = 3, IN_CARD = sizeof said / sizeof *said };
    const bool is_artifact =
        strcmp(json_string_value(json_object_get(doc, "format")), "daogou-artifact") == 0;
    const json_t *meta = json_object_get(doc, "meta");
    const char *name;
    json_t *value;
    char bytes[32];
    printf("%s: %s %lld, %s\n", json_string_value(json_object_get(doc, "path")),
           json_string_value(json_object_get(doc, "format")),
           (long long)json_integer_value(json_object_get(doc, "format_version")),
           dg_show_bytes((double)json_integer_value(json_object_get(doc, "bytes")), bytes,
                         sizeof bytes));
    printf("  %-20s %s\n", "content_digest",
           json_string_value(json_object_get(doc, "content_digest")));
    if (is_artifact) dg_cli_print_about(meta);
    print_key(doc, "signed_by");
    print_key(doc, "encrypted_with");
    json_object_foreach((json_t *)meta, name, value)
    {
        bool skip = false;
        for (int k = 0; k < (is_artifact ? IN_CARD : ALWAYS); k++)
            skip = skip || strcmp(name, said[k]) == 0;
        if (!skip) print_meta(name, value);
    }
    print_arrays(json_object_get(doc, "arrays"));
}

/* Of an encrypted file whose key is not at hand, what its head tells. */
static dg_status show_envelope(const dg_cli *cli, const char *path, dg_err *err)
{
    dg_crypt head;
    char bytes[32];
    const dg_status st = dg_crypt_head(path, &head, err);
    if (st != DG_OK) return st;
    if (cli->json)
        return dg_cli_print_json(json_pack("{s:s, s:s, s:I}", "path", path, "encrypted_with",
                                           head.key_id, "bytes", (json_int_t)head.n_bytes),
                                 err);
    printf("%s: encrypted with key %s, %s; its key shows what is in it\n", path, head.key_id,
           dg_show_bytes((double)head.n_bytes, bytes, sizeof bytes));
    return DG_OK;
}

static bool is_closed(const char *path, const dg_access *access)
{
    dg_crypt head;
    dg_key key;
    dg_err ignored;
    if (access->decrypt != NULL || dg_crypt_head(path, &head, &ignored) != DG_OK) return false;
    const bool none = dg_key_from_environment(&key, &ignored) == DG_ERR_NOINPUT;
    dg_key_wipe(&key);
    return none;
}

static dg_status show_file(const dg_cli *cli, const char *path, const dg_access *access,
                           dg_err *err)
{
    if (is_closed(path, access)) return show_envelope(cli, path, err);
    dg_container *c = NULL;
    json_t *doc = json_object();
    dg_status st = dg_container_open_for(path, NULL, INT_MAX, access, &c, err);
    if (st == DG_OK) st = collect(c, doc, err);
    dg_container_close(&c);
    if (st == DG_OK && cli->json) return dg_cli_print_json(doc, err);
    if (st == DG_OK) print_human(doc);
    json_decref(doc);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    dg_cli_access a;
    if (dg_cli_is_registry(cli->args[0])) return dg_cli_show_versions(cli, cli->args[0], err);
    if (dg_cli_is_folder(cli->args[0])) return dg_cli_show_saved(cli, cli->args[0], err);
    dg_status st = dg_cli_access_read(cli->fields, &a, err);
    if (st == DG_OK) st = show_file(cli, cli->args[0], &a.access, err);
    dg_cli_access_free(&a);
    return st;
}

static const dg_option rows[] = {DG_ACCESS_ROWS};

const dg_command dg_cmd_inspect = {
    .name = "inspect",
    .arguments = "FILE|FOLDER|REGISTRY/NAME",
    .summary =
        "show what a Daogou file holds, the checkpoints of a work folder, or the versions of "
        "a registry's model",
    .min_args = 1,
    .max_args = 1,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(dg_access_flags),
    .run = run,
};
