// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Ports by number")
    struct PortNumbers {
        @Test("DIR[5] is port 5, also of the data socket's name; the next client gets the lowest free one")
        func numberedPort() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                _ = try Plug(host, element.directory + "[5]")
                try element.waitForEndpoints(1)
                _ = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                #expect(try element.endpoints().map { $0.prefix(3) } == ["1: ", "5: "])
                let answer = try element.ask("port/print 5")
                #expect(answer.contains("Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable"))
                #expect(try host.check(["ls", element.directory]).contains("005."))
            }
        }

        @Test("two clients of one user may share a port; each gets what is sent to it")
        func sharedPort() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let sharing = try (1...2).map { _ in try Plug(host, element.directory + "[3]") }
                let sender = try Plug(host, element.directory)
                try element.waitForEndpoints(3)
                let everyone = frame(to: everybody, from: station(1))
                try sender.send(everyone)
                for plug in sharing { try plug.wait(for: everyone) }
            }
        }

        @Test("a number out of range is refused, and the client's stream ends")
        func outOfRange() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["-n", "4"])
                let refused = try Plug(host, element.directory + "[5]")
                let end = try refused.program.waitForEnd()
                #expect(end != .exited(0))
                #expect(try element.endpoints().isEmpty)
            }
        }

        @Test("a switch with all ports taken refuses the next client, and takes it when one has gone")
        func allTaken() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch("vde", ["-n", "2"])
                let first = try Plug(host, element.directory)
                _ = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
                #expect(try Plug(host, element.directory).program.waitForEnd() != .exited(0))
                try first.program.stop(SIGKILL)
                try element.waitForEndpoints(1)
                _ = try Plug(host, element.directory)
                try element.waitForEndpoints(2)
            }
        }

        @Test("another user's port is refused to an ordinary user; what a switch closes to others, they cannot join")
        func otherUsers() throws {
            try require("vde_plug")
            if geteuid() != 0 { try skip("only root can be two users") }
            try withHost { host in
                let element = try host.startSwitch("vde", ["-m", "0666"])
                _ = try Plug(host, element.directory + "[2]")
                try element.waitForEndpoints(1)
                #expect(try Plug(host, element.directory + "[2]", as: .ordinary).program.waitForEnd() != .exited(0))
                _ = try Plug(host, element.directory + "[3]", as: .ordinary)
                try element.waitForEndpoints(2)
                let report = try element.ask("port/print 3")
                #expect(report.contains(" Current User: \(host.userName(.ordinary)) Access Control: (User: NONE"))

                let closed = try host.startSwitch("closed")
                #expect(try Plug(host, closed.directory, as: .ordinary).program.waitForEnd() != .exited(0))
            }
        }
    }
}
