// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// One connection with the monitor of a virtual machine: vhost-user, the device's side.
///
/// # Theory of operation
///
/// The monitor sends requests, some with descriptors; each is parsed (`VhostMessage`), carried out here or handed to the loop
/// as a `VhostChange`, and answered. A change has been carried out when `change` returns, so that an answer that follows is
/// true: after "get ring base" the loop does not touch that ring any more.
///
/// A ring starts when its kick descriptor comes, with everything else known. What is wrong with a request is answered where
/// the monitor waits for an answer, and otherwise ends the connection with one line: going on would mean guessing.
final class VhostSession {
    /// What is known about a ring.
    final class Ring {
        var size = 0
        var address: VhostRingAddress?
        var base: UInt16 = 0
        var call: OwnedDescriptor?
        var error: OwnedDescriptor?
        var isEnabled = false
        var isRunning = false
    }

    /// Why a request could not be carried out.
    struct Refusal: Error {
        let reason: String
    }

    private let socket: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    /// Hands something to the loop and waits until it is done.
    let change: (consuming VhostChange) -> Void
    let answer: VhostAnswer
    let log: (String) -> Void
    private let onEnd: () -> Void
    /// Is told what another process would need to go on from here; descriptors stay ours.
    private let onNote: ((VhostNote, [Int32]) -> Void)?
    var configuration: VhostConfiguration
    /// See `VhostTransport`.
    let isKept: Bool
    /// The monitor has said what it can, and may stay.
    var isAdmitted = false
    /// The guest has read the configuration since it last changed.
    var isConfigurationRead = true
    /// Called once when it does.
    var onConfigurationRead: () -> Void = {}

    private var received: [UInt8] = []
    var descriptors = DescriptorList()
    var descriptorCount = 0

    var features: VirtioFeatures = []
    var protocolFeatures: VhostProtocolFeatures = []
    let rings = [Ring(), Ring()]
    var hasMemory = false
    var status: UInt8 = 0
    var backendChannel: OwnedDescriptor?
    var inflightFile: OwnedDescriptor?
    var inflight: VhostInflight?
    /// Requests are those that were made to a predecessor.
    private(set) var isTakingUp = false

    init(
        _ socket: consuming OwnedDescriptor,
        loop: ControlLoop,
        configuration: VhostConfiguration,
        isKept: Bool = false,
        answer: VhostAnswer,
        change: @escaping (consuming VhostChange) -> Void,
        log: @escaping (String) -> Void,
        onNote: ((VhostNote, [Int32]) -> Void)? = nil,
        onEnd: @escaping () -> Void
    ) throws(Errno) {
        self.socket = socket
        self.loop = loop
        self.configuration = configuration
        self.isKept = isKept
        self.answer = answer
        self.change = change
        self.log = log
        self.onNote = onNote
        self.onEnd = onEnd
        token = try loop.watch(self.socket.rawValue, [.readable, .readHangUp]) { [weak self] _ in self?.readable() }
    }

    var isOpen: Bool { token != nil }

    /// Ends the connection: the rings rest, and the guest's memory is let go.
    func close() {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        // Somebody who keeps the connection for a successor has it, too.
        UnixSocket.shutDown(socket)
        onNote?(.end, [])
        change(.reset)
        configurationRead()
        onEnd()
    }

    /// Parts of messages taken before others have their turn.
    private static var turnCount: Int { 128 }

    /// Takes what has come. The connection may be closed afterwards.
    func readable() {
        for _ in 0..<Self.turnCount where isOpen {
            do throws(Errno) {
                let wanted = try missingByteCount()
                var message = try UnixSocket.receive(from: socket, limit: wanted)
                while let descriptor = message.takeDescriptor() {
                    // More than any request needs: the rest is closed.
                    guard descriptorCount < UnixSocket.maximumDescriptorCount else { continue }
                    descriptors.append(descriptor)
                    descriptorCount += 1
                }
                if message.bytes.isEmpty {
                    close()
                    return
                }
                received += message.bytes
                try finishMessage()
            } catch .wouldBlock {
                return
            } catch .interrupted {
                continue
            } catch {
                close()
                return
            }
        }
    }

