#!/bin/bash
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# A firewall for guests of another machine, as the author of uml_switch2 had it.
#
#        file server                                  firewall
#     ┌─────────────────────────┐                 ┌─────────────────────────────┐
#     │  ping                   │   one wire      │            nft rules        │
#     │    └────────── eth0 ────┼─────────────────┼─ eth1 ───────┬─ forward     │
#     │                 ╎       │                 │   ╎          │              │
#     │        tunnel   ╎       │                 │   ╎ tunnel   │              │
#     │  guest ── switch╶       │                 │   ╶switch ── tap0           │
#     └─────────────────────────┘                 └─────────────────────────────┘
#
# The guest runs on the file server, but the file server has no way to it: its switch has the guest's socket and the tunnel,
# and nothing else. All that the file server and its own guest say to each other goes over the wire to the firewall, through
# its rules, and back over the same wire inside of the tunnel. So there is one place where rules are kept.
#
# The two machines are network namespaces here, the guest is a command in a stack of its own (`etherloom run`); a guest of
# User Mode Linux would be given the `socket` instead. Nothing outside of the script is touched.
#
#   Examples/firewall.sh            the tunnel encrypted, which is how it should be
#   Examples/firewall.sh --plain    uml_switch2's own form: port and remote, frames as they are
#   KEEP=DIR                        leaves the captures there

set -euo pipefail
etherloom=$(command -v "${ETHERLOOM:-etherloom}") || { echo "firewall.sh: no etherloom; set ETHERLOOM=PATH" >&2; exit 4; }
for tool in ip nft tcpdump ping unshare; do
    command -v $tool >/dev/null || { echo "firewall.sh: $tool is missing" >&2; exit 4; }
done

# A world of our own, which ends with us.
if [ -z "${FIREWALL_WORLD:-}" ]; then
    mapping=()
    [ "$(id -u)" = 0 ] || mapping=(--user --map-root-user)
    FIREWALL_WORLD=1 exec unshare "${mapping[@]}" --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
