#include "registry/registry.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "unit_main.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[DG_PATH];

static void start(void)
{
    snprintf(dir, sizeof dir, "%s", scratch(getpid(), "registry"));
    dg_log_setup(0, DG_LOG_QUIET);
}

static void end(void)
{
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

/* One more version, champion or challenger; its file says `mark`. */
static dg_status publish(bool passes, const char *mark, int64_t keep, char version[DG_VERSION_SIZE],
                         dg_err *err)
{
    char folder[DG_PATH], path[DG_PATH + 16], before[DG_VERSION_SIZE];
    dg_registry *r;
    dg_status st = dg_registry_open(dir, "shop", 5, true, &r, err);
    if (st != DG_OK) return st;
    snprintf(before, sizeof before, "%s", dg_registry_state(r)->champion);
    st = dg_registry_begin(r, "0123456789abcdef", version, folder, err);
    snprintf(path, sizeof path, "%s/artifact.h5", folder);
    if (st == DG_OK) st = dg_file_replace(path, mark, strlen(mark), err);
    const dg_change change = {
        passes ? "publish" : "refuse", "a test", version, passes ? version : before,
        passes ? "" : version,         NULL,     keep};
    if (st == DG_OK) st = dg_registry_change(r, &change, err);
    dg_registry_close(&r);
    return st;
}

static void publishes(bool passes, int64_t keep, char version[DG_VERSION_SIZE])
{
    dg_err err;
    const dg_status st = publish(passes, "mark", keep, version, &err);
    ck_assert_msg(st == DG_OK, "%s", st == DG_OK ? "" : err.text);
}

static dg_current current(void)
{
    dg_current now;
    dg_err err;
    ck_assert_int_eq(dg_registry_current(dir, "shop", &now, &err), DG_OK);
    return now;
}

static int64_t count_versions(void)
{
    dg_strings s = {0};
    dg_err err;
    ck_assert_int_eq(dg_registry_versions(dir, "shop", &s, &err), DG_OK);
    const int64_t n = s.n;
    dg_strings_free(&s);
    return n;
}

static size_t count_events(void)
{
    json_t *all;
    dg_err err;
    ck_assert_int_eq(dg_registry_history(dir, "shop", &all, &err), DG_OK);
    const size_t n = json_array_size(all);
    json_t *e;
    size_t k;
    json_array_foreach(all, k, e)
        ck_assert_int_eq(json_integer_value(json_object_get(e, "event")), (json_int_t)k + 1);
    json_decref(all);
    return n;
}

START_TEST(versions_sort_by_time_and_are_unique)
{
    char v[5][DG_VERSION_SIZE];
    start();
    for (int k = 0; k < 5; k++) publishes(true, 0, v[k]); /* most within one second */
    for (int k = 1; k < 5; k++) ck_assert_int_lt(strcmp(v[k - 1], v[k]), 0);
    ck_assert_str_eq(v[0] + 16, "-01234567");
    ck_assert_str_eq(current().champion, v[4]);
    ck_assert_int_eq(count_versions(), 5);
    ck_assert_uint_eq(count_events(), 5);
    end();
}
END_TEST

START_TEST(a_refused_version_becomes_challenger_and_the_next_champion_clears_it)
{
    char a[DG_VERSION_SIZE], b[DG_VERSION_SIZE], c[DG_VERSION_SIZE];
    start();
    publishes(true, 0, a);
    publishes(false, 0, b);
    ck_assert_str_eq(current().champion, a);
    ck_assert_str_eq(current().challenger, b);
    publishes(true, 0, c);
    ck_assert_str_eq(current().champion, c);
    ck_assert_str_eq(current().challenger, "");
    end();
}
END_TEST

START_TEST(the_oldest_go_but_never_those_that_are_needed)
{
    char v[8][DG_VERSION_SIZE], path[DG_PATH], back[DG_VERSION_SIZE];
    dg_registry *r;
    dg_err err;
    start();
    for (int k = 0; k < 4; k++) publishes(true, 3, v[k]);
    ck_assert_int_eq(count_versions(), 3);
    ck_assert_int_ne(access(dg_registry_path(dir, "shop", v[0], "", path), F_OK), 0);
    for (int k = 4; k < 7; k++)
        publishes(false, 1, v[k]); /* challengers: champion 3, before it 2 */
    ck_assert_int_eq(count_versions(), 3);
    ck_assert_int_eq(access(dg_registry_path(dir, "shop", v[2], "", path), F_OK), 0);
    ck_assert_int_eq(access(dg_registry_path(dir, "shop", v[3], "", path), F_OK), 0);
    ck_assert_int_eq(access(dg_registry_path(dir, "shop", v[6], "", path), F_OK), 0);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0, false, &r, &err), DG_OK);
    ck_assert_int_eq(dg_registry_previous(r, back, &err), DG_OK);
    ck_assert_str_eq(back, v[2]);
    dg_registry_close(&r);
    end();
}
END_TEST

