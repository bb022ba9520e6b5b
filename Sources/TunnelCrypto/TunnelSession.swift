// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// The keys of one finished handshake, and how far they have been used.
struct TunnelSession {
    let localIndex: UInt32
    let remoteIndex: UInt32
    let keys: NoiseHandshake.Keys
    let made: UInt64
    let isInitiator: Bool
    var counter: UInt64 = 0
    var window = ReplayWindow()
}

/// How a tunnel's end behaves.
public struct TunnelConfiguration: Sendable {
    public var key: TunnelKey
    /// The other side's public key.
    public var peer: [UInt8]
    /// Seconds of silence after which a packet is sent so that both sides know, and address translators remember.
    public var keepaliveSeconds: UInt64 = 5
    /// Seconds after which keys are replaced, and after which they open nothing any more.
    public var rekeySeconds: UInt64 = 120
    public var rejectSeconds: UInt64 = 180
    /// Packets after which keys are replaced.
    public var rekeyPackets: UInt64 = 1 << 48

    public init(key: TunnelKey, peer: [UInt8]) {
        self.key = key
        self.peer = peer
    }
}
