// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LabCommands

@Suite("Limits of pages and terminals")
struct LimitTests {
    @Test("a page that takes what comes")
    func queue() async {
        let queue = PageQueue()
        #expect(queue.put("a", "1"))
        #expect(queue.put("b", "2"))
        var wakes = queue.wakes.makeAsyncIterator()
        await wakes.next()
        var taken = queue.take()
        #expect(taken.text == "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n")
        #expect(!taken.isLast)
        queue.finish()
        await wakes.next()
        taken = queue.take()
        #expect(taken.text.isEmpty && taken.isLast)
    }

    @Test("a page that takes too little is dropped")
    func overflow() {
        let queue = PageQueue(PageQueue.Limits(byteCount: 64, tickCount: 2))
        #expect(queue.put("a", String(repeating: "x", count: 30)))
        #expect(!queue.put("a", String(repeating: "x", count: 30)))
        _ = queue.take()
        #expect(queue.put("a", String(repeating: "x", count: 30)))
    }

    @Test("a page that takes nothing is dropped, an idle one is not")
    func stall() {
        let idle = PageQueue(PageQueue.Limits(tickCount: 3))
        for _ in 0..<10 {
            #expect(idle.tick())
            _ = idle.take()
        }
        let stalled = PageQueue(PageQueue.Limits(tickCount: 3))
        #expect(stalled.put("a", "1"))
        #expect(stalled.tick())
        #expect(stalled.tick())
        #expect(!stalled.tick())
    }

    @Test("places are given back")
    func places() {
        let limit = SessionLimit(2)
        var places = [SessionPlace(limit), SessionPlace(limit)]
        #expect(places.allSatisfy { $0 != nil })
        #expect(SessionPlace(limit) == nil)
        places.removeLast()
        #expect(SessionPlace(limit) != nil)
        #expect(places.count == 1)
    }

    @Test("telnet: lines, and what is none of a line")
    func telnet() {
        var decoder = TelnetDecoder(limit: 8)
        func lines(_ bytes: [UInt8]) -> [TelnetDecoder.Line] { decoder.receive(bytes) }
        #expect(lines(Array("abc\r\nd\r\0e\nf\r".utf8)) == ["abc", "d", "e", "f"].map { .text($0) })
        #expect(lines(Array("\ng\r\r\n".utf8)) == [.text("g"), .text("")])
        // DO ECHO, a subnegotiation with a doubled 255 inside, and a plain command.
        #expect(
            lines([255, 253, 1, 0x61, 255, 250, 24, 0x62, 255, 255, 0x62, 255, 240, 255, 241, 0x63, 0x0a]) == [
                .text("ac")
            ]
        )
        #expect(lines(Array("ab\u{8}\u{7f}\u{8}c\u{1}\n".utf8)) == [.text("c")])
        #expect(lines(Array("12345678\n123456789\n1\n".utf8)) == [.text("12345678"), .tooLong, .text("1")])
        #expect(Telnet.encoded([0x61, 0x0a, 255]) == [0x61, 0x0d, 0x0a, 255, 255])
    }

    @Test("telnet: an unended line takes no more memory than its limit")
    func telnetEndless() {
        var decoder = TelnetDecoder(limit: 8)
        for _ in 0..<1000 { #expect(decoder.receive([UInt8](repeating: 0x61, count: 1024)).isEmpty) }
        #expect(decoder.receive([0x0a]) == [.tooLong])
    }
}
