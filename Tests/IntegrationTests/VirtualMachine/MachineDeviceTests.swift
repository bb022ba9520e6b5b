// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// What a machine can have instead of what it has usually: a root by 9P or in memory, interfaces that are no virtio.
    @Suite("Devices of machines")
    struct MachineDeviceTests {
        private static let neighbour = """
              carol:
                interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
            segments: {lan: {}}
            """

        @Test("a directory is the root by 9P where the kernel has no virtio file system")
        func plan9() throws {
            try MachineLab.require()
            let file = """
                guests:
                  dave: {kind: qemu, kernel: \(MachineLab.usualKernel), memory: 192M}
                """
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, file)
                try MachineLab.makeMaster(lab)
                try lab.check("up")
                #expect(try MachineLab.run(lab, "dave", "grep ' / ' /proc/mounts").contains("etherloom / 9p rw"))
                // The merged tree, both ways; deletions too.
                try MachineLab.run(lab, "dave", "echo in >/inside; rm /bin/vi; mkdir /srv; chmod 750 /srv")
                let mount = lab.directory + "/mount/dave"
                #expect(try host.check(["cat", mount + "/inside"], as: .ordinary) == "in\n")
                try host.check(["sh", "-c", "echo out >\(mount)/outside"], as: .ordinary)
                let text = try MachineLab.run(
                    lab,
                    "dave",
                    "cat /outside; stat -c '%u %a' /srv; ls /bin/vi 2>&1 || true"
                )
                #expect(text == "out\n0 750\nls: /bin/vi: No such file or directory\n")
                #expect(try host.check(["ls", lab.directory + "/master/bin/vi"], as: .ordinary).hasSuffix("vi\n"))
                try lab.check("guest", "stop", "dave")
                #expect(try host.check(["cat", lab.directory + "/host/dave/inside"], as: .ordinary) == "in\n")
                try lab.end()
                try host.expectNothingLeft()
            }
        }

        @Test("a root that is copied into memory loses its changes, and the log says so")
        func packed() throws {
            try MachineLab.require()
            let file = """
                guests:
                  dave: {kind: qemu, kernel: \(MachineLab.kernel), memory: 192M, arguments: [etherloom.root=memory]}
                """
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, file)
                try MachineLab.makeMaster(lab)
                try lab.check("up")
                #expect(
                    try MachineLab.run(lab, "dave", "grep -c ' / ' /proc/mounts; echo x >/file; sync; cat /file")
                        == "1\nx\n"
                )
                #expect(try lab.check("logs").contains("changes are not kept"))
                try lab.check("guest", "stop", "dave")
                try lab.check("guest", "start", "dave")
                #expect(try MachineLab.run(lab, "dave", "ls /file || true") == "")
                try lab.end()
            }
        }

        @Test("interfaces that are no virtio have frames as datagrams; they come, go, and survive the fabric")
        func otherDevice() throws {
            try MachineLab.require()
            let file = """
                guests:
                  dave:
                    kind: qemu
                    kernel: \(MachineLab.usualKernel)
                    memory: 192M
                    arguments: [etherloom.network=e1000]
                    interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
                \(Self.neighbour)
                """
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, file)
                try MachineLab.makeMaster(lab)
                try lab.check("up")
                let driver = "readlink /sys/class/net/eth0/device/driver"
                #expect(try MachineLab.run(lab, "dave", driver).hasSuffix("/e1000\n"))
                try lab.check("exec", "dave", "ping", "-c", "1", "-w", "20", "10.1.0.2")
                try lab.ping("carol", "10.1.0.1")
                // Files come whole, each way.
                let make = "mkdir -p /tmp/web; head -c 3000000 /dev/urandom >/tmp/web/file; md5sum </tmp/web/file"
                let started = "busybox httpd -p 80 -h /tmp/web"
                for (from, to, address) in [("carol", "dave", "10.1.0.2"), ("dave", "carol", "10.1.0.1")] {
                    let sum = try MachineLab.run(lab, from, "\(make); \(started)")
                    let got = try MachineLab.run(lab, to, "busybox wget -q -O - http://\(address)/file | md5sum")
                    #expect(got == sum, "from \(from)")
                }
                // Its carrier follows its cable.
                let carrier = "cat /sys/class/net/eth0/carrier"
                try lab.check("link", "down", "dave:eth0")
                try wait(for: "no carrier", seconds: 10) { try MachineLab.run(lab, "dave", carrier) == "0\n" }
                try lab.check("link", "up", "dave:eth0")
                try wait(for: "a carrier", seconds: 10) { try MachineLab.run(lab, "dave", carrier) == "1\n" }
                // Another one while it runs, and no longer.
                try lab.check("interface", "add", "dave:eth1", "segment=lan", "address=10.1.0.3/24")
                #expect(
                    try MachineLab.run(lab, "dave", "readlink /sys/class/net/eth1/device/driver").hasSuffix("/e1000\n")
                )
                try lab.ping("carol", "10.1.0.3")
                try lab.check("interface", "remove", "dave:eth1")
                #expect(try MachineLab.run(lab, "dave", "ls /sys/class/net") == "eth0\nlo\n")
                // A fabric that is killed in the middle of frames leaves nothing that the next one stumbles over.
                try MachineLab.run(lab, "dave", "ping -A -s 1400 10.1.0.2 >/dev/null 2>&1 & true")
                try MachineLab.killFabric(lab)
                try wait(for: "dave to reach carol by another fabric", seconds: 30) {
                    try lab.run(["exec", "dave", "ping", "-c", "1", "-W", "1", "10.1.0.2"]).end == .exited(0)
                }
                try lab.end()
                try host.expectNothingLeft()
            }
        }
    }
}
