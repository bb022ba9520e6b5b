// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

enum OpenFlags {
    static var append: Int32 { O_WRONLY | O_CREAT | O_APPEND }
}

/// umls3's control socket. A client sends a text of commands and shuts its side down; the answer is a line for each line of
/// output, begun with a blank, and at last `ok` or `error` and the reason.
final class UMLS3Server {
    private let set: UMLSwitchSet
    private let loop: ControlLoop
    private let file: SocketPath
    private var acceptor: Acceptor?
    private var clients: [Int32: Client] = [:]

    private final class Client {
        let descriptor: OwnedDescriptor
        var token: ControlLoop.Token?
        var text: [UInt8] = []
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    /// The longest text of commands.
    private static var textLimit: Int { 1 << 20 }

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
        var answer = UMLSwitchSet.Answer(mistake: "too long: more than \(Self.textLimit) bytes of commands")
        if client.text.count <= Self.textLimit { answer = set.perform(String(decoding: client.text, as: UTF8.self)) }
        var text = answer.lines.map { " \($0)\n" }.joined()
        text += answer.mistake.map { "error \($0)\n" } ?? "ok\n"
        // Short, and into a fresh socket's buffer: a client that does not read loses it.
        _ = try? client.descriptor.write(text.utf8)
        end(number)
    }

    private func end(_ number: Int32) {
        guard let client = clients.removeValue(forKey: number) else { return }
        if let token = client.token { loop.cancel(token) }
    }
}
