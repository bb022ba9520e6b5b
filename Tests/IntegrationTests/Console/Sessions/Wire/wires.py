#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Plays a script of sessions with a wire's console, and prints what the wire said.

    wires.py [--program wirefilter] SCRIPT > TRANSCRIPT
    wires.py --record DIRECTORY [PROGRAM ENDING]
                              every SCRIPT.script there into SCRIPT.transcript, with Debian's wirefilter

The wire is between two of Debian's switches. Scripts are as those of session.py, with other steps:

    wire OPTION…              how the wire is started (the sockets' options are added)
    file NAME TEXT            a file that commands and options can name as $DIR/NAME; "\\n" in the text begins a new line
    console NAME              opens a session
    NAME: LINE                sends a line there and prints what comes up to the next prompt
    ends NAME: LINE           sends a line there and prints what comes up to the end of the stream
    events NAME [COUNT]       prints COUNT lines that come unasked, or shows that none comes
    close NAME                closes a session
    stop SIGNAL               ends the wire by a signal
    status                    waits for the wire's end, and prints its exit status and what it left
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import session as sessions  # noqa: E402


class Session(sessions.Session):
    prompt = b"VDEwf$ "

    def to_end(self):
        text, self.rest = self.rest, b""
        while True:
            part = self.more(sessions.PATIENCE)
            if part is None:
                return text + b"(nothing more comes)\n"
            if part == b"":
                return text + b"\n(closed)\n"
            text += part


class Play:
    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="ws", dir="/tmp")
        self.console = self.folder + "/mgmt"
        self.wire, self.switches = None, []
        self.sessions = {}
        self.output = []

    def show(self, text):
        self.output.append(text)

    def mask(self, data):
        text = data.decode(errors="backslashreplace").replace(self.folder, "$DIR")
        return re.sub(r"(VDE wirefilter|Etherloom wire) V\.\S+\n\(C\).*\n", "product\ncopyright\n", text)

    def wait_for(self, what, process, condition):
        deadline = time.monotonic() + sessions.PATIENCE
        while not condition():
            if process.poll() is not None:
                raise SystemExit(f"{what} ended with {process.returncode}")
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} is not ready")
            time.sleep(0.01)

    def listens(self):
        try:
            Session(self.console).socket.close()
            return True
        except OSError:
            return False

    def begin(self, words):
        quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        for name in "ab":
            directory = f"{self.folder}/{name}"
            self.switches.append(subprocess.Popen(["vde_switch", "-s", directory], **quiet))
            self.wait_for("vde_switch", self.switches[-1], lambda: os.path.exists(directory + "/ctl"))
        command = [self.program, "-v", f"{self.folder}/a:{self.folder}/b", "-M", self.console]
        self.wire = subprocess.Popen(command + [word.replace("$DIR", self.folder) for word in words], **quiet)
        self.wait_for(self.program, self.wire, self.listens)

    def step(self, line):
        if not line.strip() or line.startswith("#"):
            return
        match = re.match(r"(ends )?(\w+):(?: (.*))?$", line)
        if match and match.group(2) in self.sessions:
            session = self.sessions[match.group(2)]
            text = (match.group(3) or "").replace("$DIR", self.folder)
            session.socket.send(sessions.unescape(text) + b"\n")
            answer = session.to_end() if match.group(1) else session.until_prompt()
            self.show(">>> " + line + "\n" + self.mask(answer))
            return
        words = line.split()
        verb, rest = words[0], words[1:]
        if verb == "wire":
            self.begin(rest)
            self.show(">>> " + line)
        elif verb == "file":
            with open(f"{self.folder}/{rest[0]}", "wb") as file:
                file.write(sessions.unescape(line.split(" ", 2)[2].replace("$DIR", self.folder)))
            self.show(">>> " + line)
        elif verb == "console":
            session = self.sessions[rest[0]] = Session(self.console)
            self.show(">>> " + line + "\n" + self.mask(session.until_prompt()))
        elif verb == "events":
            count = int(rest[1]) if len(rest) > 1 else 0
            self.show(">>> " + line + "\n" + self.mask(self.sessions[rest[0]].events(count)))
        elif verb == "close":
            self.sessions.pop(rest[0]).socket.close()
            self.show(">>> " + line)
        elif verb == "stop":
            self.wire.send_signal(getattr(signal, rest[0]))
            self.show(">>> " + line)
        elif verb == "status":
            status = self.wire.wait(sessions.PATIENCE)
            self.show(">>> " + line + f"\nstatus {status} socket {os.path.exists(self.console)}")
        else:
            raise SystemExit(f"no such step: {line}")

    def run(self, path):
        try:
            with open(path, encoding="utf-8") as script:
                for line in script:
                    self.step(line.rstrip("\n"))
        finally:
            for process in [self.wire, *self.switches]:
                if process and process.poll() is None:
                    process.terminate()
                    process.wait()
            shutil.rmtree(self.folder, ignore_errors=True)
        # Blanks at line ends are shown, because editors take them away.
        text = "\n".join(part.rstrip("\n") for part in self.output) + "\n"
        return re.sub(r" +$", lambda blanks: "␠" * len(blanks.group()), text, flags=re.M)


def main():
    words = sys.argv[1:]
    if words and words[0] == "--record":
        program, ending = words[2:4] or ("wirefilter", ".transcript")
        for path in sorted(glob.glob(f"{words[1]}/*.script")):
            with open(path.removesuffix(".script") + ending, "w", encoding="utf-8") as file:
                file.write(Play(program).run(path))
        return
    program = "wirefilter"
    if words and words[0] == "--program":
        program, words = words[1], words[2:]
    sys.stdout.write(Play(program).run(words[0]))


if __name__ == "__main__":
    main()
