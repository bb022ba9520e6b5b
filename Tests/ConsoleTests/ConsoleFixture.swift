// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Dataplane
import Endpoints
import LinuxSystem
import Runtime
import Testing

@testable import Console

/// A switch with a console, without sockets of its own and without a running control loop.
final class ConsoleFixture {
    let loop: ControlLoop
    let target: Switch
    let console: Console
    /// The clients' ends of the channels.
    private var channels: [ChannelBox] = []
    private final class ChannelBox {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    init(portCount: Int = 32) throws {
        loop = try ControlLoop()
        var options = SwitchOptions(directory: "/tmp/sw")
        options.portCount = portCount
        let dataPlane = try DataPlane(configuration: EngineConfiguration(portCount: portCount + 1))
        target = try Switch(options: options, loop: loop, dataPlane: dataPlane)
        console = Console(target)
    }

    /// The switch of the recorded session.
    static func recorded() throws -> ConsoleFixture {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 1, identifier: 3, "LWIPv6 user=render PID=642 if=vd0")
        try fixture.attach(port: 5, identifier: 7, "QEMU user=x")
        // The loop thread, whose counters these are, has nothing to do in these tests.
        fixture.target.table.countIn(port: 1, frames: 1, bytes: 60)
        fixture.target.table.countOut(port: 1, frames: 1, bytes: 100)
        fixture.target.table.countIn(port: 5, frames: 1, bytes: 100)
        fixture.target.table.countOut(port: 5, frames: 1, bytes: 60)
        return fixture
    }

    @discardableResult
    func attach(port: Int, identifier: Int32, _ description: String, userID: UInt32? = 0) throws -> Int {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let ours = pair.first
        channels.append(ChannelBox(pair.second))
        var newcomer = Switch.Newcomer(
            identifier: identifier,
            module: "unix prog",
            description: description,
            userID: userID,
            processID: 1
        )
        newcomer.port = port
        let number = try target.attach(.channel(ChannelEndpoint(ours)), newcomer)
        // The data plane has taken it up, and zeroed the port's counters, when it has answered for the next thing.
        let deadline = MonotonicClock.nanoseconds + 5_000_000_000
        target.table.countIn(port: number, frames: 1, bytes: 1)
        target.dataPlane.resetCounters(port: number)
        while target.table.counters(port: number).inFrames != 0 {
            try #require(MonotonicClock.nanoseconds < deadline)
        }
        return number
    }

    /// What a session would send for these bytes, line by line, prompts included.
    func answer(_ bytes: [UInt8]) -> String {
        var reader = ConsoleLineReader()
        reader.append(bytes)
        var output: [UInt8] = []
        while let line = reader.next() {
            guard case .text(let text) = line else { continue }
            let answer = console.execute(text)
            output += answer?.encoded() ?? []
            if answer?.sequel ?? .prompt == .prompt { output += Array(console.identity.prompt.utf8) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    func answer(_ line: String) -> String { answer(Array((line + "\n").utf8)) }
}
