"""report.py - report.html of a run: in a browser, offline, with what the run's files say."""
import json
import os
import re
import shutil
import struct
import subprocess
import unittest
import zlib

import harness
from harness import Case, job_yaml, ratings_csv, run, write

MORE = """evaluate: {k: [5, 10], metrics: [recall, ndcg, coverage]}
publish: {registry: registry}
"""
chromium = shutil.which("chromium") or shutil.which("chromium-browser")


def browse(*args):
    """Chromium without a window or a network."""
    return subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--disable-dev-shm-usage", f"--user-data-dir={os.path.abspath('profile')}",
         "--proxy-server=127.0.0.1:9", *args],
        capture_output=True, timeout=90, check=True, text=True).stdout


def pixels(path):
    """(width, height, rows of bytes, bytes a pixel) of an 8-bit PNG."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            body += data[at + 8:at + 8 + size]
        at += size + 12
    assert depth == 8 and color in (2, 6)
    n = {2: 3, 6: 4}[color]
    raw, rows, before = zlib.decompress(body), [], bytearray(width * n)
    for y in range(height):
        start = y * (width * n + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + width * n])
        for x in range(width * n if kind else 0):
            left, up = row[x - n] if x >= n else 0, before[x]
            corner = before[x - n] if x >= n else 0
            if kind == 1:
                add = left
            elif kind == 2:
                add = up
            elif kind == 3:
                add = (left + up) // 2
            else:
                guess = left + up - corner
                add = min((left, up, corner), key=lambda v: abs(guess - v))
            row[x] = (row[x] + add) & 255
        rows.append(bytes(row))
        before = row
    return width, height, rows, n


def setUpModule():
    write("ratings.csv", ratings_csv())
    write("job.yaml", job_yaml(more=MORE))
    ended = run("run", "job.yaml", "--work", "first", np=2)
    assert ended.code == 0 and "first/report.html" in ended.out, ended  # people are told of it
    shutil.copy("first/report.html", "of-the-first-run.html")
    ended = run("run", "job.yaml", "--work", "second", "--set", "model.factors=3")
    assert ended.code == 0, ended


def load(path):
    with open(path) as f:
        return json.load(f)


class Page(Case):
    def html(self, work):
        with open(f"{work}/report.html") as f:
            return f.read()

    def test_it_says_what_the_files_say(self):
        html, metrics = self.html("second"), load("second/metrics.json")
        popular = load("second/metrics-popular.json")
        champion = load("first/metrics.json")
        for name in ("recall@5", "ndcg@10", "coverage@10"):
            row = re.search(rf"<td>{name}</td>.*", html)[0]
            for source in (metrics, champion, popular):
                self.assertIn(f"{source[name]:.4f}", row)
        self.assertEqual(metrics["split"], popular["split"])

    def test_the_first_version_has_no_champion_beside_it(self):
        with open("of-the-first-run.html") as f:
            self.assertNotIn("champion", f.read())

    def test_measures_are_followed_while_the_model_is_trained(self):
        ended = self.succeeds("run", "job.yaml", "--work", "curve", "--set", "evaluate.every=2",
                              "--set", "prepare.split.valid=0.1", "--set", "publish.registry=r2")
        self.assertRegex(ended.err, r"after sweep 2, by valid, recall@10 0\.\d+, ndcg@10 0\.\d+")
        plain = self.succeeds("run", "job.yaml", "--work", "plain", "--set",
                              "prepare.split.valid=0.1", "--set", "publish.registry=r3")
        self.assertEqual(self.digest("curve/model.h5"), self.digest("plain/model.h5"))
        for work, there in (("curve", 1), ("plain", 0)):
            self.assertEqual(self.html(work).count("id=\"judged\""), there)
        with open("curve/log.jsonl") as f:
            events = [json.loads(line) for line in f]
        judged = [e for e in events if e["event"] == "judged"]
        self.assertEqual([(e["sweep"], e["part"]) for e in judged], [(2, "valid"), (3, "valid")])
        last = self.succeeds("evaluate", "job.yaml", "--work", "curve", "--set",
                             "prepare.split.valid=0.1", "--set", "evaluate.part=valid", "--json")
        for name, value in judged[-1]["judged"].items():
            self.assertAlmostEqual(json.loads(last.out)["evaluate"][name], value, 9)

    def test_every_rank_is_there(self):
        self.assertIn("rank 1", self.html("first"))
        self.assertNotIn("Work of each rank", self.html("second"))

    def test_the_command_makes_the_same_page_of_a_run_that_is_done(self):
        before = self.html("second")
        ended = self.succeeds("report", "job.yaml", "--work", "second", "--set", "model.factors=3")
        self.assertIn("report.html", ended.out)
        self.assertRegex(ended.out, r"ndcg@10 +0\.\d{4} +")
        self.assertEqual(self.html("second"), before)

    def test_any_number_of_ranks_draws_the_same_figures(self):
        one = json.loads(self.succeeds("report", "job.yaml", "--work", "first", "--json").out)
        two = json.loads(self.succeeds("report", "job.yaml", "--work", "first", "--json", np=3).out)
        self.assertEqual(one, two)

    def test_no_examples_where_none_are_wanted(self):
        self.succeeds("report", "job.yaml", "--work", "first", "--set", "report.examples=0")
        self.assertNotIn("What it recommends", self.html("first"))
        self.succeeds("report", "job.yaml", "--work", "first")

    def test_a_run_without_a_test_has_a_page_without_measures(self):
        self.succeeds("run", "job.yaml", "--work", "untested", "--set",
                      "prepare.split.method=none", "--set", "publish.registry=other")
        self.assertNotIn("<h2>Measures", self.html("untested"))
        self.assertIn("id=\"tail\"", self.html("untested"))

    def test_before_training_there_is_nothing_to_report(self):
        self.fails(66, "dataset.h5", "report", "job.yaml", "--work", "nothing")


@unittest.skipUnless(chromium, "Chromium is not installed")
class Browser(Case):
    def test_a_browser_without_a_network_shows_it_all(self):
        page = f"file://{os.path.abspath('second/report.html')}"
        dom = browse("--dump-dom", page)
        with open("second/report.html") as f:
            html = f.read()
        self.assertGreater(html.count("<svg"), 4)
        for part in ("<svg", "<tr", "class=\"tile\"", "class=\"card example\"", "<figcaption"):
            self.assertEqual(dom.count(part), html.count(part), part)

    def test_lines_bars_and_cards_are_drawn(self):
        page = f"file://{os.path.abspath('second/report.html')}"
        browse("--window-size=1000,4000", "--screenshot=shot.png", page)
        width, height, rows, n = pixels("shot.png")
        self.assertEqual((width, height), (1000, 4000))
        seen = {row[x:x + 3] for row in rows for x in range(0, len(row), n)}
        for name, color in (("lines", "0072b2"), ("users", "d55e00"), ("items", "009e73"),
                            ("paper", "ffffff"), ("page", "f6f7f9"), ("ink", "1c2430")):
            self.assertIn(bytes.fromhex(color), seen, name)
        margin = {row[x:x + 3] for row in rows for x in (0, (width - 1) * n)}
        self.assertEqual(margin, {bytes.fromhex("f6f7f9")}, "nothing leaves the page sideways")


if __name__ == "__main__":
    harness.main()
