// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// One end of an encrypted tunnel, without its socket: packets and the time go in, packets and the next deadline come out.
///
/// # Theory of operation
///
/// A tunnel has two ends that know each other's public keys. Either may begin: an initiation goes out when there is no
/// session, when the session's keys have grown old, or when the other side has been silent for too long; it is repeated
/// after 1, 2, 4 … 30 seconds. The answer makes a session with keys of its own.
///
///     none ──initiation, response──▶ current ──rekey──▶ current + previous (still opens what is on its way)
///                                       │
///     responder: next ──first packet that it opens──▶ current       (only then the initiator surely has the keys)
///
/// Every packet has a number that is its nonce; a window of 2048 refuses what was here before. Numbers never repeat under
/// one key: keys are replaced long before the counter ends.
///
/// Whoever cannot reach the other side any more finds out by silence: both ends say something every few seconds, three
/// times that without a word is "down".
///
/// # Clocks
///
/// Timers go by the monotonic clock. When it jumps ahead, because a machine was stopped for a while, sessions that have
/// become too old in that time open nothing any more, and the next `expire` begins a new one.
///
/// Initiations are ordered by the time of day, so that a recorded one is never taken twice. When that is set back, numbers go
/// on from the highest one that this end has sent, and the tunnel does not notice. Only an end that has been restarted knows
/// no such number: with a clock behind that of its former life its initiations are refused, and the other end has to begin,
/// or the clock to catch up. When the time of day jumps ahead and back again, the same holds for a later restart.
public struct TunnelPeer {
    public let configuration: TunnelConfiguration
    var current: TunnelSession?
    var previous: TunnelSession?
    var next: TunnelSession?
    private var handshake: (state: NoiseHandshake, index: UInt32)?
    private var protection: HandshakeGuard
    /// Of the other side's initiations, and of ours.
    private var newestTimestamp: UInt64 = 0
    private var sentTimestamp: UInt64 = 0
    /// A handshake packet that waits to be sent.
    public private(set) var output: [UInt8] = []

    private var attempts = 0
    private var isRenewalWanted = false
    private var nextAttempt: UInt64 = 0
    private var lastReceived: UInt64 = 0
    private var lastSent: UInt64 = 0
    /// The other side answers.
    public private(set) var isUp = false
    /// Packets that went into the handshake so far, for those who watch.
    public private(set) var handshakeCount: UInt64 = 0

    public init(_ configuration: TunnelConfiguration) {
        self.configuration = configuration
        protection = HandshakeGuard(ourPublic: configuration.key.publicBytes, theirPublic: configuration.peer)
    }

    /// What a packet was.
    public enum Verdict: Sendable, Equatable {
        /// Authentic; its plain bytes lie behind the header, so many.
        case payload(byteCount: Int, counter: UInt64)
        /// Part of a handshake; `output` may want to be sent to where it came from.
        case handshake
        case refused(TunnelRefusal)
    }

    /// The session that frames are sent in, 0 for none.
    public var sessionIndex: UInt32 { current?.localIndex ?? 0 }
    /// The session of the latest authentic packet.
    public private(set) var openedSession: UInt32 = 0

    /// There are keys to send with.
    public var canSend: Bool { current != nil }

    /// Takes the packet that waits to be sent.
    public mutating func takeOutput() -> [UInt8] {
        let packet = output
        output = []
        return packet
    }

    // MARK: Packets in

