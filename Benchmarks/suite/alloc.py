# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Allocations, retains and releases for each frame: none, counted in the running release program.

The switch runs under callgrind, which counts every call of every function. It runs twice for each way a frame can take,
with few frames and with a million more: what the program does once, for its start or for a client, is in both and
cancels out. The unstripped program is run, because functions without names could not be counted; only line numbers are
taken out of a copy, in a format (DWARF 5) at which Debian 12's valgrind gives up.
"""

import contextlib
import functools
import glob
import os
import re
import subprocess

from . import lab, machine, programs, report

NAME = "alloc"
TITLE = "calls for each frame in the running switch, under callgrind"

# Frames of the first run: enough that everything that is made on first use has been made.
FEW = 20_000
WINDOW = 16

# What compiled code calls. The runtime's own inner functions (__swift_retain_ and such) would count a call twice.
GROUPS = {
    "allocations": r"malloc|calloc|realloc|aligned_alloc|memalign|posix_memalign|mmap|operator new.*"
                   r"|swift_(slowAlloc\w*|allocObject|allocBox|allocEmptyBox|initStackObject|initStaticObject)",
    "frees": r"free|munmap|operator delete.*|swift_(slowDealloc\w*|dealloc\w*)",
    "retains": r"swift_(\w*[rR]etain\w*|weak\w+)",
    "releases": r"swift_\w*[rR]elease\w*",
    "locks": r"pthread_(mutex|rwlock)_\w*lock",
    "exclusivity checks": r"swift_(begin|end)Access\w*",
    # Not a goal but the proof that the frame path is in the profile: each frame is received and sent by something.
    "input and output": r"(__)?(recv|recvmsg|recvmmsg|read|readv|preadv2|preadv64v2|send|sendmsg|sendmmsg|write|writev"
                        r"|pwritev2|pwritev64v2|epoll_wait)",
}
# The groups that must be empty.
FORBIDDEN = ("allocations", "frees", "retains", "releases", "locks")


def calls(path: str) -> dict[str, int]:
    """Calls of every function in a callgrind profile: the sum of the `calls=` lines that name it."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    called = ""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("cfn=", "fn=")):
                # "cfn=(12) name" the first time, "cfn=(12)" from then on.
                found = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line.rstrip("\n"))
                if found:
                    if found.group(3):
                        # A recursive call is a function of its own there, with a number after its name.
                        names[found.group(2)] = re.sub(r"'\d+$", "", found.group(3))
                    if found.group(1) == "cfn":
                        called = names.get(found.group(2), "?")
            elif line.startswith("calls="):
                counts[called] = counts.get(called, 0) + int(line[6:].split()[0])
    return counts


@functools.cache
def with_symbols() -> str:
    """A copy of the unstripped program that valgrind can read: all names, no line numbers."""
    path = f"{lab.RUN}/etherloom.symbols"
    subprocess.run(["strip", "--strip-debug", "-o", path, programs.UNSTRIPPED], check=True)
    return path


@contextlib.contextmanager
def profiled(directory: str, output: str, *arguments: str):
    """The unstripped switch under callgrind; its profile is complete when the block has ended."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", with_symbols(), "switch",
               "-s", directory, "-M", directory + ".mgmt", "-n", "256", *arguments]
    with lab.running(command, cpu=programs.SWITCH_CPU) as process:
        lab.until(lambda: programs.is_socket(directory + "/ctl"), "valgrind", 60, process)
        yield process
        process.terminate()
        process.wait(60)


def count_calls(way: str, frames: int) -> dict[str, int]:
    """Calls in a whole run of the switch that carries `frames` frames."""
    directory = lab.fresh_directory("sw")
    output = directory + ".callgrind"
    _, taps, arguments, _ = WAYS[way]
    with profiled(directory, output, *(word for tap in taps for word in ("-t", tap))):
        for tap in taps:
            lab.until(lambda tap=tap: machine.has_interface(tap), tap, 60)
            # Without addresses of its own the kernel sends nothing through it.
            lab.shell(f"echo 1 > /proc/sys/net/ipv6/conf/{tap}/disable_ipv6", f"ip link set {tap} up")
        programs.swbench("gen", *(word.replace("DIR", directory) for word in arguments), "--count", frames,
                         "--window", WINDOW, timeout=3600)
    profiles = glob.glob(output + "*")
    if not profiles:
        raise lab.Failed("callgrind has written no profile")
    total: dict[str, int] = {}
    for profile in profiles:
        for name, count in calls(profile).items():
            total[name] = total.get(name, 0) + count
        os.unlink(profile)
    return total


def measure(way: str, frames: int) -> dict:
    frames = max(1, frames // WAYS[way][3])
    before = count_calls(way, FEW)
    after = count_calls(way, FEW + frames)
    figures: dict = {"frames": frames}
    for group, pattern in GROUPS.items():
        matching = [name for name in {*before, *after} if re.fullmatch(pattern, name)]
        grown = {name: after.get(name, 0) - before.get(name, 0) for name in matching}
        figures[group] = sum(grown.values()) / frames
        figures[f"{group} by name"] = {name: count for name, count in sorted(grown.items()) if count}
        figures[f"{group} in all"] = sum(after.get(name, 0) for name in matching)
    if figures["input and output"] < 1 / WINDOW:
        raise lab.Failed("the profile does not contain the frames: no input and output was seen")
    # A start without any allocation would mean that names are missing and nothing was counted.
    if not figures["allocations in all"] or not figures["retains in all"]:
        raise lab.Failed("no allocation was seen at all: is the program stripped?")
    return figures


# What a frame is, the switch's taps, the generator's ends, and for how many of the frames asked for one is sent: one
# super-frame is work for many.
WAYS = {
    "datagram": ("datagram to datagram, 64 B", [], ["--sock", "DIR"], 1),
    "tap": ("tap to tap, 64 B", ["tapa", "tapb"], ["--packet", "tapa,tapb"], 1),
    "super": ("tap to tap, 64 KiB", ["tapa", "tapb"], ["--packet", "tapa,tapb", "--super"], 10),
    "segmented": ("tap to datagram, 64 KiB", ["tapa"], ["--packet", "tapa", "--sock", "DIR", "--super"], 44),
}


def run(options) -> report.Result:
    result = report.Result(TITLE)
    if not os.access(programs.UNSTRIPPED, os.X_OK):
        raise lab.Impossible(f"{programs.UNSTRIPPED} is missing: make build")
    # Counts do not vary as times do: one round is enough, and it need not wait for an idle machine.
    options = type(options)(**{**vars(options), "rounds": 1, "no_wait": True})
    report.rounds(result, {way: lambda way=way: measure(way, options.frames) for way in WAYS}, options)
    for way, (what, *_) in WAYS.items():
        for group in GROUPS:
            figures = (result.raw.get(way) or [{}])[0]
            names = figures.get(f"{group} by name", {})
            # What happens once a second or so is counted too, and is less than once in a thousand frames.
            result.fixed(f"{what}: {group}", way, group, most=0.001 if group in FORBIDDEN else None, unit="per frame",
                         note=", ".join(f"{name} {count:+}" for name, count in names.items())
                         or (f"none in {figures['frames']:,} frames" if figures else ""))
    return result
