"""trust.py - signed and encrypted artifacts, from the job to the node that serves them."""
import contextlib
import glob
import json
import os
import signal
import subprocess
import time
import urllib.request

import harness
from harness import Case, ratings_csv, run, write

NODE_KEYS = ("--trusted-keys", "signer.pub", "--encryption-key", "envelope")


def setUpModule():
    write("ratings.csv", ratings_csv())
    write("job.yaml", harness.job_yaml())
    for name, more in (("signer", ()), ("stranger", ()), ("envelope", ("--encryption",)),
                       ("wrong", ("--encryption",))):
        ended = run("keygen", name, *more)
        assert ended.code == 0, ended
    publish()
    ended = run("run", "job.yaml", "--work", "plain", "--set", "publish.registry=plain_registry")
    assert ended.code == 0, ended


def publish(registry="registry", work="work", *more):
    ended = run("run", "job.yaml", "--work", work, "--set", f"publish.registry={registry}", "--set",
                "export.sign=signer", "--set", "publish.encrypt=envelope", *more)
    assert ended.code == 0, ended


def read(name):
    with open(name) as f:
        return f.read()


def current(registry="registry"):
    with open(f"{registry}/small/CURRENT") as f:
        return json.load(f)


def champion():
    return f"registry/small/{current()['champion']}/artifact.h5"


@contextlib.contextmanager
def node(*args):
    """A node that answers; gives what asks it, and its log."""
    with open("node.log", "w") as log:
        process = subprocess.Popen(harness.node_line(*args), stderr=log)
    try:
        for _ in range(600):
            told = read("node.log")
            if "http://" in told:
                break
            time.sleep(0.05)
        address = "http://" + told.split("http://")[1].split()[0].rstrip("/")
        yield lambda path: json.load(urllib.request.urlopen(address + path, timeout=120))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


