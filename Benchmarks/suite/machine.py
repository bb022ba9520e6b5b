# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Facts about the machine, and waiting until it has nothing else to do."""

import os
import platform
import re
import subprocess
import sys
import time

from . import lab, programs

# Part of all processors' time that must be idle before a measurement begins, and how long that may be waited for.
IDLE = 0.90
PATIENCE = 60.0
# The same on a machine that has not become idle in that time: it has other things to do, and this run will say so.
SHORT_PATIENCE = 5.0


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def is_real_root() -> bool:
    """Root of the machine, not only of a user namespace: every user is mapped to itself."""
    return os.geteuid() == 0 and read("/proc/self/uid_map").split() == ["0", "0", "4294967295"]


def has_interface(name: str, process_id: int | str = "self") -> bool:
    """Whether the network namespace of a process has an interface (/sys shows another namespace's)."""
    return re.search(rf"^\s*{re.escape(name)}:", read(f"/proc/{process_id}/net/dev"), re.MULTILINE) is not None


def version(command: list[str], pattern: str) -> str:
    """The first match of `pattern` in what a program says of its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "missing"
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def package(name: str) -> str:
    """Version of a Debian package."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else "missing"


def memory_cgroup() -> tuple[str, str]:
    """The memory controller's mount point, and this process's cgroup below it; two empty texts when there is none."""
    for line in read("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return "/sys/fs/cgroup/memory", path
        if number == "0" and "memory" in read("/sys/fs/cgroup/cgroup.controllers").split():
            return "/sys/fs/cgroup", path
    return "", ""


def leave_memory_cgroup() -> None:
    """Goes on in the root memory cgroup: nothing is charged to it."""
    mount, path = memory_cgroup()
    if path in ("", "/"):
        return
    try:
        with open(f"{mount}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    except OSError as error:
        raise lab.Impossible(f"{mount}/cgroup.procs: {error.strerror}; --uncharged is for root") from error


def conditions() -> dict:
    """What has to be known to compare this run with another one."""
    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    return {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "processor": model.group(1) if model else "unknown",
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "mtu": 1500,
        "max_dgram_qlen": read("/proc/sys/net/unix/max_dgram_qlen"),
        "wmem_default": read("/proc/sys/net/core/wmem_default"),
        "memory_is_charged": memory_cgroup()[1] not in ("", "/"),
        "tcp_rmem": read("/proc/sys/net/ipv4/tcp_rmem"),
        "tcp_wmem": read("/proc/sys/net/ipv4/tcp_wmem"),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "etherloom": version([programs.ETHERLOOM, "--version"], r"(\S+)\s*$") if programs.built() else "not built",
        "peers": {
            "vde_switch": package("vde-switch"),
            "slirpvde, vde_plug2tap": package("vde2"),
            "slirp4netns": package("slirp4netns"),
            "pasta": package("passt"),
            "iperf3": package("iperf3"),
            "valgrind": package("valgrind"),
        },
    }


def processor_ticks() -> tuple[int, int]:
    """Busy and total ticks of all processors since the machine started."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


class Busy:
    """How much of the machine was busy between making this and asking, in processors."""

    def __init__(self):
        self.before = processor_ticks()

    def processors(self) -> float:
        after = processor_ticks()
        total = after[1] - self.before[1]
        return (after[0] - self.before[0]) / total * (os.cpu_count() or 1) if total else 0.0


_patience = PATIENCE


def wait_until_idle(options) -> bool:
    """Waits until the machine is idle; False when it did not become so in time."""
    if options.no_wait:
        return True
    global _patience
    deadline = time.monotonic() + _patience
    count = os.cpu_count() or 1
    while True:
        busy = Busy()
        # An idle share is a share of some time: this is the time that is looked at.
        time.sleep(0.2)
        if busy.processors() <= count * (1 - IDLE):
            _patience = PATIENCE
            return True
        if time.monotonic() > deadline:
            if _patience == PATIENCE:
                print("  (the machine does not become idle; measuring anyway)", file=sys.stderr)
            _patience = SHORT_PATIENCE
            return False


def processor_seconds(process_id: int) -> float:
    """Processor time that a process has used, by its own clock (clock_getcpuclockid(3)), in seconds."""
    try:
        return time.clock_gettime((~process_id << 3) | 2)
    except OSError as error:
        raise lab.Failed(f"process {process_id} is gone") from error


def context_switches(process_id: int) -> int:
    """How often the threads of a process have given up or lost the processor."""
    total = 0
    for task in os.listdir(f"/proc/{process_id}/task"):
        for count in re.findall(r"ctxt_switches:\s*(\d+)", read(f"/proc/{process_id}/task/{task}/status")):
            total += int(count)
    return total


def resident_kilobytes(process_id: int) -> int:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s*(\d+)", read(f"/proc/{process_id}/status"))
    if not found:
        raise lab.Failed(f"process {process_id} is gone")
    return int(found.group(1))
