"""nights.py - files arrive, grow, move and go from night to night: only what is new is parsed."""
import glob
import gzip
import json
import os
import shutil
import signal
import unittest

import harness
from harness import Case, run, write

JOB = """name: nights
seed: 7
data:
  ratings: {{path: {path}, columns: {{user: user, item: item, event: kind, time: ts}}}}
prepare:
  event_weights: {{view: 1, cart: 2, buy: 3}}
  duplicates: sum
  half_life: 30d
  min_user: 3
  split: {{method: time, at: 90%}}
cache: {{parsed: true}}
"""
HEAD = "user,item,kind,ts\n"
PIECE = 16 << 20  # bytes that are parsed, and kept, at a time


def lines_of(begin, end):
    """Events number begin to end, all different, 26 bytes or more each."""
    kinds = ("view", "view", "cart", "buy")
    return "".join(f"u{k * 7919 % 503},item-{k * 104729 % 997},{kinds[k % 4]},{1300000000 + k * 3}\n"
                   for k in range(begin, end))


class Nights(Case):
    def prepares(self, work, job="nights.yaml", np=2, *more):
        """Prepare; (content digest, bytes that had been parsed before, bytes in all)."""
        self.succeeds("prepare", job, "--work", work, *more, np=np)
        with open(f"{work}/run.json") as f:
            told = json.load(f)["prepare"]
        return told["content_digest"], told["reused"], told["bytes"]

    def is_full(self, digest):
        """The dataset of a full prepare over the same files."""
        shutil.rmtree("full", ignore_errors=True)
        self.assertEqual(self.prepares("full", "nights.yaml", 1, "--set", "cache.parsed=false")[0],
                         digest)
        self.assertFalse(os.path.exists("full/parsed"))

    def setUp(self):
        shutil.rmtree("events", ignore_errors=True)
        os.mkdir("events")
        write("nights.yaml", JOB.format(path="events/*"))

    def test_a_month_of_compressed_days(self):
        for day in range(3):
            write(f"events/{day}.csv.gz", gzip.compress((HEAD + lines_of(900 * day,
                                                                         900 * day + 1200)).encode()))
        self.assertEqual(self.prepares("days", np=3)[1], 0)
        write("events/3.csv", HEAD + lines_of(2700, 4000))  # the night's file
        new = os.path.getsize("events/3.csv")
        digest, reused, size = self.prepares("days", np=2)
        self.assertEqual(reused, size - new)
        self.is_full(digest)
        self.assertEqual(len(os.listdir("days/parsed")), 4)
        os.remove("events/0.csv.gz")  # the window of files moves on
        os.rename("events/3.csv", "events/2b.csv")
        digest, reused, size = self.prepares("days", np=4)
        self.assertEqual(reused, size)
        self.is_full(digest)
        self.assertEqual(len(os.listdir("days/parsed")), 3)
        out = self.succeeds("verify", "days").out
        self.assertEqual(out.count("days/parsed/"), 3)
        ended = self.succeeds("prepare", "nights.yaml", "--work", "days", np=2)
        self.assertIn("dataset.h5 is up to date", ended.lines)
        self.succeeds("prepare", "nights.yaml", "--work", "days", "--set", "cache.parsed=false")
        self.assertFalse(os.path.exists("days/parsed"))

    def test_a_log_that_grows(self):
        text = HEAD + lines_of(0, n := 930000)
        self.assertGreater(len(text), PIECE + (8 << 20))  # digests are of 8 MiB
        write("events/log.csv", text)
        self.assertEqual(self.prepares("log")[1], 0)
        write("events/log.csv", text + lines_of(n, n + 5000))
        digest, reused, size = self.prepares("log")
        self.assertEqual(reused, PIECE)
        self.assertGreater(size, len(text))
        self.is_full(digest)
        changed = bytearray(text.encode())
        at = text.index("item-", 9 << 20)
        changed[at + 5:at + 6] = b"9" if changed[at + 5:at + 6] != b"9" else b"8"
        write("events/log.csv", bytes(changed))
        digest, reused, size = self.prepares("log")
        self.assertEqual(reused, 0)  # both pieces have bytes of the changed block
        self.is_full(digest)

    def test_a_kill_in_a_passage_loses_nothing(self):
        for day in range(6):
            write(f"events/{day}.csv", HEAD + lines_of(900 * day, 900 * day + 1200))
        for site, nth in (("write.kill", 3), ("write.kill", 40), ("rename.kill", 2), ("read.kill", 9)):
            shutil.rmtree("killed", ignore_errors=True)
            ended = run("prepare", "nights.yaml", "--work", "killed", np=2,
                        env={"DAOGOU_FAULT": f"{site}:1:{nth}"})
            self.assertEqual(ended.code, 128 + signal.SIGKILL, ended)
            digest, _, _ = self.prepares("killed", np=3)
            self.assertEqual(glob.glob("killed/**/*.tmp", recursive=True), [])
            self.assertEqual(len(os.listdir("killed/parsed")), 6)
        self.is_full(digest)


if __name__ == "__main__":
    harness.main()
