// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A stream of somebody else's, used so that it never makes this process wait, whatever its other users want, and so that nothing
/// changes for them: O_NONBLOCK belongs to an open file description, which is theirs too.
///
/// A socket is asked not to wait with each call. A terminal or a pipe gets an open file description of its own. Where that is refused
/// (it belongs to another user: su(1), sudo(8)), and for whatever else may make one wait, a process of ours waits instead: what passes
/// here is a socket with that process at its other end. A file is as fast as its disk.
public final class UnhurriedStream: Sendable {
    /// What to watch; readable or writable as the stream is, unless it is a file.
    public let descriptor: SharedDescriptor
    /// Calls may say that they do not wait.
    public let isSocket: Bool
    private let relay: RelayProcess?

    /// - Parameter stream: stays its owner's.
    public init(_ stream: borrowing OwnedDescriptor, forWriting: Bool) throws(Errno) {
        let status = try FileStatus(stream)
        var own = Self.needsNoRelay(status) ? try stream.duplicate() : nil
        if own == nil, !Self.isTerminalMaker(status), status.isCharacterDevice || status.isPipe {
            let flags = (forWriting ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY
            own = try? OwnedDescriptor.open("/proc/self/fd/\(stream.rawValue)", flags: flags)
        }
        if let own = own.take() {
            descriptor = SharedDescriptor(own)
            relay = nil
            isSocket = status.isSocket
        } else {
            let made = try RelayProcess.start(stream.rawValue, forWriting: forWriting)
            descriptor = made.socket
            relay = made.process
            isSocket = true
        }
    }

    /// One with a process in between whatever the stream is: so that a file can be waited for, too.
    public init(relaying stream: borrowing OwnedDescriptor, forWriting: Bool) throws(Errno) {
        let made = try RelayProcess.start(stream.rawValue, forWriting: forWriting)
        descriptor = made.socket
        relay = made.process
        isSocket = true
    }

    private static func needsNoRelay(_ status: FileStatus) -> Bool {
        status.isSocket || status.isRegularFile || status.isDirectory
    }

    /// /dev/ptmx: whoever opens it again gets another terminal.
    private static func isTerminalMaker(_ status: FileStatus) -> Bool {
        status.isCharacterDevice && status.deviceNumber == 0x502
    }

    /// Another process writes what is written here, later.
    public var isRelayed: Bool { relay != nil }

    /// Says that all has been written to a relayed stream: its descriptor is readable, at its end, when the process in between has
    /// got rid of it.
    public func finish() {
        if relay != nil { descriptor.withDescriptor { UnixSocket.shutDownWriting($0) } }
    }

    /// Empty at the end. Throws `wouldBlock` when there is nothing now.
    public func read(atMost count: Int) throws(Errno) -> [UInt8] {
        guard isSocket else {
            return try descriptor.withDescriptor { (own) throws(Errno) in try own.read(atMost: count) }
        }
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        let length = StreamIO.receive(descriptor.rawValue, isSocket: true, into: &span)
        if length < 0 { throw Errno(rawValue: Int32(clamping: -length)) }
        return Array(bytes.prefix(length))
    }

    /// How many bytes were taken. Throws `wouldBlock` when none can be now.
    public func write(_ bytes: [UInt8]) throws(Errno) -> Int {
        guard isSocket else { return try descriptor.withDescriptor { (own) throws(Errno) in try own.write(bytes) } }
        let count = StreamIO.send(descriptor.rawValue, isSocket: true, bytes.span)
        if count < 0 { throw Errno(rawValue: Int32(clamping: -count)) }
        return count
    }
}

/// A process that waits in this one's place, until it is dropped. It is reaped here, so that no table of children need know it.
private final class RelayProcess: Sendable {
    private let handle: OwnedDescriptor

    private init(_ handle: consuming OwnedDescriptor) { self.handle = handle }

    deinit { cel_end_relay(handle.rawValue) }

    static func start(
        _ stream: Int32,
        forWriting: Bool
    ) throws(Errno) -> (socket: SharedDescriptor, process: RelayProcess) {
        var own: Int32 = -1
        var handle: Int32 = -1
        try systemCall { unsafe cel_relay_stream(stream, forWriting ? 1 : 0, &own, &handle) }
        let process = RelayProcess(OwnedDescriptor(adopting: handle))
        return (SharedDescriptor(OwnedDescriptor(adopting: own)), process)
    }
}
