"""sites.py - whatever fails on whichever rank: all end, one tells, the next run succeeds."""
import os
import pathlib
import random
import re
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402
from harness import Case, run, write  # noqa: E402

EXIT = {"alloc": 71, "read": 74, "write": 74, "fsync": 74}
SOON = 120  # seconds, of which a run needs one
draw = random.Random(5)
whole = {}


KILLED = 128 + signal.SIGKILL
# Every site: exit code, visits of it to try, words of the one sentence. What fails at some visits can
# be done without, and which visit is which changes with the program; one of them has to end the run.
SITES = {
    "alloc": (71, (500, 300, 700, 400), "out of memory"),
    "read": (74, (1,), "read"),
    "write": (74, (12, 8, 20, 4), "cannot write"),
    "fsync": (74, (1,), "cannot make durable"),
    "read.kill": (KILLED, (1,), ""),
    "sweep.kill": (KILLED, (2,), ""),
    "write.kill": (KILLED, (12, 8, 4), ""),
    "rename.kill": (KILLED, (2,), ""),
    "registry.kill": (KILLED, (2,), ""),
    "sweep.hang": (75, (2,), "giving up because rank [012] is stuck"),
    "room": (73, (1,), "0 B left for checkpoints"),
    "lock": (73, (1,), "cannot lock a file"),
    "see": (73, (1,), "checkpoint.local: fast: is not the same folder for all ranks"),
    "blas.core": (0, (1,), ""),  # another core is taken
}
ON_RANK_0 = ("rename.kill", "registry.kill", "room", "lock")  # never visited elsewhere


def setUpModule():
    write("ratings.csv", harness.ratings_csv())
    write("items.csv", "item,title\n" + "".join(f"item {k},Thing {k}\n" for k in range(32)))
    write("job.yaml", harness.job_yaml(algorithm="als").replace(
        "prepare:", "  items: {path: items.csv, columns: {item: item, title: title}}\nprepare:"))
    ended = run("run", "job.yaml", "--work", "whole")
    assert ended.code == 0, ended
    whole.update(Case().digests("whole"))


def cases():
    """(site, rank, nth visit, ranks)"""
    if not harness.long_form:
        yield from (("alloc", 0, 90, 2), ("alloc", 1, 400, 2), ("alloc", 2, 700, 3),
                    ("alloc", 1, 930, 2),
                    ("read", 1, 2, 2), ("read", 0, 3, 3), ("write", 1, 30, 2), ("write", 2, 50, 3),
                    ("write", 0, 80, 2), ("fsync", 1, 2, 2), ("fsync", 0, 4, 3), ("fsync", 2, 3, 3))
        return
    for np in (2, 3):
        for rank in range(np):
            for first in range(1, 1200, 24):  # one of every 24 in a row
                yield "alloc", rank, first + draw.randrange(24), np
            for site, visits in (("read", 12), ("write", 90), ("fsync", 13)):
                for nth in range(1, visits + 1, 1 if visits < 20 else 4):
                    yield site, rank, nth, np


class Faults(Case):
    def test_a_fault_ends_all_ranks_and_leaves_nothing_in_the_way(self):
        failed = dict.fromkeys(EXIT, 0)
        for turn, (site, rank, nth, np) in enumerate(cases()):
            with self.subTest(site, rank=rank, nth=nth, np=np):
                ended = run("run", "job.yaml", "--work", "work", np=np, limit=SOON,
                            env={"DAOGOU_FAULT": f"{site}:{rank}:{nth}"})
                failed[site] += ended.code != 0
                if ended.code != 0:
                    self.assertEqual(ended.code, EXIT[site], ended)
                    self.assert_one_sentence(ended, "run", rf" \(rank {rank}\)$")
                self.assert_nothing_half_written("work")
                if ended.code != 0 and (turn % 4 == 0 or harness.long_form):
                    ended = self.succeeds("run", "job.yaml", "--work", "work", np=0)
                if ended.code == 0:  # what can be done without is done without, to the same bits
                    self.assertEqual(self.digests("work"), whole)
                shutil.rmtree("work", ignore_errors=True)
        for site, n in failed.items():
            self.assertGreater(n, 1, f"{site} hardly ever failed: too few visits?")


