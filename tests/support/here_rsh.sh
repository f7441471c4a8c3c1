#!/bin/sh
# Stands in for ssh when mpirun starts a daemon on "another node": drops options and the host and
# runs the rest right here. Each daemon counts as a node of its own, so that the way between nodes
# is tested on one machine. Each has its own folder for temporary files, as nodes do: in a common
# one the daemons race to make the same folder, and the slower one gives up.
while [ "${1#-}" != "$1" ]; do shift; done
shift
TMPDIR=$(mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sh -c "$*"
