// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
public import LinuxSystem

/// Serves the `attach` socket of a switch: programs of ours, which hand over a tap or get a channel.
/// Documentation/Attach.md specifies the protocol.
public final class AttachServer {
    let owner: Switch
    private let connections: ConnectionTable
    /// Clients, and what each wants.
    private var attached: [Int32: Client] = [:]
    /// A client with its filters, as it asked for them.
    private struct Client {
        var filters: ClientFilterSet
        /// Where the kernel runs its send filter; nil: nowhere.
        var channel: ReceivingSocket?
    }

    /// Captures, each as long as its connection.
    private var captures: [Int32: CaptureSession] = [:]

    public init(_ owner: Switch, directory: borrowing SwitchDirectory) throws(Errno) {
        self.owner = owner
        connections = ConnectionTable(loop: owner.loop)
        try connections.serve(directory.attach) { [unowned self] number in readable(number) }
    }

    /// Ends all connections: nobody can connect any more.
    public func stop() { connections.stop() }

    private func readable(_ number: Int32) {
        let isKnown = attached[number] != nil || captures[number] != nil
        let isOpen = connections.with(number) { descriptor -> Bool in
            do throws(Errno) {
                var message = try UnixSocket.receive(from: descriptor, limit: AttachMessage.maximumByteCount)
                if message.bytes.isEmpty { return false }
                if isKnown {
                    // Other messages after the first one are reserved for later versions.
                    if AttachChange.isChange(message.bytes) { change(message.bytes, number, descriptor) }
                    return true
                }
                answer(&message, number, descriptor)
                return true
            } catch .wouldBlock {
                return true
            } catch {
                return false
            }
        }
        if isOpen == false { end(number) }
    }

    private func end(_ number: Int32) {
        captures.removeValue(forKey: number)?.close()
        if attached.removeValue(forKey: number) != nil {
            owner.detach(identifier: number)
        } else {
            connections.close(number)
        }
    }

    private func answer(
        _ message: inout ReceivedMessage,
        _ number: Int32,
        _ descriptor: borrowing OwnedDescriptor
    ) {
        var answer = AttachAnswer(status: 0)
        var channel: OwnedDescriptor?
        var passed: [Int32] = []
        do {
            guard !message.isTruncated else { throw AttachRefusal(code: EMSGSIZE, message: "request too long") }
            if CaptureRequest.isRequest(message.bytes) {
                let session = try beginCapture(message.bytes, descriptor)
                captures[number] = session
                connections.keep(number)
                for port in owner.ports.values {
                    if let endpoint = port.endpoints.last { answer.portNames[port.number] = endpoint.description }
                }
                passed = [session.memory.rawValue, session.wakeUp.rawValue]
                if (try? UnixSocket.send(answer.encoded(), descriptors: passed, to: descriptor)) == nil {
                    endLater(number)
                }
                return
            }
            let request = try AttachRequest.parse(message.bytes)
            answer.port = try admit(request, &message, number, descriptor, &channel)
            if owner.isMultiplexer { answer.address = owner.interfaces.interface(port: answer.port)?.address }
        } catch let refusal as AttachRefusal {
            answer = AttachAnswer(status: refusal.code, message: refusal.message)
        } catch let error as Errno {
            answer = AttachAnswer(status: error.rawValue, message: "\(error)")
        } catch {
            answer = AttachAnswer(status: EPROTO, message: "malformed request: \(error)")
        }
        if let raw = channel?.rawValue { passed = [raw] }
        let sent = (try? UnixSocket.send(answer.encoded(), descriptors: passed, to: descriptor)) != nil
        if answer.status != 0 {
            owner.log("refused an attach client: \(answer.message)")
        }
        // Ended after this handler, which still holds the connection.
        if answer.status != 0 || !sent { endLater(number) }
    }

    /// Changes a client's filters. A change that is refused changes nothing.
    private func change(_ bytes: [UInt8], _ number: Int32, _ descriptor: borrowing OwnedDescriptor) {
        var answer = AttachAnswer(status: 0)
        do {
            guard let client = attached[number] else {
                throw AttachRefusal(code: EINVAL, message: "a capture has no such filters")
            }
            var filters = client.filters
            try filters.apply(try AttachChange.parse(bytes).filters)
            attached[number]?.filters = filters
            owner.setFilters(identifier: number, client.channel?.take(filters) ?? filters)
        } catch let refusal as AttachRefusal {
            answer = AttachAnswer(status: refusal.code, message: refusal.message)
        } catch {
            answer = AttachAnswer(status: EPROTO, message: "malformed request: \(error)")
        }
        if answer.status != 0 { owner.log("refused a change of filters: \(answer.message)") }
        if (try? UnixSocket.send(answer.encoded(), descriptors: [], to: descriptor)) == nil { endLater(number) }
    }

    private func endLater(_ number: Int32) { owner.loop.after(milliseconds: 0) { [weak self] in self?.end(number) } }

    private func admit(
        _ request: AttachRequest,
        _ message: inout ReceivedMessage,
        _ number: Int32,
        _ descriptor: borrowing OwnedDescriptor,
        _ channel: inout OwnedDescriptor?
    ) throws -> Int {
        let credentials = try UnixSocket.credentials(descriptor)
        var filters = ClientFilterSet()
        try filters.apply(request.filters)
        let endpoint: Endpoint
        let module: String
        var receiving: ReceivingSocket?
        switch request.transport {
        case .descriptor:
            guard let passed = message.takeDescriptor() else {
                throw AttachRefusal(code: EBADF, message: "no descriptor came with the request")
            }
            guard Tap.interfaceName(passed) != nil else {
                throw AttachRefusal(code: EINVAL, message: "the descriptor is no tap with a virtio-net header")
            }
            endpoint = .tap(try TapEndpoint(passed))
            module = "unix prog"
        case .channel:
            let pair = try UnixSocket.pair(.sequencedPacket)
            let ours = pair.first
            let theirs = pair.second
            UnixSocket.setSendBuffer(theirs, byteCount: ChannelEndpoint.sendBufferByteCount)
            if !owner.options.countsFiltered { receiving = ReceivingSocket(ours) }
            endpoint = .channel(ChannelEndpoint(ours))
            channel = Optional(consume theirs)
            module = "unix prog"
        }
        var newcomer = Switch.Newcomer(
            identifier: number,
            module: module,
            description: request.description,
            userID: credentials.userID,
            processID: credentials.processID
        ) { [weak self] in
            self?.attached[number] = nil
            self?.connections.close(number)
        }
        newcomer.port = request.port
        newcomer.interface = request.name
        newcomer.filters = receiving?.take(filters) ?? filters
        let port = try owner.attach(endpoint, newcomer)
        connections.keep(number)
        attached[number] = Client(filters: filters, channel: receiving)
        return port
    }
}
