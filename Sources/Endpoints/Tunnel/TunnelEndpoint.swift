// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
public import TunnelCrypto

/// How a tunnel's end is set up.
public struct TunnelOptions: Sendable {
    public var crypto: TunnelConfiguration
    /// Where the peer is; nil: it comes to us.
    public var remote: InternetAddress?
    /// Largest UDP payload to use.
    public var maximumDatagramByteCount = 65_000
    /// Several datagrams in one system call; off only to measure what that is worth.
    public var isSegmented = true
    /// Frames pass as the sender made them. Off, they are cut into segments first: less is lost with one packet where the
    /// path loses many.
    public var passesSuperFrames = true

    /// Handshakes are begun on TCP connections too: they were made by us.
    public var initiatesOnStreams = false
    /// A TCP connection is asked for when UDP stays without answer.
    public var wantsStreamWhenSilent = false

    public init(_ crypto: TunnelConfiguration) { self.crypto = crypto }
}

/// One end of an encrypted tunnel to another host: a UDP socket, or TCP streams where UDP is blocked.
///
/// Everything that `TunnelPeer` accepts as authentic says where the peer is; packets go to where the last one came from.
public struct TunnelEndpoint: ~Copyable, Sendable {
    let state: OwnedState<TunnelState>

    /// - Parameter socket: a bound UDP socket (`UDPSocket.unfragmented`); nil for TCP alone.
    public init(_ socket: consuming OwnedDescriptor?, options: TunnelOptions) {
        state = OwnedState(TunnelState(socket, options: options))
    }

    var capabilities: PortCapabilities { state.value.options.passesSuperFrames ? .all : [.header] }
    var nextDeadline: UInt64 { state.value.nextDeadline }
    var holdsFrames: Bool { state.value.holdsFrames }
    func takeNotice() -> EndpointNotice? { state.value.takeNotice() }

    /// Packets go another way than before, so that another descriptor is to be waited for. True once.
    func takeInterestChange() -> Bool {
        let hasChanged = state.value.hasOtherWay
        state.value.hasOtherWay = false
        return hasChanged
    }
    func expire(now: UInt64, drops: inout DropTally) { state.value.expire(now: now, drops: &drops) }

    var channelCount: Int { 1 + TunnelState.streamCount }
    func descriptor(channel: Int) -> Int32 { state.value.descriptor(channel: channel) }
    func interest(channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        var events: Epoll.Events = isRead ? .readable : []
        if isBlocked, state.value.stream == channel - 1 { events.insert(.writable) }
        return events
    }

    /// A TCP connection of this tunnel: made by us, or accepted and so far anybody's.
    func adopt(_ descriptor: consuming OwnedDescriptor) { state.value.adopt(descriptor) }

    func receive(
        channel: Int,
        now: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        state.value.receive(channel: channel, now: now, into: &burst, pool: &pool, drops: &drops)
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        now: UInt64,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        state.value.send(burst, from: first, now: now, pool: pool, drops: &drops)
    }
}

/// What a tunnel's end remembers; used by the loop alone.
struct TunnelState: ~Copyable {
    let options: TunnelOptions
    let socket: OwnedDescriptor?
    var peer: TunnelPeer
    var sender = TunnelSender()
    var assembly = TunnelAssembly()
    var probe: PathProbe
    /// Where the peer is, as far as we know.
    var path: InternetAddress
    var isSegmented: Bool
    var streams = RigidTable<TunnelStream>(count: TunnelState.streamCount) { _ in TunnelStream() }
    /// The connection that packets go to, -1: they go by UDP.
    var stream = -1
    /// The connection that the packet in work came from, -1: it came by UDP.
    var arrival = -1
    /// Connections that are open, and when the first of them has to be proven.
    var openStreamCount = 0
    var streamDeadline: UInt64 = .max
    /// The connection in use has ended, and nothing authentic has come by another way since.
    var hasLostStream = false
    /// Connections that there were so far.
    var adoptedCount: UInt64 = 0
    /// Connections that had to make room, and are not counted yet.
    var displacedCount = 0
    /// `stream` has changed since the caller asked last.
    var hasOtherWay = false
    /// The size of a frame that was called blocked although the connection's buffer has it.
    var heldByteCount: UInt32?

    /// What one call received, and how far it has been looked at.
    var received = [UInt8](repeating: 0, count: 65_536)
    var receivedCount = 0
    var receivedOffset = 0
    var receivedSegment = 0
    var source = InternetAddress.none

    var notices: [8 of EndpointNotice] = InlineArray(repeating: EndpointNotice(.peerUp))
    var noticeCount = 0
    /// Whether the peer is there, where that is not told yet: the latest is told in any case.
    var peerNotice: EndpointNotice?
    /// Monotonic nanoseconds at the latest call.
    var now: UInt64 = 0

    init(_ socket: consuming OwnedDescriptor?, options: TunnelOptions) {
        self.options = options
        self.socket = socket
        peer = TunnelPeer(options.crypto)
        probe = PathProbe(ceiling: options.maximumDatagramByteCount)
        path = options.remote ?? InternetAddress.none
        isSegmented = options.isSegmented
    }

