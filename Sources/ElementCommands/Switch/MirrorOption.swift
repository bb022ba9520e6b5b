// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import PacketFilter
import Runtime

/// `--mirror PORT:in|out|both:PORT[:FILTER]`.
struct MirrorOption: Sendable {
    private let text: String
    private let source: Int
    private let directions: [Bool]
    private let destination: Int
    private let expression: String
    private let filter: FilterProgram?

    init(_ text: String) throws {
        self.text = text
        let parts = text.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        let known: [Substring: [Bool]] = ["in": [true], "out": [false], "both": [true, false]]
        guard parts.count >= 3, let source = Int(parts[0]), let directions = known[parts[1]],
            let destination = Int(parts[2])
        else {
            throw Failure(
                "--mirror \(text): wants PORT:in|out|both:PORT[:FILTER], for example 1:both:8",
                status: ExitStatus.usage
            )
        }
        (self.source, self.directions, self.destination) = (source, directions, destination)
        expression = parts.count == 4 ? String(parts[3]) : ""
        do {
            filter = expression.isEmpty ? nil : try FilterCompiler.compile(expression)
        } catch {
            if case .noLibrary = error { throw Failure("\(error)", status: ExitStatus.unsupported) }
            throw Failure("--mirror \(text): \(error)", status: ExitStatus.usage)
        }
    }

    func apply(to element: Switch) throws {
        do throws(Errno) {
            try element.hooks.addMirrors(
                directions.map { SwitchHooks.Way(port: source, isInbound: $0) },
                to: destination,
                filter: filter,
                text: expression
            )
        } catch {
            throw Failure(
                "--mirror \(text): \(error); two different ports from 0 to \(element.portCount) are wanted",
                status: ExitStatus.usage
            )
        }
    }
}
