// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The pages that are open, by the name that each was told.
final class WebSessions: Sendable {
    private let sessions = Mutex<[String: WebSession]>([:])

    func add(_ session: WebSession) { sessions.withLock { $0[session.id] = session } }
    func remove(_ session: WebSession) { sessions.withLock { $0[session.id] = nil } }
    subscript(id: String) -> WebSession? { sessions.withLock { $0[id] } }
}
