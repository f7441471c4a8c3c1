#include "ingest/inputs.h"

#include "unit_main.h"

static dg_err err;

enum { FILES = 5 };

static dg_source sizes[FILES] = {
    {.size = 1000}, {.size = 1}, {.size = 777}, {.size = 50000}, {.size = 4096}};
static const dg_sources files = {.n = FILES, .at = sizes};

START_TEST(stretches_cover_every_file_in_order)
{
    static const int64_t bytes[] = {1, 64, 777, 1000, 1 << 20};
    for (size_t b = 0; b < sizeof bytes / sizeof *bytes; b++) {
        dg_stretches s;
        int64_t file = 0, at = 0;
        ck_assert_int_eq(dg_stretches_cut(&files, NULL, bytes[b], &s, &err), DG_OK);
        for (int64_t k = 0; k < s.n; k++) {
            ck_assert(s.at[k].file == file && s.at[k].begin == at);
            ck_assert(s.at[k].end > at && s.at[k].end - at <= bytes[b]);
            at = s.at[k].end;
            if (at == sizes[file].size) {
                file++;
                at = 0;
            }
        }
        ck_assert_int_eq(file, FILES);
        dg_stretches_free(&s);
    }
}
END_TEST

START_TEST(whole_files_stay_whole)
{
    static const bool whole[FILES] = {[2] = true, [3] = true};
    dg_stretches s;
    ck_assert_int_eq(dg_stretches_cut(&files, whole, 500, &s, &err), DG_OK);
    ck_assert_int_eq(s.n, 2 + 1 + 1 + 1 + 9);
    ck_assert(s.at[4].file == 3 && s.at[4].end == 50000);
    dg_stretches_free(&s);
}
END_TEST

static int64_t bytes_of(const dg_stretches *s, dg_range share)
{
    int64_t n = 0;
    for (int64_t k = share.begin; k < share.end; k++) n += s->at[k].end - s->at[k].begin;
    return n;
}

START_TEST(shares_adjoin_and_are_about_equal)
{
    dg_stretches s;
    const int64_t total = 1000 + 1 + 777 + 50000 + 4096, step = 100;
    ck_assert_int_eq(dg_stretches_cut(&files, NULL, step, &s, &err), DG_OK);
    for (int size = 1; size < 20; size++) {
        int64_t next = 0;
        for (int rank = 0; rank < size; rank++) {
            const dg_range share = dg_stretches_share(&s, rank, size);
            ck_assert_int_eq(share.begin, next);
            ck_assert_int_le(llabs(bytes_of(&s, share) - total / size), step);
            next = share.end;
        }
        ck_assert_int_eq(next, s.n);
    }
    dg_stretches_free(&s);
}
END_TEST

START_TEST(more_ranks_than_stretches_leave_some_idle)
{
    dg_stretches s;
    int64_t read = 0;
    ck_assert_int_eq(dg_stretches_cut(&files, NULL, 1 << 20, &s, &err), DG_OK);
    for (int rank = 0; rank < 64; rank++) {
        const dg_range share = dg_stretches_share(&s, rank, 64);
        ck_assert_int_eq(share.begin, read);
        read = share.end;
    }
    ck_assert_int_eq(read, FILES);
    dg_stretches_free(&s);
}
END_TEST

START_TEST(no_files_no_shares)
{
    const dg_sources none = {0};
    dg_stretches s;
    ck_assert_int_eq(dg_stretches_cut(&none, NULL, 10, &s, &err), DG_OK);
    const dg_range share = dg_stretches_share(&s, 1, 3);
    ck_assert(s.n == 0 && share.begin == 0 && share.end == 0);
    dg_stretches_free(&s);
}
END_TEST

UNIT_MAIN("inputs", stretches_cover_every_file_in_order, whole_files_stay_whole,
          shares_adjoin_and_are_about_equal, more_ranks_than_stretches_leave_some_idle,
          no_files_no_shares)
