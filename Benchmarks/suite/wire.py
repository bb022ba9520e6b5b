# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""How exactly an impaired wire keeps its delay."""

import contextlib

from . import lab, programs, report

NAME = "wire"
TITLE = "delay of an impaired wire at 50,000 frames/s: how far from what was set, milliseconds"

RATE = 50_000
SIZE = 64
# Milliseconds. What is under way waits in the frame pool, which ends a wire of this rate at some 800 ms in one direction.
DELAYS = (5, 20, 100)
# Milliseconds that the middle frame, and ninety-nine of a hundred, may be early or late.
GOALS = (("p50", "p50_ms", 0.2), ("p99", "p99_ms", 1.0))


@contextlib.contextmanager
def ours(delay: int):
    """Our wire between two sockets: its process, and swbench's words for its ends."""
    if not programs.built():
        raise lab.Failed("etherloom is not built")
    directory = lab.fresh_directory("wire")
    paths = [f"{directory}.{number}" for number in (1, 2)]
    command = [programs.ETHERLOOM, "wire", *(f"seqpacket://{path}[listen]" for path in paths), "-d", str(delay)]
    with lab.running(command, cpu=programs.SWITCH_CPU) as process:
        lab.until(lambda: all(programs.is_socket(path) for path in paths), "wire", process=process)
        yield process, ["--connect", ",".join(paths)]


@contextlib.contextmanager
def wirefilter(delay: int):
    """Debian's wirefilter between two of our switches, because it has no other ends."""
    with programs.switch("etherloom") as (_, left), programs.switch("etherloom") as (_, right):
        command = ["wirefilter", "-v", f"{left}:{right}", "-d", str(delay)]
        with lab.running(command, cpu=programs.SWITCH_CPU) as process:
            for directory in (left, right):
                programs.until_port(directory, 1, process)
            yield process, ["--sock", f"{left},{right}"]


def measure(wire, delay: int, options) -> dict:
    with wire(delay) as (process, ends):
        return programs.swbench("delay", *ends, "--delay", delay, "--rate", RATE, "--size", SIZE,
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    wires = {"etherloom": ours, "wirefilter": wirefilter}
    report.rounds(result, {
        f"{delay} ms, {name}": lambda wire=wire, delay=delay: measure(wire, delay, options)
        for delay in DELAYS for name, wire in wires.items()
    }, options)
    for delay in DELAYS:
        configuration, peer = f"{delay} ms, etherloom", f"{delay} ms, wirefilter"
        for name, key, most in GOALS:
            theirs = result.median(peer, key)
            result.fixed(f"{delay} ms: {name}", configuration, key, most=most, unit="ms",
                         note=f"wirefilter between two switches {report.number(theirs)}" if theirs is not None else "")
        loss = result.median(peer, "loss")
        result.fixed(f"{delay} ms: frames lost", configuration, "loss", most=0, scale=100, unit="%",
                     note=f"wirefilter {report.number(loss * 100)} %" if loss is not None else "")
        result.fixed(f"{delay} ms: frames sent", configuration, "frames_per_second", unit="frames/s")
    return result
