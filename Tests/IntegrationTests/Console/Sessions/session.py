#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Plays a script of console sessions and VDE clients to a switch, and prints what the switch said.

    session.py [--program vde_switch] SCRIPT > TRANSCRIPT
    session.py --record DIRECTORY [PROGRAM ENDING]
                              every SCRIPT.script there into SCRIPT.transcript, with Debian's vde_switch

A script has one step a line:

    switch OPTION…            how the switch is started; the first step (the sockets' options are added)
    file NAME TEXT            a file that commands can name as $DIR/NAME; "\\n" in the text begins a new line
    console NAME              opens a session
    NAME: LINE                sends a line there and prints what comes up to the next prompt ("\\t", "\\xNN", "\\0" work)
    events NAME [COUNT]       prints COUNT lines that come unasked, or shows that none comes
    close NAME                closes a session
    attach NAME [port=N] [command=N] [user=N] [descr=TEXT]
                              a VDE client; prints the port that it got, or that it was refused
    send NAME DST SRC [tag=N] [size=N]
                              a frame from a client (two digits name an address), and waits until the switch has it
    receive NAME              what the client has got since the last time
    detach NAME               ends a client, and waits until the switch has seen it
    stop SIGNAL               ends the switch by a signal; prints its exit status and what it left

What differs from run to run is masked: numbers of processes and descriptors, the switch's address, times, paths; so are the
product's name, and commands that the original does not have, in what help lists.
"""
import glob
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE = 20.0
QUIET = 0.3


# What Debian's vde_switch lists.
COMMANDS = set(
    """
    COMMAND ------------ ds ds/showinfo help logout shutdown showinfo load debug debug/list debug/add debug/del plugin
    plugin/list plugin/add plugin/del hash hash/showinfo hash/setsize hash/setgcint hash/setexpire hash/setminper hash/print
    hash/find fstp fstp/showinfo fstp/setfstp fstp/setedge fstp/bonus fstp/print port port/showinfo port/setnumports
    port/sethub port/setvlan port/createauto port/create port/remove port/allocatable port/setuser port/setgroup
    port/epclose port/resetcounter port/print port/allprint vlan vlan/create vlan/remove vlan/addport vlan/delport
    vlan/print vlan/allprint dump dump/active pdump pdump/active pdump/filename pdump/buffered iplog iplog/showinfo
    iplog/logfile iplog/ipadd iplog/ipdel iplog/list iplog/setgcint iplog/setexpire iplog/iplist iplog/ipport iplog/ipuser
    iplog/ipsearch
    """.split()
)


def unescape(text):
    out = bytearray()
    raw = text.encode()
    i = 0
    while i < len(raw):
        if raw[i : i + 1] == b"\\" and i + 1 < len(raw):
            kind = raw[i + 1 : i + 2]
            if kind == b"x":
                out.append(int(raw[i + 2 : i + 4], 16))
                i += 4
                continue
            out += {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"s": b" ", b"\\": b"\\"}[kind]
            i += 2
            continue
        out.append(raw[i])
        i += 1
    return bytes(out)


def address(text):
    return bytes([2, 0, 0, 0, 0, int(text, 16)]) if len(text) == 2 else bytes.fromhex(text.replace(":", ""))


class Client:
    """A client of VDE's protocol, version 3."""

    count = 0

    def __init__(self, play, name, words):
        self.name = name
        options = dict(word.split("=", 1) for word in words)
        user = int(options.get("user", os.geteuid()))
        Client.count += 1
        self.path = f"{play.folder}/.c{Client.count}"
        own = os.geteuid()
        if user != own:
            os.seteuid(user)
        try:
            self.data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.data.bind(self.path)
            self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.control.settimeout(PATIENCE)
            self.control.connect(play.switch + "/ctl")
        finally:
            if user != own:
                os.seteuid(own)
        port, command = int(options.get("port", 0)), int(options.get("command", 0))
        name_bytes = self.path.encode().ljust(108, b"\0")
        description = options.get("descr", name).replace("_", " ").encode()
        request = struct.pack("<III", 0xFEEDFACE, 3, port << 8 | command) + struct.pack("<H", 1) + name_bytes
        self.control.send(request + description)
        self.port = None
        # A refusal is a close; Debian's leaves some clients without an answer for ever.
        self.control.settimeout(1.0)
        try:
            reply = self.control.recv(4096)
        except (socket.timeout, ConnectionError):
            reply = b""
        if len(reply) == 110:
            target = reply[2:].split(b"\0")[0].decode()
            base = target.rsplit("/", 1)[1]
            self.port = int(base.split(".")[0])
            self.data.connect(target)
        else:
            self.close()

    def received(self):
        frames = []
        while select.select([self.data], [], [], QUIET)[0]:
            frame = self.data.recv(65536)
            if not frame:
                break
            frames.append(frame)
        return frames

    def close(self):
        self.control.close()
        self.data.close()
        try:
            os.unlink(self.path)
        except OSError:
            pass


class Session:
    """A connection to the console."""

    prompt = b"vde$ "

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.rest = b""

    def more(self, seconds):
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""

    def until_prompt(self):
        text = self.rest
        self.rest = b""
        while self.prompt not in text:
            part = self.more(PATIENCE)
            if part is None:
                return text + b"(nothing more comes)\n"
            if part == b"":
                return text + b"(closed)\n"
            text += part
        end = text.index(self.prompt) + len(self.prompt)
        text, self.rest = text[:end], text[end:]
        return text

    def events(self, count):
        text = self.rest
        self.rest = b""
        while text.count(b"\n") < count:
            part = self.more(PATIENCE)
            if not part:
                break
            text += part
        part = self.more(QUIET)
        if part is not None:
            text += part if part else b"(closed)\n"
        return text


class Play:
    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="vs", dir="/tmp")
        os.chmod(self.folder, 0o777)
        self.switch = self.folder + "/sw"
        self.console = self.folder + "/mgmt"
        self.process = None
        self.sessions, self.clients, self.numbers = {}, {}, {}
        self.output = []

    def start(self, words):
        command = [self.program, "-s", self.switch, "-M", self.console, "-m", "0666", "--dirmode", "0777"]
        self.process = subprocess.Popen(
            command + [self.expand(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.folder},
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                Session(self.console).socket.close()
                break
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.program} ended with {self.process.returncode}")
                if time.monotonic() > deadline:
                    raise SystemExit(f"{self.program} does not listen")
                time.sleep(0.01)

    def expand(self, text):
        text = text.replace("$DIR", self.folder)
        for name, number in self.numbers.items():
            text = text.replace("{" + name + "}", str(number))
        return text

    def mask(self, data):
        text = data.decode(errors="backslashreplace").replace("\0", "\\0")
        text = text.replace(self.folder, "$DIR")
        text = re.sub(r"(endpoint ID )\d+", r"\1#", text)
        text = re.sub(r"(Port \d\d FD) +\d+", r"\1 #", text)
        text = re.sub(r"\bpid \d+ MAC \S+ uptime \d+", "pid # MAC # uptime #", text)
        text = re.sub(r"MAC 00:ff:\S+ Priority", "MAC # Priority", text)
        text = re.sub(r"80:00:00:ff:[0-9a-f:]{11}", "80:00:#", text)
        text = re.sub(r"  age \d+ secs", "  age # secs", text)
        # Places in the table are the table's own affair, and so is the order that follows from them.
        text = re.sub(r"Hash: \d+ ", "Hash: # ", text)
        text = re.sub(r"(VDE|Etherloom) switch V\.\S+\n\(C\).*\n", "product\ncopyright\n", text)
        lines = text.split("\n")
        if "COMMAND PATH       SYNTAX          HELP" in lines:
            begin, end = lines.index("COMMAND PATH       SYNTAX          HELP"), lines.index(".")
            listed = [line for line in lines[begin:end] if line.split(" ")[0] in COMMANDS]
            lines = lines[:begin] + listed + lines[end:]
        hashes = iter(sorted(line for line in lines if line.startswith("Hash: ")))
        text = "\n".join(next(hashes) if line.startswith("Hash: ") else line for line in lines)
        return text

    def show(self, text):
        self.output.append(text)

    def settle(self):
        """Waits until the switch has handled what clients did before: it then answers on a new session."""
        session = Session(self.console)
        session.until_prompt()
        session.socket.send(b"port/showinfo\n")
        session.until_prompt()
        session.socket.close()
        time.sleep(0.02)

    def identifier(self, port):
        """The number of the newest endpoint of a port, which is the first one listed."""
        session = Session(self.console)
        session.until_prompt()
        session.socket.send(f"port/print {port}\n".encode())
        text = session.until_prompt().decode(errors="replace")
        session.socket.close()
        self.settle()
        return int(re.search(r"endpoint ID 0*(\d+)", text).group(1))

    def step(self, line):
        if not line.strip() or line.startswith("#"):
            return
        match = re.match(r"(\w+):(?: (.*))?$", line)
        if match and match.group(1) in self.sessions:
            session = self.sessions[match.group(1)]
            session.socket.send(unescape(self.expand(match.group(2) or "")) + b"\n")
            self.show(">>> " + line + "\n" + self.mask(session.until_prompt()))
            return
        words = line.split()
        verb, rest = words[0], words[1:]
        if verb == "switch":
            self.start(rest)
            self.show(">>> " + line)
        elif verb == "file":
            with open(f"{self.folder}/{rest[0]}", "wb") as file:
                file.write(unescape(self.expand(line.split(" ", 2)[2])))
            self.show(">>> " + line)
        elif verb == "console":
            session = self.sessions[rest[0]] = Session(self.console)
            greeting = self.mask(session.until_prompt()).split("\n")
            # Product and copyright are not the same.
            self.show(">>> " + line + "\n" + "\n".join(greeting[2:]))
        elif verb == "events":
            count = int(rest[1]) if len(rest) > 1 else 0
            self.show(">>> " + line + "\n" + self.mask(self.sessions[rest[0]].events(count)))
        elif verb == "close":
            self.sessions.pop(rest[0]).socket.close()
            self.settle()
            self.show(">>> " + line)
        elif verb == "attach":
            client = Client(self, rest[0], rest[1:])
            if client.port is None:
                self.show(">>> " + line + "\nrefused")
            else:
                self.clients[rest[0]] = client
                self.numbers[rest[0]] = self.identifier(client.port)
                self.show(">>> " + line + f"\nport {client.port}")
        elif verb == "send":
            options = dict(word.split("=", 1) for word in rest[3:])
            frame = address(rest[1]) + address(rest[2])
            if "tag" in options:
                frame += b"\x81\x00" + struct.pack(">H", int(options["tag"]))
            frame += b"\x88\xb5"
            frame = frame.ljust(int(options.get("size", 60)), b"\x2a")
            self.clients[rest[0]].data.send(frame)
            self.settle()
            self.show(">>> " + line)
        elif verb == "receive":
            shown = "".join(f"{len(frame)} bytes {frame[:18].hex(' ')}\n" for frame in self.clients[rest[0]].received())
            self.show(">>> " + line + "\n" + shown)
        elif verb == "detach":
            if rest[0] in self.clients:
                self.clients.pop(rest[0]).close()
            self.settle()
            self.show(">>> " + line)
        elif verb == "stop":
            self.process.send_signal(getattr(signal, rest[0]))
            status = self.process.wait(PATIENCE)
            left = [name for name in ("sw", "mgmt") if os.path.exists(f"{self.folder}/{name}")]
            self.show(">>> " + line + f"\nstatus {status} left {left}")
        elif verb == "wait":
            time.sleep(float(rest[0]))
            self.show(">>> " + line)
        else:
            raise SystemExit(f"no such step: {line}")

    def run(self, path):
        try:
            with open(path, encoding="utf-8") as script:
                for line in script:
                    self.step(line.rstrip("\n"))
        finally:
            for client in self.clients.values():
                client.close()
            if self.process and self.process.poll() is None:
                self.process.terminate()
                self.process.wait()
            shutil.rmtree(self.folder, ignore_errors=True)
        # Blanks at line ends are shown, because editors take them away.
        text = "\n".join(part.rstrip("\n") for part in self.output) + "\n"
        return re.sub(r" +$", lambda blanks: "␠" * len(blanks.group()), text, flags=re.M)


def main():
    words = sys.argv[1:]
    if words and words[0] == "--record":
        program, ending = words[2:4] or ("vde_switch", ".transcript")
        for path in sorted(glob.glob(f"{words[1]}/*.script")):
            with open(path.removesuffix(".script") + ending, "w", encoding="utf-8") as file:
                file.write(Play(program).run(path))
        return
    program = "vde_switch"
    if words and words[0] == "--program":
        program = words[1]
        words = words[2:]
    sys.stdout.write(Play(program).run(words[0]))


if __name__ == "__main__":
    main()
