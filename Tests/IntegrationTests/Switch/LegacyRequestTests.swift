// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("Requests of all ages")
    struct LegacyRequests {
        /// Version 1 and User Mode Linux are spoken by nothing that Debian's client library still has.
        @Test(
            "a client that asks as it was done then is joined, sends and receives",
            arguments: ["v1", "v3", "uml"],
            [HostNamespace.User.runner, .ordinary]
        )
        func joins(form: String, user: HostNamespace.User) throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch("vde", ["-m", "0666"])
                let peer = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                let old = try host.start(
                    ["python3", "-u", try script("vde_client.py", host), form, element.directory + "/ctl"],
                    as: user,
                    input: .pipe
                )
                try old.wait(forOutput: "joined \(element.directory)/002.")
                #expect(try element.ask("port/print 2").contains(" Current User: \(host.userName(user)) "))
                let endpoint = try #require(try element.endpoints().last)
                switch form {
                case "v1": #expect(endpoint.hasPrefix("2: version one"))
                case "v3": #expect(endpoint.hasPrefix("2: version three"))
                default: #expect(endpoint.hasPrefix("2: "))
                }

                let question = frame(to: everybody, from: station(1))
                let answer = frame(to: station(1), from: station(2), size: 1514)
                try peer.send(question)
                try old.wait(forOutput: "frame \(hexadecimal(question))")
                try old.write(hexadecimal(answer) + "\n")
                try peer.wait(for: answer)

                old.closeInput()
                try old.waitForEnd()
                try element.waitForEndpoints(1)
            }
        }

        /// A tap of the host's speaks through the client: the data path of User Mode Linux's `daemon` transport.
        @Test(
            "whole stacks speak by old requests: ping, ten megabytes by TCP both ways, tagged pings",
            arguments: ["v1", "uml"]
        )
        func carries(form: String) throws {
            try require("python3", "ping")
            try withHost { host in
                let element = try host.startSwitch()
                let program = try script("vde_client.py", host)
                let old = try host.start(
                    ["python3", "-u", program, form, element.directory + "/ctl", "t0"],
                    input: .pipe
                )
                try old.wait(forOutput: "joined")
                try host.check(["ip", "address", "add", "10.1.0.1/24", "dev", "t0"])
                try host.check(["ip", "link", "set", "t0", "up"])
                try TapTransfer.run(host, element, .ours)
                old.closeInput()
                try old.waitForEnd()
                try element.waitForEndpoints(0)
            }
        }
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { (0x100 + Int($0)).hexadecimalDigits.dropFirst() }.joined()
}

extension Int {
    fileprivate var hexadecimalDigits: String { String(self, radix: 16) }
}
