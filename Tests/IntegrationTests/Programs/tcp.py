#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Both ends of a TCP transfer that shows whether all bytes arrived.

    tcp.py serve ADDRESS PORT             takes connections for ever; says who connected and what came
    tcp.py send ADDRESS PORT COUNT        sends COUNT bytes, half-closes, and has the server confirm them
    tcp.py halves ADDRESS PORT COUNT      the same; says "half" in the middle, and goes on when a line comes in
    tcp.py hold ADDRESS PORT              connects, says so, and stays until its input ends
    tcp.py stream ADDRESS PORT            sends for ever, and says after the first megabyte that it does
    tcp.py many ADDRESS PORT COUNT        COUNT short connections, one after the other
    tcp.py abort ADDRESS PORT COUNT       COUNT uploads that end with a reset in the middle

The client's first line is a digest in place of which the server's answer tells whether what came matches it.
"""

import hashlib
import socket
import struct
import sys
import threading


def data(count):
    """The same bytes on every run, without a repetition that a lost segment could hide in."""
    block = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(2048))
    whole, rest = divmod(count, len(block))
    for number in range(whole):
        yield hashlib.sha256(b"block %d" % number).digest() + block[32:]
    yield block[:rest]


def answer(connection, peer):
    digest, count, claim = hashlib.sha256(), 0, b""
    try:
        while not claim.endswith(b"\n"):
            part = connection.recv(65 - len(claim))
            if not part:
                break
            claim += part
        while True:
            part = connection.recv(1 << 20)
            if not part:
                break
            count += len(part)
            digest.update(part)
        intact = digest.hexdigest().encode() == claim.strip()
        verdict = "%d bytes, %s" % (count, "intact" if intact else "damaged")
        connection.sendall(verdict.encode())
        connection.close()
    except OSError as error:
        verdict = "%d bytes, %s" % (count, error)
    print("from %s %d: %s" % (peer[0], peer[1], verdict), flush=True)


def serve(address, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(256)
    print("listening", flush=True)
    while True:
        connection, peer = listener.accept()
        print("connect from %s %d" % peer, flush=True)
        threading.Thread(target=answer, args=(connection, peer), daemon=True).start()


def connect(address, port):
    connection = socket.create_connection((address, port), timeout=60)
    return connection


def send(address, port, count, pause=None):
    digest = hashlib.sha256()
    for part in data(count):
        digest.update(part)
    connection = connect(address, port)
    if pause:
        # What is lost in the middle is the test's doing: others (BBR) take it for the path's speed for a long while.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    connection.sendall(digest.hexdigest().encode() + b"\n")
    sent = 0
    for part in data(count):
        connection.sendall(part)
        if pause and sent < count // 2 <= sent + len(part):
            pause()
        sent += len(part)
    connection.shutdown(socket.SHUT_WR)
    reply = b""
    while True:
        part = connection.recv(4096)
        if not part:
            break
        reply += part
    return reply.decode()


def half():
    print("half", flush=True)
    sys.stdin.readline()


def main():
    verb, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    if verb == "serve":
        serve(address, port)
    elif verb in ("send", "halves"):
        verdict = send(address, port, count, half if verb == "halves" else None)
        print("peer got", verdict, flush=True)
        sys.exit(0 if verdict == "%d bytes, intact" % count else 1)
    elif verb == "hold":
        connection = connect(address, port)
        print("connected", flush=True)
        sys.stdin.read()
        connection.close()
    elif verb == "stream":
        connection, sent = connect(address, port), 0
        connection.settimeout(None)
        block = bytes(1 << 16)
        while True:
            connection.sendall(block)
            sent += 1
            if sent == 16:
                print("streaming", flush=True)
    elif verb == "many":
        for _ in range(count):
            verdict = send(address, port, 100)
            if verdict != "100 bytes, intact":
                sys.exit("peer got " + verdict)
        print("all", count, flush=True)
    elif verb == "abort":
        for _ in range(count):
            connection = connect(address, port)
            connection.sendall(bytes(200_000))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        print("aborted", count, flush=True)


main()
