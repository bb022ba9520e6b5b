// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What a client of a network was given: its frames can say nothing else of themselves, and it sees nothing else.
///
/// # Theory of operation
///
/// A binding writes two programs. `send` looks at everything in a client's frames by which hosts find each other or are
/// configured, and denies what claims to be somebody else; `receive` lets pass what is addressed to the client.
///
///     send:     source MAC ─▶ ARP: form, sender, target                                        ─▶ arp
///                          ─▶ IPv4: source ─▶ DHCP roles, redirects, routers' protocols         ─▶ ipv4
///                          ─▶ IPv6: source ─▶ extension headers, neighbour discovery, DHCPv6    ─▶ ipv6
///                          ─▶ the EtherTypes that were admitted                                  ─▶ other
///     receive:  destination MAC ─▶ target of ARP, destination of IPv4 and IPv6, needed groups
///
/// Every denial has a name and a counter; Documentation/ThreatModel.md lists them. A program has no memory of frames, so that
/// two things are decided by what one frame shows. Fragments: the first one shows ports and types and is judged by them; the
/// later ones are bound by their source address alone, since without a first one nobody puts them together, and messages
/// that are looked into (DHCP, neighbour discovery) may not be fragments at all. Super-frames: what is looked at is the same
/// in all segments (`CompiledPolicy.judgesSegmentsAlike`); DHCP, whose payload is read, is refused as a super-frame by
/// whoever runs the program.
public struct AddressBinding: Sendable, Equatable {
    /// The client's addresses. None of a version: nothing of that version passes.
    public var addresses: [AllowedRange]
    /// The client's Ethernet addresses; empty: any, but whatever names one has to name the frame's own.
    public var macs: [AllowedMAC]
    /// Protocols admitted beside IPv4, IPv6 and ARP: numbers from 0x0600.
    public var etherTypes: [UInt16] = []
    /// Groups and broadcast addresses that the client receives beside the needed ones (all hosts, solicited-node).
    public var groups: [AllowedRange] = []
    /// DHCP, redirects, router advertisements and the like are bound to the client too. False: addresses alone, as
    /// eth-filter's -S and -R say.
    public var bindsRoles = true

    public init(addresses: [AllowedRange], macs: [AllowedMAC] = []) {
        self.addresses = addresses
        self.macs = macs
    }

    var ranges4: [AllowedRange] { AllowedRange.normalized(addresses, isIPv6: false) }
    var ranges6: [AllowedRange] {
        let stated = AllowedRange.normalized(addresses, isIPv6: true)
        if stated.isEmpty { return [] }
        return AllowedRange.normalized(stated + linkLocal(stated), isIPv6: true)
    }

    /// Link-local addresses: those of the Ethernet addresses (RFC 4291, appendix A) unless some were stated. A client whose
    /// Ethernet address is one of several may have any.
    private func linkLocal(_ stated: [AllowedRange]) -> [AllowedRange] {
        let network = UInt128(0xfe80) << 112
        let all = AllowedRange(first: network, last: network | UInt128(UInt64.max), isIPv6: true)
        if stated.contains(where: { $0.first <= all.last && $0.last >= all.first }) { return [] }
        guard bindsRoles, !macs.isEmpty, macs.allSatisfy({ $0.prefixLength == 48 }) else { return [all] }
        return macs.map { mac in
            let raw = mac.address.rawValue
            let identifier = (raw >> 24) << 40 | 0xff_fe00_0000 | raw & 0xff_ffff
            return AllowedRange(IPv6Address(high: 0xfe80 << 48, low: identifier ^ 0x0200_0000_0000_0000))
        }
    }

    /// The program for frames that the client sends.
    public func send() throws(PolicyError) -> CompiledPolicy {
        var writer = BindingWriter(self)
        writer.writeSend()
        return try writer.builder.finish(judgesSegmentsAlike: true)
    }

    /// The program for frames that it is to get.
    public func receive() throws(PolicyError) -> CompiledPolicy {
        var writer = BindingWriter(self)
        writer.writeReceive()
        return try writer.builder.finish(judgesSegmentsAlike: true)
    }
}

/// Offsets in untagged Ethernet frames. The IPv4 ones from `port` on are relative to the IPv4 header's length.
enum Field {
    static var destination: UInt32 { 0 }
    static var source: UInt32 { 6 }
    static var type: UInt32 { 12 }
    // ARP, RFC 826.
    static var arpHardware: UInt32 { 14 }
    static var arpSizes: UInt32 { 18 }
    static var arpOperation: UInt32 { 20 }
    static var arpSenderMAC: UInt32 { 22 }
    static var arpSender: UInt32 { 28 }
    static var arpTargetMAC: UInt32 { 32 }
    static var arpTarget: UInt32 { 38 }
    // IPv4, RFC 791.
    static var version: UInt32 { 14 }
    static var totalLength: UInt32 { 16 }
    static var fragment: UInt32 { 20 }
    static var protocolNumber: UInt32 { 23 }
    static var source4: UInt32 { 26 }
    static var destination4: UInt32 { 30 }
    // Behind an IPv4 header, whose length is in the index register.
    static var payload: UInt32 { 14 }
    static var bootOperation: UInt32 { 22 }
    static var bootHardware: UInt32 { 23 }
    static var bootClient: UInt32 { 34 }
    static var bootRelay: UInt32 { 46 }
    static var bootMAC: UInt32 { 50 }
    // IPv6, RFC 8200.
    static var payloadLength: UInt32 { 18 }
    static var nextHeader: UInt32 { 20 }
    static var hopLimit: UInt32 { 21 }
    static var source6: UInt32 { 22 }
    static var destination6: UInt32 { 38 }
    static var payload6: UInt32 { 54 }
    /// The target of a neighbour solicitation or advertisement, RFC 4861.
    static var neighbourTarget: UInt32 { 62 }
}
