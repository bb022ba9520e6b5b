// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@testable import Guests

@Suite("The channel to an agent")
struct AgentChannelTests {
    @Test("a guest that takes nothing loses it, and that is told, from the loop")
    func overflow() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.stream)
        let channel = try AgentChannel(try pair.first.duplicate(), loop: loop)
        var endCount = 0
        channel.ended = { endCount += 1 }
        let frame = AgentFrame(.data, stream: 1, payload: [UInt8](repeating: 0, count: AgentFrame.payloadLimit))
        let count = AgentChannel.waitingLimit / AgentFrame.payloadLimit + 8
        for _ in 0..<count { channel.send(frame) }
        #expect(!channel.isOpen)
        #expect(endCount == 0)
        loop.after(milliseconds: 20) { [loop] in loop.stop() }
        try loop.run()
        #expect(endCount == 1)
    }
}
