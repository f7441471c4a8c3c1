"""resume.py - killed, stopped and damaged runs go on to the same model, on any number of ranks."""
import contextlib
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

import harness
from harness import Case, finish, ranks_of, run, start, write

SWEEPS = 24
JOB = """name: {algorithm}
seed: 7
data:
  ratings: {{path: shop/ratings.csv, columns: {{user: user, item: item, value: rating}}}}
  items: {{path: shop/goods.csv, columns: {{item: item, title: title}}}}
prepare: {{split: {{method: ratio, test: 0.2}}}}
model: {{algorithm: {algorithm}, factors: 12, iterations: {sweeps}}}
evaluate: {{k: [10], metrics: [recall, ndcg]}}
checkpoint: {{every: 1, keep: 3}}
"""
ALGORITHMS = ("als", "ials")
whole = {}  # algorithm: digests of a run that nothing disturbed
draw = random.Random(int(os.environ.get("DAOGOU_TEST_SEED", "1")))


def checkpoints(work):
    return sorted(glob.glob(f"{work}/checkpoints/ckpt-*.h5"))


def setUpModule():
    ended = run("generate", "--out", "shop", "-q", "--ratings", "5000", "--events", "1000")
    assert ended.code == 0, ended
    for algorithm in ALGORITHMS:
        write(f"{algorithm}.yaml", JOB.format(algorithm=algorithm, sweeps=SWEEPS))
        ended = run("run", f"{algorithm}.yaml", "--work", f"whole-{algorithm}")
        assert ended.code == 0, ended
        whole[algorithm] = Case().digests(f"whole-{algorithm}")


def ends_by_the_clock(work, *more):
    """A run whose job's time ends while it trains; a busy machine needs longer to get there."""
    for seconds in (6, 20, 60):
        ended = run("run", "als.yaml", "--work", work, "--set", "model.iterations=100000", *more, np=2,
                    env={"SLURM_JOB_END_TIME": str(int(time.time()) + seconds)})
        if "after sweep" in ended.err:
            break
    return ended


class SameEverywhere(Case):
    def test_any_number_of_ranks_makes_the_same_files(self):
        for algorithm in ALGORITHMS:
            for np in (2, 3, 4) if harness.long_form else ((2, 4) if algorithm == "als" else (3,)):
                with self.subTest(algorithm, np=np):
                    work = f"ranks-{algorithm}-{np}"
                    self.succeeds("run", f"{algorithm}.yaml", "--work", work, np=np)
                    self.assertEqual(self.digests(work), whole[algorithm])


class Killed(Case):
    def goes_on(self, algorithm, work, np, *says):
        """Run it again, on np ranks: it ends with the model of a run that nothing disturbed."""
        ended = self.succeeds("run", f"{algorithm}.yaml", "--work", work, np=np)
        for line in says:
            self.assertIn(line, ended.lines, ended)
        self.assertEqual(self.digests(work), whole[algorithm])
        self.assert_nothing_half_written(work)
        return ended

    def test_a_rank_killed_at_a_named_place(self):
        # Visits of write.kill on a rank: about 40 for the dataset, 6 for each checkpoint.
        cases = [("als", "sweep.kill:1:7", 2, 3), ("ials", "write.kill:2:60", 3, 2),
                 ("als", "rename.kill:0:9", 2, 0)]
        if harness.long_form:
            visits = {"sweep.kill": (1, 2, SWEEPS), "write.kill": (1, 30, 50, 90, 150),
                      "rename.kill": (1, 2, 3, SWEEPS, SWEEPS + 1, SWEEPS + 2)}
            cases = [(algorithm, f"{site}:{rank}:{nth}", np, 1 + (np + nth + rank) % 4)
                     for algorithm in ALGORITHMS for np in (2, 3) for rank in range(np)
                     for site in visits for nth in visits[site]
                     if site != "rename.kill" or rank == 0]
        for algorithm, fault, np, again in cases:
            with self.subTest(algorithm, fault=fault, np=np, again=again):
                work = f"kill-{algorithm}-{fault}-{np}"
                ended = run("run", f"{algorithm}.yaml", "--work", work, np=np,
                            env={"DAOGOU_FAULT": fault})
                self.assertEqual(ended.code, 128 + signal.SIGKILL, ended)
                self.goes_on(algorithm, work, again)
                shutil.rmtree(work)

    def test_any_rank_killed_at_any_time(self):
        for turn in range(12 if harness.long_form else 1):
            algorithm, np = ALGORITHMS[turn % 2], 2 + draw.randrange(2)
            work, sweep = f"any-{turn}", draw.randrange(2, SWEEPS - 6)
            process = start("run", f"{algorithm}.yaml", "--work", work, np=np)
            with self.subTest(algorithm, np=np, sweep=sweep):
                until = time.monotonic() + 120
                while not checkpoints(work)[-1:] >= [f"{work}/checkpoints/ckpt-{sweep:06}.h5"]:
                    if process.poll() is not None or time.monotonic() > until:
                        break
                    time.sleep(0.002)
                ranks = ranks_of(process)
                if ranks:  # a quick machine may be done already
                    os.kill(draw.choice(ranks), signal.SIGKILL)
                ended = finish(process)
                self.assertIn(ended.code, (0, 128 + signal.SIGKILL), ended)
                self.goes_on(algorithm, work, 1 + draw.randrange(4))


