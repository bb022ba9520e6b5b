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
    var configuration: VhostConfiguration
    /// See `VhostTransport`.
    let isKept: Bool
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

    init(
        _ socket: consuming OwnedDescriptor,
        loop: ControlLoop,
        configuration: VhostConfiguration,
        isKept: Bool = false,
        answer: VhostAnswer,
        change: @escaping (consuming VhostChange) -> Void,
        log: @escaping (String) -> Void,
        onEnd: @escaping () -> Void
    ) throws(Errno) {
        self.socket = socket
        self.loop = loop
        self.configuration = configuration
        self.isKept = isKept
        self.answer = answer
        self.change = change
        self.log = log
        self.onEnd = onEnd
        token = try loop.watch(self.socket.rawValue, [.readable, .readHangUp]) { [weak self] _ in self?.readable() }
    }

    var isOpen: Bool { token != nil }

    /// Ends the connection: the rings rest, and the guest's memory is let go.
    func close() {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
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
            let hasReply = try handle(message, header, payload)
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
