// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client may send: IPv4.
extension BindingWriter {
    /// IPv4 (RFC 791): the source is the client's, or none at all in a DHCP client's first messages.
    mutating func writeSendIPv4() {
        let (form, source, fragment) =
            (builder.deny("ipv4-form"), builder.deny("ipv4-source"), builder.deny("ipv4-fragment"))
        let passes = builder.accept("ipv4")
        let (isBound, unbound) = (label(), label())
        if ranges4.isEmpty { jump(to: source) }
        loadByte(Field.version)
        unlessAtLeast(0x45, form)
        builder.assembler.branch(FilterCode.jumpGreater, 0x4f, then: form)
        matchIPv4(ranges4, at: Field.source4, then: isBound, else: unbound)

        place(unbound)
        unless(0, source)
        guard binding.bindsRoles else {
            // A DHCP client still has to get its address.
            loadWord(Field.destination4)
            unless(.max, source)
            loadByte(Field.protocolNumber)
            unless(UInt32(IPProtocol.udp), source)
            jump(to: passes)
            place(isBound)
            jump(to: passes)
            return
        }
        let unboundDHCP = label()
        loadWord(Field.destination4)
        unless(.max, source)
        loadByte(Field.protocolNumber)
        unless(UInt32(IPProtocol.udp), source)
        loadHalf(Field.fragment)
        whenAny(of: 0x3fff, source)
        indexHeaderLength()
        loadHalf(behindHeader: Field.payload)
        unless(68, source)
        loadHalf(behindHeader: Field.payload + 2)
        builder.assembler.branch(FilterCode.jumpEqual, 67, then: unboundDHCP, else: source)

        place(isBound)
        let whole = label()
        indexHeaderLength()
        loadHalf(Field.fragment)
        // A later fragment: bound by its source.
        whenAny(of: 0x1fff, passes)
        builder.assembler.branch(FilterCode.jumpAnyBit, 0x2000, else: whole)
        // A first fragment: what it is judged by is in it (RFC 1858), not behind the packet's end.
        builder.assembler.emit(FilterCode.indexToAccumulator)
        builder.assembler.emit(FilterCode.add, 8)
        builder.assembler.emit(FilterCode.accumulatorToIndex)
        loadHalf(Field.totalLength)
        builder.assembler.branch(FilterCode.jumpGreaterOrEqual | FilterCode.withIndex, else: fragment)
        indexHeaderLength()
        place(whole)
        writeSendRoles4(dhcp: unboundDHCP, fragment: fragment, passes: passes)
    }

    /// What hosts do not say: DHCP servers', routers' and queriers' messages. The index register has the header's length.
    private mutating func writeSendRoles4(dhcp: FilterLabel, fragment: FilterLabel, passes: FilterLabel) {
        let (udp, icmp, igmp) = (label(), label(), label())
        let server = builder.deny("dhcp-server")
        loadByte(Field.protocolNumber)
        when(UInt32(IPProtocol.tcp), passes)
        when(UInt32(IPProtocol.udp), udp)
        when(UInt32(IPProtocol.icmp), icmp)
        when(UInt32(IPProtocol.igmp), igmp)
        refuseRoutersProtocols()
        jump(to: passes)
        place(icmp)
        // Redirect, and router advertisement (RFC 792, RFC 1256).
        loadByte(behindHeader: Field.payload)
        when(5, builder.deny("icmp-redirect"))
        when(9, builder.deny("icmp-router"))
        jump(to: passes)
        place(igmp)
        loadByte(behindHeader: Field.payload)
        when(0x11, builder.deny("group-query"))
        jump(to: passes)
        place(udp)
        loadHalf(behindHeader: Field.payload)
        when(67, server)
        when(68, dhcp)
        loadHalf(behindHeader: Field.payload + 2)
        when(68, server)
        builder.assembler.branch(FilterCode.jumpEqual, 67, else: passes)
        // A DHCP client, or nobody: to a server's port from its own, for itself (RFC 2131).
        place(dhcp)
        writeSendDHCP(fragment: fragment)
    }

    private mutating func writeSendDHCP(fragment: FilterLabel) {
        let client = builder.deny("dhcp-client")
        let (hasAddress, mac) = (label(), label())
        loadHalf(Field.fragment)
        whenAny(of: 0x2000, fragment)
        loadWord(behindHeader: Field.payload)
        unless(68 << 16 | 67, client)
        loadByte(behindHeader: Field.bootOperation)
        unless(1, client)
        loadHalf(behindHeader: Field.bootHardware)
        unless(0x0106, client)
        loadWord(behindHeader: Field.bootRelay)
        unless(0, client)
        loadWord(behindHeader: Field.bootClient)
        when(0, mac)
        jump(to: hasAddress)
        place(hasAddress)
        matchIPv4(ranges4, at: Field.bootClient, behindHeader: true, then: mac, else: client)
        place(mac)
        demandSameMAC(at: Field.bootMAC, behindHeader: true, else: client)
        jump(to: builder.accept("dhcp"))
    }

    /// Protocols by which routers speak to each other: EIGRP, OSPF, PIM, VRRP and CARP. The protocol's number is loaded.
    mutating func refuseRoutersProtocols() {
        for number: UInt32 in [88, 89, 103, 112] { when(number, builder.deny("router-protocol")) }
    }
}
