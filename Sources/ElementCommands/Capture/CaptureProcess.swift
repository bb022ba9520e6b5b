// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Runtime

/// A capture as a program: from the switch's ring to a file or a stream, until it is told to end.
final class CaptureProcess {
    struct Setup {
        var network: String
        var request: CaptureRequest
        var output: String
        /// The filter in its user's words.
        var filter = ""
        var ring: CaptureOutput.Ring?
        var count: Int?
        var milliseconds: UInt64?
        /// A packet socket that was inherited, instead of a switch.
        var socket: Int32?
        var process = ElementProcess.Options()
    }

    /// Bytes that may wait for a slow reader here before they wait in the ring, where more are lost.
    private static var pendingLimit: Int { 1 << 20 }

    /// Bytes that a frame takes in the ring besides its own, at least.
    private static var recordOverhead: Int { 32 }

    private let setup: Setup
    private let loop: ControlLoop
    private let source: CaptureSource
    private let output: CaptureOutput
    private var formatter: CaptureFormatter
    private var pending: [UInt8] = []
    private var frameCount = 0
    private var isOver = false
    private var failure: Failure?
    private var writeToken: ControlLoop.Token?

    private init(_ setup: Setup, _ loop: ControlLoop) throws {
        self.setup = setup
        self.loop = loop
        output = try CaptureOutput(setup.output, ring: setup.ring)
        if let socket = setup.socket {
            source = .device(try DeviceCapture(OwnedDescriptor(adopting: socket), setup.network, setup.request))
        } else {
            do {
                source = .client(try CaptureClient(directory: setup.network, setup.request))
            } catch {
                throw Failure(error.description)
            }
        }
        formatter = CaptureFormatter(
            network: setup.network,
            filter: setup.filter,
            snapLength: setup.request.snapLength,
            portNames: source.portNames
        )
        pending = formatter.begin()
    }

    static func run(_ setup: Setup) throws {
        var process = try ElementProcess.start(setup.process)
        let capture = try CaptureProcess(setup, process.loop)
        try process.ready()
        try capture.start()
        try process.run()
        try capture.finish()
    }

    private func start() throws {
        do {
            try loop.watch(source.wakeUp) { [weak self] _ in self?.work() }
            if let control = source.control {
                try loop.watch(control, [.readable, .readHangUp]) { [weak self] _ in
                    self?.end(Failure("\(self?.setup.network ?? ""): the switch is gone"))
                }
            }
        } catch {
            throw Failure("event loop: \(error)")
        }
        if let milliseconds = setup.milliseconds {
            loop.after(milliseconds: milliseconds) { [weak self] in self?.end(nil) }
        }
        loop.after(milliseconds: 0) { [weak self] in self?.work() }
    }

    private func end(_ failure: Failure?) {
        if self.failure == nil { self.failure = failure }
        isOver = true
        loop.stop()
    }

    /// Takes frames as far as they can be written.
    private func work() {
        do {
            repeat {
                try flush()
                guard !isOver, pending.count < Self.pendingLimit else { return }
            } while take()
            try flush()
        } catch {
            end(error as? Failure)
        }
    }

    /// Formats some frames. True when more wait.
    private func take() -> Bool {
        let isMore = source.drain(atMost: 64) { record, bytes in
            if let count = setup.count, frameCount >= count { return }
            pending += formatter.frame(record, bytes)
            frameCount += 1
        }
        if let count = setup.count, frameCount >= count { end(nil) }
        if !isMore, source.hasEnded, !isOver { end(Failure("\(setup.network): \(source.endMessage)")) }
        return isMore && !isOver
    }

    private func flush() throws {
        guard !pending.isEmpty else { return }
        guard let rest = try output.write(pending[...]) else {
            // Whoever looked has seen enough.
            pending = []
            end(nil)
            return
        }
        pending = Array(rest)
        if try output.rotate() { pending += formatter.begin() }
        if pending.isEmpty {
            if let token = writeToken.take() { loop.cancel(token) }
        } else if writeToken == nil, let descriptor = output.streamDescriptor {
            writeToken = try? loop.watch(descriptor, .writable) { [weak self] _ in self?.work() }
        }
    }

    /// What is left, and the statistics.
    private func finish() throws {
        // What waits now, and not what still comes.
        var rest = CaptureSession.ringByteCount
        while setup.count == nil, rest > 0,
            source.next({ record, bytes in
                pending += formatter.frame(record, bytes)
                rest -= bytes.count + Self.recordOverhead
            })
        { frameCount += 1 }
        pending += formatter.end(lost: source.lostCount)
        var patience = 20
        while !pending.isEmpty, patience > 0, let rest = try output.write(pending[...]) {
            if rest.count == pending.count { patience -= 1 }
            pending = Array(rest)
            if !pending.isEmpty { output.waitUntilTaken(milliseconds: 50) }
        }
        let lost = source.lostCount
        Report.note("\(frameCount) frames captured" + (lost > 0 ? ", \(lost) lost: the reader was too slow" : ""))
        if let failure { throw failure }
    }
}
