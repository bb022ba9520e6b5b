#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""A web server that takes files as well as it gives them.

    web.py ADDRESS PORT DIRECTORY
"""

import functools
import http.server
import os
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_PUT(self):
        rest = int(self.headers["Content-Length"])
        with open(os.path.join(self.directory, os.path.basename(self.path)), "wb") as file:
            while rest > 0:
                part = self.rfile.read(min(rest, 1 << 20))
                if not part:
                    return
                file.write(part)
                rest -= len(part)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()


address, port, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
server = http.server.ThreadingHTTPServer((address, port), functools.partial(Handler, directory=directory))
print("serving", flush=True)
server.serve_forever()
