# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""A fabric's owner: requests from standard input, a line each, answers to standard output.

`tap PORT PROCESS INTERFACE` makes a tap in the network namespace of a process and hands it over; everything else is sent as it
is, word by word. Events are told as they come.
"""

import array
import ctypes
import fcntl
import os
import selectors
import socket
import struct
import sys


def make_tap(process, interface):
    """A tap's descriptor, made by a child that goes to the other namespace."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        space = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None).setns(space, 0) != 0:
            os._exit(1)
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
        fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", interface.encode(), 0x0002 | 0x1000 | 0x4000))
        theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))])
        os._exit(0)
    theirs.close()
    _, ancillary, _, _ = ours.recvmsg(1, 100)
    os.waitpid(child, 0)
    return array.array("i", ancillary[0][2][:4])[0]


def main():
    fabric = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fabric.connect(sys.argv[1])
    print("connected", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(fabric, selectors.EVENT_READ)
    selector.register(sys.stdin.buffer.raw, selectors.EVENT_READ)
    rest = b""
    while True:
        for key, _ in selector.select():
            if key.fileobj is fabric:
                message = fabric.recv(1 << 17)
                if not message:
                    print("gone", flush=True)
                    return
                print(" ".join(word.decode() for word in message.split(b"\0")[:-1]), flush=True)
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                words = line.split()
                descriptors = []
                if words[0] == b"tap":
                    descriptors = [make_tap(int(words[2]), words[3].decode())]
                    words = [b"port-add", words[1], b"tap"]
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
                fabric.sendmsg([b"".join(word + b"\0" for word in words)], rights)
                for descriptor in descriptors:
                    os.close(descriptor)


main()
