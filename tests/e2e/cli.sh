#!/bin/sh
# The command line: usage, help, job files and overlays, all without MPI. cli.sh DAOGOU SOURCE
set -u
daogou=$1
source=$2
. "$source/tests/e2e/expect.sh"
# With this MPI_Init cannot succeed: whatever passes here never called it.
export OMPI_MCA_pml=none
export DAOGOU_DATA="${DAOGOU_DATA:-$source/../shared/data}"
cd "$scratch" || exit 1

expect 0 "$daogou" --version
is "version names the revision" grep -Eq '^daogou [0-9]+\.[0-9]+\.[0-9]+ \(.+\)$' "$out"
expect 0 "$daogou" --help
prints "  inspect "
prints "  doctor "
expect 0 "$daogou" run --help
prints "--set"
expect 64 "$daogou"
says "daogou: expected a command"
expect 64 "$daogou" inspct
says 'daogou: unknown command "inspct"'
says 'hint: did you mean "daogou inspect"?'
expect 64 "$daogou" run
says "daogou run: expected JOB.yaml"
expect 64 "$daogou" run a.yaml b.yaml
says 'daogou run: unexpected argument "b.yaml"'
expect 64 "$daogou" inspect --jsn x
says 'daogou inspect: unknown option "--jsn"'
says "hint: did you mean --json?"
expect 64 "$daogou" recommend a.yaml -k 3
says 'daogou recommend: unknown option "-k"'
says "hint: did you mean --k?"
expect 64 "$daogou" recommend a.yaml -user 3
says 'daogou recommend: unknown option "-user"'
says "hint: did you mean --user?"
expect 64 "$daogou" run a.yaml --set
says "daogou run: option --set needs a value"
expect 64 "$daogou" run a.yaml --json=3
says "daogou run: option --json takes no value"

expect 66 "$daogou" run nowhere.yaml --print-config
says "daogou run: nowhere.yaml: cannot read the job: No such file or directory"
expect 66 "$daogou" run . --print-config
says "daogou run: .: cannot read the job: it is a folder"

cat >shop.yaml <<'YAML'
name: shop
data:
  ratings: {path: "${SHOP_DATA:-nowhere}/r.csv", columns: {user: u, item: i}}
model:
  algorithm: ials
  factors: 8
YAML
expect 0 "$daogou" run shop.yaml --print-config
prints "factors: 8"
prints "path: [nowhere/r.csv]"
cp "$out" again.yaml
expect 0 "$daogou" run again.yaml --print-config
is "a printed job prints itself" cmp -s "$out" again.yaml
expect 0 env SHOP_DATA=/d DAOGOU_seed=5 "$daogou" run shop.yaml --print-config --set model.rank=9
prints "path: [/d/r.csv]"
prints "seed: 5"
prints "factors: 9"
expect 0 "$daogou" run shop.yaml --print-config --json
is "--json prints one JSON document" python3 -m json.tool "$out" /dev/null
expect 0 "$daogou" run --help-keys
prints "prepare.half_life"
prints "model.unobserved_weight"
prints "generate.users"

sed 's/^model:/modle:/' shop.yaml >typo.yaml
expect 78 "$daogou" run typo.yaml --print-config
says "daogou run: typo.yaml:4: modle: unknown key"
says 'hint: did you mean "model"?'
is "an error prints no result" test ! -s "$out"
expect 78 "$daogou" run shop.yaml --print-config --set model.factors=many
says 'daogou run: --set model.factors: expected a whole number from 1 to 8192, found "many"'
expect 64 "$daogou" run shop.yaml --print-config --set model.factors
says "daogou run: --set model.factors: expected key.path=value"
expect 78 env DAOGOU_modle__factors=3 "$daogou" run shop.yaml --print-config
says "daogou run: environment DAOGOU_modle__factors: unknown key"
expect 66 "$daogou" run shop.yaml --dry-run
says "daogou run: nowhere/r.csv: no such file"

mkdir data && printf 'u,i\na,b\n' >data/r.csv
expect 0 env SHOP_DATA=data "$daogou" run shop.yaml --dry-run
prints "data/r.csv (8 B)"
is "a dry run leaves nothing" test ! -e runs

for job in "$source"/jobs/*.yaml; do
    expect 0 "$daogou" run "$job" --print-config
    cp "$out" again.yaml
    expect 0 "$daogou" run again.yaml --print-config
    is "$job prints itself" cmp -s "$out" again.yaml
done

expect 66 "$daogou" inspect nowhere.h5
says "daogou inspect: nowhere.h5: cannot open: No such file or directory"
expect 65 "$daogou" inspect shop.yaml
expect 65 "$daogou" verify shop.yaml

# tokens of a serving node: printed once, kept as a hash
expect 0 "$daogou" token web --roles read,events --file tokens
prints "dgt_"
is "the file has no token" test -z "$(grep dgt_ tokens)"
expect 0 "$daogou" token ops --roles admin --expires never --file tokens
is "a line for each" test "$(wc -l <tokens)" = 2
expect 64 "$daogou" token web --roles write
says 'daogou token: roles are read, events and admin, not "write"'
expect 64 "$daogou" token web --expires soon
finish
