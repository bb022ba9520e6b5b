#!/bin/bash
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# The lab of this directory from start to end: guests of three kinds on two segments, a router between them, a gateway with a
# forward. All of it as an ordinary user; nothing is left when it ends.
#
#   ETHERLOOM       the program; etherloom of the PATH without it
#   MESH_GUESTS     where Scripts/guests has put kernels; without them the lab has guests of kind process only

set -eu
etherloom=${ETHERLOOM:-$(command -v etherloom)}
here=$(cd "$(dirname "$0")" && pwd)
guests=${MESH_GUESTS:-}

place=$(mktemp -d /tmp/etherloom-mesh.XXXXXX)
chmod 0755 "$place"
mkdir -m 0700 "$place/run"
mkdir "$place/lab"
cp "$here/lab.yaml" "$place/lab/"
user=()
if [ "$(id -u)" = 0 ]; then
    # Called by root, it still runs as somebody ordinary.
    chown -R nobody "$place"
    user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
export XDG_RUNTIME_DIR=$place/run HOME=$place MESH_PORT=${MESH_PORT:-18080}

loom() { "${user[@]}" "$etherloom" "$@"; }
say() { printf '\n$ etherloom %s\n' "$*"; }
show() {
    say "$@"
    loom "$@"
}

end() {
    status=$?
    loom down -C "$place/lab" -q --grace 3 || true
    # The daemon would end by itself after a while; nobody waits for that here.
    if [ -e "$place/run/etherloom/daemon.pid" ]; then
        "${user[@]}" kill "$(cat "$place/run/etherloom/daemon.pid")" || true
    fi
    cd /
    for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$place" 2>/dev/null && break; done
    exit "$status"
}
trap end EXIT

cd "$place/lab"
if [ -n "$guests" ] && [ -x "$guests/uml/linux" ]; then
    export MESH_UML_KERNEL=$guests/uml/linux MESH_QEMU_KERNEL=$guests/cloud/vmlinuz
    loom master create --busybox master
else
    echo "no kernels for guests (make them with Scripts/guests): all of them are processes here"
    sed -i -e 's/kind: .*/kind: process/' -e '/kernel:/d' -e '/master:/d' -e '/memory:/d' lab.yaml
    sed -i '/^defaults:$/d' lab.yaml
fi

show validate
show up --timeout 120
show ps
show graph

echo
echo "# From each guest to one of another kind, through the router."
show exec alice -- ping -c 2 10.21.0.2
show exec carol -- ping -c 2 10.21.0.4
show exec dave -- ping -c 1 10.20.0.1

echo
echo "# A server in carol, reached from the host."
loom exec carol -- sh -c 'mkdir -p /tmp/www && echo "hello from carol" >/tmp/www/index.html'
loom exec carol -- busybox httpd -p 8080 -h /tmp/www
printf '\n$ curl http://127.0.0.1:%s/\n' "$MESH_PORT"
curl --silent --show-error --retry 5 --retry-connrefused "http://127.0.0.1:$MESH_PORT/"

echo
echo "# alice's cable goes to the other network under a running ping, and comes back."
loom exec carol -- ping -i 0.2 -c 25 10.20.0.1 >"$place/ping" &
ping=$!
show link move alice:eth0 wan --down-for 500
show link move alice:eth0 lan --down-for 500
wait "$ping" || true
tail -n 3 "$place/ping"

echo
echo "# What passes at alice's interface."
loom capture alice:eth0 --count 4 -q -w "$place/alice.pcapng" &
capture=$!
loom exec carol -- ping -c 3 -i 0.3 10.20.0.1 >/dev/null
wait "$capture"
if command -v tcpdump >/dev/null; then tcpdump -n -r "$place/alice.pcapng" 2>/dev/null; fi

show exec --all -- uname -sr
show down
echo
echo "The lab came up, was rewired while it ran, and is gone."
