// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client may send: IPv6.
extension BindingWriter {
    /// Headers between IPv6 and what it carries (IANA, IPv6 Extension Header Types) that hosts need not send. Fragments and the
    /// one hop-by-hop option of multicast listeners are looked at; encrypted packets (50) hide nothing from whom they are for.
    private var hidingHeaders: [UInt32] { [0, 43, 51, 60, 135, 139, 140, 253, 254] }

    /// IPv6 (RFC 8200): the source is the client's, or unspecified where a host looks whether its address is free.
    mutating func writeSendIPv6() {
        let source = builder.deny("ipv6-source")
        let passes = builder.accept("ipv6")
        let (isBound, unbound) = (label(), label())
        if ranges6.isEmpty { jump(to: source) }
        loadByte(Field.version)
        unlessAtLeast(0x60, builder.deny("ipv6-form"))
        builder.assembler.branch(FilterCode.jumpGreater, 0x6f, then: builder.deny("ipv6-form"))
        matchIPv6(ranges6, at: Field.source6, then: isBound, else: unbound)
        place(unbound)
        for word: UInt32 in 0..<4 {
            loadWord(Field.source6 + 4 * word)
            unless(0, source)
        }
        let (listener, unboundDiscovery) = (label(), label())
        loadByte(Field.nextHeader)
        when(0, listener)
        builder.assembler.branch(FilterCode.jumpEqual, 58, then: unboundDiscovery, else: source)
        place(unboundDiscovery)
        writeUnboundDiscovery(source: source, passes: passes)

        place(isBound)
        let (discovery, udp, fragment) = (label(), label(), label())
        loadByte(Field.nextHeader)
        when(UInt32(IPProtocol.tcp), passes)
        when(UInt32(IPProtocol.udp), udp)
        when(UInt32(IPProtocol.icmpv6), discovery)
        when(UInt32(IPProtocol.fragment), fragment)
        when(0, listener)
        for number in hidingHeaders.dropFirst() { when(number, builder.deny("ipv6-extension")) }
        refuseRoutersProtocols()
        jump(to: passes)
        place(fragment)
        writeFragment6(passes: passes)
        place(udp)
        writeSendUDP6(passes: passes)
        place(listener)
        writeListener(passes: passes)
        place(discovery)
        writeDiscovery(passes: passes)
    }

    /// A fragment: the first one shows what follows, and that may be nothing that is looked into (RFC 6980). Later ones are
    /// bound by their source.
    private mutating func writeFragment6(passes: FilterLabel) {
        let denied = builder.deny("ipv6-fragment")
        let (first, udp, message) = (label(), label(), label())
        loadHalf(Field.payload6 + 2)
        builder.assembler.branch(FilterCode.jumpAnyBit, 0xfff8, then: passes, else: first)
        place(first)
        loadHalf(Field.payloadLength)
        unlessAtLeast(16, denied)
        loadByte(Field.payload6)
        when(UInt32(IPProtocol.udp), udp)
        when(UInt32(IPProtocol.icmpv6), message)
        when(UInt32(IPProtocol.fragment), denied)
        for number in hidingHeaders { when(number, builder.deny("ipv6-extension")) }
        refuseRoutersProtocols()
        jump(to: passes)
        place(udp)
        loadHalf(Field.payload6 + 8)
        when(547, builder.deny("dhcpv6-server"))
        loadHalf(Field.payload6 + 10)
        when(546, builder.deny("dhcpv6-server"))
        builder.assembler.branch(FilterCode.jumpEqual, 547, then: denied, else: passes)
        place(message)
        // Errors and echoes; nothing of neighbour discovery.
        loadByte(Field.payload6 + 8)
        when(128, passes)
        when(129, passes)
        when(0, denied)
        builder.assembler.branch(FilterCode.jumpGreater, 4, then: denied, else: passes)
    }

    /// DHCPv6 (RFC 8415): a client speaks to servers; servers and relays are others.
    private mutating func writeSendUDP6(passes: FilterLabel) {
        let server = builder.deny("dhcpv6-server")
        loadHalf(Field.payload6)
        when(547, server)
        loadHalf(Field.payload6 + 2)
        when(546, server)
        builder.assembler.branch(FilterCode.jumpEqual, 547, else: passes)
        loadByte(Field.payload6 + 8)
        when(12, server)
        when(13, server)
        jump(to: builder.accept("dhcp"))
    }

    /// Multicast listeners' reports (RFC 2710, RFC 3810) with their router alert, and no other hop-by-hop options.
    private mutating func writeListener(passes: FilterLabel) {
        let hidden = builder.deny("ipv6-extension")
        loadHalf(Field.payload6)
        unless(0x3a00, hidden)
        // Router alert, then padding of either kind (RFC 2711, RFC 8200 section 4.2).
        loadWord(Field.payload6 + 2)
        unless(0x0502_0000, hidden)
        let padded = label()
        loadHalf(Field.payload6 + 6)
        when(0x0100, padded)
        unless(0, hidden)
        place(padded)
        loadByte(Field.payload6 + 8)
        when(131, passes)
        when(132, passes)
        when(143, passes)
        builder.assembler.branch(FilterCode.jumpEqual, 130, then: builder.deny("group-query"), else: hidden)
    }
}
