// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A client's connection to a console. Waits with poll(2).
struct TerminalConnection: ~Copyable {
    struct Failure: Error {
        let message: String
        var status: Int32 = 1
    }

    private let socket: OwnedDescriptor

    init(_ options: TerminalOptions) throws(Failure) {
        let path = options.path
        guard let address = UnixSocketAddress(path: path) else {
            let limit = UnixSocketAddress.maximumPathByteCount
            throw Failure(message: "\(path): not a path of a socket: it has 1 to \(limit) bytes")
        }
        do throws(Errno) {
            socket = try Self.connect(address, milliseconds: UInt64(options.timeoutMilliseconds))
        } catch {
            throw Failure(message: "\(path): \(Self.reason(error, path))", status: error == .wouldBlock ? 3 : 1)
        }
    }

    private static func connect(
        _ address: UnixSocketAddress,
        milliseconds: UInt64
    ) throws(Errno) -> OwnedDescriptor {
        let socket = try UnixSocket.make(.stream)
        let deadline = MonotonicClock.nanoseconds + milliseconds * 1_000_000
        while true {
            do throws(Errno) {
                try UnixSocket.connect(socket, to: address)
                return socket
            } catch {
                // The console's backlog is full; there is nothing to poll for.
                guard error == .wouldBlock, MonotonicClock.nanoseconds < deadline else { throw error }
                usleep(20_000)
            }
        }
    }

    private static func reason(_ error: Errno, _ path: String) -> String {
        let status = try? FileStatus(path: path)
        switch error {
        case .noEntry: return "no console is there; a switch makes one with -M \(path)"
        case .connectionRefused where status?.isSocket == true:
            return "nobody serves this socket any more; is the switch running?"
        case .connectionRefused where status?.isDirectory == true:
            return "a directory; the console's socket is wanted, the path given with -M"
        case .connectionRefused: return "not a socket"
        case .wouldBlock: return "the console accepts no connection"
        case Errno(rawValue: EPROTOTYPE): return "not a console's socket"
        default: return "cannot connect: \(error)"
        }
    }

    /// Which of the two has something to read.
    struct Ready {
        var console = false
        var input = false
    }

    /// Waits until the console or `input` can be read. Nothing is ready when the time is over.
    func wait(input: Int32?, milliseconds: Int32) throws(Failure) -> Ready {
        let deadline =
            milliseconds < 0 ? nil : MonotonicClock.nanoseconds + UInt64(milliseconds) * 1_000_000
        do {
            let ready = try Poll.readable([socket.rawValue, input ?? -1], deadline: deadline)
            return Ready(console: ready[0], input: ready[1])
        } catch {
            throw Failure(message: "poll: \(error)")
        }
    }

    /// Waits until the console or one of `inputs` can be read: which of them. Nothing is ready when the time is over.
    func wait(inputs: [Int32], milliseconds: Int32) throws(Failure) -> (console: Bool, inputs: [Bool]) {
        let deadline = milliseconds < 0 ? nil : MonotonicClock.nanoseconds + UInt64(milliseconds) * 1_000_000
        do {
            let ready = try Poll.readable([socket.rawValue] + inputs, deadline: deadline)
            return (ready[0], Array(ready.dropFirst()))
        } catch {
            throw Failure(message: "poll: \(error)")
        }
    }

    /// What the console sent: empty when it closed, nil when there is nothing.
    func receive() -> [UInt8]? {
        do throws(Errno) {
            return try socket.read(atMost: 65_536)
        } catch .wouldBlock {
            return nil
        } catch {
            return []
        }
    }

    /// Sends all of it; false when the console is gone or takes nothing for `milliseconds`.
    func send(_ bytes: [UInt8], milliseconds: Int32) -> Bool {
        var rest = bytes[...]
        let fd = socket.rawValue
        while !rest.isEmpty {
            do throws(Errno) {
                let part = rest
                rest = rest.dropFirst(try systemCall { FrameIO.send(fd, part.span) })
            } catch .wouldBlock {
                guard (try? Readiness.wait(socket, for: Int16(POLLOUT), milliseconds: milliseconds)) == true else {
                    return false
                }
            } catch {
                return false
            }
        }
        return true
    }
}