static dg_status roll_back(char to[DG_VERSION_SIZE], dg_err *err)
{
    dg_registry *r;
    dg_status st = dg_registry_open(dir, "shop", 0, false, &r, err);
    if (st == DG_OK) st = dg_registry_previous(r, to, err);
    const dg_change change = {"rollback", "a test", to, to, "", NULL, 0};
    if (st == DG_OK) st = dg_registry_change(r, &change, err);
    dg_registry_close(&r);
    return st;
}

START_TEST(rolling_back_goes_from_champion_to_champion)
{
    char a[DG_VERSION_SIZE], b[DG_VERSION_SIZE], c[DG_VERSION_SIZE], d[DG_VERSION_SIZE];
    char to[DG_VERSION_SIZE];
    dg_err err;
    start();
    publishes(true, 0, a);
    publishes(true, 0, b);
    publishes(false, 0, c); /* never champion: skipped */
    publishes(true, 0, d);
    ck_assert_int_eq(roll_back(to, &err), DG_OK);
    ck_assert_str_eq(to, b);
    ck_assert_int_eq(roll_back(to, &err), DG_OK);
    ck_assert_str_eq(to, a);
    ck_assert_int_eq(roll_back(to, &err), DG_ERR_NOINPUT);
    ck_assert_str_eq(current().champion, a);
    ck_assert_uint_eq(count_events(), 6);
    end();
}
END_TEST

START_TEST(versions_are_found_by_beginning_and_alias)
{
    char a[DG_VERSION_SIZE], b[DG_VERSION_SIZE], found[DG_VERSION_SIZE];
    dg_registry *r;
    dg_err err;
    start();
    publishes(true, 0, a);
    publishes(false, 0, b);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0, false, &r, &err), DG_OK);
    ck_assert_int_eq(dg_registry_find(r, b, found, &err), DG_OK);
    ck_assert_str_eq(found, b);
    ck_assert_int_eq(dg_registry_find(r, "challenger", found, &err), DG_OK);
    ck_assert_str_eq(found, b);
    ck_assert_int_eq(dg_registry_find(r, "champion", found, &err), DG_OK);
    ck_assert_str_eq(found, a);
    ck_assert_int_eq(dg_registry_find(r, "20", found, &err), DG_ERR_NOINPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "more than one version \"20\""));
    ck_assert_int_eq(dg_registry_find(r, "../x", found, &err), DG_ERR_NOINPUT);
    dg_registry_close(&r);
    end();
}
END_TEST

START_TEST(names_that_lead_elsewhere_are_refused)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", "a b", "\xc3\xa4"};
    dg_registry *r;
    dg_current now;
    dg_err err;
    start();
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ck_assert_int_eq(dg_registry_open(dir, bad[k], 0, true, &r, &err), DG_ERR_CONFIG);
        ck_assert_int_eq(dg_registry_current(dir, bad[k], &now, &err), DG_ERR_NOINPUT);
    }
    end();
}
END_TEST

