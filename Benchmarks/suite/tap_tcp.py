# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""TCP from tap to tap through a switch: against vde_switch, the kernel's bridge, and Open vSwitch in user space."""

import contextlib

from . import lab, machine, openvswitch, programs, report

NAME = "tap-tcp"
TITLE = "one TCP stream between two namespaces, MTU 1500"

KINDS = ("etherloom", "vde_switch", "bridge", "openvswitch", "openvswitch on taps", "etherloom, no offload")
# What the last kind switches off at both ends: then every frame is an ordinary one, as vde_switch's always are.
OFFLOADS = "tx off tso off gso off gro off"


@contextlib.contextmanager
def path(kind: str):
    """Interfaces in the namespaces a and b that the switch joins: yields the switch's process, if it is one."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(lab.namespaces("a", "b"))
        process = None
        if kind in ("bridge", "openvswitch"):
            for side in "ab":
                lab.shell(f"ip link add tap{side} type veth peer name port{side}", f"ip link set port{side} up")
                stack.callback(lab.remove_interface, f"port{side}")
        if kind == "bridge":
            lab.shell("ip link add br0 type bridge", "ip link set br0 up")
            stack.callback(lab.remove_interface, "br0")
            lab.shell("ip link set porta master br0", "ip link set portb master br0")
        elif kind == "openvswitch":
            process = stack.enter_context(openvswitch.switch("porta", "portb", taps=False))
        elif kind == "openvswitch on taps":
            process = stack.enter_context(openvswitch.switch("tapa", "tapb", taps=True))
        else:
            # The switch runs where the scheduler likes, as iperf3 does.
            name = kind.split(",")[0]
            process, _ = stack.enter_context(programs.switch(name, "-t", "tapa", "-t", "tapb", cpu=None))
        for index, side in enumerate("ab", 1):
            lab.until(lambda side=side: machine.has_interface(f"tap{side}"), f"tap{side}")
            lab.shell(f"ip link set tap{side} netns {side}")
            lab.shell(f"ip link set tap{side} mtu 1500 up", f"ip address add 10.7.0.{index}/24 dev tap{side}",
                      namespace=side)
            if kind.endswith("no offload"):
                lab.shell(f"ethtool -K tap{side} {OFFLOADS}", namespace=side)
        yield process


def measure(kind: str, options) -> dict:
    with path(kind) as process, programs.iperf_server("b"):
        before = machine.processor_seconds(process.pid) if process else 0.0
        busy = machine.Busy()
        figures = programs.iperf(lab.within("a"), "10.7.0.2", options.seconds)
        figures["processors"] = busy.processors()
        if process:
            used = machine.processor_seconds(process.pid) - before
            kibibytes = figures["gbps"] * 1e9 / 8 / 1024 * max(1, round(options.seconds))
            figures["switch_ns_per_kib"] = used * 1e9 / kibibytes
        return figures


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {kind: lambda kind=kind: measure(kind, options) for kind in KINDS}, options)
    peers = (("vde_switch", 10.0), ("bridge", 0.7), ("openvswitch", 2.0), ("openvswitch on taps", None))
    for peer, least in peers:
        result.compare(f"against {peer}", "etherloom", "gbps", peer=peer, least=least, unit="Gb/s")
    result.compare("no offload, against vde_switch", "etherloom, no offload", "gbps", peer="vde_switch", least=1.2,
                   unit="Gb/s")
    result.compare("switch CPU", "etherloom", "switch_ns_per_kib", peer="vde_switch", unit="ns/KiB")
    result.compare("sent again", "etherloom", "retransmits", peer="vde_switch", unit="segments")
    result.compare("machine", "etherloom", "processors", peer="vde_switch", unit="CPUs")
    return result
