#!/bin/sh
# Files are what docs/formats.md says, to h5dump and h5py too, and the examples there run.
# formats.sh DAOGOU SOURCE MPIEXEC...
set -u
daogou=$1
source=$2
shift 2
. "$source/tests/e2e/expect.sh"
cd "$scratch" || exit 1
page=$source/docs/formats.md
python=python3 # a user's own may lack h5py
"$python" -c 'import h5py' 2>"$err" || python=/usr/bin/python3

expect 0 "$daogou" generate --out runs/quickstart-data -q
expect 0 "$@" -n 2 "$daogou" run "$source/jobs/quickstart.yaml" -q
cd runs/quickstart || exit 1
expect 0 "$python" "$source/tests/e2e/formats.py" "$page" dataset.h5 dataset.h5
expect 0 "$python" "$source/tests/e2e/formats.py" "$page" model.h5 model.h5 checkpoints/*.h5
expect 0 "$python" "$source/tests/e2e/formats.py" "$page" artifact.h5 artifact.h5
cd "$scratch" || exit 1
expect 0 "$daogou" evaluate "$source/jobs/quickstart.yaml" --set evaluate.per_user=true -q
expect 0 "$daogou" prepare "$source/jobs/quickstart.yaml" --set cache.parsed=true --work of-parsed -q
expect 0 "$python" "$source/tests/e2e/formats.py" "$page" parsed of-parsed/parsed/*.h5
cd runs/quickstart || exit 1
expect 0 "$python" "$source/tests/e2e/formats.py" "$page" metrics.h5 metrics.h5
for algorithm in ease slim item-knn user-knn popular; do
    cd "$scratch" || exit 1
    awk '/^model:/ {skip = 1; next} /^[a-z]/ {skip = 0} !skip' "$source/jobs/quickstart.yaml" >job.yaml
    echo "model: {algorithm: $algorithm}" >>job.yaml
    expect 0 "$daogou" run job.yaml -q --work "of-$algorithm"
    cd "of-$algorithm" || exit 1
    expect 0 "$python" "$source/tests/e2e/formats.py" "$page" model.h5 model.h5
    expect 0 "$python" "$source/tests/e2e/formats.py" "$page" artifact.h5 artifact.h5
done
cd "$scratch/runs/quickstart" || exit 1
for file in dataset.h5 model.h5 artifact.h5; do
    expect 0 h5dump --attribute /meta/format "$file"
    prints "daogou-${file%.h5}"
    expect 0 h5dump "$file"
done

cd "$scratch" || exit 1
awk '/^```/ {inside = /python/; next} inside' "$page" >examples.py
is "the page has examples" grep -q 'artifact.h5' examples.py
expect 0 "$daogou" recommend "$source/jobs/quickstart.yaml" --user 1 --k 5
cut -d, -f4 "$out" | tail -n +2 >scores
expect 0 "$python" examples.py
is "the example lists the goods that recommend lists" "$python" -c '
listed = [float(line.split()[0]) for line in open("out").read().splitlines()[-5:]]
wanted = [float(line) for line in open("scores")]
assert len(wanted) == 5 and all(abs(a - b) < 1e-4 for a, b in zip(listed, wanted))'
finish