START_TEST(a_second_publisher_waits_or_is_told)
{
    char v[DG_VERSION_SIZE];
    dg_registry *r, *other;
    dg_err err;
    start();
    publishes(true, 0, v);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0, true, &r, &err), DG_OK);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0.1, true, &other, &err), DG_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "another publisher is at work"));
    dg_registry_close(&r);
    ck_assert_int_eq(dg_registry_open(dir, "shop", 0, true, &other, &err), DG_OK);
    dg_registry_close(&other);
    end();
}
END_TEST

/* Publishes in a child that is killed at a step; says whether it was. */
static bool killed_at(int step, bool passes)
{
    char site[32], v[DG_VERSION_SIZE];
    dg_err err;
    const pid_t child = fork();
    if (child == 0) {
        snprintf(site, sizeof site, "registry.kill:0:%d", step);
        setenv("DAOGOU_FAULT", site, 1);
        dg_fault_reload();
        _exit(publish(passes, "killed", 2, v, &err) == DG_OK ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static bool is_whole(const dg_current *now)
{
    char path[DG_PATH];
    return access(dg_registry_path(dir, "shop", now->champion, "artifact.h5", path), F_OK) == 0;
}

START_TEST(killed_between_any_two_steps_it_stays_valid)
{
    char v[DG_VERSION_SIZE], path[DG_PATH];
    int step = 1;
    start();
    publishes(true, 2, v);
    publishes(true, 2, v);
    for (bool killed = true; killed; step++) {
        const dg_current before = current();
        killed = killed_at(step, true);
        const dg_current after = current(); /* as a reader sees it: the old state or the new one */
        ck_assert(is_whole(&after));
        const bool made = after.event == before.event + 1;
        ck_assert(made || after.event == before.event);
        if (!made) ck_assert_str_eq(before.champion, after.champion);
        publishes(true, 2, v); /* the next one mends */
        ck_assert_str_eq(current().champion, v);
        ck_assert_int_eq(current().event, after.event + 1);
        ck_assert_uint_eq(count_events(), (size_t)current().event);
        ck_assert_int_eq(count_versions(), 2);
        ck_assert_int_ne(access(dg_registry_path(dir, "shop", ".unfinished", "", path), F_OK), 0);
        ck_assert_int_ne(access(dg_registry_path(dir, "shop", ".dropped", "", path), F_OK), 0);
        ck_assert_int_ne(access(dg_registry_path(dir, "shop", "CURRENT.tmp", "", path), F_OK), 0);
    }
    ck_assert_int_ge(step, 7);
    end();
}
END_TEST

static void append(const char *name, const char *text)
{
    char path[DG_PATH];
    FILE *f = fopen(dg_registry_path(dir, "shop", name, "", path), "a");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

START_TEST(what_a_crash_leaves_in_the_files_is_mended)
{
    char v[DG_VERSION_SIZE], path[DG_PATH];
    start();
    publishes(true, 0, v);
    publishes(true, 0, v);
    append("history.jsonl", "{\"event\":3,\"what\":\"pub"); /* half a line */
    ck_assert_uint_eq(count_events(), 2);
    publishes(true, 0, v);
    ck_assert_uint_eq(count_events(), 3);
    ck_assert_int_eq(unlink(dg_registry_path(dir, "shop", "CURRENT", "", path)), 0);
    publishes(true, 0, v); /* CURRENT comes back from history */
    ck_assert_int_eq(current().event, 4);
    ck_assert_int_eq(truncate(dg_registry_path(dir, "shop", "CURRENT", "", path), 10), 0);
    dg_current now;
    dg_err err;
    ck_assert_int_eq(dg_registry_current(dir, "shop", &now, &err), DG_ERR_DATA);
    publishes(true, 0, v);
    ck_assert_int_eq(current().event, 5);
    append("history.jsonl", "nonsense\n"); /* not of ours: nobody guesses */
    ck_assert_int_eq(publish(true, "x", 0, v, &err), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "history.jsonl:6: is not an event"));
    end();
}
END_TEST

START_TEST(a_folder_of_somebody_else_is_left_alone)
{
    char v[DG_VERSION_SIZE], path[DG_PATH];
    start();
    publishes(true, 0, v);
    ck_assert_int_eq(mkdir(dg_registry_path(dir, "shop", "notes", "", path), 0777), 0);
    ck_assert_int_eq(
        mkdir(dg_registry_path(dir, "shop", "20200101T000000Z-00000000", "", path), 0777), 0);
    publishes(true, 0, v);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(access(dg_registry_path(dir, "shop", "notes", "", path), F_OK), 0);
    end();
}
END_TEST

START_TEST(any_byte_of_current_may_change_and_nobody_follows_out_of_the_folder)
{
    char v[DG_VERSION_SIZE], path[DG_PATH];
    dg_text whole = {0};
    dg_err err;
    start();
    publishes(true, 0, v);
    dg_registry_path(dir, "shop", "CURRENT", "", path);
    ck_assert_int_eq(dg_file_read(path, 1 << 16, &whole, &err), DG_OK);
    for (uint64_t round = 0; round < 2000; round++) {
        dg_rng r = dg_rng_at(4, DG_RNG_TEST, round);
        char text[4096];
        size_t n = round < whole.n ? round : whole.n;
        memcpy(text, whole.at, n);
        for (uint32_t k = 0; k < 3 && n > 0; k++)
            text[dg_rng_below(&r, (uint32_t)n)] = (char)dg_rng_below(&r, 256);
        FILE *f = fopen(path, "w");
        ck_assert(f != NULL && fwrite(text, 1, n, f) == n && fclose(f) == 0);
        dg_current now;
        if (dg_registry_current(dir, "shop", &now, &err) == DG_OK)
            ck_assert(strchr(now.champion, '/') == NULL && now.champion[0] != '.');
    }
    dg_text_free(&whole);
    end();
}
END_TEST

START_TEST(a_failing_disk_is_one_sentence_and_changes_nothing)
{
    char v[DG_VERSION_SIZE], site[32];
    dg_err err;
    int failed = 0;
    start();
    publishes(true, 0, v);
    for (int k = 0; k < 2; k++)
        for (int nth = 1; nth < 9; nth++) {
            const dg_current before = current();
            snprintf(site, sizeof site, "%s:0:%d", k == 0 ? "write" : "fsync", nth);
            setenv("DAOGOU_FAULT", site, 1);
            dg_fault_reload();
            const dg_status st = publish(true, "x", 0, v, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            failed += st != DG_OK;
            if (st != DG_OK) ck_assert_int_eq(st, DG_ERR_IO);
            const dg_current after = current();
            ck_assert(is_whole(&after) && after.event >= before.event);
            publishes(true, 0, v);
            ck_assert_uint_eq(count_events(), (size_t)current().event);
        }
    ck_assert_int_gt(failed, 6);
    end();
}
END_TEST

UNIT_MAIN("registry", versions_sort_by_time_and_are_unique,
          a_refused_version_becomes_challenger_and_the_next_champion_clears_it,
          the_oldest_go_but_never_those_that_are_needed,
          rolling_back_goes_from_champion_to_champion, versions_are_found_by_beginning_and_alias,
          names_that_lead_elsewhere_are_refused, a_second_publisher_waits_or_is_told,
          killed_between_any_two_steps_it_stays_valid, what_a_crash_leaves_in_the_files_is_mended,
          a_folder_of_somebody_else_is_left_alone,
          any_byte_of_current_may_change_and_nobody_follows_out_of_the_folder,
          a_failing_disk_is_one_sentence_and_changes_nothing)
