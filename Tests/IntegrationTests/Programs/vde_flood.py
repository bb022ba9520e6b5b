#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""vde_flood.py CTL COUNT: joins a VDE switch COUNT times, and leaves each time without a word.

Every third client says nothing at all, every third leaves before the answer.
"""

import os
import socket
import struct
import sys

ctl, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.settimeout(60)
    control.connect(ctl)
    if number % 3 == 0:
        control.close()
        continue
    path = os.path.join(os.path.dirname(ctl), ".%d-%05d" % (os.getpid(), number))
    data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    data.bind(path)
    address = struct.pack("=H", socket.AF_UNIX) + path.encode().ljust(108, b"\0")
    control.sendall(struct.pack("=III", 0xFEEDFACE, 3, 0) + address + b"flood")
    if number % 3 == 1:
        reply = control.recv(110)
        assert len(reply) == 110, len(reply)
    os.unlink(path)
    control.close()
    data.close()
print("done", flush=True)
