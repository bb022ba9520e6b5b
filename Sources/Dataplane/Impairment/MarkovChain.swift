// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// States of a link and the chances of going from one to another: each step one draw.
public struct MarkovChain: Sendable, Equatable {
    /// Most states.
    public static var maximumCount: Int { 256 }

    /// By state; empty for one without.
    public private(set) var names = [""]
    /// Weight of going from one state to another in per cent. That of staying is what is left of a hundred.
    private var edges: [[Double]] = [[0]]
    public private(set) var current = 0

    public init() {}

    public var count: Int { names.count }

    /// Makes it so many states. Those that are new lead nowhere; ways to those that are gone become staying, and if the
    /// current one is gone the first takes its place. False: no such number is possible.
    public mutating func setCount(_ count: Int) -> Bool {
        guard (1...Self.maximumCount).contains(count) else { return false }
        let old = self.count
        names = Array(names.prefix(count)) + Array(repeating: "", count: max(0, count - old))
        edges = (0..<count).map { from in
            (0..<count).map { to in from < old && to < old ? edges[from][to] : 0 }
        }
        if current >= count { current = 0 }
        return true
    }

    public mutating func setName(_ state: Int, _ name: String) { names[state] = name }
    public mutating func setCurrent(_ state: Int) { current = state }

    /// The weight of an edge; of staying, what the others leave.
    public func weight(from: Int, to: Int) -> Double {
        from == to
            ? 100 - edges[from].enumerated().reduce(0) { $0 + ($1.offset == from ? 0 : $1.element) } : edges[from][to]
    }

    /// Staying cannot be set: it is what is left.
    public mutating func setWeight(from: Int, to: Int, _ weight: Double) {
        if from != to { edges[from][to] = weight }
    }

    /// Goes on by one step; true when the state is another now.
    public mutating func step(_ random: inout RandomSource) -> Bool {
        var draw = random.unit() * 100
        for state in 0..<count where state != current {
            let weight = max(0, edges[current][state])
            if draw < weight {
                current = state
                return true
            }
            draw -= weight
        }
        return false
    }
}
