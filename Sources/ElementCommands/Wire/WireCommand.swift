// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import LinuxSystem
import Runtime

/// `etherloom wire`: a cable that is not perfect.
struct WireCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "wire",
            abstract: "A cable with loss, delay, limited bandwidth and other faults.",
            discussion: """
                Joins two networks, given by URL. Values are written [LR|RL]VALUE[+SPREAD][K|M|G][U|N]: LR is the direction \
                from the first end to the second, RL the other one, neither means both; a spread makes single values vary, \
                uniformly (U) or normally (N). All of them can be changed at the console (-M) while frames pass.
                """
        )
    }

    @Argument(help: "The left end: a network's URL, or a switch's directory.")
    var first: String?
    @Argument(help: "The right end.")
    var second: String?
    @Option(name: .customLong("preset"), help: "Begin with the faults of a lan, wifi, 4g, 3g or satellite link.")
    var preset: String?
    @Option(name: [.short, .customLong("loss")], help: "Percentage of frames lost. Repeatable, as all of these.")
    var loss: [String] = []
    @Option(name: [.customShort("L"), .customLong("loss-burst")], help: "Mean number of frames lost in a row.")
    var lossBurst: [String] = []
    @Option(name: [.short, .customLong("delay")], help: "Delay in milliseconds, e.g. 100+20N.")
    var delay: [String] = []
    @Option(name: [.customShort("D"), .customLong("duplicate")], help: "Percentage of frames that arrive twice.")
    var duplicate: [String] = []
    @Option(name: .customLong("reorder"), help: "Percentage of frames that overtake others: they are not delayed.")
    var reorder: [String] = []
    @Option(name: .customLong("corrupt"), help: "Percentage of frames with one bit changed.")
    var corrupt: [String] = []
    @Option(name: [.short, .customLong("noise")], help: "Bits changed in each mebibyte.")
    var noise: [String] = []
    @Option(name: [.customShort("b"), .customLong("bandwidth")], help: "Bytes a second that the wire carries.")
    var bandwidth: [String] = []
    @Option(name: .customLong("rate"), help: "The same in bits a second.")
    var rate: [String] = []
    @Option(name: [.customShort("s"), .customLong("speed")], help: "Bytes a second that it takes in; senders wait.")
    var speed: [String] = []
    @Option(name: [.customShort("c"), .customLong("buffer")], help: "Bytes that may be in the wire; more are lost.")
    var buffer: [String] = []
    @Option(name: [.customShort("m"), .customLong("mtu")], help: "Longest frame in bytes; longer ones are lost.")
    var mtu: [String] = []
    @Flag(name: [.customShort("N"), .customLong("no-fifo")], help: "Frames overtake others that are delayed longer.")
    var isUnordered = false
    @Option(name: .customLong("seed"), help: "Number that makes a run repeatable.")
    var seed: UInt64?
    @Option(name: [.customShort("M"), .customLong("mgmt")], help: "Path of the console's socket.")
    var console: String?
    @Option(name: .customLong("mgmt-mode"), help: "Permission bits of the console's socket, octal.")
    var consoleMode: String?
    @Option(name: [.customShort("f"), .customLong("rcfile")], help: "Console commands to run at the start.")
    var commandFile: String?
    @Flag(name: .customLong("reconnect"), help: "Wait for ends that are not there, and plug them in again.")
    var reconnect = false
    @Flag(name: .customLong("daemon"), help: "Go to the background when ready.")
    var daemon = false
    @OptionGroup var process: ProcessOptions

    mutating func run() throws {
        guard let first, let second else {
            throw Failure(
                "wire: from where to where? give two places; see: etherloom wire --help",
                status: ExitStatus.usage
            )
        }
        Report.setQuiet(process.quiet)
        var setup = WireProcess.Setup()
        do {
            setup.ends.first = try NetworkURL.alternatives(first)
            setup.ends.second = try NetworkURL.alternatives(second)
        } catch {
            throw Failure("\(error)", status: ExitStatus.usage)
        }
        if let preset {
            guard let known = ImpairmentPreset(rawValue: preset) else {
                let names = ImpairmentPreset.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure("--preset \(preset): there are \(names)", status: ExitStatus.usage)
            }
            setup.preset = known
        }
        let values: [(ImpairmentKey, [String], String)] = [
            (.loss, loss, "--loss"), (.lossBurst, lossBurst, "--loss-burst"), (.delay, delay, "--delay"),
            (.duplicate, duplicate, "--duplicate"), (.reorder, reorder, "--reorder"), (.corrupt, corrupt, "--corrupt"),
            (.noise, noise, "--noise"), (.bandwidth, bandwidth, "--bandwidth"), (.rate, rate, "--rate"),
            (.speed, speed, "--speed"), (.buffer, buffer, "--buffer"), (.maximumFrame, mtu, "--mtu"),
        ]
        for (key, texts, option) in values {
            for text in texts { setup.settings.append(try WireOptions.setting(key, text, option: option)) }
        }
        setup.isOrdered = !isUnordered
        setup.seed = seed
        setup.consolePath = console
        setup.consoleMode = try consoleMode.map { try Octal.parse($0, option: "--mgmt-mode") } ?? 0o600
        setup.commandFile = commandFile
        setup.ends.isKept = reconnect
        setup.process = process.options(isDaemon: daemon)
        try WireProcess.run(setup)
    }
}
