// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Carrier")
    struct Carrier {
        @Test(
            "a stack loses its carrier with the switch, and has it back with the next one",
            arguments: Make.allCases,
            [SIGKILL, SIGTERM]
        )
        func lostAndBack(make: Make, signal: Int32) throws {
            try require("vde_switch", "ping")
            try withHost { host in
                let first = try host.startSwitch(make)
                try host.startGuest("one", ["\(first.directory),ip=10.1.0.1/24"])
                try host.startGuest("two", ["\(first.directory),ip=10.1.0.2/24"])
                func carrier(_ name: String) throws -> String {
                    try host.join(name, ["cat", "/sys/class/net/vd0/carrier"]).output
                }
                try wait(for: "a carrier") { try carrier("one") == "1\n" }
                try first.program.stop(signal)
                for name in ["one", "two"] {
                    try wait(for: "the loss of \(name)'s carrier") { try carrier(name) == "0\n" }
                }

                if make == .debian, signal == SIGKILL {
                    // Debian's next switch clears away nothing but `ctl`; these would keep its directory.
                    try host.check(["sh", "-c", "rm -f \(first.directory)/[0-9]*"])
                }
                let next = try host.startSwitch(make)
                for name in ["one", "two"] {
                    try wait(for: "the return of \(name)'s carrier") { try carrier(name) == "1\n" }
                }
                try next.waitForEndpoints(2)
                #expect(try host.join("one", host.ping("10.1.0.2")).end == .exited(0))
            }
        }

        @Test("a stack moves on to a switch of another make at the same place", arguments: Make.allCases)
        func otherMake(make: Make) throws {
            try require("vde_switch", "ping")
            try withHost { host in
                let first = try host.startSwitch(make)
                try host.startGuest("one", ["\(first.directory),ip=10.1.0.1/24"])
                try host.startGuest("two", ["\(first.directory),ip=10.1.0.2/24"])
                #expect(try host.join("one", host.ping("10.1.0.2", count: 1)).end == .exited(0))
                try first.program.stop(SIGKILL)
                if make == .ours { try host.check(["rm", "-f", first.directory + "/attach"]) }
                let next = try host.startSwitch(make == .ours ? .debian : .ours)
                try next.waitForEndpoints(2)
                #expect(try host.join("one", host.ping("10.1.0.2")).end == .exited(0))
            }
        }
    }
}
