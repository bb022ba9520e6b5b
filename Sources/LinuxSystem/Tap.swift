// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A tap device: an Ethernet interface whose other end is a descriptor. Always opened with a virtio-net header before
/// each frame, so that 64 KiB super-frames and partial checksums can pass (kernel: networking/tuntap.rst).
public enum Tap {
    /// What the device's reader understands: TUN_F_*.
    public struct Offloads: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static var checksum: Offloads { Offloads(rawValue: 0x01) }
        public static var tso4: Offloads { Offloads(rawValue: 0x02) }
        public static var tso6: Offloads { Offloads(rawValue: 0x04) }
        /// UDP segmentation for both families, Linux 6.2.
        public static var uso: Offloads { Offloads(rawValue: 0x60) }
    }

    /// Why no tap could be had, with what to do about it.
    public struct OpenError: Error, Sendable {
        public let step: String
        public let errno: Errno
    }

    /// Creates the tap `name` in the caller's network namespace; a `%d` in the name is replaced by the first free number.
    /// The device disappears with its last descriptor.
    public static func create(name: String) throws(OpenError) -> OwnedDescriptor {
        let descriptor: OwnedDescriptor
        do {
            descriptor = try OwnedDescriptor.open("/dev/net/tun", flags: O_RDWR | O_NONBLOCK)
        } catch {
            throw OpenError(step: "open /dev/net/tun", errno: error)
        }
        guard var request = nameField(name) else {
            throw OpenError(step: "name a tap \"\(name)\"", errno: .nameTooLong)
        }
        let result = unsafe cel_tap_set_name(descriptor.rawValue, &request)
        guard result >= 0 else { throw OpenError(step: "create tap \"\(name)\"", errno: Errno(rawValue: -result)) }
        return descriptor
    }

    /// The file of a macvtap device, which speaks as a tap does.
    public static func open(device path: String) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, flags: O_RDWR | O_NONBLOCK)
    }

    /// The interface name behind a tap descriptor; nil when it is no tap with a virtio-net header.
    public static func interfaceName(_ descriptor: borrowing OwnedDescriptor) -> String? {
        var request = [CChar](repeating: 0, count: Int(IFNAMSIZ))
        let flags = unsafe cel_tap_get(descriptor.rawValue, &request)
        guard flags >= 0, flags & Int32(IFF_TAP) != 0, flags & Int32(IFF_VNET_HDR) != 0 else { return nil }
        return String(decoding: request.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Switches to the 12-byte virtio 1.x header and asks for all offloads; on a kernel without USO, for the rest.
    public static func configure(_ descriptor: borrowing OwnedDescriptor) throws(Errno) -> Offloads {
        let fd = descriptor.rawValue
        try systemCall { cel_tap_set_header_size(fd, 12) }
        let all: Offloads = [.checksum, .tso4, .tso6, .uso]
        if cel_tap_set_offload(fd, all.rawValue) >= 0 { return all }
        let base = all.subtracting(.uso)
        try systemCall { cel_tap_set_offload(fd, base.rawValue) }
        return base
    }

    /// Shows the cable as plugged in or not to whoever uses the interface.
    public static func setCarrier(_ descriptor: borrowing OwnedDescriptor, _ isOn: Bool) {
        _ = cel_tap_set_carrier(descriptor.rawValue, isOn ? 1 : 0)
    }

    /// Leaves the interface to its network namespace, which is about to end: closing the last descriptor of a tap that does not
    /// outlive it waits for all processors (rcu_barrier), each tap for itself; a namespace's end is the kernel's own work, for
    /// all that end at the time together.
    public static func leaveToNamespace(_ descriptor: borrowing OwnedDescriptor) {
        _ = cel_tap_set_persistent(descriptor.rawValue, 1)
    }

    /// Shows this link speed, in Mbit/s, 0 for unknown, to whoever uses the interface, in whatever network namespace it lies.
    /// The caller must be one who may configure it there (CAP_NET_ADMIN), or have made the user namespace that owns it.
    public static func setSpeed(_ descriptor: borrowing OwnedDescriptor, megabits: UInt32) throws(Errno) {
        guard let name = interfaceName(descriptor) else { throw .invalid }
        let fd = descriptor.rawValue
        // SPEED_UNKNOWN is -1.
        let speed = megabits == 0 ? .max : megabits
        if try systemCall({ cel_tap_is_in_own_namespace(fd) }) == 1 {
            try systemCall { unsafe cel_tap_set_speed(name, speed) }
        } else {
            try systemCall { unsafe cel_tap_set_speed_elsewhere(fd, name, speed) }
        }
    }

    private static func nameField(_ name: String) -> [CChar]? {
        let text = name.utf8.map { CChar(bitPattern: $0) }
        guard !text.isEmpty, text.count < Int(IFNAMSIZ), !text.contains(0) else { return nil }
        return text + [CChar](repeating: 0, count: Int(IFNAMSIZ) - text.count)
    }
}
