"""content.py - the numbers in the files are what docs/formats.md says they are.

Nothing of ours takes part in reading: digests are made anew with libxxhash and hashlib, ratings are
compared with the raw table, scores are computed from the arrays and compared with what
`daogou recommend` prints and `daogou-serve` answers.
"""
import csv
import ctypes
import hashlib
import json
import re
import subprocess
import urllib.parse
import urllib.request

import h5py
import numpy as np

import harness
from harness import Case, run, write

AS_CSV = """name: als
seed: 7
data:
  ratings: {path: shop/ratings.csv, columns: {user: user, item: item, value: rating, time: time}}
  items: {path: shop/goods.csv, columns: {item: item, title: title}}
prepare: {split: {method: ratio, test: 0.2, valid: 0.1}}
model: {algorithm: als, factors: 7, iterations: 4}
evaluate: {k: [10], metrics: [recall, ndcg]}
"""
AS_EVENTS = """name: ials
seed: 7
data:
  ratings: {path: shop/events.csv, columns: {user: user, item: item, event: event, time: time}}
prepare:
  event_weights: {view: 1, search: 1, cart: 2, buy: 3}
  duplicates: sum
  split: {method: user-holdout, users: 60, fold_in: 0.5}
model: {algorithm: ials, factors: 9, iterations: 4}
evaluate: {k: [10], metrics: [recall, ndcg]}
"""
JOBS = {"als": AS_CSV, "ials": AS_EVENTS}
TYPES = ("<i4", "<i8", "|u1", "<u8", "<f4", "<f8")

xxhash = ctypes.CDLL("libxxhash.so.0")


class Digest128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


xxhash.XXH3_64bits.restype = ctypes.c_uint64
xxhash.XXH3_64bits.argtypes = xxhash.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
xxhash.XXH3_128bits.restype = Digest128


def digest128(content):
    d = xxhash.XXH3_128bits(content, len(content))
    return d.low, d.high


def hash64(text):
    raw = text.encode()
    return xxhash.XXH3_64bits(raw, len(raw))


def setUpModule():
    ended = run("generate", "--out", "shop", "-q", "--users", "400", "--ratings", "6000",
                "--events", "9000")
    assert ended.code == 0, ended
    for name, text in JOBS.items():
        write(f"{name}.yaml", text)
        ended = run("run", f"{name}.yaml", "--work", name, np=2)
        assert ended.code == 0, ended


def arrays_of(f):
    found = {}
    f.visititems(lambda name, node: found.update({name: node}))
    return {name: node for name, node in found.items() if isinstance(node, h5py.Dataset)}


