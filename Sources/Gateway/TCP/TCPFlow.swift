// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Where a TCP flow stands. The guest's side is meant; the host's side is the kernel's business.
enum TCPState: UInt8, BitwiseCopyable {
    /// The record is free.
    case free = 0
    /// The guest sent SYN; the host socket is connecting. Left by `established(by:)` or failure.
    case connecting
    /// A host connection was accepted; the guest's Ethernet address is being asked for.
    case resolving
    /// SYN was sent to the guest.
    case synSent
    /// SYN was received and SYN-ACK sent.
    case synReceived
    /// Data flows. Which halves are closed is in the flags.
    case established
    /// Everything is done; the tuple rests, so that late segments meet somebody who knows (RFC 9293 section 3.6.1).
    case timeWait
}

/// Facts about a TCP flow.
struct TCPFlowFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt32

    /// The host may have data that was not peeked.
    static let hostReadable = TCPFlowFlags(rawValue: 1 << 0)
    /// The host socket may take data.
    static let hostWritable = TCPFlowFlags(rawValue: 1 << 1)
    /// The host's peer sent its FIN: reads go on until the end of the stream is met, readiness will not be reported again.
    static let hostReadHangUp = TCPFlowFlags(rawValue: 1 << 2)
    /// The host saw urgent data: a short read does not mean that nothing is left.
    static let hostUrgent = TCPFlowFlags(rawValue: 1 << 3)
    /// The end of the host's stream was met: `finSequence` is known.
    static let hostFinished = TCPFlowFlags(rawValue: 1 << 4)
    /// Our FIN was sent at least once.
    static let finSent = TCPFlowFlags(rawValue: 1 << 5)
    /// The guest acknowledged our FIN.
    static let finAcknowledged = TCPFlowFlags(rawValue: 1 << 6)
    /// The guest's FIN was accepted: it sends nothing more.
    static let guestFinished = TCPFlowFlags(rawValue: 1 << 7)
    /// The guest's end was passed on to the host.
    static let writeShutDown = TCPFlowFlags(rawValue: 1 << 8)
    /// The host's end came first: the tuple must rest afterwards.
    static let closedByHostFirst = TCPFlowFlags(rawValue: 1 << 9)
    /// An acknowledgement is owed to the guest.
    static let needsACK = TCPFlowFlags(rawValue: 1 << 10)
    /// A round trip is being measured.
    static let measuring = TCPFlowFlags(rawValue: 1 << 11)
    /// A smoothed round trip time exists.
    static let hasRoundTrip = TCPFlowFlags(rawValue: 1 << 12)
    /// Lost segments are being sent again (RFC 6582).
    static let recovering = TCPFlowFlags(rawValue: 1 << 13)
    /// The guest's window is shut while data waits: the timer probes.
    static let persisting = TCPFlowFlags(rawValue: 1 << 14)
    /// The flow came from a forward.
    static let inbound = TCPFlowFlags(rawValue: 1 << 15)
    /// The flow goes to a name server.
    static let resolver = TCPFlowFlags(rawValue: 1 << 16)
    /// Counted among the half-open flows.
    static let halfOpen = TCPFlowFlags(rawValue: 1 << 17)
    /// An attempt to connect ended: the result is to be fetched.
    static let connectReady = TCPFlowFlags(rawValue: 1 << 18)
    /// Duplicate acknowledgements led to recovery; the lost segment is to be sent again.
    static let mustRetransmit = TCPFlowFlags(rawValue: 1 << 19)
    /// The host socket reported an error.
    static let hostError = TCPFlowFlags(rawValue: 1 << 20)
    /// Data was given to the kernel that waits for more; the flow's turn pushes it out.
    static let corked = TCPFlowFlags(rawValue: 1 << 21)
}

/// One TCP connection between a guest and a host socket: 256 bytes at most, in the state memory.
///
/// Names of the send side (`send…`) are about data to the guest, those of the receive side about data from it.
struct TCPFlow: FlowRecord {
    var writeSequence: UInt32
    var listNext: UInt32
    var listPrevious: UInt32
    var listNumber: UInt8
    private var stateValue: UInt8
    /// Bits by which the window that the guest announces is shifted, and ours.
    var guestWindowShift: UInt8
    var ownWindowShift: UInt8

