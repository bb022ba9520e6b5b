// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Real guests at a port of ours by vhost-user.
    @Suite("Virtual machines by vhost-user")
    struct VhostGuests {
        enum Kind: String, CaseIterable, Sendable {
            case uml, qemu

            func start(_ host: HostNamespace, _ name: String, socket: String, address: String) throws -> Guest {
                switch self {
                case .uml: try Guest.startUML(host, name, ["virtio_uml.device=\(socket):1"])
                case .qemu: try Guest.startQEMU(host, name, Guest.vhostOptions(socket, address: address))
                }
            }
        }

        private static func start(_ host: HostNamespace, ports: Int) throws -> RunningSwitch {
            var arguments: [String] = []
            for port in 1...ports {
                arguments += ["--port", "vhost://\(host.path("vm\(port)"))[mac=02:00:00:00:00:0\(port)]"]
            }
            return try host.startSwitch("vde", arguments)
        }

        @Test(
            "a guest pings, carries 10 MB both ways unharmed, and sees its cable and its speed",
            arguments: Kind.allCases
        )
        func oneGuest(kind: Kind) throws {
            try Guest.require()
            try require("busybox")
            try withHost { host in
                let element = try Self.start(host, ports: 1)
                let data = host.data("random")
                try host.check(["dd", "if=/dev/urandom", "of=\(data)", "bs=1M", "count=10"])
                let sum = try host.check(["md5sum", data]).prefix(32)
                let guest = try kind.start(host, "guest", socket: host.path("vm1"), address: "02:00:00:00:00:01")
                defer { try? guest.kill() }
                let station = try host.start([
                    host.etherloom, "run", "--net", element.directory, "--address", "192.0.2.2/24", "sh", "-c",
                    """
                    mkfifo \(data).open; busybox nc -l -p 5000 < \(data)
                    busybox nc -l -p 5001 <> \(data).open > \(data).back; md5sum < \(data).back; exec sleep 1000
                    """,
                ])
                try element.waitForEndpoints(2)
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                try guest.run("ping -c 3 -W 5 192.0.2.2")
                let down = try guest.run("busybox nc 192.0.2.2 5000 > /tmp/data; md5sum /tmp/data", seconds: 120)
                #expect(down.contains(sum), "\(down)")
                try guest.run("busybox nc 192.0.2.2 5001 < /tmp/data & sleep 1", seconds: 120)
                // Neither end of a nc closes before the other has all: each waits for an input that has no end.
                try station.wait(forOutput: String(sum), seconds: 60)

                let report = try element.ask("port/print")
                #expect(report.contains("module vhost-user"), "\(report)")

                try guest.waitForCarrier(true)
                _ = try element.ask("port/setcarrier 1 0")
                try guest.waitForCarrier(false)
                _ = try element.ask("port/setspeed 1 2500")
                _ = try element.ask("port/setcarrier 1 1")
                try guest.waitForCarrier(true)
                // Linux reads the speed when the link comes up; QEMU shows its guest one of its own.
                if kind == .uml { try guest.run("grep 2500 /sys/class/net/eth0/speed") }
                try guest.run("ping -c 2 -W 10 192.0.2.2")
            }
        }

        @Test("two guests of different kinds ping each other, tagged and untagged, and a killed one comes back")
        func twoGuests() throws {
            try Guest.require()
            try withHost { host in
                let element = try Self.start(host, ports: 2)
                let one = try Kind.uml.start(host, "one", socket: host.path("vm1"), address: "")
                defer { try? one.kill() }
                let two = try Kind.qemu.start(host, "two", socket: host.path("vm2"), address: "02:00:00:00:00:02")
                defer { try? two.kill() }
                for (guest, number) in [(one, 1), (two, 2)] {
                    try guest.run("ip link set eth0 up; ip address add 192.0.2.\(number)/24 dev eth0")
                    try guest.run("ip link add link eth0 name eth0.7 type vlan id 7")
                    try guest.run("ip link set eth0.7 up; ip address add 198.51.100.\(number)/24 dev eth0.7")
                }
                try one.run("ping -c 3 -W 5 192.0.2.2")
                try one.run("ping -c 3 -W 5 198.51.100.2")
                try two.run("ping -c 3 -W 5 198.51.100.1")
                try one.kill()
                let again = try Kind.uml.start(host, "again", socket: host.path("vm1"), address: "")
                defer { try? again.kill() }
                try again.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0; ping -c 3 -W 5 192.0.2.2")
                #expect(try element.endpoints().count == 2)
            }
        }

        @Test("a guest's connection comes back after its switch was killed")
        func switchRestarts() throws {
            try Guest.require()
            try withHost { host in
                let element = try Self.start(host, ports: 1)
                let guest = try Kind.qemu.start(host, "guest", socket: host.path("vm1"), address: "02:00:00:00:00:01")
                defer { try? guest.kill() }
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                try guest.waitForCarrier(true)
                element.program.send(signal: SIGKILL)
                try element.program.waitForEnd()
                try guest.waitForCarrier(false)
                let second = try Self.start(host, ports: 1)
                try guest.waitForCarrier(true)
                let station = try host.start([
                    host.etherloom, "run", "--net", second.directory, "--address", "192.0.2.2/24", "sleep", "1000",
                ])
                try second.waitForEndpoints(2)
                try guest.run("ping -c 3 -W 10 192.0.2.2")
                try station.stop()
            }
        }

        @Test("a monitor that listens is connected to, and again after the switch was killed")
        func monitorListens() throws {
            try Guest.require()
            try withHost { host in
                let path = host.path("vm1")
                func startSwitch() throws -> RunningSwitch {
                    try host.startSwitch("vde", ["--port", "vhost://\(path)[connect]"])
                }
                // The switch is there first, and waits for the monitor.
                let element = try startSwitch()
                let options = Guest.vhostOptions(path, address: "02:00:00:00:00:01")
                    .map { $0.replacingOccurrences(of: ",reconnect=1", with: ",server=on") }
                let guest = try Guest.startQEMU(host, "guest", options)
                defer {
                    try? guest.kill()
                    unlink(path)
                }
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                try guest.waitForCarrier(true)
                try Self.expectReach(host, element, guest)
                element.program.send(signal: SIGKILL)
                try element.program.waitForEnd()
                try guest.waitForCarrier(false)
                let second = try startSwitch()
                try guest.waitForCarrier(true)
                try Self.expectReach(host, second, guest)
            }
        }

        /// The guest, 192.0.2.1, reaches a station that is made and goes again.
        private static func expectReach(_ host: HostNamespace, _ element: RunningSwitch, _ guest: Guest) throws {
            let station = try host.start([
                host.etherloom, "run", "--net", element.directory, "--address", "192.0.2.2/24", "sleep", "1000",
            ])
            try element.waitForEndpoints(2)
            try guest.run("ping -c 3 -W 10 192.0.2.2")
            try station.stop()
            try element.waitForEndpoints(1)
        }

        @Test(
            "a guest of either kind keeps working when it is plugged in by a cable and the switch was killed",
            arguments: Kind.allCases
        )
        func cableOutlivesSwitch(kind: Kind) throws {
            try Guest.require()
            try withHost { host in
                let element = try host.startSwitch()
                let path = host.path("vm1")
                try host.startElement(["plug", "--reconnect", "vhost://\(path)", element.directory])
                let guest = try kind.start(host, "guest", socket: path, address: "02:00:00:00:00:01")
                defer { try? guest.kill() }
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                try Self.expectReach(host, element, guest)
                element.program.send(signal: SIGKILL)
                try element.program.waitForEnd()
                try guest.waitForCarrier(false)
                let second = try host.startSwitch()
                try guest.waitForCarrier(true)
                try Self.expectReach(host, second, guest)
            }
        }

        /// passt is a network of its own: it hands the guest's connections to the host's sockets, so that its gateway's address
        /// is the host itself. It knows no VLANs and shows no carrier but its end.
        @Test("the same guest works with another device, passt: ping, and 10 MB both ways", arguments: Kind.allCases)
        func stranger(kind: Kind) throws {
            try Guest.require()
            try require("busybox")
            try withHost { host in
                // Its echo sockets, icmp(7), which it may have as any group.
                try host.run(["sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"])
                let socket = host.path("passt")
                let data = host.data("random")
                try host.check(["dd", "if=/dev/urandom", "of=\(data)", "bs=1M", "count=10"])
                let sum = try host.check(["md5sum", data]).prefix(32)
                let passt = try host.start([
                    Guest.files + "/passt", "--vhost-user", "--foreground", "--socket", socket,
                    "-a", "192.0.2.1", "-n", "24", "-g", "192.0.2.254",
                ])
                try passt.wait(forOutput: "You can start qemu")
                let guest = try kind.start(host, "guest", socket: socket, address: "02:00:00:00:00:01")
                defer { try? guest.kill() }
                let server = try host.start([
                    "sh", "-c",
                    """
                    mkfifo \(data).open; busybox nc -l -p 5000 < \(data)
                    busybox nc -l -p 5001 <> \(data).open > \(data).back; md5sum < \(data).back; exec sleep 1000
                    """,
                ])
                try guest.run("ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0")
                // Whether it may is its user's privileges' matter; that it was reached shows in its address.
                try guest.run("ping -c 3 -W 5 192.0.2.254" + (host.isRoot ? "" : " || true"))
                #expect(try guest.run("ip neigh show").contains("9a:55:9a:55:9a:55"))
                let down = try guest.run("busybox nc 192.0.2.254 5000 > /tmp/data; md5sum /tmp/data", seconds: 120)
                #expect(down.contains(sum), "\(down)")
                try guest.run("busybox nc 192.0.2.254 5001 < /tmp/data & sleep 1", seconds: 120)
                try server.wait(forOutput: String(sum), seconds: 60)
                try server.stop()
                try guest.kill()
                try passt.stop()
                for file in [socket, socket + ".repair"] { try? FileManager.default.removeItem(atPath: file) }
            }
        }
    }
}
