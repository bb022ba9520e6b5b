// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import LinuxSystem
import Logging
import NIOCore
import NIOPosix

/// What `etherloom web` was asked for, checked.
struct WebSetup: Sendable {
    let socket: String
    let listen: ListenAddress
    let token: Secret
    let telnet: Telnet?

    struct Telnet: Sendable {
        let listen: ListenAddress
        let password: Secret
    }

    /// Most pages and terminals at a time.
    static let sessions = 16

    init(_ command: WebCommand) throws(Failure) {
        socket = command.socket
        if let text = command.listen {
            listen = try ListenAddress(text, option: "--listen")
        } else {
            listen = .local
        }
        try listen.requireConsent(command.listensAnywhere, option: "--listen")
        if let text = command.telnet {
            let address = try ListenAddress(text, option: "--telnet")
            try address.requireConsent(command.listensAnywhere, option: "--telnet")
            guard let file = command.passwordFile else {
                throw Failure(
                    "--telnet: a password is needed; give its file with --password-file",
                    status: ExitStatus.usage
                )
            }
            telnet = Telnet(listen: address, password: try Secret(file: file, .password))
        } else {
            guard command.passwordFile == nil else {
                throw Failure("--password-file is for --telnet, which is missing", status: ExitStatus.usage)
            }
            telnet = nil
        }
        if let file = command.tokenFile {
            token = try Secret(file: file, .token)
        } else {
            token = .random()
        }
    }

    /// Serves until it is cancelled.
    ///
    /// - Parameter ready: called once with what is to be printed.
    func serve(_ ready: @escaping @Sendable (String) -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let console = try ConsoleAddress(path: socket, group: group)
        // A wrong path is found out now, not by the first visitor.
        try await console.connect().executeThenClose { _, _ in }
        let limit = SessionLimit(Self.sessions)
        let telnetLine = try await serveTelnet(console, limit, group)
        try await serveWeb(console, limit, group) { port in
            ready("http://\(listen.authority(port: port))/?token=\(token.text)\n" + telnetLine)
        }
    }

    /// The command to connect with, empty when telnet is not wanted.
    private func serveTelnet(
        _ console: ConsoleAddress,
        _ limit: SessionLimit,
        _ group: any EventLoopGroup
    ) async throws -> String {
        guard let telnet else { return "" }
        let server = TelnetServer(console: console, password: telnet.password, limit: limit)
        do {
            let port = try await server.start(telnet.listen, group: group)
            return "telnet \(telnet.listen.name) \(port)\n"
        } catch {
            throw telnet.listen.failure(error, option: "--telnet")
        }
    }

    private func serveWeb(
        _ console: ConsoleAddress,
        _ limit: SessionLimit,
        _ group: any EventLoopGroup,
        _ ready: @escaping @Sendable (Int) -> Void
    ) async throws {
        let rules = RequestGuard(token: token, names: Set([HostName.current].compactMap { $0 }))
        let server = WebServer(console: console, rules: rules, limit: limit)
        let quiet = Logger(label: "web") { _ in SwiftLogNoOpLogHandler() }
        let application = Application(
            router: server.router,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: .seconds(60),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8192,
                        maxHeaderListSize: 16384,
                        maxHeaderFieldCount: 64
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port),
                availableConnectionsDelegate: MaximumAvailableConnections(WebServer.connections, logger: quiet)
            ),
            onServerRunning: { channel in ready(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group),
            logger: quiet
        )
        do {
            try await application.run()
        } catch {
            throw listen.failure(error, option: "--listen")
        }
    }
}

extension ListenAddress {
    /// Why it cannot be listened on.
    func failure(_ error: any Error, option: String) -> Failure {
        let reason = (error as? IOError).map { "\(Errno(rawValue: $0.errnoCode))" } ?? "\(error)"
        return Failure("\(option) \(host.contains(":") ? "[\(host)]" : host):\(port): cannot listen: \(reason)")
    }
}
