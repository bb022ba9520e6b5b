// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// Real network stacks at ports that move.
    @Suite("A fabric")
    struct Fabric {
        private static func needs() throws { try require("python3", "ping", "busybox") }

        @Test("joins stacks within a segment and across patches, and moves one under a running ping, unseen by others")
        func moves() throws {
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host)
                for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
                let alice = try fabric.station("alice:eth0", "192.0.2.1/24", in: "lan")
                _ = try fabric.station("bob:eth0", "192.0.2.2/24", in: "lan")
                let carol = try fabric.station("carol:eth0", "192.0.2.3/24", in: "lan")
                try alice.run("ping", "-c", "2", "-i", "0.1", "-W", "5", "192.0.2.2")

                let others = try carol.start("ping", "-i", "0.01", "-c", "300", "-q", "192.0.2.2")
                let own = try alice.start("ping", "-i", "0.05", "-c", "1000", "192.0.2.2")
                try own.wait(forOutput: "icmp_seq=3")
                var count = try alice.carrierDownCount
                for segment in ["dmz", "lan", "dmz", "lan"] {
                    let begin = MonotonicClock.nanoseconds
                    try fabric.tell("plug alice:eth0 \(segment)")
                    // Asking takes its time too.
                    #expect(MonotonicClock.nanoseconds - begin < 1_000_000_000)
                    count += 1
                    #expect(try alice.carrierDownCount == count)
                }
                let seen = own.output.utf8.count
                try TestSupport.wait(for: "answers after the move: \(own.transcript)", seconds: 20) {
                    own.output.utf8.dropFirst(seen).split(separator: 10).count > 3
                }
                try others.waitForEnd(seconds: 60)
                #expect(others.output.contains(" 0% packet loss"), "\(others.output)")

                try fabric.tell("plug alice:eth0 dmz")
                try fabric.tell("patch-add p lan dmz")
                try fabric.tell("impair p:a both delay=100")
                let far = try alice.run("ping", "-c", "2", "-W", "5", "192.0.2.2")
                let times = far.split(separator: "time=").dropFirst().compactMap { Double($0.prefix { $0 != " " }) }
                #expect(times.count == 2 && times[1] >= 200, "\(far)")
                try own.stop(SIGINT)
            }
        }

        @Test("has a gateway whose forwards come and go")
        func forwards() throws {
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host)
                try fabric.tell("segment-add lan")
                let web = try fabric.station("web:eth0", "10.0.2.15/24", in: "lan")
                let text = try host.write("hello from the segment\n", data: "text")
                let server = try web.start("sh", "-c", "for round in 1 2; do busybox nc -l -p 80 < \(text); done")
                try fabric.tell("gateway-add gw lan address=10.0.2.0/24")
                #expect(try fabric.ask("gateway-add two lan").contains("has the gateway gw"))
                try web.run("ping", "-c", "1", "-W", "5", "10.0.2.2")
                for round in 0..<2 {
                    try fabric.tell("forward-add gw 127.0.0.1:8\(round)80:10.0.2.15:80")
                    let answer = try host.run(["busybox", "nc", "-w", "5", "127.0.0.1", "8\(round)80"])
                    #expect(answer.output == "hello from the segment\n")
                    try fabric.tell("forward-remove gw 127.0.0.1:8\(round)80:10.0.2.15:80")
                    let refused = try host.run(["busybox", "nc", "-w", "5", "127.0.0.1", "8\(round)80"])
                    #expect(refused.end != .exited(0) && refused.output.isEmpty)
                }
                #expect(try fabric.ask("forward-add gw 80:10.0.2.15:80").contains("CAP_NET_BIND_SERVICE"))
                try server.waitForEnd()
            }
        }

        @Test("leaves nothing of a segment that it has no descriptors for, and everything of a switch that runs there")
        func scarce() throws {
            try require("prlimit")
            try withHost { host in
                let element = try host.startSwitch()
                let fabric = try RunningFabric(host, as: .runner)
                try fabric.tell("segment-add lan listen=lan")
                let before = fabric.program.descriptorCount
                var refusals: Set<String> = []
                for limit in before..<before + 40 {
                    try host.check(["prlimit", "--pid", "\(fabric.program.processID)", "--nofile=\(limit):4096"])
                    #expect(try fabric.ask("segment-add taken listen=\(element.directory)").hasPrefix("error"))
                    for socket in ["ctl", "attach"] {
                        try #require(access("\(element.directory)/\(socket)", F_OK) == 0, "\(limit) descriptors")
                    }
                    let answer = try fabric.ask("segment-add new listen=new")
                    if answer.hasPrefix("ok") { break }
                    refusals.insert(answer)
                    try #require(access(host.path("new"), F_OK) != 0, "\(limit) descriptors: \(answer)")
                }
                #expect(refusals.contains { $0.contains("cannot set up the switch's sockets") }, "\(refusals)")
                try fabric.tell("segment-remove new")
                #expect(fabric.program.descriptorCount == before)
                try fabric.tell("segment-remove lan")
            }
        }

        @Test("cannot look into other processes of its user, where the kernel has Landlock")
        func isolated() throws {
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host)
                let hello = try fabric.ask("hello")
                #expect(hello.contains(" landlock=\(Privileges.landlockVersion)"), "\(hello)")
                if Privileges.landlockVersion == 0 { try skip("this kernel has no Landlock") }
                let other = try host.start(["sleep", "1000"], as: .ordinary)
                // What a user may do, and so might somebody who has taken over a process of his.
                let memory = "/proc/\(other.processID)/mem"
                let open = try host.run(["sh", "-c", ": <>\(memory)"], as: .ordinary)
                if open.end != .exited(0) { try skip("this host lets no user look into his processes") }
                // One that cannot be opened is tried again, and said.
                try fabric.tell("port-add p url pcap://\(memory)")
                try TestSupport.wait(for: "the reason: \(fabric.program.transcript)", seconds: 20) {
                    fabric.program.errorOutput.contains("\(memory): Permission denied")
                }
                try other.stop()
            }
        }

        @Test("lets stock and our own clients join a segment that has a directory, and watch it")
        func directory() throws {
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host, as: .runner)
                try fabric.tell("segment-add lan listen=lan")
                _ = try fabric.station("alice:eth0", "192.0.2.1/24", in: "lan")
                let directory = host.path("lan")
                let ping = try host.run([
                    host.etherloom, "run", "--net", directory, "--address", "192.0.2.9/24", "ping", "-c", "1", "-W",
                    "5",
                    "192.0.2.1",
                ])
                #expect(ping.end == .exited(0), "\(ping.transcript)")
                let ports = try host.check([host.compatible("unixcmd"), "-s", directory + "/mgmt", "port/print"])
                #expect(ports.contains("alice:eth0"), "\(ports)")
                let station = try host.start([
                    host.etherloom, "run", "--net", directory, "--address", "192.0.2.8/24", "ping", "-i", "0.1",
                    "192.0.2.1",
                ])
                let capture = try host.run([host.etherloom, "capture", "--count", "2", directory, "1"])
                #expect(capture.end == .exited(0) && capture.output.contains("alice:eth0"), "\(capture.transcript)")
                try station.stop(SIGINT)
                try fabric.tell("segment-remove lan")
                #expect(access(directory, F_OK) != 0)
            }
        }

        @Test(
            "ends with its owner, also when that is killed, and leaves nothing behind; killed itself, its place is taken over"
        )
        func ends() throws {
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host, [], as: .runner)
                try fabric.tell("segment-add lan listen=lan")
                try fabric.tell("port-add vm vhost vm")
                let alice = try fabric.station("alice:eth0", "192.0.2.1/24", in: "lan")
                fabric.owner.send(signal: SIGKILL)
                try fabric.owner.waitForEnd()
                #expect(try fabric.program.waitForEnd() == .exited(0))
                for name in ["fabric", "lan", "vm"] { #expect(access(host.path(name), F_OK) != 0, "\(name)") }
                // Nobody holds the tap any more.
                #expect(throws: (any Error).self) { try alice.run("ip", "link", "show", "eth0") }

                let second = try RunningFabric(host, as: .runner)
                try second.tell("segment-add lan listen=lan")
                try second.tell("port-add vm vhost vm")
                try second.program.stop(SIGKILL)
                try second.owner.wait(forOutput: "gone\n")
                try second.owner.waitForEnd()
                #expect(access(host.path("vm"), F_OK) == 0)
                let third = try RunningFabric(host, as: .runner)
                try third.tell("segment-add lan listen=lan")
                try third.tell("port-add vm vhost vm")
                _ = try third.station("alice:eth0", "192.0.2.1/24", in: "lan")
                try third.owner.stop(SIGTERM)
                // It was told to stay.
                #expect(third.program.poll() == nil)
            }
        }

        @Test("has given up what it does not need")
        func isConfined() throws {
            try Self.needs()
            try withHost { host in
                for user in [HostNamespace.User.runner, .ordinary] {
                    let fabric = try host.startElement(["fabric", "--socket", host.path("fabric-\(user)")], as: user)
                    let status = try String(contentsOfFile: "/proc/\(fabric.processID)/status", encoding: .utf8)
                    var fields: [Substring: Substring] = [:]
                    for line in status.split(separator: "\n") {
                        let parts = line.split(separator: ":", maxSplits: 1)
                        if parts.count == 2 {
                            fields[parts[0]] = Substring(parts[1].trimmingCharacters(in: .whitespaces))
                        }
                    }
                    #expect(fields["NoNewPrivs"] == "1")
                    #expect(fields["Seccomp"] == "2")
                    // Ports below 1024, administration of networks, packet sockets.
                    let capabilities = UInt64(fields["CapEff"] ?? "", radix: 16) ?? .max
                    #expect(capabilities & ~(1 << 10 | 1 << 12 | 1 << 13) == 0, "\(fields["CapEff"] ?? "")")
                    if user == .ordinary {
                        #expect(capabilities == 0)
                        // Its user does not own its files in /proc: nothing of his may trace it.
                        let owner = try host.run(["stat", "-c", "%u", "/proc/\(fabric.processID)/mem"])
                        #expect(owner.output != "\(HostNamespace.ordinaryUserID)\n")
                    }
                    try fabric.stop()
                }
            }
        }

        @Test("moves a virtual machine between segments while it runs", arguments: ["uml", "qemu"])
        func movesMachine(kind: String) throws {
            try Guest.require()
            try Self.needs()
            try withHost { host in
                let fabric = try RunningFabric(host, as: .runner)
                for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
                _ = try fabric.station("bob:eth0", "192.0.2.2/24", in: "lan")
                _ = try fabric.station("carol:eth0", "192.0.2.3/24", in: "dmz")
                let socket = host.path("vm")
                try fabric.tell("port-add vm:eth0 vhost vm")
                try fabric.tell("plug vm:eth0 lan")
                let guest =
                    kind == "uml"
                    ? try Guest.startUML(host, "guest", ["virtio_uml.device=\(socket):1"])
                    : try Guest.startQEMU(
                        host,
                        "guest",
                        Guest.vhostOptions(socket, address: "02:00:00:00:00:01")
                    )
                defer { try? guest.kill() }
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                try guest.waitForCarrier(true)
                try guest.run("ping -c 2 -W 5 192.0.2.2")
                func downCount() throws -> Int {
                    let text = try guest.run("cat /sys/class/net/eth0/carrier_down_count")
                    return Int(text.filter(\.isNumber).suffix(4)) ?? -1
                }
                let before = try downCount()
                try fabric.tell("plug vm:eth0 dmz")
                if kind == "qemu" { try guest.run("sleep 2") }
                try guest.waitForCarrier(true)
                try guest.run("ping -c 2 -W 10 192.0.2.3")
                #expect(try downCount() == before + 1)
                try fabric.tell("unplug vm:eth0")
                try guest.waitForCarrier(false)
                try fabric.tell("plug vm:eth0 lan")
                try guest.waitForCarrier(true)
                try guest.run("ping -c 2 -W 10 192.0.2.2")
            }
        }
    }
}