class DamagedCheckpoints(Case):
    @classmethod
    def setUpClass(cls):
        ended = run("run", "als.yaml", "--work", "stopped", np=2,
                    env={"DAOGOU_FAULT": "sweep.kill:0:9"})
        assert len(checkpoints("stopped")) == 3, ended

    def copy(self, name):
        shutil.copytree("stopped", name)
        return checkpoints(name)

    def resumes(self, work, np, *says):
        ended = self.succeeds("run", "als.yaml", "--work", work, np=np)
        for line in says:
            self.assertIn(line, ended.lines, ended)
        self.assertEqual(self.digests(work), whole["als"])
        return ended

    def test_the_one_before_is_used_and_why_is_told(self):
        newest, over = self.copy("flipped")[-1], "warning: passing over a checkpoint: "
        self.assertTrue(newest.endswith("ckpt-000008.h5"), newest)
        self.flip(newest)
        self.resumes("flipped", 3, f"{over}{newest}: file is damaged: its bytes do not match its "
                     "digest", "resuming after sweep 7")

    def test_truncated_ones_are_passed_over_until_a_whole_one(self):
        paths = self.copy("truncated")
        sizes = [os.path.getsize(p) for p in paths]
        os.truncate(paths[2], 100)
        os.truncate(paths[1], sizes[1] - 1)
        over = "warning: passing over a checkpoint: "
        self.resumes("truncated", 0, f"{over}{paths[2]}: not a Daogou file (only 100 bytes)",
                     f"{over}{paths[1]}: file is truncated or grown: {sizes[1] - 1} bytes, made "
                     f"with {sizes[1]}", "resuming after sweep 6")

    def test_no_whole_one_means_from_the_start(self):
        for path in self.copy("none"):
            self.flip(path, 0.9)
        ended = self.resumes("none", 2)
        self.assertTrue(any(line.startswith("sweep  1 of") for line in ended.lines), ended)

    def test_an_old_half_written_one_is_removed(self):
        self.copy("half")
        write("half/checkpoints/ckpt-000009.h5.tmp", b"\0" * 999)
        write("half/model.h5.tmp", b"\0" * 999)
        self.resumes("half", 0, "resuming after sweep 8")
        self.assert_nothing_half_written("half")

    def test_one_that_is_named_must_be_whole_and_fit(self):
        paths = self.copy("named")
        self.flip(paths[0])
        other = "shop/other.csv"
        shutil.copy("shop/ratings.csv", other)
        with open(other, "a") as f:
            f.write("1,300,5,1600000000\n")
        for what, code, says, np, *flags in (
            (paths[0], 65, rf"{paths[0]}: file is damaged", 2),
            ("whole-als/dataset.h5", 65, "daogou-dataset", 0),
            ("whole-als/model.h5", 65, "daogou-model", 0),
            (paths[1], 65, "made with other model options or seed: model.factors 12, now 13$", 0,
             "--set", "model.factors=13"),
            (paths[1], 65, "is of sweep 7, the job ends after 6$", 0, "--set",
             "model.iterations=6"),
            (paths[1], 65, "made with other data", 0, "--set", "seed=8"),
            (paths[1], 65, "made with other data", 0, "--set", f"data.ratings.path={other}"),
            (paths[1], 65, "made with another algorithm", 0, "--set", "model.algorithm=ials"),
            ("nowhere.h5", 66, "nowhere.h5: cannot open: No such file", 0),
            (".", 65, "is a folder", 0),
        ):
            with self.subTest(what, flags=flags):
                work = "named-data" if says.endswith("other data") else "named"
                self.fails(code, says, "run", "als.yaml", "--work", work, "--resume", what, *flags,
                           np=np)
                self.assertFalse(os.path.exists(f"{work}/model.h5"))
        ended = self.succeeds("run", "als.yaml", "--work", "named", "--resume", paths[1])
        self.assertIn("resuming after sweep 7", ended.lines)
        self.assertEqual(self.digests("named"), whole["als"])


    def test_a_run_goes_on_to_another_number_of_sweeps_and_says_so(self):
        for sweeps in (SWEEPS - 5, 7):
            with self.subTest(sweeps=sweeps):
                more = ("--set", f"model.iterations={sweeps}")
                self.copy("longer")
                ended = self.succeeds("run", "als.yaml", "--work", "longer", *more, np=2)
                from_ = min(8, sweeps)
                self.assertIn(f"resuming after sweep {from_}", ended.lines)
                self.assertIn(f"longer/checkpoints/ckpt-{from_:06}.h5: made with model.iterations "
                              f"{SWEEPS}, now {sweeps}", ended.lines)
                self.succeeds("run", "als.yaml", "--work", "anew", *more)
                self.assertEqual(self.digests("longer"), self.digests("anew"))
                shutil.rmtree("longer")
                shutil.rmtree("anew")

    def test_others_are_passed_over_with_what_differs(self):
        newest = self.copy("changed")[-1]
        ended = self.succeeds("run", "als.yaml", "--work", "changed", "--set", "model.factors=13",
                              "--set", "model.iterations=2", np=2)
        self.assertIn(f"warning: passing over a checkpoint: {newest}: was made with other model "
                      "options or seed: model.factors 12, now 13", ended.lines, ended)


