"""The tables of docs/performance.md from what run.sh measured. tables.py FOLDER [PAGE]"""
import json
import pathlib
import shutil
import sys

BEGIN = "<!-- measured: tests/bench/run.sh --into docs/performance.md -->"
END = "<!-- end of measured -->"


def load(folder, name):
    path = folder / (name + ".json")
    return json.loads(path.read_text()) if path.is_file() and path.stat().st_size else None


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])


def peaks(report):
    p = report["peaks"]
    return "sgemm {:.0f} GFLOP/s (median {:.0f}), stream {:.1f} GB/s (median {:.1f}), {}".format(
        p["sgemm_flops"] / 1e9, p["sgemm_flops_median"] / 1e9, p["stream_bytes"] / 1e9,
        p["stream_bytes_median"] / 1e9, p["kernels"])


def verdict(value, bar, up):
    return "{} ({} {})".format("reached" if (value >= bar) == up or value == bar else "missed",
                               "at least" if up else "at most", bar)


def kernels(folder):
    report = load(folder, "kernels")
    if not report:
        return None
    rows = []
    for r in report["rows"]:
        size = "{} × {}".format(r["factors"], r["entries"]) if r["entries"] > 1 else r["factors"]
        if "table_bytes" in r:
            size = "{}, table {:.0f} MB".format(size, r["table_bytes"] / 1e6)
        bar = "bar" in r and "{:.0f} %, {}".format(
            100 * r["bar"], "reached" if r["flops_share"] >= r["bar"] else "missed")
        flops = "flops" in r and "{:.1f}, {:.0f} %".format(r["flops"] / 1e9, 100 * r["flops_share"])
        moved = r["kernel"].startswith("gather") or r["kernel"].startswith("top")
        bytes_ = moved and "{:.1f}, {:.0f} %".format(r["bytes"] / 1e9, 100 * r["bytes_share"])
        rows.append([r["kernel"], size, "{:.2f}".format(r["seconds"] * 1e6), flops or "–",
                     bytes_ or "–", bar or ""])
    return "### Kernels\n\nOne core: {}.\n\n{}\n\n![kernels](performance-kernels.svg)".format(
        peaks(report), table(["kernel", "factors × entries", "µs", "GFLOP/s, of sgemm",
                              "GB/s, of stream", "bar"], rows))


def sweep_row(report, bar):
    phases = sorted((r for r in report["rows"]), key=lambda r: -r["share"])
    longest = ", ".join("{} {:.0f} %".format(r["phase"], 100 * r["share"]) for r in phases[:4])
    memory = report["memory"]
    per_side = (memory["peak_of_all"] - memory["before_data"] -
                memory["factors_bytes"] * report["ranks"]) / (2 * report["train"])
    return [report["algorithm"], report["factors"],
            "{:.3f}, {:.3f}".format(report["best_seconds"], report["median_seconds"]),
            "{:.0f}".format(report["peaks"]["sgemm_flops"] / 1e9),
            "{:.2f}".format(report["multiple"]), verdict(report["multiple"], bar, False) if bar else "",
            longest, "{:.3f}".format(report["imbalance"]),
            "{:.0f}, {:.1f}".format(memory["peak_of_a_rank"] / 1e6, per_side)]


def sweeps(folder):
    # PERFORMANCE's bars as multiples; als: 0.4 of cmfrec's CG, 2.9, there.
    bars = {"sweeps-64": 1.05, "sweeps-128": 0.47, "sweeps-256": 0.285, "ratings-64": 1.16,
            "ratings-128": None}
    rows = [sweep_row(r, bar) for name, bar in bars.items() if (r := load(folder, name))]
    if not rows:
        return None
    return "### Sweeps of ratings-20m\n\n" + table(
        ["algorithm", "factors", "best sweep s, median", "sgemm", "multiple", "bar", "where it goes",
         "imbalance", "MB of a rank, bytes a rating and side"], rows)


def ranks(folder):
    report = load(folder, "ranks")
    if not report:
        return None
    rows = [[r["ranks"], "{:.3f}, {:.3f}".format(r["seconds"], r["seconds_median"]),
             "{:.2f}".format(r["speedup"]),
             verdict(round(r["speedup"], 2), 1.85, True) if r["ranks"] == 2 else "",
             "{:.3f}".format(r["imbalance"])] for r in report["rows"]]
    return "### One rank and two\n\nials, {} factors, ratings-20m; runs took turns.\n\n{}".format(
        report["factors"], table(["ranks", "best sweep s, median", "speed-up", "bar", "imbalance"],
                                 rows))


