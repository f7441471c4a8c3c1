#!/bin/sh
# Every job that ships parses, and those with a bar in docs/results.md reach it.
# jobs.sh DAOGOU SOURCE MPIEXEC...
set -u
daogou=$1
source=$2
shift 2
. "$source/tests/e2e/expect.sh"
export DAOGOU_DATA="${DAOGOU_DATA:-$source/../shared/data}"
cd "$scratch" || exit 1

for job in "$source"/jobs/*.yaml; do
    expect 0 "$daogou" run "$job" --print-config
done

# reaches FOLDER PYTHON: the condition on the metrics m of that run holds.
reaches() {
    is "$2, but $(cat "$1/metrics.json")" python3 -c "
import json
m = json.load(open('$1/metrics.json'))
assert $2"
}

# The most popular goods reach .326 (docs/results.md).
expect 0 "$daogou" generate --out runs/quickstart-data
expect 0 "$@" -n 2 "$daogou" run "$source/jobs/quickstart.yaml"
reaches runs/quickstart 'm["recall@20"] > 0.42'

if [ ! -f "$DAOGOU_DATA/movielens-100k/u1.base" ]; then
    echo "skipped: there is no $DAOGOU_DATA/movielens-100k"
    finish && exit 77
fi

# A damped-bias model has a mean RMSE of .9418 over the folds, a plain NumPy als .926 on u1.
for fold in u1 u2 u3 u4 u5; do
    expect 0 env FOLD=$fold "$@" -n 2 "$daogou" run "$source/jobs/ml100k-als.yaml"
done
is "mean RMSE of the folds is at most .920" python3 -c '
import json
folds = ["u1", "u2", "u3", "u4", "u5"]
rmse = [json.load(open("runs/ml100k-als-%s/metrics.json" % f))["rmse"] for f in folds]
assert sum(rmse) / 5 <= 0.920, rmse'

# A NumPy reference of the same model has recall@20 .3937, ndcg@100 .5111.
expect 0 "$@" -n 2 "$daogou" run "$source/jobs/ml100k-ials.yaml"
reaches runs/ml100k-ials-ua 'm["recall@20"] >= 0.390 and m["ndcg@100"] >= 0.505'

# A NumPy cosine of 200 neighbours, scores summed, has recall@20 .3424, ndcg@100 .4628.
expect 0 "$@" -n 2 "$daogou" run "$source/jobs/ml100k-item-knn.yaml"
reaches runs/ml100k-item-knn-ua 'm["recall@20"] >= 0.341 and m["ndcg@100"] >= 0.461'
for knn in user-knn item-knn; do
    expect 0 env KNN=$knn FOLD=u1 "$@" -n 2 "$daogou" run "$source/jobs/ml100k-user-knn.yaml"
    reaches runs/ml100k-$knn-u1 'm["rmse"] <= 0.936'
done

finish
