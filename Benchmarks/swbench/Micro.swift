// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization
import Wire

/// Where results go that nobody reads, so that the optimiser must produce them.
private let discarded = Atomic(0)

@inline(never)
func discard(_ value: Int) { discarded.store(value, ordering: .relaxed) }

/// A sequence of numbers without a pattern that a processor could foresee (splitmix64), the same in every run.
struct Scatter {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func next(below limit: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(limit)) }
}

/// Nanoseconds of one of `count` repetitions of what `body` does in all.
func nanosecondsPerOperation(_ count: Int, _ body: () -> Int) -> Double {
    let start = Clock.now
    discard(body())
    return Double(Clock.now - start) / Double(count)
}

/// Runs `micro`: leaves of the data plane, with input that changes from call to call. Each figure is the median of
/// several rounds, after one that is not counted.
func measureLeaves(_ options: Options) throws -> Report {
    let rounds = try options.count("rounds", in: 1...1000) ?? 5
    var report = Report()
    report.add("rounds", rounds)
    for (name, addresses) in [("table_64_ns", 64), ("table_1k_ns", 1024), ("table_16k_ns", 16_384)] {
        report.add(name, measureTable(addresses: addresses, rounds: rounds), digits: 2)
    }
    for (name, addresses) in [("classify_64_ns", 64), ("classify_1k_ns", 1024), ("classify_16k_ns", 16_384)] {
        report.add(name, measureClassification(addresses: addresses, rounds: rounds), digits: 2)
    }
    for (name, size) in [("checksum_20_ns", 20), ("checksum_1460_ns", 1460), ("checksum_64k_ns", 65_000)] {
        report.add(name, measureChecksum(byteCount: size, rounds: rounds), digits: 2)
    }
    report.add("segment_ns", measureSegmentation(rounds: rounds), digits: 2)
    try FilterBench(rounds: rounds).measure(into: &report)
    return report
}
