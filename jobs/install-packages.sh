#!/bin/sh
# install-packages.sh [LIST...]: install what the lists name and this Debian 12 does not have yet; by
# default cmake/packages.txt. Quick when all is there.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- cmake/packages.txt

missing=
for package in $(cat "$@"); do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "install-packages: not root and no sudo; install these first:$missing" >&2
        exit 77
    }
    root=sudo
fi
echo "installing:$missing"
$root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
