// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ControlService
import Hummingbird
import Model

/// Requests about guests and snapshots.
extension APIRouter {
    func guestHandler(_ name: String) -> Handler? {
        switch name {
        case "guest":
            { request in
                let name = request.name("guest")
                return .json(
                    try await onLab(request.name("lab")) { session, then in
                        guard let guest = session.intent.lab.guest(name) else {
                            return then(.failure(.noGuest(name, session)))
                        }
                        session.refresh { error in
                            if let error {
                                then(.failure(error))
                            } else {
                                then(.success(LabReport.guest(guest, session)))
                            }
                        }
                    }
                )
            }
        case "delete-guest":
            { request in
                let (guest, files) = (request.name("guest"), try request.flag("files") == true)
                return .json(
                    try await onLab(request.name("lab")) { session, then in
                        session.deleteGuest(guest, files: files) { then($0.map { ["changes": .texts($0)] }) }
                    }
                )
            }
        case "act": act
        case "ask":
            { request in
                let (guest, kind) = (request.name("guest"), request.name("request"))
                let words = try await request.body()["words"]?.texts
                guard let words, !words.isEmpty else { throw ControlError.usage("words: a list of words is wanted") }
                return .json(
                    try await onLab(request.name("lab")) { session, then in
                        session.ask(guest, kind, words) { then($0.map { ["lines": .texts($0)] }) }
                    }
                )
            }
        case "snapshots", "save-snapshot", "restore-snapshot", "remove-snapshot":
            { request in
                let verb =
                    [
                        "snapshots": "snapshots", "save-snapshot": "snapshot-save",
                        "restore-snapshot": "snapshot-restore",
                    ][name]
                    ?? "snapshot-remove"
                let snapshot = name == "snapshots" ? [] : [request.name("snapshot")]
                return .json(
                    try await onLab(request.name("lab")) { session, then in
                        session.snapshot([verb] + snapshot) { then($0.map { ["snapshots": SnapshotList.json($0)] }) }
                    }
                )
            }
        default: nil
        }
    }

    @Sendable private func act(_ request: APIRequest) async throws -> Response {
        let (guest, action) = (request.name("guest"), request.name("action"))
        let grace = try request.milliseconds("grace")
        let (waits, timeout) = (try request.flag("wait") == true, try request.milliseconds("timeout"))
        return .json(
            try await onLab(request.name("lab")) { session, then in
                session.act(guest, action, grace: grace, waits: waits, milliseconds: timeout) { error in
                    if let error { then(.failure(error)) } else { then(.success([:])) }
                }
            }
        )
    }
}
