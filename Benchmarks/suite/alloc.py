# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Allocations, retains and releases for each frame: none, counted in the running release program.

The switch runs under callgrind, which counts every call of every function. It runs twice for each way a frame can take,
with few frames and with a million more: what the program does once, for its start or for a client, is in both and
cancels out. The unstripped program is run, because functions without names could not be counted; only line numbers are
taken out of a copy, in a format (DWARF 5) at which Debian 12's valgrind gives up.
"""

import contextlib
import dataclasses
import functools
import glob
import os
import re
import subprocess

from . import lab, machine, programs, report
from .filter import THREE

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
def profiled(directory: str, output: str, verb: str, *arguments: str):
    """The unstripped program under callgrind; its profile is complete when the block has ended."""
    names = ["switch", "-s", directory, "-n", "256"] if verb == "switch" else [verb, "null://", directory]
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", with_symbols(), *names,
               "-M", directory + ".mgmt", *arguments]
    with lab.running(command, cpu=programs.SWITCH_CPU) as process:
        lab.until(lambda: programs.is_socket(directory + "/ctl"), "valgrind", 60, process)
        until_ready(directory, process)
        yield process
        process.terminate()
        process.wait(60)


def until_ready(directory: str, process: subprocess.Popen) -> None:
    """Waits until a switch answers on its console, which it does when all of its ports are there."""
    def answers() -> bool:
        with contextlib.suppress(lab.Failed):
            return "1000 Success" in programs.console(directory, "port/showinfo")
        return False
    lab.until(answers, "the switch's console", 60, process)


@dataclasses.dataclass
class Way:
    """A way that frames can take through the switch."""

    what: str
    # "switch", or "filter" for one of nothing.
    verb: str = "switch"
    # The switch's taps, and its other arguments; DIR is its directory.
    taps: tuple = ()
    arguments: tuple = ()
    # Console commands once the switch is there.
    commands: tuple = ()
    # The generator's words; DIR is the switch's directory, OTHER that of a second switch, which is not counted.
    generator: tuple = ("gen", "--sock", "DIR")
    # The URL of the port by which the second switch is joined with the first one, and a word that both of them say when
    # they have found each other.
    other: str = ""
    greeting: str = ""
    # So many clients of interfaces of their own want other stations' frames.
    strangers: int = 0
    # For how many of the frames asked for one is sent: one super-frame is work for many.
    divisor: int = 1
    # Why calls are expected here; their number is then no goal.
    expected: str = ""


@contextlib.contextmanager
def other_switch(way: Way, first: str):
    """The second switch, joined with the first one: its directory and its process."""
    if not way.other:
        yield "", None
        return
    with programs.switch("etherloom", "--port", places(way.other, first), cpu=None) as (process, directory):
        until_ready(directory, process)
        yield directory, process


def places(word: str, directory: str, other: str = "") -> str:
    return _with_keys(word.replace("DIR", directory).replace("OTHER", other))


def _with_keys(word: str) -> str:
    """A tunnel's URL with the files of our key and the public key of the other side."""
    for side, peer in (("A", "B"), ("B", "A")):
        if f"KEY-{side}" in word:
            word = word.replace(f"KEY-{side}", f"peer={_public_key(peer)}/key={_key_file(side)}")
    return word


def _key_file(side: str) -> str:
    return f"{lab.RUN}/alloc-{side}.key"


@functools.cache
def _public_key(side: str) -> str:
    done = subprocess.run([programs.ETHERLOOM, "key", _key_file(side)], capture_output=True, text=True, check=True)
    return done.stdout.strip().translate(str.maketrans("/+", "_-"))


def count_calls(way: Way, frames: int) -> dict[str, int]:
    """Calls in a whole run of the switch that carries `frames` frames."""
    directory = lab.fresh_directory("sw")
    output = directory + ".callgrind"
    if "KEY-" in way.other:
        # Each side's file has to be there before the other one starts.
        _public_key("A"), _public_key("B")
    arguments = [word for tap in way.taps for word in ("-t", tap)]
    arguments += [places(word, directory) for word in way.arguments]
    with profiled(directory, output, way.verb, *arguments) as process:
        for tap in way.taps:
            lab.until(lambda tap=tap: machine.has_interface(tap), tap, 60)
            # Without addresses of its own the kernel sends nothing through it.
            lab.shell(f"echo 1 > /proc/sys/net/ipv6/conf/{tap}/disable_ipv6", f"ip link set {tap} up")
        for command in way.commands:
            answer = programs.console(directory, command)
            if "1000 Success" not in answer:
                raise lab.Failed(f"{command}: {answer.strip()}")
        strangers = [programs.attach(directory, f"guest{number}", 0x02_47_00_00_00_00 + number)
                     for number in range(way.strangers)]
        with other_switch(way, directory) as (other, neighbour):
            if neighbour and way.greeting:
                for each in (process, neighbour):
                    lab.until(lambda each=each: way.greeting in machine.read(each.log_path), way.greeting, 60)
            programs.swbench(*(places(word, directory, other) for word in way.generator), "--count", frames,
                             *([] if way.generator[0] == "vhost" else ["--window", WINDOW]), timeout=3600)
        for stranger in strangers:
            stranger.close()
    profiles = glob.glob(output + "*")
    if not profiles:
        raise lab.Failed("callgrind has written no profile")
    total: dict[str, int] = {}
    for profile in profiles:
        for name, count in calls(profile).items():
            total[name] = total.get(name, 0) + count
        os.unlink(profile)
    return total