class Trust(Case):
    def refused(self, code, says, *args):
        ended = harness.finish(subprocess.Popen(harness.node_line(*args), stdout=subprocess.PIPE,
                                                stderr=subprocess.PIPE), 30)
        self.assertEqual(ended.code, code, ended)
        self.assertRegex(ended.lines[0], says, ended)

    def test_what_is_published_is_signed_and_encrypted_and_tells_so(self):
        now = current()
        ids = {name: json.loads(self.succeeds("inspect", "--json", champion(), "--encryption-key",
                                              "envelope").out)[name]
               for name in ("signed_by", "encrypted_with")}
        self.assertEqual(ids, {name: now[name] for name in ids})
        with open(champion(), "rb") as f:
            self.assertNotIn(b"daogou-artifact", f.read())
        told = self.succeeds("inspect", champion()).out
        self.assertIn(f"encrypted with key {ids['encrypted_with']}", told)
        self.assertIn("which is trusted", self.succeeds(
            "verify", champion(), "--trusted-keys", "signer.pub", "--encryption-key", "envelope").out)
        self.fails(77, "no key was given", "verify", champion())
        self.fails(77, "the key given is", "verify", champion(), "--encryption-key", "wrong")
        self.fails(77, "not among", "verify", "work/artifact.h5", "--trusted-keys", "stranger.pub")

    def test_keys_change_no_content_and_cause_no_stage(self):
        self.assertEqual(self.digest("work/artifact.h5"), self.digest("plain/artifact.h5"))
        ended = run("run", "job.yaml", "--work", "plain", "--set", "export.sign=signer", "--set",
                    "publish.registry=plain_registry")
        self.assertEqual(ended.code, 0, ended)
        self.assertIn("signed by key", self.succeeds("verify", "plain/artifact.h5").out)

    def test_a_node_with_keys_answers_as_one_without(self):
        with node("--artifact", "plain/artifact.h5") as ask:
            plain = ask("/v1/recommend/u1?k=10")["items"]
        with node("--artifact", champion(), *NODE_KEYS) as ask:
            self.assertEqual(ask("/v1/recommend/u1?k=10")["items"], plain)
        os.environ["DAOGOU_ENCRYPTION_KEY"] = read("envelope")
        try:
            with node("--artifact", champion(), "--trusted-keys", "signer.pub") as ask:
                self.assertEqual(ask("/v1/recommend/u1?k=10")["items"], plain)
        finally:
            del os.environ["DAOGOU_ENCRYPTION_KEY"]

    def test_a_node_refuses_what_it_should_not_trust(self):
        plain = run("decrypt", champion(), "unsigned.h5", "--key", "envelope")
        self.assertEqual(plain.code, 0, plain)
        with open("unsigned.h5", "rb") as f:
            good = f.read()
        line = good.index(b"\n") + 1
        write("unsigned.h5", good[:line] + bytes(512 - line) + good[512:])
        self.succeeds("verify", "unsigned.h5")
        self.refused(77, "is not signed", "--artifact", "unsigned.h5", *NODE_KEYS)
        write("cut.h5", good[:-1000])
        self.refused(65, "truncated", "--artifact", "cut.h5", *NODE_KEYS)
        write("changed.h5", good[:-1000] + bytes([good[-1000] ^ 1]) + good[-999:])
        self.refused(65, "not those that key", "--artifact", "changed.h5", *NODE_KEYS)
        self.refused(77, "not among the 1", "--artifact", "work/artifact.h5", "--trusted-keys",
                     "stranger.pub")
        self.refused(77, "encrypted", "--artifact", champion(), "--trusted-keys", "signer.pub")
        os.chmod("wrong", 0o644)
        self.refused(77, "everybody", "--artifact", champion(), "--encryption-key", "wrong")
        os.chmod("wrong", 0o600)

    def test_a_node_that_follows_stays_with_the_last_one_it_trusts(self):
        publish("followed", "night")
        with node("--registry", "followed", "--model", "small", *NODE_KEYS) as ask:
            first = ask("/v1/model")["content_digest"]
            publish("followed", "night", "--set", "export.sign=stranger", "--set",
                    "model.iterations=4")
            self.assertNotEqual(current("followed")["artifact_digest"], first)
            for _ in range(100):
                if "not among" in read("node.log"):
                    break
                time.sleep(0.1)
            self.assertIn("going on with", read("node.log"))
            self.assertEqual(ask("/v1/model")["content_digest"], first)
            publish("followed", "night", "--set", "model.iterations=5")
            for _ in range(100):
                if ask("/v1/model")["content_digest"] != first:
                    break
                time.sleep(0.1)
            self.assertEqual(ask("/v1/model")["content_digest"],
                             current("followed")["artifact_digest"])

    def test_a_run_goes_on_from_an_encrypted_champion(self):
        publish("continued", "before")
        ended = self.succeeds("run", "job.yaml", "--work", "warm", "--set",
                              "publish.registry=continued", "--set", "publish.encrypt=envelope",
                              "--set", "train.warm_start=champion", "--set", "model.iterations=6")
        self.assertIn("warm start from", ended.err)
        self.fails(77, "no key was given", "rollback", "--registry", "continued", "--model", "small")
        self.succeeds("rollback", "--registry", "continued", "--model", "small",
                      env={"DAOGOU_ENCRYPTION_KEY": read("envelope")})

    def test_a_key_of_no_use_is_told_before_anything_is_changed(self):
        before = sorted(glob.glob("registry/small/*"))
        self.fails(66, "nokey", "run", "job.yaml", "--work", "x", "--set", "publish.registry=registry",
                   "--set", "model.iterations=7", "--set", "export.sign=nokey")
        self.fails(78, "signer:1", "run", "job.yaml", "--work", "x", "--set",
                   "publish.registry=registry", "--set", "model.iterations=7", "--set",
                   "publish.encrypt=signer")
        self.fails(73, "cannot create", "keygen", "signer")
        self.assertEqual(sorted(glob.glob("registry/small/*")), before)


if __name__ == "__main__":
    harness.main()
