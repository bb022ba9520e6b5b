// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Whatever one client does, two others talk on.
    @Suite("Clients that behave badly harm only themselves")
    struct BadClients {
        /// Nonsense to say on the `ctl` socket.
        enum Nonsense: String, CaseIterable, Sendable {
            case garbage, noMagic, version2, version4, unknownCommand, addressOfNobody, foreignSocket, tooLong, endless

            func bytes(_ directory: String) -> [UInt8] {
                switch self {
                case .garbage: (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
                case .noMagic: request(magic: 0, path: directory + "/nobody")
                case .version2: request(version: 2, path: directory + "/nobody")
                case .version4: request(version: 4, path: directory + "/nobody")
                case .unknownCommand: request(type: 7, path: directory + "/nobody")
                case .addressOfNobody: request(path: directory + "/nobody")
                // The switch's own control socket is no datagram socket.
                case .foreignSocket: request(path: directory + "/ctl")
                case .tooLong: request(path: directory + "/nobody") + [UInt8](repeating: 0x41, count: 400)
                case .endless: [UInt8](repeating: 0xff, count: 5000)
                }
            }
        }

        @Test("nonsense on ctl ends that stream and nothing else", arguments: Nonsense.allCases)
        func nonsense(kind: Nonsense) throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let client = try UnixClient(element.directory + "/ctl")
                // A refusal may come before all of it is said.
                try? client.send(kind.bytes(element.directory))
                while try !client.receive().isEmpty {}
                #expect(try element.endpoints().count == 2)
                try pair.talk()
            }
        }

        @Test("half a request, and silence, keep nobody waiting; after a while the stream is closed")
        func halfRequests() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let silent = try UnixClient(element.directory + "/ctl")
                let half = try UnixClient(element.directory + "/ctl")
                try half.send(Array(request(path: element.directory + "/nobody").prefix(50)))
                let pair = try Pair(element)
                try pair.talk()
                #expect(try silent.receive().isEmpty)
                #expect(try half.receive().isEmpty)
                try pair.talk()
            }
        }

        @Test("a request may come in pieces")
        func pieces() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let client = try UnixClient(element.directory + "/ctl")
                let whole = request(type: 9 << 8, path: element.directory + "/nobody")
                try client.send(Array(whole.prefix(30)))
                let pair = try Pair(element)
                try client.send(Array(whole.dropFirst(30)))
                // Port 9 with a socket that nobody has: refused only when all of it was read.
                #expect(try client.receive().isEmpty)
                try pair.talk()
            }
        }

        @Test("nonsense on attach is refused", arguments: [0, 1, 40, 4000])
        func nonsenseOnAttach(size: Int) throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let client = try host.start(
                    ["python3", "-u", try script("attach_nonsense.py", host), element.directory + "/attach", "\(size)"])
                #expect(try client.waitForEnd() == .exited(0), "\(client.transcript)")
                #expect(try element.endpoints().count == 2)
                try pair.talk()
            }
        }

        @Test("datagrams that are no frames are dropped: empty, runts, more than any frame has")
        func oddDatagrams() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let odd = try host.start(
                    ["python3", "-u", try script("vde_client.py", host), "v3", element.directory + "/ctl"],
                    input: .pipe
                )
                try odd.wait(forOutput: "joined")
                var count = 0
                for size in [0, 1, 5, 13, 65_600, 100_000] {
                    let bytes = (0..<size).map { $0 < 6 ? 0xff : UInt8(truncatingIfNeeded: $0) }
                    try odd.write(hexadecimal(bytes) + "\n")
                    count += 1
                    try wait(for: "datagram \(count) to be sent: \(odd.transcript)") {
                        odd.output.components(separatedBy: "sent").count - 1 == count
                    }
                }
                // It is still a client like any other.
                let proper = frame(to: everybody, from: station(3))
                try odd.write(hexadecimal(proper) + "\n")
                try pair.one.wait(for: proper)
                try pair.talk()
                #expect(pair.one.frames.allSatisfy { $0.count >= 14 })
            }
        }

        @Test("a client that never reads loses frames, counted; the others lose none")
        func neverReads() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let client = try host.start(
                    ["python3", "-u", try script("vde_client.py", host), "v3", element.directory + "/ctl"],
                    input: .pipe
                )
                try client.wait(forOutput: "joined")
                client.send(signal: SIGSTOP)
                // Far more than a socket's buffer and our queue hold.
                for round in 0..<40 {
                    for number in 0..<100 {
                        try pair.one.send(frame(to: everybody, from: station(1), size: 1200, seed: UInt8(number)))
                    }
                    let mark = frame(to: station(2), from: station(1), size: 100, seed: UInt8(round))
                    try pair.one.send(mark)
                    try pair.other.wait(for: mark)
                }
                #expect(pair.other.frames.count { $0.count == 1200 } == 4000)
                let drops = try element.ask("port/drops 3")
                #expect(drops.contains("queue-full"), "\(drops)")
                #expect(try !element.ask("port/drops 2").contains("     - "), "the reading client lost some")
                try client.stop(SIGKILL)
                try element.waitForEndpoints(2)
                try pair.talk()
                // Its own socket in the directory goes with its port.
                let left = try host.check(["ls", "-A", element.directory])
                #expect(!left.contains("\(client.processID)-00000"), "\(left)")
            }
        }

        @Test("a console client that asks and never reads is let go; the console answers others")
        func consoleNeverReads() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let deaf = try UnixClient(element.console)
                let question = Array(String(repeating: "help\n", count: 200).utf8)
                var isOpen = true
                for _ in 0..<50 where isOpen { isOpen = (try? deaf.send(question)) != nil }
                #expect(try element.ask("showinfo").contains("1000 Success"))
                try pair.talk()
            }
        }

        @Test("200 clients that come and vanish leave no port and no file")
        func comingAndGoing() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let pair = try Pair(element)
                let before = try host.descriptorCount(element.program)
                let client = try host.run(
                    ["python3", "-u", try script("vde_flood.py", host), element.directory + "/ctl", "200"])
                #expect(client.end == .exited(0), "\(client.transcript)")
                try element.waitForEndpoints(2)
                try wait(for: "the switch to close what it has opened") {
                    try host.descriptorCount(element.program) <= before
                }
                let files = try host.check(["ls", "-A", element.directory]).split(separator: "\n").sorted()
                #expect(files.filter { $0.hasPrefix(".") }.isEmpty)
                #expect(files.count == 4, "\(files)")
                try pair.talk()
            }
        }
    }
}

