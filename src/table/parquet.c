#include "table/parquet.h"

#include "base/memory.h"
#include "table/csv.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What we use of DuckDB's C interface, which promises to keep it (duckdb.h, "stable"). The package
 * that the library comes in has no header. */
typedef struct duckdb_result {
    uint64_t columns, rows, changed;
    void *column;
    char *error;
    void *internal;
} duckdb_result;
typedef struct duckdb_string { /* up to 12 bytes lie in it; of more 4, then a pointer to all of them
                                */
    uint32_t n;
    char bytes[12];
} duckdb_string;

/* X(result, name, arguments) */
#define DUCKDB(X)                                                                                  \
    X(int, open, (const char *path, void **database))                                              \
    X(void, close, (void **database))                                                              \
    X(int, connect, (void *database, void **connection))                                           \
    X(void, disconnect, (void **connection))                                                       \
    X(int, query, (void *connection, const char *sql, duckdb_result *))                            \
    X(int, prepare, (void *connection, const char *sql, void **statement))                         \
    X(const char *, prepare_error, (void *statement))                                              \
    X(void, destroy_prepare, (void **statement))                                                   \
    X(int, bind_varchar, (void *statement, uint64_t, const char *))                                \
    X(int, pending_prepared_streaming, (void *statement, void **pending))                          \
    X(const char *, pending_error, (void *pending))                                                \
    X(int, execute_pending, (void *pending, duckdb_result *))                                      \
    X(void, destroy_pending, (void **pending))                                                     \
    X(const char *, result_error, (duckdb_result *))                                               \
    X(void, destroy_result, (duckdb_result *))                                                     \
    X(uint64_t, column_count, (duckdb_result *))                                                   \
    X(const char *, column_name, (duckdb_result *, uint64_t))                                      \
    X(void *, fetch_chunk, (duckdb_result))                                                        \
    X(uint64_t, data_chunk_get_size, (void *chunk))                                                \
    X(void *, data_chunk_get_vector, (void *chunk, uint64_t))                                      \
    X(void *, vector_get_data, (void *vector))                                                     \
    X(uint64_t *, vector_get_validity, (void *vector))                                             \
    X(void, destroy_data_chunk, (void **chunk))

static struct {
#define X(result, name, arguments) result(*name) arguments;
    DUCKDB(X)
#undef X
    bool there;
} duckdb;

struct dg_parquet {
    char *path;
    void *database, *connection, *statement, *pending;
    duckdb_result result;
    bool has_result;
    uint64_t columns;
    dg_text text; /* of which [at, text.n) has not been read */
    size_t at;
};

bool dg_parquet_is(const void *head, const void *tail)
{
    return memcmp(head, "PAR1", 4) == 0 && memcmp(tail, "PAR1", 4) == 0;
}

static dg_status not_there(const char *path, dg_err *err)
{
    const char *why = dlerror();
    const dg_status st =
        DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: a Parquet file needs DuckDB's library: %.300s", path,
                why == NULL ? "it is too old" : why);
    return dg_err_hint(err, st,
                       "npm pack @duckdb/node-bindings-linux-x64, unpack it, "
                       "DAOGOU_DUCKDB=…/libduckdb.so");
}

