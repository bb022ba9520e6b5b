// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

// Theory of Operation
//
// A DHCP client (RFC 2131 section 4.4) without input and output: messages and the time go in, actions come out. Whoever
// drives it sends what it says, calls `advance` when `nextDeadline` has come and `receive` for each message.
//
//                 start                   first good OFFER              ACK
//      waiting ──────────▶ selecting ────────────────────▶ requesting ──────▶ bound
//         ▲  ▲                                                 │                │ T1: to the server
//         │  └──────────────────── NAK, or no answer ◀─────────┘                ▼
//         │                                                     ┌───── ACK ── renewing
//         │                                                     ▼               │ T2: to everyone
//         └──────── NAK, or the lease ends ◀── renewing, ◀──── bound ◀── ACK ── rebinding
//                                              rebinding
//
// What a stranger sends changes nothing unless it answers our question: transaction number, hardware address and, once a
// server is chosen, that server's identifier must be right, and the grant must make sense (`DHCPLease`). A server that
// refuses again and again is asked ever more rarely.
//
// Times are monotonic nanoseconds. The first retransmission comes after a second, not after the four that RFC 2131
// section 4.1 suggests for a 10 Mbit/s Ethernet: a virtual one answers within a millisecond, or has lost the question,
// and a command waits. The steps double up to 64 seconds, each randomised by a quarter.

/// The client's side of DHCP on one interface.
public struct DHCPClient: Sendable {
    /// What the driver is to do.
    public enum Action: Sendable {
        /// Send from 0.0.0.0 to everyone.
        case broadcast(DHCPMessageBuilder)
        /// Send from `source` to the server, over the station from which its last message came.
        case unicast(DHCPMessageBuilder, source: IPv4Address, server: IPv4Address, station: MACAddress)
        /// Give the interface this lease's address, or prolong it.
        case configure(DHCPLease)
        /// Take the lease's address away.
        case deconfigure(DHCPLease)
    }

    enum State: Equatable, Sendable {
        /// Nothing goes out before the deadline, when it begins (again).
        case waiting
        /// DISCOVER is out.
        case selecting
        /// REQUEST for an offer is out.
        case requesting
        case bound
        /// REQUEST to the server alone is out, since T1.
        case renewing
        /// REQUEST to any server is out, since T2.
        case rebinding
    }

    private(set) var state = State.waiting
    /// The lease in force; the driver has configured it.
    public private(set) var lease: DHCPLease?
    /// When to call `advance`.
    public private(set) var nextDeadline: UInt64?

    private let hardwareAddress: MACAddress
    private let hostName: String?
    private var random: SplitMix
    private var transaction: UInt32 = 0
    private var offer: DHCPLease?
    /// Where the chosen server's messages come from.
    private var station = MACAddress.broadcast
    /// When this acquisition began, for the message's `secs`.
    private var began: UInt64 = 0
    /// When the last request was sent first; and when that one was sent which led to the lease, as the lease's times count
    /// from there (RFC 2131 section 4.4.1).
    private var requested: UInt64 = 0
    private var leased: UInt64 = 0
    private var attempts = 0
    /// Acquisitions that a server's refusal or silence has ended, since the last lease.
    private var failures = 0

    private static let second: UInt64 = 1_000_000_000
    /// REQUESTs for one offer; then another server may be better.
    private static let requestLimit = 3

    /// - Parameters:
    ///   - hostName: sent to the server (option 12).
    ///   - seed: makes transaction numbers that strangers cannot guess, and delays that differ.
    public init(hardwareAddress: MACAddress, hostName: String? = nil, seed: UInt64) {
        self.hardwareAddress = hardwareAddress
        self.hostName = hostName
        random = SplitMix(state: seed)
    }

    /// Begins to look for servers.
    public mutating func start(now: UInt64) -> [Action] {
        began = now
        return discover(now: now)
    }

    /// Does what is due.
    public mutating func advance(now: UInt64) -> [Action] {
        guard let deadline = nextDeadline, now >= deadline else { return [] }
        switch state {
        case .waiting: return start(now: now)
        case .selecting: return sendDiscover(now: now)
        case .requesting: return attempts < Self.requestLimit ? sendRequest(now: now) : wait(now: now)
        case .bound, .renewing, .rebinding: return keepLease(now: now)
        }
    }

    /// Takes a message of the network, which `station` sent.
    public mutating func receive(_ message: DHCPMessage, from station: MACAddress, now: UInt64) -> [Action] {
        guard message.operation == .reply, message.transactionIdentifier == transaction,
            message.hardwareAddress == hardwareAddress, let type = message.messageType
        else { return [] }
        switch (state, type) {
        case (.selecting, .offer):
            guard let offer = DHCPLease(message) else { return [] }
            self.offer = offer
            self.station = station
            state = .requesting
            attempts = 0
            requested = now
            return sendRequest(now: now)
        case (.requesting, .acknowledge):
            guard let lease = DHCPLease(message), lease.server == offer?.server else { return [] }
            return bind(lease, station)
        case (.renewing, .acknowledge), (.rebinding, .acknowledge):
            guard let new = DHCPLease(message), let lease, state == .rebinding || new.server == lease.server else {
                return []
            }
            let isMoved = new.address != lease.address
            return (isMoved ? [.deconfigure(lease)] : []) + bind(new, station)
        case (.requesting, .negativeAcknowledge):
            guard message.serverIdentifier == offer?.server else { return [] }
            return wait(now: now)
        case (.renewing, .negativeAcknowledge), (.rebinding, .negativeAcknowledge):
            guard let lease, state == .rebinding || message.serverIdentifier == lease.server else { return [] }
            return [.deconfigure(lease)] + wait(now: now)
        default:
            return []
        }
    }