/// Two stations that can talk.
struct Pair {
    let one: Plug
    let other: Plug

    init(_ element: RunningSwitch) throws {
        let present = try element.endpoints().count
        one = try Plug(element.host, element.directory)
        try element.waitForEndpoints(present + 1)
        other = try Plug(element.host, element.directory)
        try element.waitForEndpoints(present + 2)
    }

    /// A frame each way.
    func talk() throws {
        let seed = UInt8(truncatingIfNeeded: one.frames.count &+ other.frames.count)
        let question = frame(to: everybody, from: station(1), size: 200, seed: seed)
        try one.send(question)
        try other.wait(for: question)
        let answer = frame(to: station(1), from: station(2), size: 300, seed: seed)
        try other.send(answer)
        try one.wait(for: answer)
    }
}

/// A request on the `ctl` socket, version 3 unless said otherwise.
func request(magic: UInt32 = 0xfeed_face, version: UInt32 = 3, type: UInt32 = 0, path: String) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let name = Array(path.utf8)
    return word(magic) + word(version) + word(type) + [1, 0] + name + [UInt8](repeating: 0, count: 108 - name.count)
}

extension HostNamespace {
    /// How many descriptors a program has open.
    func descriptorCount(_ program: Program) throws -> Int {
        try check(["ls", "/proc/\(program.processID)/fd"]).split(separator: "\n").count
    }
}
