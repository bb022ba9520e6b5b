// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// QEMU's command line for a guest (qemu(1)). Descriptors are numbers in the new process.
struct QEMUCommandLine: Equatable {
    enum Accelerator: Equatable {
        /// By the processor.
        case kvm
        /// By translation.
        case tcg
    }

    /// A directory of the host's as the guest's root.
    enum Share: Equatable {
        /// A server of the virtio file system, at the other end of this descriptor.
        case virtiofs(descriptor: Int32)
        /// A directory that QEMU itself serves.
        case plan9(path: String)
    }

    /// An interface: which of the reserved places it has, and how it comes to its other end.
    struct Network: Equatable {
        enum Way: Equatable {
            /// By vhost-user: where the other end listens.
            case vhost(path: String)
            /// By datagrams on this descriptor.
            case datagrams(descriptor: Int32)
        }

        var place: Int
        var way: Way
        var address: String
        var model = QEMUCommandLine.usualModel
    }

    /// The device that an interface is, unless the guest's arguments name another.
    static let usualModel = "virtio-net-pci"

    var program = MachineArchitecture.x86.program
    var architecture = MachineArchitecture.x86
    /// Firmware beside QEMU's own.
    var firmware: String?
    var name: String
    var accelerator = Accelerator.tcg
    /// MiB.
    var memory: UInt64 = 256
    var processors = 1
    var kernel: String?
    /// Descriptor of the initial RAM disk.
    var initialRAMDisk: Int32?
    /// The kernel's own command line.
    var append: [String] = []
    var disk: (path: String, format: String)?
    var share: Share?
    var monitor: Int32 = 3
    var console: Int32 = 4
    var agent: Int32 = 5
    var networks: [Network] = []
    /// Places for interfaces, taken and spare.
    var places = 16
    /// The user's own.
    var extra: [String] = []
    /// A snapshot in its disk, where it goes on instead of booting.
    var snapshot: String?

    static func == (left: QEMUCommandLine, right: QEMUCommandLine) -> Bool { left.words == right.words }

    /// A value within an option, in which a comma ends it.
    static func escape(_ text: String) -> String {
        String(text.flatMap { $0 == "," ? [",", ","] : [$0] })
    }

    /// Names of the objects of an interface.
    static func device(_ place: Int) -> String { "nic\(place)" }
    static func backend(_ place: Int) -> String { "net\(place)" }
    static func channel(_ place: Int) -> String { "vhost\(place)" }
    static func bus(_ place: Int) -> String { "port\(place)" }

    /// What an interface's device is told, on the command line or by the monitor.
    ///
    /// Without message-signalled interrupts where the processor is translated: see Documentation/Workarounds.md.
    static func properties(_ network: Network, _ accelerator: Accelerator) -> [(String, JSONValue)] {
        [
            ("driver", .string(network.model)), ("id", .string(device(network.place))),
            ("bus", .string(bus(network.place))),
            ("netdev", .string(backend(network.place))), ("mac", .string(network.address)), ("romfile", ""),
        ] + (accelerator == .tcg && network.isVhost ? [("vectors", 0)] : [])
    }

    var words: [String] {
        var words = [program, "-name", Self.escape(name), "-nodefaults", "-no-user-config", "-display", "none"]
        words += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
        words += ["-machine", architecture.board + ",memory-backend=memory"]
        if let firmware { words += ["-bios", firmware] }
        switch accelerator {
        case .kvm: words += ["-accel", "kvm", "-cpu", "host"]
        case .tcg: words += ["-accel", "tcg,thread=multi", "-cpu", "max"]
        }
        words += ["-smp", String(processors), "-m", String(memory)]
        // Shared, so that the fabric and a file server can be given it.
        words += ["-object", "memory-backend-memfd,id=memory,size=\(memory)M,share=on"]
        words += ["-chardev", "socket,id=monitor,fd=\(monitor)", "-mon", "chardev=monitor,mode=control"]
        words += ["-chardev", "socket,id=console,fd=\(console)", "-serial", "chardev:console"]
        words += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        words += ["-chardev", "socket,id=agent,fd=\(agent)"]
        words += ["-device", "virtserialport,chardev=agent,name=etherloom.agent"]
        if let kernel { words += ["-kernel", kernel] }
        if let initialRAMDisk { words += ["-initrd", "/proc/self/fd/\(initialRAMDisk)"] }
        if kernel != nil { words += ["-append", append.joined(separator: " ")] }
        if let disk {
            words += [
                "-blockdev",
                "driver=\(disk.format),node-name=disk,discard=unmap,file.driver=file,"
                    + "file.filename=\(Self.escape(disk.path))",
                "-device", "virtio-blk-pci,drive=disk",
            ]
        }
        switch share {
        case .virtiofs(let descriptor):
            words += ["-chardev", "socket,id=root,fd=\(descriptor)"]
            words += [
                "-device", "vhost-user-fs-pci,chardev=root,tag=etherloom" + (accelerator == .tcg ? ",vectors=0" : ""),
            ]
        case .plan9(let path):
            words += ["-fsdev", "local,id=root,security_model=passthrough,multidevs=remap,path=\(Self.escape(path))"]
            words += ["-device", "virtio-9p-pci,fsdev=root,mount_tag=etherloom"]
        case nil: break
        }
        words += interfaceWords
        if let snapshot { words += ["-loadvm", snapshot] }
        return words + extra
    }

    private var interfaceWords: [String] {
        var words: [String] = []
        // Each in a port of its own, because only there can it be added and removed while the machine runs; eight to a slot.
        for place in 0..<places {
            words += [
                "-device",
                "pcie-root-port,id=\(Self.bus(place)),chassis=\(place + 1),addr=\(Self.hexadecimal(0x10 + place / 8))."
                    + "\(place % 8),multifunction=on,io-reserve=0",
            ]
        }
        for network in networks {
            let (backend, channel) = (Self.backend(network.place), Self.channel(network.place))
            switch network.way {
            case .vhost(let path):
                words += ["-chardev", "socket,id=\(channel),reconnect=1,path=\(Self.escape(path))"]
                words += ["-netdev", "vhost-user,id=\(backend),chardev=\(channel)"]
            case .datagrams(let descriptor):
                words += ["-netdev", "dgram,id=\(backend),local.type=fd,local.str=\(descriptor)"]
            }
            let properties = Self.properties(network, accelerator).map { name, value in
                "\(name)=\(value.string ?? value.text)"
            }
            // The driver's name stands alone.
            words += [
                "-device", ([String(properties[0].dropFirst(7))] + properties.dropFirst()).joined(separator: ","),
            ]
        }
        return words
    }

    private static func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
}

extension QEMUCommandLine.Network {
    var isVhost: Bool {
        if case .vhost = way { return true }
        return false
    }
}
