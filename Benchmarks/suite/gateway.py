# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""TCP from a namespace through a user-mode gateway to a server on the host, MTU 1500 and 65520, out and in."""

import contextlib

from . import lab, machine, programs, report

NAME = "gateway"
TITLE = "one TCP stream through a user-mode gateway, MTU 1500 unless said otherwise"

NETWORK = "192.168.77.0/24"
GATEWAY = "192.168.77.2"
GUEST = "192.168.77.100"
# Peers' taps get twice the kernel's default queue, with which they lose less; ours are left as they come.
PEER_QUEUE = "txqueuelen 1000"


class Guest:
    """Where the client runs: what to put before its command, and the address at which it finds the server."""

    def __init__(self, prefix: list[str], address: str = lab.HOST):
        self.prefix = prefix
        self.address = address


# The largest MTU that all of them have.
LARGE = 65_520


def _run(directory: str, mtu: int = 1500) -> list[str]:
    """A command in a network stack of its own, attached to our switch."""
    command = [programs.ETHERLOOM, "run", "--net", directory, "--address", f"{GUEST}/24", "--via", GATEWAY]
    return command + ["--mtu", str(mtu), "--"] + lab.tuned()


@contextlib.contextmanager
def three_programs(mtu: int = 1500):
    with programs.switch("etherloom", cpu=None) as (_, directory):
        command = [programs.ETHERLOOM, "gateway", "-s", directory, "-n", NETWORK, "--mtu", str(mtu)]
        with lab.running(command) as gateway:
            programs.until_port(directory, 1, gateway)
            yield Guest(_run(directory, mtu))


@contextlib.contextmanager
def one_process():
    with programs.switch("etherloom", "--gateway", NETWORK, cpu=None) as (_, directory):
        yield Guest(_run(directory))


@contextlib.contextmanager
def private_gateway():
    yield Guest([programs.ETHERLOOM, "run", "--gateway", "--"] + lab.tuned())


@contextlib.contextmanager
def loopback():
    yield Guest([], "127.0.0.1")


@contextlib.contextmanager
def slirp4netns(mtu: int = 1500):
    with lab.namespaces("guest"):
        command = ["slirp4netns", "--configure", f"--mtu={mtu}", "--netns-type=path", "/run/netns/guest", "tap0"]
        with lab.running(command) as process:
            _until_default_route("guest", process)
            lab.shell("ip link set tap0 " + PEER_QUEUE, namespace="guest")
            yield Guest(lab.within("guest"))


@contextlib.contextmanager
def pasta(mtu: int = 1500):
    # The guest gets a copy of the host's address; the host itself answers at its router's.
    options = ["-q", "--config-net", "-m", str(mtu)]
    if machine.is_real_root():
        # As root it becomes nobody and then has no right to anything: an ordinary user starts it, and it the command.
        command = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "pasta", *options, "--"]
        yield Guest(command + lab.tuned("ip link set ext0 " + PEER_QUEUE), lab.ROUTER)
        return
    with lab.namespaces("guest"):
        command = ["pasta", "-f", *options, "--netns-only", "--netns", "/run/netns/guest"]
        with lab.running(command) as process:
            _until_default_route("guest", process)
            lab.shell("ip link set ext0 " + PEER_QUEUE, namespace="guest")
            yield Guest(lab.within("guest"), lab.ROUTER)


@contextlib.contextmanager
def _stock_client(directory: str):
    """A namespace whose tap Debian's vde_plug2tap copies to and from a switch, one datagram a frame."""
    with lab.namespaces("guest"):
        with lab.running(["vde_plug2tap", "-s", directory, "tap0"], namespace="guest") as process:
            lab.until(lambda: machine.has_interface("tap0", process.pid), "vde_plug2tap", process=process)
            lab.shell(f"ip link set tap0 mtu 1500 {PEER_QUEUE} up", f"ip address add {GUEST}/24 dev tap0",
                      f"ip route add default via {GATEWAY}", namespace="guest")
            yield Guest(lab.within("guest"))


