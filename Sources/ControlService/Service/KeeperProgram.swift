// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem

/// Starts a keeper: in a session of its own, so that it outlives whoever started it.
final class KeeperProgram {
    private let child: ChildProgram
    private let messages: SharedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?

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
            child = try ChildProgram(
                [
                    "/bin/sh", "-c", "exec \"$@\" 2>&1", "sh", program, "keeper", "--daemon", "--name", layout.lab,
                    layout.directory,
                ],
                input: null.rawValue,
                output: pipe.second.rawValue
            )
            messages = SharedDescriptor(pipe.first)
            token = try loop.watch(child.rawDescriptor) { [self] _ in ended(layout, then) }
        } catch {
            throw ControlError("cannot start \(program): \(error)", status: 4)
        }
    }

    private func ended(_ layout: LabLayout, _ then: @escaping (ControlError?) -> Void) {
        guard let status = child.poll() else { return }
        if let token { loop.cancel(token) }
        token = nil
        guard status.shellStatus != 0 else { return then(nil) }
        let text = messages.withDescriptor { pipe -> String in
            try? pipe.setNonblocking()
            return String(decoding: (try? pipe.read(atMost: 65536)) ?? [], as: UTF8.self)
        }
        let line =
            text.split(separator: "\n").map(String.init).last ?? "its keeper ended with status \(status.shellStatus)"
        let message = line.hasPrefix("etherloom: ") ? String(line.dropFirst("etherloom: ".count)) : line
        then(ControlError(message, status: (1...4).contains(status.shellStatus) ? status.shellStatus : 1))
    }
}
