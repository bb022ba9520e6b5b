// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A client of a stream socket that says exactly what it is told to, however wrong.
public final class UnixClient {
    private let descriptor: OwnedDescriptor

    public init(_ path: String) throws {
        guard let address = UnixSocketAddress(path: path) else { throw IntegrationFailure("\(path) is too long") }
        descriptor = try UnixSocket.make(.stream)
        try UnixSocket.connect(descriptor, to: address)
    }

    public static func isListening(_ path: String) -> Bool { (try? UnixClient(path)) != nil }

    public func send(_ bytes: [UInt8]) throws { try descriptor.writeAll(bytes) }

    /// What comes next; empty at the end of the stream. Nothing within the time is an error.
    public func receive(atMost count: Int = 4096, seconds: Double = patience) throws -> [UInt8] {
        let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
        guard try Poll.isReadable(descriptor.rawValue, deadline: deadline) else {
            throw IntegrationFailure("no answer and no end of the stream within \(seconds) s")
        }
        do {
            return try descriptor.read(atMost: count)
        } catch {
            // The other side closed with our bytes unread.
            if error == Errno(rawValue: ECONNRESET) { return [] }
            throw error
        }
    }

    /// Nothing has come and the stream is open.
    public func isSilent(milliseconds: UInt64) throws -> Bool {
        try !Poll.isReadable(descriptor.rawValue, deadline: MonotonicClock.nanoseconds + milliseconds * 1_000_000)
    }
}
