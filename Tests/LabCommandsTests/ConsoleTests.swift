// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LabCommands

@Suite("What a console says")
struct ConsoleTests {
    static let session = """
        VDE switch V.2.3.2
        (C) someone

        vde$ 0000 DATA END WITH '.'
        3021 is data here
        1000 too

        .
        1000 Success

        vde$ 3021 port/+ 07
        1038 Function not implemented

        vde$ 9999 END OF SESSION
        """

    static let items = [
        ConsoleItem(.text, "VDE switch V.2.3.2"), ConsoleItem(.text, "(C) someone"), ConsoleItem(.prompt, "vde$ "),
        ConsoleItem(.data, "3021 is data here"), ConsoleItem(.data, "1000 too"), ConsoleItem(.data, ""),
        ConsoleItem(.success, "1000 Success"), ConsoleItem(.prompt, "vde$ "), ConsoleItem(.event, "3021 port/+ 07"),
        ConsoleItem(.failure, "1038 Function not implemented"), ConsoleItem(.prompt, "vde$ "),
        ConsoleItem(.end, "9999 END OF SESSION"),
    ]

    @Test("in pieces of any size", arguments: [1, 2, 3, 7, 64, 10_000])
    func pieces(size: Int) {
        var transcript = ConsoleTranscript()
        var items: [ConsoleItem] = []
        var rest = Array(Self.session.utf8)[...]
        while !rest.isEmpty {
            items += transcript.receive(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        #expect(items + transcript.finish() == Self.items)
    }

    @Test("a line without end takes no more memory than its limit")
    func endless() {
        var transcript = ConsoleTranscript()
        for _ in 0..<100 { #expect(transcript.receive([UInt8](repeating: 0x61, count: 4096)).isEmpty) }
        #expect(transcript.receive([0x0a]).map(\.text.utf8.count) == [1 << 14])
        #expect(transcript.receive(Array("1000 Success\n".utf8)) == [ConsoleItem(.success, "1000 Success")])
    }

    @Test("ports, from both makes of switch")
    func ports() throws {
        let table = PortTable([
            "Port 0001 untagged_vlan=0010 ACTIVE - Unnamed Allocatable",
            " Current User: render Access Control: (User: NONE - Group: NONE)",
            " IN:  pkts          2          bytes                  180",
            " OUT: pkts 18446744073709551615          bytes                    0",
            "  -- endpoint ID 0006 module unix prog   : etherloom user=render PID=642 if=vd0: a",
            "  -- endpoint ID 0000 module tuntap      :",
            "what a newer switch may say",
            "Port 0002 untagged_vlan=0000 INACTIVE - NOT Unnamed Allocatable",
        ])
        #expect(table.ports.count == 2)
        let first = try #require(table.ports.first)
        #expect(first.number == 1 && first.vlan == "10" && first.isActive)
        #expect(first.receivedPackets == 2 && first.receivedBytes == 180 && first.sentPackets == .max)
        #expect(
            first.endpoints == [
                PortTable.Endpoint(
                    number: "6",
                    module: "unix prog",
                    description: "etherloom user=render PID=642 if=vd0: a"
                ),
                PortTable.Endpoint(number: "0", module: "tuntap", description: ""),
            ]
        )
        #expect(!table.ports[1].isActive && table.ports[1].vlan == "0")
    }

    @Test("lines that are no ports")
    func noPorts() {
        for line in [
            "", "Port", "Port x", " IN: pkts 1 bytes 2", "  -- endpoint ID 1 module a :",
            "IN: pkts -1 bytes 99999999999999999999",
        ] {
            #expect(PortTable([line]).ports.isEmpty)
            #expect(PortTable(["Port 1", line]).ports.count == 1)
        }
    }

    @Test("text in JSON and in the document")
    func quoting() {
        #expect(JSONText.string("a\"\\\n\t\u{1}é<") == "\"a\\\"\\\\\\n\\t\\u0001é<\"")
        #expect(JSONText.items([ConsoleItem(.prompt, "vde$ ")]) == "[[\"prompt\",\"vde$ \"]]")
        #expect(WebPage.escaped("<a href='x' id=\"y\">&\n") == "&lt;a href=&#39;x&#39; id=&quot;y&quot;&gt;&amp;?")
        #expect(WebPage.text(nonce: "n", console: "/tmp/<script>").contains("/tmp/&lt;script&gt;"))
    }
}
