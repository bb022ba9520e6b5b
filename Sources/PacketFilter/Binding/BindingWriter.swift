// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

typealias FilterLabel = FilterAssembler.Label

/// Writes a binding's programs: loads, comparisons and where they lead. The rest is in its extensions.
struct BindingWriter {
    let binding: AddressBinding
    let ranges4: [AllowedRange]
    let ranges6: [AllowedRange]
    var builder = PolicyBuilder()

    init(_ binding: AddressBinding) {
        self.binding = binding
        ranges4 = binding.ranges4
        ranges6 = binding.ranges6
    }

    // MARK: Steps

    mutating func label() -> FilterLabel { builder.assembler.makeLabel() }
    mutating func place(_ label: FilterLabel) { builder.assembler.place(label) }
    mutating func jump(to label: FilterLabel) { builder.assembler.jump(to: label) }

    mutating func loadByte(_ offset: UInt32) { builder.assembler.emit(FilterCode.loadByte, offset) }
    mutating func loadHalf(_ offset: UInt32) { builder.assembler.emit(FilterCode.loadHalf, offset) }
    mutating func loadWord(_ offset: UInt32) { builder.assembler.emit(FilterCode.loadWord, offset) }
    mutating func loadByte(behindHeader offset: UInt32) { builder.assembler.emit(FilterCode.loadByteIndexed, offset) }
    mutating func loadHalf(behindHeader offset: UInt32) { builder.assembler.emit(FilterCode.loadHalfIndexed, offset) }
    mutating func loadWord(behindHeader offset: UInt32) { builder.assembler.emit(FilterCode.loadWordIndexed, offset) }
    /// The length of the IPv4 header.
    mutating func indexHeaderLength() { builder.assembler.emit(FilterCode.indexHeaderLength, Field.version) }

    /// What was loaded equals the value: go there.
    mutating func when(_ value: UInt32, _ label: FilterLabel) {
        builder.assembler.branch(FilterCode.jumpEqual, value, then: label)
    }
    /// It does not: go there.
    mutating func unless(_ value: UInt32, _ label: FilterLabel) {
        builder.assembler.branch(FilterCode.jumpEqual, value, else: label)
    }
    mutating func whenAny(of bits: UInt32, _ label: FilterLabel) {
        builder.assembler.branch(FilterCode.jumpAnyBit, bits, then: label)
    }
    mutating func unlessAtLeast(_ value: UInt32, _ label: FilterLabel) {
        builder.assembler.branch(FilterCode.jumpGreaterOrEqual, value, else: label)
    }

    // MARK: Addresses

    /// Goes to `then` when the IPv4 address there is in one of the ranges. What was loaded is the address afterwards.
    mutating func matchIPv4(
        _ ranges: [AllowedRange],
        at offset: UInt32,
        behindHeader: Bool = false,
        then: FilterLabel,
        else otherwise: FilterLabel
    ) {
        behindHeader ? loadWord(behindHeader: offset) : loadWord(offset)
        search(ranges[...], then: then, else: otherwise)
    }

    /// Halves the ranges while there are many.
    private mutating func search(_ ranges: ArraySlice<AllowedRange>, then: FilterLabel, else otherwise: FilterLabel) {
        if ranges.count > 4 {
            let middle = ranges.startIndex + ranges.count / 2
            let upper = label()
            let first = AllowedRange.word(ranges[middle].first, 3)
            builder.assembler.branch(FilterCode.jumpGreaterOrEqual, first, then: upper)
            search(ranges[..<middle], then: then, else: otherwise)
            place(upper)
            search(ranges[middle...], then: then, else: otherwise)
            return
        }
        for range in ranges {
            let (first, last) = (AllowedRange.word(range.first, 3), AllowedRange.word(range.last, 3))
            if first == last {
                when(first, then)
            } else {
                // In order, so that one below this range is in none that follow.
                unlessAtLeast(first, otherwise)
                builder.assembler.branch(FilterCode.jumpGreater, last, else: then)
            }
        }
        jump(to: otherwise)
    }

    /// Goes to `then` when the IPv6 address there is in one of the ranges.
    mutating func matchIPv6(
        _ ranges: [AllowedRange],
        at offset: UInt32,
        then: FilterLabel,
        else otherwise: FilterLabel
    ) {
        for range in ranges {
            let next = label()
            matchIPv6(range, at: offset, then: then, else: next)
            place(next)
        }
        jump(to: otherwise)
    }

