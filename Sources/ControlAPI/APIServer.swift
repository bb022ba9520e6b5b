// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import ControlService
import Hummingbird
import HummingbirdCore
import Logging
import Model
import NIOCore
import NIOPosix

/// Serves the daemon's requests on a socket that listens already: its own, or one that the service manager has made.
public struct APIServer: Sendable {
    let service: ServiceThread
    let version: String

    public init(service: ServiceThread, version: String) {
        self.service = service
        self.version = version
    }

    /// Serves until it is cancelled.
    ///
    /// - Parameters:
    ///   - listener: a listening socket, which this owns from now on.
    ///   - ready: called when connections are taken.
    public func run(listener: Int32, ready: @escaping @Sendable () -> Void) async throws {
        let responder = APIRouter(service: service, version: version).router().buildResponder()
        let quiet = Logger(label: "daemon") { _ in SwiftLogNoOpLogHandler() }
        let child = HTTP1Channel(
            responder: { request, writer, channel in
                let context = APIContext(source: .init(channel: channel, logger: quiet))
                var response: Response
                do {
                    response = try await responder.respond(to: request, context: context)
                    // No handler of ours answers so: there is no such request.
                    if response.status == .notFound {
                        response = .json(
                            ["error": .string("404 Not Found: \(request.method) \(request.uri.path)"), "status": 2],
                            .notFound
                        )
                    }
                } catch let error as any HTTPResponseError {
                    response = .json(
                        ["error": .string("\(error.status.code) \(error.status.reasonPhrase)"), "status": 2],
                        error.status
                    )
                } catch {
                    response = .error(ControlError("\(error)"))
                }
                let body = try await writer.writeHead(response.head)
                try await response.body.write(body)
            },
            configuration: HTTP1Channel.Configuration(idleTimeout: nil)
        )
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            .bind(listener) { channel in child.setup(channel: channel, logger: quiet) }
        ready()
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { inbound in
                for try await value in inbound {
                    group.addTask { await child.handle(value: value, logger: quiet) }
                }
            }
        }
    }
}
