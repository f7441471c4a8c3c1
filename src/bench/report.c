#include "bench/report.h"

#include <stdio.h>
#include <string.h>

enum { MOST_COLUMNS = 24, CELL = 96 };

dg_status dg_report_start(const char *bench, const dg_report_column *column, size_t n_columns,
                          dg_report *out, dg_err *err)
{
    *out = (dg_report){.bench = bench, .column = column, .n_columns = n_columns};
    if (n_columns > MOST_COLUMNS)
        return DG_FAIL(err, DG_ERR_INTERNAL, "a report of %zu columns", n_columns);
    out->facts = json_object();
    out->rows = json_array();
    if (out->facts != NULL && out->rows != NULL) return DG_OK;
    dg_report_free(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a report");
}

void dg_report_free(dg_report *r)
{
    json_decref(r->facts);
    json_decref(r->rows);
    *r = (dg_report){0};
}

/* The cell as people see it. */
static const char *show(const dg_report_column *c, const json_t *value, char cell[CELL])
{
    cell[0] = '\0';
    if (json_is_string(value)) snprintf(cell, CELL, "%s", json_string_value(value));
    if (json_is_number(value)) {
        const double shown = json_number_value(value) / (c->unit != 0 ? c->unit : 1);
        const char *mark = c->mark == NULL ? "" : c->mark;
        snprintf(cell, CELL, "%.*f%s", c->digits, shown, mark);
    }
    return cell;
}

/* Characters, not bytes: a head may say "µs". */
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s != '\0'; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void put(dg_text *out, const char *s, size_t width, bool left)
{
    const int blanks = (int)(width - width_of(s));
    if (left)
        dg_text_add(out, "  %s%*s", s, blanks, "");
    else
        dg_text_add(out, "  %*s%s", blanks, "", s);
}

static void end_line(dg_text *out)
{
    while (out->n > 0 && out->at[out->n - 1] == ' ') out->at[--out->n] = '\0';
    dg_text_bytes(out, "\n", 1);
}

void dg_report_table(const dg_report *r, dg_text *out)
{
    size_t width[MOST_COLUMNS] = {0}, k;
    bool left[MOST_COLUMNS] = {false};
    char cell[CELL];
    json_t *row;
    json_array_foreach(r->rows, k, row) for (size_t c = 0; c < r->n_columns; c++)
    {
        const json_t *value = json_object_get(row, r->column[c].key);
        const size_t n = width_of(show(&r->column[c], value, cell));
        if (r->column[c].head != NULL && n > width[c]) width[c] = n;
        left[c] = left[c] || json_is_string(value);
    }
    for (size_t c = 0; c < r->n_columns; c++) {
        if (width[c] == 0) continue;
        const size_t n = width_of(r->column[c].head);
        if (n > width[c]) width[c] = n;
        put(out, r->column[c].head, width[c], left[c]);
    }
    end_line(out);
    json_array_foreach(r->rows, k, row)
    {
        for (size_t c = 0; c < r->n_columns; c++)
            if (width[c] > 0)
                put(out, show(&r->column[c], json_object_get(row, r->column[c].key), cell),
                    width[c], left[c]);
        end_line(out);
    }
}

static void csv_cell(dg_text *out, const json_t *value)
{
    if (json_is_integer(value)) dg_text_add(out, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value)) dg_text_add(out, "%.12g", json_real_value(value));
    if (!json_is_string(value)) return;
    const char *s = json_string_value(value);
    if (strpbrk(s, ",\"\r\n") == NULL) {
        dg_text_add(out, "%s", s);
        return;
    }
    dg_text_bytes(out, "\"", 1);
    for (; *s != '\0'; s++) dg_text_bytes(out, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    dg_text_bytes(out, "\"", 1);
}

void dg_report_csv(const dg_report *r, dg_text *out)
{
    size_t k;
    json_t *row;
    for (size_t c = 0; c < r->n_columns; c++)
        dg_text_add(out, "%s%s", c == 0 ? "" : ",", r->column[c].key);
    dg_text_bytes(out, "\n", 1);
    json_array_foreach(r->rows, k, row)
    {
        for (size_t c = 0; c < r->n_columns; c++) {
            if (c > 0) dg_text_bytes(out, ",", 1);
            csv_cell(out, json_object_get(row, r->column[c].key));
        }
        dg_text_bytes(out, "\n", 1);
    }
}

json_t *dg_report_json(const dg_report *r)
{
    json_t *all = json_object();
    json_object_set_new(all, "bench", json_string(r->bench));
    json_object_update(all, r->facts);
    if (json_object_set(all, "rows", r->rows) == 0) return all;
    json_decref(all);
    return NULL;
}
