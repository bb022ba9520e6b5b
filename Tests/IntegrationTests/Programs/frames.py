#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""frames.py INTERFACE: sends and shows raw frames, packet(7).

Each line of standard input, hexadecimal, is sent; each frame that comes is printed as "frame HEX", with the VLAN tag that
the kernel has taken out put back.
"""

import select
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
VLAN_VALID = 1 << 4

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
raw.bind((sys.argv[1], ETH_P_ALL))
raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
print("ready", flush=True)
while True:
    for ready in select.select([raw, sys.stdin], [], [])[0]:
        if ready is sys.stdin:
            line = sys.stdin.readline()
            if not line:
                sys.exit(0)
            raw.send(bytes.fromhex(line))
            continue
        frame, ancillary, _, source = raw.recvmsg(70000, 256)
        if source[2] == PACKET_OUTGOING:
            continue
        for level, kind, data in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tag, protocol = struct.unpack("=IIIHHHH", data[:20])
                if status & VLAN_VALID:
                    frame = frame[:12] + struct.pack(">HH", protocol, tag) + frame[12:]
        print("frame", frame.hex(), flush=True)
