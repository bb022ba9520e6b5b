#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""attach_nonsense.py PATH SIZE: says SIZE bytes of nonsense on an attach socket, and waits until the switch has had enough."""

import socket
import sys

path, size = sys.argv[1], int(sys.argv[2])
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.settimeout(60)
client.connect(path)
client.send(bytes((number * 41 + 7) % 256 for number in range(size)))
while True:
    try:
        answer = client.recv(65536)
    except ConnectionResetError:
        break
    if not answer:
        break
    print("answer of", len(answer), "bytes", flush=True)
print("closed", flush=True)
