// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
public import LinuxSystem

/// VLANs: which exist, and which ports are members, with or without tags. Errors are those of vde_switch.
extension Switch {
    /// The numbers that can be created: 0 always exists, and the last ones are kept for other uses.
    private static var createdVLANs: ClosedRange<Int> { 1...4093 }

    public func createVLAN(_ number: Int) throws(Errno) {
        // EOPNOTSUPP: tags pass a multiplexer unchanged.
        guard !isMultiplexer else { throw .notSupported }
        guard Self.createdVLANs.contains(number) else { throw .invalid }
        guard vlans.insert(UInt16(number)).inserted else { throw .exists }
        reportOwnRoot([UInt16(number)])
    }

    /// EADDRINUSE while a port is a member.
    public func removeVLAN(_ number: Int) throws(Errno) {
        let vlan = try vlan(number, limit: 4094)
        guard vlan != 0, !ports.values.contains(where: { $0.isMember(of: vlan) }) else { throw .addressInUse }
        vlans.remove(vlan)
    }

    /// The VLAN of this number: EINVAL for one that cannot be, ENXIO for one that was not created.
    /// The highest number that can be is not the same in all commands of the original.
    public func vlan(_ number: Int, limit: Int = 4093) throws(Errno) -> UInt16 {
        guard number >= 0, number <= limit else { throw .invalid }
        guard vlans.contains(UInt16(number)) else { throw Errno(rawValue: ENXIO) }
        return UInt16(number)
    }

    /// Puts a port's frames without a tag into a VLAN; 4095 puts them into none.
    public func setUntaggedVLAN(port number: Int, _ vlan: Int) throws(Errno) {
        try checkRange(number)
        guard (0...Int(SwitchPort.noVLAN)).contains(vlan) else { throw .invalid }
        guard !isMultiplexer else { throw .notSupported }
        let wanted = UInt16(vlan)
        guard wanted == SwitchPort.noVLAN || vlans.contains(wanted), ports[number] != nil else {
            throw Errno(rawValue: ENXIO)
        }
        ports[number]?.untaggedVLAN = wanted
        if ports[number]?.taggedVLANs.remove(wanted) != nil {
            dataPlane.setTaggedVLAN(port: number, wanted, isMember: false)
        }
        dataPlane.setUntaggedVLAN(port: number, wanted)
        table.setPort(number, inUse: true, vlan: wanted)
    }

    /// Makes a port a member with tags. A port that is one without stays so.
    public func addTagged(port number: Int, _ vlan: Int) throws(Errno) {
        let vlan = try self.vlan(vlan)
        let port = try port(number)
        guard port.untaggedVLAN != vlan else { return }
        ports[number]?.taggedVLANs.insert(vlan)
        dataPlane.setTaggedVLAN(port: number, vlan, isMember: true)
    }

    /// Ends a port's membership with tags. EADDRINUSE when it is a member without.
    public func removeTagged(port number: Int, _ vlan: Int) throws(Errno) {
        let vlan = try self.vlan(vlan)
        let port = try port(number)
        guard port.untaggedVLAN != vlan else { throw .addressInUse }
        ports[number]?.taggedVLANs.remove(vlan)
        dataPlane.setTaggedVLAN(port: number, vlan, isMember: false)
    }

    /// Makes a port pass every VLAN with its tag, whether it was created here or not; or ends that.
    public func setTrunk(port number: Int, _ isTrunk: Bool) throws(Errno) {
        guard !isMultiplexer else { throw .notSupported }
        _ = try port(number)
        ports[number]?.isTrunk = isTrunk
        dataPlane.setVLANMode(port: number, isTrunk ? .trunk : .automatic)
    }
}

extension SwitchPort {
    /// Whether frames of this VLAN pass here, with or without a tag.
    public func isMember(of vlan: UInt16) -> Bool { untaggedVLAN == vlan || taggedVLANs.contains(vlan) }
}
