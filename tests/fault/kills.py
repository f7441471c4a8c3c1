"""kills.py - ranks killed at random, runs resumed on other ranks: nothing is lost, nothing differs.

    kills.py [--kills N] [--seed S] DAOGOU DAOGOU_SERVE SOURCE MPIEXEC...

N times (12 unless told) a run on 1 to 4 ranks loses a random rank to SIGKILL: at a chosen spot of a
phase (DAOGOU_FAULT) or after a random time. Then it is run again, sometimes to be killed again, until
a last undisturbed run on 1 to 4 ranks ends it. That must take the newest checkpoint there is, end
within a minute, and leave the files and the registry of a run that nothing disturbed. What is drawn
depends on the seed alone; where a random time strikes depends on the machine too.
"""
import argparse
import collections
import glob
import json
import os
import random
import shutil
import signal
import sys
import time

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--kills", type=int, default=12)
parser.add_argument("--seed", type=int, default=1)
options, rest = parser.parse_known_args()
sys.argv[1:] = rest
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import harness  # noqa: E402  it takes the rest of the line
from harness import Case, finish, ranks_of, run, start, write  # noqa: E402

LIMIT = 200  # seconds: what takes longer hangs
SWEEPS = 12
JOB = """name: shop
seed: 7
data:
  ratings: {{path: shop/ratings.csv, columns: {{user: user, item: item, value: rating}}}}
  items: {{path: shop/goods.csv, columns: {{item: item, title: title}}}}
prepare: {{split: {{method: ratio, test: 0.2}}}}
model: {{algorithm: {algorithm}, factors: 8, iterations: {sweeps}}}
evaluate: {{k: [10], metrics: [ndcg]}}
checkpoint: {{every: 1, keep: 3}}
cache: {{parsed: true}}
publish: {{keep: 3}}
"""
ALGORITHMS = ("als", "ials")
FILES = ("dataset.h5", "model.h5", "artifact.h5")
# What is there when the phase begins, and the spots it passes with about how many visits of a rank.
PHASES = {
    "prepare": ((), {"read.kill": 2, "write.kill": 60, "rename.kill": 2}),
    "load": (("dataset.h5",), {"read.kill": 4}),
    "sweep": (("dataset.h5",), {"sweep.kill": SWEEPS}),
    "checkpoint": (("dataset.h5",), {"write.kill": 6 * SWEEPS}),
    "rename": (("dataset.h5",), {"rename.kill": SWEEPS}),
    "export": (("dataset.h5", "model.h5", "metrics.json"), {"write.kill": 30, "rename.kill": 1}),
    "publish": (("dataset.h5", "model.h5", "metrics.json", "artifact.h5"),
                {"registry.kill": 5, "write.kill": 4, "rename.kill": 2}),
    "any time": ((), {}),
}
ON_RANK_0 = ("rename.kill", "registry.kill")

draw = random.Random(options.seed)
case = Case()
whole = {}  # algorithm: content digest by file


def check(good, what, *more):
    if not good:
        raise AssertionError("\n".join(map(str, (what, *more))))


def line_of(life):
    more = ("--set", f"checkpoint.local={life.local}") if life.local else ()
    return ("run", f"{life.algorithm}.yaml", "--work", life.work, "--set",
            f"publish.registry={life.registry}", *more)


def digests(*paths):
    """Content digests of files, each read whole and checked."""
    ended = run("verify", "--json", *paths)
    check(ended.code == 0, ended)
    return [f["content_digest"] for f in json.loads(ended.out)["files"]]


def make_whole():
    ended = run("generate", "--out", "shop", "-q", "--ratings", "3000", "--events", "100")
    check(ended.code == 0, ended)
    seconds = []
    for algorithm in ALGORITHMS:
        write(f"{algorithm}.yaml", JOB.format(algorithm=algorithm, sweeps=SWEEPS))
        life = Life(algorithm, f"whole-{algorithm}", ())
        ended = run(*line_of(life), np=2, limit=LIMIT)
        check(ended.code == 0, ended)
        whole[algorithm] = digests(*(f"{life.work}/{name}" for name in FILES))
        with open(f"{life.work}/run.json") as f:
            seconds.append(json.load(f)["seconds"])
    return max(seconds) + 0.2  # ranks are there a little before they work


