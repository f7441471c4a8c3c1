#!/bin/sh
# What is installed works from where it lies, for programs of others, by pkg-config and by CMake.
# package.sh SOURCE BUILD MAKE_ARTIFACT CC MPIEXEC...
set -u
source=$1
build=$2
make_artifact=$3
cc=$4
shift 4
. "$source/tests/e2e/expect.sh"
cd "$scratch" || exit 1
consumer=$source/tests/e2e/consumer
prefix=$scratch/prefix

expect 0 cmake --install "$build" --prefix "$prefix"
for file in bin/daogou bin/daogou-serve include/daogou/daogou.h include/daogou/base/status.h \
    include/daogou/models/als/options.h share/doc/daogou/LICENSE share/doc/daogou/README.md \
    share/doc/daogou/docs/formats.md share/doc/daogou/jobs/quickstart.yaml; do
    is "$file is installed" test -f "$prefix/$file"
done
is "what is internal is not installed" \
    test -z "$(grep -rl 'Internal to' "$prefix/include")"
is "nothing of the programs is installed" test ! -e "$prefix/include/daogou/cli"
expect 0 env -i "$prefix/bin/daogou" --version
prints "daogou "
pc=$(find "$prefix" -name daogou.pc)
lib=$(dirname "$(dirname "$pc")")
is "no file tells where it was built" test -z "$(grep -rIlF -e "$build" -e "$source" "$prefix")"

export PKG_CONFIG_PATH="$lib/pkgconfig"
flags="-std=c11 -Wall -Wextra -Wpedantic -Werror"
compile() { # compile PROGRAM PACKAGE
    # shellcheck disable=SC2046,SC2086 # lists of flags
    expect 0 "$cc" $flags "$consumer/$1.c" -o "$1" $(pkg-config --cflags --libs "$2")
}
is "the version is the program's" test "daogou $(pkg-config --modversion daogou)" = \
    "$("$prefix/bin/daogou" --version | cut -d' ' -f1,2)"
compile job daogou
compile train daogou
compile artifact daogou-artifact
export LD_LIBRARY_PATH="$lib"

# Every header stands on its own, and beside all others.
mkdir alone
(cd "$prefix/include/daogou" && find . -name '*.h') | sed 's,^\./,,' | while read -r header; do
    echo "#include \"$header\"" >"alone/$(echo "$header" | tr / -).c"
done
# shellcheck disable=SC2046,SC2086
expect 0 "$cc" $flags -fsyntax-only $(pkg-config --cflags daogou) alone/*.c
cat alone/*.c >together.c
# shellcheck disable=SC2046,SC2086
expect 0 "$cc" $flags -fsyntax-only $(pkg-config --cflags daogou) together.c
# shellcheck disable=SC2046,SC2086
expect 0 "$cc" $flags -fsyntax-only $(pkg-config --cflags daogou-artifact) \
    alone/base-*.c alone/sparse-*.c alone/ranking-*.c alone/artifact-*.c alone/serve-rank-*.c

for name in daogou daogou-artifact; do
    version=$(pkg-config --modversion daogou)
    is "lib$name says which version it is" test -f "$lib/lib$name.so.$version"
    nm -D --defined-only "$lib/lib$name.so" | awk '$2 != "A" {print $3}' >names
    is "lib$name exports its functions" grep -q '^dg_err_set@' names
    is "lib$name exports nothing else" test -z "$(grep -v '^dg_' names)"
    is "lib$name keeps its internals" test -z "$(grep __ names)"
done
is "reading artifacts needs no MPI" test -z "$(ldd ./artifact | grep -iE 'mpi|open-rte|open-pal')"
is "nor BLAS" test -z "$(ldd ./artifact | grep -i blas)"
is "every library is found" test -z "$(ldd ./artifact ./job "$prefix"/bin/* | grep 'not found')"

"$make_artifact" a.h5
expect 0 ./artifact a.h5 u2
prints "fixture (als): 20 users, 300 items"
is "five goods" test "$(grep -c '^item' "$out")" = 5
expect 66 ./artifact a.h5 nobody
says 'a.h5: no user "nobody"'
expect 0 "$prefix/bin/daogou" keygen key
expect 0 "$prefix/bin/daogou" sign a.h5 --key key
expect 0 ./artifact a.h5 u2 key.pub
expect 0 "$prefix/bin/daogou" keygen other
expect 77 ./artifact a.h5 u2 other.pub
is "a stranger is refused" grep -q "not among the 1 trusted" "$err"
expect 65 ./artifact "$source/README.md"

quickstart=$source/jobs/quickstart.yaml
expect 0 "$prefix/bin/daogou" run "$quickstart" --print-config --set model.factors=4
cp "$out" printed.yaml
expect 0 ./job "$quickstart" model.factors=4
is "a job reads alike in a program of another's" cmp -s "$out" printed.yaml
expect 78 ./job "$quickstart" model.factor=4
says "--set model.factor: unknown key of algorithm ials"

expect 0 "$prefix/bin/daogou" generate --out runs/quickstart-data -q
expect 0 "$prefix/bin/daogou" run "$quickstart" -q
digest=$("$prefix/bin/daogou" inspect --json runs/quickstart/model.h5 |
    sed -n 's/.*"content_digest": "\([0-9a-f]*\)".*/\1/p')
expect 0 "$@" -n 2 ./train "$quickstart" trained
is "the same model from a program of another's, on other ranks" \
    grep -qx "${digest:-no digest}" "$out"
expect 0 ./artifact trained/artifact.h5 1
prints "quickstart (ials): 500 users, 300 items"

unset LD_LIBRARY_PATH PKG_CONFIG_PATH
expect 0 cmake -S "$consumer" -B both -DCMAKE_PREFIX_PATH="$prefix"
expect 0 cmake --build both
expect 0 both/job "$quickstart" model.factors=4
is "the CMake package gives the same" cmp -s "$out" printed.yaml
expect 0 both/artifact a.h5
expect 0 cmake -S "$consumer" -B one -DCMAKE_PREFIX_PATH="$prefix" -DPARTS=artifact
is "the artifact part looks for no MPI" test -z "$(grep '^MPI_' one/CMakeCache.txt)"
expect 0 cmake --build one
expect 0 one/artifact a.h5
expect 1 cmake -S "$consumer" -B none -DCMAKE_PREFIX_PATH="$prefix" -DPARTS=nonsense
is "an unknown part is named" grep -q "no component nonsense" "$err"
finish
