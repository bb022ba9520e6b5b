// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension ProcessGuest {
    /// Namespaces beyond those of users and processes, in which the first process is cloned: mounts, network, names, System V
    /// objects, control groups; clone(2).
    private static var namespaces: Int32 { 0x0002_0000 | 0x4000_0000 | 0x0400_0000 | 0x0800_0000 | 0x0200_0000 }

    /// How a guest's first process makes its world.
    ///
    /// - Parameter root: the merged root, as a path inside of the lab's namespaces; nil: the host's own, to look at only.
    static func script(for plan: GuestPlan, root: String?) -> GuestScript {
        var script = GuestScript()
        script.unshare(namespaces)
        script.mount("", on: "/", type: "", flags: MountFlags.recursive | MountFlags.isPrivate)
        if let root {
            // A mount that came along from a more powerful namespace is locked; one of the guest's own is not.
            script.bind(root, on: root, recursive: true)
            addDevices(&script, at: root + "/dev")
            addViews(&script, root: root)
            script.pivot(to: root)
        } else {
            script.makeReadOnly("/", .may)
            let own = MountFlags.noSetUserID | MountFlags.noDevices
            script.mount("tmpfs", on: "/tmp", type: "tmpfs", flags: own, data: "mode=1777")
            script.mount("tmpfs", on: "/run", type: "tmpfs", flags: own, data: "mode=755")
            // Nodes are taken from the host's /dev, which is then covered.
            addDevices(&script, at: "/run/.dev")
            script.mount("/run/.dev", on: "/dev", type: "", flags: MountFlags.move)
            addViews(&script, root: "")
        }
        script.openConsole()
        script.provide("/dev/console", mode: "600", "", .may)
        script.bind("/dev/pts/0", on: "/dev/console", .may)
        script.setHostName(plan.hostName)
        addFiles(&script, plan)
        script.openNetlink()
        script.openNetworkNamespace()
        for interface in plan.interfaces { add(interface, to: &script) }
        return script
    }

    /// A device directory with what every program expects, and no more of the host's.
    private static func addDevices(_ script: inout GuestScript, at path: String) {
        script.makeDirectory(path)
        let flags = MountFlags.noSetUserID
        script.mount("tmpfs", on: path, type: "tmpfs", flags: flags, data: "mode=755,size=1m")
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            script.provide("\(path)/\(name)", mode: "666")
            script.bind("/dev/\(name)", on: "\(path)/\(name)")
        }
        script.makeDirectory("\(path)/net")
        script.provide("\(path)/net/tun", mode: "666")
        script.bind("/dev/net/tun", on: "\(path)/net/tun", .may)
        script.makeDirectory("\(path)/pts")
        let terminals = "newinstance,ptmxmode=0666,mode=0620"
        let quiet = MountFlags.noSetUserID | MountFlags.noExecution
        // Group 5 is tty, where the namespace has one.
        script.mount("devpts", on: "\(path)/pts", type: "devpts", flags: quiet, data: terminals + ",gid=5", .may)
        script.mount("devpts", on: "\(path)/pts", type: "devpts", flags: quiet, data: terminals, .otherwise)
        script.makeDirectory("\(path)/shm", mode: "1777")
        let shared = MountFlags.noSetUserID | MountFlags.noDevices
        script.mount("tmpfs", on: "\(path)/shm", type: "tmpfs", flags: shared, data: "mode=1777", .may)
        for (name, target) in [
            ("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"),
        ] {
            script.link(target, at: "\(path)/\(name)")
        }
    }

    /// /proc of its PID namespace and /sys of its network namespace. Where the host's own are covered in part, as in a
    /// container, the kernel refuses new ones.
    private static func addViews(_ script: inout GuestScript, root: String) {
        let flags = MountFlags.noSetUserID | MountFlags.noDevices | MountFlags.noExecution
        script.makeDirectory(root + "/proc", .may)
        script.mount("proc", on: root + "/proc", type: "proc", flags: flags, .may)
        script.bind("/proc", on: root + "/proc", recursive: true, .otherwise)
        script.makeDirectory(root + "/sys", .may)
        script.mount("sysfs", on: root + "/sys", type: "sysfs", flags: flags, .may)
    }

    /// Files that say who it is and whom to ask. Those of its own root are not written over: what is its own is mounted
    /// on them.
    private static func addFiles(_ script: inout GuestScript, _ plan: GuestPlan) {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 \(plan.hostName)\n::1 localhost ip6-localhost\n"
        script.provide("/etc/hosts", hosts, .may)
        guard hasResolver(plan) else { return }
        script.provide("/etc/resolv.conf", "", .may)
        script.write("/dev/.resolv.conf", resolverText(plan))
        script.bind("/dev/.resolv.conf", on: "/etc/resolv.conf", .may)
    }

    static func hasResolver(_ plan: GuestPlan) -> Bool {
        !plan.nameServers.isEmpty || plan.interfaces.contains { $0.usesDHCP }
    }

    static func resolverText(_ plan: GuestPlan) -> String {
        plan.nameServers.prefix(3).map { "nameserver \($0)\n" }.joined()
    }

    /// A tap; a device on a bridge is made from the bridge's side.
    static func add(_ interface: InterfacePlan, to script: inout GuestScript) {
        if interface.bridge == nil {
            script.makeTap(interface.name, packetSocket: interface.usesDHCP)
            if interface.usesAutoconfiguration { script.enableAutoconfiguration(interface.name) }
        } else if interface.usesDHCP {
            script.openPacketSocket(for: interface.name)
        }
    }
}