class Life:
    """One work folder and one registry, from first run to last."""

    def __init__(self, algorithm, work, there, local=False):
        self.algorithm, self.work, self.registry = algorithm, work, f"{work}-registry"
        self.local = f"{work}-local" if local else ""
        self.slowest = 0
        if there:
            os.makedirs(work)
        for name in there:
            shutil.copy(f"whole-{algorithm}/{name}", work)

    def kill_at(self, site, nth, rank, np):
        """A rank dies at the nth visit of a spot; False where it does not come there so often."""
        ended = run(*line_of(self), np=np, limit=LIMIT, env={"DAOGOU_FAULT": f"{site}:{rank}:{nth}"})
        self.slowest = max(self.slowest, ended.seconds)
        check(ended.code in (0, 128 + signal.SIGKILL), f"{site}:{rank}:{nth}", ended)
        return ended.code != 0

    def kill_after(self, share, pick, np, takes):
        """A rank dies after a share of the time a run takes; False where it was too late."""
        process = start(*line_of(self), np=np)
        until = time.monotonic() + LIMIT
        while len(ranks_of(process)) < np and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(share * takes)
        ranks = ranks_of(process)
        if ranks:
            try:
                os.kill(ranks[pick % len(ranks)], signal.SIGKILL)
            except ProcessLookupError:
                pass
        ended = finish(process, LIMIT)
        self.slowest = max(self.slowest, ended.seconds)
        check("TIMED OUT" not in ended.raw, "hangs after a kill", ended)
        return ended.code != 0

    def newest(self):
        """Sweep of the newest checkpoint the next run is to go on from; None where it need not."""
        names = glob.glob(f"{self.work}/checkpoints/ckpt-*.h5")
        if self.local:
            names += glob.glob(f"{self.local}/*/ckpt-*.h5")
        if not names or os.path.exists(f"{self.work}/model.h5"):
            return None
        return max(int(name[-9:-3]) for name in names)

    def ends_well(self, np):
        newest = self.newest()
        ended = run(*line_of(self), np=np, limit=LIMIT)
        self.slowest = max(self.slowest, ended.seconds)
        check(ended.code == 0, f"{self.work} does not end well on {np} ranks", ended)
        if newest is not None:
            check(f"resuming after sweep {newest}" in ended.lines, f"lost sweep {newest}", ended)
            check("passing over" not in ended.err, ended)
        with open(f"{self.registry}/shop/CURRENT") as f:
            champion = json.load(f)["champion"]
        paths = [f"{self.work}/{name}" for name in FILES]
        paths.append(f"{self.registry}/shop/{champion}/artifact.h5")
        want = whole[self.algorithm]
        check(digests(*paths) == [*want, want[-1]], f"{self.work}: other digests", ended)
        left = [f for d in (self.work, self.registry) for f in harness.files_below(d)
                if f.endswith(".tmp")]
        check(not left, "half-written files are left", left, ended)
        shutil.rmtree(self.work)
        shutil.rmtree(self.registry)
        shutil.rmtree(self.local or self.work, ignore_errors=True)


def campaign(takes):
    """Kills by phase and how many came too late; ranks that went on; the slowest run."""
    kills, late, again = collections.Counter(), collections.Counter(), collections.Counter()
    slowest, number = 0, 0
    while sum(kills.values()) < options.kills:
        phase = list(PHASES)[number % len(PHASES)]
        there, sites = PHASES[phase]
        life = Life(draw.choice(ALGORITHMS), f"life-{number}", there, draw.random() < 0.3)
        np = draw.randint(1, 4)
        if sites:
            site = draw.choice(sorted(sites))
            rank = 0 if site in ON_RANK_0 else draw.randrange(np)
            struck = life.kill_at(site, draw.randint(1, sites[site]), rank, np)
        else:
            struck = life.kill_after(draw.random(), draw.randrange(4), np, takes)
        (kills if struck else late)[phase] += 1
        while draw.random() < 0.3:  # again, wherever that finds it
            np, share, pick = draw.randint(1, 4), draw.random(), draw.randrange(4)
            again[np] += 1
            (kills if life.kill_after(share, pick, np, takes) else late)["any time"] += 1
        np = draw.randint(1, 4)
        again[np] += 1
        life.ends_well(np)
        slowest = max(slowest, life.slowest)
        number += 1
    return kills, late, again, slowest, number


def main():
    harness.guard()
    began = time.monotonic()
    try:
        kills, late, again, slowest, lives = campaign(make_whole())
    except BaseException:
        harness.clean_up(0)
        raise
    print(f"seed {options.seed}\n{'phase':12}{'killed':>8}{'too late':>10}")
    for phase in PHASES:
        print(f"{phase:12}{kills[phase]:8}{late[phase]:10}")
    print(f"{'all':12}{sum(kills.values()):8}{sum(late.values()):10}")
    print("gone on with on ranks: " + ", ".join(f"{n}: {again[n]}" for n in sorted(again)))
    print(f"{lives} runs ended with the digests of one that nothing disturbed; the slowest took "
          f"{slowest:.1f} s; {time.monotonic() - began:.0f} s in all")
    sys.exit(0 if harness.clean_up(5) else 1)


if __name__ == "__main__":
    main()
