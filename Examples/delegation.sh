#!/bin/bash
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# Root gives bob three addresses on a network; bob gives one of them to carol. Nobody needs root after that, nobody can be
# somebody else, and each layer says so in its own counters.
#
#      world ── v0 ══ delegate (bob's, 10.9.0.8-10) ══ bob's multiplexer ── bob's stack
#                     │ root's rules                    └═ filter (10.9.0.10) ── carol's stack
#                     │                                    bob's rules
#
# Users are numbers here, 7002 and 7004; nothing outside of the script is touched. For root: it makes other users' processes.
set -euo pipefail
etherloom=$(command -v "${ETHERLOOM:-etherloom}") || { echo "delegation.sh: no etherloom; set ETHERLOOM=PATH" >&2; exit 4; }
for tool in ip ping setpriv unshare; do
    command -v $tool >/dev/null || { echo "delegation.sh: $tool is missing" >&2; exit 4; }
done
[ "$(id -u)" = 0 ] || { echo "delegation.sh: for root, who gives things away; see sudo(8)" >&2; exit 4; }

# A world of our own, which ends with us.
if [ -z "${DELEGATION_WORLD:-}" ]; then
    DELEGATION_WORLD=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
unset XDG_RUNTIME_DIR
mount -t tmpfs -o mode=755 none /run
mkdir /run/net
mkdir -m 1777 /run/users
cd /run

say() { printf '\n== %s\n' "$*"; }
as() { user=$1 && shift && setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"; }
until_there() {
    for _ in $(seq 100); do
        [ ! -S "$1" ] || return 0
        sleep 0.1
    done
    echo "delegation.sh: $1 does not appear" >&2
    exit 1
}
pings() { ping -q -c 1 -w 2 10.9.0.1 >/dev/null && echo "$1 reaches the world" || echo "$1 reaches nothing"; }
export -f pings

say "a network, and root's part in it: bob gets three addresses"
ip link set lo up
ip link add v0 type veth peer name world
ip link set v0 up
ip link set world up
ip address add 10.9.0.1/24 dev world
"$etherloom" delegate v0 /run/net/bob --uid 7002 --allow 10.9.0.8-10.9.0.10 --mac 02:0b:00:00:00:00/32 \
    --mgmt /run/net/bob.mgmt --quiet &
until_there /run/net/bob.mgmt
until [ "$(stat -c %u /run/net/bob)" = 7002 ]; do sleep 0.1; done

say "bob's part: a multiplexer of his own, and a filter for carol"
as 7002 "$etherloom" switch --multiplexer --no-stdin --quiet -s /run/users/bobs --uplink /run/net/bob &
until_there /run/users/bobs/ctl
as 7002 "$etherloom" filter '/run/users/bobs[carol]' /run/users/carol --mode 666 \
    --allow 10.9.0.10 --mac 02:0b:00:00:00:04 --mgmt /run/users/carol.mgmt --quiet &
until_there /run/users/carol.mgmt

say "what they have"
as 7002 "$etherloom" run --net '/run/users/bobs[bob]' --address 10.9.0.8/24 --mac 02:0b:00:00:00:02 -- \
    bash -c 'pings "bob, as 10.9.0.8,"'
as 7004 "$etherloom" run --net /run/users/carol --address 10.9.0.10/24 --mac 02:0b:00:00:00:04 -- \
    bash -c 'pings "carol, as 10.9.0.10,"'

say "what they do not have"
as 7004 "$etherloom" run --net /run/users/carol --address 10.9.0.9/24 --mac 02:0b:00:00:00:04 -- \
    bash -c 'pings "carol, as 10.9.0.9, which is bob'"'"'s,"'
as 7002 "$etherloom" run --net '/run/users/bobs[bob]' --address 10.9.0.66/24 --mac 02:0b:00:00:00:02 -- \
    bash -c 'pings "bob, as 10.9.0.66, which is nobody'"'"'s,"'
as 7004 "$etherloom" run --net /run/net/bob -- true || echo "carol cannot plug into what is bob's"

say "who said no"
echo "bob's filter for carol:" && as 7002 "$etherloom" term /run/users/carol.mgmt filter/counters | grep 'deny .*[1-9]$'
echo "root's for bob:" && "$etherloom" term /run/net/bob.mgmt filter/counters | grep 'deny .*[1-9]$'
