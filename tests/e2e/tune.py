"""tune.py - a search finds the same best job however it is run: alone, in groups, killed, shared."""
import glob
import json
import os
import random
import signal
import time
import unittest

import harness
from harness import Case, finish, ranks_of, run, start, write

SPACE = """tune:
  metric: ndcg@10
  trials: 10
  method: {method}
  space:
    model.algorithm: choice(ials, ease, item-knn)
    ials/model.factors: double(4, 16)
    ials/model.regularization: log(0.001, 1)
    ease/model.regularization: log(1, 1000)
    model.neighbors: int(3, 30)
"""
JOB = """name: {name}
seed: 7
data:
  ratings: {{path: ratings.csv, columns: {{user: user, item: item}}}}
prepare: {{split: {{method: ratio, test: 0.2}}}}
model: {{algorithm: ials, factors: 6, iterations: 9}}
evaluate: {{k: [5], metrics: [recall]}}
"""
found = {}  # by one undisturbed run


def tuned(work):
    with open(f"{work}/tune/tune.json") as f:
        return json.load(f)


def without_times(results):
    return [{k: v for k, v in r.items() if k != "seconds"} for r in results]


def setUpModule():
    write("ratings.csv", tastes())
    write("quasi.yaml", JOB.format(name="quasi") + SPACE.format(method="quasi"))
    write("halving.yaml", JOB.format(name="halving") + SPACE.format(method="halving"))
    for name in ("quasi", "halving"):
        ended = run("tune", f"{name}.yaml", "--work", f"whole-{name}")
        assert ended.code == 0, ended
        found[name] = tuned(f"whole-{name}")


def tastes(n_users=60, n_items=40):
    """Two kinds of users who choose from two halves of the items, so that there is what to learn."""
    draw = random.Random(3)
    lines = ["user,item"]
    for u in range(n_users):
        half = u % 2 * n_items // 2
        for i in range(n_items):
            liked = half <= i < half + n_items // 2
            if draw.random() < (0.6 if liked else 0.05):
                lines.append(f"u{u},i{i}")
    return "\n".join(lines) + "\n"


class Finds(Case):
    def test_every_trial_has_a_result_and_the_best_comes_first(self):
        results = found["quasi"]["results"]
        self.assertEqual(sorted(r["trial"] for r in results), list(range(1, 11)))
        values = [r["value"] for r in results]
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertEqual(found["quasi"]["best"], results[0])
        self.assertGreater(len({r["settings"]["model.algorithm"] for r in results}), 1)

    def test_settings_are_those_the_algorithm_has(self):
        of = {"ials": {"model.factors", "model.regularization"},
              "ease": {"model.regularization"}, "item-knn": {"model.neighbors"}}
        for result in found["quasi"]["results"]:
            settings = set(result["settings"]) - {"model.algorithm"}
            self.assertEqual(settings, of[result["settings"]["model.algorithm"]])

    def test_the_best_job_runs_and_trains_on_the_validation_rows_too(self):
        ended = self.succeeds("run", "whole-quasi/tune/best.yaml", "--work", "best", "--json")
        record = json.loads(ended.out)
        self.assertEqual(record["prepare"]["valid"], 0)
        self.assertEqual(record["train"]["algorithm"],
                         found["quasi"]["best"]["settings"]["model.algorithm"])
        self.assertIn("recall@5", record["evaluate"])

    def test_a_trial_is_what_its_settings_make(self):
        """The value of a trial, from a plain run of the same job."""
        best = found["quasi"]["best"]
        sets = [x for k, v in best["settings"].items() for x in ("--set", f"{k}={v}")]
        write("plain.yaml", JOB.format(name="plain").replace(
            "model: {algorithm: ials, factors: 6, iterations: 9}", ""))
        ended = self.succeeds("run", "plain.yaml", *sets, "--set", "prepare.split.valid=0.1",
                              "--set", "evaluate={part: valid, k: [10], metrics: [ndcg]}",
                              *(("--set", "model.iterations=9") if "model.factors" in
                                best["settings"] else ()), "--json")
        self.assertAlmostEqual(json.loads(ended.out)["evaluate"]["ndcg@10"], best["value"], 8)
        self.assertEqual(len({r["value"] for r in found["quasi"]["results"]}), 10)

    def test_halving_trains_the_best_longer(self):
        results = found["halving"]["results"]
        rungs = {r: [x for x in results if x["rung"] == r] for r in (0, 1, 2)}
        self.assertEqual([len(rungs[r]) for r in (0, 1, 2)], [10, 4, 2])
        for r in (0, 1):
            best = {x["trial"] for x in rungs[r][:len(rungs[r + 1])]}
            self.assertEqual({x["trial"] for x in rungs[r + 1]}, best)
        sweeps = {r: {x["sweeps"] for x in rungs[r]
                      if x["settings"]["model.algorithm"] == "ials"} for r in (0, 1, 2)}
        self.assertEqual(sweeps[0], {2})  # min_iterations; a ninth of 9 is less
        self.assertLessEqual(sweeps[1], {3})
        self.assertLessEqual(sweeps[2], {9})

    def test_no_model_stays_behind(self):
        self.assertEqual(glob.glob("whole-*/tune/trials/*/*.h5"), [])


