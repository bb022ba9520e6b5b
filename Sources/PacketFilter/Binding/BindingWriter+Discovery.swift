// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client may send: ICMPv6, with all by which hosts find each other.
extension BindingWriter {
    /// From the unspecified address: whether an address of the client's is free (RFC 4862), and where routers are.
    mutating func writeUnboundDiscovery(source: FilterLabel, passes: FilterLabel) {
        let (solicitation, router) = (label(), label())
        loadByte(Field.payload6)
        when(135, solicitation)
        builder.assembler.branch(FilterCode.jumpEqual, 133, then: router, else: source)
        place(solicitation)
        demandHopLimit()
        let own = label()
        matchIPv6(ranges6, at: Field.neighbourTarget, then: own, else: builder.deny("nd-target"))
        place(own)
        demandOptions(at: 78, baseLength: 24, linkLayer: nil, passes: passes)
        place(router)
        demandHopLimit()
        demandOptions(at: 62, baseLength: 8, linkLayer: nil, passes: passes)
    }

    /// From an address of the client's: errors, echoes, listeners' reports, and neighbour discovery (RFC 4861) about itself.
    mutating func writeDiscovery(passes: FilterLabel) {
        let (routerSolicitation, solicitation, advertisement) = (label(), label(), label())
        loadByte(Field.payload6)
        for type: UInt32 in [128, 129] { when(type, passes) }
        when(135, solicitation)
        when(136, advertisement)
        when(133, routerSolicitation)
        when(134, builder.deny("router-advertisement"))
        when(137, builder.deny("nd-redirect"))
        when(130, builder.deny("group-query"))
        for type: UInt32 in [1, 2, 3, 4, 131, 132, 143] { when(type, passes) }
        jump(to: builder.deny("icmpv6-type"))
        place(solicitation)
        demandHopLimit()
        demandOptions(at: 78, baseLength: 24, linkLayer: 1, passes: passes)
        place(advertisement)
        demandHopLimit()
        let own = label()
        matchIPv6(ranges6, at: Field.neighbourTarget, then: own, else: builder.deny("nd-target"))
        place(own)
        demandOptions(at: 78, baseLength: 24, linkLayer: 2, passes: passes)
        place(routerSolicitation)
        demandHopLimit()
        demandOptions(at: 62, baseLength: 8, linkLayer: 1, passes: passes)
    }

    /// Neighbours discover each other with 255 only: no router was passed.
    private mutating func demandHopLimit() {
        loadByte(Field.hopLimit)
        unless(255, builder.deny("nd-hop-limit"))
    }

    /// Passes with no option, or with one or two of eight bytes each: the sender's own Ethernet address, and a nonce (RFC
    /// 7527). Receivers find options by the packet's length, and so does this.
    ///
    /// - Parameters:
    ///   - linkLayer: the type of the option with the Ethernet address; nil: there may be none.
    private mutating func demandOptions(at offset: UInt32, baseLength: UInt32, linkLayer: UInt32?, passes: FilterLabel)
    {
        let denied = builder.deny("nd-option")
        let (first, second) = (label(), label())
        loadHalf(Field.payloadLength)
        when(baseLength, passes)
        when(baseLength + 8, first)
        builder.assembler.branch(FilterCode.jumpEqual, baseLength + 16, then: second, else: denied)
        place(second)
        demandOption(at: offset + 8, linkLayer, passes: first, denied: denied)
        place(first)
        demandOption(at: offset, linkLayer, passes: passes, denied: denied)
    }

    private mutating func demandOption(
        at offset: UInt32,
        _ linkLayer: UInt32?,
        passes: FilterLabel,
        denied: FilterLabel
    ) {
        loadHalf(offset)
        when(0x0e01, passes)
        guard let linkLayer else {
            jump(to: denied)
            return
        }
        unless(linkLayer << 8 | 1, denied)
        demandSameMAC(at: offset + 2, else: denied)
        jump(to: passes)
    }
}
