"""slurm.py - jobs in a real Slurm: they finish, are preempted, warned, lose nodes, and go on."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import cluster
import harness
from harness import Case, run, write

SWEEPS = 20
JOB = """name: shop
seed: 7
data: {{ratings: {{path: shop/ratings.csv, columns: {{user: user, item: item, value: rating}}}}}}
prepare: {{split: {{method: ratio, test: 0.2}}}}
model: {{algorithm: als, factors: 200, iterations: {sweeps}}}
evaluate: {{k: [10], metrics: [recall]}}
"""
SUBMIT = f"{harness.source}/slurm/submit"
MPIRUN = "mpirun --map-by :OVERSUBSCRIBE --bind-to none"
TWO_NODES = ("--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=1", "--time=10")
ONE_NODE = ("--nodes=1", "--ntasks-per-node=2", "--cpus-per-task=1", "--time=10")
whole = {}


def command(*args, **env):
    return subprocess.run(args, capture_output=True, text=True, env={**os.environ, **env})


def setUpModule():
    global slurm
    lacking = cluster.missing()
    if lacking:
        raise unittest.SkipTest(f"Slurm is not installed: no {', '.join(lacking)}")
    slurm = cluster.Cluster(f"{harness.scratch}/cluster")
    unittest.addModuleCleanup(slurm.stop)
    wrong = slurm.start()
    if wrong:
        raise RuntimeError(f"Slurm does not start here: {wrong}")
    os.environ["DAOGOU_BIN"] = harness.daogou
    ended = run("generate", "--out", "shop", "-q", "--ratings", "4000", "--events", "100")
    assert ended.code == 0, ended
    write("job.yaml", JOB.format(sweeps=SWEEPS))
    ended = run("run", "job.yaml", "--work", "whole")
    assert ended.code == 0, ended
    whole.update(Case().digests("whole"))


def figure(job, name):
    """What `scontrol show job` says of it; of an array's tasks the first."""
    shown = command("scontrol", "show", "job", job).stdout
    found = re.search(rf"\b{name}=(\S+)", shown)
    return found.group(1) if found else ""


class Queue(Case):
    def submit(self, *args, **env):
        """Job numbers, as slurm/submit prints them."""
        ended = command(SUBMIT, *args, **env)
        self.assertEqual(ended.returncode, 0, ended)
        return ended.stdout.split()

    def wait(self, what, condition, seconds=240):
        if not slurm.until(condition, seconds):
            self.fail(f"{what}: not within {seconds} s\n{command('squeue', '-l').stdout}"
                      f"{self.told('*')[-9000:]}{slurm.logs()}")

    def wait_state(self, job, *states):
        self.wait(f"job {job} {states}", lambda: figure(job, "JobState") in states)

    def completes(self, job, work):
        final = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED")
        self.wait_state(job, *final)
        self.assertEqual(figure(job, "JobState"), "COMPLETED", self.told(work))

    def told(self, work):
        told = ""
        for path in sorted(glob.glob(f"{work}/slurm-*.out")):
            with open(path) as f:
                told += f"--- {path}\n{f.read()}"
        return told

    def ranks(self, job):
        """Processes of a job's ranks."""
        found = []
        for pid in harness.stragglers():
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if f"SLURM_JOB_ID={job}".encode() in f.read().split(b"\0"):
                        found += [pid] if harness.name_of(pid) == "daogou" else []
            except OSError:
                pass
        return found

    def hold(self, job, work):
        """Stop the ranks of a job that has some sweeps behind it and some before it."""
        self.wait(f"checkpoints in {work}", lambda: glob.glob(f"{work}/checkpoints/ckpt-*.h5"))
        ranks = self.ranks(job)
        self.assertEqual(len(ranks), 2, self.told(work))
        for pid in ranks:
            os.kill(pid, signal.SIGSTOP)
        self.assertFalse(os.path.exists(f"{work}/model.h5"), "too quick to be held")
        return ranks

    def assert_went_on(self, job, work, stopped):
        self.completes(job, work)
        told = self.told(work)
        self.assertRegex(told, stopped)
        self.assertRegex(told, "resuming after sweep [0-9]+")
        self.assertGreaterEqual(int(figure(job, "Restarts")), 1, told)
        self.assertEqual(self.digest(f"{work}/model.h5"), whole["model"])


