"""damage.py - a flipped bit in any region of any kind of file is found; folders tell what is usable."""
import collections
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402
from harness import Case, run, write  # noqa: E402

try:
    import h5py
except ImportError:
    print("skipped: there is no h5py here")
    sys.exit(77)

SEAL = 512
KINDS = ["dataset.h5", "checkpoints/ckpt-000002.h5", "model.h5", "metrics.h5", "artifact.h5"]


def setUpModule():
    write("ratings.csv", harness.ratings_csv())
    write("items.csv", "item,title\n" + "".join(f"item {k},Thing {k}\n" for k in range(32)))
    write("job.yaml", harness.job_yaml(algorithm="als").replace(
        "prepare:", "  items: {path: items.csv, columns: {item: item, title: title}}\nprepare:"))
    ended = run("run", "job.yaml", "--work", "work", "--set", "evaluate.per_user=true",
                "--set", "cache.parsed=true", np=2)
    assert ended.code == 0, ended
    KINDS.extend(f"parsed/{name}" for name in os.listdir("work/parsed"))
    assert len(KINDS) == 6, KINDS


def regions(path):
    """(name, first byte, end) of all that a file consists of; of arrays each by its own name."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        text = f.read(SEAL).index(b"\n") + 1
    found = [("seal", 0, text), ("padding of the seal", text, SEAL)]

    def take(name, item):
        if isinstance(item, h5py.Dataset) and item.id.get_storage_size() > 0:
            begin = item.id.get_offset()
            found.append((name, begin, begin + item.id.get_storage_size()))

    with h5py.File(path) as f:
        f.visititems(take)
    found.sort(key=lambda r: r[1])
    gaps, at = [], 0
    for _, begin, end in [*found, ("", size, size)]:
        if begin > at:  # HDF5's own: superblock, headers, attributes, heaps, alignment
            gaps.append((f"structure at {at}", at, begin))
        at = max(at, end)
    return found + gaps


def places(begin, end, n):
    """Up to n bytes of a region, its first and last among them."""
    n = min(n, end - begin)
    return sorted({begin + (end - begin - 1) * k // max(n - 1, 1) for k in range(n)})


class Flipped(Case):
    def test_a_bit_in_any_region_is_found(self):
        for kind in KINDS:
            with open(f"work/{kind}", "rb") as f:
                whole = f.read()
            os.makedirs("flipped")
            write("flipped/whole.h5", whole)
            names, covered = collections.Counter(), 0
            for region, begin, end in regions(f"work/{kind}"):
                covered += end - begin
                n = 3 if region.startswith("digests/") else 30 if region.startswith("struct") else 8
                for at in places(begin, end, n * (4 if harness.long_form else 1)):
                    bad = bytearray(whole)
                    bad[at] ^= 1 << at % 8
                    write(f"flipped/byte-{at}.h5", bytes(bad))
                    names[region] += 1
            self.assertEqual(covered, len(whole), f"{kind}: regions leave bytes out")
            self.assertGreater(len(names), 8, names)
            ended = run("verify", "--json", "flipped", limit=200)  # thousands of files
            self.assertEqual(ended.code, 65, ended)
            self.assert_one_sentence(ended, "verify", "flipped: [0-9]+ of [0-9]+ files are damaged$")
            told = json.loads(ended.out)["files"]
            self.assertEqual(len(told), 1 + sum(names.values()))
            for file in told:
                self.assertEqual(file["usable"], file["path"] == "flipped/whole.h5", (kind, file))
                self.assertEqual("why" in file, not file["usable"])
            shutil.rmtree("flipped")
            print(f"{kind}: {sum(names.values())} flips in {len(names)} regions", file=sys.stderr)


class Folders(Case):
    def setUp(self):
        shutil.rmtree("told", ignore_errors=True)
        shutil.copytree("work", "told")

    def test_a_work_folder_that_is_whole(self):
        out = self.succeeds("verify", "told").out
        for kind in KINDS:
            self.assertIn(f"told/{kind}: whole\n", out)
        self.assertEqual(out, self.succeeds("verify", "told/").out.replace("//", "/"))
        shown = self.succeeds("inspect", "told").out.splitlines()
        self.assertEqual(len(shown), 2)
        self.assertRegex(shown[0], r"^usable: told/checkpoints/ckpt-000002.h5: sweep 2 of als, "
                         r"[\d.]+ kB, \d{4}-.*Z$")
        self.assertEqual(shown[1].split(":")[1], " told/checkpoints/ckpt-000001.h5")

    def test_why_a_checkpoint_is_not_usable(self):
        self.succeeds("run", "job.yaml", "--work", "other", "--set", "seed=8")
        self.succeeds("run", "job.yaml", "--work", "bigger", "--set", "model.factors=7")
        newest = "told/checkpoints/ckpt-000002.h5"
        shutil.copy("other/checkpoints/ckpt-000002.h5", "told/checkpoints/ckpt-000005.h5")
        shutil.copy("bigger/checkpoints/ckpt-000001.h5", "told/checkpoints/ckpt-000001.h5")
        shutil.copy("told/model.h5", "told/checkpoints/ckpt-000004.h5")
        write("told/checkpoints/ckpt-000006.h5.tmp", "half")
        shutil.copy(newest, "told/checkpoints/ckpt-000003.h5")
        self.flip("told/checkpoints/ckpt-000003.h5")
        want = ("ckpt-000006.h5.tmp: half written; the next run removes it",
                "ckpt-000005.h5: was made with other data than dataset.h5",
                "ckpt-000004.h5: is a daogou-model file, a daogou-checkpoint file is needed",
                "ckpt-000003.h5: file is damaged: its bytes do not match its digest")
        for folder in ("told", "told/checkpoints"):
            ended = self.succeeds("inspect", folder)
            lines = ended.out.splitlines()
            self.assertEqual(lines[:4], [f"not usable: told/checkpoints/{why}" for why in want])
            self.assertTrue(lines[4].startswith(f"usable: {newest}: sweep 2 of als"), ended)
            self.assertTrue(lines[5].endswith("not as the newest: model.factors 7, now 6"), ended)
            told = json.loads(self.succeeds("inspect", "--json", folder).out)["checkpoints"]
            self.assertEqual([c["usable"] for c in told], [False] * 4 + [True] * 2)
            ended = run("verify", folder)
            self.assertEqual(ended.code, 65, ended)
            self.assert_one_sentence(ended, "verify", f"{folder}: 1 of [0-9]+ files are damaged$")
            for why in want:
                self.assertIn(f"not usable: told/checkpoints/{why}\n", ended.out)

    def test_a_folder_without_files_says_so(self):
        os.makedirs("empty")
        for command in ("verify", "inspect"):
            self.fails(66, "empty: there are no Daogou files in this folder", command, "empty")


if __name__ == "__main__":
    harness.main()
