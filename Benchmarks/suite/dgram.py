# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Frames through a switch between two VDE clients, while others are attached and silent."""

from . import programs, report

NAME = "dgram"
TITLE = "one direction between two VDE clients, against vde_switch"

SIZES = (64, 1500)
# Frames that the sender hands over by one call: enough that what is seen is the switch's speed, not the sender's.
BATCH = 32
IDLE_PORTS = (0, 30, 120)

# (size, idle ports): at least so many times vde_switch's rate, at most so many times its processor time for a frame.
GOALS = {
    (64, 0): (1.15, 0.80),
    (1500, 0): (1.10, 0.85),
    (64, 30): (3.5, None),
    (64, 120): (8.0, None),
    (1500, 30): (None, None),
    (1500, 120): (None, None),
}


# A loop of recv and send that looks at nothing: no switch of this protocol can do with less.
LOOP = "plain loop"


def measure(kind: str, size: int, idle: int, options) -> dict:
    with programs.relay() if kind == LOOP else programs.switch(kind) as (process, directory):
        return programs.swbench("gen", "--sock", directory, "--size", size, "--idle", idle, "--batch", BATCH, "--one-thread",
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    kinds = ("etherloom", "vde_switch")
    configurations = {
        f"{size} B, {idle} idle, {kind}": lambda kind=kind, size=size, idle=idle: measure(kind, size, idle, options)
        for size in SIZES for idle in IDLE_PORTS for kind in (kinds if idle else (*kinds, LOOP))
    }
    report.rounds(result, {"B, floor": lambda: programs.swbench("floor", "--rounds", 3), **configurations}, options)
    for size in SIZES:
        for idle in IDLE_PORTS:
            ours, theirs = (f"{size} B, {idle} idle, {kind}" for kind in kinds)
            rate, time = GOALS[size, idle]
            what = f"{size} B, {idle} idle ports"
            result.compare(what, ours, "frames_per_second", peer=theirs, least=rate, unit="frames/s")
            result.compare(f"{what}: switch CPU", ours, "switch_ns_per_frame", peer=theirs, most=time, unit="ns/frame")
            if idle == 0:
                # Both directions of the one system call pair that a frame needs; see floor.
                result.compare(f"{what}: over floor", ours, "switch_ns_per_frame", unit="ns/frame", most=2.2,
                               peer="B, floor", peer_key=f"datagram_{size}_ns")
                result.compare(f"{what}: over a plain loop", ours, "switch_ns_per_frame", unit="ns/frame", most=1.2,
                               peer=f"{size} B, {idle} idle, {LOOP}")
            loss = result.median(theirs, "loss")
            result.fixed(f"{what}: frames lost", ours, "loss", most=0, scale=100, unit="%",
                         note=f"vde_switch {report.number(loss * 100)} %" if loss is not None else "")
    return result
