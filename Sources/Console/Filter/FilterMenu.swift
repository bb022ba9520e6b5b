// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import PacketFilter
import Runtime

/// The menu of a filter (`etherloom filter`): rules and counters, while frames pass.
struct FilterMenu {
    let element: FilterElement
    /// What is told of rules that were refused, beside the answer.
    let complain: (String) -> Void

    var commands: [ConsoleCommand] {
        [
            .menu("filter", "FILTER MENU"),
            ConsoleCommand(
                "filter/print",
                "",
                "print all rules",
                .plain { _ in .data(element.rules.lines) }
            ),
            ConsoleCommand(
                "filter/set",
                "KEY [VALUE]",
                "allow mac ethertype multicast send-net receive-net send receive default",
                .text { _, text in
                    try change { rules throws(PolicyError) in
                        let words = text.split(maxSplits: 1, whereSeparator: { $0 == " " || $0 == "\t" })
                        guard let name = words.first, let key = FilterRules.Key(rawValue: String(name)) else {
                            let known = FilterRules.Key.allCases.map(\.rawValue).joined(separator: ", ")
                            throw PolicyError("filter/set \(text): what to set? known are \(known)")
                        }
                        try rules.set(key, words.count > 1 ? String(words[1]) : "")
                    }
                }
            ),
            ConsoleCommand(
                "filter/add",
                "send|receive permit|deny NAME EXPRESSION",
                "add a rule behind the others",
                .text { _, text in
                    try change { rules throws(PolicyError) in try rules.add(try FilterRules.Rule(text)) }
                }
            ),
            ConsoleCommand(
                "filter/del",
                "NAME",
                "take a rule away",
                .text { _, name in
                    var rules = element.rules
                    guard rules.remove(name) else { throw Errno.noEntry }
                    return try set(rules)
                }
            ),
            ConsoleCommand(
                "filter/counters",
                "[json]",
                "print how many frames each rule has decided about",
                .text { _, format in
                    switch format {
                    case "": .data(lines)
                    case "json": .data(Self.json(element.counts))
                    default: .failure(.invalid)
                    }
                }
            ),
        ]
    }

    private func change(_ body: (inout FilterRules) throws(PolicyError) -> Void) throws(Errno) -> ConsoleAnswer {
        var rules = element.rules
        do throws(PolicyError) {
            try body(&rules)
        } catch {
            return refuse(error)
        }
        return try set(rules)
    }

    private func set(_ rules: FilterRules) throws(Errno) -> ConsoleAnswer {
        do throws(PolicyError) {
            try element.setRules(rules)
            return .success
        } catch {
            return refuse(error)
        }
    }

    /// Nothing has changed: the answer says why.
    private func refuse(_ error: PolicyError) -> ConsoleAnswer {
        complain("filter: \(error)")
        return .data(["\(error)"], error: .invalid)
    }

    private var lines: [String] {
        element.counts.map { count in
            "\(alignedLeft(count.direction.rawValue, 7)) \(count.rule.accepts ? "permit" : "deny  ") "
                + "\(alignedLeft(count.rule.name, 24)) \(count.frames)"
        }
    }

    /// One object for each rule, one line each.
    static func json(_ counts: [FilterElement.Count]) -> [String] {
        let objects = counts.map { count in
            // Names have no quotation marks or backslashes (`FilterRules.Rule`), but may come from a later version.
            let name = count.rule.name.filter { $0 != "\"" && $0 != "\\" }
            return "{\"direction\":\"\(count.direction.rawValue)\",\"rule\":\"\(name)\","
                + "\"verdict\":\"\(count.rule.accepts ? "permit" : "deny")\",\"frames\":\(count.frames)}"
        }
        return ["["] + objects.enumerated().map { $1 + ($0 == objects.count - 1 ? "" : ",") } + ["]"]
    }
}
