# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Frames between two machines that share their memory, against two of QEMU's stream ports of the same switch."""

from . import programs, report

NAME = "vhost"
TITLE = "one direction between two vhost-user ports, against our own stream ports (QEMU's framing)"

# Size: at least so many times the stream ports' rate.
GOALS = {64: 4.0, 1500: 4.0}


def vhost(size: int, options) -> dict:
    with programs.vhost_switch() as (process, paths):
        return programs.swbench("vhost", "--connect", ",".join(paths), "--size", size,
                                "--seconds", options.seconds, "--pid", process.pid)


def stream(size: int, options) -> dict:
    # One frame a system call, as QEMU sends and receives them.
    with programs.stream_switch() as (process, paths):
        return programs.swbench("trunk", "--connect", ",".join(paths), "--size", size, "--batch", 1,
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    kinds = {"vhost": vhost, "stream": stream}
    report.rounds(result, {
        f"{size} B, {name}": lambda measure=measure, size=size: measure(size, options)
        for size in GOALS for name, measure in kinds.items()
    }, options)
    for size, goal in GOALS.items():
        ours, peer = f"{size} B, vhost", f"{size} B, stream"
        result.compare(f"{size} B", ours, "frames_per_second", peer=peer, least=goal, unit="frames/s")
        result.compare(f"{size} B: switch CPU", ours, "switch_ns_per_frame", peer=peer, unit="ns/frame")
        result.fixed(f"{size} B: frames lost", ours, "loss", most=0, scale=100, unit="%")
    return result
