// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client gets.
extension BindingWriter {
    /// Frames for the client's own Ethernet address, or for a group; of these what their contents address to it.
    mutating func writeReceive() {
        let group = label()
        loadByte(Field.destination)
        whenAny(of: 1, group)
        demandMAC(at: Field.destination, else: builder.deny("other-mac"))
        place(group)
        let (arp, ipv4, ipv6) = (label(), label(), label())
        writeTypes(arp: arp, ipv4: ipv4, ipv6: ipv6)
        place(arp)
        writeReceiveARP()
        place(ipv4)
        writeReceiveIPv4()
        place(ipv6)
        writeReceiveIPv6()
    }

    /// Requests for the client's addresses, and replies to it; a reply to its probe names no address (RFC 5227).
    private mutating func writeReceiveARP() {
        let (passes, other) = (builder.accept("arp"), builder.deny("other-arp"))
        let unnamed = label()
        matchIPv4(ranges4, at: Field.arpTarget, then: passes, else: unnamed)
        place(unnamed)
        loadWord(Field.arpTarget)
        unless(0, other)
        loadByte(Field.destination)
        builder.assembler.branch(FilterCode.jumpAnyBit, 1, then: other, else: passes)
    }

    private mutating func writeReceiveIPv4() {
        let (passes, other) = (builder.accept("ipv4"), builder.deny("other-address"))
        let foreign = label()
        if ranges4.isEmpty { jump(to: other) }
        var ranges = AllowedRange.normalized(binding.groups, isIPv6: false)
        // All hosts.
        ranges.append(AllowedRange(IPv4Address(224, 0, 0, 1)))
        ranges = AllowedRange.normalized(ranges + ranges4, isIPv6: false)
        matchIPv4(ranges, at: Field.destination4, then: passes, else: foreign)
        place(foreign)
        // A DHCP server's answer to a client that has no address yet.
        loadByte(Field.protocolNumber)
        unless(UInt32(IPProtocol.udp), other)
        loadHalf(Field.fragment)
        whenAny(of: 0x3fff, other)
        indexHeaderLength()
        loadWord(behindHeader: Field.payload)
        unless(67 << 16 | 68, other)
        demandMAC(at: Field.bootMAC, behindHeader: true, else: other)
        jump(to: builder.accept("dhcp"))
    }

    private mutating func writeReceiveIPv6() {
        let (passes, other) = (builder.accept("ipv6"), builder.deny("other-address"))
        let foreign = label()
        if ranges6.isEmpty { jump(to: other) }
        // All nodes: router advertisements come there.
        let allNodes = AllowedRange(IPv6Address(high: 0xff02 << 48, low: 1))
        let ranges = AllowedRange.normalized(ranges6 + binding.groups + [allNodes], isIPv6: true)
        matchIPv6(ranges, at: Field.destination6, then: passes, else: foreign)
        place(foreign)
        // Solicited-node addresses (RFC 4291 section 2.7.1): somebody looks for the client.
        for (word, value) in [0xff02_0000, 0, 1].enumerated() {
            loadWord(Field.destination6 + 4 * UInt32(word))
            unless(UInt32(value), other)
        }
        loadByte(Field.destination6 + 12)
        unless(0xff, other)
        loadByte(Field.nextHeader)
        unless(UInt32(IPProtocol.icmpv6), other)
        loadByte(Field.payload6)
        unless(135, other)
        matchIPv6(ranges6, at: Field.neighbourTarget, then: passes, else: other)
    }
}
