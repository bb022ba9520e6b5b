#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""fill.py INTERFACE ADDRESS: sends frames of 1514 bytes from and to ADDRESS all the time, some thousands a second.

A switch that has learned where ADDRESS is drops them. A reader behind a ring of the kernel's that wakes it only when a block
is full (libpcap without a timeout) gets its blocks full, and what others send with them.
"""

import socket
import sys
import time

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((sys.argv[1], 0))
address = bytes.fromhex(sys.argv[2].replace(":", ""))
frame = (address + address + b"\x88\xb5").ljust(1514, b"\xa5")
print("filling", flush=True)
while True:
    for _ in range(50):
        try:
            raw.send(frame)
        except OSError:
            break
    time.sleep(0.005)
