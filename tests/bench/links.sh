#!/bin/sh
# Two nodes with a slow wire between them, on one machine: two network namespaces, one pair of
# virtual Ethernet devices, limited by tc. Runs a command on both with mpirun, one rank each.
# usage: links.sh RATE COMMAND...      as in: links.sh 1gbit build/release/daogou bench exchange
# Needs root, ip and tc. Leaves with 77 where that is not to be had.
set -eu
rate=$1
shift
a=dg$$a
b=dg$$b
dir=$(mktemp -d)

clean() {
    ip netns del $a 2>/dev/null || :
    ip netns del $b 2>/dev/null || :
    rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skip() {
    echo "links.sh: $*" >&2
    exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
command -v ip >/dev/null && command -v tc >/dev/null || skip "needs ip and tc (iproute2)"
ip netns add $a 2>"$dir/why" && ip netns add $b 2>"$dir/why" || skip "no namespaces: $(cat "$dir/why")"
ip link add veth0 netns $a type veth peer name veth0 netns $b 2>"$dir/why" ||
    skip "no virtual Ethernet: $(cat "$dir/why")"

# netem also delays; where the kernel has none, tbf limits the rate alone.
node() {
    ip -n $1 addr add $2/24 dev veth0
    ip -n $1 link set lo up
    ip -n $1 link set veth0 up
    [ "$rate" != none ] || return 0
    if tc -n $1 qdisc add dev veth0 root netem rate $rate delay 50us limit 20000 2>/dev/null; then
        limit="netem rate $rate delay 50us"
    elif tc -n $1 qdisc add dev veth0 root tbf rate $rate burst 256kb latency 100ms 2>"$dir/why"; then
        limit="tbf rate $rate"
    else
        skip "tc limits nothing here: $(cat "$dir/why")"
    fi
}
limit="no limit"
node $a 10.77.0.1
node $b 10.77.0.2
echo "link: $limit" >&2

# mpirun starts the daemon of the second node with this in place of ssh.
cat >"$dir/agent" <<AGENT
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
shift
mkdir -p "$dir/b"
TMPDIR="$dir/b" exec ip netns exec $b unshare --uts sh -c "hostname $b; \$*"
AGENT
chmod +x "$dir/agent"
mkdir "$dir/a"
TMPDIR="$dir/a" ip netns exec $a unshare --uts sh -c "hostname $a; exec \"\$@\"" sh \
    mpirun --host 10.77.0.1:1,10.77.0.2:1 -n 2 --bind-to none --mca plm_rsh_agent "$dir/agent" \
    --mca oob_tcp_if_include veth0 --mca btl self,tcp --mca btl_tcp_if_include veth0 \
    --mca pml ob1 "$@"
