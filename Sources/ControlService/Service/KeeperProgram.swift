// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem

/// Starts a keeper: in a session of its own and nobody's child, so that it outlives whoever started it.
final class KeeperProgram {
    private let starter: ChildProgram
    private let messages: SharedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    private var text: [UInt8] = []

    /// - Parameters:
    ///   - program: `etherloom`, by path.
    ///   - then: called when the keeper takes requests, or with the reason why there is none.
    init(
        _ program: String,
        layout: LabLayout,
        loop: ControlLoop,
        then: @escaping (ControlError?) -> Void
    ) throws(ControlError) {
        self.loop = loop
        do throws(Errno) {
            let pipe = try OwnedDescriptor.pipe()
            let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
            // The shell ends at once, and leaves the keeper to init. Why it cannot is heard, too.
            starter = try ChildProgram(
                [
                    "/bin/sh", "-c", "exec 2>&3; setsid \"$@\" >/dev/null 2>&1 &", "sh", program, "keeper",
                    "--lab", layout.lab, "--directory", layout.directory, "--runtime", layout.runtime, "--ready-fd",
                    "3",
                ],
                input: null.rawValue,
                output: null.rawValue,
                third: pipe.second.rawValue
            )
            messages = SharedDescriptor(pipe.first)
            try messages.withDescriptor { (pipe: borrowing OwnedDescriptor) throws(Errno) in try pipe.setNonblocking() }
            token = try loop.watch(messages.rawValue) { [self] _ in hear(then) }
        } catch {
            throw ControlError("cannot start \(program): \(error)", status: 4)
        }
    }

    /// `ready`, or why not; the end of it all without a word is an end, too.
    private func hear(_ then: @escaping (ControlError?) -> Void) {
        let part = messages.withDescriptor { try? $0.read(atMost: 4096) }
        guard let part else { return }
        text += part
        guard part.isEmpty || text.last == 0x0a else { return }
        if let token { loop.cancel(token) }
        token = nil
        starter.poll()
        let line = String(decoding: text.prefix { $0 != 0x0a }, as: UTF8.self)
        then(line == "ready" ? nil : Self.refusal(line))
    }

    /// `error STATUS MESSAGE` of the keeper, or words of the shell that was to start it.
    static func refusal(_ line: String) -> ControlError {
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        if words.count == 3, words[0] == "error", let status = Int32(words[1]), (1...4).contains(status) {
            return ControlError(words[2], status: status)
        }
        return ControlError(
            line.isEmpty
                ? "the lab's keeper has ended before it was ready" : "the lab's keeper cannot be started: \(line)"
        )
    }
}
