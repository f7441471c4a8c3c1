"""neighbors.py - item-knn and user-knn from log to answer: what is recommended, served and explained
is one and the same score, on any number of ranks.
"""
import csv
import json
import re
import subprocess
import urllib.parse
import urllib.request

import harness
from harness import Case, run, write

RATES = dict(prediction="weighted_mean", similarity="pearson", neighbors=40)
MODELS = {  # algorithm, options of the model, lines of the job
    "sum": ("item-knn", dict(neighbors=12), ""),
    "rates": ("item-knn", dict(RATES, center="both", damping=3, k=5, shrinkage=2), ""),
    "signed": ("item-knn", dict(prediction="signed_mean", center="user"), ""),
    "users": ("user-knn", dict(neighbors=12, similarity="jaccard"), ""),
    "user-rates": ("user-knn", dict(RATES, center="user", k=5, min_k=2), ""),
}
HELD_OUT = "prepare: {split: {method: user-holdout, users: 8, fold_in: 0.6}}"


def job_of(name, more=""):
    algorithm, model, lines = MODELS[name]
    text = harness.job_yaml(algorithm=algorithm, more=lines)
    options = "".join(f", {key}: {value}" for key, value in model.items())
    text = re.sub(r"model: .*", f"model: {{algorithm: {algorithm}{options}}}", text)
    if more:
        text = re.sub(r"prepare: .*", more, text)
    return write(f"{name}.yaml", text)


def recommended(job, folder, users, k):
    """Each user's list of (item, score)."""
    named = [word for user in users for word in ("--user", user)]
    ended = run("recommend", job, "--work", folder, "--k", str(k), *named)
    assert ended.code == 0, ended
    lists = {}
    for row in csv.DictReader(ended.out.splitlines()):
        lists.setdefault(row["user"], []).append((row["item"], float(row["score"])))
    return lists


class Server:
    def __init__(self, artifact):
        self.artifact = artifact

    def __enter__(self):
        self.process = subprocess.Popen(harness.node_line("--artifact", self.artifact),
                                        stderr=subprocess.PIPE, text=True)
        self.url = re.search(r"on (http://\S+)", self.process.stderr.readline())[1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=120)

    def get(self, *parts, **query):
        path = "/".join(urllib.parse.quote(part, safe="") for part in parts)
        with urllib.request.urlopen(f"{self.url}/v1/{path}?{urllib.parse.urlencode(query)}") as f:
            return json.load(f)


