// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

// Theory of Operation
//
// A route netlink socket belongs to the network namespace in which it was made, whoever holds it later: so a process
// inside makes it, and one outside who owns the namespace's user namespace configures through it. (The kernel checks the
// maker's and the sender's rights over that user namespace, netlink_net_capable().)
//
// One request at a time: it is answered by an acknowledgement, or for a dump by messages and a final NLMSG_DONE. The
// kernel answers while send(2) runs; the deadline is there for the day when it does not.

/// Why the kernel refused a request.
public struct NetlinkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was asked for, to be read after "cannot".
    public let operation: String
    public let errno: Errno
    /// The kernel's own explanation, where it has one (extended acknowledgements, Linux 4.12).
    public let explanation: String?

    public init(operation: String, errno: Errno, explanation: String? = nil) {
        self.operation = operation
        self.errno = errno
        self.explanation = explanation
    }

    public var description: String {
        "cannot \(operation): \(errno)" + (explanation.map { " (\($0))" } ?? "")
    }
}

/// Configuration of a network namespace's interfaces, addresses and routes, rtnetlink(7).
///
/// Addresses are raw bytes in network order: 4 of IPv4 or 16 of IPv6.
public struct Netlink: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private var sequence: UInt32 = 0
    /// How long to wait for the kernel's answer, in nanoseconds.
    private static let patience: UInt64 = 5_000_000_000
    private static let receiveByteCount = 65536

    /// A socket for the caller's own network namespace.
    public init() throws(Errno) {
        self.init(adopting: OwnedDescriptor(adopting: try systemCall { cel_netlink_socket() }))
    }

    /// Uses a route netlink socket made elsewhere, perhaps in another network namespace.
    public init(adopting descriptor: consuming OwnedDescriptor) {
        cel_netlink_ask_for_words(descriptor.rawValue)
        self.descriptor = descriptor
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Sends a request that changes something, and waits for its acknowledgement.
    mutating func change(
        _ operation: String,
        type: Int,
        flags: Int = 0,
        _ fill: (inout NetlinkRequest) -> Void
    ) throws(NetlinkError) {
        _ = try exchange(operation, type: type, flags: flags | Int(NLM_F_ACK), fill)
    }

    /// Sends a request for a list, and collects it.
    mutating func dump(
        _ operation: String,
        type: Int,
        _ fill: (inout NetlinkRequest) -> Void
    ) throws(NetlinkError) -> [NetlinkMessage] {
        try exchange(operation, type: type, flags: Int(NLM_F_ROOT | NLM_F_MATCH), fill)
    }

    private mutating func exchange(
        _ operation: String,
        type: Int,
        flags: Int,
        _ fill: (inout NetlinkRequest) -> Void
    ) throws(NetlinkError) -> [NetlinkMessage] {
        sequence &+= 1
        var request = NetlinkRequest(type: type, flags: flags, sequence: sequence)
        fill(&request)
        let bytes = request.finished
        let fd = descriptor.rawValue
        do {
            try systemCall { unsafe cel_send(fd, bytes, bytes.count, 0) }
            return try collect(deadline: MonotonicClock.nanoseconds + Self.patience)
        } catch let error as Refusal {
            throw NetlinkError(operation: operation, errno: error.errno, explanation: error.explanation)
        } catch let error as Errno {
            throw NetlinkError(operation: operation, errno: error, explanation: nil)
        } catch {
            throw NetlinkError(operation: operation, errno: .invalid, explanation: "\(error)")
        }
    }

    private struct Refusal: Error {
        let errno: Errno
        let explanation: String?
    }

    private func collect(deadline: UInt64) throws -> [NetlinkMessage] {
        var collected: [NetlinkMessage] = []
        while true {
            for message in try receive(deadline: deadline) where message.sequence == sequence {
                switch message.type {
                case Int(NLMSG_DONE):
                    return collected
                case Int(NLMSG_ERROR):
                    let code = message.payload.integer(at: 0, byteCount: 4) ?? UInt64(EPROTO)
                    let errno = Errno(rawValue: 0 &- Int32(truncatingIfNeeded: code))
                    if errno.rawValue == 0 { return collected }
                    throw Refusal(errno: errno, explanation: Self.explanation(message))
                default:
                    collected.append(message)
                }
            }
        }
    }

    /// The messages of the next datagram. Throws `timedOut` at the deadline.
    private func receive(deadline: UInt64) throws(Errno) -> [NetlinkMessage] {
        let fd = descriptor.rawValue
        guard try Poll.isReadable(fd, deadline: deadline) else { throw .timedOut }
        var buffer = [UInt8](repeating: 0, count: Self.receiveByteCount)
        let length = try systemCall { unsafe cel_netlink_receive(fd, &buffer, Self.receiveByteCount) }
        guard length <= buffer.count else { throw .messageTooLarge }
        return NetlinkMessage.split(buffer[..<length])
    }

    /// The text attribute behind an error and the request that it quotes; with NLM_F_CAPPED only its header is quoted.
    static func explanation(_ message: NetlinkMessage) -> String? {
        let hasAttributes = message.flags & Int(NLM_F_ACK_TLVS) != 0
        guard hasAttributes, let quoted = message.payload.integer(at: 4, byteCount: 4) else { return nil }
        let isCapped = message.flags & Int(NLM_F_CAPPED) != 0
        let quotedByteCount = isCapped ? NetlinkMessage.headerByteCount : Int((quoted + 3) & ~3)
        let text = message.attributes(from: 4 + quotedByteCount).first { $0.type == Int(NLMSGERR_ATTR_MSG.rawValue) }
        return text.map { $0.payload.text }
    }

    // MARK: Changes as they happen

    /// What changed, for whoever subscribed.
    public enum Event: Equatable, Sendable {
        case linkChanged, addressChanged
        /// Options of a router advertisement that the kernel leaves to programs (RFC 8106: DNS servers), as they came.
        case routerOptions(interface: Int32, bytes: [UInt8])
    }

    /// Receives changes of links and IPv6 addresses and routers' options from now on. A socket with subscriptions is for
    /// `nextEvents` alone; requests go by another one.
    public func subscribe() throws(Errno) {
        let fd = descriptor.rawValue
        try systemCall { cel_netlink_bind(fd) }
        for group in [RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_ND_USEROPT] {
            let number = Int32(group.rawValue)
            try systemCall { cel_netlink_subscribe(fd, number) }
        }
    }

    /// The events that wait; none when nothing does. Lost ones (a full socket) are reported as changes of everything.
    public func nextEvents() throws(Errno) -> [Event] {
        var buffer = [UInt8](repeating: 0, count: Self.receiveByteCount)
        let fd = descriptor.rawValue
        let length: Int
        do {
            length = try systemCall { unsafe cel_netlink_receive(fd, &buffer, Self.receiveByteCount) }
        } catch .wouldBlock {
            return []
        } catch .noBuffers {
            return [.linkChanged, .addressChanged]
        }
        return NetlinkMessage.split(buffer[..<min(length, buffer.count)]).compactMap(Self.event)
    }

    static func event(_ message: NetlinkMessage) -> Event? {
        switch message.type {
        case RTM_NEWLINK, RTM_DELLINK: return .linkChanged
        case RTM_NEWADDR, RTM_DELADDR: return .addressChanged
        case RTM_NEWNDUSEROPT:
            // struct nduseroptmsg: family, pad, options length (16), interface (32), ICMP type, code, pads: 16 bytes.
            guard let length = message.payload.integer(at: 2, byteCount: 2).map(Int.init),
                let interface = message.payload.integer(at: 4, byteCount: 4), length <= message.payload.count - 16
            else { return nil }
            return .routerOptions(
                interface: Int32(truncatingIfNeeded: interface),
                bytes: Array(message.payload.dropFirst(16).prefix(length))
            )
        default: return nil
        }
    }
}
