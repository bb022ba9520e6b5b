// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Packets of one EtherType at one interface, without their link-layer headers: packet(7), SOCK_DGRAM.
///
/// Works before the interface has an address, which is what a DHCP client needs. Belongs to the network namespace where the
/// socket was made.
public struct PacketSocket: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private let interface: Int32
    private let etherType: Int32

    /// Binds `descriptor`, an AF_PACKET socket made of no protocol, to an interface of its namespace.
    public init(
        adopting descriptor: consuming OwnedDescriptor,
        interface: Int32,
        etherType: UInt16
    ) throws(Errno) {
        self.descriptor = descriptor
        self.interface = interface
        self.etherType = Int32(etherType)
        let fd = self.descriptor.rawValue
        let type = self.etherType
        try systemCall { cel_packet_bind(fd, interface, type) }
    }

    /// A socket in the caller's own network namespace; needs CAP_NET_RAW there.
    public init(interface: Int32, etherType: UInt16) throws(Errno) {
        try self.init(
            adopting: OwnedDescriptor(adopting: try systemCall { cel_packet_socket() }),
            interface: interface,
            etherType: etherType
        )
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Sends one packet to a station, six bytes of address.
    public func send(_ packet: [UInt8], to station: [UInt8]) throws(Errno) {
        precondition(station.count == 6)
        let (fd, interface, type) = (descriptor.rawValue, interface, etherType)
        try systemCall { unsafe cel_packet_send(fd, packet, packet.count, interface, type, station) }
    }

    /// A packet that arrived.
    public struct Packet: Sendable {
        public let bytes: [UInt8]
        /// The station that sent it, six bytes.
        public let sender: [UInt8]
        /// Its transport checksum was left to hardware that it never met, as between virtual interfaces of one host.
        public let isChecksumMissing: Bool
    }

    /// The next packet from others, nil when none waits; longer ones than `limit` bytes are passed over.
    public func receive(limit: Int = 2048) throws(Errno) -> Packet? {
        while true {
            var bytes = [UInt8](repeating: 0, count: limit)
            var sender = [UInt8](repeating: 0, count: 6)
            var isMissing: Int32 = 0
            var isOutgoing: Int32 = 0
            let fd = descriptor.rawValue
            let length: Int
            do {
                length = try systemCall {
                    unsafe cel_packet_receive(fd, &bytes, limit, &sender, &isMissing, &isOutgoing)
                }
            } catch .wouldBlock {
                return nil
            }
            guard length <= limit, isOutgoing == 0 else { continue }
            bytes.removeLast(limit - length)
            return Packet(bytes: bytes, sender: sender, isChecksumMissing: isMissing != 0)
        }
    }
}