form=${1:---encrypted}
mount -t tmpfs none /run
work=/run/firewall
mkdir -p /run/netns $work
mkdir -m 0700 $work/user
export XDG_RUNTIME_DIR=$work/user
cd $work
ln -s "$etherloom" etherloom
ln -s "$etherloom" uml_switch2

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "firewall.sh: $*" >&2
    tail -n 5 ./*.log ./*.capture >&2 || true
    exit 1
}
# until SECONDS COMMAND: the command comes true in that time.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited in vain for: $*"
        sleep 0.1
    done
}

say "two machines, one wire"
for host in firewall fileserver; do
    ip netns add $host
    ip -n $host link set lo up
done
ip link add eth1 netns firewall type veth peer name eth0 netns fileserver
ip -n firewall addr add 192.168.1.1/24 dev eth1
ip -n firewall link set eth1 up
ip -n fileserver addr add 192.168.1.2/24 dev eth0
ip -n fileserver link set eth0 up
# The only thing that the file server knows about the guests' network.
ip -n fileserver route add 10.0.0.0/24 via 192.168.1.1

say "a switch on each"
case $form in
--encrypted)
    # Each side has a private key, and is told the other one's public key.
    firewall_key=$(./etherloom key firewall.key | tr '/+' '_-')
    fileserver_key=$(./etherloom key fileserver.key | tr '/+' '_-')
    to_fileserver="network tunnel://:51840/peer=$fileserver_key/key=$work/firewall.key"
    to_firewall="network tunnel://192.168.1.1:51840/peer=$firewall_key/key=$work/fileserver.key"
    ;;
--plain)
    to_fileserver=$'port 700\nremote 192.168.1.2'
    to_firewall=$'port 700\nremote 192.168.1.1'
    ;;
*) fail "$form: --encrypted or --plain" ;;
esac
cat >firewall.conf <<END
# No guests here: the real network on one side, the tunnel on the other.
tap       tap0
tapupcmd  "ip addr add 10.0.0.1/24 dev tap0; ip link set tap0 up"
tapdncmd  "ip link set tap0 down"
$to_fileserver
END
cat >fileserver.conf <<END
# Guests and the tunnel, and no tap: the file server itself is not on this switch.
socket    $work/guests.ctl
directory $work/guests
$to_firewall
END
ip netns exec firewall ./uml_switch2 -d firewall.conf 2>firewall.log &
ip netns exec fileserver ./uml_switch2 -d fileserver.conf 2>fileserver.log &
until_true 20 test -S $work/guests/ctl
until_true 20 ip -n firewall link show tap0 up

say "rules: the file server may ping the guests, nothing else passes"
ip netns exec firewall sysctl -q -w net.ipv4.ip_forward=1
ip netns exec firewall nft -f - <<'END'
table inet guests {
    counter asked { }
    counter answered { }
    counter refused { }
    chain forward {
        type filter hook forward priority 0; policy drop;
        iifname "eth1" oifname "tap0" icmp type echo-request counter name asked accept
        iifname "tap0" oifname "eth1" icmp type echo-reply counter name answered accept
        counter name refused
    }
}
END
packets() { ip netns exec firewall nft list counter inet guests "$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'; }

say "a guest, and somebody who listens at each point of the way"
ip netns exec fileserver ./etherloom run --net $work/guests --address 10.0.0.2/24 --via 10.0.0.1 -- \
    tcpdump -q -n -U --immediate-mode -i vd0 -w $work/guest.pcap icmp 2>guest.capture &
listen() { # NAME HOST INTERFACE FILTER
    ip netns exec "$2" tcpdump -q -n -U --immediate-mode -i "$3" -w "$work/$1.pcap" "$4" 2>"$1.capture" &
    until_true 20 grep -q 'listening on' "$1.capture"
}
listen fileserver fileserver eth0 icmp
listen wire fileserver eth0 'udp and not icmp'
listen eth1 firewall eth1 icmp
listen tap0 firewall tap0 icmp
until_true 20 grep -q 'listening on' guest.capture
seen() { tcpdump -n -r "$work/$1.pcap" "${2:-icmp[icmptype] == icmp-echo}" 2>/dev/null | wc -l; }
asks() { ip netns exec fileserver ping -c 1 -W 1 10.0.0.2; }

say "the file server pings its own guest"
until_true 20 asks
before=$(packets asked)
ip netns exec fileserver ping -c 3 -i 0.2 -W 2 10.0.0.2 || fail "no answer"
[ "$(packets asked)" = $((before + 3)) ] || fail "the firewall did not count the questions"
[ "$(packets answered)" -ge 3 ] || fail "the firewall did not count the answers"
has_seen() { [ "$(seen "$1" "${3:-icmp[icmptype] == icmp-echo}")" -ge "$2" ]; }
for point in fileserver eth1 tap0 guest; do
    until_true 10 has_seen $point 3
    printf '%-11s saw %s questions\n' "$point" "$(seen $point)"
done
until_true 10 has_seen wire 6 udp
printf '%-11s saw %s packets of the tunnel\n' wire "$(seen wire udp)"
# What somebody at the wire can read: with the plain form the pings are there for him, with the other they are not.
readable=$(tcpdump -n -x -r wire.pcap 2>/dev/null | tr -d ' \n\t' | grep -c '1011121314151617' || true)
case $form in
--encrypted) [ "$readable" = 0 ] || fail "the tunnel shows what it carries" ;;
--plain) [ "$readable" != 0 ] || fail "the tunnel does not carry plain frames" ;;
esac

say "the rule is taken away"
ip netns exec firewall nft flush chain inet guests forward
ip netns exec firewall nft add rule inet guests forward counter name refused
there=$(seen guest)
if ip netns exec fileserver ping -c 2 -i 0.2 -W 1 10.0.0.2 >/dev/null; then fail "the ping passed a closed firewall"; fi
[ "$(packets refused)" -ge 2 ] || fail "the firewall did not count what it refused"
[ "$(seen guest)" = "$there" ] || fail "the guest saw it all the same"
echo "refused $(packets refused), and the guest saw nothing"

[ -z "${KEEP:-}" ] || cp ./*.pcap ./*.conf "$KEEP/"
say "done ($form)"
