// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import PacketFilter
import Runtime

extension ConsoleEventCategory {
    static let filterDenied = ConsoleEventCategory(
        tag: 0o051,
        path: "filter/denied",
        help: "filter: frames denied in the last second, by rule"
    )
}

/// Tells sessions that ask for it which rules of a filter deny frames. Nothing is done while nobody asks.
final class FilterWatch {
    private unowned let console: Console
    private let element: FilterElement
    private var timer: ControlLoop.Token?
    private var told: [String: UInt64] = [:]

    init(_ console: Console, _ element: FilterElement) {
        self.console = console
        self.element = element
    }

    func subscriptionsChanged() {
        let isWanted = console.isWanted(.filterDenied)
        if isWanted, timer == nil {
            told = denied
            schedule()
        } else if !isWanted, let timer = timer.take() {
            element.target.loop.cancel(timer)
        }
    }

    private func schedule() {
        timer = element.target.loop.after(milliseconds: 1000) { [weak self] in self?.tell() }
    }

    private func tell() {
        timer = nil
        let now = denied
        for (rule, count) in now.sorted(by: { $0.key < $1.key }) where count > told[rule] ?? 0 {
            console.post(.filterDenied, "\(rule) \(count - (told[rule] ?? 0))")
        }
        told = now
        schedule()
    }

    private var denied: [String: UInt64] {
        Dictionary(
            element.counts.filter { !$0.rule.accepts }.map { ("\($0.direction.rawValue) \($0.rule.name)", $0.frames) }
        ) { $0 + $1 }
    }
}
