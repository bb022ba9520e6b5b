// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What QEMU's monitor says to a command it does not carry out: class and text of the QMP specification.
public struct QMPError: Error, Equatable, CustomStringConvertible {
    /// `GenericError`, `CommandNotFound`, `DeviceNotFound`…; `Timeout` and `Closed` are ours.
    public let errorClass: String
    public let text: String

    public init(errorClass: String, text: String) {
        self.errorClass = errorClass
        self.text = text
    }

    public var description: String { text }
    public var isClosed: Bool { errorClass == "Closed" }
}

/// A client of QEMU's monitor protocol (QMP: "QEMU Machine Protocol Specification") over a stream socket, on a loop.
///
/// Commands are numbered and may overlap; each is answered once: by the monitor, by the time being over, or by the
/// connection's end. Nothing that the monitor says is believed beyond its form: it is limited in length and depth.
public final class QMPClient {
    public typealias Answer = (Result<JSONValue, QMPError>) -> Void

    private struct Command {
        let answer: Answer
        let timer: ControlLoop.Token
    }

    private let loop: ControlLoop
    private let socket: OwnedDescriptor
    private var token: ControlLoop.Token?
    private var input: [UInt8] = []
    /// Bytes of `input` in which no end of a line is.
    private var searched = 0
    private var output: [(bytes: [UInt8], descriptor: SharedDescriptor?)] = []
    private var commands: [Int64: Command] = [:]
    private var nextID: Int64 = 1
    private var isGreeted = false
    private var early: [(bytes: [UInt8], descriptor: SharedDescriptor?)] = []

    /// An event: its name and its data.
    public var event: (String, JSONValue) -> Void = { _, _ in }
    /// The connection has ended, called once: why, if it was the monitor's fault.
    public var ended: (String?) -> Void = { _ in }

    /// Longest line of a monitor that is read.
    public static var lineLimit: Int { 4 << 20 }
    /// How long an answer may take unless said otherwise.
    public static var usualTimeout: UInt64 { 10_000 }

    /// Takes over one end of a stream socket whose other end is a monitor's.
    public init(_ socket: consuming OwnedDescriptor, loop: ControlLoop) throws(Errno) {
        self.loop = loop
        self.socket = socket
        token = try loop.watch(self.socket.rawValue) { [weak self] events in self?.handle(events) }
    }

    deinit {
        if let token { loop.cancel(token) }
        for command in commands.values { loop.cancel(command.timer) }
    }

    public var isOpen: Bool { token != nil }

    /// Sends a command, possibly with a descriptor (`getfd`).
    public func send(
        _ name: String,
        _ arguments: [String: JSONValue] = [:],
        descriptor: SharedDescriptor? = nil,
        timeout: UInt64 = QMPClient.usualTimeout,
        then answer: @escaping Answer = { _ in }
    ) {
        guard isOpen else {
            return answer(.failure(QMPError(errorClass: "Closed", text: "the monitor is gone")))
        }
        let bytes = register(name, arguments, timeout: timeout, answer)
        // Before the monitor has greeted and agreed to capabilities it takes nothing else.
        if isGreeted { write(bytes, descriptor) } else { early.append((bytes, descriptor)) }
    }

    private func register(
        _ name: String,
        _ arguments: [String: JSONValue],
        timeout: UInt64,
        _ answer: @escaping Answer
    ) -> [UInt8] {
        let id = nextID
        nextID += 1
        var members: [String: JSONValue] = ["execute": .string(name), "id": .integer(id)]
        if !arguments.isEmpty { members["arguments"] = .object(arguments) }
        let timer = loop.after(milliseconds: timeout) { [weak self] in
            let text = "\(name): the monitor does not answer"
            self?.commands.removeValue(forKey: id)?.answer(.failure(QMPError(errorClass: "Timeout", text: text)))
        }
        commands[id] = Command(answer: answer, timer: timer)
        return Array((JSONValue.object(members).text + "\n").utf8)
    }

    // MARK: Output

    private func write(_ bytes: [UInt8], _ descriptor: SharedDescriptor? = nil) {
        output.append((bytes, descriptor))
        flush()
    }

    private func flush() {
        while let (bytes, descriptor) = output.first {
            let count: Int
            if let descriptor {
                // A short line: it goes as a whole or not at all.
                do {
                    try UnixSocket.send(bytes, descriptors: [descriptor.rawValue], to: socket)
                    count = bytes.count
                } catch {
                    count = -Int(error.rawValue)
                }
            } else {
                count = StreamIO.send(socket.rawValue, isSocket: true, bytes.span)
            }
            if count < 0 {
                guard Errno(rawValue: Int32(-count)) == .wouldBlock else { return }
                if let token { loop.change(token, to: [.readable, .writable]) }
                return
            }
            if count == bytes.count { output.removeFirst() } else { output[0] = (Array(bytes[count...]), nil) }
        }
        if let token { loop.change(token, to: .readable) }
    }

    // MARK: Input

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) { flush() }
        var part = [UInt8](repeating: 0, count: 65536)
        var span = part.mutableSpan
        let count = StreamIO.receive(socket.rawValue, isSocket: true, into: &span)
        if count == 0 { return close(nil) }
        guard count > 0 else {
            let error = Errno(rawValue: Int32(-count))
            if error == .wouldBlock || error == .interrupted { return }
            // It ended with something of ours unread.
            close(error == .connectionReset ? nil : "\(error)")
            return
        }
        input += part[..<count]
        // A handler may drop the client.
        withExtendedLifetime(self) { takeLines() }
    }

    private func takeLines() {
        while isOpen, let end = input[searched...].firstIndex(of: 0x0a) {
            let line = Array(input[..<end])
            input.removeFirst(end + 1)
            searched = 0
            if line.allSatisfy({ $0 == 0x0d || $0 == 0x20 }) { continue }
            do {
                take(try JSONValue(parsing: line))
            } catch {
                close("what it says is no JSON: \(error)")
            }
        }
        searched = input.count
        if input.count > Self.lineLimit { close("its lines are too long") }
    }

    private func take(_ message: JSONValue) {
        if message["QMP"] != nil {
            guard !isGreeted else { return }
            let bytes = register("qmp_capabilities", [:], timeout: Self.usualTimeout) { [weak self] result in
                if case .failure(let error) = result { self?.close(error.text) }
            }
            isGreeted = true
            write(bytes)
            for (bytes, descriptor) in early { write(bytes, descriptor) }
            early = []
        } else if let name = message["event"]?.string {
            event(name, message["data"] ?? [:])
        } else if let id = message["id"]?.integer, let command = commands.removeValue(forKey: id) {
            loop.cancel(command.timer)
            if let value = message["return"] {
                command.answer(.success(value))
            } else {
                let error = message["error"]
                command.answer(
                    .failure(
                        QMPError(
                            errorClass: error?["class"]?.string ?? "GenericError",
                            text: error?["desc"]?.string ?? "the monitor refuses without a reason"
                        )
                    )
                )
            }
        }
        // Anything else is the answer to a command whose time was over.
    }

    // MARK: End

    /// Ends the connection; nothing of it is called any more but the answers that are owed.
    public func close() {
        ended = { _ in }
        close(nil)
    }

    private func close(_ reason: String?) {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        UnixSocket.shutDown(socket)
        let owed = commands.values
        let ended = self.ended
        commands = [:]
        early = []
        output = []
        event = { _, _ in }
        self.ended = { _ in }
        for command in owed {
            loop.cancel(command.timer)
            command.answer(.failure(QMPError(errorClass: "Closed", text: "the monitor is gone")))
        }
        ended(reason)
    }
}
