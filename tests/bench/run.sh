#!/bin/sh
# Measure again what docs/performance.md states, and print its tables. Some ten minutes on two
# cores; let nothing else run meanwhile. Needs the release build; the section `quality` also the data
# sets in ../shared/data, or where DAOGOU_DATA says.
# usage: run.sh [--quick] [--into PAGE] [SECTION…]
#   sections: kernels sweeps ratings ranks bytes links quality serve; all by default
#   --quick   on a tiny shop, to try the script itself: the figures mean nothing
#   --into    put the tables into that page, between its marks, and the pictures beside it
# Everything is kept in runs/bench, or where BENCH_WORK says: data, JSON, CSV, pictures.
set -eu
cd "$(dirname "$0")/../.."
here=tests/bench
work=${BENCH_WORK:-runs/bench}
daogou=${DAOGOU:-build/release/daogou}
cores=$(env -u OMP_NUM_THREADS nproc)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
page=
quick=
big=ratings-20m
rounds=3
widths="64 128 256"
upto=1,2,4,8,16
small=ratings-1m
shops=runs
[ "${1:-}" != --quick ] || { quick=--quick big=shop-small small=shop-small shops=$work rounds=1 widths=64 upto=1,2,3; shift; }
[ "${1:-}" != --into ] || { page=$2; shift 2; }
[ -x "$daogou" ] || { echo "run.sh: $daogou is not there: build it first" >&2; exit 66; }
mkdir -p "$work"

on() { # on RANKS ARGUMENT…: daogou on so many ranks
    ranks=$1
    shift
    mpirun -n "$ranks" --map-by :OVERSUBSCRIBE --bind-to none "$daogou" "$@"
}

tell() { echo "$(date +%T) $*" >&2; }

# made PRESET: the folder of a made-up data set, made unless it is there.
made() {
    data=$shops/$1-data
    [ -f "$data/truth.json" ] || { tell "generating $1"; on 2 generate --preset "$1" --out "$data" -q; }
}

# Twenty million made-up ratings: as behaviour for ials, as ratings for als.
need_20m() {
    made $big
    for kind in ials als; do
        value=
        [ $kind = ials ] || value=", value: rating"
        cat >"$work/$kind.yaml" <<END
name: bench-$kind
seed: 7
data: {ratings: {path: $data/ratings.csv, columns: {user: user, item: item$value}}}
prepare: {split: {method: ratio, test: 0.$([ $kind = ials ] && echo 2 || echo 1)}}
model: {algorithm: $kind, factors: 64, iterations: 4, regularization: $([ $kind = ials ] && echo 0.003 || echo 0.06)}
END
        [ -f "$work/20m-$kind/dataset.h5" ] || tell "preparing $big for $kind"
        on 2 prepare "$work/$kind.yaml" --work "$work/20m-$kind" -q
    done
}

need_1m() {
    made $small
    cat >"$work/1m.yaml" <<END
name: bench-1m
seed: 7
data: {ratings: {path: $data/ratings.csv, columns: {user: user, item: item}}}
prepare: {split: {method: ratio, test: 0.2}}
model: {algorithm: ials, factors: 64, iterations: 3, regularization: 0.003, unobserved_weight: 0.1}
evaluate: {k: [20, 100], metrics: [recall, ndcg]}
END
    on 2 prepare "$work/1m.yaml" --work "$work/1m" -q
}

kernels() {
    "$daogou" bench kernels $quick --json --csv "$work/kernels.csv" --plot "$work/kernels.svg" -q \
        >"$work/kernels.json"
}

# ials at three widths, on all cores: one rank each.
sweeps() {
    need_20m
    for factors in $widths; do
        tell "sweeps of $factors factors"
        on "$cores" bench als $quick "$work/ials.yaml" --work "$work/20m-ials" -q --json \
            --set model.factors=$factors --set model.iterations=4 \
            --plot "$work/sweeps-$factors.svg" >"$work/sweeps-$factors.json"
    done
}

