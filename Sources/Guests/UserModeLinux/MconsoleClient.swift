// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A conversation with the mconsole of one UML kernel: one request after the other, on a loop.
final class MconsoleClient {
    typealias Answer = (Result<[String], GuestError>) -> Void

    private let loop: ControlLoop
    private let socket: OwnedDescriptor
    /// Where the kernel answers to, and tells by itself.
    let path: String
    /// The kernel's own socket.
    private let kernelPath: String
    private var token: ControlLoop.Token?
    private var requests: [(line: String, then: Answer)] = []
    private var text = ""
    private var timer: ControlLoop.Token?
    var noticed: (MconsoleMessage.Notice) -> Void = { _ in }

    /// Milliseconds that an answer may take.
    private static let limit: UInt64 = 5000

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
            guard let address = UnixSocketAddress(path: kernelPath) else { throw Errno.nameTooLong }
            try UnixSocket.connect(socket, to: address)
            try UnixSocket.send(bytes, to: socket)
        } catch {
            return finish(.failure(GuestError("the kernel's mconsole does not answer (\(error))")))
        }
        timer = loop.after(milliseconds: Self.limit) { [weak self] in
            self?.finish(
                .failure(GuestError("the kernel's mconsole did not answer within \(Self.limit / 1000) s", status: 3))
            )
        }
    }

    private func finish(_ result: Result<[String], GuestError>) {
        if let timer { loop.cancel(timer) }
        timer = nil
        guard !requests.isEmpty else { return }
        let request = requests.removeFirst()
        request.then(result)
        if !requests.isEmpty, timer == nil { begin() }
    }

    private func receive() {
        while token != nil, let message = try? UnixSocket.receive(from: socket, limit: 1024) {
            switch MconsoleMessage.parse(message.bytes) {
            case .notice(let notice)?: noticed(notice)
            case .answer(let answer)?: take(answer)
            case nil: return
            }
        }
    }

    private func take(_ answer: MconsoleMessage.Answer) {
        // One that came too late belongs to nobody.
        guard timer != nil else { return }
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
