# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""The programs that are measured: ours, and the peers'. Each is a context that is ready when it is entered."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess

from . import lab

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _find(variable: str, *places: str) -> str:
    """A program of ours: as the environment says, else the first place where there is one."""
    candidates = [os.environ.get(variable, "")] + [os.path.join(ROOT, place) for place in places]
    return next((path for path in candidates if path and os.access(path, os.X_OK)), os.path.join(ROOT, places[0]))


ETHERLOOM = _find("ETHERLOOM_BINARY", "build/etherloom", ".build/release/etherloom")
UNSTRIPPED = _find("ETHERLOOM_UNSTRIPPED", "build/etherloom.unstripped", ".build/release/etherloom")
SWBENCH = _find("SWBENCH", ".build/release/swbench")

# The processor of the switch; generator and sink are on number 0.
SWITCH_CPU = 1


def built() -> bool:
    return os.access(ETHERLOOM, os.X_OK)


def is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


@contextlib.contextmanager
def switch(kind: str, *arguments: str, cpu: int | None = SWITCH_CPU, namespace: str | None = None):
    """A running switch, "etherloom" or "vde_switch": its process and its directory."""
    if kind == "etherloom" and not built():
        raise lab.Failed("etherloom is not built")
    directory = lab.fresh_directory("sw")
    if kind == "etherloom":
        command = [ETHERLOOM, "switch", "-s", directory, "-M", directory + ".mgmt"]
    else:
        command = ["vde_switch", "-s", directory, "-M", directory + ".mgmt"]
    # As many ports as the largest measurement wants; the default of both is 32.
    with lab.running(command + ["-n", "256", *arguments], cpu=cpu, namespace=namespace) as process:
        lab.until(lambda: all(map(is_socket, (directory + "/ctl", directory + ".mgmt"))), command[0], process=process)
        yield process, directory


@contextlib.contextmanager
def relay():
    """The least that a switch can be (swbench relay), for two clients: its process and its directory."""
    directory = lab.fresh_directory("relay")
    with lab.running([SWBENCH, "relay", "--sock", directory], cpu=SWITCH_CPU) as process:
        lab.until(lambda: is_socket(directory + "/ctl"), "swbench relay", process=process)
        yield process, directory


@contextlib.contextmanager
def stream_switch():
    """Our switch with two stream ports that listen: its process and their paths."""
    directory = lab.fresh_directory("st")
    paths = [f"{directory}.stream{number}" for number in (1, 2)]
    ports = [word for path in paths for word in ("--port", f"stream://{path}[listen]")]
    with switch("etherloom", *ports) as (process, _):
        lab.until(lambda: all(is_socket(path) for path in paths), "stream ports", process=process)
        yield process, paths


@contextlib.contextmanager
def filter(upstream: str, *arguments: str, cpu: int | None = SWITCH_CPU):
    """A running filter between a network and its directory: its process and the directory."""
    if not built():
        raise lab.Failed("etherloom is not built")
    directory = lab.fresh_directory("fi")
    command = [ETHERLOOM, "filter", upstream, directory, "--quiet", *arguments]
    with lab.running(command, cpu=cpu) as process:
        lab.until(lambda: is_socket(directory + "/ctl"), "filter", process=process)
        yield process, directory


@contextlib.contextmanager
def multiplexer(crowd: int):
    """A multiplexer with the interfaces "gen" and "sink", and so many more whose clients each want one station's frames."""
    with contextlib.ExitStack() as stack:
        process, directory = stack.enter_context(switch(
            "etherloom", "--multiplexer", "--interface", "gen", "--interface", "sink"))
        lab.until(lambda: is_socket(directory + "/sink"), "the interfaces", process=process)
        for number in range(crowd):
            stack.enter_context(attach(directory, f"guest{number}", 0x02_47_00_00_00_00 + number))
        yield process, f"{directory}/gen,{directory}/sink"


# Documentation/Attach.md.
ATTACH_MAGIC = 0x54414C45


def attach(directory: str, name: str, station: int) -> socket.socket:
    """An interface of a multiplexer of ours whose client wants frames for one station only: the connection that keeps it."""
    low, high = station & 0xFFFFFFFF, station >> 32
    # ether dst host STATION, as libpcap compiles it.
    program = ((0x20, 0, 0, 2), (0x15, 0, 3, low), (0x28, 0, 0, 0), (0x15, 0, 1, high), (6, 0, 0, 262144), (6, 0, 0, 0))
    fields = {1: name.encode(), 3: struct.pack("<I", 2), 4: struct.pack("<I", 31),
              6: struct.pack("<II", 1, 0) + b"".join(struct.pack("<HBBI", *instruction) for instruction in program)}
    message = struct.pack("<IHH", ATTACH_MAGIC, 1, 1)
    for tag, value in fields.items():
        message += struct.pack("<HH", tag, len(value)) + value
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(5)
    connection.connect(directory + "/attach")
    connection.send(message)
    answer, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
    if not descriptors:
        raise lab.Failed(f"{name} was not attached: {answer!r}")
    # The channel stays open as long as the process: nobody reads it, for nothing comes.
    return connection


