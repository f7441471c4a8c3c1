"""Recall@20 of recommending to everybody what sells most: popular.py FOLDER/dataset.h5

The floor that a model has to clear. Reads the dataset on its own, so it also checks the layout of
docs/formats.md and the metric of `daogou evaluate` from the outside."""
import sys

import h5py
import numpy as np

K = 20


def rows(part):
    return part["user/ptr"][:], part["user/index"][:]


def recall(train, test):
    train_ptr, train_item = rows(train)
    test_ptr, test_item = rows(test)
    n_items = 1 + max(train_item.max(), test_item.max())
    by_sales = np.argsort(-np.bincount(train_item, minlength=n_items), kind="stable").tolist()
    values = []
    for user in range(len(train_ptr) - 1):
        targets = set(test_item[test_ptr[user] : test_ptr[user + 1]].tolist())
        if not targets:
            continue
        seen = set(train_item[train_ptr[user] : train_ptr[user + 1]].tolist())
        listed = 0
        hits = 0
        for item in by_sales:
            if item in seen:
                continue
            hits += item in targets
            listed += 1
            if listed == K:
                break
        values.append(hits / len(targets))
    return sum(values) / len(values)


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as file:
        print("%.4f" % recall(file["ratings/train"], file["ratings/test"]))
