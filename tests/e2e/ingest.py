"""ingest.py - raw files as shops have them: kinds by file, pseudonyms, lines without an end."""
import ctypes
import gzip
import hashlib
import os
import resource
import unittest

import harness
from harness import Case, run, write

USERS = [f"customer-{k}" for k in range(30)]


def job(ratings, prepare="", model=False):
    text = f"name: shop\nseed: 3\ndata:\n  ratings: {{{ratings}}}\nprepare: {{{prepare}}}\n"
    if model:
        text += "model: {algorithm: ials, factors: 4, iterations: 2}\nevaluate: {k: [5], metrics: [hr]}\n"
    write("job.yaml", text)


def events(seed, n):
    return "".join(f"{USERS[k * seed % 30]},i{k * 7 % 11},{k}\n" for k in range(1, n))


class Kinds(Case):
    def test_the_kind_of_an_event_may_be_said_by_its_file(self):
        head = "user,item,time\n"
        write("view.csv", head + events(7, 200))
        write("buy.csv", head + events(11, 50))
        write("one.csv", "user,item,time,kind\n" +
              "".join(line + ",buy\n" for line in events(11, 50).splitlines()) +
              "".join(line + ",view\n" for line in events(7, 200).splitlines()))
        columns = "user: user, item: item, time: time"
        rules = "event_weights: {view: 1, buy: 5}, duplicates: sum, split: {method: leave-last, n: 1}"
        job(f"path: one.csv, columns: {{{columns}, event: kind}}", rules)
        expected = self.digest("one")
        job(f"path: [buy.csv, view.csv], columns: {{{columns}}}, "
            "kinds: {view: \"view*\", buy: \"*/buy.csv | buy.csv\"}", rules)
        ended = run("prepare", "job.yaml", "--work", "none")
        self.assertEqual(ended.code, 78, ended)
        self.assertIn("buy.csv: none of data.ratings.kinds matches this file", ended.err)
        for np in (1, 3):
            job(f"path: [buy.csv, view.csv], columns: {{{columns}}}, "
                "kinds: {view: \"view*\", buy: \"buy.csv\"}", rules)
            self.assertEqual(self.digest(f"kinds{np}", np), expected)

    def digest(self, work, np=0):
        ended = run("prepare", "job.yaml", "--work", work, np=np)
        self.assertEqual(ended.code, 0, ended)
        shown = run("inspect", "--json", f"{work}/dataset.h5")
        return harness.json.loads(shown.out)["content_digest"]


class Busy(Case):
    def test_a_users_day_with_too_many_rows_goes_and_is_counted(self):
        person = "".join(f"{u},i{(u + k) % 11},{1_700_000_000 + 40_000 * k}\n"
                         for u in range(9) for k in range(20))
        till = "".join(f"u-till,i{k % 11},{1_700_000_000 + k}\n" for k in range(60))
        write("busy.csv", "user,item,time\n" + person + till + "u-till,i3,1\n")
        columns = "path: busy.csv, columns: {user: user, item: item, time: time}"
        for np, most, left in ((0, 50, 181), (3, 50, 181), (2, 60, 241)):
            job(columns, f"max_user_day: {most}, duplicates: sum, split: {{method: none}}")
            self.succeeds("prepare", "job.yaml", "--work", f"busy{np}", np=np)
            with open(f"busy{np}/run.json") as f:
                text = f.read()
            self.assertIn(f'"busy_days_dropped": {241 - left}', text)
            told = run("describe", "job.yaml", "--work", f"busy{np}").out
            self.assertEqual("of busy days, dropped" in told, left < 241, told)
        self.assertEqual(self.digest("busy0/dataset.h5"), self.digest("busy3/dataset.h5"))
        job("path: busy.csv, columns: {user: user, item: item}", "max_user_day: 50")
        self.fails(78, "prepare.max_user_day needs data.ratings.columns.time", "prepare",
                   "job.yaml", np=2)


