#!/bin/bash
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# "Port forwarding inside UMview", the tutorial of the VirtualSquare wiki (2012), on Etherloom: three processes, each with a
# network stack of its own, on one virtual switch; a gateway that connects the switch to the host and forwards three of its
# ports; netcats that talk through all of it. Every command of the tutorial is here with its own name and arguments; where
# umview loaded a module and `ip` configured the interface, `etherloom run` does both.
#
# Nothing of this needs root, and nothing touches the real network: the "host" of the tutorial, which owns 192.168.0.100, is
# a network stack too, made by the first command below.
#
#   netcat 192.168.0.100 30000 ──▶ slirpvde 192.168.77.2 ──▶ vde_switch ──▶ 192.168.77.100 port 10000
#                        30001 ──▶                                     ──▶ 192.168.77.101 port 10000
#                        30002 ──▶                                     ──▶ 192.168.77.102 port 10000

set -eu
etherloom=${ETHERLOOM:-$(command -v etherloom)}

# ---- from the user's shell into the tutorial's host -----------------------------------------------------------------

if [ -z "${TUTORIAL_PLACE:-}" ]; then
    TUTORIAL_PLACE=$(mktemp -d /tmp/etherloom-tutorial.XXXXXX)
    export TUTORIAL_PLACE
    trap 'rm -rf "$TUTORIAL_PLACE"' EXIT
    # The old programs are links to the new one; netcat is the one that the tutorial shows.
    mkdir -p "$TUTORIAL_PLACE/bin" "$TUTORIAL_PLACE/run"
    cp "$etherloom" "$TUTORIAL_PLACE/bin/etherloom"
    cp "$0" "$TUTORIAL_PLACE/tutorial.sh"
    for name in vde_switch slirpvde unixterm; do ln -s etherloom "$TUTORIAL_PLACE/bin/$name"; done
    ln -s "$(command -v nc.traditional)" "$TUTORIAL_PLACE/bin/netcat"
    export PATH="$TUTORIAL_PLACE/bin:$PATH:/usr/sbin:/sbin" XDG_RUNTIME_DIR="$TUTORIAL_PLACE/run"
    user=()
    if [ "$(id -u)" = 0 ]; then
        # Called by root, it still runs as somebody ordinary.
        chown -R nobody "$TUTORIAL_PLACE"
        user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    fi
    cd /
    status=0
    "${user[@]}" etherloom run --name host -- bash "$TUTORIAL_PLACE/tutorial.sh" || status=$?
    exit "$status"
fi

# ---- inside: the host of the tutorial -------------------------------------------------------------------------------

cd "$TUTORIAL_PLACE"
ip addr add 192.168.0.100/24 dev lo

# Shows a command as a user would have typed it, and runs it.
say() { printf '\n$ %s\n' "$*"; }
show() { say "$@"; "$@"; }
# Waits until a line like this is in the file.
await() { timeout 20 grep -q -m 1 -e "$2" <(tail -n +1 -f "$1" 2>/dev/null) || { echo "tutorial: \"$2\" did not come"; exit 1; }; }

echo "== Setting up a set of networked processes"
show vde_switch -d -s "$PWD/vde" -M "$PWD/mgmt" -p "$PWD/vde.pid"

# Three shells, each in a "terminal" of its own: what is typed comes through a pipe, what it prints goes to a file.
mkfifo typed.0 typed.1 typed.2
type_in() { printf '%s\n' "$2" >&"$((3 + $1))"; }
for n in 0 1 2; do
    say etherloom run --net /tmp/vde --address "192.168.77.10$n/24" --via 192.168.77.2 -- bash
    : >"screen.$n" # It must be there before it is waited on.
    etherloom run --net "$PWD/vde" --address "192.168.77.10$n/24" --via 192.168.77.2 -- bash <"typed.$n" >"screen.$n" 2>&1 &
    case $n in 0) exec 3>typed.0 ;; 1) exec 4>typed.1 ;; 2) exec 5>typed.2 ;; esac
    type_in "$n" 'echo the shell is there'
    await "screen.$n" 'the shell is there'
done

say 'echo port/print | unixterm -i -s /tmp/mgmt'
echo port/print | unixterm -i -s "$PWD/mgmt"

printf '\n== Connecting virtual network to host machine\n'
cat >portforward.txt <<'LIST'
-L30000:192.168.77.100:10000
-L30001:192.168.77.101:10000
-L30002:192.168.77.102:10000
LIST
show cat portforward.txt
# shellcheck disable=SC2016
say 'slirpvde -d -s /tmp/vde -n 192.168.77.0 `cat portforward.txt`'
# The list is one option a line, and is meant to fall apart into words.
# shellcheck disable=SC2046
slirpvde -d -s "$PWD/vde" -n 192.168.77.0 $(cat portforward.txt)

say 'echo port/print | unixterm -i -s /tmp/mgmt'
echo port/print | unixterm -i -s "$PWD/mgmt" | tee after

printf '\n== It is time to check if it works\n'
for n in 0 1 2; do type_in "$n" 'netcat -vv -l -n -p 10000'; done
for n in 0 1 2; do await "screen.$n" 'listening on'; done
words=('foo\nbar\nbaz\n' 'foo\nbar\nbaz\n' 'foo\nbar\nbuzz\n')
for n in 0 1 2; do
    say netcat 192.168.0.100 "3000$n"
    printf '%b' "${words[$n]}"
    printf '%b' "${words[$n]}" | netcat -q 0 192.168.0.100 "3000$n"
    await "screen.$n" 'rcvd'
    printf '\n[192.168.77.10%s]$ netcat -vv -l -n -p 10000\n' "$n"
    grep -v 'the shell is there' "screen.$n"
done

# ---- what must have been seen, or the tutorial has failed -----------------------------------------------------------

expect() { grep -q -e "$2" "$1" || { echo "tutorial: no \"$2\" in:"; cat "$1"; exit 1; }; }
for n in 1 2 3; do expect after "^mgmt: Port 000$n untagged_vlan=0000 ACTIVE - Unnamed Allocatable"; done
expect after '^mgmt:   -- endpoint ID [0-9]* module unix prog   : slirpvde: user=[^ ]* PID=[0-9]*  SOCK='
for n in 0 1 2; do
    expect "screen.$n" "connect to \[192.168.77.10$n\] from (UNKNOWN) \[192.168.0.100\]"
    expect "screen.$n" "^ sent 0, rcvd $(printf '%b' "${words[$n]}" | wc -c)"
    type_in "$n" exit
done
kill "$(cat vde.pid)"
exec 3>&- 4>&- 5>&-
wait
printf '\nAll three connections came from 192.168.0.100.\n'
