"""bad_input.py - bad files, jobs, folders and limits: one sentence, an exit code, nothing left.

What each kind of bad record is called is tested with the readers (tests/unit/table,
tests/mpi/ingest); here a user sees it, on some number of ranks.
"""
import gzip
import os
import resource
import signal
import subprocess
import unittest

import harness
from harness import Case, run, write

GOOD = harness.ratings_csv()
N_GOOD = GOOD.count("\n") - 1
ZIPPED = gzip.compress(GOOD.encode(), mtime=0)


def zstd(content):
    """zstd's command line need not be there: a frame of raw blocks (RFC 8878, 3.1.1)."""
    frame = b"\x28\xb5\x2f\xfd" + b"\x00\x50" # magic; no checksum, no size, window of 1 MiB
    pieces = [content[k:k + 60000] for k in range(0, len(content), 60000)]
    for k, piece in enumerate(pieces):
        header = len(piece) << 3 | (k == len(pieces) - 1)
        frame += header.to_bytes(3, "little") + piece
    return frame


def bad_row(row):
    return GOOD.encode() + row


# name of the file: its content, exit code, what is said
CONTENT = {
    "empty.csv": (b"", 65, r"empty\.csv: empty file"),
    "blank.csv": (b"\n\n\n", 65, r"blank\.csv: nothing but blank lines"),
    "header.csv": (b"user,item,rating,time\n", 65, r"header\.csv: no usable record"),
    "ragged.csv": (bad_row(b"u1,i2\n"), 65, rf"ragged\.csv:{N_GOOD + 2}: 2 columns where 4 are"),
    "nan.csv": (bad_row(b"u1,i2,nan,1\n"), 65, r'column 3: "nan" is not a number'),
    "infinite.csv": (bad_row(b"u1,i2,-inf,1\n"), 65, r'column 3: "-inf" is not a number'),
    "beyond.csv": (bad_row(b"u1,i2,1e400,1\n"), 65, r'column 3: "1e400" is not a number'),
    "text.csv": (bad_row(b"u1,i2,abc,1\n"), 65, r'column 3: "abc" is not a number'),
    "nobody.csv": (bad_row(b",i2,3,1\n"), 65, r"column 1: the user is empty"),
    "long-id.csv": (bad_row(b"x" * 600 + b",i2,3,1\n"), 65, r"is 600 bytes long, at most 512"),
    "long-line.csv": (bad_row(b"u1,i2" + b"," * 10**7 + b"\n"), 65,
                      r"begins a record longer than 1048576 bytes"),
    "nul.csv": (bad_row(b"u\0x,i2,3,1\n"), 65, r'column 1: "u\\x00x" has a NUL byte'),
    "latin1.csv": (bad_row("ü1,i2,3,1\n".encode("latin1")), 65, r"is not UTF-8: byte 1 is 0xfc"),
    "utf16.csv": (GOOD.encode("utf-16"), 65, r"utf16\.csv: UTF-16, not UTF-8"),
    "columns.csv": (b"user,thing\nu1,i1\n", 78, r'no column "item"; there are "user"'),
    "cut.csv.gz": (ZIPPED[:len(ZIPPED) // 2], 65, r"damaged gzip data .* the file ends too early"),
    "tail.csv.gz": (ZIPPED[:-4], 65, r"damaged gzip data .* the file ends too early"),
    "no.csv.gz": (b"plain text\n" * 9, 65, r"no\.csv\.gz: named \.gz, but not gzip data"),
    "cut.csv.zst": (zstd(GOOD.encode())[:-99], 65, r"damaged zstd data .* the file ends too early"),
}


class BadData(Case):
    def test_every_kind_of_bad_content_is_told(self):
        for k, (name, (content, code, says)) in enumerate(CONTENT.items()):
            write(name, content)
            write("bad.yaml", harness.job_yaml(name))
            for np in (0, 2, 3) if harness.long_form else ((0, 0, 2, 0, 0, 3)[k % 6],):
                with self.subTest(name, np=np):
                    work = f"work-{name}-{np}"
                    self.fails(code, says, "run", "bad.yaml", "--work", work, np=np)
                    self.assertEqual(harness.files_below(work), ["log.jsonl"])

    def test_files_that_are_none_are_missing(self):
        write("good.csv", GOOD)
        os.makedirs("folder", exist_ok=True)
        for name, says in {
            "nowhere.csv": r"nowhere\.csv: no such file",
            "folder": r"folder: a folder, not a file",
            "nowhere/*.csv": r"nowhere/\*\.csv: no file matches",
            "good.csv/below": r"good\.csv/below: no such file",
        }.items():
            write("bad.yaml", harness.job_yaml(name))
            with self.subTest(name):
                self.fails(66, says, "prepare", "bad.yaml", "--work", "missing")
                self.assertEqual(harness.files_below("missing"), ["log.jsonl"])

    def test_a_whole_zst_file_is_read(self):
        write("whole.csv.zst", zstd(GOOD.encode()))
        write("whole.yaml", harness.job_yaml("whole.csv.zst"))
        self.succeeds("prepare", "whole.yaml", "--work", "whole")


class BadJob(Case):
    @classmethod
    def setUpClass(cls):
        write("ratings.csv", GOOD)
        write("good.yaml", harness.job_yaml())

    def test_a_bad_job_file_is_told_before_anything_is_made(self):
        for name, content, code, says in (
            ("unknown.yaml", harness.job_yaml(more="modle: 3\n"), 78, r"yaml:7: modle: unknown"),
            ("type.yaml", harness.job_yaml(factors="many"), 78, r"yaml:6: model.factors: expected"),
            ("broken.yaml", "name: [x\nseed: }", 78, r"broken.yaml:2: not valid YAML"),
            ("bytes.yaml", bytes(range(256)), 78, r"bytes.yaml:2: byte 0x80 is not UTF-8"),
            ("empty.yaml", "", 78, r"empty.yaml: data.ratings.path is missing"),
            ("nowhere.yaml", None, 66, r"nowhere.yaml: cannot read the job: No such file"),
        ):
            if content is not None:
                write(name, content)
            for np in (0, 2, 3) if harness.long_form else (2,) if name == "type.yaml" else (0,):
                with self.subTest(name, np=np):
                    self.fails(code, says, "run", name, "--work", "unmade", np=np)
                    self.assertIn(harness.files_below("unmade"), ([], ["log.jsonl"]))

    def test_bad_values_of_flags_are_told_by_key(self):
        for flag, code, says in (
            ("nothing", 64, r"--set nothing: expected key.path=value"),
            ("=3", 64, r"expected key.path=value"),
            ("model=3", 78, r"--set model: expected a map of keys"),
            ("model.factors=0", 78, r"--set model.factors: expected a whole number from 1"),
            ("model.factors=[1,2]", 78, r"--set model.factors: .* found a list"),
            ("model.factors=${DAOGOU_NOT_SET}", 78, r'"DAOGOU_NOT_SET" is not set'),
            ("model.regularization=nan", 78, r"--set model.regularization: .* found \"nan\""),
            ("model.regularization=inf", 78, r"--set model.regularization: .* found \"inf\""),
            ("model.init_std=1e999", 78, r"--set model.init_std: .* found \"1e999\""),
            ("model.unobserved_weight=-0.1", 78, r"--set model.unobserved_weight: expected"),
            ("seed=99999999999999999999", 78, r"--set seed: expected a whole number"),
            ("name=../elsewhere", 78, r"--set name: expected up to 64 letters"),
            ("evaluate.metrics=[nope]", 78, r'--set evaluate.metrics: "nope" is not a metric'),
            ("checkpoint.keep=0", 78, r"--set checkpoint.keep: expected"),
        ):
            with self.subTest(flag):
                # The same words with and without MPI; without is quicker.
                self.fails(code, says, "run", "good.yaml", "--print-config", "--set", flag)
        self.fails(78, r"--set model.factors: expected .* \(rank 0\)$", "run", "good.yaml",
                   "--work", "unmade", "--set", "model.factors=0", np=3)
        self.assertFalse(os.path.exists("unmade/dataset.h5"))

    def test_nothing_holds_rows_in_place_is_refused(self):
        self.fails(78, r"model.regularization is 0, and model.unobserved_weight is 0", "run",
                   "good.yaml", "--print-config", "--set", "model.regularization=0", "--set",
                   "model.unobserved_weight=0")


class OddData(Case):
    """Small and lopsided, but not wrong."""

    def whole_run(self, name, content, np, *flags):
        write(f"{name}.csv", content)
        write(f"{name}.yaml", harness.job_yaml(f"{name}.csv"))
        ended = self.succeeds("run", f"{name}.yaml", "--work", name, *flags, np=np)
        self.assert_nothing_half_written(name)
        return ended

    def test_more_ranks_than_users(self):
        self.whole_run("few", "user,item,rating,time\nu1,i1,5,1\nu1,i2,3,2\nu2,i1,4,3\n", 4)
        self.succeeds("run", "few.yaml", "--work", "alone")
        self.assertEqual(self.digests("few"), self.digests("alone"))

    def test_one_user_one_item(self):
        self.whole_run("single", "user,item,rating,time\nu1,i1,5,1\n", 2)

    def test_one_user_many_items_and_the_reverse(self):
        header = "user,item,rating,time\n"
        self.whole_run("row", header + "".join(f"u,i{k},{k % 5},1\n" for k in range(90)), 3)
        self.whole_run("column", header + "".join(f"u{k},i,{k % 5},1\n" for k in range(90)), 0)

    def test_values_no_factors_can_hold_are_a_numerical_failure(self):
        rows = "".join(f"u{k % 30},i{k % 19},{(1e30, 1, -1e30)[k % 3]},1\n" for k in range(400))
        write("wild.csv", "user,item,rating,time\n" + rows)
        write("wild.yaml", harness.job_yaml("wild.csv", algorithm="als"))
        self.fails(76, r"row \d+: its system is not positive definite or not finite", "run",
                   "wild.yaml", "--work", "wild", np=2)
        self.assertEqual(harness.files_below("wild"), ["dataset.h5", "log.jsonl"])

    def test_no_sweep_is_a_model_too(self):
        self.whole_run("still", GOOD, 0, "--set", "model.iterations=0")

    def test_lists_longer_than_the_catalogue(self):
        self.whole_run("deep", GOOD, 2, "--set", "evaluate.k=[5, 1000]")
        ended = self.succeeds("recommend", "deep.yaml", "--work", "deep", "--user", "u3",
                              "--k", "1000", "--exclude-seen=false")
        self.assertEqual(ended.out.count("\n"), 1 + 30) # with a header, and all there are

    def test_items_nobody_rated_and_users_with_nothing_left(self):
        write("catalogue.csv", "item,title\n" + "".join(f"new{k},Neu {k} 新\n" for k in range(9)))
        write("cold.csv", GOOD)
        catalogue = "  items: {path: catalogue.csv, columns: {item: item, title: title}}\n"
        write("cold.yaml", harness.job_yaml("cold.csv").replace("prepare:", catalogue + "prepare:")
              .replace("test: 0.2", "test: 0.9"))
        self.succeeds("run", "cold.yaml", "--work", "cold", np=3)
        self.succeeds("recommend", "cold.yaml", "--work", "cold", np=2)
        self.assert_nothing_half_written("cold")


class BadFolder(Case):
    @classmethod
    def setUpClass(cls):
        write("ratings.csv", GOOD)
        write("good.yaml", harness.job_yaml())

    def test_a_work_folder_that_cannot_be_is_told(self):
        write("file", "")
        cases = [("file", r"file: is not a folder"),
                 ("file/below", r"file/below: cannot create the folder: Not a directory"),
                 ("/proc/none", r"/proc/none: cannot create the folder"),
                 ("", r"a folder has an empty name"),
                 ("x/" * 3000, r"the work folder's path is too long")]
        if os.geteuid() != 0:
            os.mkdir("locked", 0o500)
            cases.append(("locked", r"locked: cannot write into the work folder"))
        for k, (folder, says) in enumerate(cases):
            with self.subTest(folder[:20]):
                self.fails(73, says, "run", "good.yaml", "--work", folder, np=(0, 2)[k == 1])
        self.assertFalse(os.path.exists("x"))

    def test_a_file_beyond_the_limit_is_an_error_not_a_signal(self):
        # MPI's own files are some megabytes, so the dataset must be longer: by its users' names.
        limit = 8 << 20
        wide = "user,item,rating,time\n" + "".join(f"{k:0500},i{k % 7},3,1\n" for k in range(20000))
        write("wide.csv", wide)
        write("wide.yaml", harness.job_yaml("wide.csv"))
        for np in (0, 2, 3) if harness.long_form else (2,):
            with self.subTest(np=np):
                self.fails(74, r"limit/dataset\.h5: cannot write .*: File too large", "run",
                           "wide.yaml", "--work", "limit", np=np,
                           before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
                self.assertEqual(harness.files_below("limit"), ["log.jsonl"])

    def test_a_full_disk_is_one_sentence(self):
        # A mount of our own needs root or user namespaces; where there are none the limit must do.
        tiny = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m", "sh", "-c",
                'mount -t tmpfs -o size="$1" none full && shift && "$@"; code=$?; '
                'find full -type f -name "*.tmp" >&2; exit $code', "sh"]
        os.makedirs("full", exist_ok=True)
        if subprocess.run([*tiny, "64k", "true"], capture_output=True).returncode != 0:
            self.skipTest("no mounts here")
        old = harness.mpiexec
        sizes = ("32k", "48k", "96k") if harness.long_form else ("48k",)
        for size in sizes:
            for np in (1, 2, 3) if harness.long_form else (3,):
                with self.subTest(size=size, np=np):
                    harness.mpiexec = [*tiny, size, *old]
                    try:
                        self.fails(74, r"full/.*: No space left on device", "run", "good.yaml",
                                   "--work", "full", np=np)
                    finally:
                        harness.mpiexec = old


class DamagedFiles(Case):
    @classmethod
    def setUpClass(cls):
        write("ratings.csv", GOOD)
        write("good.yaml", harness.job_yaml())
        ended = run("run", "good.yaml", "--work", "whole")
        assert ended.code == 0, ended

    def copy(self, name):
        subprocess.run(["cp", "-r", "whole", name], check=True)
        return name

    def test_run_makes_a_damaged_file_anew_and_warns(self):
        want = self.digests("whole")
        for k, name in enumerate(("dataset.h5", "model.h5", "artifact.h5")):
            with self.subTest(name):
                work = self.copy(f"again-{name}")
                self.flip(f"{work}/{name}")
                ended = self.succeeds("run", "good.yaml", "--work", work, np=(0, 2)[k == 1])
                self.assertIn(f"warning: making {name} anew: {work}/{name}: file is damaged: its "
                              "bytes do not match its digest", ended.lines)
                self.assertEqual(self.digests(work), want)

    def test_a_stage_alone_refuses_a_damaged_input(self):
        for k, (command, name) in enumerate((("evaluate", "model.h5"), ("export", "model.h5"),
                                             ("train", "dataset.h5"), ("recommend", "dataset.h5"))):
            with self.subTest(command):
                work = self.copy(f"alone-{command}")
                self.flip(f"{work}/{name}")
                self.fails(65, rf"{work}/{name}: file is damaged", command, "good.yaml",
                           "--work", work, np=(0, 2)[k == 0])

    def test_a_stage_alone_names_the_stage_that_is_missing(self):
        for command, name, other in (("evaluate", "model.h5", "train"),
                                     ("train", "dataset.h5", "prepare")):
            work = self.copy(f"lacks-{command}")
            os.remove(f"{work}/{name}")
            ended = self.fails(66, rf"{work}/{name}: cannot open: No such file", command,
                               "good.yaml", "--work", work)
            self.assertIn(f"hint: run `daogou {other}` with this job first", ended.lines)

    def test_inspect_and_verify_refuse_what_is_no_file_of_ours(self):
        with open("whole/model.h5", "rb") as f:
            whole = f.read()
        write("short.h5", whole[:300])
        write("cut.h5", whole[:-1])
        write("grown.h5", whole + b"\0")
        write("other.h5", b"\x89HDF\r\n\x1a\n" + whole[8:])
        for name, says in (("short.h5", "only 300 bytes"), ("cut.h5", "truncated"),
                           ("grown.h5", "truncated or grown"), ("other.h5", "not a Daogou file")):
            self.fails(65, says, "inspect", name)
            self.fails(65, says, "verify", name)

    def test_serving_refuses_what_is_no_whole_artifact(self):
        with open("whole/artifact.h5", "rb") as f:
            whole = f.read()
        write("cut.h5", whole[:len(whole) // 2])
        write("none.h5", b"")
        for name, code, says in (("cut.h5", 65, "truncated"), ("none.h5", 65, "not a Daogou file"),
                                 ("whole/dataset.h5", 65, "daogou-dataset"),
                                 ("whole/model.h5", 65, "daogou-model"),
                                 ("nowhere.h5", 66, "No such file")):
            with self.subTest(name):
                ended = subprocess.run([harness.daogou_serve, "--artifact", name, "--listen",
                                        "127.0.0.1:0"], capture_output=True, text=True, timeout=120)
                self.assertEqual(ended.returncode, code, ended)
                self.assertRegex(ended.stderr, rf"^daogou-serve: {name}.*{says}")
                self.assertLessEqual(ended.stderr.count("\n"), 2)


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and so would its children
    harness.main()