class Neighbors(Case):
    @classmethod
    def setUpClass(cls):
        write("ratings.csv", harness.ratings_csv())

    def explains(self, server, user, item, score):
        why = server.get("explain", user, item, k=3)
        self.assertAlmostEqual(why["score"], score, delta=1e-5 * abs(score))
        added = why["base"] + why["others"] + sum(r["contribution"] for r in why["reasons"])
        self.assertAlmostEqual(why["score"], added, delta=1e-4)

    def compare(self, name, folder, job):
        """Every user's list by `recommend`, by the server, and an item of it by `explain`."""
        rates = "prediction" in MODELS[name][1]
        with Server(f"{folder}/artifact.h5") as server:
            for user, ours in recommended(job, folder, [f"u{k}" for k in range(40)], 9).items():
                served = server.get("recommend", user, k=9)
                ours = [(i, s) for i, s in ours if rates or s != 0]
                self.assertEqual(served["source"], "user")
                self.assertEqual([i for i, _ in ours], [i["item"] for i in served["items"]])
                for (_, score), answer in zip(ours, served["items"]):
                    clipped = min(max(score, 1), 5) if rates else score
                    self.assertAlmostEqual(answer["score"], clipped, delta=1e-5 * abs(score))
                self.explains(server, user, *ours[0])
                self.explains(server, user, *ours[-1])

    def test_recommended_served_and_explained_are_one_score_on_any_ranks(self):
        for name in MODELS:
            with self.subTest(name):
                job = job_of(name)
                self.succeeds("run", job, "--work", name, "-q")
                self.succeeds("run", job, "--work", f"{name}-3", "-q", np=3)
                self.assertEqual(self.digests(name), self.digests(f"{name}-3"))
                self.compare(name, name, job)

    def test_held_out_users_are_served_what_they_are_recommended(self):
        for name in ("rates", "user-rates", "users"):
            with self.subTest(name):
                folder = f"{name}-held-out"
                job = job_of(name, HELD_OUT)
                self.succeeds("run", job, "--work", folder, "-q")
                self.compare(name, folder, job)

    def test_neighbours_are_shown_and_served(self):
        job = job_of("sum")
        self.succeeds("run", job, "--work", "sum", "-q")
        text = self.succeeds("similar", job, "--work", "sum", "--item", "item 4", "--k", "3").out
        answer = json.loads(self.succeeds("similar", "sum/artifact.h5", "--item", "item 4", "--k",
                                          "3", "--json").out)
        with Server("sum/artifact.h5") as server:
            self.assertEqual(server.get("similar", "item 4", k=3)["items"], answer["items"])
            self.assertEqual(server.get("similar-users", "u1")["users"], [])
        self.assertEqual(len(answer["items"]), 3)
        for line, item in zip(text.splitlines(), answer["items"]):
            self.assertIn(item["item"], line)
        scores = [item["score"] for item in answer["items"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertNotIn("item 4", [item["item"] for item in answer["items"]])
        job = job_of("users")
        self.succeeds("run", job, "--work", "users", "-q")
        near = json.loads(self.succeeds("similar", job, "--work", "users", "--user", "u3",
                                        "--json").out)["users"]
        self.assertEqual(len(near), 10)
        self.assertNotIn("u3", [each["user"] for each in near])

    def test_reasons_are_told_in_words(self):
        job = job_of("rates")
        self.succeeds("run", job, "--work", "rates", "-q")
        text = self.succeeds("explain", job, "--work", "rates", "--user", "u1", "--item",
                             "item 2").out.splitlines()
        self.assertRegex(text[0], r"^ *[0-9.]+  score$")
        self.assertRegex(text[1], r"^ *[0-9.]+  base$")
        self.assertTrue(all("because of " in line for line in text[2:]))
        total = sum(float(line.split()[0]) for line in text[1:])
        self.assertAlmostEqual(float(text[0].split()[0]), total, delta=1e-4)

    def test_factor_models_have_neighbours_and_reasons(self):
        job = write("factors.yaml", harness.job_yaml())
        self.succeeds("run", job, "--work", "factors", "-q")
        near = json.loads(self.succeeds("similar", job, "--work", "factors", "--user", "u3", "--k",
                                        "4", "--json").out)["users"]
        self.assertEqual(len(near), 4)
        self.assertTrue(all(-1.0001 <= each["score"] <= 1.0001 for each in near))
        at = ("explain", job, "--work", "factors", "--user", "u3", "--item", "item 2")
        why = json.loads(self.succeeds(*at, "--json", "--k", "3").out)
        self.assertEqual(len(why["reasons"]), 3)
        total = why["base"] + why["others"] + why["unsettled"]
        total += sum(each["contribution"] for each in why["reasons"])
        self.assertAlmostEqual(why["score"], total, delta=1e-6 * max(1, abs(why["score"])))
        text = self.succeeds(*at).out
        self.assertRegex(text, r"because of item \d+ +\S+|because of item \d+ \(similarity")

    def test_wrong_questions_are_one_sentence(self):
        job = job_of("sum")
        self.succeeds("run", job, "--work", "sum", "-q")
        at = (job, "--work", "sum")
        self.fails(64, r"give --item ID or --user ID", "similar", *at)
        self.fails(64, r"one of them", "similar", *at, "--item", "item 1", "--user", "u1")
        self.fails(64, r"both --user ID and --item ID", "explain", *at, "--user", "u1")
        self.fails(66, r'has no item "nope"', "similar", *at, "--item", "nope")
        self.fails(66, r'has no user "nope"', "explain", *at, "--user", "nope", "--item", "item 1")
        self.fails(66, r"nowhere/artifact.h5", "similar", job, "--work", "nowhere", "--item", "x")
        self.fails(78, r"corated has no meaning for jaccard", "train", *at, "--set",
                   "model.similarity=jaccard", "--set", "model.support=corated")


if __name__ == "__main__":
    harness.main()
