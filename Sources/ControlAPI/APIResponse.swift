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
    /// What the table says of requests like this one.
    let route: APIRoute

    /// What the table does not know is no request: a word that is mistyped must not change what is done.
    init(_ request: Request, _ context: APIContext, _ route: APIRoute) throws(ControlError) {
        (self.request, self.context, self.route) = (request, context, route)
        for (key, _) in request.uri.queryParameters where !route.query.contains(where: { $0.name == key }) {
            let known = route.query.map(\.name).joined(separator: ", ")
            throw .usage("unknown parameter \"\(key)\"\(known.isEmpty ? "" : "; known are \(known)")")
        }
    }

    /// A part of the path.
    func name(_ key: String) -> String {
        (context.parameters.get(key) ?? "").removingPercentEncoding ?? ""
    }

    func query(_ key: String) -> String? { request.uri.queryParameters[Substring(key)].map(String.init) }

    func flag(_ key: String) throws(ControlError) -> Bool? {
        switch query(key) {
        case nil: return nil
        case "1": return true
        case "0": return false
        case let text?: throw .usage("\(key)=\(text): wanted is 1 or 0")
        }
    }

    func milliseconds(_ key: String) throws -> UInt64? {
        guard let text = query(key) else { return nil }
        guard let number = UInt64(text), number < 1 << 40 else {
            throw ControlError.usage("\(key)=\(text): wanted are milliseconds")
        }
        return number
    }

    /// The body's object, whose members are those of the table, of the types that it gives.
    func body() async throws -> JSON {
        let buffer = try await request.body.collect(upTo: context.maxUploadSize)
        let json: JSON
        do {
            json = try JSON(parsing: Array(buffer.readableBytesView))
        } catch {
            throw ControlError.usage("\(error)")
        }
        try APIBody.check(json, route)
        return json
    }
}

/// What the body of a request may be.
enum APIBody {
    static func check(_ json: JSON, _ route: APIRoute) throws(ControlError) {
        guard let members = json.members else { throw .usage("the body is an object of JSON") }
        for member in members {
            guard let field = route.body.first(where: { $0.name == member.key }) else {
                let known = route.body.map(\.name).joined(separator: ", ")
                throw .usage("unknown member \"\(member.key)\"; known are \(known)")
            }
            guard isOf(field.type, member.value) else { throw .usage("\(field.name): wanted is \(wanted(field.type))") }
        }
        for field in route.body where field.isRequired && json[field.name] == nil {
            throw .usage("\(field.name) is missing: \(wanted(field.type))")
        }
    }

    private static func isOf(_ type: APIRoute.BodyType, _ value: JSON) -> Bool {
        switch type {
        case .string: value.text != nil
        case .milliseconds: value.integer.map { (0..<1 << 40).contains($0) } == true
        case .words: value.texts != nil
        case .changes: value.list?.allSatisfy { $0.texts?.isEmpty == false } == true && value.list?.isEmpty == false
        case .variables: value.members?.allSatisfy { $0.value.text != nil } == true
        }
    }

    private static func wanted(_ type: APIRoute.BodyType) -> String {
        switch type {
        case .string: "a string"
        case .milliseconds: "a number of milliseconds"
        case .words: "an array of strings"
        case .changes: "an array of changes, each an array of words"
        case .variables: "an object of strings"
        }
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
