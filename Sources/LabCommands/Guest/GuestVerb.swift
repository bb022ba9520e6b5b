// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Guests
import LinuxSystem
import Model

/// `etherloom guest`: the life of guests of a running lab.
struct GuestVerb: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "guest",
            abstract: "Start, stop, pause, create and delete guests of a running lab, and wait for them.",
            subcommands: [
                Start.self, Stop.self, Kill.self, Pause.self, Resume.self, Reset.self, Create.self, Delete.self,
                Wait.self, Type.self, Monitor.self,
            ]
        )
    }

    /// What the verbs about guests that exist have in common.
    struct Options: ParsableArguments {
        @Argument(help: "Guests.") var guests: [String]
        @OptionGroup var lab: LabOptions
        @Flag(name: .customLong("no-wait"), help: "End when it has begun.") var endsEarly = false
        @Option(name: .customLong("timeout"), help: "Wait so many seconds.") var timeout: Double?

        func act(_ action: String, grace: Double? = nil) throws {
            for seconds in [timeout, grace].compactMap(\.self) where !(seconds >= 0 && seconds < 1e8) {
                throw Failure("\(seconds): seconds are wanted", status: ExitStatus.usage)
            }
            let client = try ControlClient.make()
            let name = try lab.name()
            // All at the same time where that makes a difference: what has begun is not begun again by the request that waits.
            let begins = !endsEarly && guests.count > 1 && ["start", "stop", "kill"].contains(action)
            var failures: [GuestError] = []
            for waits in (begins ? [false] : []) + [!endsEarly] {
                for guest in guests {
                    do throws(GuestError) {
                        try client.request(
                            "POST",
                            ["labs", name, "guests", guest, action],
                            query: [
                                ("grace", grace.map { String(UInt64($0 * 1000)) }), ("wait", waits ? "1" : nil),
                                ("timeout", timeout.map { String(UInt64($0 * 1000)) }),
                            ]
                        )
                    } catch {
                        guard error.status != ControlClient.interrupted else { throw error }
                        // What is wrong with one keeps nobody from the others.
                        if !failures.contains(error) { failures.append(error) }
                    }
                }
            }
            guard let first = failures.first else { return }
            throw GuestError(failures.map(\.message).joined(separator: "\n"), status: first.status)
        }
    }

    struct Start: GuestAction {
        static let action = (name: "start", abstract: "Start guests, and wait until they are ready.")
        @OptionGroup var options: Options
    }

    struct Stop: GuestAction {
        static let action = (name: "stop", abstract: "Stop guests: clean first, then hard.")
        @Option(name: .customLong("grace"), help: "Seconds to end by themselves; 10 without it.") var grace: Double?
        @OptionGroup var options: Options
    }

    struct Kill: GuestAction {
        static let action = (name: "kill", abstract: "End guests at once.")
        @OptionGroup var options: Options
    }

    struct Pause: GuestAction {
        static let action = (name: "pause", abstract: "Let guests stand still.")
        @OptionGroup var options: Options
    }

    struct Resume: GuestAction {
        static let action = (name: "resume", abstract: "Let paused guests go on.")
        @OptionGroup var options: Options
    }

    struct Reset: GuestAction {
        static let action = (name: "reset", abstract: "Start guests anew without a clean end.")
        @OptionGroup var options: Options
    }

    struct Create: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "create",
                abstract: "Add a guest to the lab: etherloom guest create eve kind=process",
                discussion: "It is not started. Interfaces are added with etherloom interface add."
            )
        }
        @Argument(help: "Its name.") var name: String
        @Argument(help: "KEY=VALUE, with the keys of a guest in a lab file.") var properties: [String] = []
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["guest", "create", name] + properties]) }
    }

    struct Delete: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "delete",
                abstract: "Take guests out of the lab.",
                aliases: ["rm"]
            )
        }
        @Argument(help: "Guests.") var guests: [String]
        @OptionGroup var lab: LabOptions
        @Flag(name: .customLong("files"), help: "What they changed is deleted, too.") var files = false
        mutating func run() throws {
            let client = try ControlClient.make()
            let name = try lab.name()
            for guest in guests {
                _ = try client.request(
                    "DELETE",
                    ["labs", name, "guests", guest],
                    query: [("files", files ? "1" : nil)]
                )
            }
        }
    }

    struct Wait: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "wait", abstract: "Wait until guests are in a state.")
        }
        @Argument(help: "Guests.") var guests: [String]
        @Option(
            name: .customLong("state"),
            help: ArgumentHelp("The state.", valueName: "stopped|starting|running|paused|stopping")
        )
        var state = "running"
        @Option(name: .customLong("timeout"), help: "Wait so many seconds.") var timeout: Double?
        @OptionGroup var lab: LabOptions
        mutating func run() throws {
            guard let wanted = GuestState(rawValue: state) else {
                let known = GuestState.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure("--state \(state): wanted is \(known)", status: ExitStatus.usage)
            }
            if let timeout, !(timeout >= 0 && timeout < 1e8) {
                throw Failure("--timeout \(timeout): seconds are wanted", status: ExitStatus.usage)
            }
            let keeper = try lab.keeper()
            let end = timeout.map { MonotonicClock.nanoseconds + UInt64($0 * 1e9) }
            for guest in guests {
                let left = end.map {
                    $0 > MonotonicClock.nanoseconds ? ($0 - MonotonicClock.nanoseconds) / 1_000_000 : 0
                }
                try keeper.wait(guest, for: wanted, milliseconds: left)
            }
        }
    }

    struct `Type`: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "type",
                abstract: "Type a text on a guest's console.",
                discussion: "\\n, \\t, \\e and \\\\ mean what they mean in C; without --raw the line is ended."
            )
        }
        @Argument(help: "The guest.") var guest: String
        @Argument(help: "The text.") var text: String
        @Flag(name: .customLong("raw"), help: "Do not end the line.") var isRaw = false
        @OptionGroup var lab: LabOptions
        mutating func run() throws {
            let plain = text.replacing("\\\\", with: "\u{1}").replacing("\\n", with: "\n")
                .replacing("\\t", with: "\t").replacing("\\e", with: "\u{1b}").replacing("\u{1}", with: "\\")
            try lab.keeper().request(["type", guest, plain + (isRaw ? "" : "\n")])
        }
    }

    struct Monitor: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "monitor",
                abstract: "Say a line to a guest's kernel or machine: mconsole, QMP."
            )
        }
        @Argument(help: "The guest.") var guest: String
        @Argument(parsing: .captureForPassthrough, help: "The line.") var words: [String]
        @OptionGroup var lab: LabOptions
        mutating func run() throws {
            let line = words.filter { $0 != "--" }.joined(separator: " ")
            let answer = try lab.keeper().request(["monitor", guest, line])
            try Output.write(answer.words.map { $0 + "\n" }.joined())
        }
    }
}

/// A verb about guests that exist, which the daemon knows by the same name.
protocol GuestAction: ParsableCommand {
    static var action: (name: String, abstract: String) { get }
    var options: GuestVerb.Options { get }
    var grace: Double? { get }
}

extension GuestAction {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: action.name, abstract: action.abstract)
    }
    var grace: Double? { nil }
    mutating func run() throws { try options.act(Self.action.name, grace: grace) }
}