    func descriptor(channel: Int) -> Int32 {
        guard channel == 0 else { return streams[channel - 1].rawDescriptor }
        switch socket {
        case .some(let socket): return socket.rawValue
        case nil: return -1
        }
    }

    var nextDeadline: UInt64 {
        if displacedCount > 0 { return now }
        return min(peer.nextDeadline(now: now, canInitiate: canInitiate), min(probe.deadline, streamDeadline))
    }

    var holdsFrames: Bool { receivedOffset < receivedCount || holdsPackets }
    private var canInitiate: Bool { path != .none || (options.initiatesOnStreams && hasStream) }

    mutating func notify(_ kind: EndpointNotice.Kind, value: UInt64 = 0) {
        let notice = EndpointNotice(kind, value: value)
        if kind == .peerUp || kind == .peerDown {
            peerNotice = notice
            return
        }
        // Many connections may end at once: that is one thing to say.
        guard noticeCount < 8, noticeCount == 0 || notices[noticeCount - 1] != notice else { return }
        notices[noticeCount] = notice
        noticeCount += 1
    }

    mutating func takeNotice() -> EndpointNotice? {
        guard noticeCount > 0 else { return peerNotice.take() }
        let notice = notices[0]
        noticeCount -= 1
        for index in 0..<noticeCount { notices[index] = notices[index + 1] }
        return notice
    }

    // MARK: Time

    /// Does what is due: handshakes, keepalives, probes of the path.
    mutating func expire(now: UInt64, drops: inout DropTally) {
        self.now = now
        let due = peer.expire(now: now, wall: WallClock.nanoseconds, canInitiate: canInitiate)
        if due.contains(.handshake) {
            // Where the peer was last; when that stays silent, where it was said to be.
            if let remote = options.remote, peer.unansweredAttempts > 2 { path = remote }
            sendEverywhere(peer.takeOutput())
            if options.wantsStreamWhenSilent, peer.unansweredAttempts == 3, !hasStream { notify(.tunnelWantsStream) }
        }
        if due.contains(.up) {
            notify(.peerUp, value: place(path))
            // The same session as before the silence, perhaps by another path.
            if stream < 0, path != .none, probe.deadline == .max { probe.start(now: now) }
        }
        if due.contains(.down) {
            notify(.peerDown, value: peer.silence(now: now))
            probe.stop()
            // A connection of ours may be dead without a word, for as long as the kernel repeats what it has sent.
            if options.initiatesOnStreams { doubtStreams() }
        }
        endUnproven(drops: &drops)
        if due.contains(.keepalive) { sendControl(TunnelMessage.Head(.keepalive), byteCount: 0, drops: &drops) }
        while let size = probe.nextProbe(now: now) {
            sendControl(TunnelMessage.Head(.probe, size: size), byteCount: size, drops: &drops)
        }
    }

    /// An address as a notice's value: IPv4 address and port, 0 for IPv6.
    func place(_ address: InternetAddress) -> UInt64 {
        guard let ipv4 = address.ipv4 else { return 0 }
        return UInt64(ipv4) << 16 | UInt64(address.port)
    }

    /// Sends a handshake on every way that may lead to the peer.
    private mutating func sendEverywhere(_ packet: [UInt8]) {
        for index in 0..<Self.streamCount where index == stream || (options.initiatesOnStreams && stream < 0) {
            send(packet.span, onStream: index)
        }
        if stream < 0 || peer.unansweredAttempts > 2 { send(packet, to: path) }
    }

    /// Sends a handshake packet. What the kernel refuses will be tried again by the clock.
    mutating func send(_ packet: [UInt8], to address: InternetAddress) {
        guard !packet.isEmpty, address != .none else { return }
        _ = UDPSocket.send(descriptor(channel: 0), packet.span, segment: 0, to: address)
    }

    /// Sends a packet without frames, padded to `byteCount`.
    mutating func sendControl(_ head: TunnelMessage.Head, byteCount: Int, drops: inout DropTally) {
        guard peer.canSend, stream >= 0 || path != .none, stream < 0 || head.kind != .probe else { return }
        let open = max(TunnelMessage.headByteCount, byteCount - TunnelPacket.dataOverhead)
        guard open + TunnelPacket.dataOverhead <= sender.packets.count else { return }
        guard let size = Self.seal(&sender.packets, &peer, head, open, now) else { return }
        // A probe that is too large for the interface is refused at once: that is an answer, too.
        guard stream < 0 else {
            let packet = Array(sender.packets[..<size])
            return send(packet.span, onStream: stream)
        }
        let packet = sender.packets.span.extracting(0..<size)
        _ = UDPSocket.send(descriptor(channel: 0), packet, segment: 0, to: path)
    }

    private static func seal(
        _ bytes: inout [UInt8],
        _ peer: inout TunnelPeer,
        _ head: TunnelMessage.Head,
        _ count: Int,
        _ now: UInt64
    ) -> Int? {
        var span = bytes.mutableSpan
        for index in 0..<count { span[TunnelPacket.dataHeaderByteCount + index] = 0 }
        head.store(into: &span, at: TunnelPacket.dataHeaderByteCount)
        return peer.seal(&span, at: 0, count: count, now: now)
    }
}
