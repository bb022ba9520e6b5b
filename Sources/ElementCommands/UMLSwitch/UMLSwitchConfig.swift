// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What a uml_switch2 configuration asks for. Parsed whole before anything of it is done.
public struct UMLSwitchConfig: Sendable, Equatable {
    struct Tap: Sendable, Equatable {
        var name: String
        /// Shell commands after it was made, and before it goes.
        var upCommand: String?
        var downCommand: String?
    }

    var taps: [Tap] = []
    /// Sockets of the plain layout, and their owners.
    var sockets: [String] = []
    var socketOwner: UInt32?
    /// VDE directories: an addition of ours.
    var directory: String?
    public internal(set) var port: UInt16?
    public internal(set) var remote: String?
    /// Other networks by URL, an encrypted tunnel first of all: an addition of ours.
    var networks: [String] = []
    var pidFile: String?
    var isHub = false

    /// The plain tunnel as a URL, when there is one.
    var plainTunnel: String? {
        guard let port, let remote else { return nil }
        return "umlswitch2://" + (remote.contains(":") ? "[\(remote)]" : remote) + ":\(port)"
    }

    init() {}

    /// Reads a text; the error names the line.
    ///
    /// - Parameter hasSemicolons: a plain ";" ends a line, too.
    public init(text: String, file: String, hasSemicolons: Bool = false) throws(UMLConfigError) {
        var places: [String: Int] = [:]
        for command in try UMLConfigLexer.split(text, file: file, hasSemicolons: hasSemicolons) {
            func wrong(_ message: String) -> UMLConfigError {
                UMLConfigError(file: file, line: command.line, message: message)
            }
            let name = command.words[0]
            guard let wanted = Self.argumentNames[name] else {
                throw wrong(
                    "\(name): unknown command; known are \(Self.argumentNames.keys.sorted().joined(separator: ", "))"
                )
            }
            // Shell commands may be written without quotes.
            let isCommand = name == "tapupcmd" || name == "tapdncmd"
            let argument = command.words.dropFirst().joined(separator: " ")
            if wanted.isEmpty {
                guard command.words.count == 1 else { throw wrong("\(name): wants no argument") }
            } else {
                guard command.words.count == 2 || (isCommand && command.words.count > 2), !argument.isEmpty else {
                    throw wrong("\(name): wants one argument: \(name) \(wanted)")
                }
            }
            if ["port", "remote", "sockowner", "pidfile", "directory"].contains(name) {
                if let first = places[name] { throw wrong("\(name): given already in line \(first)") }
            }
            places[name] = command.line
            switch name {
            case "tap":
                guard argument.utf8.count < 16, !argument.contains("/"), !argument.contains(" ") else {
                    throw wrong("tap \(argument): an interface name has 1 to 15 characters without \"/\" or blank")
                }
                guard !taps.contains(where: { $0.name == argument }) else {
                    throw wrong("tap \(argument): given twice")
                }
                taps.append(Tap(name: argument))
            case "tapupcmd", "tapdncmd":
                guard !taps.isEmpty else { throw wrong("\(name): no tap before it: name one first, tap DEV") }
                if name == "tapupcmd" {
                    taps[taps.count - 1].upCommand = argument
                } else {
                    taps[taps.count - 1].downCommand = argument
                }
            case "socket":
                guard UnixSocketAddress(path: argument) != nil else {
                    throw wrong(
                        "socket \(argument): a socket's path has 1 to \(UnixSocketAddress.maximumPathByteCount) bytes"
                    )
                }
                guard !sockets.contains(argument) else { throw wrong("socket \(argument): given twice") }
                sockets.append(argument)
            case "sockowner":
                guard let user = CurrentProcess.userID(named: argument) else {
                    throw wrong("sockowner \(argument): no such user")
                }
                socketOwner = user
            case "directory": directory = argument
            case "port":
                guard let number = UInt16(argument), number > 0 else {
                    throw wrong("port \(argument): a UDP port is a number from 1 to 65535")
                }
                port = number
            case "remote": remote = argument
            case "network": networks.append(argument)
            case "pidfile": pidFile = argument
            default: isHub = true
            }
        }
        for (one, other) in [("port", "remote"), ("remote", "port")] {
            if let line = places[one], places[other] == nil {
                throw UMLConfigError(
                    file: file,
                    line: line,
                    message: "\(one) without \(other): frames are taken from, and sent to, one peer's address and port"
                )
            }
        }
    }

    private static var argumentNames: [String: String] {
        [
            "tap": "DEV", "tapupcmd": "COMMAND", "tapdncmd": "COMMAND", "socket": "PATH", "sockowner": "USER",
            "port": "NUMBER", "remote": "HOST", "pidfile": "PATH", "directory": "PATH", "network": "URL", "hub": "",
        ]
    }
}
