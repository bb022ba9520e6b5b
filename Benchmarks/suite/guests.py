# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Labs: how long guests take to come up and go, what they cost, and how fast they talk to each other."""

import contextlib
import os
import re
import shutil
import subprocess
import time

from . import lab, machine, programs, report

NAME = "guests"
TITLE = "labs of process guests, User Mode Linux and QEMU"

GUESTS = os.path.join(programs.ROOT, ".build", "guests")
KERNEL = f"{GUESTS}/uml/linux"


class Lab:
    """A directory with a lab file, and the commands that work there."""

    def __init__(self, text: str):
        self.directory = lab.fresh_directory("lab")
        os.makedirs(self.directory)
        with open(f"{self.directory}/lab.yaml", "w", encoding="utf-8") as file:
            file.write(text)

    def command(self, *words: str) -> list[str]:
        return [programs.ETHERLOOM, *words]

    def run(self, *words: str, seconds: float = 60) -> str:
        try:
            done = subprocess.run(self.command(*words), cwd=self.directory, capture_output=True, text=True,
                                  timeout=seconds, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as error:
            raise lab.Failed(f"etherloom {words[0]}: not within {seconds:g} s") from error
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise lab.Failed(f"etherloom {words[0]}: {last[-1] if last else f'status {done.returncode}'}")
        return done.stdout

    def timed(self, *words: str, seconds: float = 60) -> float:
        """Milliseconds."""
        begin = time.perf_counter()
        self.run(*words, seconds=seconds)
        return (time.perf_counter() - begin) * 1e3


@contextlib.contextmanager
def prepared(text: str):
    """A lab that is not up yet; it is taken down at the end."""
    place = Lab(text)
    try:
        yield place
    finally:
        subprocess.run(place.command("down"), cwd=place.directory, capture_output=True, timeout=120,
                       stdin=subprocess.DEVNULL)
        shutil.rmtree(place.directory, ignore_errors=True)


@contextlib.contextmanager
def daemon():
    """The daemon, running already as after the first verb of a session."""
    with lab.running([programs.ETHERLOOM, "daemon"]) as process:
        path = f"{os.environ['XDG_RUNTIME_DIR']}/etherloom/daemon"
        lab.until(lambda: programs.is_socket(path), "the daemon", process=process)
        yield process


def mesh(count: int, kind: str = "process", segment: str = "switch", more: str = "") -> str:
    """A lab of so many guests of a kind on one segment."""
    lines = ["name: bench", "segments:", f"  lan: {{kind: {segment}}}", "guests:"]
    for number in range(1, count + 1):
        address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}/8"
        lines.append(f"  g{number}: {{kind: {kind}, interfaces: {{eth0: {{segment: lan, address: {address}}}}}{more}}}")
    return "\n".join(lines) + "\n"


def first_output(with_daemon: bool) -> dict:
    """From `up` to the first output of a command in the guest."""
    with contextlib.ExitStack() as stack:
        if with_daemon:
            stack.enter_context(daemon())
        place = stack.enter_context(prepared(mesh(1)))
        begin = time.perf_counter()
        place.run("up")
        output = place.run("exec", "g1", "--", "echo", "here")
        elapsed = (time.perf_counter() - begin) * 1e3
        if output != "here\n":
            raise lab.Failed(f"exec said {output!r}")
        return {"ms": elapsed}


def many(count: int) -> dict:
    with daemon(), prepared(mesh(count)) as place:
        up = place.timed("up", seconds=120)
        pss = proportional_megabytes()
        if "1 received" not in place.run("exec", "g1", "--", "ping", "-c", "1", "-W", "5",
                                         f"10.0.{count // 256}.{count % 256}"):
            raise lab.Failed(f"g1 does not reach g{count}")
        return {"up_s": up / 1e3, "pss_mb": pss, "down_s": place.timed("down", seconds=120) / 1e3}


def proportional_megabytes() -> float:
    """The memory of all processes that run a program of ours, shared pages divided among who shares them."""
    total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if not os.path.basename(os.readlink(f"/proc/{name}/exe")).startswith("etherloom"):
                continue
            found = re.search(r"^Pss:\s+(\d+)", machine.read(f"/proc/{name}/smaps_rollup"), re.MULTILINE)
            total += int(found.group(1)) if found else 0
    return total / 1024


# What a kernel alone takes to its first line from user space, beside what a guest of ours takes to its first command.
def bare_kernel() -> dict:
    need(KERNEL)
    with lab.running([KERNEL, "mem=128M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
                      "con=null", "con0=fd:0,fd:1", "init=/bin/echo", "--", "here"], output=subprocess.PIPE) as process:
        begin = time.perf_counter()
        for line in process.stdout:
            if b"here" in line:
                return {"ms": (time.perf_counter() - begin) * 1e3}
        raise lab.Failed("the kernel alone said nothing")


def machines(kind: str, count: int, more: str) -> dict:
    need(KERNEL if kind == "uml" else f"{GUESTS}/cloud/vmlinuz")
    with daemon(), prepared(mesh(count, kind, more=more)) as place:
        place.run("master", "create", "--busybox", "master")
        begin = time.perf_counter()
        place.run("up", seconds=180)
        said = place.run("exec", "--all", "--", "echo", "here", seconds=60)
        elapsed = (time.perf_counter() - begin) * 1e3
        if said.count("here") != count:
            raise lab.Failed(f"the guests said {said!r}")
        return {"ms": elapsed}


def need(path: str) -> None:
    if not os.access(path, os.R_OK):
        raise lab.Failed(f"{path} is missing: Scripts/guests")


