// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// Protects the handshake's costly key agreements from strangers, after the WireGuard paper (section 5.4.4 and 5.4.7):
///
/// - *mac1* proves that the sender knows our public key; whoever scans the network does not, and gets no answer.
/// - When handshakes come faster than a few a second, *mac2* must prove that the sender receives at the address that it
///   claims: it carries a cookie that went there. A flood from forged addresses then costs a hash for each packet.
struct HandshakeGuard {
    private let receiveKey: [UInt8]
    private let sendKey: [UInt8]
    private let ourCookieKey: [UInt8]
    private let theirCookieKey: [UInt8]
    private var secret: [UInt8]
    private var secretMade: UInt64 = 0
    /// Handshakes that may be worked on at once, and again after time: of anybody, and of proven addresses.
    private var anybody = HandshakeAllowance(capacity: 8, perSecond: 4)
    private var proven = HandshakeAllowance(capacity: 8, perSecond: 4)
    private var cookieReplies = HandshakeAllowance(capacity: 32, perSecond: 32)
    /// Answers to our own initiation: only who saw it knows its index.
    private var answers = HandshakeAllowance(capacity: 8, perSecond: 4)

    /// The cookie that the other side asked for, and when it came.
    private var cookie: [UInt8]?
    private var cookieCame: UInt64 = 0
    private var lastMAC1: [UInt8] = []

    private static var cookieLife: UInt64 { 120_000_000_000 }

    init(ourPublic: [UInt8], theirPublic: [UInt8]) {
        receiveKey = Self.key("etherloom mac1", ourPublic)
        sendKey = Self.key("etherloom mac1", theirPublic)
        ourCookieKey = Self.key("etherloom cookie", ourPublic)
        theirCookieKey = Self.key("etherloom cookie", theirPublic)
        secret = Self.random()
    }

    private static func key(_ label: String, _ publicBytes: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: Array(label.utf8) + publicBytes))
    }

    private static func random() -> [UInt8] { SymmetricKey(size: .bits256).bytes }

    /// Adds both codes to a handshake packet that is to be sent.
    mutating func finish(_ packet: [UInt8], now: UInt64) -> [UInt8] {
        let mac1 = Array(NoiseState.authenticate(packet, key: sendKey)[..<16])
        lastMAC1 = mac1
        let first = packet + mac1
        guard let cookie, now &- cookieCame < Self.cookieLife else { return first + [UInt8](repeating: 0, count: 16) }
        return first + NoiseState.authenticate(first, key: cookie)[..<16]
    }

    enum Judgement: Equatable {
        case accept
        /// Answer with this packet instead.
        case demandCookie([UInt8])
        case refuse(TunnelRefusal)
    }

    /// - Parameters:
    ///   - packet: with both codes.
    ///   - source: the address that it came from, as bytes.
    mutating func judge(_ packet: [UInt8], source: [UInt8], now: UInt64) -> Judgement {
        if let refusal = check(packet) { return .refuse(refusal) }
        let body = packet.count - 32
        if anybody.take(now: now) { return .accept }
        let cookie = cookie(for: source, now: now)
        let expected = NoiseState.authenticate(Array(packet[..<(body + 16)]), key: cookie)[..<16]
        if Self.areEqual(packet[(body + 16)...], expected) {
            return proven.take(now: now) ? .accept : .refuse(.rateExceeded)
        }
        guard cookieReplies.take(now: now) else { return .refuse(.rateExceeded) }
        let salt = Array(Self.random()[..<16])
        let key = SymmetricKey(data: NoiseState.authenticate(salt, key: ourCookieKey))
        let mac1 = Array(packet[body..<body + 16])
        let sealed = Cipher.seal(cookie, key: key, counter: 0, authenticating: mac1)
        return .demandCookie([TunnelPacket.Kind.cookie.rawValue, 0, 0, 0] + packet[4..<8] + salt + sealed)
    }

    /// Why an answer to our initiation is not worth working on, nil when it is. A flood of initiations does not count here:
    /// it must not keep us from reaching the peer ourselves.
    mutating func refusal(ofAnswer packet: [UInt8], now: UInt64) -> TunnelRefusal? {
        if let refusal = check(packet) { return refusal }
        return answers.take(now: now) ? nil : .rateExceeded
    }

    /// The first code of a handshake packet.
    private func check(_ packet: [UInt8]) -> TunnelRefusal? {
        guard packet.count > 40 else { return .malformed }
        let body = packet.count - 32
        let expected = NoiseState.authenticate(Array(packet[..<body]), key: receiveKey)[..<16]
        return Self.areEqual(packet[body..<body + 16], expected) ? nil : .notAuthentic
    }

    /// Takes the cookie of an answer to our last handshake packet: whether it was one.
    mutating func takeCookie(_ packet: [UInt8], now: UInt64) -> Bool {
        guard packet.count == TunnelPacket.cookieByteCount, !lastMAC1.isEmpty else { return false }
        let key = SymmetricKey(data: NoiseState.authenticate(Array(packet[8..<24]), key: theirCookieKey))
        guard let cookie = Cipher.open(Array(packet[24...]), key: key, counter: 0, authenticating: lastMAC1) else {
            return false
        }
        lastMAC1 = []
        self.cookie = cookie
        cookieCame = now
        return true
    }

    private mutating func cookie(for source: [UInt8], now: UInt64) -> [UInt8] {
        if now &- secretMade >= Self.cookieLife {
            secret = Self.random()
            secretMade = now
        }
        return Array(NoiseState.authenticate(source, key: secret)[..<16])
    }

    /// Compares without telling by its time where the difference is.
    static func areEqual(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// So many at once, so many a second in the long run.
struct HandshakeAllowance {
    let capacity: UInt64
    let interval: UInt64
    private var tokens: UInt64
    private var filled: UInt64 = 0

    init(capacity: UInt64, perSecond: UInt64) {
        self.capacity = capacity
        interval = 1_000_000_000 / perSecond
        tokens = capacity
    }

    mutating func take(now: UInt64) -> Bool {
        let earned = now > filled ? (now - filled) / interval : 0
        if earned > 0 {
            tokens = min(capacity, tokens &+ earned)
            filled = tokens == capacity ? now : filled + earned * interval
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
