#!/bin/sh
# What daogou does about the machine: BLAS core, ranks, errors from several ranks, doctor, files.
# machine.sh DAOGOU SOURCE MPIEXEC...
set -u
daogou=$1
source=$2
shift 2
. "$source/tests/e2e/expect.sh"
cd "$scratch" || exit 1
export TMPDIR="$scratch"
unset OPENBLAS_CORETYPE DAOGOU_BLAS_REPLACED

core() { sed -n 's/.*BLAS core \(.*\)$/\1/p' "$err"; }

# The fault makes the library's choice count as its oldest.
expect 0 env DAOGOU_FAULT=blas.core "$daogou" generate --out g -v
case $(core) in
*" in place of Prescott") is "started over once" true ;;
*) is "no better core for this processor" test "$(grep -c -E 'avx2|avx512' /proc/cpuinfo)" = 0 ;;
esac
expect 0 env DAOGOU_FAULT=blas.core OPENBLAS_CORETYPE=Nehalem "$daogou" generate --out g -v
is "a core that was set is respected" test "$(core)" = Nehalem
expect 0 env DAOGOU_FAULT=blas.core "$@" -n 2 "$daogou" generate --out g2 -v
is "two ranks, one line" test "$(grep -c 'BLAS core' "$err")" = 1
is "the same bytes from two ranks" diff -r g g2

expect 78 "$@" -n 2 "$daogou" generate --out g --users many
is "one rank tells" test "$(grep -c '^daogou generate: ' "$err")" = 1
is "no abort banner" test "$(grep -c MPI_ABORT "$err")" = 0
says 'daogou generate: --set generate.users: expected a whole number from 1 to 4000000000, found "many" (rank 0)'
expect 64 "$@" -n 2 "$daogou" inspct
is "one rank tells of usage" test "$(grep -c '^daogou: ' "$err")" = 1
expect 0 "$@" -n 2 "$daogou" --help
is "one rank helps" test "$(grep -c '^Usage' "$out")" = 1

expect 0 "$daogou" doctor
prints "parallel-write"
expect 0 "$daogou" doctor --json
is "doctor --json is JSON with every verdict" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert {c["name"] for c in d["checks"]} >= {"mpi", "blas", "parallel-write", "locks", "shm"}
assert all(c["verdict"] in ("ok", "warn", "fail") for c in d["checks"]) and d["failures"] == 0
' "$out"
expect 69 "$daogou" doctor --work "$scratch/nowhere"
says "daogou doctor: 1 of 9 checks failed"
expect 69 env DAOGOU_FAULT=write:1:1 "$daogou" doctor
prints "parallel-write"
is "a probe leaves no file" test -z "$(find "$scratch" -name '*probe*')"
expect 69 env OMPI_MCA_pml=none "$daogou" doctor
prints "does not start"

mkdir -p runs && mv g runs/quickstart-data
expect 0 "$daogou" prepare "$source/jobs/quickstart.yaml" -q
file=runs/quickstart/dataset.h5
expect 0 "$daogou" verify "$file"
expect 0 "$daogou" inspect "$file"
prints "ids/user/offsets"
expect 0 "$daogou" inspect --json "$file"
is "inspect --json has what scripts rely on" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["path"].endswith("dataset.h5") and d["format"] == "daogou-dataset"
assert d["format_version"] == 1 and len(d["content_digest"]) == 64
n = d["meta"]["n_users"]
assert d["arrays"]["ratings/train/user/ptr"] == {"type": "i64", "shape": [n + 1], "shards":
    d["arrays"]["ratings/train/user/ptr"]["shards"]}
' "$out"
head -c 5000 "$file" >cut.h5
expect 65 "$daogou" inspect cut.h5
python3 -c '
import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 1; open("bad.h5", "wb").write(b)
' "$file"
expect 65 "$daogou" verify "$file" bad.h5
is "the bad file is named" grep -q '^daogou verify: bad.h5: ' "$err"
finish
