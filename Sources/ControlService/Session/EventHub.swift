// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// Tells whoever listens what happens, in any thread.
public final class EventHub: Sendable {
    private struct Listener: Sendable {
        /// Nil: all labs.
        let lab: String?
        let send: @Sendable (String) -> Void
        let end: @Sendable () -> Void
    }

    private let listeners = Mutex<(next: Int, table: [Int: Listener])>((0, [:]))

    public init() {}

    /// Calls `send` with each event of a lab, a line of JSON, until `remove`; and `end` when that lab has ended.
    public func add(
        lab: String?,
        send: @escaping @Sendable (String) -> Void,
        end: @escaping @Sendable () -> Void = {}
    ) -> Int {
        listeners.withLock { listeners in
            listeners.next += 1
            listeners.table[listeners.next] = Listener(lab: lab, send: send, end: end)
            return listeners.next
        }
    }

    public func remove(_ number: Int) { listeners.withLock { _ = $0.table.removeValue(forKey: number) } }

    public var isEmpty: Bool { listeners.withLock { $0.table.isEmpty } }

    /// Nothing more will happen in a lab.
    func end(_ lab: String) {
        for listener in listeners.withLock({ $0.table.values.filter { $0.lab == lab } }) { listener.end() }
    }

    func publish(_ lab: String, _ event: String, _ members: [JSON.Member]) {
        let wanted = listeners.withLock { $0.table.values.filter { $0.lab == nil || $0.lab == lab } }
        guard !wanted.isEmpty else { return }
        let json = JSON.object(
            [JSON.Member("event", .string(event)), JSON.Member("lab", .string(lab))] + members
        )
        let line = json.description
        for listener in wanted { listener.send(line) }
    }
}
