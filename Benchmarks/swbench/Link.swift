// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem

/// Two ends, each a socket that sends and receives whole Ethernet frames and waits when it must.
///
/// The control streams of a VDE switch are kept open as long as the value lives: closing one gives up its port.
final class Link: Sendable {
    let sender: Int32
    let sink: Int32
    private let owned: [Int32]

    init(sender: Int32, sink: Int32, owned: [Int32]) {
        self.sender = sender
        self.sink = sink
        self.owned = owned
    }

    deinit { for descriptor in owned { close(descriptor) } }
}

extension Link {
    /// No switch: what the kernel alone takes for one hop.
    static func direct() throws -> Link {
        var ends: [Int32] = [0, 0]
        guard unsafe socketpair(AF_UNIX, Int32(bitPattern: SOCK_DGRAM.rawValue), 0, &ends) == 0 else {
            throw Failure.systemCall("socketpair", Errno(rawValue: errno))
        }
        return Link(sender: ends[0], sink: ends[1], owned: ends)
    }

    /// Two ports of the switch whose directory is `path`, and `idle` more that only exist.
    static func switched(_ path: String, idle: Int) throws -> Link {
        let first = try VDEClient.attach(path, description: "swbench sender")
        let second = try VDEClient.attach(path, description: "swbench sink")
        var owned = [first.data, first.control, second.data, second.control]
        for _ in 0..<idle {
            let port = try VDEClient.attach(path, description: "swbench idle")
            owned += [port.data, port.control]
        }
        return Link(sender: first.data, sink: second.data, owned: owned)
    }

    /// A port of one switch and a port of another; something joins the two.
    static func joined(_ first: String, _ second: String) throws -> Link {
        let sender = try VDEClient.attach(first, description: "swbench sender")
        let sink = try VDEClient.attach(second, description: "swbench sink")
        return Link(
            sender: sender.data,
            sink: sink.data,
            owned: [sender.data, sender.control, sink.data, sink.control]
        )
    }

    /// Raw sockets, packet(7), on two interfaces, such as two taps of one switch.
    static func packet(_ first: String, _ second: String) throws -> Link {
        let sender = try packetSocket(first, type: TestFrame.etherType)
        let sink = try packetSocket(second, type: TestFrame.etherType)
        return Link(sender: sender, sink: sink, owned: [sender, sink])
    }

    /// A raw socket on an interface, and a port of a switch.
    static func mixed(_ interface: String, _ path: String) throws -> Link {
        let sender = try packetSocket(interface, type: TestFrame.etherType)
        let sink = try VDEClient.attach(path, description: "swbench sink")
        return Link(sender: sender, sink: sink.data, owned: [sender, sink.data, sink.control])
    }

    /// Raw sockets for the super-frames of this link's interfaces: what is sent begins with a virtio-net header.
    func forSuperFrames(_ first: String, _ second: String?) throws -> Link {
        let sender = try Link.packetSocket(first, type: TestFrame.ipv4)
        // PACKET_VNET_HDR of <linux/if_packet.h>.
        let status = cel_set_option(sender, 263, 15, 1)
        guard status >= 0 else { throw Failure.systemCall("PACKET_VNET_HDR", Errno(rawValue: -status)) }
        let sink = try second.map { try Link.packetSocket($0, type: TestFrame.ipv4) }
        return Link(sender: sender, sink: sink ?? self.sink, owned: sink.map { [sender, $0] } ?? [sender])
    }

    private static func packetSocket(_ interface: String, type: UInt16) throws -> Int32 {
        let index = unsafe if_nametoindex(interface)
        guard index != 0 else { throw Failure("no interface \(interface)") }
        let type = type.bigEndian
        let descriptor = socket(AF_PACKET, Int32(bitPattern: SOCK_RAW.rawValue), Int32(type))
        guard descriptor >= 0 else { throw Failure.systemCall("socket(AF_PACKET)", Errno(rawValue: errno)) }
        // struct sockaddr_ll: family, protocol, interface, and 12 bytes that bind(2) ignores.
        var address = [UInt8](repeating: 0, count: 20)
        unsafe address.withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(of: UInt16(AF_PACKET), as: UInt16.self)
            unsafe bytes.storeBytes(of: type, toByteOffset: 2, as: UInt16.self)
            unsafe bytes.storeBytes(of: index, toByteOffset: 4, as: UInt32.self)
        }
        let bound = unsafe cel_bind(descriptor, address, UInt32(address.count))
        guard bound == 0 else { throw Failure.systemCall("bind(\(interface))", Errno(rawValue: -bound)) }
        // PACKET_IGNORE_OUTGOING: what we send is not what the switch sent.
        _ = cel_set_option(descriptor, 263, 23, 1)
        return descriptor
    }

    /// After `milliseconds` a send or receive that waits ends with EAGAIN.
    static func limit(_ descriptor: Int32, option: Int32, milliseconds: Int) {
        var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}
