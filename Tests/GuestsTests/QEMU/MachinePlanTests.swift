// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("What a virtual machine is made of")
struct MachinePlanTests {
    @Test("the command line of a translated machine")
    func translated() {
        var line = QEMUCommandLine(name: "dave,1")
        line.kernel = "/k"
        line.initialRAMDisk = 6
        line.append = ["console=ttyS0", "quiet"]
        line.disk = ("/lab/a,b/disk.qcow2", "qcow2")
        line.share = .virtiofs(descriptor: 7)
        line.places = 2
        line.networks = [.init(place: 0, way: .vhost(path: "/r/v/1"), address: "02:00:00:00:00:01")]
        line.extra = ["-s"]
        #expect(
            line.words == [
                "qemu-system-x86_64", "-name", "dave,,1", "-nodefaults", "-no-user-config", "-display", "none",
                "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
                "-machine", "q35,sata=off,smbus=off,usb=off,vmport=off,hpet=off,i8042=off,memory-backend=memory",
                "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "256",
                "-object", "memory-backend-memfd,id=memory,size=256M,share=on",
                "-chardev", "socket,id=monitor,fd=3", "-mon", "chardev=monitor,mode=control",
                "-chardev", "socket,id=console,fd=4", "-serial", "chardev:console",
                "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
                "-chardev", "socket,id=agent,fd=5", "-device", "virtserialport,chardev=agent,name=etherloom.agent",
                "-kernel", "/k", "-initrd", "/proc/self/fd/6", "-append", "console=ttyS0 quiet",
                "-blockdev",
                "driver=qcow2,node-name=disk,discard=unmap,file.driver=file,file.filename=/lab/a,,b/disk.qcow2",
                "-device", "virtio-blk-pci,drive=disk",
                "-chardev", "socket,id=root,fd=7", "-device", "vhost-user-fs-pci,chardev=root,tag=etherloom,vectors=0",
                "-device", "pcie-root-port,id=port0,chassis=1,addr=10.0,multifunction=on,io-reserve=0",
                "-device", "pcie-root-port,id=port1,chassis=2,addr=10.1,multifunction=on,io-reserve=0",
                "-chardev", "socket,id=vhost0,reconnect=1,path=/r/v/1", "-netdev", "vhost-user,id=net0,chardev=vhost0",
                "-device",
                "virtio-net-pci,id=nic0,bus=port0,netdev=net0,mac=02:00:00:00:00:01,romfile=,vectors=0", "-s",
            ]
        )
    }

    @Test("a machine of another processor has another program, board, console, and firmware of its own")
    func otherProcessor() {
        var line = QEMUCommandLine(name: "dave")
        line.architecture = .arm64
        line.program = MachineArchitecture.arm64.program
        line.firmware = "/f"
        let words = line.words
        #expect(words[0] == "qemu-system-aarch64")
        #expect(words.contains("virt,gic-version=max,memory-backend=memory"))
        #expect(words.firstIndex(of: "-bios").map { words[$0 + 1] } == "/f")
        #expect(
            BootPlan.kernelWords([], isOwn: true, .tcg, .arm64)
                == ["console=ttyAMA0", "mitigations=off", "audit=0", "cryptomgr.notests"]
        )
        #expect(AgentProgram.places(machine: "aarch64").allSatisfy { $0.hasSuffix("/etherloom-agent-aarch64") })
    }

    @Test("by the processor nothing is missing from devices; a snapshot is gone on from; 9P is an alternative")
    func virtualised() {
        var line = QEMUCommandLine(name: "dave")
        line.accelerator = .kvm
        line.share = .plan9(path: "/root,dir")
        line.snapshot = "first"
        line.places = 9
        line.networks = [.init(place: 8, way: .vhost(path: "/v"), address: "02:00:00:00:00:01")]
        let words = line.words
        #expect(!words.contains { $0.contains("vectors=0") })
        #expect(words.contains("local,id=root,security_model=passthrough,multidevs=remap,path=/root,,dir"))
        #expect(words.contains("pcie-root-port,id=port8,chassis=9,addr=11.0,multifunction=on,io-reserve=0"))
        #expect(words.suffix(2) == ["-loadvm", "first"])
        #expect(!words.contains("-append") && words.contains("host"))
    }

    @Test("another device for interfaces has frames as datagrams, and message-signalled interrupts")
    func otherDevices() throws {
        var line = QEMUCommandLine(name: "dave")
        line.places = 1
        line.networks = [
            .init(place: 0, way: .datagrams(descriptor: 9), address: "02:00:00:00:00:01", model: "e1000e")
        ]
        #expect(
            line.words.suffix(4) == [
                "-netdev", "dgram,id=net0,local.type=fd,local.str=9", "-device",
                "e1000e,id=nic0,bus=port0,netdev=net0,mac=02:00:00:00:00:01,romfile=",
            ]
        )
        #expect(try BootPlan.networkModel(["quiet"]) == "virtio-net-pci")
        #expect(try BootPlan.networkModel(["etherloom.network=rtl8139", "etherloom.network=e1000e"]) == "e1000e")
        #expect(BootPlan.networkModules("e1000-82544gc") == ["e1000"])
        for name in ["", "e1000e,addr=1", "e 1"] {
            #expect(throws: GuestError.self) { try BootPlan.networkModel(["etherloom.network=\(name)"]) }
        }
    }

    @Test("arguments are the kernel's until the first with a dash")
    func arguments() {
        let arguments = ["loglevel=7", "-s", "root=x"]
        #expect(BootPlan.kernelWords(arguments, isOwn: true, .kvm) == ["console=ttyS0", "loglevel=7"])
        #expect(BootPlan.kernelWords(arguments, isOwn: false, .tcg).last == "loglevel=7")
        #expect(BootPlan.machineWords(arguments) == ["-s", "root=x"])
    }

    @Test("how a guest comes to its root")
    func roots() throws {
        var plan = GuestPlan(name: "dave", runDirectory: "/lab/run/dave")
        func decide(_ modules: [String], image: DiskImage? = nil, virtiofsd: Bool = true) throws -> BootPlan {
            try BootPlan.decide(plan: plan, image: image, has: modules.contains, hasVirtiofsd: virtiofsd)
        }
        #expect(throws: GuestError("a virtual machine needs kernel: FILE or image: FILE", status: 2)) { try decide([]) }
        let raw = DiskImage(head: [])
        #expect(throws: GuestError.self) { try decide([], image: raw) }
        #expect(try decide([], image: DiskImage(head: Array(repeating: 0, count: 510) + [0x55, 0xaa])).root == .own)
        #expect(try decide([], image: DiskImage(head: [0x51, 0x46, 0x49, 0xfb])).root == .own)
        plan.kernel = "/k"
        #expect(try decide([]).root == .memory)
        #expect(try decide([], image: raw).root == .disk(device: "/dev/vda1", type: "ext4"))
        var head = [UInt8](repeating: 0, count: 2048)
        (head[1080], head[1081]) = (0x53, 0xef)
        #expect(try decide([], image: DiskImage(head: head)).root == .disk(device: "/dev/vda", type: "ext4"))
        plan.arguments = ["root=/dev/vda3", "rootfstype=xfs"]
        let disk = try decide([], image: raw)
        #expect(disk.root == .disk(device: "/dev/vda3", type: "xfs"))
        #expect(disk.words == ["root=xfs", "source=/dev/vda3"] && disk.modules.contains("xfs"))
        plan.initialRAMDisk = "/i"
        #expect(try decide([], image: raw).root == .own)
        plan.initialRAMDisk = nil
        plan.arguments = []
        plan.root = RootPlan(master: "/m", upper: "/u", mountPoint: "/p")
        #expect(try decide(["virtiofs", "9p", "9pnet_virtio"]).root == .virtiofs)
        #expect(try decide(["virtiofs", "9p", "9pnet_virtio"], virtiofsd: false).root == .plan9)
        for (modules, virtiofsd) in [([], true), (["9p"], true), (["virtiofs"], false)] as [([String], Bool)] {
            #expect(throws: GuestError.self) { try decide(modules, virtiofsd: virtiofsd) }
        }
        plan.arguments = [BootPlan.packWord]
        let packed = try decide([])
        #expect(packed.root == .packed && packed.note?.contains("not kept") == true)
    }

    @Test("kernels are told from what is none")
    func kernels() throws {
        var image = [UInt8](repeating: 0, count: 4096)
        image.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        #expect(try KernelFile.inspect(image, path: "k").release == nil)
        image.replaceSubrange(0x20e..<0x210, with: [0x00, 0x04])
        image.replaceSubrange(0x600..<0x618, with: Array("6.1.0-56-cloud-amd64 (x y".utf8.prefix(24)))
        #expect(try KernelFile.inspect(image, path: "k").release == "6.1.0-56-cloud-amd64")
        image.replaceSubrange(0x20e..<0x210, with: [0xff, 0xff])
        #expect(try KernelFile.inspect(image, path: "k").release == nil)
        func refusal(_ head: [UInt8]) -> String {
            do throws(GuestError) {
                _ = try KernelFile.inspect(head, path: "k")
                return "accepted"
            } catch {
                return error.message
            }
        }
        var elf = [UInt8](repeating: 0, count: 256)
        elf.replaceSubrange(0..<5, with: [0x7f, 0x45, 0x4c, 0x46, 2])
        elf[16] = 2
        elf[18] = 183
        #expect(refusal(elf).contains("for another processor"))
        elf[18] = 62
        #expect(refusal(elf) == "accepted")
        elf[16] = 3
        #expect(refusal(elf).contains("User Mode Linux is kind: uml"))
        var arm = [UInt8](repeating: 0, count: 64)
        arm.replaceSubrange(56..<60, with: Array("ARMd".utf8))
        #expect(try KernelFile.inspect(arm, path: "k").architecture == .arm64)
        #expect(refusal([]).contains("it is empty"))
        #expect(refusal([0x1f, 0x8b, 0]).contains("gzip"))
        #expect(refusal(Array("text".utf8)).contains("it is no kernel"))
        for end in 0..<elf.count { _ = refusal(Array(elf[..<end])) }
    }

    @Test("images are told apart, and a guest's own disk finds its image again")
    func images() throws {
        var head = [UInt8](repeating: 0, count: 512)
        head.replaceSubrange(0..<8, with: [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3])
        head[14] = 1
        head[19] = 4
        head.replaceSubrange(0x100..<0x104, with: Array("/a/b".utf8))
        let overlay = DiskImage(head: head)
        #expect(overlay.format == .qcow2 && overlay.backing == "/a/b")
        head[12] = 0xff
        #expect(DiskImage(head: head).backing == nil)
        for (text, format) in [("KDMV", .vmdk), ("vhdxfile", .vhdx), ("conectix", .vpc), ("x", .raw)]
            as [(String, DiskImage.Format)]
        {
            #expect(DiskImage(head: Array(text.utf8)).format == format)
        }
        func prepare(_ overlay: DiskImage?, _ image: String) throws -> [String]? {
            try DiskImage.prepare(overlayPath: "/d", overlay: overlay, image: image, format: .raw)
        }
        #expect(try prepare(overlay, "/a/b") == nil)
        #expect(try prepare(overlay, "/c")?.contains("rebase") == true)
        #expect(try prepare(nil, "/c")?.contains("cluster_size=4096") == true)
        #expect(throws: GuestError.self) { try prepare(DiskImage(head: []), "/c") }
    }

    @Test(
        "an image of each format is known by its beginning, as qemu-img makes it",
        .enabled(if: HostProgram.find("qemu-img") != nil),
        arguments: [DiskImage.Format.qcow2, .vmdk, .vdi, .vpc, .vhdx, .qed]
    )
    func formats(format: DiskImage.Format) throws {
        let path = "/tmp/el-image-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(HostProgram.find("qemu-img")))
        process.arguments = ["create", "-q", "-f", format.rawValue, path, "8M"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try DiskImage.inspect(path).format == format)
    }

    @Test("modules are found, and loaded after what they need")
    func modules() throws {
        let directory = "/tmp/el-modules-\(UUID().uuidString.prefix(8))"
        let deep = directory + "/kernel/drivers/net"
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func write(_ name: String, needs: String) throws {
            try "\u{7f}ELF\0license=GPL\0depends=\(needs)\0x".write(toFile: name, atomically: false, encoding: .utf8)
        }
        try write(deep + "/virtio_net.ko", needs: "net-failover,virtio")
        try write(deep + "/net_failover.ko", needs: "failover")
        try write(deep + "/failover.ko", needs: "")
        try write(directory + "/kernel/virtio.ko", needs: "virtio_ring")
        try "kernel/virtio_ring.ko\n".write(toFile: directory + "/modules.builtin", atomically: false, encoding: .utf8)
        let modules = KernelModules(places: ["/nowhere", directory])
        let names = modules.load(["virtio_net", "virtio", "nothing"]).map { KernelModules.name($0) }
        #expect(Set(names) == ["failover", "net_failover", "virtio", "virtio_net"] && names.last == "virtio_net")
        #expect(names.firstIndex(of: "failover")! < names.firstIndex(of: "net_failover")!)
        #expect(modules.has("virtio_ring") && modules.has("virtio") && !modules.has("9p"))
        // The list of an installed kernel is believed.
        try "kernel/virtio.ko: \nkernel/drivers/net/virtio_net.ko: kernel/virtio.ko\n".write(
            toFile: directory + "/modules.dep",
            atomically: false,
            encoding: .utf8
        )
        #expect(
            KernelModules(places: [directory]).load(["virtio_net"]).map { KernelModules.name($0) } == [
                "virtio", "virtio_net",
            ]
        )
        // A kernel without modules has all built in.
        #expect(KernelModules(places: []).has("virtiofs") && KernelModules(places: []).load(["virtiofs"]).isEmpty)
        #expect(KernelModules.name("/x/12-virtio-rng.ko.xz") == "virtio_rng")
        #expect(
            KernelModules.places(kernel: "/a/boot/vmlinuz", release: "6", root: nil) == [
                "/a/boot/modules/6", "/a/boot/modules", "/a/boot/lib/modules/6", "/a/lib/modules/6", "/lib/modules/6",
            ]
        )
    }

    @Test("lines for the monitor")
    func lines() throws {
        let words = try MonitorLine("set_link name=nic0 up=off count=3 text='a b' list=[1]")
        #expect(words.command == "set_link" && !words.isForPeople)
        #expect(words.arguments == ["name": "nic0", "up": false, "count": 3, "text": "a b", "list": [1]])
        let json = try MonitorLine(#" {"execute": "x", "arguments": {"a": 1}}"#)
        #expect(json.command == "x" && json.arguments == ["a": 1])
        let people = try MonitorLine("hmp info network")
        #expect(people.isForPeople && people.arguments == ["command-line": "info network"])
        #expect(people.lines("a\r\nb\r\n") == ["a", "b"])
        #expect(words.lines([:]) == [] && words.lines([1, 2]) == ["1", "2"])
        for line in ["", "info network", "{", "{}", #"{"execute": 1}"#, "x =1", "x 'y"] {
            #expect(throws: GuestError.self) { try MonitorLine(line) }
        }
    }

    @Test("why a machine ended")
    func failures() {
        let killed = WaitStatus(rawValue: 9)
        let failed = WaitStatus(rawValue: 1 << 8)
        func explain(_ lines: [String], _ status: WaitStatus) -> String? {
            MachineFailure.explain(lines, status: status, memory: 512, image: "/i")
        }
        #expect(explain([], killed)?.contains("was killed") == true)
        #expect(explain([], WaitStatus(rawValue: 11)) == "QEMU ended by signal 11")
        #expect(explain([], WaitStatus(rawValue: 0)) == nil)
        #expect(
            explain(["qemu-system-x86_64: -blockdev x: Failed to get \"write\" lock"], failed)?.contains("in use")
                == true
        )
        #expect(
            explain(["qemu-system-x86_64: cannot set up guest memory 'm': Cannot allocate memory"], failed)?.contains(
                "512 MiB"
            ) == true
        )
        #expect(explain(["qemu-system-x86_64: -foo: invalid option", "more"], failed) == "-foo: invalid option")
        #expect(MachineFailure.isOfKVM(["Could not access KVM kernel module"], status: failed))
        #expect(!MachineFailure.isOfKVM(["Failed to get \"write\" lock"], status: failed))
        #expect(
            MachineFailure.isNoise(
                "qemu-system-x86_64: warning: vhost-user backend supports VHOST_USER_PROTOCOL_F_CONFIG but QEMU does not."
            )
        )
    }
}