class Pseudonyms(Case):
    def test_no_id_of_a_user_is_in_anything_that_is_left(self):
        self.assertEqual(run("keygen", "--pseudonyms", "p.key").code, 0)
        self.assertEqual(os.stat("p.key").st_mode & 0o777, 0o600)
        write("shop.csv", "user,item,time\n" + events(7, 300) + "customer-secret,i1,soon\n")
        job("path: shop.csv, columns: {user: user, item: item, time: time}, max_rejects: 0.1",
            "pseudonyms: {key: p.key}, split: {method: leave-last, n: 1}", model=True)
        ended = run("run", "job.yaml", "--work", "w", np=2)
        self.assertEqual(ended.code, 0, ended)
        self.assertIn("shop.csv:301: column 3: not a time", ended.err)
        self.assertNotIn("customer", ended.out + ended.err)
        for folder, _, names in os.walk("w"):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(b"customer-", f.read(), name)
        write("ids.txt", "\n".join(USERS))
        told = run("reidentify", "--key", "p.key", "--ids", "ids.txt")
        pairs = dict(line.split() for line in told.out.splitlines())
        self.assertEqual(sorted(pairs.values()), sorted(USERS))
        with open("p.key") as f:
            key = bytes.fromhex(f.read().split()[1])
        for pseudonym, user in pairs.items():
            of_id = hashlib.blake2b(user.encode(), digest_size=16, key=key).digest()[:12]
            mark = hashlib.blake2b(of_id, digest_size=16, key=key).digest()[:4]
            self.assertEqual(pseudonym, (of_id + mark).hex())
        some = next(iter(pairs))
        # What a serving node logs are pseudonyms: read again they stay what they are.
        write("log.csv", f"user,item,time\n{some},i1,999\n")
        job("path: [shop.csv, log.csv], columns: {user: user, item: item, time: time}, "
            "max_rejects: 0.1", "pseudonyms: {key: p.key}, split: {method: none}")
        again = run("prepare", "job.yaml", "--work", "again")
        self.assertIn(f"prepared 300 records: {len(USERS)} users", again.err, again)
        job("path: shop.csv, columns: {user: user, item: item, time: time}, max_rejects: 0.1",
            "pseudonyms: {key: p.key}, split: {method: leave-last, n: 1}", model=True)
        self.assertEqual(run("recommend", "job.yaml", "--work", "w", "--user", some).code, 0)
        one = run("reidentify", "--key", "p.key", "--ids", "ids.txt", some)
        self.assertEqual(one.out, f"{some} {pairs[some]}\n")
        unknown = run("reidentify", "--key", "p.key", "--ids", "ids.txt", "0" * 32)
        self.assertEqual(unknown.code, 65, unknown)

    def test_a_key_that_all_may_read_is_refused(self):
        write("open.key", "daogou-pseudonym-key " + "11" * 32 + "\n")
        os.chmod("open.key", 0o644)
        write("shop.csv", "user,item\na,b\n")
        job("path: shop.csv, columns: {user: user, item: item}", "pseudonyms: {key: open.key}")
        ended = run("prepare", "job.yaml", "--work", "w2", np=2)
        self.assertEqual(ended.code, 77, ended)
        self.assertIn("open.key: a secret key that everybody", ended.err)

    def test_first_lines_are_not_quoted(self):
        run("keygen", "--pseudonyms", "q.key")
        write("bare.csv", "customer-1,i1,5\ncustomer-2,i2,6\n")
        job("path: bare.csv, columns: {user: user, item: item}", "pseudonyms: {key: q.key}")
        ended = run("prepare", "job.yaml", "--work", "w3")
        self.assertEqual(ended.code, 78, ended)
        self.assertNotIn("customer", ended.err)


