// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A conversation with the mconsole of one UML kernel: one request after the other, on a loop.
///
/// Answers have no numbers. So each request has a socket of its own: an answer that comes after its time was over finds nobody,
/// instead of being taken for that of the next one. What the kernel tells by itself comes to another socket, which is not
/// connected, because a connected one hears nobody else.
final class MconsoleClient {
    typealias Answer = (Result<[String], GuestError>) -> Void

    private let loop: ControlLoop
    private let socket: OwnedDescriptor
    /// Where the kernel tells by itself.
    let path: String
    private var requestCount = 0
    private var question: (socket: SharedDescriptor, path: String, token: ControlLoop.Token)?
    /// The kernel's own socket.
    private let kernelPath: String
    private var token: ControlLoop.Token?
    private var requests: [(line: String, then: Answer)] = []
    private var text = ""
    private var timer: ControlLoop.Token?
    var noticed: (MconsoleMessage.Notice) -> Void = { _ in }

    /// Milliseconds that an answer may take.
    var limit: UInt64 = 5000

    /// - Parameters:
    ///   - path: where our socket is to be; what lies there is removed.
    ///   - kernelPath: the kernel's, which need not be there yet.
    init(path: String, kernelPath: String, loop: ControlLoop) throws(GuestError) {
        guard let address = UnixSocketAddress(path: path), UnixSocketAddress(path: kernelPath) != nil else {
            throw GuestError("\(path): longer than a socket's path may be (107 bytes)")
        }
        try? FileSystem.remove(path)
        do {
            socket = try UnixSocket.make(.datagram)
            try UnixSocket.bind(socket, to: address)
            try socket.setNonblocking()
        } catch {
            throw GuestError("\(path): \(error)")
        }
        self.path = path
        self.kernelPath = kernelPath
        self.loop = loop
        token = try? loop.watch(socket.rawValue) { [weak self] _ in self?.receive() }
    }

    deinit { close() }

    func close() {
        if let token { loop.cancel(token) }
        if let timer { loop.cancel(timer) }
        token = nil
        timer = nil
        endQuestion()
        let left = requests
        requests = []
        try? FileSystem.remove(path)
        left.forEach { $0.then(.failure(GuestError("the guest has ended"))) }
    }

    /// Asks the kernel; answers with lines.
    func send(_ line: String, then: @escaping Answer) {
        requests.append((line, then))
        if requests.count == 1 { begin() }
    }

    private func begin() {
        guard let request = requests.first else { return }
        guard let bytes = MconsoleMessage.request(request.line) else {
            return finish(.failure(GuestError("mconsole takes lines of at most 511 bytes", status: 2)))
        }
        text = ""
        do {
            try ask(bytes)
        } catch {
            return finish(.failure(GuestError("the kernel's mconsole does not answer (\(error))")))
        }
        timer = loop.after(milliseconds: limit) { [weak self] in
            guard let self else { return }
            finish(.failure(GuestError("the kernel's mconsole did not answer within \(limit / 1000) s", status: 3)))
        }
    }

    private func ask(_ bytes: [UInt8]) throws(Errno) {
        requestCount += 1
        // No longer than the other one's name.
        let stem = path.lastIndex(of: ".").map { path[..<$0] } ?? path[...]
        let own = "\(stem).\(requestCount % 1000)"
        guard let here = UnixSocketAddress(path: own), let there = UnixSocketAddress(path: kernelPath) else {
            throw .nameTooLong
        }
        let socket = SharedDescriptor(try UnixSocket.make(.datagram))
        try? FileSystem.remove(own)
        do throws(Errno) {
            try socket.withDescriptor { (descriptor) throws(Errno) in
                try UnixSocket.bind(descriptor, to: here)
                try UnixSocket.connect(descriptor, to: there)
                try descriptor.setNonblocking()
                try UnixSocket.send(bytes, to: descriptor)
            }
            let token = try loop.watch(socket.rawValue) { [weak self] _ in self?.receiveAnswer() }
            question = (socket, own, token)
        } catch {
            try? FileSystem.remove(own)
            throw error
        }
    }

    private func endQuestion() {
        guard let question else { return }
        self.question = nil
        loop.cancel(question.token)
        try? FileSystem.remove(question.path)
    }

    private func finish(_ result: Result<[String], GuestError>) {
        if let timer { loop.cancel(timer) }
        timer = nil
        endQuestion()
        guard !requests.isEmpty else { return }
        let request = requests.removeFirst()
        request.then(result)
        if !requests.isEmpty, timer == nil { begin() }
    }

    private func receive() {
        while token != nil, let message = try? UnixSocket.receive(from: socket, limit: 1024) {
            if case .notice(let notice)? = MconsoleMessage.parse(message.bytes) { noticed(notice) }
        }
    }

    private func receiveAnswer() {
        // An answer may be the last of its question, and begin the next one.
        while let question {
            let bytes = question.socket.withDescriptor { try? UnixSocket.receive(from: $0, limit: 1024).bytes }
            guard let bytes else { return }
            if case .answer(let answer)? = MconsoleMessage.parse(bytes) { take(answer) }
            guard self.question?.socket === question.socket else { return }
        }
    }

    private func take(_ answer: MconsoleMessage.Answer) {
        // No kernel says a megabyte.
        if text.utf8.count < 1 << 20 { text += answer.text }
        guard !answer.hasMore else { return }
        let lines = text.split(separator: "\n").map(String.init)
        if answer.isError {
            finish(.failure(GuestError(lines.first ?? "the kernel refused it")))
        } else {
            finish(.success(lines))
        }
    }
}
