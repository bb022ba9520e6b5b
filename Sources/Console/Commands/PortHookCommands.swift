// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import PacketFilter
import Runtime

extension Console {
    /// What ports do besides forwarding: nothing of this is the original's.
    static var portHookCommands: [ConsoleCommand] {
        [
            ConsoleCommand(
                "port/impair",
                "PORT in|out|both KEY VALUE... | off",
                "make a direction lose, delay or change frames",
                .text { call, text in
                    try call.console.impair(text)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/impaired",
                "[PORT]",
                "print what is wrong with ports",
                .optionalNumber { call, number in .data(call.console.impairments(port: number)) }
            ),
            ConsoleCommand(
                "port/rate",
                "PORT in|out|both BITS [FRAMES]",
                "limit bits and frames a second (0: no limit)",
                .text { call, text in
                    let (ways, words) = try PortWays.read(text)
                    guard let bits = words.first.flatMap({ ImpairmentValue(text: String($0)) })?.value,
                        words.count <= 2,
                        let frames = words.count == 2 ? Double(words[1]) : 0, (0...1e15).contains(bits),
                        (0...1e12).contains(frames)
                    else { throw Errno.invalid }
                    let rate = SwitchHooks.Rate(bitsPerSecond: UInt64(bits), framesPerSecond: UInt64(frames))
                    for way in ways { try call.console.target.hooks.setRate(way, rate) }
                    return .success
                }
            ),
            ConsoleCommand(
                "port/mirror",
                "PORT in|out|both PORT [FILTER]",
                "show a port's frames to another port too",
                .text { call, text in
                    let (ways, words) = try PortWays.read(text)
                    guard let destination = words.first.flatMap({ Int($0) }) else { throw Errno.invalid }
                    let filter = words.dropFirst().joined(separator: " ")
                    let program = try filter.isEmpty ? nil : Console.compile(filter)
                    try call.console.target.hooks.addMirrors(ways, to: destination, filter: program, text: filter)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/unmirror",
                "PORT",
                "end all mirrors of a port",
                .number { call, port in
                    try call.console.target.hooks.removeMirrors(of: port)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/monitor",
                "PORT 0/1",
                "a monitor gets mirrored frames only, and sends none",
                .numbers(2) { call, numbers in
                    try call.console.target.hooks.setMonitor(numbers[0], numbers[1] != 0)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/floodlimit",
                "PORT|all FRAMES",
                "limit frames a second that go to all ports (0: no limit)",
                .text { call, text in
                    let words = text.split { $0 == " " || $0 == "\t" }
                    guard words.count == 2, let limit = UInt64(words[1]), limit <= 1_000_000_000,
                        words[0] == "all" || Int(words[0]) != nil
                    else { throw Errno.invalid }
                    try call.console.target.hooks.setFloodLimit(port: Int(words[0]), framesPerSecond: limit)
                    return .success
                }
            ),
            ConsoleCommand(
                "port/floods",
                "",
                "print flood limits, what they dropped, and loops",
                .plain { call in .data(call.console.floodLines) }
            ),
            ConsoleCommand(
                "port/hooks",
                "",
                "print limits, mirrors and monitors",
                .plain { call in .data(call.console.hookLines) }
            ),
        ]
    }

    /// ENOTSUP when libpcap is not there, EINVAL for an expression that it does not understand.
    static func compile(_ expression: String) throws(Errno) -> FilterProgram {
        do {
            return try FilterCompiler.compile(expression)
        } catch .noLibrary {
            throw Errno(rawValue: 95)
        } catch {
            throw .invalid
        }
    }

    private func impair(_ text: String) throws(Errno) {
        let (ways, words) = try PortWays.read(text)
        if words == ["off"] {
            for way in ways { try target.hooks.setImpairment(way, nil) }
            return
        }
        guard !words.isEmpty, words.count % 2 == 0 else { throw .invalid }
        var seed: UInt64?
        var changed: [(SwitchHooks.Way, ImpairmentSettings)] = []
        for way in ways {
            var settings = target.hooks.impairments[way] ?? ImpairmentSettings()
            for place in stride(from: 0, to: words.count, by: 2) {
                let (name, value) = (String(words[place]), String(words[place + 1]))
                switch name {
                case "preset":
                    guard let preset = ImpairmentPreset(rawValue: value) else { throw .invalid }
                    settings = preset.settings
                case "fifo": settings.isOrdered = value != "0"
                case "seed":
                    guard let number = UInt64(value) else { throw .invalid }
                    seed = number
                default:
                    guard let key = ImpairmentKey(name: name), let value = ImpairmentValue(text: value) else {
                        throw .invalid
                    }
                    settings[key] = value
                }
            }
            changed.append((way, settings))
        }
        // Nothing is changed before all of the line made sense.
        for (way, settings) in changed {
            try target.hooks.setImpairment(way, settings)
            if let seed { try target.hooks.setSeed(way, seed &+ (way.isInbound ? 0 : 1)) }
        }
    }

    private func impairments(port: Int?) -> [String] {
        target.hooks.impairments.filter { port == nil || $0.key.port == port }
            .sorted { ($0.key.port, $0.key.isInbound ? 0 : 1) < ($1.key.port, $1.key.isInbound ? 0 : 1) }
            .map { way, settings in
                let values = ImpairmentKey.stored.filter { settings[$0] != ImpairmentValue() }.map { key in
                    let value = settings[key]
                    let spread = value.spread == 0 ? "" : "+\(generalNumber(value.spread))"
                    return " \(key.rawValue) \(generalNumber(value.value))\(spread)"
                        + (value.distribution == .normal ? "N" : "")
                }
                let status = target.dataPlane.impairmentStatus(port: way.port, isInbound: way.isInbound)
                return "Port \(decimal(way.port, digits: 4)) \(way.isInbound ? "in " : "out")"
                    + values.joined() + (settings.isOrdered ? "" : " fifo 0")
                    + " -- waiting pkts \(status.frameCount) bytes \(status.byteCount)"
            }
    }

    /// Limits of all ports first, then ports with one of their own or that lost something to it, then loops.
    private var floodLines: [String] {
        let hooks = target.hooks
        let status = target.dataPlane.stormStatus()
        func limit(_ value: UInt64?) -> String { value.map { $0 == 0 ? "none" : "\($0) pkts/s" } ?? "none" }
        let ports = Set(hooks.floodLimits.keys).union(status.dropped.filter { $0.value > 0 }.keys).sorted()
        var lines = ["All ports limit \(limit(hooks.floodLimit))"]
        lines += ports.map { port in
            "Port \(decimal(port, digits: 4)) limit \(limit(hooks.floodLimits[port] ?? hooks.floodLimit))"
                + " dropped pkts \(status.dropped[port] ?? 0)"
        }
        lines.append("Loops seen in \(status.loopSeconds) seconds")
        if let loop = hooks.lastLoop {
            lines.append(
                "Last loop ports \(decimal(loop.oldPort, digits: 4)) and \(decimal(loop.port, digits: 4))"
                    + " address \(loop.address) VLAN \(decimal(loop.vlan, digits: 4))"
            )
        }
        return lines
    }

    private var hookLines: [String] {
        let hooks = target.hooks
        func name(_ port: Int, _ isInbound: Bool) -> String {
            "Port \(decimal(port, digits: 4)) \(isInbound ? "in " : "out")"
        }
        let rates = hooks.rates.sorted {
            ($0.key.port, $0.key.isInbound ? 0 : 1) < ($1.key.port, $1.key.isInbound ? 0 : 1)
        }
        return rates.map {
            "\(name($0.key.port, $0.key.isInbound)) rate \($0.value.bitsPerSecond) bits \($0.value.framesPerSecond) pkts"
        }
            + hooks.mirrors.map {
                "\(name($0.source, $0.isInbound)) mirror to \(decimal($0.destination, digits: 4))"
                    + ($0.filter.isEmpty ? "" : " filter \($0.filter)")
            }
            + hooks.monitors.sorted().map { "Port \(decimal($0, digits: 4)) monitor" }
    }
}

/// The beginning of a line about directions of a port: `3 in`, `3 out`, `3 both`.
enum PortWays {
    static func read(_ text: String) throws(Errno) -> (ways: [SwitchHooks.Way], rest: [Substring]) {
        let words = text.split { $0 == " " || $0 == "\t" }
        guard words.count >= 2, let port = Int(words[0]) else { throw .invalid }
        let ways: [Bool]
        switch words[1] {
        case "in": ways = [true]
        case "out": ways = [false]
        case "both": ways = [true, false]
        default: throw .invalid
        }
        return (ways.map { SwitchHooks.Way(port: port, isInbound: $0) }, Array(words.dropFirst(2)))
    }
}
