// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("SIGKILL leaves nothing that is in the way")
    struct Killing {
        @Test(
            "switch, gateway and run are killed under load; the same command lines start again at once",
            arguments: StreamingSet.orders
        )
        func everyOrder(order: [StreamingSet.Part]) throws {
            try require("python3")
            try withHost { host in
                let tcp = try script("tcp.py", host)
                let server = try host.start(["python3", "-u", tcp, "serve", "127.0.0.1", "7001"])
                try server.wait(forOutput: "listening")

                let killed = try StreamingSet(host, tcp: tcp)
                for (index, part) in order.enumerated() {
                    let end = try killed.program(part).stop(SIGKILL)
                    // A gateway without its switch may have been faster in ending by itself.
                    let wasWithoutSwitch = part == .gateway && order.prefix(index).contains(.element)
                    #expect(end == .killed(signal: SIGKILL) || wasWithoutSwitch && end == .exited(1))
                }
                // Nothing is waited for, nothing is cleaned up.
                let next = try StreamingSet(host, tcp: tcp)
                #expect(next.namespace != killed.namespace)
                #expect(try next.element.endpoints().count == 2)
                try wait(for: "the end of what \(killed.namespace) held") {
                    try processes(inNamespace: killed.namespace).isEmpty
                }

                try next.guest.stop()
                #expect(try next.gateway.stop() == .exited(0))
                #expect(try next.element.program.stop() == .exited(0))
                try wait(for: "the end of namespace \(next.namespace)") {
                    try processes(inNamespace: next.namespace).isEmpty
                }
                try server.stop()
                try host.expectNothingLeft()
            }
        }

        @Test("an interface loses its carrier with the switch, and has it back with the next one")
        func carrier() throws {
            try require("ping")
            try withHost { host in
                let first = try host.startSwitch()
                func start(_ number: Int) throws -> Program {
                    try host.start([
                        host.etherloom, "run", "--net", first.directory, "--address", "10.9.0.\(number)/24",
                        "--name", "guest\(number)", "sleep", "10000",
                    ])
                }
                func link(_ number: Int) throws -> String {
                    try host.check([
                        host.etherloom, "run", "--join", "guest\(number)", "ip", "-o", "link", "show", "vd0",
                    ])
                }
                let guests = try [start(1), start(2)]
                try first.waitForEndpoints(2)
                for number in [1, 2] {
                    try wait(for: "carrier of guest \(number)") { try link(number).contains("LOWER_UP") }
                }
                try first.program.stop(SIGKILL)
                for number in [1, 2] {
                    try wait(for: "guest \(number) to lose its carrier") { try link(number).contains("NO-CARRIER") }
                }
                let second = try host.startSwitch()
                for number in [1, 2] {
                    try wait(for: "guest \(number)'s carrier") { try link(number).contains("LOWER_UP") }
                }
                try second.waitForEndpoints(2)
                let ping = try host.check([
                    host.etherloom, "run", "--join", "guest1", "ping", "-c", "2", "-i", "0.2", "-w", "30", "10.9.0.2",
                ])
                #expect(ping.contains("2 received"))
                for guest in guests { try guest.stop() }
                #expect(try second.program.stop() == .exited(0))
                try host.expectNothingLeft()
            }
        }

        @Test(
            "run's end takes everything along that was started in the stack, daemons too",
            arguments: [HostNamespace.User.runner, .ordinary]
        )
        func daemons(user: HostNamespace.User) throws {
            try require("setsid")
            try withHost { host in
                let element = try host.startSwitch(as: user)
                // A daemon of a daemon, each with a session of its own, and one that ignores what it can.
                let commands = """
                    readlink /proc/self/ns/net
                    setsid -f sh -c 'setsid -f sleep 10000'
                    setsid -f sh -c 'trap "" HUP INT TERM; while :; do sleep 10000; done'
                    echo started
                    exec sleep 10000
                    """
                let supervisor = try host.start(
                    [host.etherloom, "run", "--net", element.directory, "--name", "spinner", "sh", "-c", commands],
                    as: user
                )
                try supervisor.wait(forOutput: "started")
                let namespace = String(supervisor.output.prefix { $0 != "\n" })
                func sleepers() throws -> Int {
                    try processes(inNamespace: namespace).count {
                        (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) == "sleep\n"
                    }
                }
                try wait(for: "three sleeping processes") { try sleepers() == 3 }
                try supervisor.stop(SIGKILL)
                try wait(for: "the end of all in \(namespace)") { try processes(inNamespace: namespace).isEmpty }
                try element.waitForEndpoints(0)
                // The next stack, whatever its name, sweeps the killed one's entry.
                try host.check([host.etherloom, "run", "--net", element.directory, "true"], as: user)
                try element.waitForEndpoints(0)
                #expect(try element.program.stop() == .exited(0))
                try host.expectNothingLeft()
            }
        }
    }
}
