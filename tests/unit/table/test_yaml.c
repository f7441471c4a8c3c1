#include "table/yaml.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_status read_text(const char *root, const char *text, size_t n, dg_entries *e, dg_err *err)
{
    *e = (dg_entries){0};
    return dg_yaml_read("job.yaml", root, text, n, e, err);
}

/* All entries as "line path=text", lists as [a|b], maps as {}, nulls as ~. */
static void show(const dg_entries *e, dg_text *out)
{
    for (size_t k = 0; k < e->n; k++) {
        const dg_entry *x = &e->at[k];
        dg_text_add(out, "%lld %s=", (long long)x->line, x->path);
        if (x->kind == DG_ENTRY_SCALAR) dg_text_add(out, "%s", x->text);
        if (x->kind == DG_ENTRY_NULL) dg_text_add(out, "~");
        if (x->kind == DG_ENTRY_MAP) dg_text_add(out, "{}");
        for (int64_t i = 0; x->kind == DG_ENTRY_LIST && i < x->list.n; i++) {
            size_t n;
            const char *at = dg_strings_at(&x->list, i, &n);
            dg_text_add(out, "|%.*s", (int)n, at);
        }
        dg_text_add(out, "\n");
    }
}

static void expect(const char *root, const char *text, const char *entries)
{
    dg_entries e;
    dg_err err;
    dg_text shown = {0};
    const dg_status st = read_text(root, text, strlen(text), &e, &err);
    ck_assert_msg(st == DG_OK, "%s", st == DG_OK ? "" : err.text);
    dg_text_add(&shown, "%s", "");
    show(&e, &shown);
    ck_assert_str_eq(shown.at, entries);
    dg_text_free(&shown);
    dg_entries_free(&e);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static void refuse_bytes(const char *text, size_t n, const char *message)
{
    dg_entries e;
    dg_err err;
    const size_t live = dg_alloc_live();
    ck_assert_int_eq(read_text(NULL, text, n, &e, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, message);
    dg_entries_free(&e);
    ck_assert_uint_eq(dg_alloc_live(), live);
}

static void refuse(const char *text, const char *message)
{
    refuse_bytes(text, strlen(text), message);
}

START_TEST(keys_become_dotted_paths_with_their_lines)
{
    expect(NULL, "name: shop\n\ndata:\n  ratings:\n    path: a.csv\n    header: true\nseed: 7\n",
           "1 name=shop\n3 data={}\n4 data.ratings={}\n5 data.ratings.path=a.csv\n"
           "6 data.ratings.header=true\n7 seed=7\n");
    expect(NULL, "a: {b: 1, c: [x, \"y z\", 3]}\nd:\n- p\n- q\n",
           "1 a={}\n1 a.b=1\n1 a.c=|x|y z|3\n2 d=|p|q\n");
    expect(NULL, "a:\nb: ~\nc: null\nd: \"null\"\ne: ''\nf: [~, x]\n",
           "1 a=~\n2 b=~\n3 c=~\n4 d=null\n5 e=\n6 f=||x\n");
    expect(NULL, "recall@20: 1\na.b: 2\n", "1 recall@20=1\n2 a.b=2\n");
    expect(NULL, "\xEF\xBB\xBFname: 导购\n", "1 name=导购\n");
}
END_TEST

START_TEST(an_empty_text_has_no_entries)
{
    expect(NULL, "", "");
    expect(NULL, "# only a comment\n", "");
    expect(NULL, "---\n", "");
    expect(NULL, "{}", "");
}
END_TEST

START_TEST(the_value_of_a_flag_hangs_below_its_key)
{
    expect("evaluate.k", "[10, 20]", "1 evaluate.k=|10|20\n");
    expect("a.b", "{c: 1}", "1 a.b={}\n1 a.b.c=1\n");
    expect("a", "\"\\t\"", "1 a=\t\n");
}
END_TEST

START_TEST(what_a_job_cannot_use_is_refused_by_name)
{
    refuse("a: 1\nb: &x [1]\n", "job.yaml:2: anchors are not allowed");
    refuse("a: 1\nb: *x\n", "job.yaml:2: aliases are not allowed");
    refuse("a: !!int 1\n", "job.yaml:1: tags are not allowed");
    refuse("a: !!map {}\n", "job.yaml:1: tags are not allowed");
    refuse("a: 1\n---\nb: 2\n", "job.yaml:2: a second document starts here; one is allowed");
    refuse("- a\n- b\n", "job.yaml:1: the text starts with a key, as in \"name: shop\"");
    refuse("just text\n", "job.yaml:1: the text starts with a key, as in \"name: shop\"");
    refuse("a: [[1]]\n", "job.yaml:1: a list holds plain values only");
    refuse("a: [{b: 1}]\n", "job.yaml:1: a list holds plain values only");
    refuse("? [x]\n: 1\n", "job.yaml:1: a key is plain text, not a list, map or alias");
    refuse("\"\": 1\n", "job.yaml:1: a key is empty");
    refuse("a: \"x\\0y\"\n", "job.yaml:1: a value has a NUL byte");
}
END_TEST

START_TEST(broken_yaml_names_its_line)
{
    refuse("a: 1\nb: [1, 2\nc: 3\n",
           "job.yaml:3: not valid YAML: did not find expected ',' or ']'");
    refuse("a: 1\n\tb: 2\n",
           "job.yaml:2: not valid YAML: found a tab character that violates indentation");
    refuse("a: @b\n", "job.yaml:1: not valid YAML: found character that cannot start any token");
    refuse("a: \"x\n", "job.yaml:2: not valid YAML: found unexpected end of stream");
    refuse_bytes("a: \xFF\n", 5, "job.yaml:1: byte 0xFF is not UTF-8");
    refuse_bytes("a: 1\nb: caf\xE9\n", 12, "job.yaml:2: byte 0xE9 is not UTF-8");
}
END_TEST

START_TEST(a_key_twice_names_both_lines)
{
    refuse("seed: 1\nname: x\nseed: 2\n",
           "job.yaml:3: key \"seed\" stands here again; line 1 has it already");
    refuse("a:\n  b: 1\na:\n  c: 1\n",
           "job.yaml:3: key \"a\" stands here again; line 1 has it already");
    refuse("a.b: 1\na:\n  b: 2\n",
           "job.yaml:3: key \"a.b\" stands here again; line 1 has it already");
}
END_TEST

START_TEST(bombs_are_refused_at_their_first_step)
{
    refuse("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "job.yaml:1: anchors are not allowed");

    dg_text deep = {0};
    for (int k = 0; k < 100000; k++) dg_text_bytes(&deep, "{a: ", 4);
    refuse_bytes(deep.at, deep.n, "job.yaml:1: maps are nested too deep");
    dg_text_free(&deep);

    for (int k = 0; k < 100000; k++) dg_text_bytes(&deep, "[", 1);
    refuse_bytes(deep.at, deep.n, "job.yaml:1: the text starts with a key, as in \"name: shop\"");
    dg_text_free(&deep);

    for (int k = 0; k <= DG_YAML_MAX_KEYS; k++) dg_text_add(&deep, "k%d: 1\n", k);
    refuse_bytes(deep.at, deep.n, "job.yaml:10001: too many keys");
    dg_text_free(&deep);

    for (int k = 0; k <= DG_YAML_MAX_BYTES; k++) dg_text_bytes(&deep, "#", 1);
    refuse_bytes(deep.at, deep.n, "job.yaml: more than 1048576 bytes, too long");
    dg_text_free(&deep);

    for (int k = 0; k <= DG_YAML_MAX_KEY; k++) dg_text_bytes(&deep, "k", 1);
    dg_text_add(&deep, ": 1\n");
    refuse_bytes(deep.at, deep.n, "job.yaml:1: a key is too long");
    dg_text_free(&deep);
}
END_TEST

static const char sample[] = "# a job\nname: shop\ndata:\n  ratings: {path: [a.csv, \"b*.gz\"], "
                             "separator: \"\\t\"}\n  items:\n    path: |\n      x\n    features: "
                             "{价格: standardize}\nlist:\n- 1\n- 'two'\n";

START_TEST(cut_or_mangled_texts_are_read_or_refused_and_leak_nothing)
{
    static const char spice[] = "{}[]:,-#&*!|>'\"%@`~\n\t \\\x80\xFF$a";
    char text[sizeof sample];
    dg_entries e;
    dg_err err;
    for (size_t n = 0; n < sizeof sample; n++) {
        const dg_status st = read_text(NULL, sample, n, &e, &err);
        ck_assert(st == DG_OK || st == DG_ERR_CONFIG);
        dg_entries_free(&e);
    }
    for (uint64_t round = 0; round < 5000; round++) {
        dg_rng r = dg_rng_at(1, DG_RNG_TEST, round);
        memcpy(text, sample, sizeof text);
        for (uint32_t k = dg_rng_below(&r, 6) + 1; k > 0; k--)
            text[dg_rng_below(&r, sizeof text - 1)] = spice[dg_rng_below(&r, sizeof spice - 1)];
        const dg_status st = read_text(NULL, text, sizeof text - 1, &e, &err);
        ck_assert(st == DG_OK || st == DG_ERR_CONFIG);
        dg_entries_free(&e);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_reported_and_leaks_nothing)
{
    for (int nth = 1;; nth++) {
        char spec[32];
        dg_entries e;
        dg_err err;
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = read_text(NULL, sample, sizeof sample - 1, &e, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        dg_entries_free(&e);
        ck_assert_uint_eq(dg_alloc_live(), 0);
        if (st == DG_OK) {
            ck_assert_int_gt(nth, 10);
            break;
        }
        ck_assert_int_eq(st, DG_ERR_NOMEM);
    }
}
END_TEST

UNIT_MAIN("yaml", keys_become_dotted_paths_with_their_lines, an_empty_text_has_no_entries,
          the_value_of_a_flag_hangs_below_its_key, what_a_job_cannot_use_is_refused_by_name,
          broken_yaml_names_its_line, a_key_twice_names_both_lines,
          bombs_are_refused_at_their_first_step,
          cut_or_mangled_texts_are_read_or_refused_and_leak_nothing,
          every_failing_allocation_is_reported_and_leaks_nothing)
