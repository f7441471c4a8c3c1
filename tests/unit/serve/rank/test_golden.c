/* Artifacts that earlier versions wrote (tests/unit/artifact/golden) are read, and answer as they
 * did then; of later versions what can be read is read. */
#include "artifact_file.h"
#include "base/memory.h"
#include "scratch.h"
#include "serve/rank/ranker.h"
#include "unit_main.h"

#include <dirent.h>
#include <math.h>
#include <zlib.h>

enum { PATH = 1024 };

static dg_artifact *open_golden(const char *name)
{
    char path[PATH], part[1 << 14];
    dg_artifact *a;
    dg_err err;
    snprintf(path, sizeof path, "%s/%s", DG_TEST_GOLDEN, name);
    gzFile in = gzopen(path, "rb");
    FILE *out = fopen(scratch(getpid(), "golden.h5"), "wb");
    ck_assert_msg(in != NULL && out != NULL, "%s", path);
    for (int n; (n = gzread(in, part, sizeof part)) > 0;)
        ck_assert_uint_eq(fwrite(part, 1, (size_t)n, out), (size_t)n);
    gzclose(in);
    fclose(out);
    const dg_status st = dg_artifact_open(scratch(getpid(), "golden.h5"), &a, &err);
    ck_assert_msg(st == DG_OK, "%s: %s", name, err.text);
    ck_assert_msg(dg_container_verify(a->file, &err) == DG_OK, "%s: %s", name, err.text);
    return a;
}

/* "user,rank,item,score", where an item may be quoted. */
static void split(char *line, char *field[4])
{
    for (int k = 0; k < 4; k++) {
        const bool quoted = *line == '"';
        field[k] = line + quoted;
        line = quoted ? strchr(field[k], '"') : field[k] + strcspn(field[k], ",\n");
        *line++ = '\0';
        line += quoted;
    }
}

static void compare_line(const char *name, const dg_artifact *a, const dg_ranker *r, char *line)
{
    char *field[4];
    float score;
    dg_hit hit[3];
    dg_list list = {.hit = hit};
    dg_err err;
    float room[DG_FACTORS_ROOM];
    split(line, field);
    const int64_t user = dg_names_find(&a->user_id, field[0], strlen(field[0]));
    const int64_t item = dg_names_find(&a->item_id, field[2], strlen(field[2]));
    ck_assert_msg(user >= 0 && item >= 0, "%s: %s, %s", name, field[0], field[2]);
    const dg_taste t = dg_taste_of(a, user, room);
    const int32_t row = (int32_t)item;
    ck_assert_int_eq(dg_ranker_score(r, &t, &row, 1, &score, &err), DG_OK);
    ck_assert_msg(fabs((double)score - atof(field[3])) < 1e-4, "%s: %s, %s: %g, not %s", name,
                  field[0], field[2], (double)score, field[3]);
    ck_assert_int_eq(dg_ranker_recommend(r, user, 3, true, &list, &err), DG_OK);
    const int rank = atoi(field[1]);
    if (rank <= list.n) ck_assert_int_eq(list.hit[rank - 1].index, row);
}

static void compare_lists(const char *name, const dg_artifact *a)
{
    char path[PATH], line[256];
    dg_ranker *r;
    dg_err err;
    int n = 0;
    ck_assert_int_eq(dg_ranker_create(a, &r, &err), DG_OK);
    snprintf(path, sizeof path, "%s/%.*s.csv", DG_TEST_GOLDEN,
             (int)(strlen(name) - strlen(".h5.gz")), name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL && fgets(line, sizeof line, f) != NULL, "%s", path);
    for (; fgets(line, sizeof line, f) != NULL; n++) compare_line(name, a, r, line);
    ck_assert_int_eq(n, 10);
    fclose(f);
    dg_ranker_destroy(&r);
}

START_TEST(artifacts_of_every_earlier_version_answer_as_they_did)
{
    int n = 0;
    DIR *folder = opendir(DG_TEST_GOLDEN);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (strstr(e->d_name, ".h5.gz") == NULL) continue;
        dg_artifact *a = open_golden(e->d_name);
        compare_lists(e->d_name, a);
        dg_artifact_close(&a);
        n++;
    }
    closedir(folder);
    ck_assert_int_ge(n, 4);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

static dg_status open_made(made_artifact *m, dg_err *err)
{
    dg_artifact *a;
    const char *path = scratch(getpid(), "made.h5");
    write_artifact(m, path);
    dg_status st = dg_artifact_open(path, &a, err);
    if (st == DG_OK) st = dg_container_verify(a->file, err);
    dg_artifact_close(&a);
    free_artifact(&m);
    return st;
}

START_TEST(what_a_later_version_added_is_left_alone)
{
    dg_err err;
    made_artifact *m = make_artifact(3, 5, 4, 1);
    made_part *p = m->part;
    while (p->array != NULL) p++;
    ck_assert(p < m->part + PARTS);
    *p = (made_part){"hologram/of/item", DG_F64, 5, 7, dg_alloc(35, sizeof(double))};
    m->extra[0].name = "hologram_depth";
    m->extra[0].value = 3;
    ck_assert_msg(open_made(m, &err) == DG_OK, "%s", err.text);
    scratch_remove();
}
END_TEST

START_TEST(a_later_version_is_refused_with_what_to_do)
{
    dg_err err;
    made_artifact *m = make_artifact(3, 5, 4, 1);
    m->version = DG_ARTIFACT_VERSION + 1;
    ck_assert_int_eq(open_made(m, &err), DG_ERR_DATA);
    ck_assert_msg(strstr(err.text, "format version 2, this program reads up to 1") != NULL, "%s",
                  err.text);
    ck_assert_str_eq(err.hint, "use the Daogou version that wrote it, or newer");
    scratch_remove();
}
END_TEST

START_TEST(what_must_be_known_and_is_not_is_named)
{
    dg_err err;
    made_artifact *m = make_artifact(3, 5, 4, 1);
    m->requires = "hologram";
    ck_assert_int_eq(open_made(m, &err), DG_ERR_DATA);
    ck_assert_msg(strstr(err.text, "without knowing \"hologram\"") != NULL, "%s", err.text);
    ck_assert_str_eq(err.hint, "use the Daogou version that wrote it, or newer");
    m = make_artifact(3, 5, 4, 1);
    m->requires = "  ";
    ck_assert_msg(open_made(m, &err) == DG_OK, "%s", err.text);
    scratch_remove();
}
END_TEST

UNIT_MAIN("golden", artifacts_of_every_earlier_version_answer_as_they_did,
          what_a_later_version_added_is_left_alone, a_later_version_is_refused_with_what_to_do,
          what_must_be_known_and_is_not_is_named)
