// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Which ends are on one network: joined by links, directly or through segments.
public struct Networks {
    private var numbers: [LinkEnd: Int] = [:]
    private var parents: [Int] = []

    public init(_ lab: Lab) {
        for segment in lab.segments { add(.segment(segment.name)) }
        for guest in lab.guests {
            for interface in guest.interfaces { add(.interface(guest: guest.name, name: interface.name)) }
        }
        for link in lab.links {
            guard let first = numbers[link.first], let second = numbers[link.second] else { continue }
            parents[root(first)] = root(second)
        }
    }

    private mutating func add(_ end: LinkEnd) {
        guard numbers[end] == nil else { return }
        numbers[end] = parents.count
        parents.append(parents.count)
    }

    private func root(_ number: Int) -> Int {
        var number = number
        while parents[number] != number { number = parents[number] }
        return number
    }

    /// The same number for all ends of one network; nil for an end that is not in the lab.
    public func number(of end: LinkEnd) -> Int? { numbers[end].map { root($0) } }
}
