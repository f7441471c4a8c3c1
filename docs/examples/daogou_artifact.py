#!/usr/bin/env python3
"""Read a Daogou artifact with h5py and numpy, and rank goods as daogou-serve does.

    python3 daogou_artifact.py artifact.h5 USER [K]

One class, for any kind of model; docs/formats.md says what the arrays mean. It is an example to start
from, for notebooks and checks: the whole file is read, and nothing of it is checked. `daogou verify`
checks a file, daogou-serve is what is quick."""
import sys

import h5py
import numpy as np

F32 = np.float32


class Links:
    """A sparse matrix: GROUP/{ptr,index,value}."""

    def __init__(self, group):
        self.ptr, self.index, self.value = (group[name][:] for name in ("ptr", "index", "value"))

    def row(self, r):
        part = slice(self.ptr[r], self.ptr[r + 1])
        return self.index[part], self.value[part]


class Artifact:
    def __init__(self, path):
        with h5py.File(path, "r") as file:
            self.meta = {name: value.decode() if isinstance(value, bytes) else value
                         for name, value in file["meta"].attrs.items()}
            if self.meta["format"] != "daogou-artifact" or self.meta["format_version"] > 1:
                raise ValueError(f"{path}: not an artifact that this program reads")
            self.users, self.items = strings(file["ids/user"]), strings(file["ids/item"])
            self.titles = strings(file["titles/item"]) if "titles" in file else self.items
            self.user_row = {id: row for row, id in enumerate(self.users)}
            self.item_row = {id: row for row, id in enumerate(self.items)}
            self.seen_ptr, self.seen = file["history/ptr"][:], file["history/index"][:]
            self.popular, self.count = file["popularity/order"][:], file["popularity/count"][:]
            self.factors = {side: factors(file, side) for side in ("user", "item")} \
                if self.meta["n_cols"] > 0 else None
            self.links = {name: Links(file[name]) for name in
                          ("profile", "weights/item", "weights/user", "similar/item") if name in file}
            self.base = {side: file[f"baseline/{side}"][:] for side in ("user", "item")} \
                if "baseline" in file else None

    def scores(self, user):
        """Scores of all goods for a user's row; None where the model has learned nothing of them."""
        if self.factors is not None:
            taste = self.factors["user"][user]
            known = taste[: self.meta["similar_cols"]].any() or self.meta["similar_cols"] == 0
            return self.factors["item"] @ taste + self.meta["offset"] if known else None
        total, norm, n = self.tally(user)
        divisor = {0: np.ones_like(total), 1: norm, 2: norm}[self.meta.get("normalize", 0)]
        said = (n > 0) & (n >= self.meta.get("min_k", 1)) & (divisor > 0)
        if not said.any():
            return None
        score = np.full(len(total), F32(self.meta.get("fallback", 0)))
        score[said] = total[said] / divisor[said]
        if self.base is not None:
            score += self.base["user"][user] + self.base["item"]
        return score + F32(self.meta["offset"])

    def tally(self, user):
        """Of each good: sum of weight times value, what to divide it by, and how many were counted."""
        total, norm = np.zeros(len(self.items), F32), np.zeros(len(self.items), F32)
        n, k = np.zeros(len(self.items), int), self.meta.get("k", 0)
        size = abs if self.meta.get("normalize", 0) == 1 else lambda weight: weight

        def add(goods, weight, value):
            total[goods] += weight * value
            norm[goods] += size(weight)
            n[goods] += 1

        profile = self.links["profile"]
        goods, values = profile.row(user)
        if "weights/user" in self.links:  # what the nearest users say, nearest first
            near, weights = self.links["weights/user"].row(user)
            order = np.lexsort((near, -weights)) if k else range(len(near))
            for o in order:
                theirs, value = profile.row(near[o])
                few = n[theirs] < k if k else slice(None)
                add(theirs[few], weights[o], value[few])
        elif k:  # what the nearest goods of each good say
            has = dict(zip(goods, values))
            for good in range(len(self.items)):
                near, weights = self.links["similar/item"].row(good)
                both = [(j, w) for j, w in zip(near, weights) if j in has]
                nearest = {j for j, _ in sorted(both, key=lambda b: (-b[1], b[0]))[:k]}
                for j, w in both:
                    if j in nearest:
                        add(good, w, has[j])
        else:  # what each good of the profile speaks for
            for good, value in zip(goods, values):
                spoken_for, weights = self.links["weights/item"].row(good)
                add(spoken_for, weights, value)
        return total, norm, n

    def recommend(self, user, k=10, exclude_seen=True):
        """[(good, score)], best first, and which step answered: "user" or "popular"."""
        row = self.user_row.get(user)
        seen = self.seen[self.seen_ptr[row] : self.seen_ptr[row + 1]] if row is not None else []
        open_to = np.ones(len(self.items), bool)
        if exclude_seen:
            open_to[seen] = False
        score = self.scores(row) if row is not None else None
        if score is not None and open_to.any():
            if "clip_min" in self.meta:
                shown = np.clip(score, self.meta["clip_min"], self.meta["clip_max"])
            else:
                shown = score
            order = np.argsort(-score, kind="stable")  # equal scores stand by row
            best = order[open_to[order]][:k]
            return [(self.items[i], float(shown[i])) for i in best], "user"
        order = self.popular[open_to[self.popular]] if open_to.any() else self.popular
        return [(self.items[i], int(self.count[i])) for i in order[:k]], "popular"


class Model:
    """What MLflow loads (`daogou layout mlflow`): predict for a table with a column `user`."""

    def __init__(self, artifact):
        self.artifact = artifact

    def predict(self, model_input, params=None):
        params = params or {}
        answers = []
        for user in model_input["user"]:
            goods, source = self.artifact.recommend(str(user), int(params.get("k", 10)),
                                                    bool(params.get("exclude_seen", True)))
            answers.append({"item": [good for good, _ in goods], "source": source,
                            "score": [float(score) for _, score in goods]})
        return answers


def _load_pyfunc(path):
    return Model(Artifact(f"{path}/artifact.h5"))


def strings(group):
    """Texts of all rows: GROUP/offsets cuts GROUP/bytes."""
    at, text = group["offsets"][:], group["bytes"][:].tobytes()
    return [text[a:b].decode() for a, b in zip(at, at[1:])]


def factors(file, side):
    """Rows of factors as floats, whatever they are kept as."""
    rows = file[f"factors/{side}"][:]
    if f"factors/{side}_scale" in file:
        rows = rows.astype(F32) * file[f"factors/{side}_scale"][:][:, None]
    return rows.astype(F32)


def main():
    path, user, k = sys.argv[1], sys.argv[2], int((sys.argv[3:] or [10])[0])
    artifact = Artifact(path)
    goods, source = artifact.recommend(user, k)
    print(f"{artifact.meta['name']} ({artifact.meta['algorithm']}): {user}, by {source}")
    for rank, (good, score) in enumerate(goods, 1):
        print(f"{rank:3}  {score:9.4f}  {artifact.titles[artifact.item_row[good]]}")


if __name__ == "__main__":
    main()