    var key: FlowKey
    var flags: TCPFlowFlags
    var hash: UInt64
    /// The host socket's handle; `HostSocket.none` when it is closed.
    var socket: UInt64
    /// The guest's Ethernet address.
    var guestMAC: UInt64
    /// Raised whenever the place is used anew: readiness of an older socket is recognised.
    var generation: UInt32
    /// The forward that the flow came from, or the resolver that it goes to.
    var origin: UInt16
    /// Largest payload of a segment to the guest.
    var maximumSegment: UInt16

    // Receive side.
    /// The first number that the guest is expected to send next.
    var receiveNext: UInt32
    /// The right edge of the window as announced: never moved back.
    var receiveEdge: UInt32
    /// The guest's initial sequence number.
    var initialReceive: UInt32
    var spill: SpillArena.Queue

    // Send side.
    /// Oldest number that the guest did not acknowledge; the host socket's queue begins here, but for `undiscarded`.
    var sendUnacknowledged: UInt32
    /// Next number to send; moved back to send again.
    var sendNext: UInt32
    /// The highest number ever sent, and one.
    var sendMaximum: UInt32
    var initialSend: UInt32
    /// The number of our FIN, once the host's stream has ended.
    var finSequence: UInt32
    /// Acknowledged bytes that the host socket still holds.
    var undiscarded: UInt32
    /// The guest's window in bytes, and the segment that told it (RFC 9293 section 3.10.7.4).
    var sendWindow: UInt32
    var windowSequence: UInt32
    var windowAcknowledgement: UInt32

    // Loss and congestion (RFC 5681, RFC 6298, RFC 6582).
    var congestionWindow: UInt32
    var slowStartThreshold: UInt32
    /// Recovery is over when this is acknowledged.
    var recoveryPoint: UInt32
    /// Segments to send again for the next partial acknowledgement.
    var recoveryBurst: UInt16
    var duplicateACKs: UInt8
    /// Timeouts in a row, or probes of a shut window.
    var retries: UInt8
    /// Microseconds.
    var smoothedRoundTrip: UInt32
    var roundTripVariation: UInt32
    var retransmissionTimeout: UInt32
    /// The number whose acknowledgement ends the measurement, and when it was sent.
    var measuredSequence: UInt32
    var measuredAt: UInt64
    /// When data was last sent to the guest.
    var lastSent: UInt64
    /// When the guest was last heard.
    var lastHeard: UInt64

    // For whoever looks.
    var createdAt: UInt64
    var bytesToHost: UInt64
    var bytesToGuest: UInt64

    var state: TCPState {
        get { TCPState(rawValue: stateValue) ?? .free }
        set { stateValue = newValue.rawValue }
    }

    /// A fresh record in a place that has had `generation - 1` others.
    init(key: FlowKey, hash: UInt64, generation: UInt32, now: UInt64) {
        writeSequence = 1
        listNext = 0
        listPrevious = 0
        listNumber = 0
        stateValue = TCPState.free.rawValue
        guestWindowShift = 0
        ownWindowShift = 0
        self.key = key
        flags = []
        self.hash = hash
        socket = HostSocket.none.rawValue
        guestMAC = 0
        self.generation = generation
        origin = 0
        maximumSegment = 536
        receiveNext = 0
        receiveEdge = 0
        initialReceive = 0
        spill = SpillArena.Queue(head: 0, tail: 0, byteCount: 0)
        sendUnacknowledged = 0
        sendNext = 0
        sendMaximum = 0
        initialSend = 0
        finSequence = 0
        undiscarded = 0
        sendWindow = 0
        windowSequence = 0
        windowAcknowledgement = 0
        congestionWindow = 0
        slowStartThreshold = .max
        recoveryPoint = 0
        recoveryBurst = 1
        duplicateACKs = 0
        retries = 0
        smoothedRoundTrip = 0
        roundTripVariation = 0
        retransmissionTimeout = 1_000_000
        measuredSequence = 0
        measuredAt = 0
        lastSent = 0
        lastHeard = now
        createdAt = now
        bytesToHost = 0
        bytesToGuest = 0
    }

    var hostSocket: HostSocket { HostSocket(rawValue: socket) }

    /// Numbers that were sent and not acknowledged.
    @inline(__always)
    var inFlight: UInt32 { sendNext &- sendUnacknowledged }

    /// The window that the guest was told.
    @inline(__always)
    var receiveWindow: UInt32 { receiveEdge &- receiveNext }
}

/// Comparison of TCP's sequence numbers. (The data plane has a type of the same name for its records.)
typealias TCPSequence = Wire.SequenceNumber
