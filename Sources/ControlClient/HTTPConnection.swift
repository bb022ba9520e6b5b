// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model

/// One connection to the daemon: HTTP/1.1 (RFC 9112) as far as a client of one server of ours needs it. It waits; for one
/// thread.
final class HTTPConnection {
    private let socket: OwnedDescriptor
    private var buffer: [UInt8] = []
    /// A descriptor of signals that end a wait, -1: none.
    var signals: Int32 = -1

    struct Answer {
        var status: Int
        var body: [UInt8]
    }

    init(path: String) throws(Errno) {
        socket = try LabPlaces.connection(.stream, to: path)
        try socket.setBlocking()
    }

    func send(_ method: String, _ path: String, body: JSON?) throws(Errno) {
        let bytes = body.map { Array($0.description.utf8) } ?? []
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        if body != nil { head += "Content-Type: application/json\r\n" }
        if body != nil || method != "GET" { head += "Content-Length: \(bytes.count)\r\n" }
        try send(Array((head + "\r\n").utf8) + bytes)
    }

    /// A daemon that is gone is an error, and no signal to die of.
    private func send(_ bytes: [UInt8]) throws(Errno) {
        var start = 0
        while start < bytes.count {
            let count = InternetSocket.send(socket.rawValue, bytes.span.extracting(start..<bytes.count))
            if count == InternetSocket.wouldBlock {
                _ = try Poll.isWritable(socket.rawValue, deadline: nil)
            } else if count < 0 {
                throw Errno(rawValue: Int32(-count))
            } else {
                start += count
            }
        }
    }

    /// The answer as a whole.
    func receive() throws(Errno) -> Answer {
        let (status, length) = try head()
        var body: [UInt8] = []
        if let length {
            while buffer.count < length { try more() }
            body = Array(buffer.prefix(length))
            buffer.removeFirst(length)
        } else {
            while let part = try chunk() { body += part }
        }
        return Answer(status: status, body: body)
    }

    /// Status, and the body's length; nil when it comes in chunks.
    func head() throws(Errno) -> (status: Int, length: Int?) {
        var status = 0
        var length: Int? = 0
        while true {
            let line = try line()
            if line.isEmpty { break }
            if status == 0 {
                let parts = line.split(separator: " ")
                guard parts.count >= 2, parts[0] == "HTTP/1.1", let code = Int(parts[1]) else { throw .invalid }
                status = code
                continue
            }
            let lower = line.lowercased()
            if lower.hasPrefix("content-length:") {
                guard let number = Int(lower.dropFirst(15).filter { $0 != " " }), number >= 0 else { throw .invalid }
                length = number
            } else if lower.hasPrefix("transfer-encoding:"), lower.hasSuffix("chunked") {
                length = nil
            }
        }
        return (status, length)
    }

    /// The next chunk of a body; nil at its end.
    func chunk() throws(Errno) -> [UInt8]? {
        let size = try line().prefix { $0 != ";" }
        guard let count = Int(size, radix: 16), count >= 0, count < 1 << 28 else { throw .invalid }
        while buffer.count < count + 2 { try more() }
        let part = Array(buffer.prefix(count))
        buffer.removeFirst(count + 2)
        return count == 0 ? nil : part
    }

    private func line() throws(Errno) -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0a) {
                var line = buffer[..<end]
                if line.last == 0x0d { line.removeLast() }
                let text = String(decoding: line, as: UTF8.self)
                buffer.removeFirst(end + 1)
                return text
            }
            guard buffer.count < 1 << 16 else { throw .invalid }
            try more()
        }
    }

    private func more() throws(Errno) {
        if signals >= 0 {
            let ready = try Poll.readable([socket.rawValue, signals], deadline: nil)
            if !ready[0], ready[1], SignalFD.next(from: signals) != nil { throw .interrupted }
        }
        let part = try socket.read(atMost: 65536)
        guard !part.isEmpty else { throw .connectionReset }
        buffer += part
    }
}
