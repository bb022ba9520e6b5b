// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The process that holds a lab's user, mount and network namespaces, and makes guests' first processes (clinux_holder.h).
public struct HolderProcess: ~Copyable, Sendable {
    public let processID: Int32
    public let control: OwnedDescriptor

    /// Makes the namespaces. The holder dies with the calling thread. It waits for its identity maps, and for `mapped` then.
    public static func create() throws(Errno) -> HolderProcess {
        var control: Int32 = -1
        let process = try systemCall { unsafe cel_holder_create(&control) }
        return HolderProcess(processID: process, control: OwnedDescriptor(adopting: control))
    }

    /// Requests' first bytes.
    public static let mapped = UInt8(ascii: "M")
    public static let guest = UInt8(ascii: "G")
    public static let program = UInt8(ascii: "P")
    public static let script = UInt8(ascii: "S")

    /// A program as the holder reads it.
    public static func bytes(of image: CommandImage) -> [UInt8] { image.bytes }
}

/// What a holder or a guest's first process says.
public struct GuestMessage: ~Copyable {
    public enum Kind: UInt32, Sendable {
        case hello = 1
        /// A line of a script, `subject`, has made descriptors.
        case descriptors
        case done
        /// Line `subject` failed with the errno `value`.
        case failed
        /// The terminal of command `subject`.
        case terminal
        /// Command `subject` was not executed: `step`, errno `value`.
        case executionFailed
        /// Command `subject` ended with the wait status `value`.
        case exited
        case answer
        /// Command `subject`, the main one, runs its program, or has done so.
        case executed
    }

    /// Where starting a command failed.
    public enum Step: UInt32, Sendable {
        case fork = 1
        case terminal, user, directory, image, execute, identity
    }

    public let kind: Kind
    public let subject: UInt32
    public let step: Step?
    public let value: Int32
    public var attachment: ReceivedMessage

    /// The next message; nil at the socket's end. Throws `wouldBlock` when none waits.
    public static func receive(from socket: borrowing OwnedDescriptor) throws(Errno) -> GuestMessage? {
        let message = try UnixSocket.receive(from: socket, limit: MemoryLayout<cel_guest_message>.size)
        let bytes = message.bytes[...]
        guard let kind = bytes.integer(at: 0, byteCount: 4).flatMap({ Kind(rawValue: UInt32(truncatingIfNeeded: $0)) }),
            let subject = bytes.integer(at: 4, byteCount: 4), let step = bytes.integer(at: 8, byteCount: 4),
            let value = bytes.integer(at: 12, byteCount: 4)
        else { return nil }
        return GuestMessage(
            kind: kind,
            subject: UInt32(truncatingIfNeeded: subject),
            step: Step(rawValue: UInt32(truncatingIfNeeded: step)),
            value: Int32(truncatingIfNeeded: value),
            attachment: message
        )
    }
}

/// A command for a guest's first process.
public struct GuestCommandMessage: Sendable {
    public struct Options: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A terminal of its own.
        public static var terminal: Options { Options(rawValue: UInt8(CEL_COMMAND_TERMINAL)) }
        /// The guest's console.
        public static var console: Options { Options(rawValue: UInt8(CEL_COMMAND_CONSOLE)) }
        /// The guest ends with it.
        public static var main: Options { Options(rawValue: UInt8(CEL_COMMAND_MAIN)) }
    }

    /// The number by which it is spoken of; not 0.
    public var subject: UInt32
    public var options: Options
    public var columns: UInt16 = 80
    public var rows: UInt16 = 24
    public var directory: String?
    public var user: String?
    public var image: CommandImage

    public init(subject: UInt32, options: Options, image: CommandImage) {
        self.subject = subject
        self.options = options
        self.image = image
    }

    /// Nil when a string holds a NUL.
    public var bytes: [UInt8]? {
        let strings: [[UInt8]] = [directory, user].map { text in text.map { Array($0.utf8) + [UInt8(0)] } ?? [] }
        guard strings.allSatisfy({ !$0.dropLast().contains(0) }) else { return nil }
        var header = [UInt8(ascii: "X"), options.rawValue]
        func append(_ value: some FixedWidthInteger) {
            for shift in stride(from: 0, to: value.bitWidth, by: 8) {
                header.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        append(columns)
        append(rows)
        append(UInt16(0))
        append(subject)
        append(UInt32(strings[0].count))
        append(UInt32(strings[1].count))
        append(UInt32(image.bytes.count))
        return header + strings[0] + strings[1] + image.bytes
    }

    /// A signal for a command and its process group; subject 0: for every process.
    public static func signal(_ number: Int32, subject: UInt32) -> [UInt8] {
        [UInt8(ascii: "K"), UInt8(truncatingIfNeeded: number), 0, 0]
            + (0..<4).map { UInt8(truncatingIfNeeded: subject >> (8 * $0)) }
    }

    /// Ends every process, and the guest when the last has gone.
    public static var quit: [UInt8] { [UInt8(ascii: "Q")] }
    /// The first byte of a script for a guest that runs.
    public static let script = UInt8(ascii: "S")
}

/// Programs of the host that die with the calling thread.
public enum OwnedProgram {
    /// Starts one with these descriptors as its 0, 1, 2 …: its process id, a child of the caller.
    public static func start(_ image: CommandImage, descriptors: [Int32]) throws(Errno) -> Int32 {
        let bytes = image.bytes
        return try systemCall {
            unsafe cel_start_program(bytes, bytes.count, descriptors, Int32(truncatingIfNeeded: descriptors.count))
        }
    }

    /// Leads a session of its own, and adopts the orphans among its descendants.
    public static func becomeKeeper() throws(Errno) { try systemCall { cel_become_keeper() } }

    /// The children of this process, proc(5); nil where the kernel does not list them.
    public static func children() -> [Int32]? {
        let path = "/proc/self/task/\(CurrentProcess.id)/children"
        guard let bytes = try? FileSystem.contents(path) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }

    /// Reaps a child if it has ended: how, nil while it runs.
    public static func reap(_ processID: Int32) -> WaitStatus? {
        var status: Int32 = 0
        return unsafe cel_wait_nohang(processID, &status) == 0 ? WaitStatus(rawValue: status) : nil
    }

    /// Sends a signal to a process by number: only for children that are not reaped yet.
    public static func send(_ signal: Int32, to processID: Int32) { _ = kill(processID, signal) }

    /// Sets the size of a terminal, by its master.
    public static func resize(_ master: borrowing OwnedDescriptor, columns: Int, rows: Int) {
        _ = cel_terminal_resize(master.rawValue, Int32(clamping: columns), Int32(clamping: rows))
    }
}
