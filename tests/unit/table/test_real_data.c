/* Real files, as their authors left them. Counts of users, items and rows are those of the data
 * sets' own descriptions; sums and times were taken with Python's csv module. */
#include "base/digest.h"
#include "base/memory.h"
#include "real_data.h"
#include "table/rows.h"

#include <string.h>

typedef struct counts {
    int64_t n, bad, users, items, lines;
    double sum;
    int64_t first, last; /* times */
} counts;

typedef struct id_list {
    uint64_t *hash;
    size_t n, capacity;
} id_list;

static void add_id(id_list *l, dg_slice id)
{
    l->hash = dg_grow(l->hash, l->n, l->n + 1, &l->capacity, sizeof *l->hash);
    l->hash[l->n++] = dg_hash64(id.at, id.n, 0);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t count_different(id_list *l)
{
    int64_t n = 0;
    qsort(l->hash, l->n, sizeof *l->hash, by_value);
    for (size_t k = 0; k < l->n; k++) n += k == 0 || l->hash[k] != l->hash[k - 1];
    dg_free(l->hash);
    return n;
}

static void find_file(const char *path, dg_sources *out)
{
    dg_strings paths = {0};
    dg_err err;
    ck_assert_int_eq(dg_strings_add(&paths, path, strlen(path), &err), DG_OK);
    if (dg_sources_find(&paths, out, &err) != DG_OK) ck_abort_msg("%s", err.text);
    dg_strings_free(&paths);
}

static void read_range(const dg_source *source, const dg_dialect *d, const dg_layout *layout,
                       int64_t begin, int64_t end, counts *c, id_list *users, id_list *items)
{
    dg_records *r;
    dg_record x;
    dg_err err;
    dg_status st = dg_records_open(source, d, layout, NULL, (dg_bytes){begin, end, 0}, &r, &err);
    while (st == DG_OK && (st = dg_records_next(r, &x, &err)) == DG_OK &&
           x.outcome != DG_OUTCOME_END) {
        if (x.outcome == DG_OUTCOME_REJECT) {
            c->bad++;
            continue;
        }
        add_id(users, x.user);
        add_id(items, x.item);
        c->sum += (double)x.value;
        if (c->n == 0 || x.time < c->first) c->first = x.time;
        if (c->n == 0 || x.time > c->last) c->last = x.time;
        c->n++;
    }
    if (st != DG_OK) ck_abort_msg("%s", err.text);
    c->lines += dg_records_lines(r);
    dg_records_close(&r);
}

/* Read a file in seven ranges; false when it is not there. */
static bool count(const char *name, const char *separator, bool header, dg_format format,
                  const char *const columns[DG_N_ROLES], counts *c)
{
    char path[1000];
    dg_sources s;
    dg_layout layout;
    dg_err err;
    id_list users = {0}, items = {0};
    dg_dialect d = dg_dialect_default();
    *c = (counts){0};
    if (!real_data(name, path, sizeof path)) return false;
    find_file(path, &s);
    strcpy(d.separator, separator);
    d.header = header;
    d.format = format;
    if (dg_layout_read(s.at, &d, columns, NULL, &layout, &err) != DG_OK)
        ck_abort_msg("%s", err.text);
    for (int k = 0; k < 7; k++)
        read_range(s.at, &d, &layout, s.at->size * k / 7, s.at->size * (k + 1) / 7, c, &users,
                   &items);
    c->users = count_different(&users);
    c->items = count_different(&items);
    dg_sources_free(&s);
    return true;
}

static void assert_counts(const counts *c, int64_t n, int64_t users, int64_t items, double sum)
{
    ck_assert_int_eq(c->bad, 0);
    ck_assert_int_eq(c->n, n);
    ck_assert_int_eq(c->users, users);
    ck_assert_int_eq(c->items, items);
    ck_assert_double_eq(c->sum, sum);
}

START_TEST(movielens_100k_has_tabs)
{
    const char *const columns[DG_N_ROLES] = {"1", "2", "3", "4"};
    counts c;
    if (!count("movielens-100k/u.data", "\t", false, DG_FORMAT_CSV, columns, &c)) return;
    assert_counts(&c, 100000, 943, 1682, 352986);
    ck_assert_int_eq(c.first, 874724710);
    ck_assert_int_eq(c.last, 893286638);
    ck_assert_int_eq(c.lines, 100000);
}
END_TEST

START_TEST(movielens_latest_small_has_a_header)
{
    const char *const columns[DG_N_ROLES] = {"userId", "movieId", "rating", "timestamp"};
    counts c;
    if (!count("movielens-latest-small/ratings.csv", ",", true, DG_FORMAT_CSV, columns, &c)) return;
    assert_counts(&c, 100836, 610, 9724, 353083);
    ck_assert_int_eq(c.first, 828124615);
    ck_assert_int_eq(c.last, 1537799250);
    ck_assert_int_eq(c.lines, 100837);
}
END_TEST

START_TEST(online_retail_is_compressed_quoted_and_dated)
{
    const char *const columns[DG_N_ROLES] = {"InvoiceNo", "StockCode", "Quantity", "InvoiceDate"};
    counts c;
    if (!count("online-retail/online_retail.csv.gz", ",", true, DG_FORMAT_CSV, columns, &c)) return;
    assert_counts(&c, 541909, 25900, 4070, 5176450);
    ck_assert_int_eq(c.first, 1291191960); /* 2010-12-01 08:26:00 */
    ck_assert_int_eq(c.last, 1323435000);  /* 2011-12-09 12:50:00 */
    ck_assert_int_eq(c.lines, 541910);
}
END_TEST

START_TEST(beauty_is_lists)
{
    const char *const columns[DG_N_ROLES] = {0};
    counts c;
    if (!count("s3rec/Beauty.txt", " ", false, DG_FORMAT_LISTS, columns, &c)) return;
    assert_counts(&c, 198502, 22363, 12101, 198502);
    ck_assert_int_eq(c.first, 1);
    ck_assert_int_eq(c.lines, 22363);
}
END_TEST

START_TEST(insteval_quotes_its_ids)
{
    const char *const columns[DG_N_ROLES] = {"s", "d", "y"};
    counts c;
    if (!count("insteval/insteval.csv", ",", true, DG_FORMAT_CSV, columns, &c)) return;
    assert_counts(&c, 73421, 2972, 1128, 235369);
}
END_TEST

START_TEST(filmtrust_has_spaces)
{
    const char *const columns[DG_N_ROLES] = {"1", "2", "3"};
    counts c;
    if (!count("filmtrust/ratings.txt", " ", false, DG_FORMAT_CSV, columns, &c)) return;
    assert_counts(&c, 35497, 1508, 2071, 106590.5);
}
END_TEST

/* Number of rows; the two wanted fields of row `nth` from 1, joined by a bar, go to `row_nth`. */
static int64_t count_rows(const char *path, const dg_dialect *d, const char *first,
                          const char *second, int64_t nth, char *row_nth, size_t size)
{
    const char *const wanted[] = {first, second};
    dg_sources s;
    dg_rows *r;
    dg_table_row row;
    dg_err err;
    int64_t n = 0;
    find_file(path, &s);
    dg_status st = dg_rows_open(s.at, d, wanted, 2, &r, &err);
    for (; st == DG_OK; n++) {
        st = dg_rows_next(r, &row, &err);
        if (st != DG_OK || row.outcome == DG_OUTCOME_END) break;
        if (row.outcome == DG_OUTCOME_REJECT) ck_abort_msg("%s", row.reject->reason);
        if (n + 1 == nth)
            snprintf(row_nth, size, "%.*s|%.*s", (int)row.field[0].n, row.field[0].at,
                     (int)row.field[1].n, row.field[1].at);
    }
    if (st != DG_OK) ck_abort_msg("%s", err.text);
    dg_rows_close(&r);
    dg_sources_free(&s);
    return n;
}

START_TEST(catalogues_are_read_whole)
{
    char path[1000], row[200];
    dg_dialect d = dg_dialect_default();
    if (real_data("movielens-latest-small/movies.csv", path, sizeof path)) {
        ck_assert_int_eq(count_rows(path, &d, "movieId", "title", 9742, row, sizeof row), 9742);
        ck_assert_str_eq(row, "193609|Andrew Dice Clay: Dice Rules (1991)");
    }
    if (real_data("complete-journey/products.csv", path, sizeof path)) {
        ck_assert_int_eq(count_rows(path, &d, "brand", "product_id", 92331, row, sizeof row),
                         92331);
        ck_assert_str_eq(row, "National|18316298");
    }
    d.header = false;
    d.encoding = DG_ENCODING_LATIN1;
    strcpy(d.separator, "|");
    if (real_data("movielens-100k/u.item", path, sizeof path)) {
        ck_assert_int_eq(count_rows(path, &d, "1", "2", 543, row, sizeof row), 1682);
        ck_assert_str_eq(row, "543|Misérables, Les (1995)");
    }
}
END_TEST

REAL_DATA_MAIN("real data", movielens_100k_has_tabs, movielens_latest_small_has_a_header,
               online_retail_is_compressed_quoted_and_dated, beauty_is_lists,
               insteval_quotes_its_ids, filmtrust_has_spaces, catalogues_are_read_whole)
