// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// Plugging networks in by URL, live. Ours: the original has no such commands.
extension Console {
    static var portAttachCommands: [ConsoleCommand] {
        [
            ConsoleCommand(
                "port/attach",
                "URL",
                "plug a network in, and keep it",
                .text { call, text in
                    guard !text.isEmpty else { return .data([], error: .invalid) }
                    do {
                        let identifier = try call.console.target.attachments.attach(text)
                        return .data(["attachment \(identifier)"])
                    } catch let error as TransportError {
                        return .data(["\(error)"], error: error.kind == .usage ? .invalid : .noSuchDevice)
                    } catch {
                        return .data(["\(error)"], error: .invalid)
                    }
                }
            ),
            ConsoleCommand(
                "port/attached",
                "",
                "print what was plugged in by port/attach and --port",
                .plain { call in
                    .data(
                        call.console.target.attachments.entries.map { entry in
                            "\(decimal(entry.identifier, digits: 4)) \(entry.isUp ? "UP" : "DOWN") \(entry.text)"
                        }
                    )
                }
            ),
            ConsoleCommand(
                "port/detach",
                "ID",
                "unplug what port/attach has plugged in",
                .number { call, number in
                    call.console.target.attachments.detach(number) ? .success : .failure(.noEntry)
                }
            ),
        ]
    }
}
