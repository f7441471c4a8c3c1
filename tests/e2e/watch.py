"""watch.py - a run that is watched: a stuck rank is named, monitors and logs get their figures."""
import json
import os
import re
import select
import signal
import time

import harness
from harness import Case, finish, run, start, write

SWEEPS = 12
whole = {}


def setUpModule():
    write("ratings.csv", harness.ratings_csv())
    write("job.yaml", harness.job_yaml(algorithm="als", iterations=SWEEPS))
    ended = run("run", "job.yaml", "--work", "whole")
    assert ended.code == 0, ended
    whole.update(Case().digests("whole"))


def watching(work, **options):
    sets = [word for k, v in options.items() for word in ("--set", f"watch.{k}={v}")]
    return ("run", "job.yaml", "--work", work, *sets)


def log(work):
    with open(f"{work}/log.jsonl") as f:
        return [json.loads(line) for line in f]


def figures(path):
    """Samples of a textfile by name; what Prometheus would not take fails."""
    found = {}
    with open(path) as f:
        for line in f.read().splitlines():
            if line.startswith("#"):
                assert re.fullmatch(r"# (HELP|TYPE) daogou_[a-z_]+ .+", line), line
                continue
            sample = re.fullmatch(r'(daogou_[a-z_]+)\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\} (\S+)', line)
            assert sample, line
            found[sample[1]] = float(sample[2])
    return found


class Stuck(Case):
    def test_a_rank_that_hangs_is_named_and_the_run_given_up(self):
        options = {"stuck_after": "4s", "stop_after": "5s", "textfile": "hang.prom"}
        ended = run(*watching("hang", **options), np=3, env={"DAOGOU_FAULT": "sweep.hang:1:5"})
        self.assertEqual(ended.code, 75, ended)
        named = [line for line in ended.lines if "has not moved for" in line]
        self.assertEqual(len(named), 1, ended)
        self.assertRegex(named[0], r"^warning: rank 1 \(process \d+ on \S+\) has not moved for .*: "
                         "train after sweep 4$")
        self.assertIn("giving up because rank 1 is stuck", ended.err)
        told = [line for line in log("hang") if line["event"] == "stuck"]
        self.assertEqual([line["stuck_rank"] for line in told], [1])
        shown = figures("hang.prom")
        self.assertEqual((shown["daogou_exit_code"], shown["daogou_stuck_ranks"]), (75, 1))
        self.assertEqual(shown["daogou_sweep"], 4)
        ended = self.succeeds(*watching("hang"), np=2)
        self.assertIn("resuming after sweep 4", ended.lines)
        self.assertEqual(self.digests("hang"), whole)

    def test_a_rank_whose_process_stands_still_is_named_by_another(self):
        for rank in (0, 1):
            with self.subTest(rank=rank):
                work = f"still-{rank}"
                process = start(*watching(work, stuck_after="2s"), np=2)
                pids = {}
                until = time.monotonic() + 120
                while rank not in pids and process.poll() is None and time.monotonic() < until:
                    if os.path.exists(f"{work}/ranks"):
                        with open(f"{work}/ranks", errors="replace") as f:
                            pids = {int(w[0]): int(w[2]) for w in map(str.split, f) if len(w) > 6}
                os.kill(pids[rank], signal.SIGSTOP)
                told = more = b"."
                while more and b"has not moved" not in told and \
                        select.select([process.stderr], [], [], 120)[0]:
                    more = os.read(process.stderr.fileno(), 4096)
                    told += more
                os.kill(pids[rank], signal.SIGCONT)
                ended = finish(process)
                self.assertEqual(ended.code, 0, ended)
                told = told.decode() + ended.err
                self.assertIn(f"warning: rank {rank} (process {pids[rank]} on ", told)
                self.assertNotIn(f"rank {1 - rank} (process", told, ended)
                self.assertEqual(self.digests(work), whole)
                self.assertFalse(os.path.exists(f"{work}/ranks"))


class Told(Case):
    def test_monitors_get_the_figures_of_the_run(self):
        self.succeeds(*watching("told", stuck_after="0s", textfile="told.prom"), np=2)
        shown = figures("told.prom")
        with open("told/run.json") as f:
            record = json.load(f)
        self.assertEqual((shown["daogou_running"], shown["daogou_exit_code"]), (0, 0))
        self.assertEqual((shown["daogou_sweep"], shown["daogou_sweeps"]), (SWEEPS, SWEEPS))
        self.assertEqual((shown["daogou_ranks"], shown["daogou_stuck_ranks"]), (2, 0))
        self.assertAlmostEqual(shown["daogou_loss"], record["train"]["loss"][-1], 6)
        self.assertEqual(shown["daogou_checkpoint_sweep"], SWEEPS - 1)
        self.assertEqual(self.digests("told"), whole)

    def test_a_monitor_that_cannot_be_told_is_no_failure(self):
        ended = self.succeeds(*watching("untold", textfile="nowhere/told.prom"))
        self.assertEqual(ended.err.count("warning: watch.textfile: nowhere/told.prom"), 1, ended)

    def test_every_line_of_the_log_says_who_and_where(self):
        self.succeeds(*watching("logged"), np=2)
        lines = log("logged")
        for line in lines:
            self.assertLessEqual({"t", "level", "event", "rank", "phase", "text"}, set(line))
        sweeps = [line for line in lines if line["event"] == "sweep"]
        self.assertEqual([line["sweep"] for line in sweeps], [*range(1, SWEEPS + 1)])
        for line in sweeps:
            self.assertEqual(line["phase"], "train")
            self.assertGreater(min(line["seconds"], line["bytes"], line["loss"]), 0)
        stages = [line["stage"] for line in lines if line["event"] == "stage"]
        self.assertEqual(stages, ["prepare", "train", "evaluate", "export", "report"])
        saved = [line["sweep"] for line in lines if line["event"] == "checkpoint"]
        self.assertEqual(saved, [*range(1, SWEEPS)])


if __name__ == "__main__":
    harness.main()
