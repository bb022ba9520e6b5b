// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ControlService
import Hummingbird
import LabFile
import Model
import NIOCore

/// The daemon's requests, answered by the thread that has the labs.
struct APIRouter: Sendable {
    let service: ServiceThread
    let version: String

    typealias Handler = @Sendable (APIRequest) async throws -> Response

    /// A router for all of `APIRoute.all`.
    func router() -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        for route in APIRoute.all {
            guard let handler = handler(route.name) else { preconditionFailure("no handler for \(route.name)") }
            let path = RouterPath(route.path.replacing("{", with: "").replacing("}", with: ""), route.parameters)
            let method = HTTPRequest.Method(rawValue: route.method.rawValue.uppercased()) ?? .get
            let service = self.service
            router.on(path.path, method: method) { request, context in
                service.post { $0.touch() }
                do {
                    return try await handler(APIRequest(request, context, route))
                } catch let error as ControlError {
                    return .error(error)
                }
            }
        }
        return router
    }

    /// Hummingbird writes `:name` for what we write `{name}`.
    private struct RouterPath {
        let path: Hummingbird.RouterPath
        init(_ text: String, _ parameters: [String]) {
            let parts = text.split(separator: "/").map { parameters.contains(String($0)) ? ":\($0)" : String($0) }
            path = Hummingbird.RouterPath("/" + parts.joined(separator: "/"))
        }
    }

    private func handler(_ name: String) -> Handler? {
        switch name {
        case "health": { _ in .json(["version": .string(version)]) }
        case "document": { _ in .json(OpenAPIDocument.json(version: version)) }
        case "events": { _ in events(nil) }
        case "lab-events":
            { request in
                let lab = request.name("lab")
                _ = try await onLab(lab) { session, then in then(.success(LabReport.summary(session))) }
                return events(lab)
            }
        case "labs":
            { _ in
                .json(
                    try await service.ask { service, then in
                        let names = service.sessions.keys.sorted()
                        let starting = service.startingLabs.filter { service.sessions[$0.name] == nil }
                        then(
                            .success(
                                .array(
                                    names.compactMap { service.sessions[$0].map(LabReport.summary) }
                                        + starting.map { LabReport.starting($0.name, $0.directory) }
                                )
                            )
                        )
                    }
                )
            }
        case "up": up
        case "lab":
            { request in
                .json(
                    try await onLab(request.name("lab")) { session, then in
                        session.refresh { error in
                            if let error { then(.failure(error)) } else { then(.success(LabReport.lab(session))) }
                        }
                    }
                )
            }
        case "change": change
        case "down": down
        case "file":
            { request in
                .json(
                    try await onLab(request.name("lab")) { session, then in
                        then(.success(["file": .string(LabWriter.text(session.savedLab()))]))
                    }
                )
            }
        case "graph": graph
        default: guestHandler(name)
        }
    }

    typealias JSONThen = @Sendable (Result<JSON, ControlError>) -> Void

    func onLab(
        _ name: String,
        _ body: @escaping @Sendable (LabSession, @escaping JSONThen) -> Void
    ) async throws -> JSON {
        try await service.ask { service, then in
            service.whenStarted(name) {
                do throws(ControlError) {
                    body(try service.session(name), then)
                } catch {
                    then(.failure(error))
                }
            }
        }
    }

    // MARK: Labs

    @Sendable private func up(_ request: APIRequest) async throws -> Response {
        let body = try await request.body()
        guard let directory = body["directory"]?.text, directory.hasPrefix("/"), let file = body["file"]?.text else {
            throw ControlError.usage("directory and file are wanted: an absolute path, and a text")
        }
        var made = LabService.UpRequest(
            directory: directory,
            file: file,
            fileName: body["file-name"]?.text ?? "lab.yaml",
            labName: body["lab-name"]?.text ?? "lab"
        )
        for member in body["environment"]?.members ?? [] { made.environment[member.key] = member.value.text }
        made.options.isDryRun = try request.flag("dry-run") == true
        made.options.start = body["guests"]?.texts.map(Set.init)
        made.options.downFor = body["down-for"]?.integer.map { UInt64(clamping: $0) }
        made.waits = try request.flag("wait") != false
        made.milliseconds = try request.milliseconds("timeout")
        let asked = made
        let answer: LabService.UpAnswer = try await service.ask { $0.up(asked, then: $1) }
        return .json(["lab": .string(answer.lab), "changes": .texts(answer.lines)])
    }

    @Sendable private func change(_ request: APIRequest) async throws -> Response {
        let body = try await request.body()
        let changes = (body["changes"]?.list ?? []).map { LabChange($0.texts ?? []) }
        var options = ConvergeOptions()
        options.isDryRun = try request.flag("dry-run") == true
        options.start = []
        options.downFor = body["down-for"]?.integer.map { UInt64(clamping: $0) }
        options.undoesOnFailure = true
        let chosen = options
        return .json(
            try await onLab(request.name("lab")) { session, then in
                session.change(chosen) { (lab) throws(ControlError) in
                    for change in changes { try change.apply(to: &lab) }
                } then: { [weak session] result in
                    guard case .success(let lines) = result, let session, !session.restarted.isEmpty else {
                        return then(result.map { ["changes": .texts($0)] })
                    }
                    // What has to be started anew is there again when the change is said to be done.
                    session.whenSettled(session.restarted, milliseconds: 120_000) { error in
                        then(error.map { .failure($0) } ?? .success(["changes": .texts(lines)]))
                    }
                }
            }
        )
    }

    @Sendable private func down(_ request: APIRequest) async throws -> Response {
        let grace = try request.milliseconds("grace")
        return .json(
            try await onLab(request.name("lab")) { session, then in
                session.down(milliseconds: grace) { error in
                    if let error { then(.failure(error)) } else { then(.success([:])) }
                }
            }
        )
    }

    @Sendable private func graph(_ request: APIRequest) async throws -> Response {
        let format = request.query("format") ?? "text"
        return .json(
            try await onLab(request.name("lab")) { session, then in
                do throws(ControlError) {
                    then(.success(["graph": .string(try LabGraph(session).text(format))]))
                } catch {
                    then(.failure(error))
                }
            }
        )
    }

    // MARK: Events

    /// A stream of events: what there is first, then what happens, until the lab ends. A reader that is so far behind that
    /// something would be missing is dropped: his next stream begins with what there is then.
    private func events(_ lab: String?) -> Response {
        let service = self.service
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                let (lines, input) = AsyncThrowingStream<String, any Error>.makeStream(
                    bufferingPolicy: .bufferingOldest(4096)
                )
                // In one job, so that nothing is missed between the two.
                let number: Int = try await service.ask { service, then in
                    let sessions = service.sessions.values.filter { lab == nil || $0.name == lab }
                    let snapshot = JSON.array(sessions.map { LabReport.lab($0) })
                    input.yield("event: snapshot\ndata: \(snapshot)\n\n")
                    let number = service.hub.add(lab: lab) { line in
                        // The stream breaks off then, as no stream does whose lab has ended.
                        if case .dropped = input.yield("event: change\ndata: \(line)\n\n") {
                            input.finish(throwing: ControlError("the reader does not read"))
                        }
                    } end: {
                        input.finish()
                    }
                    // It may have ended since it was asked for.
                    if let lab, service.sessions[lab] == nil { input.finish() }
                    then(.success(number))
                }
                defer { service.hub.remove(number) }
                let beat = Task {
                    while !Task.isCancelled {
                        try await Task.sleep(for: .seconds(15))
                        input.yield(": alive\n\n")
                    }
                }
                defer { beat.cancel() }
                for try await line in lines { try await writer.write(ByteBuffer(string: line)) }
                try await writer.finish(nil)
            }
        )
    }
}
