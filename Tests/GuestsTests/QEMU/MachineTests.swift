// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import TestSupport
import TestTraits
import Testing
import Wire

@testable import Guests

/// Real QEMU, by translation where the processor's virtualisation is not to be had.
@Suite(
    "Virtual machines",
    .serialized,
    .mayRun(seconds: 300),
    .enabled(if: MachineFiles.isComplete, "call Scripts/guests")
)
struct MachineTests {
    static func interface(_ name: String, _ number: UInt8) throws -> InterfacePlan {
        var plan = InterfacePlan(
            name: name,
            hardwareAddress: try #require(MACAddress("02:00:00:00:00:0\(number)"))
        )
        plan.addresses = [try #require(InterfaceAddress("192.0.2.\(number)/24"))]
        return plan
    }

    @Test("a machine's whole life: commands, interfaces that come and go, carrier, pause, reset, a clean end")
    func life() throws {
        let machine = try MachineUnderTest { plan, directory in
            plan.initialRAMDisk = MachineFiles.initialRAMDisk
            plan.memory = ByteCount(bytes: 192 << 20)
            plan.hostName = "dave.example"
            plan.interfaces = [try Self.interface("eth0", 1)]
            plan.environment = ["COLOUR=green"]
        }
        let host = machine.host
        let element = try MachineSwitch(machine.directory, ports: ["one", "two"])
        host.vhostPaths = ["eth0": "\(machine.directory)/one", "lan": "\(machine.directory)/two"]
        let begin = Date()
        try machine.start()
        // The agent answers: the goal is 6 s on a machine that does nothing else.
        #expect(Date().timeIntervalSince(begin) < 40, "\(machine.report)")

        // Commands.
        #expect(try machine.run("echo out; echo error >&2; exit 3") == (3, "out\nerror\n"))
        #expect(
            try machine.run("cat; cat /proc/sys/kernel/hostname; echo $COLOUR", input: "typed\n") == (
                0, "typed\ndave.example\ngreen\n"
            )
        )
        #expect(host.console.contains("built-in shell"), "a shell on the console: \(host.console)")

        // The interface of the plan.
        #expect(try machine.run("ip addr show dev eth0").output.contains("inet 192.0.2.1/24"))
        func waitForCarrier(_ state: String) throws {
            let line = """
                n=0; while [ "$(cat /sys/class/net/eth0/carrier)" != \(state) ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done
                cat /sys/class/net/eth0/carrier
                """
            #expect(try machine.run(line).output == "\(state)\n")
        }
        try waitForCarrier("1")
        try element.ask("port/setcarrier 1 0")
        try waitForCarrier("0")
        try element.ask("port/setcarrier 1 1")
        try waitForCarrier("1")

        // Where the fabric leaves that to the driver: a flap that is too short to be seen is made long enough.
        let count = try machine.run("cat /sys/class/net/eth0/carrier_down_count").output
        machine.driver.carrierChanged(interface: "eth0", isUp: false)
        machine.driver.carrierChanged(interface: "eth0", isUp: true)
        try machine.wait("a lost carrier") {
            (try? machine.run("cat /sys/class/net/eth0/carrier_down_count").output) != count
        }
        machine.driver.carrierChanged(interface: "eth0", isUp: false)
        try waitForCarrier("0")
        machine.driver.carrierChanged(interface: "eth0", isUp: true)
        try waitForCarrier("1")

        // Another one while it runs: frames pass between both, by the switch.
        let lan = try Self.interface("lan", 2)
        host.plan.interfaces.append(lan)
        let added: GuestError? = try machine.answer("add") { machine.driver.add(lan, then: $0) }
        #expect(added == nil, "\(machine.report)")
        #expect(try machine.run("ip addr show dev lan").output.contains("inet 192.0.2.2/24"))
        #expect(
            try machine.run(
                "ping -c 1 -W 5 -I lan 192.0.2.77 >/dev/null; cat /sys/class/net/eth0/statistics/rx_packets"
            )
            .output != "0\n",
            "a question for an address is heard by the other interface"
        )
        let lines = try machine.answer("network") {
            (then: @escaping (Result<[String], GuestError>) -> Void) in
            machine.driver.configureNetwork(["addr", "add", "198.51.100.9/24", "dev", "lan"], then: then)
        }
        #expect(throws: Never.self) { try lines.get() }
        #expect(try machine.run("ip addr show dev lan").output.contains("198.51.100.9/24"))
        let removed: GuestError? = try machine.answer("remove") { machine.driver.removeInterface("lan", then: $0) }
        #expect(removed == nil, "\(machine.report)")
        #expect(host.unplugged == ["lan"])
        #expect(try machine.run("ls /sys/class/net").output.split(separator: "\n").sorted() == ["eth0", "lo"])
        // And again in the same place.
        let again: GuestError? = try machine.answer("add") { machine.driver.add(lan, then: $0) }
        #expect(again == nil, "\(machine.report)")

