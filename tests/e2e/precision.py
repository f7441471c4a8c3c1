"""precision.py - export in fewer bits: what it costs is measured and bounded, ranks change nothing."""
import json
import os

import h5py
import harness
import numpy as np
from harness import Case, job_yaml, ratings_csv, write

EVALUATED = 'evaluate: {k: [5, 10], metrics: [recall, ndcg]}\n'


def setUpModule():
    write("ratings.csv", ratings_csv())
    write("behaviour.yaml", job_yaml(more=EVALUATED))
    write("ratings.yaml", job_yaml(algorithm="als"))
    for kind in ("behaviour", "ratings"):
        ended = harness.run("run", f"{kind}.yaml", "--work", kind, "-q")
        assert ended.code == 0, ended


def precision(name, **max_loss):
    limits = ", ".join(f"{key}: {share}" for key, share in max_loss.items())
    return ["--set", f"export.precision={name}",
            *(["--set", f"export.max_loss={{{limits}}}"] if limits else [])]


def read(path):
    """The rows of users and items as floats, and what rounding costs."""
    with h5py.File(path) as f:
        rows = {}
        for side in ("user", "item"):
            at = f[f"factors/{side}"][:]
            if at.dtype == np.int8:
                at = at.astype(np.float32) * f[f"factors/{side}_scale"][:][:, None]
            rows[side] = at.astype(np.float32)
        loss = f["meta"].attrs.get("precision_loss")
        return rows, json.loads(loss) if loss is not None else None


class Precision(Case):
    def export(self, kind, *how, np=0):
        self.succeeds("export", f"{kind}.yaml", "--work", kind, "-q", *how, np=np)
        self.succeeds("verify", f"{kind}/artifact.h5")
        return read(f"{kind}/artifact.h5")

    def test_rows_are_rounded_and_the_file_is_smaller(self):
        for kind in ("behaviour", "ratings"):
            full, told = self.export(kind)
            self.assertIsNone(told)
            for name, steps in (("f16", 2**11), ("int8", 254)):
                rows, told = self.export(kind, *precision(name))
                for side in ("user", "item"):
                    most = np.abs(full[side]).max(axis=1, keepdims=True)
                    off = np.abs(rows[side] - full[side])
                    self.assertTrue((off <= most / steps * 1.001 + 1e-7).all(), (kind, name, side))
                    self.assertGreater(off.max(), 0)
                (metric, found), = told.items()
                self.assertEqual(metric, "rmse" if kind == "ratings" else "recall@20")
                self.assertEqual(found.keys(), {"f32", name, "loss"})

    def test_the_loss_is_that_of_both_metrics(self):
        with open("behaviour/metrics.json", encoding="utf-8") as f:
            metrics = json.load(f)
        _, told = self.export("behaviour", *precision("int8", **{"recall@5": 1, "ndcg@10": 1}))
        for name, found in told.items():
            self.assertAlmostEqual(found["f32"], metrics[name], places=7)
            share = (found["f32"] - found["int8"]) / found["f32"]
            self.assertAlmostEqual(found["loss"], share, places=6)

    def test_beyond_max_loss_nothing_is_written(self):
        self.export("ratings")
        before = self.digest("ratings/artifact.h5")
        # Two columns of large numbers: int8 has few steps left for the others.
        self.fails(79, r"int8 costs .* % of rmse .*; export.max_loss allows 0 %", "export",
                   "ratings.yaml", "--work", "ratings", "-q", *precision("int8", rmse=0), np=2)
        self.assertEqual(self.digest("ratings/artifact.h5"), before)
        self.assert_nothing_half_written("ratings")

    def test_any_number_of_ranks_writes_the_same(self):
        for name in ("f32", "f16", "int8"):
            found = set()
            for ranks in (1, 2, 3, 4):
                if os.path.exists("behaviour/artifact.h5"):
                    os.remove("behaviour/artifact.h5")
                self.export("behaviour", *precision(name), np=ranks)
                found.add(self.digest("behaviour/artifact.h5"))
            self.assertEqual(len(found), 1, name)

    def test_what_cannot_be_measured_or_rounded_is_refused(self):
        self.fails(78, r"this model has no metric .rmse.", "export", "behaviour.yaml", "--work",
                   "behaviour", "-q", *precision("int8", rmse=0.1))
        self.fails(78, r"nonsense", "export", "behaviour.yaml", "--work", "behaviour", "-q",
                   *precision("int8", **{"nonsense@5": 0.1}))
        write("ease.yaml", job_yaml().replace(
            "{algorithm: ials, factors: 6, iterations: 3}", "{algorithm: ease}"))
        self.succeeds("run", "ease.yaml", "--work", "ease", "-q")
        self.fails(78, r"models of ease are written in f32 only", "export", "ease.yaml", "--work",
                   "ease", "-q", *precision("int8"))
        write("whole.yaml", job_yaml().replace("{method: ratio, test: 0.2}", "{method: none}"))
        self.succeeds("run", "whole.yaml", "--work", "whole", "-q")
        self.fails(78, r"nothing is held out", "export", "whole.yaml", "--work", "whole", "-q",
                   *precision("f16", **{"recall@5": 0.1}))
        self.succeeds("export", "whole.yaml", "--work", "whole", "-q", *precision("f16"))


if __name__ == "__main__":
    harness.main()
