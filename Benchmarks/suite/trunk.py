# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Frames through our switch between two stream ports, against two of its datagram ports."""

from . import programs, report

NAME = "trunk"
TITLE = "one direction between two stream ports, against our own datagram ports"

# Size: at least so many times the datagram ports' rate.
GOALS = {64: 8.0, 1500: 2.5}
BATCH = 32


def stream(size: int, options) -> dict:
    with programs.stream_switch() as (process, paths):
        return programs.swbench("trunk", "--connect", ",".join(paths), "--size", size,
                                "--seconds", options.seconds, "--pid", process.pid)


def datagram(size: int, options) -> dict:
    with programs.switch("etherloom") as (process, directory):
        return programs.swbench("gen", "--sock", directory, "--size", size, "--batch", BATCH,
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    kinds = {"stream": stream, "datagram": datagram}
    report.rounds(result, {
        f"{size} B, {name}": lambda measure=measure, size=size: measure(size, options)
        for size in GOALS for name, measure in kinds.items()
    }, options)
    for size, goal in GOALS.items():
        ours, peer = f"{size} B, stream", f"{size} B, datagram"
        result.compare(f"{size} B", ours, "frames_per_second", peer=peer, least=goal, unit="frames/s")
        result.compare(f"{size} B: switch CPU", ours, "switch_ns_per_frame", peer=peer, unit="ns/frame")
        result.fixed(f"{size} B: frames lost", ours, "loss", most=0, scale=100, unit="%")
    return result
