// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("Gateway clients: transfers")
    struct GatewayTransfers {
        @Test("curl downloads 20 MB from the host, and uploads them, unchanged")
        func curl() throws {
            try require("curl", "python3", "cmp")
            try withHost { host in
                try host.check(["mkdir", host.data("web")])
                try host.check(["sh", "-c", "head -c 20000000 /dev/urandom >web/file"])
                let server = try host.start(
                    ["python3", "-u", try script("web.py", host), "127.0.0.1", "8000", host.data("web")]
                )
                try server.wait(forOutput: "serving")
                let element = try host.startSwitch()
                let gateway = try host.startGateway(element)
                let before = gateway.descriptorCount
                _ = try host.runGuest(
                    element,
                    "10.0.2.50/24",
                    """
                    curl -sS --fail -m 60 -o downloaded http://10.0.2.2:8000/file
                    curl -sS --fail -m 60 -T downloaded http://10.0.2.2:8000/uploaded
                    """,
                    seconds: 150
                )
                try host.check(["cmp", "web/file", "downloaded"])
                try host.check(["cmp", "web/file", "web/uploaded"])
                try gateway.waitUntilIdle(descriptors: before)
            }
        }

        @Test("nmap sees through the gateway which ports of the host are open")
        func nmap() throws {
            try require("nmap", "python3")
            try withHost { host in
                _ = try host.startHostServer(port: 7001)
                let element = try host.startSwitch()
                _ = try host.startGateway(element)
                let output = try host.runGuest(
                    element,
                    "10.0.2.50/24",
                    "nmap -n -sT -Pn -p 7001,7002 10.0.2.2"
                )
                #expect(output.contains("7001/tcp open "))
                #expect(output.contains("7002/tcp closed "))
            }
        }

        @Test("200 short connections, one after the other, all work, and leave no descriptor open")
        func shortConnections() throws {
            try require("python3")
            try withHost { host in
                _ = try host.startHostServer()
                let element = try host.startSwitch()
                let gateway = try host.startGateway(element)
                let before = gateway.descriptorCount
                let output = try host.runGuest(
                    element,
                    "10.0.2.50/24",
                    "python3 \(try script("tcp.py", host)) many 10.0.2.2 7001 200"
                )
                #expect(output.contains("all 200"))
                try gateway.waitUntilIdle(descriptors: before)
            }
        }

        @Test(
            "the gateway survives 50 uploads that are broken off, and forgets them",
            arguments: ["tcp.py abort", "killed.py"]
        )
        func abortedUploads(way: String) throws {
            try require("python3")
            try withHost { host in
                _ = try host.startHostServer()
                let element = try host.startSwitch()
                let gateway = try host.startGateway(element)
                let before = gateway.descriptorCount
                #expect(before > 0)
                let words = way.split(separator: " ").map(String.init)
                let client = ([try script(words[0], host)] + words.dropFirst()).joined(separator: " ")
                let output = try host.runGuest(element, "10.0.2.50/24", "python3 \(client) 10.0.2.2 7001 50")
                #expect(output.contains("ed 50\n"))
                try gateway.waitUntilIdle(descriptors: before)
                #expect(gateway.poll() == nil)
                // It works as before.
                let again = try host.runGuest(
                    element,
                    "10.0.2.51/24",
                    "python3 \(try script("tcp.py", host)) send 10.0.2.2 7001 300000"
                )
                #expect(again.contains("peer got 300000 bytes, intact"))
            }
        }
    }
}