    /// Takes the packet of `count` bytes at `offset`; a data packet is opened in place.
    ///
    /// - Parameters:
    ///   - source: the address that it came from, called for handshakes only.
    ///   - now: monotonic nanoseconds.
    public mutating func receive(
        _ bytes: inout MutableSpan<UInt8>,
        at offset: Int,
        count: Int,
        now: UInt64,
        source: () -> [UInt8]
    ) -> Verdict {
        guard let kind = TunnelPacket.kind(bytes.span.extracting(offset..<offset + count)) else {
            return .refused(.malformed)
        }
        if kind == .data {
            guard count >= TunnelPacket.dataOverhead else { return .refused(.malformed) }
            let index = TunnelPacket.readUInt32(bytes.span, at: offset + 4)
            let counter = TunnelPacket.readUInt64(bytes.span, at: offset + 8)
            return open(&bytes, at: offset, count: count, index: index, counter: counter, now: now)
        }
        guard count == kind.byteCount else { return .refused(.malformed) }
        let packet = Self.array(bytes.span.extracting(offset..<offset + count))
        switch kind {
        case .data: return .refused(.malformed)
        case .initiation: return receiveInitiation(packet, source: source(), now: now)
        case .response: return receiveResponse(packet, now: now)
        case .cookie:
            guard protection.takeCookie(packet, now: now) else { return .refused(.notAuthentic) }
            // At once, but not more often than a cookie comes: each needs an initiation of ours.
            nextAttempt = now
            return .handshake
        }
    }

    private static func array(_ span: Span<UInt8>) -> [UInt8] { (0..<span.count).map { span[$0] } }

    private mutating func open(
        _ bytes: inout MutableSpan<UInt8>,
        at offset: Int,
        count: Int,
        index: UInt32,
        counter: UInt64,
        now: UInt64
    ) -> Verdict {
        let age = configuration.rejectSeconds * 1_000_000_000
        if current?.localIndex == index {
            guard current!.made + age > now else { return .refused(.notAuthentic) }
            return finish(Self.open(&current!, &bytes, offset, count, counter), index, now: now)
        }
        if next?.localIndex == index {
            let verdict = Self.open(&next!, &bytes, offset, count, counter)
            if case .payload = verdict {
                previous = current
                current = next
                next = nil
                settle()
            }
            return finish(verdict, index, now: now)
        }
        if previous?.localIndex == index {
            guard previous!.made + age > now else { return .refused(.notAuthentic) }
            return finish(Self.open(&previous!, &bytes, offset, count, counter), index, now: now)
        }
        return .refused(.notAuthentic)
    }

    private static func open(
        _ session: inout TunnelSession,
        _ bytes: inout MutableSpan<UInt8>,
        _ offset: Int,
        _ count: Int,
        _ counter: UInt64
    ) -> Verdict {
        // The window first: it costs next to nothing, and a flood of copies should not cost more.
        guard session.window.isFresh(counter) else { return .refused(.replayed) }
        let header = TunnelPacket.dataHeaderByteCount
        guard
            let size = Cipher.open(
                &bytes,
                at: offset + header,
                count: count - header,
                key: session.keys.receiving,
                counter: counter
            )
        else { return .refused(.notAuthentic) }
        session.window.note(counter)
        return .payload(byteCount: size, counter: counter)
    }

    private mutating func finish(_ verdict: Verdict, _ index: UInt32, now: UInt64) -> Verdict {
        if case .payload = verdict {
            lastReceived = now
            openedSession = index
        }
        return verdict
    }

    private mutating func receiveInitiation(_ packet: [UInt8], source: [UInt8], now: UInt64) -> Verdict {
        switch protection.judge(packet, source: source, now: now) {
        case .refuse(let refusal): return .refused(refusal)
        case .demandCookie(let reply):
            output = reply
            return .handshake
        case .accept: break
        }
        var state = NoiseHandshake(configuration.key, prologue: TunnelPacket.prologue)
        guard let payload = state.readFirst(Array(packet[8..<packet.count - 32]), expected: configuration.peer) else {
            let isStranger = !state.remotePublic.isEmpty && state.remotePublic != configuration.peer
            return .refused(isStranger ? .wrongPeer : .notAuthentic)
        }
        let timestamp = TunnelPacket.readUInt64(payload.span, at: 0)
        guard timestamp > newestTimestamp else { return .refused(.replayed) }
        guard let (message, keys) = state.writeSecond([]) else { return .refused(.notAuthentic) }
        newestTimestamp = timestamp
        let remote = TunnelPacket.readUInt32(packet.span, at: 4)
        let local = newIndex()
        next = TunnelSession(localIndex: local, remoteIndex: remote, keys: keys, made: now, isInitiator: false)
        let response =
            [TunnelPacket.Kind.response.rawValue, 0, 0, 0] + TunnelPacket.bytes(local) + packet[4..<8] + message
        output = protection.finish(response, now: now)
        handshakeCount += 1
        return .handshake
    }

