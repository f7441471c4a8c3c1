"""evaluation.py - leaks told and heeded, measures on request, two models compared."""
import gzip
import json
import math
import random

import harness
from harness import Case, write

JOB = """name: shop
seed: 7
data:
  ratings: {path: train.csv, columns: {user: user, item: item, value: value, time: time}}
prepare: {split: {method: files, test: {path: test.csv}}}
model: {algorithm: ials, factors: 4, iterations: 2}
evaluate: {k: [5, 10], metrics: [recall, ndcg, gini, entropy, arp, auc, gauc, ils]}
"""
HEAD = "user,item,value,time\n"


def make(leak):
    """Train and test files with one thing wrong: item ids say nothing, times of train come first."""
    draw = random.Random(3)
    train, test = [], []
    for u in range(60):
        items = draw.sample(range(40), 12)
        held = items[:3]
        for i in items[3:]:
            train.append((u, i, draw.randint(1, 5), 1000000 + draw.randint(0, 1000)))
        for i in held:
            test.append((u, i, draw.randint(1, 5), 2000000 + draw.randint(0, 1000)))
    if leak == "repeated":
        train += [row[:3] + (1000000,) for row in test[:7]]
    if leak == "future":
        train[5] = train[5][:3] + (3000000,)
    if leak == "values":
        test = [(u, i, 6, t) for u, i, _, t in test]
    if leak == "item_ids":
        test = [(u, 100 + i, v, t) for u, i, v, t in test]
    if leak == "user_ids":
        test = [x for x in test if x[0] >= 30]
    if leak == "twin_items":
        train += [(u, f"{i}\u00a0", v, 1000000) for u, i, v, _ in test]
    if leak == "twin_users":
        train += [(f" {u}", i, v, 1000000) for u, i, v, _ in test]
    if leak == "copied_users":
        train += [(f"again-{u}", i, v, 1000000) for u, i, v, _ in train + test]
    for name, rows in (("train.csv", train), ("test.csv", test)):
        write(name, HEAD + "".join("%s,%s,%d,%d\n" % row for row in rows))


def read(work):
    with open(f"{work}/metrics.json") as f:
        return json.load(f)


class Leaks(Case):
    TOLD = {"repeated": "7 of 180 held-out ratings are also in train",
            "future": r"training goes on to 1970-02-04 17:20:00, held-out ratings begin on 1970-01-24",
            "values": "values tell held-out ratings from training ones",
            "item_ids": "every held-out item has a higher id than all the user has in train",
            "user_ids": "user ids tell who is held out: 30 users",
            "twin_items": "180 of 180 held-out ratings are of items the user has in train under an id",
            "twin_users": "180 of 180 held-out ratings are in train, of users whose ids differ in case",
            "copied_users": "180 of 180 held-out ratings are in train, of other users"}

    def test_a_planted_leak_is_told_everywhere_or_stops_the_run(self):
        write("leaky.yaml", JOB)
        for leak, told in self.TOLD.items():
            make(leak)
            ended = self.succeeds("run", "leaky.yaml", "--work", leak, np=2)
            self.assertRegex(ended.err, "warning: the split leaks: .*" + told)
            self.assertRegex(ended.out, "leak: .*" + told)
            metrics = read(leak)
            self.assertEqual([a["kind"] for a in metrics["leaks"]["alarms"]], [leak])
            # Prepared before: heeded all the same, before anything is trained.
            ended = self.fails(65, "the split leaks: .*" + told, "run", "leaky.yaml", "--work", leak,
                               "--set", "evaluate.on_leak=fail", "--set", "model.iterations=3", np=2)
            self.assertNotIn("sweep", ended.err)
            card = json.loads(self.succeeds("describe", "leaky.yaml", "--work", leak, "--json").out)
            self.assertEqual([a["kind"] for a in card["leaks"]["alarms"]], [leak])

    def test_a_clean_split_is_quiet(self):
        make(None)
        write("clean.yaml", JOB)
        ended = self.succeeds("run", "clean.yaml", "--work", "clean", "--set",
                              "evaluate.on_leak=fail", np=2)
        self.assertNotIn("leak", ended.err + ended.out)
        leaks = read("clean")["leaks"]
        self.assertEqual(leaks["alarms"], [])
        self.assertEqual((leaks["held_out"], leaks["repeated"], leaks["in_both"]), (180, 0, 0))


class Measures(Case):
    def test_the_same_bits_with_intervals_and_slices_on_any_ranks(self):
        make(None)
        write("shop.yaml", JOB)
        seen = set()
        for np in (1, 2, 3):
            self.succeeds("run", "shop.yaml", "--work", f"ranks{np}", "--set", "evaluate.sampled=9",
                          "--set", "evaluate.per_user=true", np=np)
            with open(f"ranks{np}/metrics.json") as f:
                seen.add(f.read())
        self.assertEqual(len(seen), 1)
        m = json.loads(seen.pop())
        low, high = m["intervals"]["ndcg@10"]
        self.assertTrue(low < m["ndcg@10"] < high)
        self.assertNotIn("gini@10", m["intervals"])
        self.assertIn("hr@10(sampled 9)", m)
        self.assertEqual(m["resamples"], 1000)
        self.assertEqual(sum(s["users"] for s in m["by_history"]), m["users"])
        self.assertEqual(sum(g["targets"] for g in m["by_popularity"]), m["targets"])
        self.assertAlmostEqual(m["evenness@5"], m["entropy@5"] / math.log(40))

    def test_no_resamples_no_intervals(self):
        make(None)
        write("bare.yaml", JOB)
        ended = self.succeeds("run", "bare.yaml", "--work", "bare", "--set", "evaluate.resamples=0")
        self.assertNotIn("intervals", read("bare"))
        self.assertNotIn("±", ended.out)

    def test_more_sampled_than_there_are_is_refused(self):
        make(None)
        write("many.yaml", JOB)
        self.fails(78, "evaluate.sampled: 50 items are to be drawn, a user has only", "run",
                   "many.yaml", "--work", "many", "--set", "evaluate.sampled=50")


