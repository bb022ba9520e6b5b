// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// A piece of what a vhost-user connection has come to: the connection itself, or a request whose effect lasts.
///
/// # Theory of operation
///
/// A monitor tells its device once what it is to be, and does not say it again. Somebody who keeps the latest request of each
/// sort, with its descriptors, can therefore make another process the same device: it carries the requests out as if the
/// monitor had just made them, and takes the rings up where the guest sees them used. The monitor and the guest notice
/// nothing, as long as somebody holds the connection's descriptor meanwhile.
///
/// A note is two words beside its descriptors: what it is about, and the request's payload in hexadecimal digits. Without a
/// payload it says that what it is about is no more so.
public struct VhostNote: Sendable, Equatable {
    /// `socket`, `end`, or the request's number and that of its ring: `5`, `12.0`.
    public var key: String
    /// Nil: it does not hold any more.
    public var payload: [UInt8]?

    public init(key: String, payload: [UInt8]?) {
        self.key = key
        self.payload = payload
    }

    /// The connection, which comes along.
    static var socket: VhostNote { VhostNote(key: "socket", payload: []) }
    /// The connection has ended: nothing holds any more.
    static var end: VhostNote { VhostNote(key: "end", payload: nil) }

    static func key(_ request: VhostRequest, ring: Int? = nil) -> String {
        "\(request.rawValue)" + (ring.map { ".\($0)" } ?? "")
    }

    /// What a request is remembered by; nil for those that leave nothing behind.
    static func key(of message: VhostMessage) -> String? {
        switch message {
        case .setFeatures: key(.setFeatures)
        case .setProtocolFeatures: key(.setProtocolFeatures)
        case .setStatus: key(.setStatus)
        case .setBackendChannel: key(.setBackendChannel)
        case .setMemoryTable: key(.setMemoryTable)
        case .setInflight: key(.setInflight)
        case .setRingSize(let ring, _): key(.setRingSize, ring: ring)
        case .setRingAddress(let ring, _): key(.setRingAddress, ring: ring)
        case .setRingBase(let ring, _): key(.setRingBase, ring: ring)
        case .setRingCall(let ring, _): key(.setRingCall, ring: ring)
        case .setRingError(let ring, _): key(.setRingError, ring: ring)
        case .enableRing(let ring, _): key(.enableRing, ring: ring)
        case .setRingKick(let ring, _): key(.setRingKick, ring: ring)
        case .getFeatures, .setOwner, .resetOwner, .setLogBase, .setLogDescriptor, .getRingBase, .getProtocolFeatures,
            .getQueueCount, .getConfiguration, .setConfiguration, .getInflight, .resetDevice, .getStatus:
            nil
        }
    }

    /// The order in which requests can be carried out: a ring is started by its kick, with everything else known.
    static var order: [(request: VhostRequest, key: String)] {
        let whole: [VhostRequest] = [
            .setFeatures, .setProtocolFeatures, .setStatus, .setBackendChannel, .setMemoryTable, .setInflight,
        ]
        let ofRing: [VhostRequest] = [
            .setRingSize, .setRingAddress, .setRingBase, .setRingCall, .setRingError, .enableRing, .setRingKick,
        ]
        return whole.map { ($0, key($0)) }
            + (0..<VhostMessage.ringCount).flatMap { ring in ofRing.map { ($0, key($0, ring: ring)) } }
    }

    // MARK: Words

    public var words: [String] {
        [key] + (payload.map { [$0.isEmpty ? "-" : $0.map(Self.digits).joined()] } ?? [])
    }

    /// Nil when the words are no note.
    public init?(words: some Collection<String>) {
        guard let key = words.first, words.count <= 2, key.utf8.count <= 8 else { return nil }
        self.key = key
        guard let text = words.dropFirst().first else { return }
        var payload: [UInt8] = []
        if text != "-" {
            let digits = Array(text.utf8)
            guard digits.count % 2 == 0, digits.count <= 2 * VhostMessage.maximumPayloadByteCount else { return nil }
            for index in stride(from: 0, to: digits.count, by: 2) {
                guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1]) else { return nil }
                payload.append(high << 4 | low)
            }
        }
        self.payload = payload
    }

    private static func digits(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// Notes of a connection that a predecessor had, with all descriptors.
final class VhostPredecessor {
    var socket: OwnedDescriptor?
    private(set) var notes: [String: Note] = [:]

    final class Note {
        let payload: [UInt8]
        var descriptors: DescriptorList
        let descriptorCount: Int

        init(_ payload: [UInt8], _ descriptors: consuming DescriptorList, count: Int) {
            self.payload = payload
            self.descriptors = descriptors
            descriptorCount = count
        }
    }

    func take(_ note: VhostNote, _ descriptors: consuming DescriptorList, count: Int) {
        var descriptors = descriptors
        if note.key == VhostNote.socket.key {
            socket = descriptors.take(0)
        } else if let payload = note.payload {
            notes[note.key] = Note(payload, descriptors, count: count)
        }
    }
}
