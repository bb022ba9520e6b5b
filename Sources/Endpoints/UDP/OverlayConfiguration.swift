// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import Wire

/// How frames travel in UDP datagrams, and between whom.
public struct OverlayConfiguration: Sendable {
    /// What stands before a frame.
    public enum Framing: Sendable, Equatable {
        /// Nothing.
        case plain
        /// Of the network with this number.
        case vxlan(identifier: UInt32)
        case l2tpv3(L2TPv3Framing)

        /// Bytes before a frame.
        public var byteCount: Int {
            switch self {
            case .plain: 0
            case .vxlan: VXLANHeader.byteCount
            case .l2tpv3(let framing): framing.byteCount
            }
        }
    }

    public var framing: Framing
    /// Where frames go whose destination's host is not known: the one peer, a group, or each of several peers.
    public var destinations: [InternetAddress]
    /// Learn behind which host stations are, and send to that host alone.
    public var learns = false
    /// Stations to remember, and for how long in seconds.
    public var stationCount = 1024
    public var ageingSeconds: UInt32 = 128
    /// A learned host listens on this port, whatever port it sent from (RFC 7348 section 5); nil: on the port it sent from.
    public var replyPort: UInt16?
    /// Take packets from the destinations only.
    public var checksPeers = true
    /// Own packets come back from the group: those from this port of an address of this host. 0 when none do.
    public var ownPort: UInt16 = 0
    /// A header without a frame says "I leave" (vxvde).
    public var announcesLeaving = false

    /// The peers are kernels, which may leave checksums and segmentation of what they send undone (`UnfinishedFrame`):
    /// larger TCP packets than this are segmented. 0: peers are programs, whose frames are whole.
    public var unfinishedPacketLimit = 0

    /// Neighbouring frames of one size and peer go to the kernel in one call (UDP_SEGMENT); off only to measure what that is
    /// worth.
    public var isSegmented = true

    /// Most destinations: each flooded frame is sent to every one.
    public static var maximumDestinationCount: Int { 64 }

    public init(framing: Framing, destinations: [InternetAddress]) {
        self.framing = framing
        self.destinations = destinations
    }
}
