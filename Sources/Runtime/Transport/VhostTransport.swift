// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import Wire

extension TransportRegistry {
    /// Virtual machines that share their memory.
    static var vhostSchemes: [TransportScheme] {
        [
            TransportScheme(
                "vhost",
                syntax: "vhost://SOCKET[connect/mac=ADDRESS/mtu=N/mode=OCTAL/keep]",
                open: VhostTransport.init(_:_:)
            )
        ]
    }
}

/// A port for a virtual machine by vhost-user: the monitor (QEMU, User Mode Linux) connects to our socket, or we to its.
///
/// The port is there from the beginning and stays; machines come and go. While none is attached, frames to it are counted
/// as lost for want of a carrier. There is one machine to a socket.
final class VhostTransport: Transport {
    /// Between two attempts to connect, in milliseconds.
    private static var retryMilliseconds: UInt64 { 500 }

    private let context: TransportContext
    private let url: NetworkURL
    private let path: SocketPath
    private let isClient: Bool
    private let answer = VhostAnswer()
    /// Numbers the endpoint for as long as it is there.
    private let identity: EventFD
    private var acceptor: Acceptor?
    private var retryToken: ControlLoop.Token?
    private var configuration = VhostConfiguration()
    private var session: VhostSession?
    private var isClosed = false
    /// A monitor that shows its guest no carrier of ours is not hung up on for that: somebody else tells the guest.
    private let isKept: Bool
    /// No machine has been here yet. The first one at a cable is let in also when nobody is at the other end: QEMU does not start
    /// its machine before, and whether that runs is not the other end's to decide.
    private var isFresh = true
    /// Is told what another process would need to go on where this one is; descriptors stay ours.
    var onNote: ((VhostNote, [Int32]) -> Void)?

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        self.context = context
        self.url = url
        try url.refuseOptions(except: ["connect", "mac", "mtu", "mode", "keep"])
        path = try SocketPath(url.address, url)
        isClient = url.has("connect")
        isKept = url.has("keep")
        identity = try EventFD()
        try readOptions()
        if !isClient { try listen() }
        do {
            try attach()
        } catch {
            removeSocket()
            throw error
        }
        if isClient { connect() }
    }

    private func readOptions() throws {
        if let text = url.value("mac") {
            guard let address = MACAddress(text), !address.isMulticast else {
                throw TransportError(.usage, "\(url): mac=\(text): wants an address like 52:54:00:12:34:56")
            }
            configuration.address = address
        }
        if url.has("mtu") { configuration.mtu = UInt16(try url.number("mtu", 68...65_535, default: 1500)) }
    }

    private func attach() throws {
        let identifier = identity.rawDescriptor
        var newcomer = Newcomer(
            identifier: identifier,
            module: "vhost-user",
            description: url.address,
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.unplugged() }
        newcomer.port = context.port
        newcomer.onNotice = { [weak self] in self?.take($0) }
        try context.host.attach(.vhost(try VhostEndpoint(answer: answer)), newcomer)
    }

    // MARK: Connections

    /// Listens, in the place of a predecessor that was killed.
    private func listen() throws {
        let socket = try path.makeSocket(.stream, url, mode: 0o600)
        do throws(Errno) {
            try UnixSocket.listen(socket, backlog: 4)
            acceptor = try Acceptor(socket, loop: context.loop) { [unowned self] connection throws(Errno) in
                accept(connection)
            }
        } catch {
            throw TransportError(.failed, "\(url): cannot listen: \(error)")
        }
    }

    private func accept(_ connection: consuming OwnedDescriptor) {
        // The end of the machine before may not have been heard yet.
        session?.readable()
        guard session == nil else {
            context.host.log("\(url): a second machine was sent away; there is one to a socket")
            return
        }
        begin(connection)
    }

    /// Goes on where another process was with a connection when it died.
    func takeUp(_ predecessor: VhostPredecessor) throws(TransportError) {
        guard session == nil, !isClosed else { throw TransportError(.failed, "\(url): a machine is there already") }
        guard let socket = predecessor.socket.take() else {
            throw TransportError(.usage, "\(url): the connection itself is missing")
        }
        begin(socket)
        guard let session else { throw TransportError(.failed, "\(url): cannot watch the connection") }
        do {
            try session.takeUp(predecessor)
        } catch {
            session.close()
            let reason = (error as? VhostSession.Refusal)?.reason ?? "\(error)"
            throw TransportError(.failed, "\(url): cannot go on where another was: \(reason)")
        }
    }

    private func connect() {
        retryToken = nil
        guard !isClosed, session == nil else { return }
        do {
            let socket = try UnixSocket.connection(.stream, to: path.address)
            begin(socket)
        } catch {
            retry()
        }
    }

    private func retry() {
        guard isClient, !isClosed, retryToken == nil else { return }
        retryToken = context.loop.after(milliseconds: Self.retryMilliseconds) { [weak self] in self?.connect() }
    }

    private func begin(_ socket: consuming OwnedDescriptor) {
        let identifier = identity.rawDescriptor
        do {
            session = try VhostSession(
                socket,
                loop: context.loop,
                configuration: configuration,
                isKept: isKept || isFresh && context.host.isCable,
                answer: answer,
                change: { [context] change in context.host.configure(identifier: identifier, .vhost(change)) },
                log: { [context, url] in context.host.log("\(url): \($0)") },
                onNote: onNote,
                onEnd: { [weak self] in self?.ended() }
            )
            session?.announce()
            context.onLinkChange(true, "\(url)")
        } catch {
            context.host.log("\(url): \(error)")
            retry()
        }
    }

    private func ended() {
        if session?.isAdmitted == true { isFresh = false }
        session = nil
        context.onLinkChange(false, "\(url): the machine is gone")
        retry()
    }

    // MARK: The loop's reports

    private func take(_ notice: EndpointNotice) {
        switch notice.kind {
        case .carrierSet: update { $0.isUp = notice.value != 0 }
        case .speedSet: update { $0.speed = UInt32(truncatingIfNeeded: notice.value) }
        case .ringBroken:
            let ring = Int(notice.value >> 8)
            context.host.log(
                "\(url): the guest's \(ring == 0 ? "receive" : "transmit") ring was stopped: "
                    + VhostFault.description(notice.value & 0xff)
            )
            session?.ringBroke(ring)
        default: break
        }
    }

    private func update(_ body: (inout VhostConfiguration) -> Void) {
        let before = configuration
        body(&configuration)
        guard let session, !session.update(configuration), configuration.isUp != before.isUp, !configuration.isUp
        else { return }
        // This monitor shows its guest a carrier for as long as we are connected.
        if !isKept { session.close() }
    }

    /// Calls back when the guest has read the configuration as it is now: at once where there is no guest that could, or none
    /// that is told.
    func whenGuestKnows(_ body: @escaping () -> Void) {
        // What the loop was told has come back as a notice by then.
        guard let session, session.canTellGuest, !session.isConfigurationRead else { return body() }
        session.onConfigurationRead = body
    }

    // MARK: End

    /// The host has taken the endpoint out.
    private func unplugged() {
        guard !isClosed else { return }
        close()
        context.onEnd("\(url): unplugged")
    }

    private func removeSocket() {
        acceptor = nil
        path.remove()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        session?.close()
        if let retryToken { context.loop.cancel(retryToken) }
        removeSocket()
        context.host.detach(identifier: identity.rawDescriptor)
    }
}
