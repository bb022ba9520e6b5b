# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""Says what is in pcapng files, block by block, and fails when one is not as draft-ietf-opsawg-pcapng has it."""
import struct
import sys

NAMES = {2: "if_name", 3: "if_description", 11: "if_filter"}


def options(body):
    found = {}
    while body:
        code, size = struct.unpack("<HH", body[:4])
        if code == 0:
            assert size == 0 and not body[4:], "something behind the options' end"
            return found
        found[code] = body[4 : 4 + size]
        assert len(found[code]) == size, "an option is cut"
        body = body[4 + (size + 3 & ~3) :]
    assert not found, "options without an end"
    return found


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        data = file.read()
    interfaces = []
    while data:
        kind, size = struct.unpack("<II", data[:8])
        assert size % 4 == 0 and 12 <= size <= len(data), "a block's size"
        body, end = data[8 : size - 4], struct.unpack("<I", data[size - 4 : size])[0]
        assert end == size, "a block's second size"
        data = data[size:]
        if kind == 0x0A0D0D0A:
            magic, major, minor, length = struct.unpack("<IHHq", body[:16])
            assert (magic, major, minor, length) == (0x1A2B3C4D, 1, 0, -1)
            interfaces = []
            print("section", options(body[16:])[4].decode().split()[0])
        elif kind == 1:
            link, _, snap = struct.unpack("<HHI", body[:8])
            assert link == 1
            found = options(body[8:])
            assert found[9] == b"\x09", "the clock's resolution"
            interfaces.append(found[2].decode())
            print("interface", interfaces[-1], "snap", snap, "filter", found.get(11, b"\0-")[1:].decode())
        elif kind == 6:
            number, _, _, kept, whole = struct.unpack("<IIIII", body[:20])
            found = options(body[20 + (kept + 3 & ~3) :])
            flags = struct.unpack("<I", found[2])[0] if 2 in found else 0
            print("packet", interfaces[number], {0: "?", 1: "in", 2: "out"}[flags & 3], "kept", kept, "of", whole)
        elif kind == 5:
            number = struct.unpack("<I", body[:4])[0]
            found = options(body[12:])
            received, dropped = (struct.unpack("<Q", found[code])[0] for code in (4, 5))
            print("statistics", interfaces[number], "received", received, "dropped", dropped)
        else:
            raise SystemExit(f"block type {kind}")