class SameEverywhere(Case):
    def finds_the_same(self, name, work):
        self.assertEqual(without_times(tuned(work)["results"]),
                         without_times(found[name]["results"]))

    def test_ranks_and_groups_of_ranks(self):
        for np, groups in ((2, 2), (3, 2), (3, 1), (4, 4)) if harness.long_form else ((3, 2),):
            for name in ("quasi", "halving"):
                with self.subTest(name, np=np, groups=groups):
                    work = f"groups-{name}-{np}-{groups}"
                    self.succeeds("tune", f"{name}.yaml", "--groups", str(groups), "--work", work,
                                  np=np)
                    self.finds_the_same(name, work)

    def test_processes_that_share_a_folder(self):
        both = [start("tune", "halving.yaml", "--work", "shared") for _ in range(2)]
        for process in both:
            ended = finish(process)
            self.assertEqual(ended.code, 0, ended)
        self.finds_the_same("halving", "shared")

    def test_trials_one_by_one_as_of_an_array(self):
        for trial in range(1, 11):
            self.succeeds("tune", "quasi.yaml", "--trial", str(trial), "--work", "array")
        before = {f: os.stat(f).st_mtime_ns for f in glob.glob("array/tune/trials/*/result-0.json")}
        self.assertEqual(len(before), 10)
        self.succeeds("tune", "quasi.yaml", "--work", "array")
        self.finds_the_same("quasi", "array")
        self.assertEqual({f: os.stat(f).st_mtime_ns for f in before}, before)

    def test_killed_and_run_again(self):
        for k in range(3):
            process = start("tune", "halving.yaml", "--work", "killed", np=2)
            until = time.monotonic() + 20
            while len(glob.glob("killed/tune/trials/*/result-*.json")) < 4 * k + 2 and \
                    process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            for rank in ranks_of(process)[k % 2:]:
                os.kill(rank, signal.SIGKILL)
            finish(process)
        self.succeeds("tune", "halving.yaml", "--work", "killed")
        self.finds_the_same("halving", "killed")

    def test_stopped_by_a_signal_and_run_again(self):
        process = start("tune", "quasi.yaml", "--work", "stopped")
        while not glob.glob("stopped/tune/trials/*/result-0.json"):
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        ended = finish(process)
        self.assertIn(ended.code, (0, 75), ended)
        self.succeeds("tune", "quasi.yaml", "--work", "stopped")
        self.finds_the_same("quasi", "stopped")


class Fails(Case):
    def refuses(self, says, *sets):
        flags = [x for s in sets for x in ("--set", s)]
        self.fails(78, says, "tune", "quasi.yaml", "--work", "refused", *flags)

    def test_a_space_that_makes_no_sense_is_refused_in_one_sentence(self):
        self.refuses("tune.space: model.factors: \"many\" is no range", "tune.space.model.factors=many")
        self.refuses("tune.space: model.colour: no algorithm of the search has it",
                     "tune.space.model.colour=int(1, 3)")
        self.refuses("there is no algorithm \"magic\"", "tune.space.model.algorithm=choice(magic)")
        self.refuses("tune.metric", "tune.metric=ndcg")
        self.refuses("tune.metric", "tune.metric=beauty@10")
        self.refuses("tune.space", "tune.space={}")
        self.refuses("model.factors", "tune.space.ials/model.factors=int(-5, -1)")

    def singular(self, work, choices):
        """With more items than users X'X has no inverse: ease needs some regularization."""
        write("few.csv", tastes(n_users=12))
        return ("tune", "quasi.yaml", "--work", work, "--set", "data.ratings.path=few.csv", "--set",
                "tune.trials=6", "--set", "tune.space={model.algorithm: choice(ease), "
                f"model.regularization: \"choice({choices})\"}}")

    def test_a_trial_that_fails_is_passed_over(self):
        ended = self.succeeds(*self.singular("some", "0, 10"), "--json")
        results = json.loads(ended.out)["results"]
        failed = [r for r in results if "error" in r]
        self.assertEqual(len(results), 6)
        self.assertTrue(0 < len(failed) < 6, results)
        self.assertIn("singular", failed[0]["error"])
        self.assertIn("value", results[0])

    def test_a_search_whose_trials_all_fail_says_why(self):
        self.fails(76, "every trial failed; trial 1: ease: .* singular", *self.singular("none", "0"))

    def test_groups_and_trials_have_their_bounds(self):
        self.fails(64, "--groups: 2 is not from 1 to the 1 ranks", "tune", "quasi.yaml", "--groups",
                   "2", "--work", "refused")
        self.fails(64, "--trial: there are 10 trials", "tune", "quasi.yaml", "--trial", "11",
                   "--work", "refused")


if __name__ == "__main__":
    harness.main()
