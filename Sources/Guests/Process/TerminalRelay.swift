// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What passes between a terminal in a guest and whoever sits at it.
final class TerminalRelay {
    private let loop: ControlLoop
    private let master: SharedDescriptor
    private let terminal: ByteStream
    private let source: UnhurriedStream
    private let input: ByteStream
    private let sink: UnhurriedStream
    private let output: ByteStream
    /// Bytes of the terminal that are still waited for when the command has ended; nil before that.
    private var rest: Int?
    /// Something came or went since that was looked at last.
    private var isBusy = false
    private var timer: ControlLoop.Token?
    /// Nothing more is taken from the terminal.
    private var isEnding = false
    /// All that came from the terminal has gone out, and nothing more will come.
    private(set) var isDrained = false
    var onDrained: () -> Void = {}

    /// Bytes that may wait before the side that they come from is made to wait. A terminal of the kernel's holds less.
    static let limit = 1 << 16

    init(_ master: SharedDescriptor, _ streams: GuestStreams, loop: ControlLoop) throws(Errno) {
        self.loop = loop
        self.master = master
        terminal = try ByteStream(master, loop: loop, reads: true)
        sink = try UnhurriedStream(streams.output, forWriting: true)
        output = try ByteStream(sink.descriptor, loop: loop, reads: false)
        (source, input) = try Self.open(streams.input, loop)
        // Any of these may be the last that this object does: who owns it drops it when it is drained.
        terminal.received = { [weak self] in self?.show($0) }
        terminal.ended = { [weak self] in self?.endOutput() }
        output.drained = { [weak self] in
            self?.isBusy = true
            self?.terminal.setReading(true)
        }
        output.ended = { [weak self] in self?.drain() }
        input.received = { [weak self] bytes in
            guard let self else { return }
            terminal.write(bytes)
            if terminal.waitingByteCount > Self.limit { input.setReading(false) }
        }
        terminal.drained = { [weak self] in self?.input.setReading(true) }
        // The end of what is typed, as by ^D.
        input.ended = { [weak self] in self?.terminal.write([4]) }
    }

    private static func open(
        _ stream: borrowing OwnedDescriptor,
        _ loop: ControlLoop
    ) throws(Errno) -> (UnhurriedStream, ByteStream) {
        let source = try UnhurriedStream(stream, forWriting: false)
        do throws(Errno) {
            return (source, try ByteStream(source.descriptor, loop: loop, reads: true))
        } catch {
            guard error == .notPermitted else { throw error }
            // A file cannot be waited for.
            let relayed = try UnhurriedStream(relaying: stream, forWriting: false)
            return (relayed, try ByteStream(relayed.descriptor, loop: loop, reads: true))
        }
    }

    private func show(_ bytes: [UInt8]) {
        guard !isEnding else { return }
        isBusy = true
        output.write(bytes)
        if let rest {
            self.rest = rest - bytes.count
            if rest <= bytes.count { return endOutput() }
        }
        if output.waitingByteCount > Self.limit { terminal.setReading(false) }
    }

    /// The command has ended. What it has written goes out, however long its reader takes. Somebody else may hold the terminal open:
    /// that is waited for until nothing has come for so many milliseconds, and not for more than a terminal holds.
    func commandHasEnded(patience: UInt64) {
        rest = Self.limit
        isBusy = false
        wait(patience)
    }

    private func wait(_ patience: UInt64) {
        timer = loop.after(milliseconds: patience) { [weak self] in
            guard let self, !isDrained, !isEnding else { return }
            guard isBusy || output.waitingByteCount > 0 else { return endOutput() }
            isBusy = false
            wait(patience)
        }
    }

    private func endOutput() {
        guard !isEnding else { return }
        isEnding = true
        terminal.setReading(false)
        if output.waitingByteCount == 0 { return settle() }
        output.drained = { [weak self] in self?.settle() }
    }

    /// All is written, perhaps to a process in between: that ends when it has got rid of it.
    private func settle() {
        guard sink.isRelayed, output.isOpen else { return drain() }
        sink.finish()
    }

    private func drain() {
        guard !isDrained else { return }
        isDrained = true
        onDrained()
    }

    /// Gives the terminal another size; its command is told.
    func resize(_ size: TerminalSize) {
        master.withDescriptor { OwnedProgram.resize($0, columns: size.columns, rows: size.rows) }
    }

    func close() {
        isDrained = true
        onDrained = {}
        if let timer { loop.cancel(timer) }
        timer = nil
        input.ended = {}
        input.stop()
        output.ended = {}
        output.stop()
        terminal.ended = {}
        terminal.close()
    }
}
