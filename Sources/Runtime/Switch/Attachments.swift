// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What a switch has plugged into itself by URL, from its command line or at its console. Each is kept: what goes is waited
/// for, until it is detached.
public final class Attachments {
    /// One of them, as users see it.
    public struct Entry {
        /// Given in order, never twice.
        public let identifier: Int
        public let text: String
        public var isUp: Bool { transport.isUp }
        let transport: PersistentTransport
    }

    private unowned let owner: Switch
    public private(set) var entries: [Entry] = []
    private var nextIdentifier = 1
    /// One that was there has gone, and why; it is being tried again. Not what stays while those whom it serves come and go.
    public var onLost: (Entry, String) -> Void = { _, _ in }

    init(_ owner: Switch) { self.owner = owner }

    /// Plugs a network in. Throws `TransportError` when that can never work, or cannot now.
    ///
    /// - Parameters:
    ///   - text: a URL, perhaps with alternatives separated by "|".
    ///   - port: the port wanted, 0 for any.
    ///   - mayWait: the switch is only starting. Else names are looked up afterwards, and the answer does not wait for them.
    @discardableResult
    public func attach(_ text: String, port: Int = 0, mayWait: Bool = false) throws -> Int {
        let alternatives: [NetworkURL]
        do {
            alternatives = try NetworkURL.alternatives(text)
        } catch {
            throw TransportError(.usage, error.description)
        }
        let user = CurrentProcess.userName(CurrentProcess.userID)
        var context = TransportContext(host: owner, description: "etherloom user=\(user) PID=\(CurrentProcess.id)")
        context.port = port
        context.mayWait = mayWait
        let identifier = nextIdentifier
        nextIdentifier += 1
        let transport = try PersistentTransport(alternatives, context, isKept: true, mustOpen: true)
        transport.onLoss = { [weak self] reason in
            guard let self, let entry = entries.first(where: { $0.identifier == identifier }) else { return }
            onLost(entry, reason)
        }
        entries.append(Entry(identifier: identifier, text: text, transport: transport))
        return identifier
    }

    /// Unplugs one of them for good: false when there is none of that number.
    public func detach(_ identifier: Int) -> Bool {
        guard let index = entries.firstIndex(where: { $0.identifier == identifier }) else { return false }
        entries.remove(at: index).transport.close()
        return true
    }

    /// Unplugs all of them.
    public func closeAll() {
        for entry in entries { entry.transport.close() }
        entries = []
    }
}