class EverySite(Case):
    def test_the_table_the_page_and_the_source_name_the_same_sites(self):
        source = pathlib.Path(harness.source)
        there = {site for path in (source / "src").rglob("*.c")
                 for site in re.findall(r'\bdg_fault\("([^"]+)"\)', path.read_text())}
        page = (source / "docs/operations.md").read_text().split("## Made-to-fail switches")[1]
        told = {site for row in re.findall(r"^\| (`.+?) \|", page, re.M)
                for site in re.findall(r"`([a-z.]+)`", row)}
        self.assertEqual(set(SITES), there)
        self.assertEqual(set(SITES), told)

    def test_each_site_on_each_rank_ends_all_alike(self):
        for site, (code, visits, says) in SITES.items():
            places = [(np, rank) for np in (2, 3) for rank in range(np)]
            if not harness.long_form:
                places = [(draw.choice((2, 3)), 0)] if site in ON_RANK_0 else [draw.choice(places)]
            for np, rank in places:
                with self.subTest(site, rank=rank, np=np):
                    never = rank > 0 and site in ON_RANK_0
                    want = 0 if never else code
                    for nth in visits:
                        ended = self.ends(site, rank, nth, np, "" if never else says, want)
                        if ended == want:
                            break
                    self.assertEqual(ended, want)

    def ends(self, site, rank, nth, np, says, code):
        """Its exit code: that one, or 0 with the files of a run that nothing disturbed."""
        shutil.rmtree("work", ignore_errors=True)
        shutil.rmtree("reg", ignore_errors=True)
        more = ["--set", "publish.registry=reg", "--set", "publish.name=small"]
        if site == "sweep.hang":
            more += ["--set", "watch.stuck_after=2s", "--set", "watch.stop_after=3s"]
        if site == "see":
            more += ["--set", "checkpoint.local=fast"]
        command = "run"
        if site.startswith("read"):  # of so few raw data not every rank has a part
            command = "train"
            os.makedirs("work")
            shutil.copy("whole/dataset.h5", "work")
        ended = run(command, "job.yaml", "--work", "work", *more, np=np, limit=SOON,
                    env={"DAOGOU_FAULT": f"{site}:{rank}:{nth}"})
        self.assertIn(ended.code, (code, 0), ended)
        if ended.code == 0:
            self.assertEqual(self.digests("work"), whole)
            return 0
        if code in (71, 73, 74):
            self.assert_one_sentence(ended, command, rf"{says}.* \(rank {rank}\)$")
        elif says:
            self.assertRegex(ended.err, says)
        if code in (71, 73, 74):  # whoever is killed leaves that to the next run
            self.assert_nothing_half_written("work")
        return code


class Recommend(Case):
    def test_lists_fail_as_one_and_are_made_whole_later(self):
        cases = [("alloc", 1, 200, 2), ("write", 1, 3, 2), ("read", 0, 2, 3)]
        if harness.long_form:
            cases += [("alloc", r, n, 3) for r in range(3) for n in range(1, 400, 9)]
        for site, rank, nth, np in cases:
            with self.subTest(site, rank=rank, nth=nth, np=np):
                ended = run("recommend", "job.yaml", "--work", "whole", np=np, limit=SOON,
                            env={"DAOGOU_FAULT": f"{site}:{rank}:{nth}"})
                if ended.code != 0:
                    self.assertEqual(ended.code, EXIT[site], ended)
                    self.assert_one_sentence(ended, "recommend", rf" \(rank {rank}\)$")
                self.assert_nothing_half_written("whole")
        self.succeeds("recommend", "job.yaml", "--work", "whole", np=2)
        self.assertEqual(len(harness.files_below("whole/recommendations")), 64)


if __name__ == "__main__":
    harness.main()
