// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Real guests at a port of ours, by each way that QEMU and User Mode Linux have to send frames.
    @Suite("Virtual machines by streams, datagrams and messages")
    struct GuestTransports {
        enum Way: String, CaseIterable, Sendable, CustomTestStringConvertible {
            case qemuVDE, qemuStream, qemuStreamServer, qemuDatagram, qemuUDP, qemuMulticast, qemuTap, qemuBridgedTap
            case umlBESS, umlFD, umlVDE, umlL2TPv3

            var testDescription: String { rawValue }
            var interface: String { rawValue.hasPrefix("qemu") ? "eth0" : "vec0" }

            /// What the switch is told.
            func port(_ host: HostNamespace) -> String? {
                switch self {
                case .qemuVDE, .umlFD, .umlVDE, .qemuTap, .qemuBridgedTap: nil
                case .qemuStream: "stream://\(host.path("guest"))[listen]"
                case .qemuStreamServer: nil
                case .qemuDatagram: "dgram://\(host.path("ours"))->\(host.path("guest"))"
                case .qemuUDP: "dgram://127.0.0.1:5002->127.0.0.1:5003"
                case .qemuMulticast: "mcast://230.0.0.1:1234/if=192.168.0.100"
                case .umlL2TPv3: "l2tpv3://5000->127.0.0.1:6000/rx_session=1/tx_session=2"
                case .umlBESS: "seqpacket://\(host.path("guest"))[listen]"
                }
            }

            func start(_ host: HostNamespace, _ element: RunningSwitch) throws -> Guest {
                let device = ["-device", "virtio-net-pci,netdev=n0,mac=02:00:00:00:00:01"]
                func qemu(_ network: String) throws -> Guest {
                    try Guest.startQEMU(host, "guest", ["-netdev", network] + device)
                }
                let path = host.path("guest")
                switch self {
                case .qemuVDE: return try qemu("vde,id=n0,sock=\(element.directory)")
                case .qemuStream: return try qemu("stream,id=n0,addr.type=unix,addr.path=\(path),server=off")
                case .qemuStreamServer:
                    let guest = try qemu("stream,id=n0,addr.type=unix,addr.path=\(path),server=on")
                    _ = try element.ask("port/attach stream://\(path)")
                    return guest
                case .qemuDatagram:
                    return try qemu(
                        "dgram,id=n0,local.type=unix,local.path=\(path),remote.type=unix,remote.path=\(host.path("ours"))"
                    )
                case .qemuUDP:
                    return try qemu(
                        "dgram,id=n0,local.type=inet,local.host=127.0.0.1,local.port=5003,"
                            + "remote.type=inet,remote.host=127.0.0.1,remote.port=5002"
                    )
                case .qemuMulticast:
                    return try qemu("socket,id=n0,mcast=230.0.0.1:1234,localaddr=192.168.0.100")
                case .qemuTap:
                    // A tap that another program made, handed over as a descriptor; the switch has its interface.
                    let guest = try Guest.startQEMU(
                        host,
                        "guest",
                        ["-netdev", "tap,id=n0,fd=9"] + device,
                        by: try tap(host)
                    )
                    try host.check(["ip", "link", "set", "q0", "up"])
                    _ = try element.ask("port/attach packet://q0")
                    return guest
                case .qemuBridgedTap:
                    // QEMU's own tap and the switch's on a bridge of the kernel's.
                    let guest = try qemu("tap,id=n0,ifname=q0,script=no,downscript=no")
                    _ = try element.ask("port/attach tap://t0")
                    try host.check(["ip", "link", "add", "b0", "type", "bridge"])
                    for name in ["q0", "t0"] { try host.check(["ip", "link", "set", name, "master", "b0", "up"]) }
                    try host.check(["ip", "link", "set", "b0", "up"])
                    return guest
                case .umlL2TPv3:
                    return try Guest.startUML(
                        host,
                        "guest",
                        [
                            "vec0:transport=l2tpv3,udp=1,src=127.0.0.1,srcport=6000,dst=127.0.0.1,dstport=5000,"
                                + "rx_session=2,tx_session=1"
                        ]
                    )
                case .umlBESS: return try Guest.startUML(host, "guest", ["vec0:transport=bess,dst=\(path)"])
                case .umlFD:
                    return try Guest.startUML(host, "guest", ["vec0:transport=fd,fd=9"], by: try pair(host, element))
                case .umlVDE:
                    // The kernel runs vde_plug, which it looks for on the PATH.
                    let places = "PATH=\(host.compatible("")):\(HostNamespace.searchPath)"
                    return try Guest.startUML(
                        host,
                        "guest",
                        ["vec0:transport=vde,vnl=\(element.directory)"],
                        by: ["env", places]
                    )
                }
            }

            /// A program that makes the tap q0, and gives what it runs its descriptor.
            private func tap(_ host: HostNamespace) throws -> [String] {
                let script = try host.write(
                    """
                    import fcntl, os, struct, sys
                    tap = os.open("/dev/net/tun", os.O_RDWR)
                    # TUNSETIFF: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
                    fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"q0", 0x0002 | 0x1000 | 0x4000))
                    os.dup2(tap, 9)
                    os.execvp(sys.argv[1], sys.argv[1:])
                    """,
                    data: "tap.py"
                )
                return ["python3", script]
            }

            /// A program that gives what it runs one end of a socket pair, and a cable to the switch the other one.
            private func pair(_ host: HostNamespace, _ element: RunningSwitch) throws -> [String] {
                let script = try host.write(
                    """
                    import os, socket, subprocess, sys
                    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                    subprocess.Popen([sys.argv[1], "plug", "fd://%d" % ours.fileno(), sys.argv[2]], pass_fds=[ours.fileno()],
                        stdin=subprocess.DEVNULL)
                    os.dup2(theirs.fileno(), 9)
                    os.execv(sys.argv[3], sys.argv[3:])
                    """,
                    data: "pair.py"
                )
                return ["python3", script, host.etherloom, element.directory]
            }
        }

        /// The guest's own kernel has an interface for VLAN 7; a stack on the switch answers what comes with that tag.
        private static func expectTags(
            _ host: HostNamespace,
            _ element: RunningSwitch,
            _ guest: Guest,
            _ interface: String
        ) throws {
            let answerer = try host.startTagged(in: element.directory, "198.51.100.2")
            try guest.run("ip link add link \(interface) name tag7 type vlan id 7")
            try guest.run("ip link set tag7 up; ip address add 198.51.100.1/24 dev tag7")
            try guest.run("ping -c 3 -W 5 198.51.100.2")
            // With its tag such a frame has 1518 bytes.
            try guest.run("ping -c 2 -s 1472 -W 5 198.51.100.2")
            try answerer.stop()
        }

        @Test("a guest pings, with and without a tag, and carries 10 MB both ways unharmed", arguments: Way.allCases)
        func guest(way: Way) throws {
            try Guest.require()
            try require("busybox", "python3")
            try withHost { host in
                let element = try host.startSwitch("vde", way.port(host).map { ["--port", $0] } ?? [])
                let data = host.data("random")
                try host.check(["dd", "if=/dev/urandom", "of=\(data)", "bs=1M", "count=10"])
                let sum = try host.check(["md5sum", data]).prefix(32)
                let guest = try way.start(host, element)
                defer { try? guest.kill() }
                let station = try host.start([
                    host.etherloom, "run", "--net", element.directory, "--address", "192.0.2.2/24", "sh", "-c",
                    """
                    busybox nc -l -p 5000 < \(data)
                    mkfifo \(data).never; busybox nc -l -p 5001 0<>\(data).never > \(data).back
                    md5sum < \(data).back; sleep 1000
                    """,
                ])
                // User Mode Linux connects when the interface is set up.
                try guest.run("ip link set \(way.interface) up; ip address add 192.0.2.1/24 dev \(way.interface)")
                try element.waitForEndpoints(2)
                try guest.run("ping -c 3 -W 5 192.0.2.2")
                let down = try guest.run(
                    // Without an end of its input, which would end the connection.
                    "busybox mkfifo /tmp/never; busybox nc 192.0.2.2 5000 0<>/tmp/never > /tmp/data; md5sum /tmp/data",
                    seconds: 120
                )
                #expect(down.contains(sum), "\(down)")
                try guest.run("busybox nc -w 60 192.0.2.2 5001 < /tmp/data > /dev/null; true", seconds: 120)
                try station.wait(forOutput: String(sum), seconds: 60)
                try Self.expectTags(host, element, guest, way.interface)
                let report = try element.ask("port/print")
                #expect(
                    report.contains("(no carrier)")
                        == [.qemuDatagram, .qemuUDP, .qemuMulticast, .umlBESS].contains(way)
                )
                // A guest that is killed leaves no endpoint behind, where its end can be seen.
                try element.waitForEndpoints(2)
                try guest.kill()
                if ![.qemuDatagram, .qemuUDP, .qemuMulticast, .umlL2TPv3, .qemuBridgedTap].contains(way) {
                    try element.waitForEndpoints(1)
                }
                if way == .qemuBridgedTap { try host.check(["ip", "link", "delete", "b0"]) }
                if way == .qemuDatagram { unlink(host.path("guest")) }
                if way == .qemuStreamServer { unlink(host.path("guest")) }
            }
        }
    }
}

extension Guest {
    /// User Mode Linux, started by another program.
    ///
    /// - Parameter launcher: the words before the kernel's own.
    fileprivate static func startUML(
        _ host: HostNamespace,
        _ name: String,
        _ devices: [String],
        by launcher: [String]
    ) throws -> Guest {
        let work = host.data(name)
        guard mkdir(work, 0o755) == 0 else { throw IntegrationFailure("\(work): cannot be made") }
        let words = [
            files + "/uml/linux", "root=/dev/root", "rootfstype=hostfs", "ro", "mem=128M", "con=null", "con0=fd:0,fd:1",
            "umid=\(name)", "uml_dir=\(work)", "init=\(files)/uml/init",
        ]
        return try Guest(try host.start(launcher + words + devices, input: .pipe))
    }
}
