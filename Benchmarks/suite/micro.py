# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0

"""Leaves of the data plane, in one process."""

from . import programs, report

NAME = "micro"
TITLE = "leaves of the data plane, nanoseconds each"

# Name, what it is, and the budget on a machine of this class.
LEAVES = [
    ("table_64_ns", "learn + look up, 64 addresses", 12),
    ("table_1k_ns", "learn + look up, 1024 addresses", 12),
    ("table_16k_ns", "learn + look up, 16384 addresses at random", 12),
    ("classify_64_ns", "bridge decides, 64 addresses", None),
    ("classify_1k_ns", "bridge decides, 1024 addresses", None),
    ("classify_16k_ns", "bridge decides, 16384 addresses at random", None),
    ("checksum_20_ns", "checksum of 20 B", None),
    ("checksum_1460_ns", "checksum of 1460 B", 150),
    ("checksum_64k_ns", "checksum of 65000 B", None),
    ("segment_ns", "one segment of a 64 KiB super-frame", None),
    ("filter_ns", "a packet filter of 41 instructions", None),
    ("filter_libpcap_ns", "the same by libpcap's bpf_filter", None),
    ("policy_1_ns", "the same as a policy that counts", None),
    ("policy_3_ns", "three such policies, merged", None),
]


def run(options) -> report.Result:
    result = report.Result(TITLE)
    report.rounds(result, {"micro": lambda: programs.swbench("micro")}, options)
    for key, what, most in LEAVES:
        result.fixed(what, "micro", key, most=most, unit="ns")
    return result