class Room(Case):
    """What would stop the run at its first checkpoint stops it before its first sweep."""

    def refused(self, work, says, hint, fault="", np=2):
        ended = self.fails(73, says, "run", "als.yaml", "--work", work, np=np,
                           env={"DAOGOU_FAULT": fault})
        self.assertRegex(ended.lines[-1], f"^hint: {hint}")
        self.assertNotIn("sweep", ended.err)
        self.assert_nothing_half_written(work)

    def test_a_folder_that_cannot_take_checkpoints_is_refused(self):
        self.refused("full", r"full/checkpoints: 0 B left for checkpoints and the model, which "
                     r"take up to [\d.]+ [kM]B \(rank 0\)$", "make room, lower checkpoint.keep",
                     "room:0:1")
        self.refused("locks", "locks/checkpoints: cannot lock a file in it", "set HDF5_USE_FILE",
                     "lock:0:1", np=0)
        os.makedirs("file")
        write("file/checkpoints", "")
        self.fails(73, "file/checkpoints: is not a folder", "run", "als.yaml", "--work", "file")


class Interval(Case):
    def saved(self, work, *flags):
        shutil.rmtree(work, ignore_errors=True)
        self.succeeds("run", "als.yaml", "--work", work, *flags, np=2)
        with open(f"{work}/run.json") as f:
            return json.load(f)["train"]["checkpoints"]

    def test_by_count_by_cost_and_never(self):
        self.assertEqual(self.saved("pace"), SWEEPS - 1)
        self.assertEqual(self.saved("pace", "--set", "checkpoint.every=5"), 4)
        self.assertEqual(self.saved("pace", "--set", "checkpoint.max_cost=0"), 1)
        self.assertEqual(self.saved("pace", "--set", "checkpoint.every=0"), 0)

    def test_the_automatic_interval_is_told(self):
        ended = self.succeeds("run", "als.yaml", "--work", "auto", "--set",
                              "checkpoint.interval=auto", "--set", "checkpoint.mtbf=1h", np=2)
        self.assertRegex(ended.err, r"\na checkpoint takes .*: one every .*, as failures are 1h.* apart")
        self.assertEqual(len(checkpoints("auto")), 1)
        self.assertEqual(self.digests("auto"), whole["als"])
        self.fails(78, "checkpoint.mtbf: expected", "run", "als.yaml", "--work", "auto", "--set",
                   "checkpoint.interval=auto", "--set", "checkpoint.mtbf=0s")