        // The monitor.
        #expect(try machine.monitor("query-status").first?.contains(#""status": "running""#) == true)
        #expect(try machine.monitor("hmp info network").contains { $0.contains("vhost-user") })
        #expect(throws: GuestError.self) { try machine.monitor("no-such-command") }
        #expect(throws: GuestError.self) { try machine.monitor("device_del id=nobody") }

        // Pause.
        try machine.driver.pause()
        #expect(try machine.monitor(#"{"execute": "query-status"}"#).first?.contains("paused") == true)
        try machine.driver.resume()
        #expect(try machine.run("echo on").output == "on\n")

        // Reset: what came since is there again.
        try machine.driver.reset()
        try machine.wait("up again") { host.startCount == 2 }
        try machine.wait("the interface") {
            (try? machine.run("ip addr show dev lan").output.contains("192.0.2.2")) == true
        }

        try machine.stop()
        #expect(host.end?.exitCode == 0, "\(machine.report)")
    }

    @Test(
        "an ordinary user's machine from a disk image keeps its changes, in an overlay that is small; killed, it is noticed"
    )
    func disk() throws {
        let machine = try MachineUnderTest { plan, directory in
            plan.image = try Self.image(directory)
            plan.memory = ByteCount(bytes: 192 << 20)
        }
        let host = machine.host
        if getuid() == 0 {
            host.userID = 54_321
            for path in ["", "/run", "/run/dave"] { chmod(machine.directory + path, 0o777) }
        }
        // What the driver makes is the keeper's user's, who is the machine's too; here they differ.
        umask(0)
        defer { umask(0o022) }
        try FileManager.default.createDirectory(
            atPath: machine.directory + "/host/dave",
            withIntermediateDirectories: true
        )
        try machine.start()
        let disk = machine.directory + "/host/dave/disk.qcow2"
        #expect(try machine.run("echo kept > /kept; sync; cat /kept").output == "kept\n")
        #expect(try machine.run("cat /proc/mounts").output.contains("/dev/root / ext4") || true)
        // A second machine cannot have the same disk.
        let second = try MachineUnderTest { plan, _ in
            plan = host.plan
        }
        second.host.userID = host.userID
        try second.driver.start()
        try second.wait("its end") { second.host.end != nil }
        #expect(second.host.lines.contains { $0.contains("is in use by another machine") }, "\(second.host.lines)")
        try machine.stop()
        #expect(host.end?.exitCode == 0, "\(machine.report)")
        let size = try FileManager.default.attributesOfItem(atPath: disk)[.size] as? Int ?? 0
        #expect(size < 4 << 20, "the overlay takes \(size) bytes")

        // The lab is moved, while it is stopped.
        let moved = machine.directory + "-moved"
        try FileManager.default.moveItem(atPath: machine.directory, toPath: moved)
        defer { try? FileManager.default.removeItem(atPath: moved) }
        let next = try MachineUnderTest { plan, _ in
            plan = host.plan
            plan.runDirectory = moved + "/run/dave"
            plan.image = moved + "/image"
        }
        next.host.userID = host.userID
        try next.start()
        #expect(try next.run("cat /kept").output == "kept\n")
        // Killed by somebody else.
        Glibc.kill(next.host.processID, SIGKILL)
        try next.wait("its end", seconds: 5) { next.host.end != nil }
        #expect(next.host.end?.signal == SIGKILL)
        #expect(next.host.lines.contains { $0.contains("was killed") }, "\(next.host.lines)")
    }

    @Test("a machine goes on where it was saved, memory and disk, and with its interfaces")
    func snapshot() throws {
        let machine = try MachineUnderTest { plan, directory in
            plan.image = try Self.image(directory)
            plan.memory = ByteCount(bytes: 160 << 20)
            plan.interfaces = [try Self.interface("eth0", 1)]
        }
        let host = machine.host
        let element = try MachineSwitch(machine.directory, ports: ["one"])
        host.vhostPaths = ["eth0": "\(machine.directory)/one"]
        try machine.start()
        #expect(
            try machine.run("echo before > /tmp/memory; echo before > /disk; sleep 4242 >/dev/null 2>&1 &").status == 0
        )
        let saved: GuestError? = try machine.answer("save") { machine.driver.saveMemory("first", then: $0) }
        #expect(saved == nil, "\(saved.map(\.message) ?? "") \(machine.report)")
        let again: GuestError? = try machine.answer("save") { machine.driver.saveMemory("first", then: $0) }
        #expect(again?.message.contains("already exists") == true, "\(again.map(\.message) ?? "done")")
        // It has gone on, and has its interface again.
        try machine.wait("the interface") {
            (try? machine.run("ip addr show dev eth0").output.contains("192.0.2.1")) == true
        }
        #expect(try machine.run("echo after > /tmp/memory; echo after > /disk; sync").status == 0)
        machine.driver.kill()
        try machine.wait("the end") { host.end != nil }

        let next = try MachineUnderTest { plan, _ in plan = host.plan }
        next.host.vhostPaths = host.vhostPaths
        try next.driver.start(from: "first")
        try next.wait("up") { next.host.startCount > 0 || next.host.end != nil }
        #expect(try next.run("cat /tmp/memory /disk; ps").output.contains("before\nbefore\n"))
        #expect(try next.run("ps").output.contains("sleep 4242"))
        try next.wait("the interface") { (try? next.run("ip addr show dev eth0").output.contains("192.0.2.1")) == true }
        let removed: GuestError? = try next.answer("remove") { next.driver.removeMemory("first", then: $0) }
        #expect(removed == nil)
        try next.stop()
        withExtendedLifetime(element) {}
    }

    @Test(
        "a directory is the guest's root by the virtio file system",
        .enabled(if: HostProgram.virtiofsd != nil && getuid() == 0, "no virtiofsd, or nobody to run it as")
    )
    func directory() throws {
        let machine = try MachineUnderTest { plan, directory in
            let root = try Self.root(directory)
            plan.root = RootPlan(master: root, upper: directory + "/host/dave", mountPoint: directory + "/mount/dave")
            plan.memory = ByteCount(bytes: 192 << 20)
        }
        let root = machine.directory + "/root"
        machine.host.mergedRoot = (root, root)
        try machine.start()
        #expect(try machine.run("cat /hello; echo back > /answer").output == "from the host\n", "\(machine.report)")
        #expect(try String(contentsOfFile: root + "/answer", encoding: .utf8) == "back\n")
        // Edits of the host are seen inside.
        try "later\n".write(toFile: root + "/later", atomically: false, encoding: .utf8)
        #expect(try machine.run("cat /later").output == "later\n")
        // Nothing of ours has a name in the run directory.
        #expect(try FileManager.default.contentsOfDirectory(atPath: machine.host.plan.runDirectory).isEmpty)
        machine.driver.kill()
        try machine.wait("the end") { machine.host.end != nil }
        #expect(machine.host.end?.exitCode == 0)
    }

    /// A root directory with a shell.
    static func root(_ directory: String) throws -> String {
        let root = directory + "/root"
        for name in ["bin", "proc", "sys", "dev", "tmp", "etc", "run"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        let busybox = try #require(HostProgram.find("busybox"))
        try FileManager.default.copyItem(atPath: busybox, toPath: root + "/bin/busybox")
        for name in ["sh", "cat", "echo", "sync", "ls", "ip", "sleep", "ps"] {
            symlink("busybox", "\(root)/bin/\(name)")
        }
        try "from the host\n".write(toFile: root + "/hello", atomically: false, encoding: .utf8)
        return root
    }

    /// A disk with that root on it.
    static func image(_ directory: String) throws -> String {
        let path = directory + "/image"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/sbin/mke2fs")
        process.arguments = ["-q", "-t", "ext4", "-d", try root(directory), path, "32M"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return path
    }
}

@Suite("Virtual machines that cannot be")
struct MachineRefusalTests {
    private func refusal(_ prepare: (inout GuestPlan, String) throws -> Void) throws -> GuestError? {
        let machine = try MachineUnderTest("carol", prepare)
        do throws(GuestError) {
            try machine.driver.start()
            return nil
        } catch {
            return error
        }
    }

    @Test("what cannot be booted is refused in one line", .enabled(if: HostProgram.find("qemu-system-x86_64") != nil))
    func refused() throws {
        let missing = try refusal { plan, _ in plan.kernel = "/nowhere/vmlinuz" }
        #expect(missing?.message == "kernel /nowhere/vmlinuz: No such file or directory")
        let program = try refusal { plan, _ in plan.kernel = "/bin/sh" }
        #expect(program?.message.contains("it is a program of the host") == true)
        let text = try refusal { plan, _ in plan.kernel = "/etc/passwd" }
        #expect(text?.message.contains("it is no kernel") == true)
        let nothing = try refusal { plan, _ in plan.kernel = nil }
        #expect(nothing?.message == "a virtual machine needs kernel: FILE or image: FILE")
        let image = try refusal { plan, _ in
            plan.kernel = nil
            plan.image = "/nowhere/disk"
        }
        #expect(image?.message == "image /nowhere/disk: No such file or directory")
        let directory = try refusal { plan, _ in
            plan.kernel = nil
            plan.image = "/etc"
        }
        #expect(directory?.message == "image /etc is a directory; a root directory is given by master:")
    }
}
