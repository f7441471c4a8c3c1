#!/bin/sh
# Install what cmake/packages.txt names and this Debian 12 does not have yet. Quick when all is there.
set -eu
list=$(cd "$(dirname "$0")/.." && pwd)/cmake/packages.txt

missing=
while read -r package; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done <"$list"
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
