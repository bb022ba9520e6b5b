// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Guests
import LinuxSystem

/// `etherloom capture GUEST:INTERFACE`: finds the switch and the port, and becomes `etherloom capture`.
struct LabCaptureCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "capture",
            abstract: "Write down the frames of a guest's interface or of a lab's segment, in pcapng.",
            discussion:
                "Other options are those of etherloom capture with a switch's directory; see etherloom-capture(1).",
            shouldDisplay: false
        )
    }

    @OptionGroup var lab: LabOptions
    @Argument(help: "GUEST:INTERFACE, or @SEGMENT.") var target: String
    @Argument(parsing: .captureForPassthrough, help: "Options of etherloom capture.") var options: [String] = []

    mutating func run() throws {
        let runtime = try lab.runtimeDirectory()
        let keeper = try KeeperClient(runtimeDirectory: runtime)
        let segments = RuntimeFiles(directory: runtime).segments
        let lab = try KeeperState(words: keeper.request(["state"]).words)
        var words: [String]
        if let socket = try Self.socket(target, keeper, lab) {
            // A bridge is the kernel's: it is listened to at its device. The option comes first: the name alone would lead back to us.
            words = ["--socket-fd", String(socket), target.hasPrefix("@") ? String(target.dropFirst()) : target]
        } else if target.hasPrefix("@") {
            words = ["\(segments)/\(target.dropFirst())"]
        } else {
            let state = FabricPorts(words: try keeper.request(["fabric", "state"]).words)
            guard let port = state.ports[target] else {
                throw Failure("there is no interface \(target) on a switch of this lab", status: ExitStatus.usage)
            }
            guard let segment = port.segment, let number = port.number else {
                throw Failure("\(target) is not plugged in, or its guest does not run")
            }
            words = ["\(segments)/\(BridgeCompanion.bridge(ofSegment: segment) ?? segment)", String(number)]
        }
        words = ["etherloom", "capture"] + words + options
        guard let directory = CurrentProcess.programDirectory else {
            throw Failure("/proc is not mounted", status: ExitStatus.unsupported)
        }
        let parent = directory.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        var failure = Errno.noEntry
        for path in ["\(directory)/etherloom", "\(parent)/bin/etherloom"] {
            failure = CurrentProcess.execute(path, arguments: words)
        }
        throw Failure("cannot run etherloom: \(failure)", status: ExitStatus.unsupported)
    }

    /// A socket for what is on a bridge, to be inherited; nil for what is not.
    private static func socket(_ target: String, _ keeper: KeeperClient, _ lab: KeeperState) throws -> Int32? {
        var name = target
        if target.hasPrefix("@") {
            name = String(target.dropFirst())
            guard lab.bridges.contains(name) else { return nil }
        } else {
            let guest = lab.guest(String(target.prefix { $0 != ":" }))
            let interface = guest?.interfaces.first {
                GuestPlan.port(guest: guest?.name ?? "", interface: $0.name) == target
            }
            guard let segment = interface?.segment, lab.bridges.contains(segment) else { return nil }
        }
        guard let socket = try keeper.request(["listen", name]).descriptors.first else { return nil }
        return dup(socket.rawValue)
    }
}

/// Ports of a fabric, as its `state` lists them.
struct FabricPorts {
    struct Port: Equatable {
        var segment: String?
        var number: Int?
    }

    private(set) var ports: [String: Port] = [:]

    init(words: [String]) {
        var name: String?
        for word in words {
            guard let sign = word.firstIndex(of: "=") else { continue }
            let (key, value) = (word[..<sign], String(word[word.index(after: sign)...]))
            switch key {
            case "port":
                name = value
                ports[value] = Port()
            case "patch", "gateway": name = nil
            case "segment":
                // Of a port it is a property; else a thing of its own.
                if let name, ports[name]?.segment == nil, ports[name]?.number == nil {
                    ports[name]?.segment = value == "-" ? nil : value
                } else {
                    name = nil
                }
            case "number": if let name, ports[name]?.number == nil { ports[name]?.number = Int(value) }
            default: break
            }
        }
    }
}
