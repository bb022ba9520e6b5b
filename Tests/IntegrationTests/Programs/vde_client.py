#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""vde_client.py v1|v3|uml CTL [TAP]: joins a VDE switch as old clients did.

Prints "joined PATH" once the switch has answered. Then each line of standard input, hexadecimal, is sent as a datagram,
and each datagram that comes is printed as "frame HEX". With TAP it makes a tap of that name and moves frames between it and
the switch instead, each datagram as a kernel's driver would: what a guest's network stack has to say, without the guest.

    v1   request without a version word: magic, type, Ethernet address, address of our socket (uml_switch's first)
    v3   today's request, packed: 122 bytes and a description
    uml  as User Mode Linux sends it: 124 bytes, the socket's name abstract and of full length
"""

import fcntl
import os
import select
import socket
import struct
import sys

MAGIC = 0xFEEDFACE
FAMILY = struct.pack("=H", socket.AF_UNIX)


def main():
    form, ctl = sys.argv[1:3]
    tap = None
    if len(sys.argv) > 3:
        tap = os.open("/dev/net/tun", os.O_RDWR)
        # TUNSETIFF: IFF_TAP, IFF_NO_PI
        fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", sys.argv[3].encode(), 0x0002 | 0x1000))
    data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = None
    if form == "uml":
        # Like the kernel's: zero, the process number, some bytes of no meaning; all 108 bytes are the name.
        name = (b"\0\0\0\0" + struct.pack("=I", os.getpid())).ljust(108, b"\xa5")
    else:
        path = os.path.join(os.path.dirname(ctl), ".%d-00000" % os.getpid())
        name = path.encode().ljust(108, b"\0")
    data.bind(name if path is None else path)

    if form == "v1":
        request = struct.pack("=II", MAGIC, 0) + bytes([2, 0, 0, 0, 0, 9]) + FAMILY + name + b"version one"
    elif form == "v3":
        request = struct.pack("=III", MAGIC, 3, 0) + FAMILY + name + b"version three"
    else:
        request = struct.pack("=III", MAGIC, 3, 0) + FAMILY + name + b"\0\0"
        assert len(request) == 124
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.connect(ctl)
    control.sendall(request)
    reply = b""
    while len(reply) < 110:
        part = control.recv(110 - len(reply))
        if not part:
            sys.exit("refused after %d bytes" % len(reply))
        reply += part
    switch = reply[2:].split(b"\0")[0].decode()
    print("joined", switch, flush=True)

    inputs = [data, sys.stdin, control] + ([] if tap is None else [tap])
    while True:
        for ready in select.select(inputs, [], [])[0]:
            if ready is control and not control.recv(4096):
                print("the switch has closed", flush=True)
                inputs.remove(control)
            elif ready is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    if path:
                        os.unlink(path)
                    return
                try:
                    data.sendto(bytes.fromhex(line), switch)
                    print("sent", flush=True)
                except OSError as error:
                    print("not sent:", error, flush=True)
            elif ready is tap:
                try:
                    data.sendto(os.read(tap, 65536), switch)
                except OSError:
                    pass  # A kernel's driver drops it, too.
            elif ready is data and tap is not None:
                try:
                    os.write(tap, data.recv(65536))
                except OSError:
                    pass  # Its interface is down.
            elif ready is data:
                print("frame", data.recv(65536).hex(), flush=True)


main()
