#!/bin/sh
# Stands in for ssh when mpirun starts a daemon on "another node": drops options and the host and
# runs the rest right here. Each daemon counts as a node of its own, so that the way between nodes
# is tested on one machine.
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec sh -c "$*"
