#!/bin/sh
# run.sh from data to page: every section leaves its table, only what stands between the marks of
# the page is replaced, and nothing is left behind. usage: smoke.sh DAOGOU SOURCE
set -u
DAOGOU=$1
source=$2
. "$source/tests/e2e/expect.sh"
BENCH_WORK=$scratch/work
export DAOGOU BENCH_WORK
page=$scratch/page.md
printf 'above\n<!-- measured: tests/bench/run.sh --into docs/performance.md -->\nold\n<!-- end of measured -->\nbelow\n' >"$page"

expect 64 sh "$source/tests/bench/run.sh" --quick nonsense
expect 66 env DAOGOU="$scratch/none" sh "$source/tests/bench/run.sh" --quick
expect 0 sh "$source/tests/bench/run.sh" --quick --into "$page"
for heading in Kernels "Sweeps" "One rank and two" Bytes "Equal quality" "Lists"; do
    is "a table of $heading" grep -q "^### $heading" "$page"
done
is "what stands around stays" test "$(sed -n '1p;$p' "$page" | tr '\n' ' ')" = "above below "
is "what stood there is gone" test "$(grep -c '^old$' "$page")" = 0
is "pictures lie beside the page" test -s "$scratch/performance-kernels.svg"
is "ranks agree to the last bit" grep -q "The loss is the same number" "$page"
cp "$page" "$scratch/first.md"
expect 0 /usr/bin/python3 -B "$source/tests/bench/tables.py" "$BENCH_WORK" "$page"
is "the same figures make the same page" cmp "$page" "$scratch/first.md"
is "no namespace is left" test -z "$(ip netns list 2>/dev/null | grep "^dg[0-9]*[ab]")"
finish
