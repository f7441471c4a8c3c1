#!/bin/sh
# daogou bench: what it counts is what the formulas say; tables, JSON, CSV and pictures are sound;
# what cannot be done is refused. No time is asserted.
# usage: bench.sh DAOGOU SOURCE_DIR MPIEXEC...
set -u
daogou=$1
source=$2
shift 2
. "$source/tests/e2e/expect.sh"
cd "$scratch" || exit 1

python3 -c '
for u in range(60):
    for i in range(40):
        if (u * 7 + i * 3) % 5 < 2: print(f"u{u},i{i}")' >pairs.csv
cat >job.yaml <<'EOT'
name: bench
data: {ratings: {path: pairs.csv, header: false, columns: {user: 1, item: 2}}}
model: {algorithm: ials, factors: 40, iterations: 3}
EOT
check() { python3 -B "$source/tests/e2e/bench_check.py" "$@"; }

expect 66 "$daogou" bench als job.yaml --work work
is "the missing dataset is named" grep -q "dataset.h5" "$err"
expect 64 "$daogou" bench nonsense
expect 64 "$daogou" bench als
expect 64 "$@" -n 2 "$daogou" bench scaling job.yaml
expect 69 "$daogou" bench scaling job.yaml --work nowhere --ranks 1 --quick
is "a failed run says why" grep -q "1 rank ended with code 66: .*dataset.h5" "$err"
for ranks in 0 1,,2 1,x 2000 ""; do
    expect 64 "$daogou" bench scaling job.yaml --work work --ranks "$ranks"
done
expect 0 "$daogou" prepare job.yaml --work work

expect 0 "$daogou" bench kernels --quick --json --csv kernels.csv --plot kernels.svg
is "kernels: figures" check kernels "$out" kernels.csv kernels.svg
expect 0 "$daogou" bench serve --quick --json --csv serve.csv --goods 3000,500 --factors 20 --k 7
is "serve: figures" check serve "$out" serve.csv
expect 0 "$daogou" bench serve --quick --goods 300
prints "64 tastes at once"
for goods in 0 x 3,,4 ""; do
    expect 64 "$daogou" bench serve --goods "$goods"
done
expect 66 "$daogou" bench serve nowhere.h5 --quick
expect 64 "$daogou" bench serve --quick --plot serve.svg
expect 73 "$daogou" bench kernels --quick --csv not/there.csv
is "the file is named" grep -q "not/there.csv" "$err"

expect 0 "$@" -n 2 "$daogou" bench als job.yaml --work work --quick
prints "busiest rank"
for solver in cholesky cg; do
    expect 0 "$@" -n 2 "$daogou" bench als job.yaml --work work --quick --json \
        --set model.solver=$solver --csv als.csv --plot als.svg
    is "als: figures of $solver" check als "$out" als.csv als.svg $solver
done
for sizes in 0 1,,2 x ""; do
    expect 64 "$@" -n 2 "$daogou" bench exchange --sizes "$sizes"
done
for ranks in 1 2 3; do
    expect 0 "$@" -n $ranks "$daogou" bench exchange --sizes 1,2 --json --rounds 2 \
        --csv exchange.csv --plot exchange.svg
    is "exchange: figures of $ranks" check exchange "$out" exchange.csv exchange.svg $ranks
done

expect 0 "$daogou" bench scaling job.yaml --work work --quick --ranks 1,2,3 --rounds 2 --json \
    --csv scaling.csv --plot scaling.svg
is "scaling: figures" check scaling "$out" scaling.csv scaling.svg
finish
