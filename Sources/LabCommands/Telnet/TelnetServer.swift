// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// The console by telnet, after a password.
struct TelnetServer: Sendable {
    let console: ConsoleAddress
    let password: Secret
    let limit: SessionLimit

    /// Connections that have not said the password yet, so that strangers cannot take the places of users.
    private let strangers = SessionLimit(16)

    init(console: ConsoleAddress, password: Secret, limit: SessionLimit) {
        self.console = console
        self.password = password
        self.limit = limit
    }

    /// Listens, and serves in a task of its own: the port.
    func start(_ address: ListenAddress, group: any EventLoopGroup) async throws -> Int {
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 1 << 16, high: TelnetSession.unsentLimit))
            .bind(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try ConsoleAddress.Channel(wrappingChannelSynchronously: channel)
                }
            }
        Task.detached {
            try await server.executeThenClose { clients in
                await withDiscardingTaskGroup { group in
                    do {
                        for try await client in clients { group.addTask { await serve(client) } }
                    } catch {
                        // The listening socket is gone, with the process.
                    }
                }
            }
        }
        return server.channel.localAddress?.port ?? address.port
    }

    private func serve(_ client: ConsoleAddress.Channel) async {
        try? await client.executeThenClose { input, output in
            guard let stranger = SessionPlace(strangers) else { return }
            let session = TelnetSession(client: client.channel, output: output, console: console)
            var iterator = input.makeAsyncIterator()
            var decoder = TelnetDecoder(limit: Secret.longest)
            guard let rest = try await session.login(&iterator, &decoder, password) else { return }
            _ = consume stranger
            guard let place = SessionPlace(limit) else {
                return try await session.say("\(limit.maximum) sessions are open, which is the limit.\n")
            }
            try await session.run(&iterator, &decoder, rest)
            withExtendedLifetime(place) {}
        }
    }
}
