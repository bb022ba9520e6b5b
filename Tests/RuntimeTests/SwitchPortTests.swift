// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

@Suite("Ports of a live switch", .mayRun(seconds: 120))
struct SwitchPortTests {
    @Test("newcomers get the lowest free number, or the one they ask for")
    func numbers() throws {
        try withSwitch { live in
            let first = try RawVDEClient(live.directory)
            let fifth = try RawVDEClient(live.directory, port: 5)
            let second = try RawVDEClient(live.directory)
            #expect([first.port, fifth.port, second.port] == [1, 5, 2])
            #expect(live.portNumbers == [1, 2, 5])
            first.close()
            try live.waitUntil { live.portNumbers == [2, 5] }
            #expect(try RawVDEClient(live.directory).port == 1)
            #expect(fifth.switchPath.hasPrefix(live.directory + "/005."))
        }
    }

    @Test("an endpoint that leaves takes its port, its socket and its addresses with it")
    func leaves() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            let third = try RawVDEClient(live.directory)
            try other.send(TestFrame.make(2, to: TestFrame.broadcast))
            _ = try one.next()
            _ = try third.next()
            #expect((try? FileStatus(path: other.switchPath))?.isSocket == true)
            other.close()
            try live.waitUntil { live.portNumbers == [1, 3] }
            #expect((try? FileStatus(path: other.switchPath)) == nil)
            // Unknown again: flooded to whoever is left.
            try one.send(TestFrame.make(1, to: 2, 77))
            #expect(try third.next().map(TestFrame.number) == 77)
        }
    }

    @Test("only the control connection keeps an endpoint: closing it ends the port")
    func controlIsLife() throws {
        try withSwitch { live in
            let client = try RawVDEClient(live.directory)
            client.closeControl()
            try live.waitUntil { live.portNumbers.isEmpty }
        }
    }

    @Test("a client whose data socket is gone costs itself frames, counted as such")
    func dataSocketGone() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let broken = try RawVDEClient(live.directory)
            let third = try RawVDEClient(live.directory)
            broken.closeData()
            for number in 0..<10 { try one.send(TestFrame.make(1, to: TestFrame.broadcast, number)) }
            for number in 0..<10 { #expect(try third.next().map(TestFrame.number) == number) }
            try live.waitUntil { live.drops(broken.port, .peerGone) == 10 }
            #expect(live.drops(third.port, .peerGone) == 0)
            #expect(live.portNumbers == [1, 2, 3])
        }
    }

    @Test("what the switch has plugged in by itself shares its port with no client")
    func ownEndpoint() throws {
        try withSwitch { live in
            let pair = try UnixSocket.pair(.datagram)
            let ours = pair.first.release()
            let isPluggedIn = live.perform { parts in
                var newcomer = Switch.Newcomer(
                    identifier: ours,
                    module: "test",
                    description: "an uplink",
                    userID: nil,
                    processID: getpid()
                )
                newcomer.port = 3
                let endpoint = DatagramEndpoint(OwnedDescriptor(adopting: ours))
                return (try? parts.element.attach(.datagram(endpoint), newcomer)) == 3
            }
            #expect(isPluggedIn)
            #expect(throws: RawVDEClient.Refused.closed) { try RawVDEClient(live.directory, port: 3) }
            #expect(live.log.contains { $0.contains("port 3 is in use by the switch itself") })
            #expect(try RawVDEClient(live.directory).port == 1)
            withExtendedLifetime(pair.second) {}
        }
    }

    @Test("several endpoints share a port: each gets its frames, and none hears its neighbour")
    func sharedPort() throws {
        try withSwitch { live in
            let left = try RawVDEClient(live.directory, port: 4)
            let right = try RawVDEClient(live.directory, port: 4)
            let other = try RawVDEClient(live.directory)
            #expect(left.port == 4 && right.port == 4 && left.switchPath != right.switchPath)
            try left.send(TestFrame.make(4, to: TestFrame.broadcast, 1))
            #expect(try other.next().map(TestFrame.number) == 1)
            try other.send(TestFrame.make(1, to: 4, 2))
            #expect(try left.next().map(TestFrame.number) == 2)
            #expect(try right.next().map(TestFrame.number) == 2)
            // When one leaves, the port and its addresses stay.
            left.close()
            try live.waitUntil { live.perform { $0.element.ports[4]?.endpoints.count } == 1 }
            #expect(live.perform { $0.element.dataPlane.forwardingRows(ageingSeconds: 100) }.contains { $0.port == 4 })
            try other.send(TestFrame.make(1, to: 4, 3))
            #expect(try right.next().map(TestFrame.number) == 3)
            right.close()
            try live.waitUntil { live.portNumbers == [1] }
        }
    }

    @Test("numbers beyond the last port, and a full switch, are refused by closing")
    func refusals() throws {
        try withSwitch({ $0.portCount = 2 }) { live in
            #expect(throws: RawVDEClient.Refused.self) { try RawVDEClient(live.directory, port: 3) }
            let first = try RawVDEClient(live.directory)
            let second = try RawVDEClient(live.directory)
            #expect(throws: RawVDEClient.Refused.self) { try RawVDEClient(live.directory) }
            // A named port may be shared.
            let third = try RawVDEClient(live.directory, port: 2)
            #expect([first.port, second.port, third.port] == [1, 2, 2])
            #expect(live.log.count == 2)
            #expect(live.log.last?.contains("in use") == true)
        }
    }

    @Test(
        "what is no request is refused by closing",
        arguments: [
            [UInt8]("GET / HTTP/1.0\r\n\r\n".utf8),
            [0xce, 0xfa, 0xed, 0xfe, 7, 0, 0, 0],
            [UInt8](repeating: 0xff, count: 257),
            [0xce, 0xfa, 0xed, 0xfe, 3, 0, 0, 0, 9] + [UInt8](repeating: 0, count: 113),
        ]
    )
    func rubbish(bytes: [UInt8]) throws {
        try withSwitch { live in
            let control = try RawVDEClient.connectControl(live.directory)
            try UnixSocket.send(bytes, to: control)
            #expect(try RawVDEClient.readAll(control.rawValue, 1) == nil)
            // And the switch goes on.
            #expect(try RawVDEClient(live.directory).port == 1)
        }
    }

    @Test("a client's socket that is not there, or is none, is refused")
    func badSocket() throws {
        try withSwitch { live in
            for path in ["/tmp/etherloom-nowhere-\(getpid())", "/dev/null", "/tmp", live.directory + "/ctl"] {
                let control = try RawVDEClient.connectControl(live.directory)
                let address = try #require(UnixSocketAddress(path: path))
                try UnixSocket.send(RawVDEClient.request(ownAddress: address.bytes), to: control)
                #expect(try RawVDEClient.readAll(control.rawValue, 1) == nil)
            }
            try live.waitUntil { live.portNumbers.isEmpty }
            // Nothing of them is left in the directory.
            #expect(Set(try FileSystem.names(in: live.directory)) == ["ctl", "attach"])
        }
    }

    @Test("a request that comes in pieces is a request")
    func pieces() throws {
        try withSwitch { live in
            let control = try RawVDEClient.connectControl(live.directory)
            let own = RawVDEClient.freshAddress()
            let data = try UnixSocket.make(.datagram)
            try UnixSocket.bind(data, to: try RawVDEClient.address(own))
            for byte in RawVDEClient.request(port: 3, ownAddress: own, description: "") {
                try UnixSocket.send([byte], to: control)
                // The control thread has seen it.
                live.perform { _ in }
            }
            let answer = try #require(try RawVDEClient.readAll(control.rawValue, 110))
            #expect(try RawVDEClient.address(answer).path?.hasPrefix(live.directory + "/003.") == true)
        }
    }

    @Test("clients that connect and leave, at any moment of the handshake, leave nothing behind")
    func comeAndGo() throws {
        try withSwitch { live in
            for length in [0, 1, 8, 121] {
                let control = try RawVDEClient.connectControl(live.directory)
                let request = RawVDEClient.request(ownAddress: RawVDEClient.freshAddress())
                if length > 0 { try UnixSocket.send(Array(request.prefix(length)), to: control) }
                live.perform { _ in }
                try control.close()
            }
            // A whole request, whose sender is gone when the answer comes.
            let control = try RawVDEClient.connectControl(live.directory)
            let own = RawVDEClient.freshAddress()
            let data = try UnixSocket.make(.datagram)
            try UnixSocket.bind(data, to: try RawVDEClient.address(own))
            try UnixSocket.send(RawVDEClient.request(ownAddress: own), to: control)
            try control.close()
            try live.waitUntil { live.portNumbers.isEmpty && (try? FileSystem.names(in: live.directory))?.count == 2 }
            #expect(try RawVDEClient(live.directory).port == 1)
        }
    }

    @Test("what an attached client says on its control connection is passed over")
    func talkative() throws {
        try withSwitch { live in
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.say([UInt8](repeating: 0x41, count: 5000))
            try one.send(TestFrame.make(1, to: 2, 5))
            #expect(try other.next().map(TestFrame.number) == 5)
            #expect(live.portNumbers == [1, 2])
        }
    }

    @Test("descriptions are shown as they were said, without what moves cursors")
    func descriptions() throws {
        try withSwitch { live in
            let client = try RawVDEClient(live.directory, description: "guest\u{1b}[31m \"x\"")
            let endpoint = live.perform {
                $0.element.ports[1]?.endpoints.first.map { ($0.description, $0.userID, $0.processID) }
            }
            #expect(endpoint?.0 == "guest.[31m \"x\"")
            #expect(endpoint?.1 == geteuid())
            #expect(endpoint?.2 == getpid())
            withExtendedLifetime(client) {}
        }
    }

    @Test("a switch that stops ends its clients and removes what it made")
    func stops() throws {
        let live = try LiveSwitch()
        let client = try RawVDEClient(live.directory)
        live.stop()
        #expect(try client.isClosedBySwitch())
        #expect((try? FileStatus(path: live.directory)) == nil)
    }
}
