#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Uploads whose clients are killed in the middle.

    killed.py ADDRESS PORT COUNT      COUNT clients, one after the other
"""

import os
import signal
import socket
import sys

address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(count):
    readable, writable = os.pipe()
    client = os.fork()
    if client == 0:
        connection = socket.create_connection((address, port), timeout=60)
        connection.sendall(bytes(300_000))
        os.write(writable, b"!")
        while True:
            connection.sendall(bytes(65536))
    os.close(writable)
    if os.read(readable, 1) != b"!":
        sys.exit("a client ended by itself")
    os.kill(client, signal.SIGKILL)
    os.waitpid(client, 0)
    os.close(readable)
print("killed", count, flush=True)