class Endless(Case):
    """A line of a gigabyte is one bad record; no more of it is ever held than of others."""

    def prepare(self, name, np, expected):
        job(f"path: {name}, columns: {{user: user, item: item}}, max_rejects: 0.9",
            "split: {method: none}")
        ended = run("prepare", "job.yaml", "--work", f"{name}.{np}", "--json", np=np)
        self.assertEqual(ended.code, 0, ended)
        with open(f"{name}.{np}/run.json") as f:
            said = harness.json.load(f)
        text = harness.json.dumps(said)
        self.assertIn(f"{name}:3: ", text)
        self.assertIn(expected, text)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(most, 400 << 10, "kB")

    def test_a_plain_one(self):
        with open("long.csv", "wb") as f:  # sparse: no disk is used
            f.write(b"user,item\na,b\n")
            f.truncate(1 << 30)
            f.seek(0, 2)
            f.write(b"\nc,d\n")
        self.prepare("long.csv", 2, "begins a record longer than")

    def test_one_of_objects(self):
        with open("long.jsonl", "wb") as f:
            f.write(b'{"user":1,"item":2}\n{"user":2,"item":2}\n{"user":"')
            f.truncate(1 << 26)
            f.seek(0, 2)
            f.write(b'\n{"user":3,"item":2}\n')
        job("path: long.jsonl, format: jsonl, columns: {user: user, item: item}, max_rejects: 0.9",
            "split: {method: none}")
        ended = run("prepare", "job.yaml", "--work", "lj")
        self.assertEqual(ended.code, 0, ended)
        self.assertIn("long.jsonl:3: ", ended.err)

    def test_a_packed_one(self):
        with gzip.open("long.csv.gz", "wb", compresslevel=1) as f:
            f.write(b"user,item\na,b\n")
            for _ in range(32):
                f.write(bytes(1 << 20))
            f.write(b"\nc,d\n")
        self.prepare("long.csv.gz", 2, "begins a record longer than")


class Parquet(Case):
    """Read through DuckDB's library, where there is one."""

    def test_without_the_library_it_is_said_what_is_missing(self):
        write("some.parquet", b"PAR1" + bytes(40) + b"PAR1")
        job("path: some.parquet, format: parquet, columns: {user: user, item: item}")
        self.fails(69, r"some\.parquet: a Parquet file needs DuckDB's library: nowhere", "prepare",
                   "job.yaml", np=2, env={"DAOGOU_DUCKDB": "nowhere.so"})
        write("text.parquet", "user,item\na,b\n")
        job("path: text.parquet, format: parquet, columns: {user: user, item: item}")
        self.fails(65, r"text\.parquet: named \.parquet, but no Parquet file", "prepare", "job.yaml")

    def test_it_makes_the_dataset_of_the_same_csv(self):
        try:
            duckdb = ctypes.CDLL(os.environ.get("DAOGOU_DUCKDB") or "libduckdb.so")
        except OSError as missing:
            self.skipTest(f"no DuckDB: {missing}")
        lines = [f"{k % 37},\"good {k * 7 % 11}, \"\"new\"\"\",{k % 5}.5,2024-01-{1 + k % 28:02}\n"
                 for k in range(6000)]
        write("p.csv", "user,item,stars,day\n" + "".join(lines))
        database, connection = ctypes.c_void_p(), ctypes.c_void_p()
        duckdb.duckdb_open(None, ctypes.byref(database))
        duckdb.duckdb_connect(database, ctypes.byref(connection))
        for k, rows in ((1, "LIMIT 2500"), (2, "OFFSET 2500")):
            sql = f"COPY (FROM read_csv('p.csv') {rows}) TO 'p{k}.parquet' (FORMAT parquet)"
            self.assertEqual(duckdb.duckdb_query(connection, sql.encode(), None), 0)
        columns = "columns: {user: user, item: item, value: stars, time: day}"
        job("path: p.csv, " + columns, "split: {method: leave-last, n: 1}")
        self.succeeds("prepare", "job.yaml", "--work", "pc")
        job("path: p*.parquet, format: parquet, " + columns, "split: {method: leave-last, n: 1}")
        for np in (1, 2, 4):
            self.succeeds("prepare", "job.yaml", "--work", f"pp{np}", np=np)
            self.assertEqual(self.digest(f"pp{np}/dataset.h5"), self.digest("pc/dataset.h5"))
        with open("p1.parquet", "r+b") as f:
            f.seek(200)
            f.write(b"\xff" * 300)
        ended = run("prepare", "job.yaml", "--work", "damaged", np=2)
        self.assertEqual(ended.code, 65, ended)
        self.assertIn("p1.parquet: ", ended.err)


if __name__ == "__main__":
    harness.main()
