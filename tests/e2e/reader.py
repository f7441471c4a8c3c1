"""reader.py - docs/examples/daogou_artifact.py ranks, in Python, as a node does: for every kind of
model, every user, the same goods in the same order with the same scores."""
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import harness
from harness import Case, ratings_csv, run, write

MODELS = {
    "als": {"factors": 4, "iterations": 3},
    "ials": {"factors": 4, "iterations": 3},
    "ease": {},
    "slim": {},
    "item-knn": {"k": 5},
    "user-knn": {"k": 5},
}


def setUpModule():
    write("ratings.csv", ratings_csv(n_users=30, n_items=25))


def load():
    path = os.path.join(harness.source, "docs/examples/daogou_artifact.py")
    spec = importlib.util.spec_from_file_location("daogou_artifact", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def node(artifact):
    """A node that answers; gives what asks it."""
    with open("node.log", "w") as log:
        process = subprocess.Popen(harness.node_line("--artifact", artifact), stderr=log)
    try:
        told = ""
        for _ in range(2400):
            with open("node.log") as log:
                told = log.read()
            if "http://" in told:
                break
            time.sleep(0.05)
        address = "http://" + told.split("http://")[1].split()[0].rstrip("/")
        yield lambda path: json.load(urllib.request.urlopen(address + path, timeout=120))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


class Reader(Case):
    def artifact(self, algorithm, work, *more):
        options = {"factors": 4, "iterations": 3, **MODELS[algorithm]}
        if algorithm not in ("als", "ials"):
            options = MODELS[algorithm]
        text = harness.job_yaml(algorithm=algorithm)
        line = f"model: {{algorithm: {algorithm}"
        start = text.index(line)
        end = text.index("\n", start)
        keys = "".join(f", {key}: {value}" for key, value in options.items())
        write(f"{work}.yaml", text[:start] + f"{line}{keys}}}" + text[end:])
        self.succeeds("run", f"{work}.yaml", "--work", work, "--set", "export.precision=f32", *more)
        return f"{work}/artifact.h5"

    def compare(self, path):
        mine = load().Artifact(path)
        with node(path) as ask:
            for user in mine.users + ["nobody"]:
                for seen in ("true", "false"):
                    quoted = urllib.parse.quote(user, safe="")
                    theirs = ask(f"/v1/recommend/{quoted}?k=10&exclude_seen={seen}")
                    goods, source = mine.recommend(user, 10, seen == "true")
                    self.assertEqual(source, theirs["source"], theirs)
                    self.assertEqual([g for g, _ in goods], [i["item"] for i in theirs["items"]],
                                     (goods, theirs))
                    for (_, score), item in zip(goods, theirs["items"]):
                        self.assertAlmostEqual(score, item["score"], 4)

    def test_rounded_factors_rank_alike(self):
        for precision in ("f16", "int8"):
            self.compare(self.artifact("ials", f"in-{precision}", "--set",
                                       f"export.precision={precision}"))

    def test_the_program_prints_a_list(self):
        path = self.artifact("als", "printed")
        ended = subprocess.run([sys.executable, "-B",
                                os.path.join(harness.source, "docs/examples/daogou_artifact.py"),
                                path, "u3", "5"], stdout=subprocess.PIPE, check=True, text=True)
        self.assertEqual(len(ended.stdout.splitlines()), 6, ended.stdout)
        self.assertTrue(ended.stdout.startswith("small (als): u3, by user"), ended.stdout)


def add(algorithm):
    def test(self):
        self.compare(self.artifact(algorithm, f"of-{algorithm}"))
    setattr(Reader, f"test_{algorithm.replace('-', '_')}_ranks_alike", test)


for name in MODELS:
    add(name)

try:
    import h5py  # noqa: F401
    import numpy  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

if __name__ == "__main__":
    harness.main()