    private mutating func receiveResponse(_ packet: [UInt8], now: UInt64) -> Verdict {
        guard var pending = handshake, TunnelPacket.readUInt32(packet.span, at: 8) == pending.index else {
            return .refused(.notAuthentic)
        }
        if let refusal = protection.refusal(ofAnswer: packet, now: now) { return .refused(refusal) }
        // A copy of the state: a forged response must not spoil the true one.
        guard let (_, keys) = pending.state.readSecond(Array(packet[12..<packet.count - 32])) else {
            return .refused(.notAuthentic)
        }
        handshake = nil
        previous = current
        current = TunnelSession(
            localIndex: pending.index,
            remoteIndex: TunnelPacket.readUInt32(packet.span, at: 4),
            keys: keys,
            made: now,
            isInitiator: true
        )
        lastReceived = now
        // The responder sends with the new keys once it has seen that we have them.
        lastSent = 0
        settle()
        handshakeCount += 1
        return .handshake
    }

    private mutating func settle() {
        isRenewalWanted = false
        attempts = 0
        nextAttempt = 0
        // A handshake of ours that is still under way has been overtaken.
        handshake = nil
    }

    private func newIndex() -> UInt32 {
        while true {
            let index = UInt32.random(in: 1 ... .max)
            if index != current?.localIndex, index != previous?.localIndex, index != next?.localIndex { return index }
        }
    }

    // MARK: Packets out

    /// Makes a data packet in place: the payload's `count` bytes lie behind room for the header at `offset`. The packet's
    /// size, or nil when there are no keys.
    public mutating func seal(_ bytes: inout MutableSpan<UInt8>, at offset: Int, count: Int, now: UInt64) -> Int? {
        guard current != nil, current!.counter < .max - 4096 else { return nil }
        let counter = current!.counter
        current!.counter = counter + 1
        bytes[offset] = TunnelPacket.Kind.data.rawValue
        for index in 1..<4 { bytes[offset + index] = 0 }
        TunnelPacket.store(current!.remoteIndex, into: &bytes, at: offset + 4)
        TunnelPacket.store(UInt32(truncatingIfNeeded: counter), into: &bytes, at: offset + 8)
        TunnelPacket.store(UInt32(truncatingIfNeeded: counter >> 32), into: &bytes, at: offset + 12)
        let header = TunnelPacket.dataHeaderByteCount
        Cipher.seal(&bytes, at: offset + header, count: count, key: current!.keys.sending, counter: counter)
        lastSent = now
        return count + TunnelPacket.dataOverhead
    }

    /// The number that the next data packet will get.
    public var nextCounter: UInt64 { current?.counter ?? 0 }

    // MARK: Time