def moved() -> dict:
    """A link moved under traffic of others: when the guest sees it, and what the others lose."""
    text = mesh(3).replace("guests:", "  other: {}\nguests:")
    with daemon(), prepared(text) as place:
        place.run("up")
        count = "/sys/class/net/eth0/carrier_down_count"
        watcher = subprocess.Popen(
            place.command("exec", "g1", "--", "sh", "-c",
                          f"old=$(cat {count}); echo ready; while [ $(cat {count}) = $old ]; do :; done; echo seen"),
            cwd=place.directory, stdout=subprocess.PIPE, text=True)
        ping = subprocess.Popen(
            place.command("exec", "g2", "--", "ping", "-q", "-i", "0.002", "-c", "500", "10.0.0.3"),
            cwd=place.directory, stdout=subprocess.PIPE, text=True)
        try:
            if watcher.stdout.readline() != "ready\n":
                raise lab.Failed("the guest's carrier cannot be read")
            begin = time.perf_counter()
            move = subprocess.Popen(place.command("link", "move", "g1:eth0", "other"), cwd=place.directory)
            if watcher.stdout.readline() != "seen\n":
                raise lab.Failed("the guest saw nothing")
            seen = (time.perf_counter() - begin) * 1e3
            if move.wait(30) != 0:
                raise lab.Failed("link move failed")
            found = re.search(r"(\d+) packets transmitted, (\d+) received", ping.communicate(timeout=30)[0])
            return {"seen_ms": seen, "lost": int(found.group(1)) - int(found.group(2)) if found else None}
        finally:
            for process in (watcher, ping):
                process.kill()
                process.wait()


def throughput(segment: str, options) -> dict:
    with daemon(), prepared(mesh(2, segment=segment)) as place:
        place.run("up")
        server, client = ([*place.command("exec", "-C", place.directory, guest, "--"), *lab.tuned()]
                          for guest in ("g2", "g1"))
        with lab.running([*server, "iperf3", "-s", "-1"]):
            listening = place.command("exec", "-C", place.directory, "g2", "--", "sh", "-c",
                                      "ss -Hltn sport = 5201 | grep -q .")
            lab.until(lambda: subprocess.run(listening, capture_output=True).returncode == 0, "iperf3 -s")
            return programs.iperf(client, "10.0.0.2", options.seconds)


def kernel_bridge(options) -> dict:
    """The same stacks on a bridge of the kernel's, without us."""
    with lab.namespaces("a", "b"):
        try:
            lab.shell("ip link add br0 type bridge", "ip link set br0 up")
            for index, side in enumerate("ab", 1):
                lab.shell(f"ip link add {side}0 type veth peer name eth0 netns {side}", f"ip link set {side}0 master br0 up")
                lab.shell("ip link set eth0 up", f"ip address add 10.0.0.{index}/8 dev eth0", namespace=side)
            with programs.iperf_server("b"):
                return programs.iperf(lab.within("a"), "10.0.0.2", options.seconds)
        finally:
            lab.remove_interface("br0")


UML = f", kernel: {KERNEL}, memory: 128M, master: master"
QEMU = f", kernel: {GUESTS}/cloud/vmlinuz, memory: 256M, master: master"


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {
        "first output, daemon": lambda: first_output(True),
        "first output, alone": lambda: first_output(False),
        "100 guests": lambda: many(100),
        "300 guests": lambda: many(300),
        "bare kernel": bare_kernel,
        "1 uml": lambda: machines("uml", 1, UML),
        "8 uml": lambda: machines("uml", 8, UML),
        "1 qemu": lambda: machines("qemu", 1, QEMU),
        "move": moved,
        "switch": lambda: throughput("switch", options),
        "bridge": lambda: throughput("bridge", options),
        "kernel's bridge": lambda: kernel_bridge(options),
    }, options)
    result.fixed("up to first output, daemon running", "first output, daemon", "ms", most=60, unit="ms")
    result.fixed("up to first output, without", "first output, alone", "ms", most=150, unit="ms")
    for count, up, down in ((100, 1.5, 0.5), (300, 5.0, None)):
        result.fixed(f"{count} guests on one segment: up", f"{count} guests", "up_s", most=up, unit="s")
        result.fixed(f"{count} guests: down", f"{count} guests", "down_s", most=down, unit="s")
        result.fixed(f"{count} guests: memory of ours", f"{count} guests", "pss_mb", most=60 if count == 100 else None,
                     unit="MB")
    ours, bare = result.median("1 uml", "ms"), result.median("bare kernel", "ms")
    if ours is not None and bare is not None:
        result.raw["over bare"] = [{"ms": ours - bare}]
        result.fixed("UML to first command, over its bare kernel", "over bare", "ms", most=300, unit="ms",
                     note=f"{report.number(ours)} and {report.number(bare)} ms")
    result.fixed("eight UML guests", "8 uml", "ms", most=4000, unit="ms")
    result.fixed("QEMU guest by emulation to first command", "1 qemu", "ms", most=6000, unit="ms")
    result.fixed("link move: the guest sees it", "move", "seen_ms", most=50, unit="ms")
    result.fixed("link move: frames lost on other ports", "move", "lost", most=0)
    result.compare("TCP between guests by the switch", "switch", "gbps", peer="kernel's bridge", least=0.7, unit="Gb/s")
    result.compare("TCP between guests by a bridge", "bridge", "gbps", peer="kernel's bridge", least=0.95, unit="Gb/s")
    return result
