// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// What an overlay endpoint remembers, and how it judges what arrives.
struct OverlayState: ~Copyable {
    let framing: OverlayConfiguration.Framing
    let prefixByteCount: Int
    let prefixStride: Int
    /// The header before each frame of a batch; one for all when the stride is 0.
    var prefixes: [640 of UInt8] = InlineArray(repeating: 0)
    /// The number before the next frame (L2TPv3).
    var counter: UInt32 = 0

    var destinations: [64 of InternetAddress] = InlineArray(repeating: .none)
    let destinationCount: Int
    let learns: Bool
    var remotes: RemoteTable
    let replyPort: UInt16
    let checksPeers: Bool
    let announcesLeaving: Bool
    let unfinishedPacketLimit: Int

    /// Packets from this port may be our own.
    let ownPort: UInt16
    private var knownOwn = InternetAddress.none
    private var knownOther = InternetAddress.none

    /// Largest datagram that the kernel has not refused to cut from a larger message; 0: it is not asked to.
    var segmentLimit: Int
    /// What arrived and is in no burst yet.
    var held = HeldDatagrams()
    /// What each socket has lost so far, by the kernel's count.
    var overflows: [2 of UInt32] = InlineArray(repeating: 0)

    init(_ configuration: OverlayConfiguration, seed: UInt64) {
        precondition(configuration.destinations.count <= OverlayConfiguration.maximumDestinationCount)
        framing = configuration.framing
        prefixByteCount = configuration.framing.byteCount
        if case .l2tpv3(let l2tp) = configuration.framing, l2tp.hasCounter {
            prefixStride = prefixByteCount
        } else {
            prefixStride = 0
        }
        destinationCount = configuration.destinations.count
        learns = configuration.learns
        remotes = RemoteTable(
            capacity: configuration.learns ? configuration.stationCount : 1,
            ageingSeconds: configuration.ageingSeconds,
            seed: seed
        )
        replyPort = configuration.replyPort ?? 0
        checksPeers = configuration.checksPeers
        announcesLeaving = configuration.announcesLeaving
        unfinishedPacketLimit = configuration.unfinishedPacketLimit
        ownPort = configuration.ownPort
        segmentLimit = configuration.isSegmented ? 65_507 : 0
        for (index, address) in configuration.destinations.enumerated() { destinations[index] = address }
        preparePrefixes()
    }

    private mutating func preparePrefixes() {
        var span = prefixes.mutableSpan
        switch framing {
        case .plain: break
        case .vxlan(let identifier): VXLANHeader.emit(identifier: identifier, into: &span)
        case .l2tpv3(let l2tp): l2tp.emit(counter: 0, into: &span)
        }
    }

    /// Writes the header of the datagram at `index` of a batch, where each has its own.
    @inline(__always)
    mutating func preparePrefix(at index: Int) {
        guard prefixStride > 0, case .l2tpv3(let l2tp) = framing else { return }
        counter &+= 1
        var span = prefixes.mutableSpan
        l2tp.emit(counter: counter, into: &span, at: index &* prefixStride)
    }

    /// Why a packet with this header is not for us, nil when it is.
    @inline(__always)
    func refusal(_ bytes: Span<UInt8>, at offset: Int) -> DropCause? {
        switch framing {
        case .plain: return nil
        case .vxlan(let identifier):
            guard let found = VXLANHeader.identifier(bytes, at: offset) else { return .malformed }
            return found == identifier ? nil : .wrongPeer
        case .l2tpv3(let l2tp):
            switch l2tp.verify(bytes, at: offset) {
            case .valid: return nil
            case .malformed: return .malformed
            case .otherSession: return .wrongPeer
            case .wrongCookie: return .notAuthentic
            }
        }
    }

    /// A packet from this host is to be looked at.
    @inline(__always)
    func accepts(_ peer: InternetAddress) -> Bool {
        guard checksPeers else { return true }
        for index in 0..<destinationCount where destinations[index].isSameHost(as: peer) {
            if replyPort != 0 || destinations[index].port == peer.port { return true }
        }
        return false
    }

    /// A packet is one of ours that the group gave back. The kernel is asked once for each new address that uses our port,
    /// which is next to never another host.
    mutating func isOwn(_ peer: InternetAddress) -> Bool {
        guard ownPort != 0, peer.port == ownPort, peer != knownOther else { return false }
        if peer == knownOwn { return true }
        if UDPSocket.isLocal(peer) {
            knownOwn = peer
            return true
        }
        knownOther = peer
        return false
    }

    /// What the socket lost since the last call.
    mutating func countOverflow(channel: Int, _ total: UInt32, drops: inout DropTally) {
        let lost = total &- overflows[channel]
        guard lost != 0 else { return }
        overflows[channel] = total
        drops.count(.noBuffers, Int(lost))
    }
}
