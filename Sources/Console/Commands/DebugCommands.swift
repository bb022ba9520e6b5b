// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

extension Console {
    /// Events that a session wants to hear of, each category by a prefix of its path.
    static var debugMenu: [ConsoleCommand] {
        [
            .menu("debug", "DEBUG MENU"),
            ConsoleCommand(
                "debug/list",
                "",
                "list debug categories",
                .plain { call in .data(call.console.eventList(for: call.session)) }
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

    private func eventList(for session: (any ConsoleCaller)?) -> [String] {
        ["CATEGORY               TAG STATUS HELP", "------------           --- ------ ----"]
            + events.categories.filter { !$0.isHidden }.map { category in
                let tag = String(category.tag, radix: 8)
                let status = session?.subscriptions.contains(category.path) == true ? "ON" : "OFF"
                return alignedLeft(category.path, 22) + " " + String(repeating: "0", count: max(0, 3 - tag.count)) + tag
                    + " \(alignedLeft(status, 6)) \(category.help)"
            }
    }
}
