"""plan.py - what `daogou plan` says before a run is what the run then moves, to the byte."""
import json
import random
import unittest

import harness
from harness import Case, run, write

USERS, ITEMS = 17200, 24  # 256 ratings a shard of 64 users make a row of an item long: 16384


def ratings():
    """Two items that nearly everybody rated, and a few ratings of the others."""
    draw = random.Random(5)
    lines = ["user,item,rating"]
    for u in range(USERS):
        lines.append(f"u{u},popular,{draw.randint(1, 5)}")
        if u % 40 != 0:
            lines.append(f"u{u},known,{draw.randint(1, 5)}")
        if draw.random() < 0.5:
            lines.append(f"u{u},i{draw.randrange(ITEMS - 2)},{draw.randint(1, 5)}")
    return "\n".join(lines) + "\n"


JOB = """name: plan
seed: 7
data: {ratings: {path: ratings.csv, columns: {user: user, item: item, value: rating}}}
prepare: {split: {method: ratio, test: 0.01}}
model: {algorithm: ials, factors: 7, iterations: 2}
"""

# ranks, ranks to a node, what is set
RUNS = [(1, 1, []), (2, 2, []), (2, 1, []), (3, 2, ["model.exchange=rows"]),
        (4, 1, ["model.exchange=rows", "model.partial_sums=gather"]),
        (4, 2, ["model.exchange=rows", "model.partial_sums=send"]),
        (3, 1, ["model.exchange=replicate"]), (4, 1, ["model.algorithm=als"]),
        (2, 1, ["model.factors=36", "model.exchange=rows"])]


class Plan(Case):
    @classmethod
    def setUpClass(cls):
        write("ratings.csv", ratings())
        write("job.yaml", JOB)
        ended = run("prepare", "job.yaml", "-q", np=2)
        assert ended.code == 0, ended

    def plan(self, *args):
        ended = run("plan", "job.yaml", "--json", *args)
        self.assertEqual(ended.code, 0, ended)
        return json.loads(ended.out)

    def test_bytes_are_those_of_the_run(self):
        digests = {}
        for ranks, per_node, sets in RUNS:
            flags = [part for s in sets for part in ("--set", s)]
            planned = self.plan("--ranks", str(ranks), "--ranks-per-node", str(per_node), *flags)
            ended = run("train", "job.yaml", "--json", "-q", "--resume", "none", *flags, np=ranks,
                        env={"DAOGOU_NODE_SIZE": str(per_node), "DAOGOU_PANEL_BYTES": "50000"})
            self.assertEqual(ended.code, 0, ended)
            trained = json.loads(ended.out)["train"]
            with self.subTest(ranks=ranks, per_node=per_node, sets=sets):
                for sweep in trained["traffic"]:
                    self.assertEqual(sweep["rows_bytes"], planned["sweep_rows_bytes"])
                    self.assertEqual(sweep["sums_bytes"], planned["sweep_sums_bytes"])
                for side in ("solve_users", "solve_items"):
                    self.assertEqual(trained["exchange"][side]["chosen"], planned[side]["chosen"])
                self.assertEqual(planned["solve_items"]["long_rows"], 2)
                self.assertEqual(sweep["rows_bytes"] > 0, ranks > per_node)
            model = [s for s in sets if "exchange" not in s and "sums" not in s]
            self.assertEqual(digests.setdefault(str(model), trained["content_digest"]),
                             trained["content_digest"])

    def test_a_strategy_is_no_part_of_what_a_model_is(self):
        """A model trained one way is up to date for another."""
        first = run("train", "job.yaml", np=1)
        again = run("train", "job.yaml", "--set", "model.exchange=replicate", np=1)
        self.assertEqual((first.code, again.code), (0, 0), again)
        self.assertIn("model.h5 is up to date", again.err)

    def test_what_does_not_fit_is_refused(self):
        counts = ["--users", "1e8", "--items", "1e7", "--ratings", "1e10", "--ranks", "64",
                  "--ranks-per-node", "1", "--set", "model.factors=128"]
        ended = run("plan", "job.yaml", "--node-memory", "8", *counts)
        self.assertEqual(ended.code, 71, ended)
        self.assertIn("of memory, there are 8.0 GB", ended.err)
        self.assertIn("more nodes", ended.err)
        planned = self.plan("--node-memory", "4000", *counts)
        self.assertTrue(planned["guessed"])

    def test_bad_questions_are_refused(self):
        for args, code, text in [
                (["--users", "5"], 64, "belong together"),
                (["--ranks", "0"], 64, "1 to 4096"),
                (["--set", "model.solver=ialspp"], 78, "ialspp cannot be planned"),
                (["--work", "nowhere"], 66, "nowhere/dataset.h5")]:
            ended = run("plan", "job.yaml", *args)
            self.assertEqual(ended.code, code, ended)
            self.assertIn(text, ended.err)


if __name__ == "__main__":
    harness.main()