    /// Bytes that the message in work still lacks: of its header first, then of its payload.
    private func missingByteCount() throws(Errno) -> Int {
        let header: VhostMessageHeader?
        do {
            header = try VhostMessageHeader.parse(received.span)
        } catch {
            log("\(error)")
            throw .invalid
        }
        guard let header else { return VhostMessageHeader.byteCount - received.count }
        return VhostMessageHeader.byteCount + header.payloadByteCount - received.count
    }

    private func finishMessage() throws(Errno) {
        guard let header = try? VhostMessageHeader.parse(received.span) else {
            // Too short yet, or wrong, which the next look says.
            return
        }
        guard received.count == VhostMessageHeader.byteCount + header.payloadByteCount else { return }
        let payload = Array(received[VhostMessageHeader.byteCount...])
        received = []
        defer {
            descriptors = DescriptorList()
            descriptorCount = 0
        }
        do {
            let message = try VhostMessage.parse(request: header.request, payload: payload.span)
            let hasReply = try carryOut(message, header, payload)
            if !hasReply, needsReply(header) { try send(header.reply(0)) }
        } catch let error as Errno {
            throw error
        } catch {
            let reason = (error as? Refusal)?.reason ?? "\(error)"
            log(reason)
            // A monitor that waits hears that it failed, and decides.
            guard needsReply(header), !(error is VhostProtocolError) else { throw .invalid }
            try send(header.reply(1))
        }
    }

    private func carryOut(_ message: VhostMessage, _ header: VhostMessageHeader, _ payload: [UInt8]) throws -> Bool {
        guard let onNote, let key = VhostNote.key(of: message) else { return try handle(message, header, payload) }
        let copies = try descriptors.duplicated()
        let hasReply = try handle(message, header, payload)
        onNote(VhostNote(key: key, payload: payload), copies.borrowedRawValues)
        return hasReply
    }

    /// What was said about something does not hold any more.
    func withdrawNote(_ request: VhostRequest, ring: Int) {
        onNote?(VhostNote(key: VhostNote.key(request, ring: ring), payload: nil), [])
    }

    /// Tells that there is a connection. Notes about it follow.
    func announce() { onNote?(.socket, [socket.rawValue]) }

    /// Carries out what a predecessor was asked for over this connection.
    func takeUp(_ predecessor: VhostPredecessor) throws {
        isTakingUp = true
        defer {
            isTakingUp = false
            descriptors = DescriptorList()
            descriptorCount = 0
        }
        for (request, key) in VhostNote.order {
            guard let note = predecessor.notes[key] else { continue }
            descriptors = try note.descriptors.duplicated()
            descriptorCount = note.descriptorCount
            let payload = note.payload
            let message = try VhostMessage.parse(request: request.rawValue, payload: payload.span)
            let header = VhostMessageHeader(request: request.rawValue, flags: 1, payloadByteCount: payload.count)
            _ = try carryOut(message, header, payload)
        }
    }

    private func needsReply(_ header: VhostMessageHeader) -> Bool {
        header.needsReply && protocolFeatures.contains(.replyAcknowledged)
    }

    func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(Errno) {
        try UnixSocket.send(bytes, descriptors: descriptors, to: socket)
    }

    /// The only descriptor that came with a request.
    func takeDescriptor() -> OwnedDescriptor? { descriptorCount == 1 ? descriptors.take(0) : nil }

    // MARK: What the guest is told

    /// The monitor shows the guest our configuration, and lets us say that it changed.
    var canTellGuest: Bool {
        protocolFeatures.contains([.configuration, .backendRequests]) && backendChannel != nil
    }

    /// The configuration is another now. Returns false when the guest cannot be told.
    func update(_ configuration: VhostConfiguration) -> Bool {
        guard configuration != self.configuration else { return true }
        self.configuration = configuration
        isConfigurationRead = false
        guard canTellGuest, let sent = sendToBackendChannel(VhostMessageHeader.configurationChanged) else {
            return false
        }
        return sent
    }

    func configurationRead() {
        isConfigurationRead = true
        let run = onConfigurationRead
        onConfigurationRead = {}
        run()
    }

    private func sendToBackendChannel(_ bytes: [UInt8]) -> Bool? {
        guard let raw = backendChannel?.rawValue else { return nil }
        return SharedSignal.write(raw, bytes)
    }

    /// The loop has stopped a ring: the monitor may want to know.
    func ringBroke(_ ring: Int) {
        guard rings.indices.contains(ring) else { return }
        if let error = rings[ring].error?.rawValue { SharedSignal.send(error) }
    }
}
