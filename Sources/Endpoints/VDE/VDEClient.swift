// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// Joins a VDE switch, ours or another's, as libvdeplug does: by the `ctl` socket of its directory.
///
/// The connection stays open for as long as the endpoint shall exist; the switch notices its end. Our datagram socket has
/// an abstract name (nothing to remove from a file system), unless the switch insists on a file it can check: stock
/// switches test the file's owner and permissions, and skip the test for abstract names.
public struct VDEClient: ~Copyable {
    /// The control connection: readable (end of file) when the switch is gone.
    public private(set) var control: OwnedDescriptor?
    /// The connected datagram socket that frames go through.
    public private(set) var data: OwnedDescriptor?

    /// Takes the control connection out: whoever holds it holds the endpoint.
    public mutating func takeControl() -> OwnedDescriptor { control.take()! }

    /// Takes the data socket out.
    public mutating func takeData() -> OwnedDescriptor { data.take()! }

    /// Why a switch could not be joined: which step, at which path, and what to do.
    public struct JoinError: Error, Sendable, CustomStringConvertible {
        public enum Reason: Sendable, Equatable {
            case pathTooLong
            case notASwitch
            case nobodyListens
            case refused
            case noAnswer
            case system(Errno)
        }
        public let path: String
        public let reason: Reason

        public var description: String {
            switch reason {
            case .pathTooLong:
                "\(path): path is longer than \(UnixSocketAddress.maximumPathByteCount) bytes, which AF_UNIX allows"
            case .notASwitch: "\(path): no switch here (no socket \"ctl\"); start one with: etherloom switch -s \(path)"
            case .nobodyListens: "\(path): its switch is dead (connection refused); start it again"
            case .refused: "\(path): the switch refused (port number out of range, or not allowed for this user)"
            case .noAnswer: "\(path): the switch did not answer within \(VDEClient.answerMilliseconds / 1000) seconds"
            case .system(let errno): "\(path): \(errno)"
            }
        }
    }

    static var answerMilliseconds: Int32 { 5000 }

    /// Joins the switch at `directory` (or an old-style plain socket path) on `port` (0: any).
    public init(directory: String, port: Int = 0, description: String) throws(JoinError) {
        let control = try Self.connectControl(directory)
        do {
            let data = try UnixSocket.make(.datagram)
            let own = Self.uniqueAddress()
            try UnixSocket.bind(data, to: own)
            let request = VDERequest(port: port, address: own, description: description)
            try UnixSocket.send(request.encoded(), to: control)
            guard try Self.wait(control, for: Int16(POLLIN), milliseconds: Self.answerMilliseconds) else {
                throw JoinError(path: directory, reason: .noAnswer)
            }
            let answer = try control.read(atMost: UnixSocketAddress.byteCount)
            guard let peer = UnixSocketAddress(bytes: answer) else {
                throw JoinError(path: directory, reason: .refused)
            }
            try UnixSocket.connect(data, to: peer)
            self.control = Optional(consume control)
            self.data = Optional(consume data)
        } catch let error as JoinError {
            throw error
        } catch let error as Errno {
            throw JoinError(path: directory, reason: error == .connectionReset ? .refused : .system(error))
        } catch {
            throw JoinError(path: directory, reason: .system(.invalid))
        }
    }

    private static func connectControl(_ directory: String) throws(JoinError) -> OwnedDescriptor {
        var path = directory
        if let status = try? FileStatus(path: directory), status.isDirectory { path += "/ctl" }
        guard let address = UnixSocketAddress(path: path) else { throw JoinError(path: path, reason: .pathTooLong) }
        do {
            return try UnixSocket.connection(.stream, to: address)
        } catch .noEntry, .notADirectory {
            throw JoinError(path: directory, reason: .notASwitch)
        } catch .connectionRefused {
            throw JoinError(path: directory, reason: .nobodyListens)
        } catch {
            throw JoinError(path: directory, reason: .system(error))
        }
    }

    /// An abstract name that no other socket has: the process, and a random number.
    private static func uniqueAddress() -> UnixSocketAddress {
        var bytes = [UInt8](repeating: 0, count: UnixSocketAddress.byteCount)
        bytes[0] = UInt8(AF_UNIX)
        let name = "etherloom-\(CurrentProcess.id)-\(CurrentProcess.random())"
        bytes.replaceSubrange(3..<3 + name.utf8.count, with: name.utf8)
        return UnixSocketAddress(bytes: bytes)!
    }

    private static func wait(
        _ socket: borrowing OwnedDescriptor,
        for events: Int16,
        milliseconds: Int32
    ) throws(Errno) -> Bool {
        try Readiness.wait(socket, for: events, milliseconds: milliseconds)
    }
}
