#!/bin/sh
# Install the packages, build with warnings as errors, run every test, print ctest's summary.
# Safe to run again: then it only builds what changed. Arguments go to ctest, as in: -L unit
set -eu
cd "$(dirname "$0")/.."
sh jobs/install-packages.sh
sh jobs/install-packages.sh cmake/test-packages.txt ||
    echo "going on without them: the tests that need them will be skipped"
cmake --preset ci
cmake --build --preset ci
if [ $# = 0 ] && command -v clang-14 >/dev/null; then
    cmake --preset fuzz
    cmake --build --preset fuzz
    ctest --preset fuzz --parallel "$(nproc)"
fi
exec ctest --preset ci --parallel "$(nproc)" "$@"
