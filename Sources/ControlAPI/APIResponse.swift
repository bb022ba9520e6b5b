// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ControlService
import Hummingbird
import Model
import NIOCore

extension Response {
    static func json(_ value: JSON, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: value.description + "\n"))
        )
    }

    static func error(_ error: ControlError) -> Response {
        let status: HTTPResponse.Status =
            switch error.status {
            case 2: .badRequest
            case 3: .gatewayTimeout
            case 4: .serviceUnavailable
            default: .conflict
            }
        return .json(["error": .string(error.message), "status": .integer(error.status)], status)
    }
}

/// What is known of a request beside itself.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
    /// A lab file, and what is around it.
    var maxUploadSize: Int { 8 << 20 }
}

/// A request's parts, as handlers want them.
struct APIRequest {
    let request: Request
    let context: APIContext

    /// A part of the path.
    func name(_ key: String) -> String {
        (context.parameters.get(key) ?? "").removingPercentEncoding ?? ""
    }

    func query(_ key: String) -> String? { request.uri.queryParameters[Substring(key)].map(String.init) }
    func isSet(_ key: String) -> Bool { query(key) == "1" }

    func milliseconds(_ key: String) throws -> UInt64? {
        guard let text = query(key) else { return nil }
        guard let number = UInt64(text), number < 1 << 40 else {
            throw ControlError.usage("\(key)=\(text): wanted are milliseconds")
        }
        return number
    }

    /// The body's object; members that are not in `known` are errors.
    func body(_ known: [String]) async throws -> JSON {
        let buffer = try await request.body.collect(upTo: context.maxUploadSize)
        let json: JSON
        do {
            json = try JSON(parsing: Array(buffer.readableBytesView))
        } catch {
            throw ControlError.usage("\(error)")
        }
        guard let members = json.members else { throw ControlError.usage("the body is an object of JSON") }
        for member in members where !known.contains(member.key) {
            throw ControlError.usage("unknown member \"\(member.key)\"; known are \(known.joined(separator: ", "))")
        }
        return json
    }
}

extension String {
    /// RFC 3986 section 2.1; nil for a "%" without two digits, or bytes that are no text.
    var removingPercentEncoding: String? {
        guard contains("%") else { return self }
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