@contextlib.contextmanager
def vhost_switch():
    """Our switch with two vhost-user ports that listen: its process and their paths."""
    directory = lab.fresh_directory("vh")
    paths = [f"{directory}.vhost{number}" for number in (1, 2)]
    ports = [word for path in paths for word in ("--port", f"vhost://{path}")]
    with switch("etherloom", *ports) as (process, _):
        lab.until(lambda: all(is_socket(path) for path in paths), "vhost-user ports", process=process)
        yield process, paths


def console(directory: str, command: str) -> str:
    """What the switch's management console answers to one command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(5)
        try:
            stream.connect(directory + ".mgmt")
            stream.sendall(command.encode() + b"\n")
            text = b""
            # A result line has a number from 1000 on and ends the answer; without data it stands behind the prompt.
            while not re.search(rb"(^|\$ )1\d\d\d .*\n", text, re.MULTILINE):
                part = stream.recv(65536)
                if not part:
                    break
                text += part
        except OSError as error:
            raise lab.Failed(f"console: {error}") from error
    return text.decode(errors="replace")


def until_port(directory: str, count: int, process: subprocess.Popen) -> None:
    """Waits until a switch has `count` endpoints, the last of which `process` brings."""
    def attached() -> bool:
        return len(re.findall(r"endpoint ID", console(directory, "port/print"))) >= count
    lab.until(attached, process.args[-1] if process.args[0] == "taskset" else process.args[0], process=process)


def swbench(*arguments, timeout: float = 120) -> dict:
    """One measurement by swbench: its figures."""
    if not os.access(SWBENCH, os.X_OK):
        raise lab.Impossible(f"{SWBENCH} is missing: swift build -c release --product swbench")
    command = [SWBENCH] + [str(argument) for argument in arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise lab.Failed(f"swbench {arguments[0]}: nothing within {timeout:g} s") from error
    if done.returncode != 0:
        raise lab.Failed(done.stderr.strip().splitlines()[0] if done.stderr.strip() else f"status {done.returncode}")
    return json.loads(done.stdout)


def _listening(process: subprocess.Popen, port: int) -> bool:
    """Whether something listens on a TCP port in the network namespace of a process."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/net/{table}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == "0A":
                    return True
    return False


@contextlib.contextmanager
def iperf_server(namespace: str | None = None, port: int = 5201):
    """An iperf3 server for one test."""
    with lab.running(["iperf3", "-s", "-1", "-p", str(port)], namespace=namespace) as process:
        lab.until(lambda: _listening(process, port), "iperf3 -s", process=process)
        yield process


def iperf(prefix: list[str], address: str, seconds: float, *, reverse: bool = False, port: int = 5201) -> dict:
    """One TCP stream from where `prefix` runs a command: Gb/s that arrived, and how many segments were sent again."""
    length = max(1, round(seconds))
    command = prefix + ["iperf3", "-J", "-c", address, "-p", str(port), "-t", str(length)]
    command += ["-C", lab.CONGESTION_CONTROL, "--connect-timeout", "5000"] + (["-R"] if reverse else [])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as client:
        try:
            out, err = client.communicate(timeout=length + 5)
        except subprocess.TimeoutExpired:
            # iperf3 then prints what it knows.
            client.send_signal(signal.SIGINT)
            try:
                out, err = client.communicate(timeout=5)
            except subprocess.TimeoutExpired as error:
                client.kill()
                client.wait()
                raise lab.Failed("iperf3 hangs") from error
    try:
        result = json.loads(out)
    except ValueError as error:
        words = (err or out).strip().splitlines()
        raise lab.Failed(f"iperf3: {words[-1] if words else f'status {client.returncode}'}") from error
    return _figures(result, length)


def _figures(result: dict, length: int) -> dict:
    end = result.get("end", {})
    control = end.get("sender_tcp_congestion", lab.CONGESTION_CONTROL)
    if control != lab.CONGESTION_CONTROL:
        raise lab.Failed(f"iperf3: congestion control is {control}")
    if "error" not in result:
        return {"gbps": end["sum_received"]["bits_per_second"] / 1e9,
                "retransmits": end["sum_sent"].get("retransmits", 0)}
    # The path died before the result was exchanged. All that the client sent or got counts in the path's favour, as if
    # none of it had been lost.
    total = end.get("sum_received" if result["start"]["test_start"]["reverse"] else "sum_sent", {})
    if not total.get("bytes"):
        raise lab.Failed(f"iperf3: {result['error']}")
    return {"gbps": total["bytes"] * 8 / length / 1e9, "retransmits": total.get("retransmits", 0), "died": True}
