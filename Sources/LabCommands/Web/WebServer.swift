// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// The console of a switch as a web page.
///
/// `GET /` is the page. It asks for `GET /events`, a stream of server-sent events that lasts as long as the page and has a session
/// of the console: `session` (the name for the next two), `console`, `ports`, `end`. `POST /sessions/NAME/line` sends a line to
/// the console, `POST /sessions/NAME/ports` with `1` or `0` says whether the table of ports is looked at.
struct WebServer: Sendable {
    let console: ConsoleAddress
    let rules: RequestGuard
    let limit: SessionLimit
    let sessions = WebSessions()
    var pageLimits = PageQueue.Limits()

    /// More connections wait in the kernel.
    static let connections = 128

    var router: Router<WebContext> {
        let router = Router(context: WebContext.self)
        router.add(middleware: GuardMiddleware(rules: rules))
        router.get("/") { _, _ in page() }
        router.get("/events") { request, context in events(request, context) }
        router.post("/sessions/:session/line") { request, context in try await line(request, context) }
        router.post("/sessions/:session/ports") { request, context in try await watch(request, context) }
        return router
    }

    private func session(_ context: WebContext) -> WebSession? { sessions[context.parameters.get("session") ?? ""] }

    private func line(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try await body(request, context)
        guard let session = session(context) else { return .noSession }
        do throws(WebSession.LineRefusal) {
            try session.submit(text)
            return Response(status: .noContent)
        } catch {
            switch error {
            case .tooLong:
                return .line(.contentTooLarge, "a line has at most \(ConsoleAddress.longestLine) bytes")
            case .control: return .line(.badRequest, "a line has no control characters")
            case .tooMany: return .line(.tooManyRequests, "the console takes no more lines now")
            }
        }
    }

    private func watch(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try await body(request, context)
        guard let session = session(context) else { return .noSession }
        guard text == "0" || text == "1" else { return .line(.badRequest, "1 or 0, whether the ports are looked at") }
        session.watchPorts(text == "1")
        return Response(status: .noContent)
    }

    private func body(_ request: Request, _ context: WebContext) async throws -> String {
        String(buffer: try await request.body.collect(upTo: context.maxUploadSize))
    }

    private func page() -> Response {
        let nonce = Secret.random().text
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/html; charset=utf-8",
                .contentSecurityPolicy: """
                default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; \
                img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
                """,
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: WebPage.text(nonce: nonce, console: console.path)))
        )
    }

    private func events(_ request: Request, _ context: WebContext) -> Response {
        guard let place = SessionPlace(limit) else {
            return .line(.serviceUnavailable, "\(limit.maximum) sessions are open, which is the limit")
        }
        let connection = context.connection
        let session = WebSession(console, limits: pageLimits)
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream"],
            body: ResponseBody { writer in
                sessions.add(session)
                defer {
                    sessions.remove(session)
                    withExtendedLifetime(place) {}
                }
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    try await session.run {
                        try await writer.write(ByteBuffer(string: $0))
                    } drop: {
                        connection.close(promise: nil)
                    }
                }
                try await writer.finish(nil)
            }
        )
    }
}

extension Response {
    fileprivate static var noSession: Response {
        .line(.notFound, "no such session; it ends with its stream of events")
    }
}
