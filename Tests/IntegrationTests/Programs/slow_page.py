# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
#
# slow_page.py PORT TOKEN
#
# A page that opens its stream of events, reads the session's name and then nothing more, while it asks the console for help
# again and again. Says "dropped" when the session is gone.

import re
import socket
import sys
import time

port, token = int(sys.argv[1]), sys.argv[2]


def request(method, path, body=b""):
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    return (head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body


stream = socket.socket()
# Little room in the kernel, so that what is not read stays with the server.
stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
stream.connect(("127.0.0.1", port))
stream.sendall(request("GET", "/events"))
text = b""
while not (found := re.search(rb'event: session\ndata: "(\w+)"', text)):
    part = stream.recv(512)
    assert part, text
    text += part
name = found.group(1).decode()

posts = socket.create_connection(("127.0.0.1", port))
while True:
    posts.sendall(request("POST", f"/sessions/{name}/line", b"help"))
    answer = posts.recv(4096)
    assert answer, "the server closed the other connection"
    if b" 404 " in answer.split(b"\r\n")[0]:
        break
    if b" 429 " in answer.split(b"\r\n")[0]:
        time.sleep(0.01)
print("dropped", flush=True)
