// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A program that runs for a guest, watched to its end; what it writes is kept in lines.
final class HeldProgram {
    private let loop: ControlLoop
    private let program: SpawnedProgram
    private var messages: ByteChannel?
    private var token: ControlLoop.Token?
    private var rest: [UInt8] = []
    /// The last of what it wrote.
    private(set) var lines: [String] = []
    var wrote: (String) -> Void = { _ in }
    private static let lineLimit = 40

    var processID: Int32 { program.processID }

    /// - Parameters:
    ///   - descriptors: its 3, 4, …
    ///   - ended: called once, when it has ended, with its last lines.
    init(
        _ words: [String],
        descriptors: [Int32] = [],
        insideNamespaces: Bool = false,
        host: any GuestHost,
        ended: @escaping (WaitStatus, [String]) -> Void
    ) throws(GuestError) {
        loop = host.loop
        let null: SharedDescriptor
        let ours: SharedDescriptor
        let theirs: SharedDescriptor
        do throws(Errno) {
            let pair = try UnixSocket.pair(.stream)
            theirs = SharedDescriptor(pair.second)
            null = SharedDescriptor(try OwnedDescriptor.open("/dev/null", flags: O_RDWR))
            ours = SharedDescriptor(pair.first)
        } catch {
            throw GuestError("cannot run \(words[0]): \(error)")
        }
        program = try host.spawn(
            words,
            environment: CurrentProcess.environment,
            descriptors: [null.rawValue, theirs.rawValue, theirs.rawValue] + descriptors,
            insideNamespaces: insideNamespaces
        )
        do throws(Errno) {
            messages = try ByteChannel(try ours.duplicate(), loop: loop) { [weak self] in self?.take($0) }
            // Held until it has ended, whoever has forgotten it: nobody else reaps it.
            token = try loop.watch(program.handle.rawDescriptor) { [self] _ in finish(ended) }
        } catch {
            throw GuestError("cannot watch \(words[0]): \(error)")
        }
    }

    func send(signal: Int32) { try? program.handle.send(signal: signal) }

    /// Asks it to end, and insists.
    func finish() {
        send(signal: SIGTERM)
        loop.after(milliseconds: 2_000) { [weak self] in self?.send(signal: SIGKILL) }
    }

    private func take(_ bytes: [UInt8]) {
        rest += bytes
        while let end = rest.firstIndex(of: 0x0a) {
            let line = String(decoding: rest[..<end].filter { $0 >= 0x20 }, as: UTF8.self)
            rest.removeFirst(end + 1)
            if line.isEmpty { continue }
            lines.append(line)
            if lines.count > Self.lineLimit { lines.removeFirst() }
            wrote(line)
        }
        if rest.count > 65536 { rest = [] }
    }

    private func finish(_ ended: (WaitStatus, [String]) -> Void) {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        withExtendedLifetime(self) {
            messages?.drain()
            if !rest.isEmpty { take([0x0a]) }
            messages?.close()
            ended((try? ProcessHandle.wait(child: program.processID)) ?? WaitStatus(rawValue: 0), lines)
        }
    }
}
