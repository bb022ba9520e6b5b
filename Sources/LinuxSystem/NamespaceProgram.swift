// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A program that runs as root of a user namespace: a lab's, or one made for it.
public final class NamespaceProgram {
    public let processID: Int32
    public private(set) var status: WaitStatus?
    private let handle: ProcessHandle

    /// Where it runs.
    public enum Place {
        /// In these namespaces, given by their descriptors.
        case inside(user: Int32, mount: Int32)
        /// In a user and a mount namespace of its own. `map` writes the maps of the process with this number, which waits.
        case own(map: (_ processID: Int32) -> Bool)
    }

    /// Starts it; returns once it was executed. Throws what the failed step was.
    ///
    /// - Parameters:
    ///   - path: the program's file.
    ///   - arguments: its name, and what follows.
    ///   - streams: its descriptors 0 to 3; -1 is /dev/null for 0 and 1, this process's own for 2, and none for 3.
    public init(_ path: String, _ arguments: [String], place: Place, streams: [Int32]) throws(RootMount.Failure) {
        var reportEnd: Int32 = -1
        do throws(Errno) {
            processID = try Self.spawn(path, arguments, place: place, streams: streams, report: &reportEnd)
        } catch {
            throw RootMount.Failure(step: .execute, error: error)
        }
        let report = OwnedDescriptor(adopting: reportEnd)
        if case .failed(let failure) = RootMount.readReport(report) {
            _ = try? ProcessHandle.wait(child: processID)
            throw failure
        }
        do throws(Errno) {
            handle = try ProcessHandle(processID)
        } catch {
            _ = kill(processID, SIGKILL)
            _ = try? ProcessHandle.wait(child: processID)
            throw RootMount.Failure(step: .execute, error: error)
        }
    }

    private static func spawn(
        _ path: String,
        _ arguments: [String],
        place: Place,
        streams: [Int32],
        report: inout Int32
    ) throws(Errno) -> Int32 {
        let words = unsafe CommandWords.pointers(arguments)
        defer { unsafe CommandWords.free(words) }
        var raw = unsafe cel_root_program()
        unsafe raw.arguments = unsafe UnsafePointer(words)
        unsafe raw.user = -1
        unsafe raw.mount = -1
        unsafe raw.go = -1
        let streams = streams + [Int32](repeating: -1, count: max(4 - streams.count, 0))
        unsafe raw.streams = (streams[0], streams[1], streams[2], streams[3])
        switch place {
        case .inside(let user, let mount):
            unsafe raw.user = user
            unsafe raw.mount = mount
            return try unsafe start(&raw, path, &report)
        case .own(let map):
            let gate = try UnixSocket.pair(.stream)
            try gate.first.setBlocking()
            try gate.second.setBlocking()
            unsafe raw.create = 1
            unsafe raw.go = gate.second.rawValue
            let process = try unsafe start(&raw, path, &report)
            // Only the child has its end now: its death shows.
            try gate.second.close()
            guard (try? gate.first.read(atMost: 1))?.count == 1 else { return process }
            if map(process) { _ = try? gate.first.write([0]) }
            return process
        }
    }

    private static func start(
        _ raw: inout cel_root_program,
        _ path: String,
        _ report: inout Int32
    ) throws(Errno) -> Int32 {
        let result = unsafe path.withCString { text in
            unsafe raw.path = unsafe text
            return unsafe cel_root_spawn(&raw, &report)
        }
        guard result >= 0 else { throw Errno(rawValue: -result) }
        return result
    }

    /// Readable when it has ended.
    public var rawDescriptor: Int32 { handle.rawDescriptor }

    /// Waits for its end.
    @discardableResult
    public func wait() -> WaitStatus {
        if let status { return status }
        // Somebody who reaps all children may have been faster; then its status is gone.
        let status = (try? ProcessHandle.wait(child: processID)) ?? WaitStatus(rawValue: 0)
        self.status = status
        return status
    }

    /// Ends it.
    public func end() {
        guard status == nil else { return }
        try? handle.send(signal: SIGKILL)
        wait()
    }

    deinit { end() }
}
