// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

enum OpenFlags {
    static var append: Int32 { O_WRONLY | O_CREAT | O_APPEND }
}

/// umls3's control socket. A client sends a text of commands and shuts its side down; the answer is a line for each line of
/// output, begun with a blank, and at last `ok` or `error` and the reason. A client that takes its answer slowly has time; one
/// that takes nothing of it for a while is given up.
final class UMLS3Server {
    private let set: UMLSwitchSet
    private let loop: ControlLoop
    private let file: SocketPath
    private var acceptor: Acceptor?
    private var clients: [Int32: Client] = [:]

    private final class Client {
        let descriptor: OwnedDescriptor
        var token: ControlLoop.Token?
        var patience: ControlLoop.Token?
        var answer: ArraySlice<UInt8> = []
        var text: [UInt8] = []
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    /// The longest text of commands.
    private static var textLimit: Int { 1 << 20 }
    private static var patienceMilliseconds: UInt64 { 120_000 }

    init(_ set: UMLSwitchSet, loop: ControlLoop, path: String) throws {
        self.set = set
        self.loop = loop
        do throws(SocketPath.BindError) {
            file = try SocketPath(path)
            acceptor = try Acceptor(at: file, mode: 0o600, loop: loop) { [unowned self] connection throws(Errno) in
                try admit(connection)
            }
        } catch .inUse {
            throw Failure("\(path): a server is running there; choose another socket with -S")
        } catch {
            throw Failure("\(error); choose another socket with -S")
        }
    }

    func close() {
        acceptor = nil
        clients = [:]
        file.remove()
    }

    private func admit(_ connection: consuming OwnedDescriptor) throws(Errno) {
        let number = connection.rawValue
        let client = Client(connection)
        client.token = try loop.watch(number, [.readable, .readHangUp]) { [unowned self] _ in read(number) }
        clients[number] = client
    }

    private func read(_ number: Int32) {
        guard let client = clients[number] else { return }
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try client.descriptor.read(atMost: 65_536)
        } catch .wouldBlock {
            return
        } catch {
            return end(number)
        }
        client.text += bytes
        guard bytes.isEmpty || client.text.count > Self.textLimit else { return }
        // Nothing more is expected until there is an answer, however long that takes.
        if let token = client.token.take() { loop.cancel(token) }
        guard client.text.count <= Self.textLimit else {
            let mistake = "too long: more than \(Self.textLimit) bytes of commands"
            return respond(number, UMLSwitchSet.Answer(mistake: mistake))
        }
        set.perform(String(decoding: client.text, as: UTF8.self)) { [weak self] in self?.respond(number, $0) }
    }

    private func respond(_ number: Int32, _ answer: UMLSwitchSet.Answer) {
        guard let client = clients[number] else { return }
        var text: [UInt8] = []
        for line in answer.lines { text += " \(line)\n".utf8 }
        text += (answer.mistake.map { "error \($0)\n" } ?? "ok\n").utf8
        client.answer = text[...]
        send(number)
    }

    private func send(_ number: Int32) {
        guard let client = clients[number] else { return }
        if let patience = client.patience.take() { loop.cancel(patience) }
        do throws(Errno) {
            while !client.answer.isEmpty {
                client.answer = client.answer.dropFirst(try client.descriptor.write(client.answer.prefix(65_536)))
            }
        } catch .wouldBlock {
            return awaitRoom(client, number)
        } catch {
            // It is gone.
        }
        end(number)
    }

    private func awaitRoom(_ client: Client, _ number: Int32) {
        do throws(Errno) {
            if client.token == nil {
                client.token = try loop.watch(number, .writable) { [unowned self] _ in send(number) }
            }
            client.patience = loop.after(milliseconds: Self.patienceMilliseconds) { [weak self] in self?.end(number) }
        } catch {
            end(number)
        }
    }

    private func end(_ number: Int32) {
        guard let client = clients.removeValue(forKey: number) else { return }
        for token in [client.token, client.patience] { token.map(loop.cancel) }
    }
}
