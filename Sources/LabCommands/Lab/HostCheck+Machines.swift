// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem

/// What guests with a kernel of their own need.
extension HostCheck {
    static var machines: [HostCheck] {
        let machine = MachineArchitecture.own
        return [
            kvm,
            program(machine.program, for: "kind: qemu", package: machine.package),
            program("qemu-img", for: "disk images of kind: qemu", package: "qemu-utils"),
            HostCheck(
                name: "virtiofsd",
                path: HostProgram.virtiofsd,
                for: "directory roots of kind: qemu",
                package: HostProgram.virtiofsdPackage
            ),
            program("linux.uml", for: "kind: uml without a kernel of your own", package: "user-mode-linux"),
            agent,
        ]
    }

    /// Not only whether the device opens: in a machine without nested virtualisation it may, and nothing runs by it.
    private static var kvm: HostCheck {
        var reason: String?
        do throws(Errno) {
            try KVM.attempt()
        } catch {
            reason = "\(error)"
        }
        let user = CurrentProcess.userName(CurrentProcess.userID)
        return HostCheck(
            name: "/dev/kvm",
            isFine: reason == nil,
            isNeeded: false,
            note: reason.map { "\($0): machines of kind: qemu are emulated, slowly" } ?? "makes machines",
            mend: "as root: modprobe kvm; usermod -aG kvm \(user)"
        )
    }

    /// What runs in them beside their own programs.
    private static var agent: HostCheck {
        let path = try? AgentProgram.path()
        return HostCheck(
            name: AgentProgram.name,
            isFine: path != nil,
            isNeeded: false,
            note: path ?? "missing; it is for commands and addresses in guests of kind: uml and qemu",
            mend: "it belongs to \(AgentProgram.places().joined(separator: " or "))"
        )
    }

    private static func program(_ name: String, for what: String, package: String) -> HostCheck {
        HostCheck(name: name, path: HostProgram.find(name), for: what, package: package)
    }

    private init(name: String, path: String?, for what: String, package: String) {
        self.init(
            name: name,
            isFine: path != nil,
            isNeeded: false,
            note: path ?? "not installed; it is for \(what)",
            mend: "as root: apt install \(package)"
        )
    }
}
