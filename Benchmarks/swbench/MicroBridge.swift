// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Number of pairs of addresses that a round walks through: more than the caches of a branch predictor hold.
private let pairCount = 1 << 16
/// Times that a round walks through them.
private let walks = 16

private func address(_ number: Int) -> MACAddress {
    MACAddress(rawValue: 0x0200_0000_0000 | UInt64(number) &* 0x1_0003)
}

/// A table in which `addresses` stations are known on 32 ports; `memory` must outlive it.
private func filledTable(_ memory: inout StateMemory, addresses: Int) -> ForwardingDatabase {
    var table = ForwardingDatabase(in: &memory, bucketCount: 8192, seed: 0x5bd1_e995_7b93_c1a7)
    for number in 0..<addresses { table.learn(address(number), vlan: 0, port: number % 32, now: 0) }
    return table
}

private func tableMemory() -> StateMemory {
    StateMemory(byteCount: StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: 8192)))
}

/// One frame's addresses and the port it comes in on.
private struct Pair {
    let source: MACAddress
    let destination: MACAddress
    let port: Int
}

private func randomPairs(addresses: Int, count: Int) -> [Pair] {
    var scatter = Scatter(seed: UInt64(addresses))
    return (0..<count).map { _ in
        let source = scatter.next(below: addresses)
        let destination = scatter.next(below: addresses)
        return Pair(source: address(source), destination: address(destination), port: source % 32)
    }
}

/// Nanoseconds for what a bridge does with the table for one frame: learn the source and look the destination up.
func measureTable(addresses: Int, rounds: Int) -> Double {
    var memory = tableMemory()
    var table = filledTable(&memory, addresses: addresses)
    let pairs = randomPairs(addresses: addresses, count: pairCount)
    var second: UInt16 = 0
    var results: [Double] = []
    for round in 0...rounds {
        let start = Clock.now
        for _ in 0..<walks {
            // A station's first frame in a second writes its entry, the others only read it.
            second &+= 1
            discard(walk(&table, pairs.span, second: second))
        }
        if round > 0 { results.append(Double(Clock.now - start) / Double(pairs.count * walks)) }
    }
    return median(results)
}

// The table is a parameter, as it is the loop's own in the switch: captured by a closure it would be checked for
// exclusive access at run time, which is then what would be measured.
@inline(never)
private func walk(_ table: inout ForwardingDatabase, _ pairs: Span<Pair>, second: UInt16) -> Int {
    var sum = 0
    for index in pairs.indices {
        table.learn(pairs[index].source, vlan: 0, port: pairs[index].port, now: second)
        sum &+= table.lookUp(pairs[index].destination, vlan: 0, now: second) ?? -1
    }
    return sum
}

/// Nanoseconds for the bridge's whole decision about one frame, from its bytes to the port.
func measureClassification(addresses: Int, rounds: Int) -> Double {
    var memory = tableMemory()
    var bridge = Bridge(forwarding: filledTable(&memory, addresses: addresses))
    let pairs = randomPairs(addresses: addresses, count: pairCount)
    // Headers one cache line from each other: a switch has just received the frame, its header is in the cache.
    let stride = 64
    var bytes = [UInt8](repeating: 0, count: pairs.count * stride)
    var span = bytes.mutableSpan
    for (index, pair) in pairs.enumerated() {
        EthernetHeader(destination: pair.destination, source: pair.source, type: .ipv4)
            .emit(into: &span, at: index * stride)
    }
    var second: UInt16 = 0
    var results: [Double] = []
    for round in 0...rounds {
        let start = Clock.now
        for _ in 0..<walks {
            second &+= 1
            discard(classify(&bridge, bytes.span, stride: stride, pairs.span, second: second))
        }
        if round > 0 { results.append(Double(Clock.now - start) / Double(pairs.count * walks)) }
    }
    return median(results)
}

@inline(never)
private func classify(
    _ bridge: inout Bridge,
    _ frames: Span<UInt8>,
    stride: Int,
    _ pairs: Span<Pair>,
    second: UInt16
) -> Int {
    var sum = 0
    for index in pairs.indices {
        let frame = frames.extracting(index * stride..<(index + 1) * stride)
        if case .forward(let port) = bridge.classify(frame, port: pairs[index].port, now: second) { sum &+= port }
    }
    return sum
}