def sent(folder):
    report = load(folder, "bytes")
    if not report:
        return None
    def planned(r, what, unit):
        shown = "{:.0f}".format(r[what + ("_sent" if unit == 1 else "")] / unit)
        plan = r.get(what + "_planned")
        return shown if plan is None else "{}, {:.0f}".format(shown, plan / unit)
    rows = [[r["ranks"], planned(r, "rows", 1), planned(r, "sums", 1), r["rest_sent"],
             planned(r, "memory", 1e6), "{:.3f}".format(r["imbalance"])]
            for r in report["rows"]]
    same = len({r["loss"] for r in report["rows"]}) == 1
    return ("### Bytes\n\nials, {} factors, ratings-1m; every rank taken for a node of its own. "
            "Bytes sent by all ranks in a sweep. {}\n\n{}\n\n![bytes](performance-bytes.svg)").format(
        report["factors"], "The loss is the same number in all of them." if same
        else "**The losses differ.**",
        table(["ranks", "of rows, planned", "of sums, planned", "of the rest",
               "MB of a rank, planned", "imbalance"], rows))


def links(folder):
    rows = []
    for rate in ("1gbit", "500mbit"):
        report = load(folder, "links-" + rate)
        for r in report["rows"] if report else []:
            how = (folder / "links-{}.txt".format(rate)).read_text().split("link: ")[1].split("\n")[0]
            rows.append([how, r["strategy"], "{:.0f}".format(r["matrix_bytes"] / 1e6), r["batches"],
                         "{:.1f}".format(r["bytes"] / 1e6), "{:.0f}".format(r["transfer_seconds"] * 1e3),
                         "{:.0f}".format(r["work_seconds"] * 1e3),
                         "{:.0f}".format(r["both_seconds"] * 1e3), "{:.0f} %".format(100 * r["hidden"]),
                         verdict(round(r["hidden"], 2), 0.5, True) if r["strategy"] == "rows" else ""])
    return rows and "### A slow wire between two nodes\n\n" + table(
        ["wire", "strategy", "matrix MB", "batches", "MB moved", "transfer ms", "work ms", "both ms",
         "hidden", "bar"], rows)


def quality(folder):
    rows = []
    for data, name in (("100k", "MovieLens 100K, split ua"), ("1m", "ratings-1m")):
        exact = None
        for solver in ("cholesky", "auto", "dual", "cg"):
            run = folder / "quality-{}-{}".format(data, solver)
            if not (run / "metrics.json").is_file():
                continue
            metrics = json.loads((run / "metrics.json").read_text())
            loss = json.loads((run / "run.json").read_text())["train"]["loss"][-1]
            got = [loss, metrics["recall@20"], metrics["ndcg@100"]]
            exact = exact or got
            gap = got[0] / exact[0] - 1
            good = gap <= 1e-3 and all(abs(a - b) <= 1e-3 for a, b in zip(got[1:], exact[1:]))
            rows.append([name, solver, "{:.7g}".format(loss), "{:+.1e}".format(gap),
                         "{:.4f}".format(got[1]), "{:.4f}".format(got[2]),
                         "reached" if good else "missed"])
    return rows and "### Equal quality\n\nAfter as many sweeps as the exact route.\n\n" + table(
        ["data", "solver", "loss", "beside the exact one", "recall@20", "ndcg@100",
         "within 1e-3, .001, .001"], rows)


def lists(folder):
    rows, of = [], None
    for name, goods in (("serve", "normal"), ("serve-trained", "trained")):
        report = load(folder, name)
        of = of or report
        rows += [["{:,}, {}".format(r["goods"], goods), r["factors"], r["case"],
                  "{:.1f}".format(r["seconds"] * 1e6), "{:.1f}".format(r["seconds_p99"] * 1e6),
                  "{:.0f} %".format(100 * r["bytes_share"])] for r in report["rows"]] if report else []
    if not rows:
        return None
    text = "### Lists\n\nTen goods, one core, in the process: {}.\n\n{}".format(
        peaks(of), table(["goods", "factors", "case", "median µs", "p99 µs",
                          "all factors over the median, of stream"], rows))
    path = folder / "peers.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    beside = [["{:,}".format(p["goods"]), p["peer"] + (p["effort"] and ", efSearch {}".format(
        p["effort"]) or ""), "{:.4f}".format(p["recall"]), "{:.0f}".format(p["their_seconds"] * 1e6),
               "{:.0f}".format(p["ours_seconds"] * 1e6),
               "{:.1f}".format(p["their_seconds"] / p["ours_seconds"])] for p in found]
    return text + (beside and "\n\nBeside faiss, normal goods, query by query in turns, so that each "
                   "finds the other's data in the caches:\n\n" + table(
                       ["goods", "peer", "recall of ours", "its µs", "ours µs", "times faster"],
                       beside) or "")


def main(folder, page):
    parts = [p for p in (f(folder) for f in (kernels, sweeps, ranks, sent, links, quality, lists)) if p]
    text = "\n\n".join(parts) + "\n"
    if not page:
        print(text, end="")
        return
    old = page.read_text()
    before, rest = old.split(BEGIN)
    page.write_text(before + BEGIN + "\n" + text + END + rest.split(END)[1])
    for picture in ("kernels", "bytes"):
        if (folder / (picture + ".svg")).is_file():
            shutil.copy(folder / (picture + ".svg"), page.parent / "performance-{}.svg".format(picture))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None)