def strings(f, path):
    offsets, content = f[f"{path}/offsets"][:], f[f"{path}/bytes"][:].tobytes()
    assert offsets[0] == 0 and offsets[-1] == len(content) and (np.diff(offsets) >= 0).all(), path
    return [content[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]


class Layout(Case):
    """What all files share."""

    def all_files(self):
        for name in JOBS:
            for path in sorted(p for p in harness.files_below(name) if p.endswith(".h5")):
                yield f"{name}/{path}"

    def test_the_seal_is_the_digest_of_the_file(self):
        for path in self.all_files():
            with open(path, "rb") as f:
                seal, rest = f.read(512), f.read()
            match = re.fullmatch(rb"DAOGOU FILE 1 bytes (\d+) blake2b ([0-9a-f]{64})\n\0*", seal)
            self.assertIsNotNone(match, path)
            self.assertEqual(int(match[1]), 512 + len(rest), path)
            blocks = b"".join(part.to_bytes(8, "little") for at in range(0, len(rest), 4 << 20)
                              for part in digest128(rest[at:at + (4 << 20)]))
            digest = hashlib.blake2b(blocks, digest_size=32).hexdigest()
            self.assertEqual(match[2].decode(), digest, path)

    def test_arrays_are_plain_aligned_and_digested_by_shard(self):
        for path in self.all_files():
            with h5py.File(path) as f:
                found = arrays_of(f)
                plain = {n for n in found if not n.startswith("digests/")}
                self.assertEqual(set(found) - plain, {f"digests/{n}" for n in plain})
                for name, array in found.items():
                    with self.subTest(path, array=name):
                        self.assertIn(array.ndim, (1, 2))
                        self.assertEqual((array.chunks, array.compression), (None, None))
                        self.assertIn(array.dtype.str, TYPES)
                        if array.size > 0:
                            self.assertEqual(array.id.get_offset() % 64, 0)
                    if name in plain:
                        self.check_digests(f"{path}: {name}", array[:], f[f"digests/{name}"][:])

    def check_digests(self, what, array, table):
        self.assertEqual((table.dtype.str, table.shape[1]), ("<u8", 4), what)
        ends = np.concatenate([[0], table[:, 1]])
        self.assertTrue((table[:, 0] == ends[:-1]).all() and ends[-1] == len(array), what)
        for begin, end, low, high in table.tolist():
            self.assertEqual(digest128(array[begin:end].tobytes()), (low, high), what)

    def test_attributes_are_fixed_length_text_whole_or_real_numbers(self):
        for path in self.all_files():
            with h5py.File(path) as f:
                meta = f["meta"].attrs
                self.assertRegex(meta["content_digest"].decode(), "^[0-9a-f]{64}$")
                self.assertRegex(meta["created"].decode(), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
                for name in meta:
                    attribute = meta.get_id(name)
                    self.assertEqual(attribute.shape, (), name)
                    if attribute.dtype.kind == "S":
                        text = attribute.get_type()
                        self.assertFalse(text.is_variable_str())
                        self.assertEqual(text.get_cset(), h5py.h5t.CSET_UTF8)
                    else:
                        self.assertIn(attribute.dtype.str, ("<i8", "<f8"), name)

    def test_h5dump_reads_the_same_numbers(self):
        dump = ["h5dump", "-d", "/popularity/order", "-y", "-w", "0", "als/artifact.h5"]
        out = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
        numbers = re.search(r"DATA \{(.*?)\}", out, re.S)[1].replace(",", " ").split()
        with h5py.File("als/artifact.h5") as f:
            self.assertEqual([int(n) for n in numbers], f["popularity/order"][:].tolist())


class Data:
    """A dataset as dictionaries: part[user][item] = value."""

    def __init__(self, path):
        self.f = h5py.File(path)
        self.users, self.items = strings(self.f, "ids/user"), strings(self.f, "ids/item")
        self.meta = dict(self.f["meta"].attrs)
        n, m = len(self.users), len(self.items)
        self.part = {p: self.rows(f"ratings/{p}/user", n, m)
                     for p in ("train", "valid", "test", "fold_in")}
        self.train_by_item = self.rows("ratings/train/item", m, n)

    def rows(self, path, n_rows, n_cols):
        ptr, index = self.f[f"{path}/ptr"][:], self.f[f"{path}/index"][:]
        value = self.f[f"{path}/value"][:]
        assert len(ptr) == n_rows + 1 and ptr[0] == 0 and ptr[-1] == len(index) == len(value), path
        assert (np.diff(ptr) >= 0).all() and np.isfinite(value).all(), path
        assert len(index) == 0 or 0 <= index.min() <= index.max() < n_cols, path
        rows = []
        for a, b in zip(ptr[:-1], ptr[1:]):
            assert (np.diff(index[a:b]) > 0).all(), path
            rows.append(dict(zip(index[a:b].tolist(), value[a:b].tolist())))
        return rows


class Dataset(Case):
    def test_ids_are_unique_and_counts_are_those_of_the_arrays(self):
        for name in JOBS:
            d = Data(f"{name}/dataset.h5")
            self.assertEqual(len(set(d.users)), len(d.users))
            self.assertEqual(len(set(d.items)), len(d.items))
            self.assertEqual((d.meta["n_users"], d.meta["n_items"]), (len(d.users), len(d.items)))
            for part, rows in d.part.items():
                self.assertEqual(d.meta[f"n_{part}"], sum(map(len, rows)), part)
            values = [v for row in d.part["train"] for v in row.values()]
            self.assertEqual((d.meta["value_min"], d.meta["value_max"]), (min(values), max(values)))

    def test_the_transpose_is_the_same_ratings(self):
        for name in JOBS:
            d = Data(f"{name}/dataset.h5")
            by_user = {(u, i): v for u, row in enumerate(d.part["train"]) for i, v in row.items()}
            by_item = {(u, i): v for i, row in enumerate(d.train_by_item) for u, v in row.items()}
            self.assertEqual(by_user, by_item)

    def raw(self, path, weight):
        total = {}
        with open(path, encoding="utf-8") as f:
            for row in csv.DictReader(f):
                key = row["user"], row["item"]
                total[key] = total.get(key, 0) + weight(row)
        return total

    def named(self, d, *parts):
        return {(d.users[u], d.items[i]): v for p in parts for u, row in enumerate(d.part[p])
                for i, v in row.items()}

    def test_parts_together_are_the_raw_table(self):
        d = Data("als/dataset.h5")
        raw = self.raw("shop/ratings.csv", lambda row: float(row["rating"]))
        self.assertEqual(self.named(d, "train", "valid", "test"), raw)
        self.assertEqual(sum(d.meta[f"n_{p}"] for p in ("train", "valid", "test")), len(raw))
        self.assertEqual(d.meta["n_fold_in"], 0)
        weights = {"view": 1, "search": 1, "cart": 2, "buy": 3}
        d = Data("ials/dataset.h5")
        raw = self.raw("shop/events.csv", lambda row: weights[row["event"]])
        self.assertEqual(self.named(d, "train", "test", "fold_in"), raw)
        held_out = [u for u in range(len(d.users)) if d.part["fold_in"][u] or d.part["test"][u]]
        self.assertEqual(len(held_out), 60)
        self.assertEqual([u for u in held_out if d.part["train"][u]], [])

    def test_titles_are_those_of_the_catalogue(self):
        with open("shop/goods.csv", encoding="utf-8") as f:
            title = {row["item"]: row["title"] for row in csv.DictReader(f)}
        for path in ("als/dataset.h5", "als/artifact.h5"):
            with h5py.File(path) as f:
                told = dict(zip(strings(f, "ids/item"), strings(f, "titles/item")))
                self.assertEqual(told, title)
        with h5py.File("ials/dataset.h5") as f:
            self.assertNotIn("titles", f)

    def test_rows_are_dealt_by_hash_and_the_heaviest_come_first(self):
        for name in JOBS:
            d = Data(f"{name}/dataset.h5")
            for side, ids in (("user", d.users), ("item", d.items)):
                begin = d.f[f"shards/{side}"][:].tolist()
                n = len(begin) - 1
                self.assertEqual((begin[0], begin[-1], n & (n - 1)), (0, len(ids), 0))
                self.assertEqual(begin, sorted(begin))
                cuts = list(zip(begin[:-1], begin[1:]))
                hashes = [[hash64(x) for x in ids[a:b]] for a, b in cuts if a < b]
                for before, after in zip(hashes[:-1], hashes[1:]):
                    self.assertLess(max(before), min(after))
                if name == "als":  # one record a pair: ratings before the split can be counted
                    rated = [pair[side == "item"] for pair in self.named(d, *d.part)]
                    weight = [rated.count(x) for x in ids]
                    for a, b in cuts:
                        self.assertEqual(weight[a:b], sorted(weight[a:b], reverse=True))


def model_scores(name):
    """Every user's score of every item, from model.h5 alone, in double precision."""
    with h5py.File(f"{name}/model.h5") as f:
        users, items = f["factors/user"][:].astype(float), f["factors/item"][:].astype(float)
        if name == "ials":
            return users @ items.T
        k = users.shape[1] - 1
        return (f["meta"].attrs["mean"] + users[:, k:] + items[:, k] +
                users[:, :k] @ items[:, :k].T)


class Model(Case):
    def test_shapes_identity_and_losses(self):
        for name, n_cols in (("als", 8), ("ials", 9)):
            d = Data(f"{name}/dataset.h5")
            for path in ["model.h5"] + [f"checkpoints/ckpt-{k:06}.h5" for k in (1, 2, 3)]:
                with h5py.File(f"{name}/{path}") as f:
                    meta = f["meta"].attrs
                    self.assertEqual(meta["algorithm"].decode(), name)
                    self.assertEqual(meta["dataset"], d.meta["content_digest"])
                    self.assertIn("seed: 7", meta["config"].decode())
                    sweep = 4 if path == "model.h5" else int(path[-4])
                    self.assertEqual(meta["sweep"], sweep)
                    self.assertEqual(f["factors/user"].shape, (len(d.users), n_cols))
                    self.assertEqual(f["factors/item"].shape, (len(d.items), n_cols))
                    loss = f["history/loss"][:]
                    self.assertEqual(loss.shape, (sweep, 3))
                    totals = loss.sum(axis=1)
                    self.assertTrue((np.diff(totals) < 0).all(), totals)

    def test_the_last_loss_is_that_of_the_factors(self):
        d, scores = Data("als/dataset.h5"), model_scores("als")
        squares = sum((v - scores[u, i]) ** 2 for u, row in enumerate(d.part["train"])
                      for i, v in row.items())
        with h5py.File("als/model.h5") as f:
            self.assertAlmostEqual(f["history/loss"][-1, 0] / squares, 1, places=4)
            train = [v for row in d.part["train"] for v in row.values()]
            self.assertAlmostEqual(f["meta"].attrs["mean"], float(np.mean(train)), places=9)
        d, scores = Data("ials/dataset.h5"), model_scores("ials")
        squares = sum((1 - scores[u, i]) ** 2 for u, row in enumerate(d.part["train"]) for i in row)
        with h5py.File("ials/model.h5") as f:
            self.assertAlmostEqual(f["history/loss"][-1, 0] / squares, 1, places=4)


class Artifact(Case):
    def test_ids_are_found_by_hash(self):
        for name in JOBS:
            with h5py.File(f"{name}/artifact.h5") as f:
                for side in ("user", "item"):
                    ids = strings(f, f"ids/{side}")
                    order = f[f"ids/{side}/by_hash"][:].tolist()
                    self.assertEqual(sorted(order), list(range(len(ids))))
                    keys = [(hash64(ids[r]), ids[r].encode()) for r in order]
                    self.assertEqual(keys, sorted(keys))

    def test_history_is_every_part_and_popularity_is_training(self):
        for name in JOBS:
            d = Data(f"{name}/dataset.h5")
            with h5py.File(f"{name}/artifact.h5") as f:
                ptr, index = f["history/ptr"][:], f["history/index"][:]
                self.assertEqual((ptr[0], ptr[-1], len(ptr)), (0, len(index), len(d.users) + 1))
                for u in range(len(d.users)):
                    union = sorted(set().union(*(d.part[p][u] for p in d.part)))
                    self.assertEqual(index[ptr[u]:ptr[u + 1]].tolist(), union)
                count = [len(row) for row in d.train_by_item]
                self.assertEqual(f["popularity/count"][:].tolist(), count)
                order = sorted(range(len(count)), key=lambda i: (-count[i], i))
                self.assertEqual(f["popularity/order"][:].tolist(), order)

    def assert_told(self, told, want):
        """The same, but for digits behind the eighth: metrics hold intervals too."""
        if isinstance(want, dict):
            self.assertEqual(set(told), set(want))
            for key, value in want.items():
                self.assert_told(told[key], value)
        elif isinstance(want, list):
            self.assertEqual(len(told), len(want))
            for one, value in zip(told, want):
                self.assert_told(one, value)
        elif isinstance(want, float):
            self.assertAlmostEqual(told, want, places=8)
        else:
            self.assertEqual(told, want)

    def test_the_card_is_that_of_the_model(self):
        for name in JOBS:
            with h5py.File(f"{name}/artifact.h5") as f, h5py.File(f"{name}/model.h5") as m, \
                    h5py.File(f"{name}/dataset.h5") as d:
                meta = f["meta"].attrs
                self.assertEqual(meta["name"].decode(), name)
                self.assertEqual(meta["model"], m["meta"].attrs["content_digest"])
                self.assertEqual(meta["dataset"], d["meta"].attrs["content_digest"])
                self.assertEqual((meta["n_users"], meta["n_cols"]), f["factors/user"].shape)
                self.assertEqual((meta["n_items"], meta["n_cols"]), f["factors/item"].shape)
                self.assertEqual(meta["similar_cols"], {"als": 7, "ials": 9}[name])
                self.assertEqual("clip_min" in meta, name == "als")
                with open(f"{name}/metrics.json") as measured:
                    want, told = json.load(measured), json.loads(meta["metrics"])
                self.assertEqual(set(told), set(want))
                self.assert_told(told, want)

    def test_scores_are_those_of_the_model(self):
        for name in JOBS:
            trained = np.array([len(row) > 0 for row in Data(f"{name}/dataset.h5").part["train"]])
            with h5py.File(f"{name}/artifact.h5") as f:
                scores = f["meta"].attrs["offset"] + \
                    f["factors/user"][:].astype(float) @ f["factors/item"][:].astype(float).T
            want = model_scores(name)
            np.testing.assert_allclose(scores[trained], want[trained], rtol=0, atol=1e-5)


class Answers(Case):
    """The same lists from the arrays, from `daogou recommend` and from `daogou-serve`."""

    def lists_of_recommend(self, name, users, *flags, np):
        picked = [word for user in users for word in ("--user", user)]
        out = self.succeeds("recommend", f"{name}.yaml", "--work", name, *picked, *flags, np=np).out
        lists = {user: [] for user in users}
        for row in csv.DictReader(out.splitlines()):
            self.assertEqual(int(row["rank"]), len(lists[row["user"]]) + 1)
            lists[row["user"]].append((row["item"], float(row["score"])))
        return lists

    def lists_of_server(self, name, users, seen):
        server = subprocess.Popen(harness.node_line("--artifact", f"{name}/artifact.h5"),
                                  stderr=subprocess.PIPE, text=True)
        try:
            url = re.search(r"on (http://\S+)", server.stderr.readline())[1]
            lists = {}
            for user in users:
                query = f"{url}/v1/recommend/{urllib.parse.quote(user)}?k=10&exclude_seen={seen}"
                with urllib.request.urlopen(query, timeout=120) as answer:
                    told = json.load(answer)
                self.assertEqual(told["source"], "user", told)
                lists[user] = [(hit["item"], hit["score"]) for hit in told["items"]]
            return lists
        finally:
            server.terminate()
            server.communicate(timeout=120)

    def check(self, name, f, user, told, exclude_seen, clip):
        """Told lists are the best ones; items whose scores are equal to five digits may swap."""
        users, items = strings(f, "ids/user"), strings(f, "ids/item")
        u = users.index(user)
        scores = f["meta"].attrs["offset"] + \
            f["factors/item"][:].astype(float) @ f["factors/user"][u].astype(float)
        ptr = f["history/ptr"]
        candidates = set(range(len(items)))
        if exclude_seen:
            candidates -= set(f["history/index"][ptr[u]:ptr[u + 1]].tolist())
        best = sorted((scores[i] for i in candidates), reverse=True)[:10]
        self.assertEqual(len(told), 10)
        self.assertEqual(len({item for item, _ in told}), 10)
        for (item, score), expected in zip(told, best):
            row = items.index(item)
            self.assertIn(row, candidates)
            self.assertAlmostEqual(scores[row], expected, delta=2e-5)
            if clip:
                low, high = f["meta"].attrs["clip_min"], f["meta"].attrs["clip_max"]
                expected = min(max(expected, low), high)
            self.assertAlmostEqual(score, expected, delta=2e-5)

    def test_ten_best_of_some_users(self):
        for name in JOBS:
            d = Data(f"{name}/dataset.h5")
            trained = [u for u in range(len(d.users)) if d.part["train"][u]]
            users = [d.users[trained[k]] for k in (0, 7, len(trained) // 2, len(trained) - 1)]
            with h5py.File(f"{name}/artifact.h5") as f:
                for exclude, np_ in ((True, 2), (False, 0)):
                    word = str(exclude).lower()
                    recommended = self.lists_of_recommend(name, users, f"--exclude-seen={word}",
                                                          np=np_)
                    served = self.lists_of_server(name, users, word)
                    for user in users:
                        with self.subTest(name, user=user, exclude=exclude):
                            self.check(name, f, user, recommended[user], exclude, False)
                            self.check(name, f, user, served[user], exclude, name == "als")

    def test_held_out_users_are_served_what_they_are_recommended(self):
        write("held.yaml", AS_CSV.replace("{method: ratio, test: 0.2, valid: 0.1}",
                                          "{method: user-holdout, users: 40}"))
        self.succeeds("run", "held.yaml", "--work", "held", np=3)
        for name in ("held", "ials"):
            d = Data(f"{name}/dataset.h5")
            shown = [d.users[u] for u in range(len(d.users)) if d.part["fold_in"][u]][:3]
            recommended = self.lists_of_recommend(name, shown, np=0)
            served = self.lists_of_server(name, shown, "true")
            for user in shown:
                self.assertEqual([i for i, _ in recommended[user]], [i for i, _ in served[user]])

    def test_lists_for_everybody_are_those_for_some(self):
        self.succeeds("recommend", "als.yaml", "--work", "als", "--k", "5", np=3)
        everybody = {}
        for part in harness.files_below("als/recommendations"):
            with open(f"als/recommendations/{part}", encoding="utf-8") as f:
                for row in csv.DictReader(f):
                    everybody.setdefault(row["user"], []).append((row["item"], float(row["score"])))
        users = Data("als/dataset.h5").users
        self.assertEqual(set(everybody), set(users))
        some = self.lists_of_recommend("als", users[::90], "--k", "5", np=0)
        for user, told in some.items():
            self.assertEqual(told, everybody[user])


if __name__ == "__main__":
    harness.main()
