// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

/// `umls3`: with `-s` the server of named switches, else its client.
enum UMLS3Program {
    static func run(_ arguments: [String]) throws -> Int32 {
        var isServer = false
        var isDebug = false
        var socket = "/var/run/umls3.ctl"
        var pidFile: String?
        var commands: [String] = []
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "-s": isServer = true
            case "-d": isDebug = true
            case "-S", "-p":
                guard let value = rest.popFirst() else { throw Failure("\(word): the path is missing") }
                if word == "-S" { socket = value } else { pidFile = value }
            case "-h", "--help":
                print(usage)
                return 0
            default:
                guard !word.hasPrefix("-") || word.contains(" ") else {
                    Report.line(usage)
                    return 1
                }
                commands = [word] + rest
                rest = []
            }
        }
        if isServer {
            guard commands.isEmpty else {
                throw Failure("\(commands[0]): the server takes no commands; give them to a client: umls3 COMMAND")
            }
            try serve(socket, pidFile: pidFile ?? "/var/run/umls3.pid", isDebug: isDebug)
            return 0
        }
        return try ask(socket, commands, isDebug: isDebug)
    }

    private static func serve(_ socket: String, pidFile: String, isDebug: Bool) throws {
        var options = ElementProcess.Options()
        options.isDaemon = !isDebug
        options.pidFile = pidFile
        try ElementProcess.perform(options) { process in
            let set = UMLSwitchSet(loop: process.loop, isDebug: isDebug, guestDirectory: socket + ".guests")
            let server = try UMLS3Server(set, loop: process.loop, path: socket)
            defer {
                set.closeAll()
                server.close()
            }
            try process.ready()
            try process.run()
        }
    }

    /// Sends the arguments, each a line, or standard input; prints the answer.
    private static func ask(_ path: String, _ commands: [String], isDebug: Bool) throws -> Int32 {
        guard let address = UnixSocketAddress(path: path) else {
            throw Failure("\(path): a socket's path has 1 to \(UnixSocketAddress.maximumPathByteCount) bytes")
        }
        var answer: [UInt8] = []
        do throws(Errno) {
            let text =
                commands.isEmpty
                ? try FileSystem.standardInput()
                : Array((commands.joined(separator: "\n") + "\n").utf8)
            if isDebug { Report.note("sending \(text.count) bytes to \(path)") }
            let socket = try UnixSocket.connection(.stream, to: address)
            var rest = text[...]
            while !rest.isEmpty {
                do throws(Errno) {
                    rest = rest.dropFirst(try socket.write(rest))
                } catch .wouldBlock {
                    _ = try Poll.isWritable(socket.rawValue, deadline: nil)
                }
            }
            InternetSocket.shutdownWrite(socket.rawValue)
            while true {
                _ = try Poll.isReadable(socket.rawValue, deadline: nil)
                let part = try socket.read(atMost: 65_536)
                if part.isEmpty { break }
                answer += part
            }
        } catch {
            throw Failure(
                error == .noEntry || error == .connectionRefused
                    ? "\(path): no server there; start one: umls3 -s -S \(path)" : "\(path): \(error)"
            )
        }
        var status: Int32 = 1
        if answer.isEmpty { Report.error("\(path): the server has ended before it answered") }
        for line in String(decoding: answer, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix(" ") {
                print(line.dropFirst())
            } else if line == "ok" {
                status = 0
            } else {
                Report.error(line.hasPrefix("error ") ? String(line.dropFirst(6)) : String(line))
            }
        }
        return status
    }

    private static let usage = """
        Usage: umls3 -s [-d] [-S SOCKET] [-p PIDFILE]     the server
               umls3 [-d] [-S SOCKET] [COMMAND…]          its client: each argument a line, else standard input
          -S SOCKET   control socket (/var/run/umls3.ctl)
          -p PIDFILE  where the server writes its number (/var/run/umls3.pid)
          -d          server: stay in the foreground and say what happens
        "umls3 help" lists the commands.
        """
}
