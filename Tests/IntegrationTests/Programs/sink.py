# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Listens, takes one connection, and writes to a file what comes: sink.py unix:PATH|tcp:HOST:PORT FILE [BYTES]

With BYTES it goes away after so many, while the other side is still sending.
"""
import os
import socket
import sys

place, path = sys.argv[1], sys.argv[2]
limit = int(sys.argv[3]) if len(sys.argv) > 3 else None
kind, _, rest = place.partition(":")
if kind == "unix":
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(rest)
else:
    host, _, port = rest.rpartition(":")
    host = host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
listener.listen(1)
print("listening", flush=True)
connection, _ = listener.accept()
print("connected", flush=True)
count = 0
with open(path, "wb") as file:
    while limit is None or count < limit:
        part = connection.recv(65536 if limit is None else min(65536, limit - count))
        if not part:
            break
        file.write(part)
        file.flush()
        count += len(part)
connection.close()
if kind == "unix":
    os.unlink(rest)
print("end", count, flush=True)
