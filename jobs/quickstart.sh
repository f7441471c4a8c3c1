#!/bin/sh
# From a bare Debian 12 to a recommendation: packages, build, a small made-up shop, training on two
# ranks, evaluation, export, and a serving node that answers once and is stopped again.
# Safe to run twice, and quick the second time. Leaves runs/quickstart and runs/quickstart-data.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

node=
stop_node() {
    [ -z "$node" ] || { kill "$node" 2>/dev/null && wait "$node" 2>/dev/null; } || true
    node=
}
trap stop_node EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "packages"
sh jobs/install-packages.sh

say "build"
cmake --preset release
cmake --build --preset release --target daogou daogou-serve
daogou=build/release/daogou

# Containers are root and have few cores; both are refused by Open MPI unless told.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
ranks() { mpirun -n 2 --map-by :OVERSUBSCRIBE --bind-to none "$@"; }

say "a small shop"
if [ -f runs/quickstart-data/truth.json ]; then
    echo "runs/quickstart-data is there already"
else
    ranks "$daogou" generate --preset shop-small --out runs/quickstart-data
fi

say "prepare, train, evaluate, export on 2 ranks"
ranks "$daogou" run jobs/quickstart.yaml

say "a serving node"
log=runs/quickstart/serve.log
build/release/daogou-serve --artifact runs/quickstart/artifact.h5 --listen 127.0.0.1:0 >"$log" 2>&1 &
node=$!
address=
for _ in $(seq 100); do
    address=$(grep -o -m 1 '127\.0\.0\.1:[0-9]*' "$log" || true)
    [ -n "$address" ] && curl -fsS "http://$address/readyz" >/dev/null 2>&1 && break
    kill -0 "$node" 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.1
done
[ -n "$address" ] || { echo "quickstart: the serving node does not answer, see $log" >&2; exit 69; }
cat "$log"

say "what shopper 1 may like"
echo "GET http://$address/v1/recommend/1?k=5"
curl -fsS "http://$address/v1/recommend/1?k=5" | python3 -c '
import json, sys
for item in json.load(sys.stdin)["items"]:
    print("%8.4f  %s" % (item["score"], item["title"]))'
stop_node
say "done"
cat <<'EOF'
runs/quickstart has the model, its metrics and artifact.h5. To serve it until Ctrl-C:
  build/release/daogou-serve --artifact runs/quickstart/artifact.h5
For data of your own start from a job in jobs/; docs/guide.md explains its keys.
EOF
