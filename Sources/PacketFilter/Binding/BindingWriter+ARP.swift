// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client may send: Ethernet, ARP.
extension BindingWriter {
    mutating func writeSend() {
        demandMAC(at: Field.source, else: builder.deny("source-mac"))
        // A group is nobody's address.
        loadByte(Field.source)
        whenAny(of: 1, builder.deny("source-mac"))
        let (arp, ipv4, ipv6) = (label(), label(), label())
        writeTypes(arp: arp, ipv4: ipv4, ipv6: ipv6)
        place(arp)
        writeSendARP()
        place(ipv4)
        writeSendIPv4()
        place(ipv6)
        writeSendIPv6()
    }

    /// Goes where the frame's protocol leads. What is not admitted is denied by name.
    mutating func writeTypes(arp: FilterLabel, ipv4: FilterLabel, ipv6: FilterLabel) {
        loadHalf(Field.type)
        when(UInt32(EtherType.ipv4.rawValue), ipv4)
        when(UInt32(EtherType.ipv6.rawValue), ipv6)
        when(UInt32(EtherType.arp.rawValue), arp)
        for type in Set(binding.etherTypes).sorted() { when(UInt32(type), builder.accept("other")) }
        for tag: UInt32 in [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300] { when(tag, builder.deny("vlan")) }
        builder.assembler.branch(
            FilterCode.jumpGreater,
            1500,
            then: builder.deny("ethertype"),
            else: builder.deny("llc")
        )
    }

    /// ARP (RFC 826): who speaks is the client. Replies go to whom they are addressed; a probe (RFC 5227), which names no sender,
    /// asks for the client's own address, since to ask for another's makes that one give it up.
    private mutating func writeSendARP() {
        let (form, address, target) = (
            builder.deny("arp-form"), builder.deny("arp-address"), builder.deny("arp-target")
        )
        let (isBound, probe, reply, passes) = (label(), label(), label(), builder.accept("arp"))
        loadWord(Field.arpHardware)
        unless(0x0001_0800, form)
        loadHalf(Field.arpSizes)
        unless(0x0604, form)
        loadHalf(Field.arpOperation)
        builder.assembler.branch(FilterCode.jumpGreater, 2, then: form)
        when(0, form)
        demandSameMAC(at: Field.arpSenderMAC, else: builder.deny("arp-mac"))
        matchIPv4(ranges4, at: Field.arpSender, then: isBound, else: probe)
        place(probe)
        loadWord(Field.arpSender)
        unless(0, address)
        if ranges4.isEmpty { jump(to: address) }
        loadHalf(Field.arpOperation)
        unless(1, address)
        matchIPv4(ranges4, at: Field.arpTarget, then: passes, else: builder.deny("arp-probe"))
        place(isBound)
        loadHalf(Field.arpOperation)
        when(2, reply)
        jump(to: passes)
        place(reply)
        // A reply to everybody is an announcement.
        let single = label()
        loadByte(Field.destination)
        builder.assembler.branch(FilterCode.jumpAnyBit, 1, then: passes, else: single)
        place(single)
        demandSameMAC(at: Field.arpTargetMAC, as: Field.destination, else: target)
        jump(to: passes)
    }
}