def measure(way: Way, frames: int) -> dict:
    frames = max(1, frames // way.divisor)
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


def _joined(what: str, port: str, other: str, **more) -> dict[str, Way]:
    """Both ways through a port that is joined with a port of another switch."""
    arguments = ("--port", port)
    return {
        f"{what} out": Way(f"datagram to {what}, 64 B", arguments=arguments, other=other,
                           generator=("gen", "--sock", "DIR,OTHER"), **more),
        f"{what} in": Way(f"{what} to datagram, 64 B", arguments=arguments, other=other,
                          generator=("gen", "--sock", "OTHER,DIR"), **more),
    }


WAYS = {
    "datagram": Way("datagram to datagram, 64 B"),
    "tap": Way("tap to tap, 64 B", taps=("tapa", "tapb"), generator=("gen", "--packet", "tapa,tapb")),
    "super": Way("tap to tap, 64 KiB", taps=("tapa", "tapb"), divisor=10,
                 generator=("gen", "--packet", "tapa,tapb", "--super")),
    "segmented": Way("tap to datagram, 64 KiB", taps=("tapa",), divisor=44,
                     generator=("gen", "--packet", "tapa", "--sock", "DIR", "--super")),
    **_joined("stream", "stream://DIR.s[listen]", "stream://DIR.s"),
    **_joined("udp", "udp://127.0.0.1:7001->127.0.0.1:7002", "udp://127.0.0.1:7002->127.0.0.1:7001"),
    **_joined("vxlan", "vxlan://127.0.0.3/local=127.0.0.2", "vxlan://127.0.0.2/local=127.0.0.3"),
    **_joined("tunnel", "tunnel://127.0.0.1:7004/listen=7003/KEY-A", "tunnel://127.0.0.1:7003/listen=7004/KEY-B",
              greeting="the peer answers", divisor=4,
              expected="swift-crypto takes and gives buffers of its own"),
    "vhost": Way("vhost-user to vhost-user, 64 B", arguments=("--port", "vhost://DIR.v1", "--port", "vhost://DIR.v2"),
                 generator=("vhost", "--connect", "DIR.v1,DIR.v2", "--batch", str(WINDOW))),
    # Tagged on the way between the two ports, and not at them.
    "vlan": Way("datagram to datagram in a VLAN, 64 B",
                commands=("vlan/create 5", "port/create 1", "port/create 2", "port/setvlan 1 5", "port/setvlan 2 5")),
    "impaired": Way("datagram to datagram, delayed by 1 ms, 64 B",
                    commands=("port/create 1", "port/impair 1 in delay 1+0.5N")),
    "rate": Way("datagram to datagram, limited, 64 B",
                commands=("port/create 1", "port/create 2", "port/rate 1 in 100G", "port/rate 2 out 100G 1000000")),
    # Filters that look at each frame and want none of them.
    "mirror": Way("datagram to datagram, mirrored by a filter, 64 B",
                  commands=("port/create 1", "port/create 3", "port/mirror 1 in 3 ip6 and tcp port 80",
                            "port/mirror 2 out 3 arp")),
    # Rules of two layers on every port, which all frames pass.
    "filter": Way("datagram to datagram through a filter's rules, 64 B", verb="filter", arguments=THREE),
    # An interface whose client wants other frames, and is asked or passed over.
    "multiplexer": Way("interface to interface of a multiplexer, 64 B",
                       arguments=("--multiplexer", "--interface", "gen", "--interface", "sink"),
                       generator=("gen", "--sock", "DIR/gen,DIR/sink"), strangers=2),
}


def run(options) -> report.Result:
    result = report.Result(TITLE)
    if not os.access(programs.UNSTRIPPED, os.X_OK):
        raise lab.Impossible(f"{programs.UNSTRIPPED} is missing: make build")
    # Counts do not vary as times do: one round is enough, and it need not wait for an idle machine.
    options = type(options)(**{**vars(options), "rounds": 1, "no_wait": True})
    report.rounds(result, {name: lambda way=way: measure(way, options.frames) for name, way in WAYS.items()}, options)
    for name, way in WAYS.items():
        for group in GROUPS:
            figures = (result.raw.get(name) or [{}])[0]
            names = figures.get(f"{group} by name", {})
            # What happens once a second or so is counted too, and is less than once in a thousand frames.
            most = 0.001 if group in FORBIDDEN and not way.expected else None
            note = ", ".join(f"{called} {count:+}" for called, count in names.items())
            if way.expected and group in FORBIDDEN:
                note = way.expected
            result.fixed(f"{way.what}: {group}", name, group, most=most, unit="per frame",
                         note=note or (f"none in {figures['frames']:,} frames" if figures else ""))
    return result
