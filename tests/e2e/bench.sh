#!/bin/sh
# daogou bench: sweeps of a job's own data are timed on two ranks; what cannot be done is refused.
# usage: bench.sh DAOGOU SOURCE_DIR MPIEXEC...
set -eu
daogou=$1
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 143' TERM

fail() {
    echo "bench.sh: $*" >&2
    exit 1
}

python3 -c '
for u in range(60):
    for i in range(40):
        if (u * 7 + i * 3) % 5 < 2: print(f"u{u},i{i}")' >"$dir/pairs.csv"
cat >"$dir/job.yaml" <<'EOF'
name: bench
data: {ratings: {path: "${PAIRS}", header: false, columns: {user: 1, item: 2}}}
model: {algorithm: ials, factors: 40, iterations: 3}
EOF
export PAIRS="$dir/pairs.csv"

code=0
"$daogou" bench als "$dir/job.yaml" --work "$dir/work" -q 2>"$dir/err" || code=$?
test $code = 66 || fail "without prepared data it left with $code"
grep -q "dataset.h5" "$dir/err" || fail "the missing dataset is not named"
code=0
"$daogou" bench nonsense 2>"$dir/err" || code=$?
test $code = 64 || fail "nonsense left with $code"

"$daogou" prepare "$dir/job.yaml" --work "$dir/work" -q
"$@" -n 2 "$daogou" bench als "$dir/job.yaml" --work "$dir/work" -q --json >"$dir/out.json"
python3 - "$dir/out.json" <<'EOF' || fail "wrong figures"
import json, sys
d = json.load(open(sys.argv[1]))
assert len(d["sweeps"]) == 3 and d["cores"] >= 2, d
assert d["best_seconds"] == min(s["seconds"] for s in d["sweeps"]) > 0, d
losses = [s["loss"] for s in d["sweeps"]]
assert losses == sorted(losses, reverse=True), losses  # sweeps really were done
work = 4 * 16.0 * 60 * 40 ** 2  # pairs of the training part: 16 a user, but for the test share
got = d["multiple"] * work / (d["cores"] * d["peaks"]["sgemm_flops"])
assert 0.5 * d["best_seconds"] < got < 2 * d["best_seconds"], (got, d)
EOF
