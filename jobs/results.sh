#!/bin/sh
# usage: results.sh [RUN…]. Run every job of this folder, or those named as in the first column of
# docs/results.md, afresh on two ranks and print its rows.
# Needs build/release/daogou and the data sets in ../shared/data, or where DAOGOU_DATA says.
set -eu
cd "$(dirname "$0")/.."
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
ranks() { mpirun -n 2 --map-by :OVERSUBSCRIBE --bind-to none build/release/daogou "$@"; }

wanted=" $* "
# wants RUN…: is one of them to be run?
wants() {
    [ "$wanted" = "  " ] && return 0
    for run in "$@"; do case "$wanted" in *" $run "*) return 0 ;; esac; done
    return 1
}

# row JOB FOLDER METRIC…: run it afresh, print one row.
row() {
    wants "$2" || return 0
    job=$1 folder=runs/$2
    shift 2
    rm -rf "$folder"
    ranks run "jobs/$job.yaml" -q >/dev/null
    /usr/bin/python3 - "$job" "$folder" "$@" <<'END'
import json, sys
job, folder, *names = sys.argv[1:]
run = json.load(open(folder + "/run.json"))
metrics = json.load(open(folder + "/metrics.json"))
values = ", ".join("%s %.4f" % (name, metrics[name]) for name in names)
print("| %s | %s | %s | %.1f | " % (folder[5:], run["train"]["algorithm"], values, run["seconds"]),
      end="", flush=True)
END
    case " $* " in
    *" rmse "*) echo "|" ;;
    *) echo "$(/usr/bin/python3 jobs/popular.py "$folder/dataset.h5") |" ;;
    esac
}

echo "| run | algorithm | measured | seconds | recall@20 of the most popular |"
echo "|---|---|---|---|---|"
for fold in u1 u2 u3 u4 u5; do FOLD=$fold row ml100k-als ml100k-als-$fold rmse mae; done
for fold in ua ub; do
    FOLD=$fold row ml100k-ials ml100k-ials-$fold recall@20 recall@100 ndcg@20 ndcg@100
done
for algorithm in ease slim; do
    for fold in ua ub; do
        FOLD=$fold row ml100k-$algorithm ml100k-$algorithm-$fold recall@20 recall@100 ndcg@20 ndcg@100
    done
done
for fold in ua ub; do
    FOLD=$fold row ml100k-item-knn ml100k-item-knn-$fold recall@20 recall@100 ndcg@20 ndcg@100
done
for knn in user-knn item-knn; do
    for fold in u1 u2 u3 u4 u5; do
        KNN=$knn FOLD=$fold row ml100k-user-knn ml100k-$knn-$fold rmse mae
    done
done
row ml-latest-small ml-latest-small rmse mae
row filmtrust filmtrust rmse mae
row insteval insteval rmse mae
row online-retail online-retail recall@20 ndcg@100 hr@10
row complete-journey complete-journey recall@20 ndcg@100 hr@10
row retailrocket retailrocket recall@20 hr@10 ndcg@10 hr@100
row s3rec-beauty-popular s3rec-beauty-popular recall@20 hr@10 ndcg@10
row s3rec-beauty s3rec-beauty recall@20 hr@10 ndcg@10
row s3rec-beauty-ease s3rec-beauty-ease recall@20 hr@10 ndcg@10
row s3rec-beauty-slim s3rec-beauty-slim recall@20 hr@10 ndcg@10
wants coat && sh jobs/tables.sh coat
row coat coat rmse mae
wants tafeng && sh jobs/tables.sh tafeng
row tafeng tafeng recall@10 recall@20 ndcg@20 hr@10
row lastfm lastfm recall@20 recall@10 ndcg@20
row msweb msweb recall@20 recall@5 ndcg@20
# made NAME PRESET RUN…: the made-up data set, unless it is there or none of its runs is wanted.
made() {
    name=$1 preset=$2
    shift 2
    wants "$@" || return 0
    [ -f "runs/$name-data/truth.json" ] || ranks generate --preset "$preset" --out "runs/$name-data" -q
}
made quickstart shop-small quickstart
row quickstart quickstart recall@20 ndcg@20 hr@10
made ratings-1m ratings-1m ratings-1m
row ratings-1m ratings-1m rmse mae
made ratings-20m ratings-20m ratings-20m ratings-20m-item-knn
row ratings-20m ratings-20m recall@20 recall@100 ndcg@100
row ratings-20m-item-knn ratings-20m-item-knn recall@20 recall@100 ndcg@100
