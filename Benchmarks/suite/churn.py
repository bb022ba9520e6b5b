# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""What two ports get through a switch while a third one fills the forwarding table."""

import contextlib

from . import lab, programs, report

NAME = "churn"
TITLE = "two ports' frames while a third speaks from many addresses"

SIZE = 1500
# Frames a second of the third port: the same from one station as from many, so that only the table makes the difference.
RATE = 50_000
# Stations that the third port speaks from; 0: every frame from a new one.
CROWDS = {"one station": 1, "10,000 stations": 10_000, "forged addresses": 0}


@contextlib.contextmanager
def crowd(directory: str, addresses: int):
    """The third port, speaking when the block is entered."""
    command = [programs.SWBENCH, "churn", "--sock", directory, "--addresses", str(addresses), "--rate", str(RATE)]
    # Where generator and sink are: on the switch's processor it would take turns with the switch itself.
    with lab.running(command, cpu=0) as process:
        lab.until(lambda: programs.is_socket(directory + ".mgmt"), "the console", process=process)
        programs.until_port(directory, 1, process)
        yield


def measure(kind: str, addresses: int, options) -> dict:
    with programs.switch(kind) as (process, directory), crowd(directory, addresses):
        return programs.swbench("gen", "--sock", directory, "--size", SIZE, "--batch", 32,
                                "--seconds", options.seconds, "--pid", process.pid)


def run(options) -> report.Result:
    result = report.Result(TITLE)
    kinds = ("etherloom", "vde_switch")
    report.rounds(result, {
        f"{what}, {kind}": lambda kind=kind, addresses=addresses: measure(kind, addresses, options)
        for what, addresses in CROWDS.items() for kind in kinds
    }, options)
    for what in list(CROWDS)[1:]:
        for kind in kinds:
            result.compare(f"{what}, {kind}", f"{what}, {kind}", "frames_per_second", peer=f"one station, {kind}",
                           least=0.9 if kind == "etherloom" else None, unit="frames/s")
    return result