    /// Gives the lease back, best effort: the server does not answer (RFC 2131 section 4.4.6). The address goes with the
    /// interface.
    public mutating func release() -> [Action] {
        guard let lease else { return [] }
        transaction = UInt32(truncatingIfNeeded: random.next())
        var message = builder(.release, now: began)
        message.clientAddress = lease.address.address
        message.add(.serverIdentifier, lease.server)
        self.lease = nil
        state = .waiting
        nextDeadline = nil
        return [
            .unicast(message, source: lease.address.address, server: lease.server, station: station)
        ]
    }
}

// Steps.
extension DHCPClient {
    private mutating func discover(now: UInt64) -> [Action] {
        transaction = UInt32(truncatingIfNeeded: random.next())
        offer = nil
        attempts = 0
        state = .selecting
        return sendDiscover(now: now)
    }

    private mutating func sendDiscover(now: UInt64) -> [Action] {
        var message = builder(.discover, now: now)
        addWishes(&message)
        nextDeadline = now &+ retransmissionDelay()
        return [.broadcast(message)]
    }

    private mutating func sendRequest(now: UInt64) -> [Action] {
        guard let offer else { return wait(now: now) }
        var message = builder(.request, now: now)
        // RFC 2131 section 4.3.2: in SELECTING, both of these and no `ciaddr`.
        message.add(.serverIdentifier, offer.server)
        message.add(.requestedAddress, offer.address.address)
        addWishes(&message)
        nextDeadline = now &+ retransmissionDelay()
        return [.broadcast(message)]
    }

    /// Begins again after a while: 1, 2, 4 … 64 seconds.
    private mutating func wait(now: UInt64) -> [Action] {
        lease = nil
        offer = nil
        state = .waiting
        attempts = failures
        failures += 1
        nextDeadline = now &+ retransmissionDelay()
        return []
    }

    private mutating func bind(_ lease: DHCPLease, _ station: MACAddress) -> [Action] {
        self.lease = lease
        self.station = station
        leased = requested
        offer = nil
        state = .bound
        attempts = 0
        failures = 0
        nextDeadline = lease.duration == nil ? nil : time(lease.renewal)
        return [.configure(lease)]
    }

    /// Renews after T1, rebinds after T2, gives up at the end.
    private mutating func keepLease(now: UInt64) -> [Action] {
        guard let lease, let duration = lease.duration else { return [] }
        if now >= time(duration) {
            failures = 0
            return [.deconfigure(lease)] + discoverAgain(now: now)
        }
        if state == .bound {
            began = now
            transaction = UInt32(truncatingIfNeeded: random.next())
        }
        state = now < time(lease.rebinding) ? .renewing : .rebinding
        let limit = state == .renewing ? time(lease.rebinding) : time(duration)
        // RFC 2131 section 4.4.5: half of the time that remains, but not below a minute; the limit in any case.
        nextDeadline = min(limit, now &+ max((limit - now) / 2, 60 * Self.second))
        var message = builder(.request, now: now)
        message.clientAddress = lease.address.address
        addWishes(&message)
        requested = now
        if state == .rebinding { return [.broadcast(message)] }
        return [
            .unicast(message, source: lease.address.address, server: lease.server, station: station)
        ]
    }

    private mutating func discoverAgain(now: UInt64) -> [Action] {
        lease = nil
        began = now
        return discover(now: now)
    }

    private func time(_ seconds: UInt32) -> UInt64 { leased &+ UInt64(seconds) &* Self.second }

    /// 1, 2, 4 … 64 seconds, each a quarter more or less; counts the attempt.
    private mutating func retransmissionDelay() -> UInt64 {
        let base = Self.second << UInt64(min(attempts, 6))
        attempts += 1
        return base - base / 4 + random.next() % (base / 2)
    }

    private func builder(_ type: DHCPMessageType, now: UInt64) -> DHCPMessageBuilder {
        var message = DHCPMessageBuilder(
            operation: .request,
            messageType: type,
            transactionIdentifier: transaction,
            hardwareAddress: hardwareAddress
        )
        message.seconds = UInt16(clamping: now > began ? (now - began) / Self.second : 0)
        // RFC 2132 section 9.14: type of hardware (1 is Ethernet) and address.
        message.add(.clientIdentifier, bytes: [1] + (0..<6).map { hardwareAddress.octet($0) })
        return message
    }

    private func addWishes(_ message: inout DHCPMessageBuilder) {
        message.add(.maximumMessageSize, UInt16(1500))
        if let hostName { message.add(.hostName, hostName) }
        let wishes: [DHCPOption] = [
            .classlessStaticRoute, .subnetMask, .routers, .domainNameServers, .domainName, .interfaceMTU,
            .broadcastAddress, .leaseTime, .renewalTime, .rebindingTime,
        ]
        message.add(.parameterRequestList, bytes: wishes.map(\.rawValue))
    }
}

/// A small generator of numbers (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): tests
/// give the seed, the driver takes it from getrandom(2).
struct SplitMix: Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