class Local(Case):
    """Checkpoints that go to a quick folder first."""

    def start_again(self, work):
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree("fast", ignore_errors=True)
        ended = run("run", "als.yaml", "--work", work, "--set", "checkpoint.local=fast", np=2,
                    env={"DAOGOU_FAULT": "sweep.kill:0:9"})
        self.assertEqual(ended.code, 128 + signal.SIGKILL, ended)
        fast = sorted(glob.glob("fast/daogou-*/ckpt-*.h5"))
        self.assertEqual([path[-4] for path in fast], ["6", "7", "8"])
        return fast

    def goes_on(self, work, np, *flags):
        ended = self.succeeds("run", "als.yaml", "--work", work, *flags, np=np)
        self.assertEqual(self.digests(work), whole["als"])
        self.assert_nothing_half_written(work)
        return next(int(line.split()[-1]) for line in ended.lines if line.startswith("resuming"))

    def test_the_newest_of_either_folder_is_taken(self):
        local = ("--set", "checkpoint.local=fast")
        self.start_again("either")
        self.assertEqual(self.goes_on("either", 3, *local), 8)
        self.assertEqual(harness.files_below("fast"), [])  # the model is there
        self.assertEqual(len(checkpoints("either")), 3)
        self.start_again("either")
        shutil.rmtree("either/checkpoints")
        self.assertEqual(self.goes_on("either", 0, *local), 8)
        self.start_again("either")  # another node: copies come a little later
        shutil.rmtree("fast")
        self.assertIn(self.goes_on("either", 2, *local), (6, 7, 8))
        newest = self.start_again("either")[-1]
        self.flip(newest)
        self.assertIn(self.goes_on("either", 2, *local), (7, 8))

    def test_a_run_that_stops_has_copied_all(self):
        ended = ends_by_the_clock("stops", "--set", "checkpoint.local=fast")
        self.assertEqual(ended.code, 75, ended)
        sweep = ended.err.split("after sweep ")[1].split()[0]
        self.assertTrue(checkpoints("stops")[-1].endswith(f"-{sweep:0>6}.h5"), ended)