static dg_status find_library(const char *path, dg_err *err)
{
    const char *name = getenv("DAOGOU_DUCKDB");
    if (duckdb.there) return DG_OK;
    void *library = dlopen(name == NULL || name[0] == '\0' ? "libduckdb.so" : name, RTLD_NOW);
    if (library == NULL) return not_there(path, err);
    bool all = true;
    void *symbol;
#define X(result, name, arguments)                                                                 \
    symbol = dlsym(library, "duckdb_" #name);                                                      \
    memcpy(&duckdb.name, &symbol, sizeof symbol);                                                  \
    all = all && symbol != NULL;
    DUCKDB(X)
#undef X
    if (!all) {
        const dg_status st = not_there(path, err);
        dlclose(library);
        return st;
    }
    duckdb.there = true;
    return DG_OK;
}

static dg_status refuse(const dg_parquet *p, const char *why, dg_err *err)
{
    const char *text = why == NULL ? "DuckDB cannot read it" : why;
    const size_t line = strcspn(text, "\n"); /* the rest is for who writes SQL */
    return DG_FAIL(err, DG_ERR_DATA, "%s: %.*s", p->path, line < 400 ? (int)line : 400, text);
}

static dg_status start(dg_parquet *p, dg_err *err)
{
    static const char sql[] = "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet($1)";
    static const char *const settings[] = {
        "SET threads=1", "SET preserve_insertion_order=true",
        "SET autoinstall_known_extensions=false"}; /* no network */
    if (duckdb.open(NULL, &p->database) != 0 || duckdb.connect(p->database, &p->connection) != 0)
        return refuse(p, "DuckDB does not start", err);
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        if (duckdb.query(p->connection, settings[k], NULL) != 0)
            return refuse(p, "DuckDB does not take its settings", err);
    if (duckdb.prepare(p->connection, sql, &p->statement) != 0)
        return refuse(p, duckdb.prepare_error(p->statement), err);
    if (duckdb.bind_varchar(p->statement, 1, p->path) != 0)
        return refuse(p, duckdb.prepare_error(p->statement), err);
    if (duckdb.pending_prepared_streaming(p->statement, &p->pending) != 0)
        return refuse(p, duckdb.pending_error(p->pending), err);
    p->has_result = true;
    if (duckdb.execute_pending(p->pending, &p->result) != 0)
        return refuse(p, duckdb.result_error(&p->result), err);
    p->columns = duckdb.column_count(&p->result);
    for (uint64_t k = 0; k < p->columns; k++) {
        const char *name = duckdb.column_name(&p->result, k);
        dg_csv_field(&p->text, name, strlen(name));
        dg_csv_end(&p->text, k + 1 == p->columns);
    }
    return DG_OK;
}

dg_status dg_parquet_open(const char *path, dg_parquet **out, dg_err *err)
{
    *out = NULL;
    dg_status st = find_library(path, err);
    if (st != DG_OK) return st;
    dg_parquet *p = dg_alloc(1, sizeof *p);
    if (p == NULL || (p->path = dg_strdup(path)) == NULL) {
        dg_free(p);
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    }
    st = start(p, err);
    *out = p;
    if (st != DG_OK) dg_parquet_close(out);
    return st;
}

/* The rows of a chunk as text. */
static void write_rows(dg_parquet *p, void *chunk, const duckdb_string **data, uint64_t **valid)
{
    const uint64_t rows = duckdb.data_chunk_get_size(chunk);
    for (uint64_t k = 0; k < p->columns; k++) {
        void *vector = duckdb.data_chunk_get_vector(chunk, k);
        data[k] = duckdb.vector_get_data(vector);
        valid[k] = duckdb.vector_get_validity(vector);
    }
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t k = 0; k < p->columns; k++) {
            const duckdb_string *s = &data[k][r];
            const char *at = s->bytes;
            if (s->n > sizeof s->bytes) memcpy(&at, s->bytes + 4, sizeof at);
            if (valid[k] == NULL || (valid[k][r / 64] >> r % 64 & 1) != 0)
                dg_csv_field(&p->text, at, s->n);
            dg_csv_end(&p->text, k + 1 == p->columns);
        }
}

/* The next rows into p->text; none at the end. */
static dg_status fetch(dg_parquet *p, dg_err *err)
{
    p->text.n = p->at = 0;
    void *chunk = duckdb.fetch_chunk(p->result);
    const char *wrong = duckdb.result_error(&p->result);
    if (wrong != NULL && wrong[0] != '\0') return refuse(p, wrong, err);
    if (chunk == NULL) return DG_OK;
    const duckdb_string **data = dg_alloc((size_t)p->columns, sizeof *data);
    uint64_t **valid = dg_alloc((size_t)p->columns, sizeof *valid);
    if (data != NULL && valid != NULL) write_rows(p, chunk, data, valid);
    const bool failed = data == NULL || valid == NULL || p->text.failed;
    dg_free(data);
    dg_free(valid);
    duckdb.destroy_data_chunk(&chunk);
    return failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", p->path) : DG_OK;
}

dg_status dg_parquet_read(dg_parquet *p, char *bytes, size_t capacity, size_t *n, dg_err *err)
{
    for (*n = 0; *n < capacity;) {
        if (p->at == p->text.n) {
            const dg_status st = fetch(p, err);
            if (st != DG_OK || p->text.n == 0) return st;
        }
        const size_t left = p->text.n - p->at, room = capacity - *n;
        const size_t part = left < room ? left : room;
        memcpy(bytes + *n, p->text.at + p->at, part);
        p->at += part;
        *n += part;
    }
    return DG_OK;
}

void dg_parquet_close(dg_parquet **out)
{
    dg_parquet *p = *out;
    if (p == NULL) return;
    if (p->has_result) duckdb.destroy_result(&p->result);
    if (p->pending != NULL) duckdb.destroy_pending(&p->pending);
    if (p->statement != NULL) duckdb.destroy_prepare(&p->statement);
    if (p->connection != NULL) duckdb.disconnect(&p->connection);
    if (p->database != NULL) duckdb.close(&p->database);
    dg_text_free(&p->text);
    dg_free(p->path);
    dg_free(p);
    *out = NULL;
}