@contextlib.contextmanager
def stock_client():
    with programs.switch("etherloom", "--gateway", NETWORK, cpu=None) as (_, directory):
        with _stock_client(directory) as guest:
            yield guest


@contextlib.contextmanager
def slirpvde():
    with programs.switch("vde_switch", cpu=None) as (_, directory):
        with lab.running(["slirpvde", "-s", directory, "-n", NETWORK.split("/")[0]]) as process:
            programs.until_port(directory, 1, process)
            with _stock_client(directory) as guest:
                yield guest


def _until_default_route(namespace: str, process) -> None:
    """Waits until a peer has configured the namespace: /proc/net/route then has a line with destination 0."""
    def configured() -> bool:
        with contextlib.suppress(lab.Failed):
            lab.shell("grep -q '^[^I][^\t]*\t00000000\t' /proc/self/net/route", namespace=namespace)
            return True
        return False
    lab.until(configured, process.args[0], process=process)


CONFIGURATIONS = {
    "three programs": three_programs,
    "one process": one_process,
    "run --gateway": private_gateway,
    "slirp4netns": slirp4netns,
    "pasta": pasta,
    "stock client": stock_client,
    "slirpvde": slirpvde,
    "loopback": loopback,
}


# Those that are measured with the large MTU too.
LARGE_CONFIGURATIONS = {
    f"{name}, MTU {LARGE}": lambda make=CONFIGURATIONS[name]: make(LARGE)
    for name in ("three programs", "slirp4netns", "pasta")
}


def measure(name: str, reverse: bool, options) -> dict:
    # A guest and a server of its own for each: some peers do not survive the end of a connection.
    with {**CONFIGURATIONS, **LARGE_CONFIGURATIONS}[name]() as guest, programs.iperf_server():
        busy = machine.Busy()
        figures = programs.iperf(guest.prefix, guest.address, options.seconds, reverse=reverse)
        figures["processors"] = busy.processors()
        return figures


def run(options) -> report.Result:
    result = report.Result(TITLE)
    directions = (("out", False), ("in", True))
    report.rounds(result, {
        f"{name}, {direction}": lambda name=name, reverse=reverse: measure(name, reverse, options)
        for direction, reverse in directions for name in (*CONFIGURATIONS, *LARGE_CONFIGURATIONS)
    }, options)
    for direction, _ in directions:
        for ours in ("three programs", "one process", "run --gateway"):
            for peer in ("slirp4netns", "pasta"):
                result.compare(f"{direction}: {ours} against {peer}", f"{ours}, {direction}", "gbps",
                               peer=f"{peer}, {direction}", least=5.0, unit="Gb/s")
            result.compare(f"{direction}: {ours} against loopback", f"{ours}, {direction}", "gbps",
                           peer=f"loopback, {direction}", unit="Gb/s")
            if not result.tried(f"{ours}, {direction}"):
                continue
            again = result.median(f"{ours}, {direction}", "retransmits")
            processors = result.median(f"{ours}, {direction}", "processors")
            result.notes.append(f"{direction}: {ours}: {report.number(again)} segments sent again, "
                                f"{report.number(processors)} processors busy")
        # The peers are one process each; so is `run --gateway`, which needs no large MTU for large portions.
        peers = ((f"slirp4netns, MTU {LARGE}", 2.0), (f"pasta, MTU {LARGE}", 1.0), ("loopback", 0.4))
        for ours, isGoal in (("run --gateway", True), (f"three programs, MTU {LARGE}", False)):
            for peer, least in peers:
                result.compare(f"{direction}: {ours} against {peer}", f"{ours}, {direction}", "gbps",
                               peer=f"{peer}, {direction}", least=least if isGoal else None, unit="Gb/s")
        result.compare(f"{direction}: stock client against slirpvde", f"stock client, {direction}", "gbps",
                       peer=f"slirpvde, {direction}", least=3.0, unit="Gb/s")
    for name, entries in result.raw.items():
        died = sum(1 for entry in entries if entry.get("died"))
        if died:
            result.notes.append(f"{name}: died at the end of {died} of {len(entries)} connections")
    return result
