"""registry.py - publish, gate, rollback; two at once; killed between any two steps."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import harness
from harness import Case, finish, run, start, write

JOB = """name: shop
seed: 7
data:
  ratings: {path: shop/ratings.csv, columns: {user: user, item: item, value: rating}}
prepare: {split: {method: ratio, test: 0.2}}
model: {algorithm: ials, factors: 8, iterations: 3}
evaluate: {k: [10, 20], metrics: [recall, ndcg, coverage]}
publish: {gate: "ndcg@10 >= 0.98 * champion and coverage@10 > 0.01"}
"""
BAD = ("--set", "model.init_std=0", "--set", "model.iterations=1")  # learns nothing


def setUpModule():
    ended = run("generate", "--out", "shop", "-q", "--ratings", "5000", "--events", "1000")
    assert ended.code == 0, ended
    write("shop.yaml", JOB)
    ended = run("run", "shop.yaml", "--work", "good", "--set", "publish.registry=first")
    assert ended.code == 0, ended


def current(registry, model="shop"):
    with open(f"{registry}/{model}/CURRENT") as f:
        return json.load(f)


def history(registry, model="shop"):
    with open(f"{registry}/{model}/history.jsonl") as f:
        return [json.loads(line) for line in f]


def versions(registry, model="shop"):
    return sorted(os.path.basename(v) for v in glob.glob(f"{registry}/{model}/2*Z-*"))


class Registry(Case):
    def to(self, registry):
        return "--set", f"publish.registry={registry}"

    def assert_valid(self, registry):
        """As any reader sees it: the champion is whole, and nothing else shows."""
        now = current(registry)
        for alias in ("champion", "challenger"):
            if now[alias]:
                self.succeeds("verify", f"{registry}/shop/{now[alias]}/artifact.h5")
        return now


class Publish(Registry):
    def test_a_run_leaves_a_version_with_all_that_tells_where_it_came_from(self):
        now = self.assert_valid("first")
        folder = f"first/shop/{now['champion']}"
        self.assertEqual(harness.files_below(folder), ["artifact.h5", "job.yaml", "metrics.json",
                                                       "run.json", "version.json"])
        self.assertEqual(self.digest(f"{folder}/artifact.h5"), now["artifact_digest"])
        self.assertEqual(self.digest("good/model.h5"), now["model_digest"])
        self.assertEqual(self.digest("good/dataset.h5"), now["dataset_digest"])
        self.assertEqual(history("first"), [now])
        self.assertEqual((now["what"], now["from"], now["to"]), ("publish", "", now["champion"]))
        self.assertTrue(now["gate"]["passed"])
        with open(f"{folder}/run.json") as f:
            self.assertIn("train", json.load(f))
        self.succeeds("run", f"{folder}/job.yaml", "--work", "again", *self.to("other"))
        self.assertEqual(current("other")["artifact_digest"], now["artifact_digest"])

    def test_what_is_champion_is_not_published_again(self):
        for command in ("run", "publish"):
            ended = self.succeeds(command, "shop.yaml", "--work", "good", *self.to("first"))
            self.assertIn("is champion already", ended.err)
        self.assertEqual(len(versions("first")), 1)

    def test_the_gate_lets_better_models_pass_and_keeps_worse_ones_as_challengers(self):
        shutil.copytree("first", "gated")
        before = current("gated")
        ended = self.fails(79, r"publish.gate is not passed: ndcg@10 >= 0.98 \* champion: "
                           r"\S+ >= \S+, no; .* is kept as the challenger of " + before["champion"],
                           "run", "shop.yaml", "--work", "bad", *BAD, *self.to("gated"), np=2)
        now = self.assert_valid("gated")
        self.assertEqual(now["champion"], before["champion"])
        self.assertIn(now["challenger"], ended.err)
        self.assertEqual(now["what"], "refuse")
        with open("bad/run.json") as f:
            self.assertFalse(json.load(f)["publish"]["champion"])
        again = self.fails(79, "not passed", "publish", "shop.yaml", "--work", "bad", *BAD,
                           *self.to("gated"))
        self.assertIn(now["challenger"], again.err)
        self.assertEqual(len(versions("gated")), 2)  # it is there already
        self.succeeds("run", "shop.yaml", "--work", "better", *self.to("gated"), "--set",
                      "model.iterations=6", "--set", "publish.gate=ndcg@10 > 0.1")
        now = self.assert_valid("gated")
        self.assertEqual((now["from"], now["challenger"]), (before["champion"], ""))
        self.assertEqual(len(versions("gated")), 3)
        ended = self.succeeds("inspect", "gated/shop")
        for version in versions("gated"):
            self.assertIn(version, ended.out)
        doc = json.loads(self.succeeds("inspect", "--json", "gated/shop/").out)
        self.assertEqual(doc["champion"], now["champion"])
        self.assertEqual([v["alias"] for v in doc["versions"]], [None, None, "champion"])

    def test_with_a_confidence_chance_does_not_pass(self):
        """Ten sweeps pass nine by the values, but not by the bootstrap."""
        to = self.to("sure")
        sure = ("--set", "publish.confidence=0.95", "--set", "publish.resamples=500")
        gate = ("--set", "publish.gate=ndcg@10 > 0.99 * champion")
        self.succeeds("run", "shop.yaml", "--work", "sure", *to, *sure, "--set",
                      "model.iterations=9")
        verdicts = set()
        for np in (0, 2, 3):  # the same draws on any number of ranks
            ended = self.fails(79, r"ndcg@10 > 0.99 \* champion: \S+ > \S+, by at least -\S+, no",
                               "run", "shop.yaml", "--work", "sure-2", *to, *sure, *gate, "--set",
                               "model.iterations=10", np=np)
            verdicts.add(re.search("by at least (.*), no", ended.err)[1])
        self.assertEqual(len(verdicts), 1, verdicts)
        self.assertEqual(len(versions("sure")), 2)
        part = current("sure")["gate"]["parts"][0]
        self.assertLess(part["bound"], 0)
        self.assertGreater(part["difference"], 0)
        self.succeeds("run", "shop.yaml", "--work", "sure-2", *to, *gate, "--set",
                      "model.iterations=10", np=2)  # without a confidence
        self.assertNotIn("confidence", self.assert_valid("sure")["gate"])
        self.assertEqual(len(versions("sure")), 2)  # the challenger was promoted as it stood

    def test_another_split_is_refused_unless_the_champion_is_judged_anew(self):
        shutil.copytree("first", "split")
        other = ("--set", "prepare.split.test=0.3")
        self.fails(79, "judged on other held-out data", "run", "shop.yaml", "--work", "split-run",
                   *other, *self.to("split"))
        self.assertEqual(len(versions("split")), 1)
        again = {}
        for np in (0, 3):
            work = f"split-{np}"
            self.succeeds("run", "shop.yaml", "--work", work, *other, *self.to(f"split-r{np}"),
                          np=np)
            shutil.rmtree(f"split-r{np}")
            shutil.copytree("first", f"split-r{np}")
            self.succeeds("publish", "shop.yaml", "--work", work, *other,
                          *self.to(f"split-r{np}"), "--set", "publish.rescore=true", "--set",
                          "publish.gate=recall@10 >= 0.1 * champion", np=np)
            now = self.assert_valid(f"split-r{np}")
            self.assertTrue(now["gate"]["rescored"])
            again[np] = now["gate"]["parts"]
        self.assertEqual(again[0], again[3])

    def test_a_champion_judged_anew_has_the_measures_of_its_own_run(self):
        """The same model, listed with what was seen: once as trained, once as published."""
        shutil.copytree("first", "anew")
        same = " and ".join(f"{m} >= champion and {m} <= champion"
                            for m in ("ndcg@10", "recall@20", "coverage@20"))
        self.succeeds("run", "shop.yaml", "--work", "anew-run", *self.to("anew"), "--set",
                      "publish.rescore=true", "--set", "evaluate.exclude_seen=false", "--set",
                      f"publish.gate={same}", np=2)
        now = self.assert_valid("anew")
        self.assertTrue(now["gate"]["rescored"])
        self.assertEqual(now["model_digest"], current("first")["model_digest"])

    def test_a_champion_of_weights_is_judged_anew_as_well(self):
        same = " and ".join(f"{m} >= champion and {m} <= champion"
                            for m in ("ndcg@10", "recall@20", "coverage@20"))
        for algorithm in ("ease", "slim", "item-knn", "user-knn"):
            name = f"of-{algorithm}"
            write(f"{name}.yaml", re.sub("model: .*", f"model: {{algorithm: {algorithm}}}", JOB))
            self.succeeds("run", f"{name}.yaml", "--work", name, *self.to(name), np=2)
            ended = self.succeeds("run", f"{name}.yaml", "--work", f"{name}-again", *self.to(name),
                                  "--set", "publish.rescore=true", "--set",
                                  "evaluate.exclude_seen=false", "--set", f"publish.gate={same}",
                                  np=3)
            self.assertIn("judging the champion", ended.err)
            self.assertTrue(current(name)["gate"]["rescored"], algorithm)

    def test_a_gate_that_cannot_be_judged_fails_before_any_work(self):
        for gate, says in (("ndcg@10 >=", "column 11: the gate ends too early"),
                           ("ndcg@50 > 0.1", '"ndcg@50" is not measured'),
                           ("hr@10 > 0.1", '"hr@10" is not measured')):
            self.fails(78, says, "run", "shop.yaml", "--work", "no", "--set",
                       f"publish.gate={gate}")
        self.assertFalse(os.path.exists("no"))

    def test_rollback_is_one_command(self):
        shutil.copytree("first", "roll")
        first = current("roll")["champion"]
        self.fails(66, "no earlier champion", "rollback", "--registry", "roll", "--model", "shop")
        for sweeps in (4, 5):
            self.succeeds("run", "shop.yaml", "--work", f"roll-{sweeps}", *self.to("roll"), "--set",
                          f"model.iterations={sweeps}", "--set", "publish.gate=")
        a, b, c = versions("roll")
        self.assertEqual(a, first)
        ended = self.succeeds("rollback", "--registry", "roll", "--model", "shop", "--why", "returns")
        self.assertIn(f"{b} is the champion, in place of {c}", ended.out)
        self.assertEqual(self.assert_valid("roll")["why"], "returns")
        self.succeeds("rollback", "--registry", "roll", "--model", "shop", "--to", a)
        self.assertEqual(current("roll")["champion"], a)
        self.flip(f"roll/shop/{c}/artifact.h5")
        self.fails(65, "damaged", "rollback", "--registry", "roll", "--model", "shop", "--to", c)
        self.assertEqual(current("roll")["champion"], a)
        self.fails(66, "there is no version", "rollback", "--registry", "roll", "--model", "shop",
                   "--to", "1999")
        self.fails(66, "no such model", "rollback", "--registry", "roll", "--model", "shoes")
        self.fails(64, "which model", "rollback", "--registry", "roll")
        self.assertEqual([e["what"] for e in history("roll")],
                         ["publish"] * 3 + ["rollback"] * 2)

    def test_old_versions_go(self):
        to = self.to("keep")
        for sweeps in range(1, 6):
            self.succeeds("run", "shop.yaml", "--work", "keep-run", *to, "--set", "publish.keep=2",
                          "--set", f"model.iterations={sweeps}", "--set", "publish.gate=")
        self.assertEqual(len(versions("keep")), 2)
        self.assertEqual(len(history("keep")), 5)
        self.assertEqual(self.assert_valid("keep")["champion"], versions("keep")[-1])


class Served(Registry):
    def test_a_serving_node_follows_publish_and_rollback(self):
        shutil.copytree("first", "served")
        first = current("served")
        node = subprocess.Popen(
            harness.node_line("--registry", "served", "--model", "shop"), stderr=subprocess.PIPE,
            text=True)
        try:
            url = re.search(r"on (http:\S+)$", node.stderr.readline().rstrip())[1]

            def serves(digest):
                until = time.monotonic() + 20
                while time.monotonic() < until:
                    with urllib.request.urlopen(url + "/v1/model") as answer:
                        if json.load(answer)["content_digest"] == digest:
                            return True
                    time.sleep(0.05)
                return False

            self.assertTrue(serves(first["artifact_digest"]))
            self.succeeds("run", "shop.yaml", "--work", "served-run", *self.to("served"), "--set",
                          "model.iterations=4", "--set", "publish.gate=")
            self.assertTrue(serves(current("served")["artifact_digest"]))
            self.succeeds("rollback", "--registry", "served", "--model", "shop")
            self.assertTrue(serves(first["artifact_digest"]))
        finally:
            node.terminate()
            self.assertEqual(node.wait(120), 0)
            node.stderr.close()

    def test_nothing_to_follow_is_one_sentence(self):
        for code, says, args in (
                (66, "nowhere/shop/CURRENT: cannot open", ("--registry", "nowhere", "--model",
                                                           "shop")),
                (64, "give either", ("--registry", "first")),
                (64, "give either", ("--registry", "first", "--model", "shop", "--artifact", "x"))):
            ended = subprocess.run([harness.daogou_serve, *args], stderr=subprocess.PIPE, text=True,
                                   timeout=120)
            self.assertEqual(ended.returncode, code)
            self.assertIn(says, ended.stderr)


class Nightly(Registry):
    """Tonight's data has a file more than last night's; training starts from the champion."""
    JOB = JOB.replace("shop/ratings.csv", "nights/*.csv").replace("iterations: 3", "iterations: 8") \
        + "train: {warm_start: champion, warm_iterations: 3}\n"

    @classmethod
    def setUpClass(cls):
        with open("shop/ratings.csv") as f:
            head, *lines = f.readlines()
        os.mkdir("nights")
        write("nights/1.csv", head + "".join(lines[:4000]))
        write("night.yaml", cls.JOB.replace("name: shop", "name: night"))
        ended = run("run", "night.yaml", "--work", "night-1", "--set", "publish.registry=nightly",
                    "--set", "publish.name=shop")
        assert ended.code == 0, ended
        assert "there is no champion of shop yet: a cold start" in ended.lines, ended
        write("nights/2.csv", head + "".join(lines[4000:]))

    def tonight(self, work, np, **how):
        shutil.rmtree(f"{work}-reg", ignore_errors=True)
        shutil.copytree("nightly", f"{work}-reg")
        return run("run", "night.yaml", "--work", work, *self.to(f"{work}-reg"), "--set",
                   "publish.name=shop", "--set", "publish.rescore=true", np=np, **how)

    def test_a_warm_start_saves_sweeps_and_depends_on_nothing_but_data_and_champion(self):
        ended = self.tonight("night-2", 0)
        self.assertEqual(ended.code, 0, ended)
        self.assertRegex(ended.err, r"warm start from \S+: \d+ users and \d+ goods known, 0 rows gone")
        self.assertIn("sweep 3 of 3", ended.err)
        with open("night-2/run.json") as f:
            record = json.load(f)
        self.assertEqual(record["train"]["warm_start"], current("nightly")["artifact_digest"])
        self.assertGreater(record["warm_start"]["users_known"], 300)
        self.assertGreater(record["warm_start"]["users_new"], 0)
        want = self.digests("night-2")
        for np in (2, 3):
            work = f"night-2-{np}"
            ended = self.tonight(work, np, env={"DAOGOU_FAULT": f"sweep.kill:{np - 1}:2"})
            self.assertEqual(ended.code, 128 + signal.SIGKILL, ended)
            ended = self.tonight(work, 5 - np)
            self.assertIn("resuming after sweep 1", ended.lines)
            self.assertNotIn("warm start", ended.err)
            self.assertEqual(self.digests(work), want)

    def test_the_same_night_again_trains_nothing(self):
        self.assertEqual(self.tonight("night-3", 0).code, 0)
        ended = self.succeeds("run", "night.yaml", "--work", "night-3", *self.to("night-3-reg"),
                              "--set", "publish.name=shop")
        self.assertIn("model.h5 is up to date", ended.lines)
        self.assertIn("is champion already", ended.err)

    def test_drift_is_told_and_stops_or_spares_a_run(self):
        def drifts(work, np, *flags):
            shutil.rmtree(f"{work}-reg", ignore_errors=True)
            shutil.copytree("nightly", f"{work}-reg")
            return run("run", "night.yaml", "--work", work, *self.to(f"{work}-reg"), "--set",
                       "publish.name=shop", "--set", "publish.rescore=true", *flags, np=np)

        ended = drifts("drift-1", 2, "--set", "drift.psi_max=5")
        self.assertEqual(ended.code, 0, ended)
        with open("drift-1/run.json") as f:
            told = json.load(f)["drift"]
        self.assertEqual(told["champion"], current("nightly")["champion"])
        self.assertGreater(told["psi_popularity"], 0)
        self.assertLess(told["known_users"], 1)
        self.assertIn("score_shift", told)
        ended = drifts("drift-2", 0, "--set", "drift.psi_max=1e-6")
        self.assertEqual(ended.code, 79, ended)
        self.assert_one_sentence(ended, "run", "popularity has moved by a PSI of .* not trained")
        self.assertFalse(os.path.exists("drift-2/model.h5"))
        with open("drift-2/run.json") as f:
            self.assertEqual(json.load(f)["drift"]["psi_popularity"], told["psi_popularity"])
        ended = drifts("drift-2", 3, "--set", "drift.psi_min=4")
        self.assertEqual(ended.code, 0, ended)
        self.assertRegex(ended.err, r"by drift.psi_min 4 and goods_min 0 nothing to train for")
        self.assertFalse(os.path.exists("drift-2/model.h5"))
        spare = ("--set", "drift.psi_min=4", "--set", "drift.goods_min=0.1")
        for stage in ("train", "evaluate", "publish"):  # a chain of them ends well, without a model
            ended = self.succeeds(stage, "night.yaml", "--work", "drift-2",
                                  *self.to("drift-2-reg"), "--set", "publish.name=shop", *spare)
            self.assertIn("nothing to train for", ended.err)
        self.assertFalse(os.path.exists("drift-2/model.h5"))
        self.assertEqual(len(versions("drift-2-reg")), 1)
        ended = self.fails(66, "model.h5", "evaluate", "night.yaml", "--work", "drift-2",
                           *self.to("drift-2-reg"), "--set", "publish.name=shop", "--set",
                           "drift.psi_min=0.0000001")
        ended = drifts("drift-1", 0, "--set", "drift.score_shift_max=1e-6")
        self.assertEqual(ended.code, 79, ended)
        self.assert_one_sentence(ended, "run", "scores have shifted by")
        self.assertEqual(len(versions("drift-1-reg")), 1)
        covers = {}
        for np in (0, 3):
            ended = drifts("drift-1", np, "--set", "drift.coverage_min=50")
            self.assertEqual(ended.code, 79, ended)
            self.assert_one_sentence(ended, "run", r"lists show \S+ % of the goods, less than "
                                     r"drift.coverage_min 50 times the \S+ % of the champion's")
            self.assertEqual(len(versions("drift-1-reg")), 1)
            covers[np] = re.search("lists show (.*), the champion's (.*)", ended.err).groups()
        self.assertEqual(covers[0], covers[3])
        ended = self.fails(79, "lists show", "evaluate", "night.yaml", "--work", "drift-1",
                           *self.to("drift-1-reg"), "--set", "publish.name=shop", "--set",
                           "drift.coverage_min=50")
        ended = drifts("drift-1", 0, "--set", "drift.coverage_min=0.5", "--set",
                       "drift.goods_min=1")
        self.assertEqual(ended.code, 0, ended)
        with open("drift-1/run.json") as f:
            told = json.load(f)["drift"]
        self.assertGreater(told["coverage"], 0.5 * told["coverage_before"])
        self.assertLess(told["known_goods"], 1)

    def test_what_does_not_fit_is_a_cold_start_or_an_error(self):
        ended = self.succeeds("train", "night.yaml", "--work", "night-2", *self.to("nightly"),
                              "--set", "model.factors=9", "--set", "publish.name=shop")
        self.assertRegex(ended.err, "a cold start: .* has 8 factors in 8 columns, this job wants 9")
        champion = f"nightly/shop/{current('nightly')['champion']}/artifact.h5"
        self.fails(78, "has 8 factors", "train", "night.yaml", "--work", "night-2", "--set",
                   "model.factors=9", "--set", f"train.warm_start={champion}")
        self.fails(66, "nowhere.h5", "train", "night.yaml", "--work", "night-2", "--set",
                   "train.warm_start=nowhere.h5")
        self.fails(65, "daogou-model", "train", "night.yaml", "--work", "night-2", "--set",
                   "train.warm_start=night-1/model.h5")


class AtOnce(Registry):
    def test_two_publishers_take_turns(self):
        for sweeps in (1, 2, 3):
            self.succeeds("run", "shop.yaml", "--work", f"once-{sweeps}", *self.to("unused"),
                          "--set", f"model.iterations={sweeps}", "--set", "publish.gate=")
        running = [start("publish", "shop.yaml", "--work", f"once-{s}", *self.to("once"), "--set",
                         f"model.iterations={s}", "--set", "publish.gate=", np=0)
                   for s in (1, 2, 3)]
        for process in running:
            self.assertEqual(finish(process).code, 0)
        self.assertEqual([e["event"] for e in history("once")], [1, 2, 3])
        self.assertEqual(len(versions("once")), 3)
        champion = self.assert_valid("once")["champion"]
        self.assertEqual(champion, versions("once")[-1])


class Killed(Registry):
    def test_killed_between_any_two_steps_the_registry_is_valid_and_the_next_one_mends_it(self):
        shutil.copytree("first", "kill")
        self.succeeds("run", "shop.yaml", "--work", "kill-run", *self.to("unused"), "--set",
                      "model.iterations=4", "--set", "publish.gate=")
        job = ("publish", "shop.yaml", "--work", "kill-run", "--set", "model.iterations=4", "--set",
               "publish.gate=", "--set", "publish.keep=1")
        step, killed = 1, True
        while killed:
            with self.subTest(step=step):
                shutil.rmtree("kill-it", ignore_errors=True)
                shutil.copytree("kill", "kill-it")
                before = current("kill-it")
                ended = run(*job, *self.to("kill-it"), np=2 if step % 3 == 0 else 0,
                            env={"DAOGOU_FAULT": f"registry.kill:0:{step}"})
                killed = ended.code != 0
                self.assertIn(ended.code, (0, -signal.SIGKILL, 128 + signal.SIGKILL), ended)
                now = self.assert_valid("kill-it")
                self.assertIn(now["event"], (before["event"], before["event"] + 1))
                self.succeeds(*job, *self.to("kill-it"))
                now = current("kill-it")
                self.assertEqual(now["event"], 2)
                self.assertEqual([e["event"] for e in history("kill-it")], [1, 2])
                self.assertEqual(len(versions("kill-it")), 2)  # and the one to go back to
                left = set(os.listdir("kill-it/shop")) - set(versions("kill-it"))
                self.assertEqual(left, {"CURRENT", "LOCK", "history.jsonl"})
            step += 1
        self.assertGreater(step, 6)

    def test_a_failing_disk_is_one_sentence(self):
        job = ("publish", "shop.yaml", "--work", "good")
        for site in ("write", "fsync"):
            for nth in (1, 4, 7):
                shutil.rmtree("disk", ignore_errors=True)
                ended = run(*job, *self.to("disk"), env={"DAOGOU_FAULT": f"{site}:0:{nth}"})
                if ended.code != 0:
                    self.assertEqual(ended.code, 74, ended)
                    self.assert_one_sentence(ended, "publish", "cannot")
                self.succeeds(*job, *self.to("disk"))
                self.assert_valid("disk")


if __name__ == "__main__":
    harness.main()
