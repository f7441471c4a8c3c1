#!/bin/sh
# daogou-serve from start to stop: answers, exit codes, one sentence for every error, no MPI.
# usage: serve.sh DAOGOU_SERVE MAKE_ARTIFACT
set -eu
serve=$1
make_artifact=$2
dir=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 130' INT # without it EXIT is not reached
trap 'exit 143' TERM

fail() {
    echo "serve.sh: $*" >&2
    sed 's/^/    /' "$dir"/*.err >&2 || true
    exit 1
}

# refuses CODE TEXT ARGUMENTS...: that exit code, a line of ours that holds TEXT, nothing on stdout
refuses() {
    want=$1
    text=$2
    shift 2
    code=0
    timeout 20 "$serve" "$@" >"$dir/out" 2>"$dir/refused.err" || code=$?
    test "$code" = "$want" || fail "$* left with $code instead of $want"
    head -n 1 "$dir/refused.err" | grep -q "^daogou-serve: .*$text" || fail "$*: no line about $text"
    test ! -s "$dir/out" || fail "$*: wrote to stdout"
}

# start ARGUMENTS...: run in the background, wait for the line that tells the address
start() {
    : >"$dir/server.err" # else the address of the server before could be read
    "$serve" --artifact "$dir/a.h5" "$@" 2>"$dir/server.err" &
    server=$!
    tries=0
    until url=$(sed -n 's/^daogou-serve: .* on \(http:.*\)$/\1/p' "$dir/server.err") &&
        test -n "$url"; do
        tries=$((tries + 1))
        test $tries -lt 2000 || fail "did not start"
        sleep 0.05
    done
}

# stop SIGNAL: ends with exit code 0
stop() {
    kill "-$1" "$server"
    code=0
    wait "$server" || code=$?
    server=
    test $code = 0 || fail "left with $code on SIG$1"
}

if ldd "$serve" | grep -qiE 'libmpi|open-rte|open-pal|petsc|slepc|scalapack'; then
    fail "links MPI"
fi

"$make_artifact" "$dir/a.h5"
size=$(wc -c <"$dir/a.h5")
head -c $((size / 2)) "$dir/a.h5" >"$dir/half.h5"
cp "$dir/a.h5" "$dir/flip.h5"
printf 'X' | dd of="$dir/flip.h5" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
: >"$dir/empty.h5"

refuses 64 "which artifact"
refuses 64 "threads" --artifact "$dir/a.h5" --threads 0
refuses 64 "unexpected argument" --artifact "$dir/a.h5" more
refuses 64 "HOST:PORT" --artifact "$dir/a.h5" --listen 8080
refuses 66 "No such file" --artifact "$dir/none.h5"
refuses 65 "half.h5.*truncated" --artifact "$dir/half.h5"
refuses 65 "flip.h5.*damaged" --artifact "$dir/flip.h5"
refuses 65 "empty.h5" --artifact "$dir/empty.h5"
refuses 65 "folder" --artifact "$dir"
"$serve" --version | grep -q '^daogou-serve [0-9]' || fail "no version"
"$serve" --help | grep -q -- '--artifact' || fail "no help"

start --listen 127.0.0.1:0 --threads 2
grep -q 'fixture (als), 20 users, 300 items' "$dir/server.err" || fail "no startup line"
python3 - "$url" <<'PY' || fail "wrong answer"
import json, sys, urllib.error, urllib.request

def get(path, status=200):
    try:
        with urllib.request.urlopen(sys.argv[1] + path, timeout=20) as r:
            found, kind, body = r.status, r.headers["Content-Type"], r.read()
    except urllib.error.HTTPError as e:
        found, kind, body = e.code, e.headers["Content-Type"], e.read()
    assert found == status, (path, found, body)
    assert kind == "application/json; charset=utf-8", kind
    return json.loads(body)

r = get("/v1/recommend/u2?k=10")
assert r["source"] == "user" and r["user"] == "u2" and len(r["items"]) == 10, r
assert [i["rank"] for i in r["items"]] == list(range(1, 11)), r
assert all(i["title"] == i["item"].replace("item", "Title") for i in r["items"]), r
scores = [i["score"] for i in r["items"]]
assert scores == sorted(scores, reverse=True), r
everything = get("/v1/recommend/u2?k=1000&exclude_seen=false")["items"]
unseen = get("/v1/recommend/u2?k=1000")["items"]
assert len(everything) == 300 > len(unseen) > 0
kept = {i["item"] for i in unseen}
assert [i["item"] for i in everything if i["item"] in kept] == [i["item"] for i in unseen]
r = get("/v1/recommend/nobody%20%E5%AF%BC?k=5")
assert r["source"] == "popular" and r["user"] == "nobody 导" and len(r["items"]) == 5, r
assert get("/v1/similar/item%207?k=4")["source"] == "item"
assert get("/v1/similar/no-such-item", 404)["error"]["code"] == "unknown_item"
assert get("/v1/recommend/u2?k=0", 400)["error"]["code"] == "bad_parameter"
assert get("/v2/nothing", 404)["error"]["code"] == "not_found"
card = get("/v1/model")
assert card["model"] == "fixture" and len(card["content_digest"]) == 64, card
assert get("/healthz") == {"status": "ok"} and get("/readyz") == {"status": "ready"}
PY
refuses 69 "in use" --artifact "$dir/a.h5" --listen "${url#http://}"
stop TERM
grep -q '^daogou-serve: stopped' "$dir/server.err" || fail "no last line"

start --listen 127.0.0.1:0
stop INT
