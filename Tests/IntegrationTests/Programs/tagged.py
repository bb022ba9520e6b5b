#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Pings with a VLAN's tag (IEEE 802.1Q), made by hand: the kernel of a test's host need not know VLANs.

    tagged.py answer INTERFACE ADDRESS VLAN       answers what is asked with the tag, ARP and echo, for ever
    tagged.py ping INTERFACE OWN ADDRESS VLAN     asks three times, the last time with a packet of 1500 bytes; succeeds when
                                                  every answer has come, unchanged and with the tag
"""

import fcntl
import select
import socket
import struct
import sys
import time

SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
VLAN_VALID = 1 << 4
SIOCGIFHWADDR = 0x8927
EVERYBODY = b"\xff" * 6


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Station:
    def __init__(self, interface, address, vlan):
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.bind((interface, 3))
        self.raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.mac = fcntl.ioctl(self.raw, SIOCGIFHWADDR, struct.pack("16s16x", interface.encode()))[18:24]
        self.address = socket.inet_aton(address)
        self.vlan = vlan

    def send(self, destination, kind, payload):
        head = destination + self.mac + struct.pack(">HHH", 0x8100, self.vlan, kind)
        self.raw.send((head + payload).ljust(64, b"\0"))

    def receive(self):
        """The source, the EtherType and the payload of a frame that has our tag; None for others."""
        frame, ancillary, _, source = self.raw.recvmsg(70000, 256)
        if source[2] == PACKET_OUTGOING:
            return None
        for level, kind, data in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tag, protocol = struct.unpack("=IIIHHHH", data[:20])
                if status & VLAN_VALID:
                    frame = frame[:12] + struct.pack(">HH", protocol, tag) + frame[12:]
        if len(frame) < 18 or frame[:6] not in (self.mac, EVERYBODY):
            return None
        if frame[12:14] != b"\x81\x00" or int.from_bytes(frame[14:16], "big") & 0xFFF != self.vlan:
            return None
        return frame[6:12], int.from_bytes(frame[16:18], "big"), frame[18:]

    def arp(self, operation, destination, address):
        head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
        target = b"\0" * 6 if destination == EVERYBODY else destination
        self.send(destination, 0x0806, head + self.mac + self.address + target + address)

    def echo(self, destination, address, kind, rest):
        """An ICMP echo; `rest` is what follows its checksum."""
        message = struct.pack(">BBH", kind, 0, 0) + rest
        message = message[:2] + struct.pack(">H", checksum(message)) + rest
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0) + self.address + address
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        self.send(destination, 0x0800, head + message)

    def question(self, kind, payload):
        """What follows the checksum of an ICMP message of this kind, and its sender; None: it is something else."""
        if len(payload) < 28 or payload[0] != 0x45 or payload[9] != 1 or payload[16:20] != self.address:
            return None
        message = payload[20 : int.from_bytes(payload[2:4], "big")]
        if message[0] != kind or checksum(message) != 0 or checksum(payload[:20]) != 0:
            return None
        return payload[12:16], message[4:]


def answer(interface, address, vlan):
    station = Station(interface, address, int(vlan))
    print("ready", flush=True)
    while True:
        frame = station.receive()
        if not frame:
            continue
        source, kind, payload = frame
        if kind == 0x0806 and payload[6:8] == b"\0\1" and payload[24:28] == station.address:
            station.arp(2, source, payload[14:18])
        elif kind == 0x0800:
            question = station.question(8, payload)
            if question:
                station.echo(source, question[0], 0, question[1])


def ping(interface, own, address, vlan):
    station = Station(interface, own, int(vlan))
    address = socket.inet_aton(address)
    deadline = time.monotonic() + 20
    peer, answers = None, 0
    texts = [bytes(number % 251 for number in range(size)) for size in (56, 700, 1472)]
    while answers < len(texts):
        # Asked again when nothing comes: who answers may not be there yet, and a wire may lose frames.
        rest = struct.pack(">HH", 7, answers) + texts[answers]
        if peer:
            station.echo(peer, address, 8, rest)
        else:
            station.arp(1, EVERYBODY, address)
        again = time.monotonic() + 0.3
        if again > deadline:
            sys.exit("%d answers with their tag" % answers)
        while time.monotonic() < again:
            if not select.select([station.raw], [], [], again - time.monotonic())[0]:
                break
            frame = station.receive()
            if not frame:
                continue
            source, kind, payload = frame
            if kind == 0x0806 and payload[6:8] == b"\0\2" and payload[14:18] == address and not peer:
                peer = source
                break
            if kind == 0x0800 and station.question(0, payload) == (address, rest):
                answers += 1
                break
    print("%d answers with their tag" % answers, flush=True)


if sys.argv[1] == "answer":
    answer(*sys.argv[2:])
else:
    ping(*sys.argv[2:])
