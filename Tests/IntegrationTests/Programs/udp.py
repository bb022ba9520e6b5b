#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Questions and answers over UDP that tell who asked.

    udp.py serve ADDRESS PORT         answers for ever: who asked, and what
    udp.py ask ADDRESS PORT WORD      asks until an answer comes, and prints it
"""

import socket
import sys

verb, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if verb == "serve":
    endpoint.bind((address, port))
    print("listening", flush=True)
    while True:
        question, peer = endpoint.recvfrom(65536)
        endpoint.sendto(b"%s from %s" % (question, peer[0].encode()), peer)
elif verb == "ask":
    endpoint.settimeout(2)
    endpoint.connect((address, port))
    for _ in range(10):
        endpoint.send(sys.argv[4].encode())
        try:
            print(endpoint.recv(65536).decode(), flush=True)
            sys.exit(0)
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
    sys.exit("no answer")