class Signals(Case):
    def stopped(self, work, np, target, number, until=lambda work: len(checkpoints(work)) > 1):
        """Start, signal after some sweeps, and see it end. Anew where it was done before that."""
        for _ in range(9):
            shutil.rmtree(work, ignore_errors=True)
            process = start("run", "ials.yaml", "--work", work, np=np)
            limit = time.monotonic() + 120
            while not until(work) and process.poll() is None and time.monotonic() < limit:
                time.sleep(0.002)
            ranks = ranks_of(process) or [process.pid]
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid if target == "launcher" else draw.choice(ranks), number)
            ended = finish(process)
            if ended.code != 0:
                break
        return ended

    def test_a_rank_asked_to_stop_saves_and_leaves_with_75(self):
        cases = [(3, "rank", signal.SIGTERM), (2, "launcher", signal.SIGUSR1),
                 (0, "rank", signal.SIGINT), (2, "rank", signal.SIGUSR1),
                 (0, "rank", signal.SIGTERM)]
        for k, (np, target, number) in enumerate(cases if harness.long_form else cases[:3]):
            with self.subTest(np=np, target=target, number=number):
                work = f"signal-{k}"
                ended = self.stopped(work, np, target, number)
                self.assertEqual(ended.code, 75, ended)
                told = [line for line in ended.lines if line.startswith("daogou run: ")]
                self.assertEqual(len(told), 1, ended)
                self.assertRegex(told[0], rf"stopped by {number.name} after sweep \d+ of {SWEEPS}, ")
                self.assertFalse(os.path.exists(f"{work}/model.h5"))
                self.assert_nothing_half_written(work)
                ended = self.succeeds("run", "ials.yaml", "--work", work, np=(2, 0, 3, 0, 2)[k])
                sweep = told[0].split("sweep ")[1].split()[0]
                self.assertIn(f"resuming after sweep {sweep}", ended.lines)
                self.assertEqual(self.digests(work), whole["ials"])

    def test_a_sweep_is_left_where_it_stands_once_the_one_before_is_saved(self):
        # Exact solves of rows longer than they need to be: one sweep takes seconds.
        slow = ("--set", "model.factors=700", "--set", "model.solver=cholesky", "--set",
                "model.iterations=2")
        for pause in (0.5, 3, 20):  # what a busy machine needs from the dataset to the first sweep
            process = start("run", "ials.yaml", "--work", "slow", *slow)
            until = time.monotonic() + 120
            while not os.path.exists("slow/dataset.h5") and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(pause)
            process.send_signal(signal.SIGTERM)
            ended = finish(process)
            if "after sweep" in ended.err:
                break
            shutil.rmtree("slow")
        self.assertEqual(ended.code, 75, ended)
        self.assertRegex(ended.err, "stopped by SIGTERM after sweep [01] of 2, saved")

    def test_every_stage_can_be_stopped_and_goes_on(self):
        ended = self.stopped("early", 0, "rank", signal.SIGINT,
                             until=lambda work: os.path.exists(f"{work}/log.jsonl"))
        self.assertEqual(ended.code, 75, ended)
        self.assert_one_sentence(ended, "run", "stopped by SIGINT")
        self.succeeds("run", "ials.yaml", "--work", "early", np=2)
        self.assertEqual(self.digests("early"), whole["ials"])

    def test_making_up_a_shop_can_be_stopped(self):
        process = start("generate", "--preset", "ratings-1m", "--out", "large", np=2)
        until = time.monotonic() + 120
        while not glob.glob("large/*") and time.monotonic() < until:  # begun, far from done
            time.sleep(0.01)
        os.kill(ranks_of(process)[1], signal.SIGTERM)
        ended = finish(process)
        self.assertEqual(ended.code, 75, ended)
        self.assert_one_sentence(ended, "generate", "stopped by SIGTERM")
        self.assertFalse(os.path.exists("large"))

    def test_a_second_signal_ends_a_run_at_once(self):
        # A hanging rank cannot come to a safe point; the launcher ends the others.
        process = start("run", "ials.yaml", "--work", "twice", np=2,
                        env={"DAOGOU_FAULT": "sweep.hang:1:3"})
        until = time.monotonic() + 120
        while len(checkpoints("twice")) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        self.wait_until_it_hangs(ranks_of(process)[1])
        for _ in range(20):  # two that come together are one
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.send_signal(signal.SIGUSR1)
                process.wait(1.5)
        ended = finish(process, 30)
        self.assertEqual(ended.code, 75, ended)
        self.assertEqual(ended.err.count("stopped at once by a second signal"), 1, ended)
        self.succeeds("run", "ials.yaml", "--work", "twice")
        self.assertEqual(self.digests("twice"), whole["ials"])

    def wait_until_it_hangs(self, pid):
        """Until a process has not run for ten looks in a row."""
        spent = [-1]
        while len(spent) < 10:
            time.sleep(0.2)
            with open(f"/proc/{pid}/stat") as f:
                words = f.read().rsplit(")", 1)[1].split()
            now = int(words[11]) + int(words[12])
            spent = [*spent, now] if now == spent[-1] else [now]

    def test_the_end_of_the_jobs_time_needs_no_signal(self):
        ended = ends_by_the_clock("walltime", "--set", "checkpoint.every=0")
        self.assertEqual(ended.code, 75, ended)
        self.assert_one_sentence(ended, "run", "stopped by the end of the job's time after sweep ")
        self.assertEqual(len(checkpoints("walltime")), 1)

    def test_a_launcher_that_is_terminated_leaves_something_to_resume(self):
        # Open MPI ends with 1, and may kill before a checkpoint: the one before is there.
        ended = self.stopped("terminated", 2, "launcher", signal.SIGTERM)
        self.assertNotEqual(ended.code, 0, ended)
        ended = self.succeeds("run", "ials.yaml", "--work", "terminated", np=2)
        self.assertEqual(self.digests("terminated"), whole["ials"])
        self.assert_nothing_half_written("terminated")


