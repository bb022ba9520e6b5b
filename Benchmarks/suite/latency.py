# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Round trips of one frame between two VDE clients."""

from . import programs, report

NAME = "latency"
TITLE = "round trips of 64 B between two VDE clients, microseconds"

THINK = (0, 200)
KINDS = ("etherloom", "vde_switch", "direct", "spinning")
# Microseconds that the fourth kind, ours, looks for more before it sleeps.
SPIN = 50


def measure(kind: str, think: int, options) -> dict:
    arguments = ["--pingpong", "--think", think, "--seconds", options.seconds]
    if kind == "direct":
        return programs.swbench("gen", "--direct", *arguments)
    extra = ["--spin", str(SPIN)] if kind == "spinning" else []
    with programs.switch("etherloom" if extra else kind, *extra) as (process, directory):
        return programs.swbench("gen", "--sock", directory, "--pid", process.pid, *arguments)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {
        f"think {think}, {kind}": lambda kind=kind, think=think: measure(kind, think, options)
        for think in THINK for kind in KINDS
    }, options)
    for think in THINK:
        ours, theirs, direct, spinning = (f"think {think}, {kind}" for kind in KINDS)
        what = f"{think} us between two" if think else "back to back"
        for key, name in (("p50_us", "p50"), ("p99_us", "p99")):
            alone = result.median(direct, key)
            result.compare(f"{what}: {name}", ours, key, peer=theirs, most=1.0, unit="us",
                           note=f"no switch {report.number(alone)}")
            result.compare(f"{what}: {name}, --spin {SPIN}", spinning, key, peer=theirs,
                           most=0.7 if not think else None, unit="us")
        result.compare(f"{what}: switch CPU", ours, "switch_us_per_trip", peer=theirs, unit="us/trip")
        result.fixed(f"{what}: trips lost", ours, "lost", most=0)
    return result
