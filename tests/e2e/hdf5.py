"""hdf5.py - tables in HDF5 files, as h5py writes them: the dataset of the same csv; bad files told."""
import os
import sys

import harness
from harness import Case, run, write

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

N = 5000


def rows():
    rng = np.random.default_rng(3)
    user, item = rng.integers(0, 90, N), rng.integers(0, 70, N)
    return {"user": user, "item": np.array([f"Größe {k}, \"neu\"" for k in item]),
            "value": (rng.integers(1, 11, N) / 2).astype("f4"),
            "time": 1_600_000_000 + rng.integers(0, 10**7, N)}


def job(ratings, rest="", columns="user: {}user, item: {}item, value: {}value, time: {}time", at=""):
    write("job.yaml", f"name: shop\nseed: 3\ndata:\n  ratings: {{{ratings}, "
          f"columns: {{{columns.format(at, at, at, at)}}}}}\n{rest}"
          "prepare: {split: {method: hold-last, test: 0.2}}\n")


class Tables(Case):
    @classmethod
    def setUpClass(cls):
        cls.rows = rows()
        text = "".join(f"{u},\"{i.replace(chr(34), chr(34) * 2)}\",{v},{t}\n"
                       for u, i, v, t in zip(*cls.rows.values()))
        write("rows.csv", "user,item,value,time\n" + text)
        write("goods.csv", "item,price\n" + "".join(
            f"\"Größe {k}, \"\"neu\"\"\",{k / 4}\n" for k in range(70)))
        items = [f"Größe {k}, \"neu\"" for k in range(70)]
        for lib in ("earliest", "latest"):
            with h5py.File(f"{lib}.h5", "w", libver=lib) as f:
                packed = {"chunks": (300,), "compression": "gzip"}
                g = f.create_group("shop/events")
                g.create_dataset("user", data=cls.rows["user"].astype("u2"), shuffle=True, **packed)
                g.create_dataset("item", data=list(cls.rows["item"]), dtype=h5py.string_dtype(),
                                 **packed)
                g.create_dataset("value", data=cls.rows["value"], fletcher32=True, **packed)
                g["time"] = cls.rows["time"].astype(">f8")
                table = np.zeros(N, [("time", "i8"), ("item", "S30"), ("value", "f8"), ("user", "i4")])
                for name, values in cls.rows.items():
                    table[name] = [v.encode() for v in values] if name == "item" else values
                f.create_dataset("shop/table", data=table, **packed)
                f["goods/item"] = np.array([i.encode() for i in items])
                f["goods/price"] = np.arange(70) / 4
                f.create_dataset("lzf", data=cls.rows["user"], compression="lzf")
                f["file"] = h5py.ExternalLink("rows.csv", "/x")
        job("path: rows.csv")
        run("prepare", "job.yaml", "--work", "csv")

    def prepared(self, work, np=0, *flags):
        self.succeeds("prepare", "job.yaml", "--work", work, *flags, np=np)
        self.assertEqual(self.digest(f"{work}/dataset.h5"), self.digest("csv/dataset.h5"))

    def test_it_is_the_dataset_of_the_same_csv(self):
        for lib, np, at in (("earliest", 0, "shop/events/"), ("latest", 3, "shop/events/"),
                            ("earliest", 4, "/shop/table/"), ("latest", 2, "shop/table/")):
            job(f"path: {lib}.h5, format: hdf5", at=at)
            self.prepared(f"{lib}{np}", np)

    def test_what_was_parsed_is_kept(self):
        job("path: latest.h5, format: hdf5", "cache: {parsed: true}\n", at="shop/events/")
        self.prepared("kept")
        self.prepared("kept", 2, "--set", "prepare.since=1970-01-01")

    def test_catalogues_too(self):
        job("path: rows.csv", "  items: {path: goods.csv, columns: {item: item}, "
            "attributes: {price: number}}\n")
        self.succeeds("prepare", "job.yaml", "--work", "goods.csv.d")
        job("path: earliest.h5, format: hdf5", "  items: {path: latest.h5, format: hdf5, columns: "
            "{item: goods/item}, attributes: {price: number from goods/price}}\n", at="shop/events/")
        self.succeeds("prepare", "job.yaml", "--work", "goods.h5.d", np=2)
        self.assertEqual(self.digest("goods.csv.d/dataset.h5"), self.digest("goods.h5.d/dataset.h5"))
        told = run("describe", "job.yaml", "--work", "goods.h5.d")
        self.assertRegex(told.out, r"shop/events/value +number +10 different")

    def test_rows_may_be_passed_over_and_bad_ones_are_told(self):
        job("path: latest.h5, format: hdf5, drop: {shop/table/value: \"< 1\"}", at="shop/events/")
        self.succeeds("prepare", "job.yaml", "--work", "dropped")
        job("path: latest.h5, format: hdf5", at="shop/events/",
            columns="user: {}user, item: {}item, value: {}item, time: {}time")
        self.fails(65, r'latest\.h5:1: shop/events/item: "Größe \d+, .* is not a number', "prepare",
                   "job.yaml", np=2)

    def test_what_is_wrong_is_told_with_a_remedy(self):
        for item, code, text, hint in (
                ("shop/events/itm", 78, 'no "itm" in /shop/events; there are "item", "time", ',
                 'did you mean "item"'),
                ("shop/events", 65, "a group, not an array", "as in /shop/events/user"),
                ("shop/table", 65, "an array of records", "as in shop/table/user"),
                ("lzf", 65, r"packed by filter 32000 \(lzf\), which is not there", "h5repack"),
                ("file", 65, "a link to another file", ""),
                ("goods/item", 65, "shop/events/user has 5000 rows, goods/item has 70", "")):
            job("path: earliest.h5, format: hdf5", at="shop/events/",
                columns=f"user: {{}}user, item: {item}")
            ended = self.fails(code, text, "prepare", "job.yaml", np=2)
            self.assertIn(hint, ended.err)
        job("path: rows.csv, format: hdf5")
        self.fails(65, r"rows\.csv: not an HDF5 file", "prepare", "job.yaml")
        job("path: earliest.h5")
        ended = self.fails(78, "read as something else", "prepare", "job.yaml")
        self.assertIn('say "format: hdf5"', ended.err)

    def test_damage_is_told(self):
        size = os.path.getsize("latest.h5")
        with open("latest.h5", "rb") as f:
            whole = f.read()
        for name, content in (("cut.h5", whole[:size - 1]), ("half.h5", whole[:size // 2]),
                              ("spoilt.h5", whole[:3000] + b"\xff" * 9000 + whole[12000:])):
            with open(name, "wb") as f:
                f.write(content)
            job(f"path: {name}, format: hdf5", at="shop/events/")
            self.fails(65, name, "prepare", "job.yaml", np=2)


if __name__ == "__main__":
    harness.main()
