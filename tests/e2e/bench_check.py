"""What daogou bench wrote, against the formulas. bench_check.py BENCH JSON CSV SVG [SOLVER]"""
import csv
import json
import math
import sys
import xml.dom.minidom

FACTORS, USERS, ITEMS = 40, 60, 40


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-9)


def same_as_csv(report, path):
    """The CSV has the rows of the JSON, column by column."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == len(report["rows"]) > 0
    for got, want in zip(rows, report["rows"]):
        assert set(want) <= set(got)
        for key, text in got.items():
            value = want.get(key)
            if value is None or isinstance(value, str):
                assert text == (value or ""), (key, text, value)
            else:
                assert close(float(text), value), (key, text, value)


def kernels(report, _):
    assert report["peaks"]["sgemm_flops"] >= report["peaks"]["sgemm_flops_median"] > 0
    assert {r["kernel"] for r in report["rows"]} >= {"gram", "CG pass", "score", "cholesky", "gather",
                                                    "eigenbasis", "top 100"}
    for r in report["rows"]:
        assert 0 < r["seconds"] <= r["seconds_median"]
        if r["kernel"] == "gram":
            assert close(r["flops"] * r["seconds"], r["entries"] * r["factors"] * (r["factors"] + 1))
        if r["kernel"] == "gather":
            assert close(r["bytes"] * r["seconds"], 4 * r["entries"] * r["factors"])


def serve(report, _):
    assert report["k"] == 7 and report["peaks"]["stream_bytes"] > 0
    assert [r["goods"] for r in report["rows"]] == [3000] * 6 + [500] * 6
    for r in report["rows"]:
        assert r["factors"] == 20 and 0 < r["seconds"] <= r["seconds_p99"]
        assert close(r["bytes_share"] * report["peaks"]["stream_bytes"] * r["seconds"],
                     r["goods"] * 80)


def als(report, solver):
    assert report["ranks"] == 2 and report["cores"] == 2 * report["threads"]
    assert (report["users"], report["items"], report["factors"]) == (USERS, ITEMS, FACTORS)
    sweeps = [s["seconds"] for s in report["sweeps"]]
    losses = [s["loss"] for s in report["sweeps"]]
    assert len(sweeps) == 3 and close(report["best_seconds"], min(sweeps))
    assert losses == sorted(losses, reverse=True), losses  # sweeps really were done
    pairs = report["train"]
    work = 4 * pairs * FACTORS ** 2
    assert close(report["multiple"] * work,
                 report["best_seconds"] * report["cores"] * report["peaks"]["sgemm_flops"])
    phase = {r["phase"]: r for r in report["rows"]}
    d = FACTORS
    assert phase["gather"]["bytes"] == phase["gather"]["rows"] * 4 * d
    if solver == "cholesky":
        assert phase["gram"]["flops"] == 2 * pairs * d * (d + 1)
        assert phase["factor"]["rows"] == USERS + ITEMS and "cg" not in phase
    else:
        assert phase["cg"]["rows"] == USERS + ITEMS
    assert 0.99 < sum(r["share"] for r in report["rows"]) < 1.01
    assert 1 <= report["imbalance"] <= 2
    memory = report["memory"]
    assert memory["peak_of_a_rank"] <= memory["peak_of_all"] <= 2 * memory["peak_of_a_rank"]


def scaling(report, _):
    rows = {r["ranks"]: r for r in report["rows"]}
    assert sorted(rows) == [1, 2, 3]
    assert len({r["loss"] for r in rows.values()}) == 1  # the same bits on any ranks
    assert rows[1]["speedup"] == 1 and rows[1]["sums_sent"] == rows[1]["rows_sent"] == 0
    for n, r in rows.items():
        assert r["seconds"] > 0 and close(r["speedup"], rows[1]["seconds"] / r["seconds"])
        assert n == 1 or r["sums_sent"] > 0
        if "rows_planned" in r:  # counted bytes are the planned ones, exactly
            assert (r["rows_sent"], r["sums_sent"]) == (r["rows_planned"], r["sums_planned"]), r


def exchange(report, ranks):
    nodes = int(ranks)
    assert report["ranks"] == report["nodes"] == nodes and report["pretended"] == (nodes > 1)
    assert [r["strategy"] for r in report["rows"]] == ["replicate", "rows"] * 2
    moved = {}
    for r in report["rows"]:
        rows = int(r["matrix_bytes"] / 256) + 1
        assert r["bytes"] == r["bytes_model"]  # exactly what the formula says
        if r["strategy"] == "replicate":
            assert r["bytes"] == rows * 256 * (nodes - 1)
        moved[r["strategy"]] = r["bytes"]
        assert ("hidden" in r) == (nodes > 1) and r["both_seconds"] > 0
    assert nodes == 1 or 0 < moved["rows"] < moved["replicate"]


if __name__ == "__main__":
    bench, document, table = sys.argv[1:4]
    report = json.load(open(document))
    assert report["bench"] == bench
    {"kernels": kernels, "als": als, "exchange": exchange, "scaling": scaling, "serve": serve}[bench](report, (sys.argv[5:] or [""])[0])
    same_as_csv(report, table)
    if sys.argv[4:]:
        svg = xml.dom.minidom.parse(sys.argv[4]).documentElement
        assert svg.tagName == "svg" and svg.getElementsByTagName("text")