    /// What has become due.
    public struct Due: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// `output` holds a handshake packet for the peer's address.
        public static var handshake: Due { Due(rawValue: 1) }
        /// An empty packet should be sent.
        public static var keepalive: Due { Due(rawValue: 2) }
        /// The other side answers (again).
        public static var up: Due { Due(rawValue: 4) }
        /// The other side has been silent for too long.
        public static var down: Due { Due(rawValue: 8) }
    }

    /// For how long nothing authentic has come, in nanoseconds.
    public func silence(now: UInt64) -> UInt64 { now > lastReceived ? now - lastReceived : 0 }

    private var second: UInt64 { 1_000_000_000 }
    private var deadAfter: UInt64 { 3 * configuration.keepaliveSeconds * second }

    /// Does what is due. To be called when `nextDeadline` has come, and after packets came in.
    ///
    /// - Parameters:
    ///   - wall: nanoseconds since 1970, which order handshakes across restarts; it may be set back (see *Clocks*).
    ///   - canInitiate: an address of the peer is known.
    public mutating func expire(now: UInt64, wall: UInt64, canInitiate: Bool) -> Due {
        var due: Due = []
        let reject = configuration.rejectSeconds * second
        if let session = previous, session.made + reject <= now { previous = nil }
        if let session = next, session.made + reject <= now { next = nil }
        if let session = current, session.made + reject <= now { current = nil }
        let isAlive = current != nil && lastReceived != 0 && lastReceived + deadAfter > now
        if isAlive != isUp {
            isUp = isAlive
            due.insert(isUp ? .up : .down)
        }
        if canInitiate, wantsHandshake(now: now), now >= nextAttempt { initiate(now: now, wall: wall) }
        if !output.isEmpty { due.insert(.handshake) }
        if current != nil, lastSent + configuration.keepaliveSeconds * second <= now {
            due.insert(.keepalive)
            lastSent = now
        }
        return due
    }

    private func wantsHandshake(now: UInt64) -> Bool {
        guard let current, !isRenewalWanted else { return true }
        if lastReceived + deadAfter <= now { return true }
        // The initiator of the session replaces it; the responder, a little later, when the initiator did not.
        let patience =
            configuration.rekeySeconds + (current.isInitiator ? 0 : min(15, configuration.rekeySeconds / 4 + 1))
        return current.made + patience * second <= now || current.counter >= configuration.rekeyPackets
    }

    private mutating func initiate(now: UInt64, wall: UInt64) {
        var state = NoiseHandshake(configuration.key, to: configuration.peer, prologue: TunnelPacket.prologue)
        let index = newIndex()
        // 30 seconds at most between attempts, and never two ends in step.
        let wait = min(30, UInt64(1) << UInt64(min(attempts, 5))) * second
        nextAttempt = now + wait + UInt64.random(in: 0...(wait / 4))
        attempts += 1
        // Whoever sets the clock back does not make our initiations old ones.
        sentTimestamp = max(wall, sentTimestamp &+ 1)
        guard let message = state.writeFirst(TunnelPacket.bytes(sentTimestamp)) else { return }
        handshake = (state, index)
        let packet = [TunnelPacket.Kind.initiation.rawValue, 0, 0, 0] + TunnelPacket.bytes(index) + message
        output = protection.finish(packet, now: now)
        handshakeCount += 1
    }

    /// A new way to the peer is known: try it at once.
    public mutating func hurry() {
        attempts = 0
        nextAttempt = 0
    }

    /// The way to the peer has gone and another one is there: a handshake on it shows at once whether the peer is there too.
    public mutating func renew() {
        isRenewalWanted = true
        hurry()
    }

    /// Attempts since the last answer.
    public var unansweredAttempts: Int { attempts }

    /// When `expire` wants to be called.
    public func nextDeadline(now: UInt64, canInitiate: Bool) -> UInt64 {
        var deadline = UInt64.max
        if let current {
            deadline = min(deadline, lastSent + configuration.keepaliveSeconds * second)
            if isUp { deadline = min(deadline, lastReceived + deadAfter) }
            let patience =
                configuration.rekeySeconds + (current.isInitiator ? 0 : min(15, configuration.rekeySeconds / 4 + 1))
            deadline = min(deadline, max(current.made + patience * second, now + second))
            deadline = min(deadline, current.made + configuration.rejectSeconds * second)
        }
        if let next { deadline = min(deadline, next.made + configuration.rejectSeconds * second) }
        if let previous { deadline = min(deadline, previous.made + configuration.rejectSeconds * second) }
        if canInitiate, wantsHandshake(now: now) { deadline = min(deadline, max(nextAttempt, 1)) }
        return deadline
    }
}
