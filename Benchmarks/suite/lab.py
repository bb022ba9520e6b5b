# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""The laboratory: namespaces that belong to this run, and the processes in them.

The program starts itself again in new process, mount and network namespaces (and a user namespace, for an ordinary
user). The new process is number 1 there: when it ends, the kernel ends every process and every namespace of the run,
also after SIGKILL. /run is a memory file system of the run, so that no socket file outlives it either.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

INSIDE = "ETHERLOOM_BENCH_INSIDE"
# Where the switches' directories go. AF_UNIX paths end at 108 bytes: keep it short.
RUN = "/run/bench"
# The address that the measuring "host" owns, and a router that is not there.
HOST = "192.168.0.100"
ROUTER = "192.168.0.1"
CONGESTION_CONTROL = "reno"
# What decides TCP's behaviour in a network namespace, set before any socket is made there: a socket that was made for
# bbr goes on pacing when it is told to use another congestion control. Buffer limits are the kernel's own defaults.
TUNING = f"""
echo {CONGESTION_CONTROL} > /proc/sys/net/ipv4/tcp_congestion_control &&
echo 4096 131072 6291456 > /proc/sys/net/ipv4/tcp_rmem &&
echo 4096 16384 4194304 > /proc/sys/net/ipv4/tcp_wmem"""


class Impossible(Exception):
    """This machine cannot do the measurement; the text says why and what would help."""


class Failed(Exception):
    """One measurement failed; the others go on."""


def enter() -> None:
    """Goes on in namespaces of this run's own; returns inside of them."""
    if os.environ.get(INSIDE) != str(os.getpid()):
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
        if os.geteuid() != 0:
            command += ["--user", "--map-root-user"]
        # Its number in the new namespace is always 1.
        environment = dict(os.environ, **{INSIDE: "1"})
        # Where ip and ethtool live is not on every user's path.
        environment["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
        try:
            os.execvpe(command[0], command + [sys.executable] + sys.argv, environment)
        except OSError as error:
            raise Impossible(f"unshare: {error.strerror}; package util-linux") from error
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    _prepare()


def _prepare() -> None:
    shell("mount -t tmpfs -o mode=0755 tmpfs /run")
    for directory in (RUN, "/run/netns", "/run/lock", "/run/user"):
        os.makedirs(directory)
    os.chmod(RUN, 0o755)
    os.environ["XDG_RUNTIME_DIR"] = "/run/user"
    shell(TUNING, "ip link set lo up")
    # pasta asks for an interface with a default route; nothing is ever sent through this one. A pair, because not every
    # kernel has dummy interfaces.
    shell("ip link add ext0 type veth peer name ext1", "ip link set ext1 up", f"ip address add {HOST}/24 dev ext0",
          "ip link set ext0 up", f"ip route add default via {ROUTER}")


def shell(*lines: str, namespace: str | None = None) -> None:
    """Runs lines of shell, each of which must succeed."""
    for line in lines:
        done = subprocess.run(within(namespace) + ["sh", "-c", line], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{line}: {done.stderr.strip() or f'status {done.returncode}'}")


def within(namespace: str | None) -> list[str]:
    """What to put before a command so that it runs in a network namespace."""
    return ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []


@contextlib.contextmanager
def namespaces(*names: str):
    """Network namespaces with loopback up, removed at the end."""
    made = []
    try:
        for name in names:
            shell(f"ip netns add {name}")
            made.append(name)
            shell(TUNING, "ip link set lo up", namespace=name)
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def tuned(*preparation: str) -> list[str]:
    """What to put before a command so that its network namespace, made by somebody else, is set up like ours."""
    return ["sh", "-c", " && ".join([TUNING.strip(), *preparation, 'exec "$@"']), "sh"]


def remove_interface(name: str) -> None:
    """Removes an interface of this namespace, if it is still there."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True)


def until(condition, what: str, seconds: float = 10.0, process: subprocess.Popen | None = None):
    """Waits until `condition()` is true and returns it. Fails early when `process` ends."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: the process ended with status {process.returncode}{last_words(process)}")
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(0.005)


def last_words(process: subprocess.Popen) -> str:
    """The last line that an ended process wrote to its log."""
    with contextlib.suppress(OSError, AttributeError):
        with open(process.log_path, encoding="utf-8", errors="replace") as log:
            lines = [line for line in log.read().strip().splitlines() if not re.fullmatch(r"[=\d ]*", line)]
            return f": {lines[-1]}" if lines else ""
    return ""


_serial = 0


@contextlib.contextmanager
def running(command: list[str], *, cpu: int | None = None, namespace: str | None = None, output=None):
    """A process, ended when the block ends. Its standard input is a pipe that stays open: switches leave at its end."""
    global _serial
    _serial += 1
    path = f"{RUN}/{_serial}.log"
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None and (os.cpu_count() or 1) > cpu else []
    with open(path, "wb") as log:
        try:
            process = subprocess.Popen(
                within(namespace) + pinned + command, stdin=subprocess.PIPE, stdout=output or log, stderr=log)
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from error
    process.log_path = path
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """Ends a process: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def fresh_directory(name: str) -> str:
    """A path under the run's directory that does not exist yet."""
    global _serial
    _serial += 1
    return f"{RUN}/{name}{_serial}"
