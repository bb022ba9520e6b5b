# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""TCP and UDP between two hosts through a tunnel: ours with and without large portions, VDE's vxvde, the kernel's vxlan."""

import contextlib
import os

from . import lab, machine, programs, report

NAME = "tunnel"
TITLE = "between two hosts: one TCP stream, MTU 1500 inside and outside; frames of 1400 B in bulk"

# Frames in bulk: a generator and a sink on ports of two switches, joined by a plain UDP link. The ports are machines' by
# vhost-user: memory alone, so that the link is what costs. Half of a frame's cost is AF_UNIX's between stream ports.
BULK_SIZE = 1400
BULK = {"bulk": "", "bulk, one at a time": "/gso=off"}
# What the switch listens with, and what swbench calls its part.
BULK_ENDS = {"": ("vhost://{}", "vhost"), " between streams": ("stream://{}[listen]", "trunk")}

# What each kind adds to our tunnel's URL. Without offload at the taps, frames are ordinary ones.
OURS = {
    "encrypted": "",
    "encrypted, one at a time": "/gso=off",
    "encrypted, no offload": "",
    "encrypted, no offload, one at a time": "/gso=off",
}
KINDS = (*OURS, "uml_switch2's form", "vde_plug vxvde", "kernel vxlan")
OFFLOADS = "tx off tso off gso off gro off"
GROUP = "239.77.0.1"


def _keys() -> tuple[dict, dict]:
    """A key file for each side, and its public key as a URL holds it."""
    files, public = {}, {}
    for side in "ab":
        files[side] = f"{lab.RUN}/{side}.key"
        text = os.popen(f"{programs.ETHERLOOM} key {files[side]}").read().strip()
        public[side] = text.translate(str.maketrans("/+", "_-"))
    return files, public


def _commands(kind: str, side: str, directory: str) -> list[list[str]]:
    """The programs of one side: between tap0, made by the first, and the wire."""
    other = {"a": "10.6.0.2", "b": "10.6.0.1"}[side]
    if kind in OURS:
        files, public = _keys()
        peer = public["b" if side == "a" else "a"]
        url = f"tunnel://{other}:5555/peer={peer}/key={files[side]}/listen=5555/mtu=1500{OURS[kind]}"
        return [[programs.ETHERLOOM, "plug", "tap://tap0", url]]
    if kind == "uml_switch2's form":
        return [[programs.ETHERLOOM, "plug", "tap://tap0", f"umlswitch2://{other}:5555"]]
    return [["vde_switch", "-s", directory, "-t", "tap0"], ["vde_plug", f"vde://{directory}", f"vxvde://{GROUP}"]]


@contextlib.contextmanager
def wire():
    """Two hosts, a and b, with a veth pair between them: 10.6.0.1 and 10.6.0.2."""
    with lab.namespaces("a", "b"):
        lab.shell("ip link add wire netns a type veth peer name wire netns b")
        for index, side in enumerate("ab", 1):
            lab.shell(f"ip address add 10.6.0.{index}/24 dev wire", "ip link set wire mtu 1500 up",
                      "ip route add 239.0.0.0/8 dev wire", namespace=side)
        yield


