// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A guest's console: logged from the first byte, shown to as many as want to see it, written to by one at a time.
final class GuestConsole {
    /// What somebody wants of it.
    enum Access: String { case read, write, steal }

    private let loop: ControlLoop
    let log: ConsoleLog
    private var readers: [ObjectIdentifier: ByteStream] = [:]
    private var writer: ObjectIdentifier?
    /// Where it goes what the writer types: the guest.
    var input: ([UInt8]) -> Void = { _ in }

    /// Bytes that may wait for a reader who does not read; he is let go beyond.
    static let waitingLimit = 1 << 20

    init(loop: ControlLoop, log: ConsoleLog) {
        self.loop = loop
        self.log = log
    }

    var hasWriter: Bool { writer != nil }

    func wrote(_ bytes: [UInt8]) {
        log.append(bytes)
        for (_, reader) in readers {
            reader.write(bytes)
            if reader.waitingByteCount > Self.waitingLimit { reader.close() }
        }
    }

    /// Another one at the console: the other end of his stream. He gets the last `history` bytes first.
    func attach(_ access: Access, history: Int) throws(GuestError) -> SharedDescriptor {
        if access == .write, writer != nil {
            throw GuestError("somebody writes to this console already; \"steal\" takes it over")
        }
        do {
            let pair = try UnixSocket.pair(.stream)
            let stream = try ByteStream(SharedDescriptor(pair.first), loop: loop, reads: true)
            let id = ObjectIdentifier(stream)
            stream.received = { [weak self] bytes in
                // Keys of who may only look go nowhere.
                if self?.writer == id { self?.input(bytes) }
            }
            stream.ended = { [weak self] in self?.left(id) }
            readers[id] = stream
            if access == .steal, let writer {
                readers[writer]?.write(Array("\r\n[somebody else types here now]\r\n".utf8))
            }
            if access != .read { writer = id }
            let past = log.tail(min(max(history, 0), Self.waitingLimit))
            if !past.isEmpty { stream.write(past) }
            return SharedDescriptor(pair.second)
        } catch {
            throw GuestError("cannot open the console: \(error)")
        }
    }

    private func left(_ id: ObjectIdentifier) {
        readers[id] = nil
        if writer == id { writer = nil }
    }

    func close() {
        for (_, reader) in readers { reader.finish() }
        log.close()
    }
}
