# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Frames through filters: what rules cost, alone, stacked in one process, and one process after the other."""

import contextlib

from . import programs, report

NAME = "filter"
TITLE = "rules on every port of a filter, against the same filter without"

BATCH = 32
# Some thirty instructions that every frame of the generator goes through: none of these is its sender.
STRANGERS = [f"02:45:4c:00:00:{number:02x}" for number in range(0x10, 0x1e)]
EXPRESSION = " and ".join(f"not ether src {address}" for address in STRANGERS)
ONE = ("--send", EXPRESSION, "--receive", EXPRESSION)
# Two more behind it: merged into one program.
THREE = (*ONE, *(word for direction in ("send", "receive") for number in (1, 2)
                 for word in ("--rule", f"{direction} deny stranger{number} ether src 02:45:4c:00:01:{number:02x}")))


def one(arguments, options) -> dict:
    with programs.filter("null://", *arguments) as (process, directory):
        return programs.swbench("gen", "--sock", directory, "--size", 64, "--batch", BATCH,
                                "--seconds", options.seconds, "--pid", process.pid)


def crowded(crowd: int, options) -> dict:
    """Through a multiplexer, between two of its clients; so many others want other stations' frames only."""
    with programs.multiplexer(crowd) as (process, paths):
        return programs.swbench("gen", "--sock", paths, "--size", 64, "--batch", BATCH, "--seconds", options.seconds,
                                "--pid", process.pid)


def chain(count: int, options) -> dict:
    """So many filters, each a process and the next one's network: in at the last, out at the first."""
    with contextlib.ExitStack() as stack:
        directories = []
        for _ in range(count):
            upstream = directories[-1] if directories else "null://"
            _, directory = stack.enter_context(programs.filter(upstream, *ONE))
            directories.append(directory)
        result = programs.swbench("gen", "--sock", f"{directories[-1]},{directories[0]}", "--size", 64,
                                  "--batch", BATCH, "--seconds", options.seconds)
        result["ns_per_frame"] = 1e9 / result["frames_per_second"] if result["frames_per_second"] else None
        return result


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {
        "no rules": lambda: one((), options),
        "30 instructions": lambda: one(ONE, options),
        "three filters, one process": lambda: one(THREE, options),
        **{f"{count} processes": lambda count=count: chain(count, options) for count in (1, 2, 3)},
        "two clients": lambda: crowded(0, options),
        "200 clients": lambda: crowded(198, options),
        "floor": lambda: programs.swbench("floor", "--rounds", 3),
        "leaves": lambda: programs.swbench("micro", "--rounds", 5),
    }, options)
    # Within 5 % of the rate without rules, and within 10 % of one filter's.
    result.compare("30 instructions on every port", "30 instructions", "frames_per_second", peer="no rules", least=0.95,
                   unit="frames/s")
    result.compare("three filters in one process", "three filters, one process", "frames_per_second",
                   peer="30 instructions", least=0.9, unit="frames/s")
    for name in ("30 instructions", "three filters, one process"):
        result.compare(f"{name}: CPU", name, "switch_ns_per_frame", peer="no rules", unit="ns/frame")
    result.compare("multiplexer, 200 clients with host filters", "200 clients", "frames_per_second", peer="two clients",
                   least=0.9, unit="frames/s")
    result.compare("a program's run", "leaves", "filter_ns", peer="leaves", peer_key="filter_libpcap_ns", most=1.4,
                   unit="ns", note="peer: libpcap's bpf_filter on the same program and frames")
    result.compare("three policies merged", "leaves", "policy_3_ns", peer="leaves", peer_key="policy_1_ns", unit="ns")
    for count in (1, 2, 3):
        result.compare(f"{count} filters, a process each", f"{count} processes", "ns_per_frame", peer="floor",
                       peer_key="datagram_64_ns", unit="ns/frame", note="peer: a frame through a socket pair, no switch")
    return result