class Jobs(Queue):
    def test_a_submitted_job_finishes_under_srun_and_under_mpirun(self):
        job, = self.submit(*TWO_NODES, "train", "job.yaml", "--work", "by-srun")
        self.completes(job, "by-srun")
        other, = self.submit(*TWO_NODES, "train", "job.yaml", "--work", "by-mpirun",
                             DAOGOU_LAUNCH=MPIRUN)
        self.completes(other, "by-mpirun")
        for work in ("by-srun", "by-mpirun"):
            self.assertIn("2 nodes, 2 ranks of 1 threads", self.told(work))
            self.assertIn("left of the job's time", self.told(work))
            self.assertEqual(self.digest(f"{work}/model.h5"), whole["model"])
        # The state is told before the batch script's last lines have run.
        self.wait("scratch folders gone", lambda: not glob.glob(f"{harness.scratch}/daogou-*"))

    def test_a_preempted_job_saves_is_put_back_and_goes_on(self):
        job, = self.submit(*TWO_NODES, "train", "job.yaml", "--work", "preempted")
        self.hold(job, "preempted")  # preemption begins with a SIGCONT
        urgent = command("sbatch", "--parsable", "-p", "high", "-N2", "--exclusive", "-o",
                         "/dev/null", "--wrap", "true").stdout.strip()
        self.wait_state(urgent, "COMPLETED")
        self.assert_went_on(job, "preempted", "stopped by SIGTERM after sweep [0-9]+ of 20, saved")

    def test_a_job_warned_of_its_end_saves_is_put_back_and_goes_on(self):
        job, = self.submit(*ONE_NODE, "--time=2", "--signal=B:USR1@100", "train", "job.yaml",
                           "--work", "warned")
        ranks = self.hold(job, "warned")

        def all_told():
            for pid in ranks:
                with open(f"/proc/{pid}/status") as f:
                    pending = re.search(r"ShdPnd:\s*(\w+)", f.read()).group(1)
                if not int(pending, 16) >> (signal.SIGUSR1 - 1) & 1:
                    return False
            return True
        self.wait("the warning", all_told)  # Slurm looks every 30 seconds
        for pid in ranks:
            os.kill(pid, signal.SIGCONT)
        self.assert_went_on(job, "warned", "stopped by SIGUSR1 after sweep [0-9]+ of 20, saved")

    def test_a_job_that_loses_its_node_goes_on_elsewhere(self):
        job, = self.submit(*ONE_NODE, "train", "job.yaml", "--work", "lost")
        self.hold(job, "lost")
        node = figure(job, "BatchHost")
        command("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        self.addCleanup(command, "scontrol", "update", f"nodename={node}", "state=resume")
        self.assert_went_on(job, "lost", "start 2: ")
        self.assertNotEqual(figure(job, "BatchHost"), node)

    def test_a_job_whose_rank_dies_is_put_back(self):
        job, = self.submit(*TWO_NODES, "train", "job.yaml", "--work", "killed")
        ranks = self.hold(job, "killed")
        os.kill(ranks[0], signal.SIGKILL)
        self.assert_went_on(job, "killed", "ended with [0-9]+, put back")

    def test_a_loop_of_crashes_is_stopped(self):
        job, = self.submit(*ONE_NODE, "train", "job.yaml", "--work", "looping",
                           DAOGOU_FAULT="sweep.kill:0:1", DAOGOU_MAX_IDLE="2")
        self.wait_state(job, "FAILED")
        self.assertEqual(figure(job, "Restarts"), "1", self.told("looping"))
        self.assertIn("2 starts in a row left nothing new in looping; not put back",
                      self.told("looping"))

    def test_restarts_have_a_limit(self):
        job, = self.submit(*ONE_NODE, "train", "job.yaml", "--work", "limited",
                           DAOGOU_FAULT="sweep.kill:0:3", DAOGOU_MAX_RESTARTS="0")
        self.wait_state(job, "FAILED")
        self.assertEqual(figure(job, "Restarts"), "0")
        self.assertIn("after 0 restarts, the most allowed; not put back", self.told("limited"))

    def test_what_would_fail_again_is_not_put_back(self):
        job, = self.submit(*ONE_NODE, "train", "job.yaml", "--work", "wrong", "--set",
                           "data.ratings.path=nowhere.csv")
        self.wait_state(job, "FAILED")
        self.assertEqual((figure(job, "ExitCode"), figure(job, "Restarts")), ("66:0", "0"))


class Chains(Queue):
    def test_an_array_of_trials(self):
        self.succeeds("prepare", "job.yaml", "--work", "tuned")
        write("trials", "model.factors=2\nmodel.factors=4 model.regularization=0.1\nseed=7\n")
        job, = self.submit(*ONE_NODE, "--ntasks-per-node=1", "--trials", "trials", "--at-most", "2",
                           "tune", "job.yaml", "--work", "tuned")
        self.wait("trials", lambda: len(glob.glob("tuned/trials/*/artifact.h5")) == 3)
        self.wait("the end", lambda: not command("squeue", "-h", "-j", job).stdout)
        self.assertEqual(self.digest("tuned/trials/3/model.h5"), whole["model"])
        self.assertNotEqual(self.digest("tuned/trials/1/model.h5"),
                            self.digest("tuned/trials/2/model.h5"))
        same = [os.stat(f"tuned/{d}/dataset.h5").st_ino for d in ("", "trials/1", "trials/2")]
        self.assertEqual(len(set(same)), 1, "prepared once for all")

    def test_a_search_by_two_tasks(self):
        with open("job.yaml") as job:
            write("search.yaml", job.read() + "tune:\n  trials: 4\n  metric: recall@10\n"
              "  space: {model.factors: \"double(2, 8)\"}\n")
        job, = self.submit(*ONE_NODE, "--ntasks-per-node=1", "--at-most", "2", "tune",
                           "search.yaml", "--work", "searched")
        self.wait("the end", lambda: not command("squeue", "-h", "-j", job).stdout)
        with open("searched/tune/tune.json") as f:
            self.assertEqual(len(json.load(f)["results"]), 4)
        self.succeeds("run", "searched/tune/best.yaml", "--work", "best")

    def test_the_nightly_chain(self):
        chain = (*ONE_NODE, "nightly", "job.yaml", "--work", "nightly", "--set",
                 "publish.registry=registry")
        jobs = self.submit(*chain)
        self.assertEqual(len(jobs), 4)
        next_night = self.submit(*chain)
        for job in jobs + next_night:
            self.completes(job, "nightly")
        self.assertEqual(self.digests("nightly"), whole)
        ends = [figure(job, "EndTime") for job in jobs + next_night]
        self.assertEqual(ends, sorted(ends))
        self.assertIn("model.h5 is up to date", self.told("nightly"))
        self.assertTrue(glob.glob("registry/shop/*/artifact.h5"), self.told("nightly"))
        quiet = self.submit("--dry-run", *chain, "--set", "prepare.split.method=none")
        self.assertEqual(sum(word.endswith(".sbatch") for word in quiet), 3, quiet)

    def test_a_chain_ends_where_a_stage_fails(self):
        jobs = self.submit(*ONE_NODE, "nightly", "job.yaml", "--work", "broken", "--set",
                           "data.ratings.path=nowhere.csv")
        self.wait_state(jobs[0], "FAILED")
        for job in jobs[1:]:
            self.wait_state(job, "CANCELLED")


if __name__ == "__main__":
    harness.main()
