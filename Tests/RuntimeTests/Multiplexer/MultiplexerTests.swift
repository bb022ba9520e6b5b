// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestTraits
import Testing
import Wire

@testable import Runtime

@Suite("A live multiplexer", .mayRun(seconds: 120))
struct MultiplexerTests {
    private func withMultiplexer(_ body: (LiveSwitch) throws -> Void) throws {
        try withSwitch({ $0.isMultiplexer = true }, body)
    }

    private func names(_ live: LiveSwitch) throws -> Set<String> {
        Set(try FileSystem.names(in: live.directory)).subtracting(["ctl", "attach"])
    }

    private func frame(_ number: Int, from source: UInt8 = 1, to destination: UInt8 = 2) -> [UInt8] {
        TestFrame.make(source, to: destination, number)
    }

    private static let header = [UInt8](repeating: 0, count: 12)

    @Test("every frame goes to all other interfaces, whatever was seen before")
    func nothingIsLearned() throws {
        try withMultiplexer { live in
            let clients = try (1...3).map { try RawVDEClient(live.directory, port: $0) }
            for number in 0..<3 {
                try clients[number].send(frame(number, from: UInt8(number + 1), to: 9))
                for other in 0..<3 where other != number {
                    #expect(try clients[other].next().map(TestFrame.number) == number)
                }
            }
            // 1 and 2 are known to be where they are; the third hears of them nevertheless.
            try clients[0].send(frame(7, from: 1, to: 2))
            #expect(try clients[1].next().map(TestFrame.number) == 7)
            #expect(try clients[2].next().map(TestFrame.number) == 7)
            #expect(live.perform { $0.element.forwardingRows.isEmpty })
        }
    }

