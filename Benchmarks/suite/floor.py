# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""What the kernel takes for what no program can avoid: every other figure is read beside these."""

from . import programs, report

NAME = "floor"
TITLE = "the kernel's own costs in one thread, nanoseconds each"

OPERATIONS = [
    ("syscall_ns", "getppid"),
    ("clock_ns", "clock_gettime"),
    ("recv_eagain_ns", "recv that would wait"),
    ("memcpy_64_ns", "memcpy 64 B"),
    ("memcpy_1500_ns", "memcpy 1500 B"),
    ("memcpy_9000_ns", "memcpy 9000 B"),
    ("memcpy_64k_ns", "memcpy 64 KiB"),
    ("datagram_64_ns", "AF_UNIX datagram send + recv, 64 B"),
    ("datagram_1500_ns", "AF_UNIX datagram send + recv, 1500 B"),
    ("datagram_9000_ns", "AF_UNIX datagram send + recv, 9000 B"),
    ("poll_64_idle_ns", "poll of 64 idle sockets"),
    ("epoll_64_idle_ns", "epoll_wait on 64 idle sockets"),
]


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {"floor": lambda: programs.swbench("floor")}, options)
    for key, what in OPERATIONS:
        result.fixed(what, "floor", key, unit="ns")
    return result
