// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization

/// What a gateway counts. The raw value is the counter's place in the state memory.
public enum GatewayCounter: Int, Sendable, CaseIterable {
    /// Frames taken from and given to the guests' side.
    case framesIn, framesOut
    /// Payload bytes of TCP and UDP, from guests to the host and back.
    case bytesToHost, bytesToGuest
    /// Frames that contradict themselves, or have a wrong checksum.
    case malformed, badChecksum
    /// Frames and packets for somebody else, or of a protocol that ends here.
    case notForGateway, unsupported
    /// Fragments of IPv4 datagrams, which are not put together.
    case fragments
    /// Packets to addresses that are not reached through the gateway.
    case prohibited
    /// Frames not sent because no slot was free, or the burst was full.
    case noFrameMemory, outputFull
    /// Connections opened for guests, and accepted for them.
    case tcpOpened, tcpAccepted
    /// Connections that ended in good order, by a reset of either side, or by silence.
    case tcpClosed, tcpResetByGuest, tcpResetByHost, tcpTimedOut
    /// Connection attempts that failed, and those refused for want of room.
    case tcpFailed, tcpRefused
    /// Silent connections broken to make room for new ones.
    case tcpEvicted
    /// Segments sent again, and segments that came out of order, twice or out of the window.
    case tcpRetransmits, tcpOutOfOrder, tcpDuplicates, tcpOutOfWindow
    /// Segments without a connection, answered with a reset.
    case tcpUnknown
    /// Bytes that a host socket did not take at once.
    case tcpSpilledBytes
    /// Conversations opened, pushed out by newer ones, and refused for want of room.
    case udpOpened, udpEvicted, udpRefused
    /// Datagrams that a host socket did not take, and those that found no guest.
    case udpSendFailed, udpDropped
    /// Questions repeated to another name server, and answered with a failure.
    case dnsRetried, dnsFailed
    /// Addresses given and confirmed, refused, and questions left without one.
    case dhcpAcknowledged, dhcpRefused, dhcpExhausted
    /// Address questions sent, and those that nobody answered.
    case arpRequests, arpFailed
    /// Now: connections, those not yet established, conversations, chunks of spilled data in use.
    case tcpFlows, tcpHalfOpen, udpFlows, spillChunks
}

/// The counters of one gateway. The loop writes; any thread may read.
///
/// Invariant: `base` covers one atomic word for each counter for as long as the state memory lives. Each has one writer,
/// so that adding is a load and a store.
@safe
public struct GatewayCounters: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Atomic<UInt64>>

    init(in state: inout StateMemory) {
        let count = GatewayCounter.allCases.count
        let memory = unsafe state.addSection(.gatewayCounters, recordByteCount: 8, count: count)
        unsafe base = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }

    static var byteCount: Int {
        StateMemory.sectionByteCount(recordByteCount: 8, count: GatewayCounter.allCases.count)
    }

    /// The counter's value now.
    public subscript(counter: GatewayCounter) -> UInt64 {
        unsafe base[counter.rawValue].load(ordering: .relaxed)
    }

    @inline(__always)
    func add(_ amount: Int, _ counter: GatewayCounter) {
        let value = unsafe base[counter.rawValue].load(ordering: .relaxed)
        unsafe base[counter.rawValue].store(value &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    @inline(__always)
    func add(_ counter: GatewayCounter) { add(1, counter) }

    @inline(__always)
    func set(_ counter: GatewayCounter, _ value: Int) {
        unsafe base[counter.rawValue].store(UInt64(truncatingIfNeeded: value), ordering: .relaxed)
    }
}
