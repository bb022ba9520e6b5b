// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem
public import Runtime

/// A command of a wire's console.
struct WireCommand {
    let name: String
    var hasData = false
    let run: (WireConsole, WireConsole.Caller, String) throws(Errno) -> ConsoleAnswer

    /// The longest command that the line begins with.
    static func match(_ line: Substring) -> WireCommand? {
        all.filter { line.utf8.starts(with: $0.name.utf8) }.max { $0.name.utf8.count < $1.name.utf8.count }
    }

    static var all: [WireCommand] { general + settings + markov }

    private static var general: [WireCommand] {
        [
            WireCommand(name: "help", hasData: true) { _, _, _ in .data(help) },
            WireCommand(name: "load", hasData: true) { console, caller, path throws(Errno) in
                try console.load(path, caller)
            },
            WireCommand(name: "showinfo", hasData: true) { console, _, text throws(Errno) in
                .data(
                    WireReport.lines(console.wire, state: try state(console, text, empty: console.wire.chain.current))
                )
            },
            WireCommand(name: "fifo") { console, _, text in
                console.wire.setOrdered((ConsoleArgument.number(text)?.value ?? 0) != 0)
                return .success
            },
            WireCommand(name: "seed") { console, _, text throws(Errno) in
                guard let seed = UInt64(text) else { throw .invalid }
                console.wire.setSeed(seed)
                return .success
            },
            WireCommand(name: "preset") { console, _, text throws(Errno) in
                guard let preset = ImpairmentPreset(rawValue: text) else { throw .invalid }
                for direction in ImpairedWire.Direction.allCases {
                    console.wire.setSettings(console.wire.chain.current, direction, preset.settings)
                }
                return .success
            },
            WireCommand(name: "shutdown") { _, _, _ in ConsoleAnswer(sequel: .shutdown) },
            WireCommand(name: "logout") { _, _, _ in ConsoleAnswer(sequel: .endOfSession) },
        ]
    }

    /// One command for each quantity.
    private static var settings: [WireCommand] {
        let names: [(String, ImpairmentKey)] =
            ImpairmentKey.stored.map { ($0.rawValue, $0) } + [("band", .bandwidth)]
        return names.map { name, key in
            WireCommand(name: name) { console, _, text throws(Errno) in
                if text.isEmpty { return .success }
                let setting = try WireSetting(text, stateCount: console.wire.chain.count)
                console.wire.set(key, setting.value, setting.directions, state: setting.state)
                return .success
            }
        }
    }

    private static var markov: [WireCommand] {
        [
            WireCommand(name: "markov-numnodes") { console, _, text throws(Errno) in
                guard console.wire.setStateCount(ConsoleArgument.number(text)?.value ?? 0) else { throw .invalid }
                return .success
            },
            WireCommand(name: "markov-setnode") { console, _, text throws(Errno) in
                console.wire.setState(try state(console, text, empty: 0))
                return .success
            },
            WireCommand(name: "markov-name") { console, _, text throws(Errno) in
                // A comma or a blank stands before the name.
                guard let (number, rest) = ConsoleArgument.number(text), !rest.isEmpty,
                    (0..<console.wire.chain.count).contains(number)
                else { throw .invalid }
                console.wire.setName(number, rest.first == "," ? String(rest.dropFirst()) : rest)
                return .success
            },
            WireCommand(name: "markov-time") { console, _, text throws(Errno) in
                if text.isEmpty { return .success }
                guard let time = ImpairmentValue(text: text)?.value, time > 0 else { throw .invalid }
                console.wire.setStep(milliseconds: time)
                return .success
            },
            WireCommand(name: "setedge") { console, _, text throws(Errno) in
                let words = text.split { $0 == "," || $0 == " " || $0 == "\t" }
                let states = 0..<console.wire.chain.count
                guard words.count >= 3, let from = Int(words[0]), let to = Int(words[1]),
                    let weight = ImpairmentValue(text: String(words[2]))?.value, states.contains(from),
                    states.contains(to),
                    (0...100).contains(weight)
                else { throw .invalid }
                console.wire.setWeight(from: from, to: to, weight)
                return .success
            },
            WireCommand(name: "showedges", hasData: true) { console, _, text throws(Errno) in
                .data(
                    WireReport.edges(console.wire, state: try state(console, text, empty: console.wire.chain.current))
                )
            },
            WireCommand(name: "showcurrent", hasData: true) { console, _, _ in
                let chain = console.wire.chain
                return .data([
                    "Current Markov Node \(chain.current) \"\(chain.names[chain.current])\" (0,..,\(chain.count - 1))"
                ])
            },
            WireCommand(name: "markov-debug") { _, caller, text throws(Errno) in
                let level = ConsoleArgument.number(text)?.value ?? 0
                guard level >= 0 else { throw .invalid }
                caller.wantsTransitions = level > 0
                return .success
            },
        ]
    }

