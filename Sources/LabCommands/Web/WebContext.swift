// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// What is known of a request beside itself: its connection, to drop it.
struct WebContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let connection: any Channel

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        connection = source.channel
    }

    /// No request is longer than a line of the console; some more, to refuse longer ones in words.
    var maxUploadSize: Int { 4096 }
}

/// Lets no request pass that `RequestGuard` refuses, and adds the fields that keep a browser from doing more with an answer than
/// showing it.
struct GuardMiddleware: RouterMiddleware {
    let rules: RequestGuard

    func handle(
        _ request: Request,
        context: WebContext,
        next: (Request, WebContext) async throws -> Response
    ) async throws -> Response {
        let refusal = rules.refusal(
            authority: request.head.authority,
            origin: request.headers[.origin],
            authorization: request.headers[.authorization],
            query: request.uri.queryParameters["token"].map(String.init)
        )
        var response: Response
        if let refusal {
            response = .line(refusal == .noToken ? .unauthorized : .forbidden, refusal.message)
            if refusal == .noToken { response.headers[.wwwAuthenticate] = "Bearer" }
        } else {
            do {
                response = try await next(request, context)
            } catch let error as any HTTPResponseError {
                response = .line(error.status, "\(error.status.code) \(error.status.reasonPhrase)")
            }
        }
        response.headers[.cacheControl] = "no-store"
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.init("Referrer-Policy")!] = "no-referrer"
        response.headers[.init("Cross-Origin-Resource-Policy")!] = "same-origin"
        response.headers[.init("X-Frame-Options")!] = "DENY"
        return response
    }
}

extension Response {
    /// A line of text.
    static func line(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n"))
        )
    }
}
