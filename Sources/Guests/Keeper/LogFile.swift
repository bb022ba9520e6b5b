// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The lab's log: lines with their time, in a file that does not grow for ever.
struct LogFile {
    private let log: ConsoleLog

    init(path: String) { log = ConsoleLog(path: path, limit: 1 << 20) }

    func write(_ line: String) {
        let time = WallClock.logTime(seconds: Int(WallClock.nanoseconds / 1_000_000_000))
        // One line each, whatever is in it.
        let text = String(line.map { $0.isNewline ? " " : $0 })
        log.append(Array("\(time) \(text)\n".utf8))
    }
}