    /// A state's number; EINVAL for one that there is not.
    private static func state(_ console: WireConsole, _ text: String, empty: Int) throws(Errno) -> Int {
        let number = text.isEmpty ? empty : ConsoleArgument.number(text)?.value ?? 0
        guard (0..<console.wire.chain.count).contains(number) else { throw .invalid }
        return number
    }

    /// The original's list, and what it does not have.
    private static var help: [String] {
        [
            "COMMAND      HELP",
            "------------ ------------",
            "help         print a summary of mgmt commands",
            "load         load a configuration file",
            "showinfo     show status and parameter values",
            "loss         set loss percentage",
            "lostburst    mean length of lost packet bursts",
            "delay        set delay ms",
            "dup          set dup packet percentage",
            "bandwidth    set channel bandwidth bytes/sec",
            "speed        set interface speed bytes/sec",
            "noise        set noise factor bits/Mbyte",
            "mtu          set channel MTU (bytes)",
            "chanbufsize  set channel buffer size (bytes)",
            "fifo         set channel fifoness",
            "shutdown     shut the channel down",
            "logout       log out from this mgmt session",
            "markov-numnodes n  markov mode: set number of states",
            "markov-setnode n   markov mode: set current state",
            "markov-name n,name markov mode: set state's name",
            "markov-time ms     markov mode: transition period",
            "setedge n1,n2,w    markov mode: set edge weight",
            "showinfo n         markov mode: show parameter values",
            "showedges n        markov mode: show edge weights",
            "showcurrent        markov mode: show current state",
            "markov-debug n     markov mode: set debug level",
            "reorder      set percentage of packets that overtake others",
            "corrupt      set percentage of packets with one bit changed",
            "seed n       begin the random numbers anew",
            "preset name  lan, wifi, 4g, 3g or satellite",
        ]
    }
}

/// The argument of a quantity's command, and of its option: `LR20.5`, `RL 100+20N`, `30[1]`.
public struct WireSetting {
    public var directions = ImpairedWire.Direction.allCases
    public var value: ImpairmentValue
    public var state = 0

    /// EINVAL when there is no number, or no such state.
    public init(_ text: String, stateCount: Int = 1) throws(Errno) {
        var rest = Substring(text).drop(while: ConsoleArgument.isBlank)
        if rest.hasPrefix("LR") { directions = [.leftToRight] }
        if rest.hasPrefix("RL") { directions = [.rightToLeft] }
        if directions.count == 1 { rest = rest.dropFirst(2).drop(while: ConsoleArgument.isBlank) }
        if rest.hasSuffix("]"), let bracket = rest.lastIndex(of: "[") {
            guard let number = Int(rest[rest.index(after: bracket)...].dropLast()), (0..<stateCount).contains(number)
            else { throw .invalid }
            state = number
            rest = rest[..<bracket]
        }
        guard let value = ImpairmentValue(text: String(rest)) else { throw .invalid }
        self.value = value
    }
}