    private mutating func matchIPv6(
        _ range: AllowedRange,
        at offset: UInt32,
        then: FilterLabel,
        else otherwise: FilterLabel
    ) {
        func words(_ number: UInt128) -> [UInt32] { (0..<4).map { AllowedRange.word(number, $0) } }
        let (first, last) = (words(range.first), words(range.last))
        var index = 0
        while index < 4, first[index] == last[index] {
            loadWord(offset + 4 * UInt32(index))
            unless(first[index], otherwise)
            index += 1
        }
        guard index < 4 else {
            jump(to: then)
            return
        }
        let rest = (index + 1)..<4
        if rest.allSatisfy({ first[$0] == 0 && last[$0] == .max }) {
            // A prefix: the first word that differs says it all.
            if first[index] == 0, last[index] == .max {
                jump(to: then)
                return
            }
            loadWord(offset + 4 * UInt32(index))
            unlessAtLeast(first[index], otherwise)
            builder.assembler.branch(FilterCode.jumpGreater, last[index], then: otherwise, else: then)
            return
        }
        // Word by word: above the first address, then below the last.
        let below = label()
        for position in index..<4 {
            loadWord(offset + 4 * UInt32(position))
            if position == 3 {
                unlessAtLeast(first[position], otherwise)
            } else {
                builder.assembler.branch(FilterCode.jumpGreater, first[position], then: below)
                unless(first[position], otherwise)
            }
        }
        place(below)
        for position in index..<4 {
            loadWord(offset + 4 * UInt32(position))
            builder.assembler.branch(FilterCode.jumpGreater, last[position], then: otherwise)
            if position == 3 {
                jump(to: then)
            } else {
                unless(last[position], then)
            }
        }
    }

    // MARK: Ethernet addresses

    /// Goes on when the Ethernet address there is one of the client's, elsewhere when not. All are when none are stated.
    mutating func demandMAC(at offset: UInt32, behindHeader: Bool = false, else otherwise: FilterLabel) {
        if binding.macs.isEmpty { return }
        let found = label()
        for mac in binding.macs {
            let next = label()
            let (high, low) = (UInt32(mac.mask >> 16), UInt32(mac.mask & 0xffff))
            let value = mac.address.rawValue & mac.mask
            behindHeader ? loadWord(behindHeader: offset) : loadWord(offset)
            if high != .max { builder.assembler.emit(FilterCode.and, high) }
            unless(UInt32(value >> 16), next)
            if low != 0 {
                behindHeader ? loadHalf(behindHeader: offset + 4) : loadHalf(offset + 4)
                if low != 0xffff { builder.assembler.emit(FilterCode.and, low) }
                unless(UInt32(value & 0xffff), next)
            }
            jump(to: found)
            place(next)
        }
        jump(to: otherwise)
        place(found)
    }

    /// Goes on when the Ethernet address there is the one that the frame comes from (or another place of the frame says). The
    /// index register is used for it, unless the client has one address only.
    mutating func demandSameMAC(
        at offset: UInt32,
        behindHeader: Bool = false,
        as source: UInt32 = Field.source,
        else otherwise: FilterLabel
    ) {
        if source == Field.source, binding.macs.count == 1, binding.macs[0].prefixLength == 48 {
            demandMAC(at: offset, behindHeader: behindHeader, else: otherwise)
            return
        }
        // Two words of memory: what an index register leads to has to be read before it is used for the comparison.
        behindHeader ? loadWord(behindHeader: offset) : loadWord(offset)
        builder.assembler.emit(FilterCode.store, 0)
        behindHeader ? loadHalf(behindHeader: offset + 4) : loadHalf(offset + 4)
        builder.assembler.emit(FilterCode.store, 1)
        builder.assembler.emit(FilterCode.indexMemory, 0)
        loadWord(source)
        builder.assembler.branch(FilterCode.jumpEqual | FilterCode.withIndex, else: otherwise)
        builder.assembler.emit(FilterCode.indexMemory, 1)
        loadHalf(source + 4)
        builder.assembler.branch(FilterCode.jumpEqual | FilterCode.withIndex, else: otherwise)
    }
}