# als with biases on all cores.
ratings() {
    need_20m
    for factors in ${widths% *}; do
        tell "sweeps of als, $factors factors"
        on "$cores" bench als $quick "$work/als.yaml" --work "$work/20m-als" -q --json \
            --set model.factors=$factors >"$work/ratings-$factors.json"
    done
}

# One rank and two take turns.
ranks() {
    need_20m
    "$daogou" bench scaling $quick "$work/ials.yaml" --work "$work/20m-ials" -q --json --ranks 1,2 \
        --rounds $rounds >"$work/ranks.json"
}

# More ranks than cores, each taken for a node of its own: what is sent, not how fast.
bytes() {
    need_1m
    DAOGOU_NODE_SIZE=1 "$daogou" bench scaling $quick "$work/1m.yaml" --work "$work/1m" -q --json \
        --ranks $upto --rounds 1 --csv "$work/bytes.csv" --plot "$work/bytes.svg" \
        >"$work/bytes.json"
}

# Two nodes with a slow wire between them.
links() {
    sizes=36,144
    [ -z "$quick" ] || sizes=1
    for rate in 1gbit 500mbit; do
        tell "a wire of $rate"
        code=0
        sh $here/links.sh $rate "$daogou" bench exchange --sizes "$sizes" --json \
            >"$work/links-$rate.json" 2>"$work/links-$rate.txt" || code=$?
        [ $code = 0 ] || { rm -f "$work/links-$rate.json"; cat "$work/links-$rate.txt" >&2; }
        [ $code = 0 ] || [ $code = 77 ] || exit $code
    done
}

# Every route comes to what the exact one does, in as many sweeps.
quality() {
    need_1m
    : "${DAOGOU_DATA:=../shared/data}"
    export DAOGOU_DATA
    known=$("$daogou" train --help-keys |
        sed -n '/^model.solver/,/one of/s/.*one of \(.*\); default.*/\1/p' | head -1 | tr -d ,)
    for solver in cholesky auto dual cg; do
        case " $known " in *" $solver "*) ;; *) continue ;; esac
        on 2 run "$work/1m.yaml" --work "$work/quality-1m-$solver" -q \
            --set model.solver=$solver --set model.iterations=8 >/dev/null
        [ -z "$quick" ] && [ -d "$DAOGOU_DATA/movielens-100k" ] || continue
        on 2 run jobs/ml100k-ials.yaml --work "$work/quality-100k-$solver" -q \
            --set model.solver=$solver >/dev/null
    done
}

# Lists of a serving node: made-up goods, goods of a trained model, and beside faiss where it is
# installed.
serve() {
    need_1m
    on 2 run "$work/1m.yaml" --work "$work/1m" -q --set model.factors=64 >/dev/null
    goods=26744,1000000
    [ -z "$quick" ] || goods=3000
    "$daogou" bench serve $quick --json --goods $goods -q >"$work/serve.json"
    "$daogou" bench serve "$work/1m/artifact.h5" $quick --json -q >"$work/serve-trained.json"
    rm -f "$work/peers.jsonl"
    cmake --build "$(dirname "$daogou")" --target bench_peers >/dev/null 2>&1 || return 0
    for n in $(echo $goods | tr , ' '); do
        "$(dirname "$daogou")/tests/bench/bench_peers" "$n" >>"$work/peers.jsonl"
    done
    PEERS_GRAPH=1 "$(dirname "$daogou")/tests/bench/bench_peers" "${goods%%,*}" >>"$work/peers.jsonl"
}

[ $# -gt 0 ] || set -- kernels sweeps ratings ranks bytes links quality serve
for section in "$@"; do
    case $section in
    kernels | sweeps | ratings | ranks | bytes | links | quality | serve) ;;
    *) echo "run.sh: no section $section" >&2; exit 64 ;;
    esac
    tell "$section"
    $section
done
/usr/bin/python3 -B $here/tables.py "$work" $page
