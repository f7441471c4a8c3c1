# expect.sh - for end-to-end scripts: run a command, check its exit code and what it says.
# A check that fails says which and goes on; `finish` ends the script with the verdict.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT # without it EXIT is not reached
trap 'exit 143' TERM
out=$scratch/out
err=$scratch/err
n_checks=0
n_failed=0

fail() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $*" >&2
    sed 's/^/    stdout: /' "$out" | head -20 >&2
    sed 's/^/    stderr: /' "$err" | head -20 >&2
}

# expect CODE COMMAND...: the command ends with that code.
expect() {
    code=$1
    shift
    n_checks=$((n_checks + 1))
    "$@" >"$out" 2>"$err" && got=0 || got=$?
    [ "$got" = "$code" ] || fail "exit $got instead of $code: $*"
}

# says TEXT: that is a whole line on stderr. prints TEXT: it occurs on stdout.
says() {
    n_checks=$((n_checks + 1))
    grep -Fxq -- "$1" "$err" || fail "stderr lacks the line: $1"
}
prints() {
    n_checks=$((n_checks + 1))
    grep -Fq -- "$1" "$out" || fail "stdout lacks: $1"
}

# is WHAT CONDITION...: the condition (a test command) holds.
is() {
    what=$1
    shift
    n_checks=$((n_checks + 1))
    "$@" || fail "$what"
}

finish() {
    echo "$n_checks checks, $n_failed failed"
    [ "$n_failed" = 0 ] || exit 1
}
