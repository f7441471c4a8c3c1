#!/bin/sh
# Lists over HTTP: requests a second and their times, as a table for docs/performance.md. wrk shares the
# machine with the node; let nothing else run meanwhile. Half a minute.
# usage: serve.sh [ARTIFACT PATTERN USERS]
#   ARTIFACT  a trained one, whose users are PATTERN (%d) of 0 to USERS - 1: runs/ratings-20m/artifact.h5 %d 138000
#   without   26,744 goods and 2,000 users of 64 random factors: no list is easier than another, which
#             is the worst case of a search that leaves out goods of small norm
# Programs: DAOGOU_SERVE, DAOGOU, MAKE_ARTIFACT; by default of build/release. SECONDS of each row: BENCH_SECONDS (4).
set -eu
cd "$(dirname "$0")/../.."
serve=${DAOGOU_SERVE:-build/release/daogou-serve}
daogou=${DAOGOU:-build/release/daogou}
make_artifact=${MAKE_ARTIFACT:-build/release/tests/support/make_artifact}
seconds=${BENCH_SECONDS:-4}
for program in "$serve" "$daogou"; do
    [ -x "$program" ] || { echo "serve.sh: $program is not there: build it first" >&2; exit 66; }
done
for tool in wrk openssl; do
    command -v $tool >/dev/null || { echo "serve.sh: $tool is not installed" >&2; exit 66; }
done
dir=$(mktemp -d)
node=
trap 'test -z "$node" || kill "$node" 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

artifact=${1:-$dir/made.h5}
pattern=${2:-u%d}
users=${3:-2000}
[ $# -gt 0 ] || "$make_artifact" "$artifact" 2000 26744 64

# start ARGUMENTS...: a node; its address in $url
start() {
    : >"$dir/err"
    "$serve" --artifact "$artifact" --listen 127.0.0.1:0 "$@" 2>"$dir/err" &
    node=$!
    tries=0
    until url=$(sed -n 's/^daogou-serve: .* on \(https*:.*\)$/\1/p' "$dir/err") && test -n "$url"; do
        tries=$((tries + 1))
        kill -0 "$node" 2>/dev/null && [ $tries -lt 600 ] || { cat "$dir/err" >&2; exit 1; }
        sleep 0.05
    done
}

stop() {
    kill "$node"
    wait "$node" || true
    node=
}

# row WHAT CONNECTIONS [TOKEN]
row() {
    printf '| %s | %s ' "$1" "$2"
    wrk -t1 -c"$2" -d"${seconds}s" -s tests/bench/serve.lua "$url" -- "$pattern" "$users" 10 ${3:-} |
        grep '^|'
}

echo '| node | connections | requests/s | p50 ms | p99 ms | longest ms | failed |'
echo '|---|--:|--:|--:|--:|--:|--:|'
start --threads 1 # the other core of two is wrk's
for connections in 1 2 4 8; do row "1 thread" $connections; done
stop
start --threads 2
row "2 threads" 8
stop
token=$("$daogou" token bench -q --file "$dir/tokens")
start --threads 1 --tokens "$dir/tokens" --rate 1000000 --access-log "$dir/access" --impressions "$dir/shown" \
    --audit-log "$dir/audit"
row "1 thread, tokens, rate, all logs" 4 "$token"
stop
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/cert" \
    -subj /CN=bench -days 1 2>/dev/null
start --threads 1 --tls-cert "$dir/cert" --tls-key "$dir/key"
row "1 thread, TLS 1.3" 4
stop