    @Test("an interface is made by whoever comes first, by number or by name, and goes with the last who leaves")
    func comingAndGoing() throws {
        try withMultiplexer { live in
            let five = try RawVDEClient(live.directory, port: 5)
            let alice = try ChannelClient(live.directory, name: "alice")
            let again = try ChannelClient(live.directory, name: "alice")
            #expect(alice.port == again.port && alice.port != five.port)
            #expect(alice.address == again.address)
            #expect(try names(live).isSuperset(of: ["5", "alice"]))
            let file = live.directory + "/5"
            #expect(try FileStatus(path: file, followLinks: false).isRegularFile)
            #expect(
                String(decoding: try FileSystem.contents(file), as: UTF8.self).contains("vde://\(live.directory)[5]")
            )
            alice.closeControl()
            let port = again.port
            try live.waitUntil { live.perform { $0.element.ports[port]?.endpoints.count } == 1 }
            #expect(try names(live).contains("alice"))
            again.closeControl()
            five.close()
            try live.waitUntil { live.perform { $0.element.ports.isEmpty } }
            #expect(try names(live).isEmpty)
            #expect(live.perform { $0.element.interfaces.all.isEmpty })
        }
    }

    @Test("clients of one interface share it: each hears the others' interfaces, none its neighbour")
    func sharedInterface() throws {
        try withMultiplexer { live in
            let left = try ChannelClient(live.directory, name: "alice")
            let right = try ChannelClient(live.directory, name: "alice")
            let other = try RawVDEClient(live.directory, port: 1)
            try other.send(frame(1))
            #expect(try left.next() == Self.header + frame(1))
            #expect(try right.next() == Self.header + frame(1))
            try left.send(Self.header + frame(2))
            #expect(try other.next() == frame(2))
            #expect(try right.next(seconds: 0.05) == nil)
        }
    }

    @Test("who names no interface is refused, and stock clients are hung up on")
    func unnamed() throws {
        try withMultiplexer { live in
            #expect(throws: RawVDEClient.Refused.self) { try RawVDEClient(live.directory) }
            #expect(throws: RawVDEClient.Refused.self) { try RawVDEClient(live.directory, port: 33) }
            #expect(throws: (any Error).self) { try ChannelClient(live.directory) }
            #expect(live.log.count == 3)
            #expect(live.log.allSatisfy { $0.contains("DIR[NAME]") || $0.contains("out of range") })
            let left = try names(live)
            #expect(left.isEmpty)
        }
    }

    @Test(
        "names that are none are refused with the reason",
        arguments: [
            "ctl", "attach", "mgmt", ".hidden", "..", "a/b", "a b", "a\nb", "a\u{1b}b", "a[b]", "001.7",
            String(repeating: "x", count: 49),
        ]
    )
    func badNames(name: String) throws {
        try withMultiplexer { live in
            do {
                _ = try ChannelClient(live.directory, name: name)
                Issue.record("\(name.debugDescription) was taken")
            } catch AttachClient.JoinError.refused(let errno, let message) {
                #expect(errno == .invalid)
                #expect(message.contains("name"))
                #expect(!message.utf8.contains { $0 < 0x20 })
            }
            #expect(try names(live).isEmpty)
        }
    }

    @Test("longest name, letters of any language")
    func goodNames() throws {
        try withMultiplexer { live in
            for name in [String(repeating: "x", count: 48), "büro-3", "eth0.100", "0", "007"] {
                let client = try ChannelClient(live.directory, name: name)
                #expect(try names(live) == [name])
                client.closeControl()
                try live.waitUntil { live.perform { $0.element.interfaces.all.isEmpty } }
            }
        }
    }

    @Test("a name that is a number is that port; other names keep out of the way")
    func numbers() throws {
        try withMultiplexer { live in
            let seven = try ChannelClient(live.directory, name: "7")
            #expect(seven.port == 7)
            let same = try RawVDEClient(live.directory, port: 7)
            #expect(same.port == 7)
            let alice = try ChannelClient(live.directory, name: "alice")
            #expect(alice.port == 32)
            // The number is hers: nobody gets at the interface by it.
            #expect(throws: RawVDEClient.Refused.self) { try RawVDEClient(live.directory, port: 32) }
            #expect(live.log.last?.contains("interface alice") == true)
        }
    }

    @Test("a declared interface is a socket for stock clients, and stays")
    func declared() throws {
        try withMultiplexer { live in
            let interface = live.perform { parts in
                try? parts.element.interfaces.declare(InterfaceDeclaration("bob,mode=0640,mac=52:54:00:00:00:07"))
            }
            #expect(interface?.address == MACAddress("52:54:00:00:00:07"))
            let path = live.directory + "/bob"
            #expect(try FileStatus(path: path, followLinks: false).isSocket)
            #expect(try FileStatus(path: path).mode & 0o777 == 0o640)
            let stock = try RawVDEClient(path: path)
            let other = try RawVDEClient(live.directory, port: 2)
            try other.send(frame(3))
            #expect(try stock.next() == frame(3))
            stock.close()
            try live.waitUntil { live.perform { $0.element.sortedPorts.filter(\.isActive).count } == 1 }
            #expect(try names(live).contains("bob"))
            #expect(live.perform { (try? $0.element.interfaces.withdraw("bob")) != nil })
            #expect(try !names(live).contains("bob"))
        }
    }

    @Test("an uplink hears the interfaces and is heard by them; frames do not pass between two uplinks")
    func uplinks() throws {
        try withMultiplexer { live in
            try withSwitch { first in
                try withSwitch { second in
                    for network in [first.directory, second.directory] {
                        let isUp = live.perform { (try? $0.element.interfaces.addUplink("vde://\(network)")) != nil }
                        #expect(isUp)
                    }
                    let here = try RawVDEClient(live.directory, port: 1)
                    let near = try RawVDEClient(live.directory, port: 2)
                    let one = try RawVDEClient(first.directory)
                    let two = try RawVDEClient(second.directory)
                    try here.send(frame(1))
                    for client in [near, one, two] { #expect(try client.next().map(TestFrame.number) == 1) }
                    try one.send(TestFrame.make(5, to: TestFrame.broadcast, 2))
                    for client in [here, near] { #expect(try client.next().map(TestFrame.number) == 2) }
                    try two.send(TestFrame.make(6, to: TestFrame.broadcast, 3))
                    for client in [here, near] { #expect(try client.next().map(TestFrame.number) == 3) }
                    #expect(try one.drain().isEmpty)
                    #expect(try two.drain().isEmpty)
                }
            }
        }
    }

    @Test("what was set of an interface's port does not meet the next one that gets the number")
    func numberUsedAgain() throws {
        try withMultiplexer { live in
            let alice = try ChannelClient(live.directory, name: "alice")
            let port = alice.port
            live.perform { parts in
                let way = SwitchHooks.Way(port: port, isInbound: true)
                try? parts.element.hooks.setRate(way, SwitchHooks.Rate(bitsPerSecond: 1, framesPerSecond: 1))
                try? parts.element.hooks.setMonitor(port, true)
            }
            alice.closeControl()
            try live.waitUntil { live.perform { $0.element.interfaces.all.isEmpty } }
            let bob = try ChannelClient(live.directory, name: "bob")
            let other = try RawVDEClient(live.directory, port: 1)
            #expect(bob.port == port)
            #expect(live.perform { $0.element.hooks.rates.isEmpty && $0.element.hooks.monitors.isEmpty })
            for number in 0..<100 { try bob.send(Self.header + frame(number)) }
            for number in 0..<100 { #expect(try other.next().map(TestFrame.number) == number) }
        }
    }

    @Test("runts go nowhere and are counted")
    func runts() throws {
        try withMultiplexer { live in
            let one = try RawVDEClient(live.directory, port: 1)
            let other = try RawVDEClient(live.directory, port: 2)
            try one.send([1, 2, 3])
            try one.send(frame(1))
            #expect(try other.next() == frame(1))
            #expect(live.drops(1, .runt) == 1)
        }
    }

    @Test("a client that does not read loses its own frames and nobody else's")
    func stalled() throws {
        try withMultiplexer { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            let dead = try ChannelClient(live.directory, name: "dead")
            let living = try RawVDEClient(live.directory, port: 3)
            for number in 0..<20_000 {
                try sender.send(frame(number, to: TestFrame.broadcast))
                #expect(try living.next().map(TestFrame.number) == number)
            }
            try live.waitUntil { live.drops(dead.port, .queueFull) > 0 }
            #expect(live.drops(3, .queueFull) == 0)
        }
    }
}