class Compare(Case):
    def test_two_models_side_by_side(self):
        make(None)
        write("two.yaml", JOB)
        for work, more in (("a", ()), ("b", ("--set", "model.iterations=8")),
                           ("other", ("--set", "evaluate.exclude_seen=false"))):
            self.succeeds("run", "two.yaml", "--work", work, "--set", "evaluate.per_user=true", *more)
        told = json.loads(self.succeeds("compare", "a", "b", "--json").out)
        a, b = (read(work) for work in "ab")
        self.assertEqual(told["users"], 60)
        names = {m["measure"] for m in told["measures"]}
        self.assertEqual(names, {k for k in a if ("@" in k or k in ("auc", "gauc"))
                                 and k.split("@")[0] not in ("gini", "entropy", "evenness")})
        for m in told["measures"]:
            self.assertAlmostEqual(m["a"], a[m["measure"]], places=10)
            self.assertAlmostEqual(m["difference"], b[m["measure"]] - a[m["measure"]], places=10)
            self.assertLessEqual(m["interval"][0], m["interval"][1])
        out = self.succeeds("compare", "a/metrics.h5", "b").out
        self.assertRegex(out, r"ndcg@10 +0\.\d{5} +0\.\d{5} +[+-]0\.\d{5}")
        same = json.loads(self.succeeds("compare", "a", "a", "--json").out)
        self.assertTrue(all(m["p"] == 1 and m["interval"] == [0, 0] for m in same["measures"]))
        self.fails(65, "judged by other held-out ratings", "compare", "a", "other")
        self.fails(66, "nowhere", "compare", "a", "nowhere")
        self.fails(64, "compare", "compare", "a")


def logs(n=3000):
    """Lists of two arms, of which one in five of the challenger's and one in ten of others is clicked."""
    draw = random.Random(5)
    shown, done = [], []
    for r in range(n):
        challenger = draw.random() < 0.3
        shown.append({"v": 1, "time": "2026-11-01T00:%02d:%02d.125Z" % (r // 60 % 60, r % 60),
                      "request": f"r{r}", "shown": True, "user": f"u{r % 500}",
                      "arm": "challenger" if challenger else "champion",
                      "propensity": 0.3 if challenger else 0.7,
                      "items": [{"item": f"i{r}-{k}", "position": k + 1} for k in range(3)]})
        if draw.random() < (0.2 if challenger else 0.1):
            done.append({"time": "2026-11-01T02:00:00Z", "user": f"u{r % 500}", "item": f"i{r}-0",
                         "event": "click"})
    return ["".join(json.dumps(line) + "\n" for line in log) for log in (shown, done)]


class Online(Case):
    def test_rates_arms_and_a_policy_from_logs(self):
        shown, done = logs()
        write("impressions.jsonl", shown)
        write("events.jsonl.gz", gzip.compress(done.encode()))
        half = shown.index("\n", len(shown) // 2) + 1
        write("part-1.jsonl", shown[:half])
        write("part-2.jsonl", shown[half:])
        line = ("--events=events.jsonl.gz", "--policy=challenger", "--min-effective=500", "--json")
        told = {self.succeeds("online", *files, *line, np=np).out
                for files in (("impressions.jsonl",), ("part-2.jsonl", "part-1.jsonl"))
                for np in (1, 2, 3)}
        self.assertEqual(len(told), 1)
        r = json.loads(told.pop())
        clicks = done.count("\n")
        self.assertEqual((r["lists"], r["items"], r["all"]["ctr"]["of"]), (3000, 9000, clicks))
        self.assertEqual(r["events_of_no_list"], 0)
        self.assertEqual(sum(a["lists"] for a in r["arms"].values()), 3000)
        rate = r["arms"]["challenger"]
        self.assertAlmostEqual(r["policy"]["snips"],
                               rate["clicked_lists"] / rate["lists"], places=12)
        self.assertFalse(r["policy"]["refused"])
        self.assertGreater(r["difference_from_control"]["challenger"]["clicked_lists"]["interval"][0], 0)
        out = self.succeeds("online", "impressions.jsonl", "--events=events.jsonl.gz",
                            "--policy=challenger").out
        self.assertIn("refused: the effective sample of", out)
        self.assertRegex(out, r"challenger less champion.*\n +with a click +\+0\.\d+ +looked at once")

    def test_bad_logs_and_flags_are_told(self):
        shown, _ = logs(20)
        write("few.jsonl", shown + "nonsense\n")
        self.fails(65, r"few.jsonl: byte \d+: it is not a JSON object.*1 of 21 lines", "online",
                   "few.jsonl", np=2)
        self.succeeds("online", "few.jsonl", "--max-rejects=0.1")
        self.fails(66, "nowhere", "online", "nowhere.jsonl", np=2)
        self.fails(78, 'no list was shown by an arm called "x"', "online", "few.jsonl",
                   "--max-rejects=0.1", "--policy=x")
        self.fails(78, '--control: no list was shown by an arm called "x"', "online", "few.jsonl",
                   "--max-rejects=0.1", "--control=x", np=2)
        self.fails(64, '"buy" is both', "online", "few.jsonl", "--click=buy")
        self.fails(64, "--weights", "online", "few.jsonl", "--weights=click=much")


if __name__ == "__main__":
    harness.main()
