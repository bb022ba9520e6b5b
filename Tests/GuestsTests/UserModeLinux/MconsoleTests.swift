// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

/// The management console of a kernel that the test plays.
private final class PlayedKernel {
    let directory = "/tmp/elm-\(UUID().uuidString.prefix(8))"
    let loop: ControlLoop
    let client: MconsoleClient
    private let socket: Int32
    private var token: ControlLoop.Token?
    /// Lines that came, with where they came from.
    private(set) var lines: [(text: String, from: String)] = []

    init() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        loop = try ControlLoop()
        client = try MconsoleClient(path: directory + "/a.notices", kernelPath: directory + "/mconsole", loop: loop)
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        let path = directory + "/mconsole"
        #expect(Self.with(path) { bind(socket, $0, $1) } == 0)
        token = try loop.watch(socket) { [weak self] _ in self?.take() }
    }

    deinit {
        client.close()
        if let token { loop.cancel(token) }
        close(socket)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func with(_ path: String, _ body: (__CONST_SOCKADDR_ARG, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(__CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private func take() {
        var address = sockaddr_un()
        var size = socklen_t(MemoryLayout<sockaddr_un>.size)
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, &bytes, 1024, 0, __SOCKADDR_ARG(__sockaddr__: $0), &size)
            }
        }
        guard count > 12 else { return }
        let from = withUnsafeBytes(of: address.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        lines.append((String(decoding: bytes[12..<count].prefix { $0 != 0 }, as: UTF8.self), from))
    }

    /// A datagram to a path, from another socket or from the kernel's own. Whether somebody took it.
    @discardableResult
    func send(_ numbers: [UInt32], _ text: String, to path: String, asNotice: Bool = false) -> Bool {
        let from = asNotice ? Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0) : socket
        defer { if asNotice { close(from) } }
        var bytes = numbers.flatMap { number in (0..<4).map { UInt8(number >> (8 * UInt32($0)) & 0xff) } }
        bytes += Array(text.utf8) + [UInt8](repeating: 0, count: 512 - text.utf8.count)
        return Self.with(path) { Int32(sendto(from, bytes, bytes.count, 0, $0, $1)) } > 0
    }

    func answer(_ text: String, to path: String) -> Bool { send([0, 0, UInt32(text.utf8.count)], text, to: path) }

    func wait(until isSo: () -> Bool) throws {
        let deadline = MonotonicClock.nanoseconds + 5_000_000_000
        while !isSo() {
            loop.after(milliseconds: 5) { [loop] in loop.stop() }
            try loop.run()
            try #require(MonotonicClock.nanoseconds < deadline)
        }
    }
}

@Suite("A kernel's management console", .mayRun(seconds: 60))
struct MconsoleTests {
    @Test("an answer that comes too late is not the next question's")
    func late() throws {
        let kernel = try PlayedKernel()
        kernel.client.limit = 50
        var answers: [Result<[String], GuestError>] = []
        kernel.client.send("sysrq a") { answers.append($0) }
        try kernel.wait { answers.count == 1 && kernel.lines.count == 1 }
        guard case .failure(let error)? = answers.first else {
            Issue.record("an answer came from nowhere")
            return
        }
        #expect(error.status == 3)
        kernel.client.limit = 5000
        kernel.client.send("version") { answers.append($0) }
        try kernel.wait { kernel.lines.count == 2 }
        // Nobody is there for it.
        #expect(!kernel.answer("late", to: kernel.lines[0].from))
        #expect(kernel.answer("Linux alice", to: kernel.lines[1].from))
        try kernel.wait { answers.count == 2 }
        #expect(answers[1] == .success(["Linux alice"]))
        let left = try FileManager.default.contentsOfDirectory(atPath: kernel.directory)
        #expect(left.sorted() == ["a.notices", "mconsole"])
    }

    @Test("what a kernel tells by itself is heard, also after it was asked something")
    func notices() throws {
        let kernel = try PlayedKernel()
        var heard: [MconsoleMessage.Notice] = []
        kernel.client.noticed = { heard.append($0) }
        var isAnswered = false
        kernel.client.send("version") { _ in isAnswered = true }
        try kernel.wait { kernel.lines.count == 1 }
        let panic: [UInt32] = [0xcafe_babe, 2, 1, 4]
        #expect(kernel.send(panic, "oops", to: kernel.client.path, asNotice: true))
        #expect(kernel.answer("Linux", to: kernel.lines[0].from))
        try kernel.wait { isAnswered && heard.count == 1 }
        #expect(kernel.send(panic, "oops", to: kernel.client.path, asNotice: true))
        try kernel.wait { heard.count == 2 }
        #expect(heard == [.panic("oops"), .panic("oops")])
    }
}