class RealData(Case):
    """MovieLens 100K with the jobs that ship: one model, however it came about."""

    @unittest.skipUnless(os.path.exists(f"{harness.data}/movielens-100k/u1.base"),
                         f"there is no {harness.data}/movielens-100k")
    def test_a_killed_run_of_a_shipped_job_ends_in_the_same_model(self):
        os.environ["DAOGOU_DATA"] = harness.data
        for algorithm in ALGORITHMS if harness.long_form else ALGORITHMS[1:]:
            job = f"{harness.source}/jobs/ml100k-{algorithm}.yaml"
            self.succeeds("run", job, "--work", f"ml-{algorithm}", np=1)
            want = self.digests(f"ml-{algorithm}")
            ended = run("run", job, "--work", "ml-killed", np=3,
                        env={"DAOGOU_FAULT": "sweep.kill:2:4"})
            self.assertEqual(ended.code, 128 + signal.SIGKILL, ended)
            ended = self.succeeds("run", job, "--work", "ml-killed", np=2)
            self.assertIn("resuming after sweep 3", ended.lines)
            self.assertEqual(self.digests("ml-killed"), want)
            shutil.rmtree("ml-killed")
            for np in (2, 3, 4) if harness.long_form else ():
                self.succeeds("run", job, "--work", f"ml-{algorithm}-{np}", np=np)
                self.assertEqual(self.digests(f"ml-{algorithm}-{np}"), want)


class Locked(Case):
    def test_a_second_run_in_the_folder_is_refused_and_does_no_harm(self):
        for _ in range(9):  # until it is held before it is done
            shutil.rmtree("shared", ignore_errors=True)
            process = start("run", "als.yaml", "--work", "shared")
            while not checkpoints("shared") and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGSTOP)
            if process.poll() is None and not os.path.exists("shared/model.h5"):
                break
            process.send_signal(signal.SIGCONT)
            finish(process)
        try:
            for command in ("run", "recommend"):
                self.fails(69, r"shared: another run works in this folder$", command, "als.yaml",
                           "--work", "shared")
        finally:
            process.send_signal(signal.SIGCONT)
            ended = finish(process)
        self.assertEqual(ended.code, 0, ended)
        self.assertEqual(self.digests("shared"), whole["als"])


class Skipped(Case):
    FILES = ("dataset.h5", "model.h5", "metrics.json", "artifact.h5")

    def made(self, *flags, np=0):
        """Which files a run makes anew; the others it says are up to date."""
        before = {name: os.stat(f"skip/{name}").st_mtime_ns for name in self.FILES}
        ended = self.succeeds("run", "skip.yaml", "--work", "skip", *flags, np=np)
        kept = [n for n in self.FILES if before[n] == os.stat(f"skip/{n}").st_mtime_ns]
        said = [n for n in self.FILES if f"{n} is up to date" in ended.lines]
        self.assertEqual(said, kept, ended)
        return [n for n in self.FILES if n not in kept]

    def test_only_what_depends_on_a_change_is_made_anew(self):
        shutil.copytree("shop", "changing")
        write("skip.yaml", JOB.format(algorithm="ials", sweeps=2).replace("shop/", "changing/"))
        self.succeeds("run", "skip.yaml", "--work", "skip")
        self.assertEqual(self.made(np=3), [])
        os.utime("changing/ratings.csv", (1, 1))
        os.utime("changing/goods.csv")
        self.assertEqual(self.made(), [])
        self.assertEqual(self.made("--set", "checkpoint.every=2"), [])
        all_after = [*self.FILES]
        self.assertEqual(self.made("--set", "evaluate.k=[5]"), all_after[2:])
        with open("skip/metrics.json") as f:
            self.assertIn("recall@5", json.load(f))
        with open("skip/artifact.h5", "rb") as f:
            self.assertIn(b"recall@5", f.read())
        self.assertEqual(self.made("--set", "evaluate.k=[5]", "--set", "name=other"), all_after[3:])
        self.assertEqual(self.made("--set", "model.regularization=0.01"), all_after[1:])
        self.assertEqual(self.made("--set", "prepare.split.test=0.3"), all_after)
        self.assertEqual(self.made(), all_after)
        with open("changing/goods.csv", "a") as f:
            f.write("999,one more,x,y,1.00,z\n")
        self.assertEqual(self.made(np=2), all_after)
        os.remove("skip/metrics.json")
        write("skip/metrics.json", "{ this is not JSON")
        self.assertEqual(self.made(), ["metrics.json"])
        self.assertEqual(self.made("--resume", "none"), ["model.h5"])


if __name__ == "__main__":
    harness.main()
