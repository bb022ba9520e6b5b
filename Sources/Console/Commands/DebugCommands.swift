// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

extension Console {
    /// Events that a session wants to hear of, each category by a prefix of its path.
    static var debugMenu: [ConsoleCommand] {
        [
            .menu("debug", "DEBUG MENU"),
            ConsoleCommand(
                "debug/list",
                "",
                "list debug categories",
                .text { call, prefix in call.console.eventList(prefix, call.session) }
            ),
            ConsoleCommand(
                "debug/add",
                "dbgpath",
                "enable debug info for a given category",
                .text { call, prefix in
                    let wanted = call.console.events.matching(prefix: prefix).filter { !$0.isHidden }
                    guard let session = call.session, !wanted.isEmpty else { throw Errno.invalid }
                    let more = wanted.filter { !session.subscriptions.contains($0.path) }
                    guard !more.isEmpty else { throw Errno.exists }
                    guard !session.subscriptions.isEmpty || call.console.hasRoomForListener else {
                        throw Errno(rawValue: EUSERS)
                    }
                    session.subscriptions.formUnion(more.map(\.path))
                    call.console.subscriptionsChanged()
                    return .success
                }
            ),
            ConsoleCommand(
                "debug/del",
                "dbgpath",
                "disable debug info for a given category",
                .text { call, prefix in
                    let named = call.console.events.matching(prefix: prefix)
                    guard let session = call.session, !named.isEmpty else { throw Errno.invalid }
                    let present = named.filter { session.subscriptions.contains($0.path) }
                    guard !present.isEmpty else { throw Errno.noEntry }
                    session.subscriptions.subtract(present.map(\.path))
                    call.console.subscriptionsChanged()
                    return .success
                }
            ),
        ]
    }

    /// The categories whose path begins so, and which of them the session hears of.
    private func eventList(_ prefix: String, _ session: (any ConsoleCaller)?) -> ConsoleAnswer {
        let hasPeers = target.ports.values.contains { $0.endpoints.contains { $0.peer != nil } }
        let shown = events.matching(prefix: prefix).filter { !$0.isHidden && (hasPeers || !$0.isOurs) }
        let lines = shown.map { category in
            let status = session?.subscriptions.contains(category.path) == true ? "ON" : "OFF"
            return "\(alignedLeft(category.path, 22)) \(category.tagDigits) \(alignedLeft(status, 6)) \(category.help)"
        }
        let heading = ["CATEGORY               TAG STATUS HELP", "------------           --- ------ ----"]
        return .data(heading + lines, error: shown.isEmpty ? .noEntry : nil)
    }
}
