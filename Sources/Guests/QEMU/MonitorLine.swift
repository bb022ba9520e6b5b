// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What a user types for the monitor: a command of QMP's as JSON (`{"execute": …}`), or as words
/// (`query-status`, `set_link name=nic0 up=true`), or `hmp LINE` for the monitor that is made for people.
struct MonitorLine: Equatable {
    let command: String
    let arguments: [String: JSONValue]
    /// The answer is a text for people.
    let isForPeople: Bool

    init(_ line: String) throws(GuestError) {
        let trimmed = String(line.drop { $0 == " " })
        if trimmed.hasPrefix("{") {
            let value: JSONValue
            do {
                value = try JSONValue(parsing: trimmed)
            } catch {
                throw GuestError("no JSON: \(error)", status: 2)
            }
            guard let name = value["execute"]?.string else {
                throw GuestError("no member \"execute\" in the command", status: 2)
            }
            command = name
            if case .object(let members)? = value["arguments"] { arguments = members } else { arguments = [:] }
            isForPeople = false
            return
        }
        if trimmed == "hmp" || trimmed.hasPrefix("hmp ") {
            command = "human-monitor-command"
            arguments = ["command-line": .string(String(trimmed.dropFirst(4)))]
            isForPeople = true
            return
        }
        guard let words = CommandWords.split(trimmed), let name = words.first else {
            throw GuestError("a monitor's line is NAME KEY=VALUE…, JSON, or hmp LINE", status: 2)
        }
        command = name
        isForPeople = false
        var members: [String: JSONValue] = [:]
        for word in words.dropFirst() {
            guard let sign = word.utf8.firstIndex(of: UInt8(ascii: "=")), sign != word.startIndex else {
                throw GuestError(
                    "\(word): arguments are KEY=VALUE; for the other monitor's commands: hmp \(trimmed)",
                    status: 2
                )
            }
            members[String(word[..<sign])] = Self.value(String(word[word.utf8.index(after: sign)...]))
        }
        arguments = members
    }

    /// Numbers, truth values, arrays and objects as JSON; anything else is a text.
    private static func value(_ text: String) -> JSONValue {
        if text == "on" { return true }
        if text == "off" { return false }
        return (try? JSONValue(parsing: text)) ?? .string(text)
    }

    /// An answer, in lines to show.
    func lines(_ answer: JSONValue) -> [String] {
        if isForPeople, let text = answer.string {
            // Bytes: a line's end of two characters is one for Swift.
            return text.utf8.split { $0 == 0x0a || $0 == 0x0d }.map { String(decoding: Array($0), as: UTF8.self) }
        }
        // Nothing but "it is done".
        if answer == [:] { return [] }
        if let list = answer.array { return list.map(\.text) }
        return [answer.text]
    }
}