@contextlib.contextmanager
def path(kind: str):
    """Two hosts with a wire, and tap0 on each, joined by the tunnel: yields its processes."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(wire())
        processes = []
        for index, side in enumerate("ab", 1):
            if kind == "kernel vxlan":
                lab.shell(f"ip link add tap0 type vxlan id 7 dstport 4789 remote 10.6.0.{3 - index} dev wire",
                          namespace=side)
            else:
                directory = lab.fresh_directory(f"tunnel-{side}")
                for command in _commands(kind, side, directory):
                    processes.append(stack.enter_context(lab.running(command, namespace=side)))
                    if command[0] == "vde_switch":
                        lab.until(lambda: programs.is_socket(directory + "/ctl"), "vde_switch", process=processes[-1])
                lab.until(lambda side=side: _has(side, "tap0"), "tap0", process=processes[-1])
            mtu = 1450 if kind == "kernel vxlan" else 1500
            lab.shell(f"ip link set tap0 mtu {mtu} up", f"ip address add 10.7.0.{index}/24 dev tap0", namespace=side)
            if "no offload" in kind:
                lab.shell(f"ethtool -K tap0 {OFFLOADS}", namespace=side)
        lab.until(_reaches, "the other side")
        yield processes


def _has(namespace: str, interface: str) -> bool:
    return os.system(" ".join(lab.within(namespace)) + f" ip link show {interface} >/dev/null 2>&1") == 0


def _reaches() -> bool:
    return os.system(" ".join(lab.within("a")) + " ping -c 1 -W 1 10.7.0.2 >/dev/null 2>&1") == 0


def measure(kind: str, options) -> dict:
    with path(kind) as processes, programs.iperf_server("b"):
        before = [machine.processor_seconds(process.pid) for process in processes]
        busy = machine.Busy()
        figures = programs.iperf(lab.within("a"), "10.7.0.2", options.seconds)
        figures["processors"] = busy.processors()
        used = sum(machine.processor_seconds(process.pid) - start for process, start in zip(processes, before))
        kibibytes = figures["gbps"] * 1e9 / 8 / 1024 * max(1, round(options.seconds))
        if processes and kibibytes:
            figures["tunnel_ns_per_kib"] = used * 1e9 / kibibytes
        return figures


def bulk(kind: str, ends: str, options) -> dict:
    port, generator = BULK_ENDS[ends]
    with contextlib.ExitStack() as stack:
        stack.enter_context(wire())
        paths = []
        for index, side in enumerate("ab", 1):
            paths.append(lab.fresh_directory("bulk") + ".socket")
            process, _ = stack.enter_context(programs.switch(
                "etherloom", "--port", port.format(paths[-1]),
                "--port", f"udp://10.6.0.{index}:5600->10.6.0.{3 - index}:5600{BULK[kind]}",
                cpu=None, namespace=side))
            lab.until(lambda: programs.is_socket(paths[-1]), "the generator's port", process=process)
        return programs.swbench(generator, "--connect", ",".join(paths), "--size", BULK_SIZE,
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    measures = {kind: lambda kind=kind: measure(kind, options) for kind in KINDS}
    measures |= {kind + ends: lambda kind=kind, ends=ends: bulk(kind, ends, options)
                 for ends in BULK_ENDS for kind in BULK}
    report.rounds(result, measures, options)
    for ends in BULK_ENDS:
        ours, peer = f"bulk{ends}", f"bulk, one at a time{ends}"
        result.compare(f"{BULK_SIZE} B in {ours}, against one at a time", ours, "frames_per_second", peer=peer,
                       least=None if ends else 5.0, unit="frames/s")
        result.compare("the same: CPU of the receiver", ours, "switch_ns_per_frame", peer=peer, unit="ns/frame")
    result.compare("encrypted, against vde_plug vxvde://", "encrypted", "gbps", peer="vde_plug vxvde", least=3.0,
                   unit="Gb/s")
    result.compare("encrypted, against one at a time", "encrypted", "gbps", peer="encrypted, one at a time",
                   unit="Gb/s")
    result.compare("the same with ordinary frames", "encrypted, no offload", "gbps",
                   peer="encrypted, no offload, one at a time", unit="Gb/s")
    result.compare("uml_switch2's form", "uml_switch2's form", "gbps", peer="vde_plug vxvde", unit="Gb/s")
    result.compare("against the kernel's vxlan, not encrypted", "encrypted", "gbps", peer="kernel vxlan", unit="Gb/s")
    result.compare("CPU", "encrypted", "tunnel_ns_per_kib", peer="vde_plug vxvde", unit="ns/KiB")
    return result
