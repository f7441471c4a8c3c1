"""Events at a live node: what is acknowledged survives kills, and changes answers as training would.

usage: live.py DAOGOU DAOGOU_SERVE SOURCE MPIEXEC...   (harness.py)
DAOGOU_TEST_LONG=1 kills the node a thousand times.
"""
import glob
import json
import os
import random
import signal
import subprocess
import threading
import time

import h5py

import harness
from harness import daogou_serve, long_form, write


def Node(artifact, *more):
    return harness.Node("--artifact", artifact, *more)


class Live(harness.Case):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifacts = {}

    def artifact(self, name, model):
        """Trained on ratings of which some users' are held out and folded in."""
        if name not in self.artifacts:
            rng = random.Random(5)
            lines = ["user,item,rating,kind,ts"]
            for u in range(60):
                for i in rng.sample(range(40), 12):
                    lines.append(f"u{u},i{i},{rng.randint(1, 5)},{rng.choice(['view', 'buy'])},{u + i}")
            write("ratings.csv", "\n".join(lines) + "\n")
            kinds = "" if name == "als" else "  event_weights: {view: 1, buy: 3}\n"
            columns = "value: rating" if name == "als" else "event: kind"
            path = write(f"{name}.yaml", f"""name: live
seed: 3
data:
  ratings: {{path: ratings.csv, columns: {{user: user, item: item, {columns}, time: ts}}}}
prepare:
{kinds}  split: {{method: user-holdout, users: 15, fold_in: 0.8}}
model: {model}
""")
            self.succeeds("run", path, "--work", name, "-q")
            self.artifacts[name] = f"{name}/artifact.h5"
        return self.artifacts[name]

    MODELS = {
        "als": "{algorithm: als, factors: 6, iterations: 6, regularization: 0.1}",
        "ials": "{algorithm: ials, factors: 6, iterations: 6, regularization: 0.01, "
                "unobserved_weight: 0.1}",
        "hkv": "{algorithm: ials, loss: hkv, factors: 6, iterations: 6, reg_exponent: 0, "
               "confidence: linear, alpha: 2}",
        "implicit": "{algorithm: ials, compat: implicit, factors: 6, iterations: 6, alpha: 4}",
        "spark": "{algorithm: ials, compat: spark, factors: 6, iterations: 6, alpha: 4}",
    }

    def test_a_node_solves_users_as_training_folds_them_in(self):
        for name, model in self.MODELS.items():
            artifact = self.artifact(name, model)
            with h5py.File(f"{name}/dataset.h5") as data:
                ptr = data["ratings/fold_in/user/ptr"][:]
                at, text = data["ids/user/offsets"][:], data["ids/user/bytes"][:].tobytes()
            held_out = [r for r in range(len(ptr) - 1) if ptr[r + 1] > ptr[r]]
            self.assertEqual(len(held_out), 15)
            node = Node(artifact)
            for row in held_out:
                user = text[at[row]:at[row + 1]].decode()
                for item in ("i1", "i7", "i30"):
                    status, why = node.ask(f"/v1/explain/{user}/{item}?k=1000")
                    self.assertEqual(status, 200, why)
                    self.assertLess(abs(why["unsettled"]), 1e-5, (name, user, why))
                    total = why["base"] + why["others"] + why["unsettled"]
                    total += sum(each["contribution"] for each in why["reasons"])
                    self.assertAlmostEqual(total, why["score"], delta=1e-6)
            node.end(signal.SIGTERM)

    def test_events_give_the_taste_that_a_session_of_them_gives(self):
        node = Node(self.artifact("ials", self.MODELS["ials"]), "--events", "log-session")
        status, _ = node.ask("/v1/events", {"events": [
            {"user": "new", "item": i, "event": "view"} for i in ("i3", "i9", "i12")]})
        self.assertEqual(status, 200)
        _, lived = node.ask("/v1/recommend/new?k=20")
        _, asked = node.ask("/v1/recommend", {"session": ["i3", "i9", "i12"], "k": 20})
        self.assertEqual(lived["source"], "user")
        self.assertEqual([g["item"] for g in lived["items"]], [g["item"] for g in asked["items"]])
        _, refused = node.ask("/v1/events", {"events": [{"user": "new", "item": "i1", "event": "x"}]})
        self.assertEqual(refused["error"]["code"], "bad_parameter")
        node.end(signal.SIGTERM)
        node = Node(self.artifact("ials", self.MODELS["ials"]), "--events", "log-session")
        self.assertIn("3 events", node.said)
        _, again = node.ask("/v1/recommend/new?k=20")
        self.assertEqual(again["items"], lived["items"])
        node.end(signal.SIGTERM)

    def test_prepare_reads_the_log_as_it_is(self):
        node = Node(self.artifact("ials", self.MODELS["ials"]), "--events", "log-nightly")
        for k in range(5):
            node.ask("/v1/events", {"events": [{"user": f"n{k}", "item": f"i{i}", "event": "buy",
                                                "time": 1000 + i} for i in range(k + 1)]})
        before = int(time.time())
        node.ask("/v1/events", {"events": [{"user": "n9", "item": "i1", "event": "buy"}]})
        node.end(signal.SIGTERM)
        path = write("nightly.yaml", """name: nightly
seed: 3
data:
  ratings: {path: log-nightly/events-*.jsonl, format: jsonl,
            columns: {user: user, item: item, event: event, time: time}}
prepare: {event_weights: {view: 1, buy: 3}, split: {method: none}}
""")
        for since, rows in (("1970-01-01", 16), (before, 1)):  # the last one has milliseconds
            self.succeeds("prepare", path, "--work", "nightly", "-q", "--set", f"prepare.since={since}")
            with h5py.File("nightly/dataset.h5") as data:
                self.assertEqual(int(data["meta"].attrs["n_train"]), rows)

    def send_until_killed(self, node, numbers, known):
        """Events with ids, told apart by what the node said of them."""
        while True:
            with self.lock:
                k = next(numbers)
                known[k] = "sent"
            status, _ = node.ask("/v1/events", {"events": [
                {"user": f"k{k % 7}", "item": f"i{k % 40}", "event": "view", "id": f"e{k}"}]})
            if status is None:
                return
            self.assertEqual(status, 200)
            known[k] = "taken"

    def test_no_acknowledged_event_is_lost_or_taken_twice_by_kills(self):
        artifact = self.artifact("ials", self.MODELS["ials"])
        self.lock = threading.Lock()
        rng = random.Random(7)
        numbers, known = iter(range(10 ** 9)), {}
        for kill in range(1000 if long_form else 60):
            node = Node(artifact, "--events", "log-kills")
            for k in [k for k, state in known.items() if state == "sent"]:  # the client tries again
                status, answer = node.ask("/v1/events", {"events": [
                    {"user": f"k{k % 7}", "item": f"i{k % 40}", "event": "view", "id": f"e{k}"}]})
                self.assertEqual((status, answer["accepted"] + answer["duplicates"]), (200, 1))
                known[k] = "taken"
            senders = [threading.Thread(target=self.send_until_killed, args=(node, numbers, known))
                       for _ in range(3)]
            for thread in senders:
                thread.start()
            time.sleep(rng.uniform(0, 0.03))
            node.end()
            for thread in senders:
                thread.join()
        node = Node(artifact, "--events", "log-kills")
        node.end(signal.SIGTERM)
        found = {}
        for file in sorted(glob.glob("log-kills/events-*.jsonl")):
            with open(file, encoding="utf-8") as lines:
                for line in lines:
                    event = json.loads(line)
                    found[event["id"]] = found.get(event["id"], 0) + 1
        taken = [k for k, state in known.items() if state == "taken"]
        self.assertGreater(len(taken), 50)
        self.assertEqual([k for k in taken if found.get(f"e{k}") != 1], [])
        self.assertEqual([i for i, n in found.items() if n != 1], [])

    def test_a_disk_that_fails_is_told_and_nothing_is_taken(self):
        artifact = self.artifact("ials", self.MODELS["ials"])
        os.environ["DAOGOU_FAULT"] = "write:0:1"
        try:
            node = Node(artifact, "--events", "log-full")
        finally:
            del os.environ["DAOGOU_FAULT"]
        event = {"events": [{"user": "new", "item": "i3", "event": "view", "id": "x"}]}
        status, answer = node.ask("/v1/events", event)
        self.assertEqual((status, answer["error"]["code"]), (503, "events_not_taken"))
        self.assertEqual(node.ask("/v1/recommend/new")[1]["reason"], "unknown_user")
        self.assertEqual(node.ask("/v1/events", event)[1]["accepted"], 1)
        self.assertEqual(node.ask("/v1/recommend/new")[1]["source"], "user")
        node.end(signal.SIGTERM)

    def test_what_cannot_be_a_log_is_one_sentence(self):
        artifact = self.artifact("ials", self.MODELS["ials"])
        run = subprocess.run([daogou_serve, "--artifact", artifact, "--events", "redis://here"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 64)
        self.assertIn("--events must be a folder", run.stderr)
        write("a-file", "x")
        run = subprocess.run([daogou_serve, "--artifact", artifact, "--events", "a-file"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 73, run.stderr)
        node = Node(artifact, "--events", "log-twice")
        run = subprocess.run([daogou_serve, "--artifact", artifact, "--events", "log-twice"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 69, run.stderr)
        self.assertIn("another node writes events here", run.stderr)
        node.end(signal.SIGTERM)


if __name__ == "__main__":
    harness.main()
