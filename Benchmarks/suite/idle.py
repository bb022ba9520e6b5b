# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""What a switch costs that does nothing: memory, wake-ups, processor time; and the program's size and start."""

import os
import shutil
import subprocess
import time

from . import lab, machine, programs, report

NAME = "idle"
TITLE = "a switch with 120 silent ports, and the program itself"

PORTS = 120
# The program's start is short: one round takes the median of so many.
STARTS = 15


def measure(kind: str, options) -> dict:
    with programs.switch(kind) as (process, directory):
        empty = machine.resident_kilobytes(process.pid)
        with lab.running([programs.SWBENCH, "hold", "--sock", directory, "--ports", str(PORTS)],
                         output=subprocess.PIPE) as holder:
            if not holder.stdout.readline():
                raise lab.Failed(f"swbench hold{lab.last_words(holder)}")
            settle(process.pid)
            switches = machine.context_switches(process.pid)
            used = machine.processor_seconds(process.pid)
            begin = time.monotonic()
            # Nothing happens in this time: that is what is measured.
            time.sleep(max(options.seconds, 3.0))
            elapsed = time.monotonic() - begin
            return {
                "wakeups_per_second": (machine.context_switches(process.pid) - switches) / elapsed,
                "processor_us_per_second": (machine.processor_seconds(process.pid) - used) / elapsed * 1e6,
                "resident_mb": machine.resident_kilobytes(process.pid) / 1024,
                "resident_empty_mb": empty / 1024,
            }


def settle(process_id: int) -> None:
    """Waits until a process has not run for 100 ms: what attaching the ports caused is over."""
    last = [machine.context_switches(process_id), time.monotonic()]

    def quiet() -> bool:
        now = machine.context_switches(process_id)
        if now != last[0]:
            last[:] = [now, time.monotonic()]
        return time.monotonic() - last[1] > 0.1
    lab.until(quiet, "the switch does not come to rest", 5)


def start_milliseconds() -> dict:
    if not programs.built():
        raise lab.Failed("etherloom is not built")
    times = []
    for _ in range(STARTS):
        begin = time.perf_counter()
        subprocess.run([programs.ETHERLOOM, "--version"], capture_output=True, check=True)
        times.append(time.perf_counter() - begin)
    return {"milliseconds": sorted(times)[STARTS // 2] * 1000}


def stripped_megabytes() -> float:
    path = lab.fresh_directory("stripped")
    if shutil.which("strip"):
        subprocess.run(["strip", "-o", path, programs.ETHERLOOM], check=True)
    else:
        path = programs.ETHERLOOM
    return os.stat(path).st_size / 1e6


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {
        "etherloom": lambda: measure("etherloom", options),
        "vde_switch": lambda: measure("vde_switch", options),
        "start": start_milliseconds,
    }, options)
    if programs.built():
        result.raw["size"] = [{"megabytes": stripped_megabytes()}]

    def beside(key: str) -> str:
        theirs = result.median("vde_switch", key)
        return f"vde_switch {report.number(theirs)}" if theirs is not None else ""
    for what, key, most, unit in (
        ("wake-ups", "wakeups_per_second", 0, "1/s"),
        ("processor time", "processor_us_per_second", None, "us/s"),
        ("resident, no port", "resident_empty_mb", 16, "MiB"),
        (f"resident, {PORTS} ports", "resident_mb", 16, "MiB"),
    ):
        result.fixed(what, "etherloom", key, most=most, unit=unit, note=beside(key))
    result.fixed("etherloom --version", "start", "milliseconds", most=10, unit="ms")
    result.fixed("stripped size", "size", "megabytes", most=25, unit="MB")
    return result
