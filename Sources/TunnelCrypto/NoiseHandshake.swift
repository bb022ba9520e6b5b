// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// The symmetric state of a Noise handshake (Noise Protocol Framework, revision 34, section 5.2) with ChaChaPoly and SHA256.
struct NoiseState {
    private(set) var hash: [UInt8]
    private var chainingKey: [UInt8]
    private var key: SymmetricKey?
    private var counter: UInt64 = 0

    init(protocolName: String, prologue: [UInt8]) {
        let name = Array(protocolName.utf8)
        hash = name.count <= 32 ? name + [UInt8](repeating: 0, count: 32 - name.count) : Array(SHA256.hash(data: name))
        chainingKey = hash
        mixHash(prologue)
    }

    mutating func mixHash(_ bytes: [UInt8]) { hash = Array(SHA256.hash(data: hash + bytes)) }

    mutating func mixKey(_ material: [UInt8]) {
        let (next, key) = Self.derive(chainingKey, material)
        chainingKey = next
        self.key = SymmetricKey(data: key)
        counter = 0
    }

    mutating func encryptAndHash(_ text: [UInt8]) -> [UInt8] {
        guard let key else {
            mixHash(text)
            return text
        }
        let sealed = Cipher.seal(text, key: key, counter: counter, authenticating: hash)
        counter += 1
        mixHash(sealed)
        return sealed
    }

    mutating func decryptAndHash(_ sealed: [UInt8]) -> [UInt8]? {
        guard let key else {
            mixHash(sealed)
            return sealed
        }
        guard let text = Cipher.open(sealed, key: key, counter: counter, authenticating: hash) else { return nil }
        counter += 1
        mixHash(sealed)
        return text
    }

    /// The two keys of the transport: initiator's to responder first.
    func split() -> (SymmetricKey, SymmetricKey) {
        let (first, second) = Self.derive(chainingKey, [])
        return (SymmetricKey(data: first), SymmetricKey(data: second))
    }

    /// HKDF of section 4.3 with two outputs.
    private static func derive(_ chainingKey: [UInt8], _ material: [UInt8]) -> ([UInt8], [UInt8]) {
        let temporary = authenticate(material, key: chainingKey)
        let first = authenticate([1], key: temporary)
        return (first, authenticate(first + [2], key: temporary))
    }

    static func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
    }
}

/// The handshake Noise_IK_25519_ChaChaPoly_SHA256: the initiator knows the responder's public key beforehand, and its own
/// travels encrypted.
///
///     <- s
///     ...
///     -> e, es, s, ss        first message
///     <- e, ee, se           second message
///
/// Both directions have a key of their own afterwards, forward secret, and each side knows that the other one is the owner
/// of the public key that was configured.
public struct NoiseHandshake {
    public static var protocolName: String { "Noise_IK_25519_ChaChaPoly_SHA256" }

    private var state: NoiseState
    private let key: TunnelKey
    private let ephemeral: TunnelKey
    /// The initiator's ephemeral key, on the responder's side.
    private var remoteEphemeral: [UInt8] = []
    /// The other side's public key: configured (initiator) or read from the first message (responder).
    public private(set) var remotePublic: [UInt8]

    /// The keys of a finished handshake.
    public struct Keys: Sendable {
        let sending: SymmetricKey
        let receiving: SymmetricKey
        /// Equal on both sides, different for each handshake.
        public let hash: [UInt8]
    }

    /// Bytes that a message has more than its payload.
    public static var firstOverhead: Int { 32 + 48 + 16 }
    public static var secondOverhead: Int { 32 + 16 }

    /// As the initiator.
    ///
    /// - Parameter ephemeral: a new key, unless a test wants a known one.
    public init(_ key: TunnelKey, to remotePublic: [UInt8], prologue: [UInt8], ephemeral: TunnelKey = TunnelKey()) {
        state = NoiseState(protocolName: Self.protocolName, prologue: prologue)
        self.key = key
        self.ephemeral = ephemeral
        self.remotePublic = remotePublic
        state.mixHash(remotePublic)
    }

    /// As the responder.
    public init(_ key: TunnelKey, prologue: [UInt8], ephemeral: TunnelKey = TunnelKey()) {
        state = NoiseState(protocolName: Self.protocolName, prologue: prologue)
        self.key = key
        self.ephemeral = ephemeral
        remotePublic = []
        state.mixHash(key.publicBytes)
    }

    /// Initiator: the first message; nil when the configured public key is no usable point.
    public mutating func writeFirst(_ payload: [UInt8]) -> [UInt8]? {
        state.mixHash(ephemeral.publicBytes)
        guard let es = ephemeral.agree(remotePublic), let ss = key.agree(remotePublic) else { return nil }
        state.mixKey(es)
        let sealedKey = state.encryptAndHash(key.publicBytes)
        state.mixKey(ss)
        return ephemeral.publicBytes + sealedKey + state.encryptAndHash(payload)
    }

    /// Responder: the first message's payload; nil when it is not authentic. Only `remotePublic` says who sent it: the
    /// caller compares.
    ///
    /// - Parameter expected: stop before the second key agreement when the sender claims to be somebody else.
    public mutating func readFirst(_ message: [UInt8], expected: [UInt8]? = nil) -> [UInt8]? {
        guard message.count >= Self.firstOverhead else { return nil }
        remoteEphemeral = Array(message[..<32])
        state.mixHash(remoteEphemeral)
        guard let es = key.agree(remoteEphemeral) else { return nil }
        state.mixKey(es)
        guard let sender = state.decryptAndHash(Array(message[32..<80])) else { return nil }
        remotePublic = sender
        guard expected == nil || sender == expected, let ss = key.agree(sender) else { return nil }
        state.mixKey(ss)
        return state.decryptAndHash(Array(message[80...]))
    }

    /// Responder: the second message, and the keys.
    public mutating func writeSecond(_ payload: [UInt8]) -> (message: [UInt8], keys: Keys)? {
        state.mixHash(ephemeral.publicBytes)
        guard let ee = ephemeral.agree(remoteEphemeral), let se = ephemeral.agree(remotePublic) else { return nil }
        state.mixKey(ee)
        state.mixKey(se)
        let message = ephemeral.publicBytes + state.encryptAndHash(payload)
        let (toResponder, toInitiator) = state.split()
        return (message, Keys(sending: toInitiator, receiving: toResponder, hash: state.hash))
    }

    /// Initiator: the second message's payload, and the keys; nil when it is not authentic.
    public mutating func readSecond(_ message: [UInt8]) -> (payload: [UInt8], keys: Keys)? {
        guard message.count >= Self.secondOverhead else { return nil }
        let remoteEphemeral = Array(message[..<32])
        state.mixHash(remoteEphemeral)
        guard let ee = ephemeral.agree(remoteEphemeral), let se = key.agree(remoteEphemeral) else { return nil }
        state.mixKey(ee)
        state.mixKey(se)
        guard let payload = state.decryptAndHash(Array(message[32...])) else { return nil }
        let (toResponder, toInitiator) = state.split()
        return (payload, Keys(sending: toResponder, receiving: toInitiator, hash: state.hash))
    }
}
