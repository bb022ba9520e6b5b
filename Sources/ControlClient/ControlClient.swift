// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Guests
import LinuxSystem
public import Model

/// The daemon, as commands speak to it. Started when it is not there.
public final class ControlClient {
    private var connection: HTTPConnection?
    private var hasAskedTwice = false
    let path: String
    let startsDaemon: Bool
    /// Runs `etherloom-lab`.
    let program: String

    public static var socketPath: String { LabPlaces.userDirectory + "/daemon" }

    /// - Parameters:
    ///   - program: `etherloom-lab`, by path, to start a daemon with.
    ///   - startsDaemon: whether one is started when none runs.
    public init(program: String, startsDaemon: Bool = true) {
        self.program = program
        self.startsDaemon = startsDaemon
        path = Self.socketPath
    }

    /// The exit status of a command that SIGINT or SIGTERM has ended, as shells count.
    public static let interrupted: Int32 = 130

    /// A request; its answer's JSON.
    ///
    /// - Parameters:
    ///   - parts: of the path; any text.
    ///   - interruption: what is said when SIGINT or SIGTERM ends the wait for the answer: the daemon goes on all the same.
    @discardableResult
    public func request(
        _ method: String,
        _ parts: [String],
        query: [(String, String?)] = [],
        body: JSON? = nil,
        interruption: String = "interrupted; what was begun goes on"
    ) throws(GuestError) -> JSON {
        // It would be another path.
        guard !parts.contains("") else { throw GuestError("a name is empty", status: 2) }
        let target = Self.target(parts, query)
        let answer: HTTPConnection.Answer
        let connection = try kept()
        self.connection = connection
        do throws(Errno) {
            // Signals wait from here on, so that this ends with a line and leaves the terminal as it was.
            let mask = SignalMask()
            defer { mask.restore() }
            let signals = try SignalFD([SIGINT, SIGTERM])
            connection.signals = signals.rawDescriptor
            defer { connection.signals = -1 }
            try connection.send(method, target, body: body)
            answer = try connection.receive()
        } catch {
            self.connection = nil
            // A daemon that had nothing to do has ended just now; asking twice changes nothing.
            if method == "GET", !hasAskedTwice, error == .connectionReset || error == .brokenPipe {
                hasAskedTwice = true
                return try request(method, parts, query: query, body: body, interruption: interruption)
            }
            if error == .interrupted { throw GuestError(interruption, status: Self.interrupted) }
            throw silence(error)
        }
        let json = (try? JSON(parsing: answer.body)) ?? .null
        guard (200..<300).contains(answer.status) else { throw Self.refusal(answer.status, json) }
        return json
    }

    /// A stream of server-sent events: calls `event` with each event's name and data until it says that it is enough.
    public func events(_ parts: [String], _ event: (String, JSON) -> Bool) throws(GuestError) {
        // Bytes: a character may be in two chunks.
        var pending: [UInt8] = []
        let connection = try kept()
        self.connection = nil
        do throws(Errno) {
            try connection.send("GET", Self.target(parts, []), body: nil)
            let head = try connection.head()
            guard head.status == 200 else {
                throw Errno.noEntry
            }
            while let part = try connection.chunk() {
                pending += part
                while let end = pending.firstRange(of: [0x0a, 0x0a]) {
                    let block = String(decoding: pending[..<end.lowerBound], as: UTF8.self)
                    pending.removeSubrange(..<end.upperBound)
                    var name = ""
                    var data = ""
                    for line in block.split(separator: "\n") {
                        if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
                        if line.hasPrefix("data: ") { data += line.dropFirst(6) }
                    }
                    guard !data.isEmpty, let json = try? JSON(parsing: data) else { continue }
                    if !event(name, json) { return }
                }
            }
        } catch {
            if error == .noEntry { throw GuestError("no such lab runs") }
            let reason = error == .connectionReset ? "it has ended, or dropped a reader that did not read" : "\(error)"
            throw GuestError("the events of the daemon end: \(reason)")
        }
    }

    private func kept() throws(GuestError) -> HTTPConnection {
        if let connection { return connection }
        return try open()
    }

    // MARK: Texts

    static func target(_ parts: [String], _ query: [(String, String?)]) -> String {
        var target = parts.map { "/" + encoded($0) }.joined()
        var mark = "?"
        for case (let key, let value?) in query {
            target += "\(mark)\(key)=\(encoded(value))"
            mark = "&"
        }
        return target
    }

    /// RFC 3986 section 2.1.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-._~".utf8.contains(byte)
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }

    private static func refusal(_ status: Int, _ json: JSON) -> GuestError {
        let message = json["error"]?.text ?? "the daemon refuses with status \(status)"
        return GuestError(message, status: json["status"]?.integer.map(Int32.init) ?? 1)
    }
}
