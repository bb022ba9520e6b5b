// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// The control socket of a fabric: SOCK_SEQPACKET, a request a message, one answer for each, in order.
///
/// The owner is the keeper: whoever connects first, or had a connection from the beginning. Its end is told.
public final class FabricServer {
    private let fabric: Fabric
    private let loop: ControlLoop
    private var acceptor: Acceptor?
    private var file: SocketPath?
    private var connections: [Int32: Connection] = [:]
    private var owner: Int32?
    /// The owner's connection has ended.
    public var onOwnerGone: () -> Void = {}

    private final class Connection {
        let descriptor: OwnedDescriptor
        let token: ControlLoop.Token
        var watches = false
        /// What the other side has not taken yet. Until it has, nothing more is asked of it.
        var unsent: [OutgoingMessage] = []
        var lostEventCount = 0

        init(_ descriptor: consuming OwnedDescriptor, token: ControlLoop.Token) {
            self.descriptor = descriptor
            self.token = token
        }
    }

    public init(_ fabric: Fabric) {
        self.fabric = fabric
        loop = fabric.loop
        fabric.onEvent = { [weak self] in self?.tell($0) }
        fabric.onKept = { [weak self] in self?.tell($0, $1) }
    }

    /// Listens at a path, for this user alone.
    public func listen(at path: String) throws(SocketPath.BindError) {
        let file = try SocketPath(path)
        let socket = try file.makeSocket(.sequencedPacket, mode: 0o600)
        do throws(Errno) {
            try UnixSocket.listen(socket, backlog: 16)
            acceptor = try Acceptor(socket, loop: loop) { [unowned self] connection throws(Errno) in
                try adopt(connection)
            }
        } catch {
            throw .failed(path, error)
        }
        self.file = file
    }

    /// Serves a connection that is there already.
    public func adopt(_ connection: consuming OwnedDescriptor) throws(Errno) {
        let number = connection.rawValue
        let token = try loop.watch(number, [.readable, .readHangUp]) { [weak self] _ in self?.ready(number) }
        connections[number] = Connection(connection, token: token)
        if owner == nil { owner = number }
    }

    private func ready(_ number: Int32) {
        guard let connection = connections[number] else { return }
        do throws(Errno) {
            if !connection.unsent.isEmpty { return try flush(connection) }
            var message = try UnixSocket.receive(from: connection.descriptor, limit: WordMessage.maximumByteCount)
            if message.bytes.isEmpty { return end(number) }
            for answer in answers(to: &message, connection) {
                try deliver(answer, to: connection)
            }
        } catch .wouldBlock {
            return
        } catch {
            end(number)
        }
    }

    /// Sends a message, now or when there is room.
    private func deliver(
        _ words: [String],
        _ descriptors: [Int32] = [],
        to connection: Connection
    ) throws(Errno) {
        // One that cannot be said is no reason to part: the other side would take the end for the fabric's.
        let bytes: [UInt8]
        if let encoded = try? WordMessage(words).encoded() {
            bytes = encoded
        } else {
            bytes = try WordMessage(Self.unspeakable(words)).encoded()
        }
        if connection.unsent.isEmpty {
            do throws(Errno) {
                return try UnixSocket.send(bytes, descriptors: descriptors, to: connection.descriptor)
            } catch {
                guard error == .wouldBlock || error == .noBuffers else { throw error }
            }
            // No more requests before these answers have gone.
            loop.change(connection.token, to: [.writable, .readHangUp])
        }
        connection.unsent.append(try OutgoingMessage(bytes, duplicating: descriptors))
    }

    private func flush(_ connection: Connection) throws(Errno) {
        var sentCount = 0
        defer { connection.unsent.removeFirst(sentCount) }
        do throws(Errno) {
            for message in connection.unsent {
                try message.send(to: connection.descriptor)
                sentCount += 1
            }
        } catch {
            if error == .wouldBlock || error == .noBuffers { return }
            throw error
        }
        loop.change(connection.token, to: [.readable, .readHangUp])
        if connection.lostEventCount > 0 {
            let words = ["event", "lost", "\(connection.lostEventCount)"]
            connection.lostEventCount = 0
            connection.unsent.removeFirst(sentCount)
            sentCount = 0
            try deliver(words, to: connection)
        }
    }

    private func answers(to message: inout ReceivedMessage, _ connection: Connection) -> [[String]] {
        do throws(FabricError) {
            guard !message.isTruncated, let words = WordMessage(bytes: message.bytes)?.words else {
                throw .usage(
                    "a request is words, each ended by a zero byte, of at most \(WordMessage.maximumByteCount)"
                )
            }
            let request = try FabricRequest(words: words)
            if case .portKeep(let port, let note) = request {
                var descriptors = DescriptorList()
                let count = message.descriptorCount
                while let descriptor = message.takeDescriptor() { descriptors.append(descriptor) }
                try fabric.keep(port, note, descriptors, count: count)
                return [["ok"]]
            }
            let result = try fabric.perform(request, descriptor: message.takeDescriptor())
            switch request {
            case .watch: connection.watches = true
            case .state: return Self.pages(result)
            default: break
            }
            return [["ok"] + result]
        } catch {
            return [["error", "\(error.status)", error.message]]
        }
    }

    private static func unspeakable(_ words: [String]) -> [String] {
        words.first == "event" ? ["event", "lost", "1"] : ["error", "1", "the answer is too long"]
    }

    /// A long answer as several: `ok more …`, and the last one `ok end …`.
    static func pages(_ words: [String]) -> [[String]] {
        var pages: [[String]] = []
        var page: [String] = []
        var byteCount = 0
        for word in words {
            if byteCount + word.utf8.count > pageByteCount, !page.isEmpty {
                pages.append(["ok", "more"] + page)
                (page, byteCount) = ([], 0)
            }
            page.append(word)
            byteCount += word.utf8.count + 1
        }
        return pages + [["ok", "end"] + page]
    }

    private static var pageByteCount: Int { 32 * 1024 }
    /// Messages that wait for somebody who does not read; events beyond them are counted.
    private static var waitingMessageCount: Int { 4096 }

    /// Descriptors are for the owner alone.
    private func tell(_ words: [String], _ descriptors: [Int32]? = nil) {
        for (number, connection) in connections where connection.watches {
            guard descriptors == nil || number == owner else { continue }
            guard connection.unsent.count < Self.waitingMessageCount else {
                connection.lostEventCount += 1
                continue
            }
            do throws(Errno) {
                try deliver(["event"] + words, descriptors ?? [], to: connection)
            } catch {
                loop.after(milliseconds: 0) { [weak self] in self?.end(number) }
            }
        }
    }

    private func end(_ number: Int32) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        loop.cancel(connection.token)
        guard owner == number else { return }
        // Whoever connects next is the owner of a fabric that stays.
        owner = nil
        onOwnerGone()
    }

    public func close() {
        acceptor = nil
        file?.remove()
        for connection in connections.values { loop.cancel(connection.token) }
        connections = [:]
    }
}
