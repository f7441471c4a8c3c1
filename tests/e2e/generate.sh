#!/bin/sh
# daogou generate: what it writes, says and refuses. generate.sh DAOGOU SOURCE MPIEXEC...
set -u
daogou=$1
source=$2
shift 2
. "$source/tests/e2e/expect.sh"
cd "$scratch" || exit 1

expect 0 "$@" -n 1 "$daogou" generate --out one
prints "ratings.csv"
prints " into the cart"
expect 0 "$@" -n 3 "$daogou" generate --preset shop-small --out three -q
is "the same bytes on three ranks" diff -r one three

expect 0 "$daogou" generate --users 40 --items=30 --events 300 --ratings 200 --out small --json
is "--json prints one JSON document" python3 -m json.tool "$out" /dev/null
is "with the counts asked for" test "$(wc -l <small/events.csv) $(wc -l <small/ratings.csv)" = "301 201"
is "titles are CSV" python3 -c '
import csv
rows = list(csv.DictReader(open("small/goods.csv", encoding="utf-8")))
assert len(rows) == 30 and all(r["brand"] in r["title"] and float(r["price"]) > 0 for r in rows)'

expect 64 "$daogou" generate --preset shop-smal
says 'daogou generate: there is no preset "shop-smal"'
says 'hint: did you mean "shop-small"?'
expect 78 "$daogou" generate --set generate.noize=1
says 'hint: did you mean "generate.noise"?'
expect 78 "$daogou" generate --users 10 --out refused
is "and says which key" grep -q "^daogou generate: generate.events: 20000 rows are more than" "$err"
: >file
expect 73 "$daogou" generate --out file/shop
says "daogou generate: file/shop: cannot create the folder: Not a directory"
expect 74 env DAOGOU_FAULT=write:1:2 "$@" -n 2 "$daogou" generate --out failed
is "a failed write leaves nothing" test ! -e failed

finish
