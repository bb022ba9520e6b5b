# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""listen INTERFACE: every frame that arrives there, promiscuously, one line of hexadecimal digits each."""
import socket
import struct
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1

interface = sys.argv[1]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listener:
    listener.bind((interface, 0))
    request = struct.pack("iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
    listener.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
    print("listening", flush=True)
    while True:
        frame, address = listener.recvfrom(65536)
        if address[2] != PACKET_OUTGOING:
            print(frame.hex(), flush=True)
