// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A bridge of the kernel that a segment is.
struct KeptBridge: Equatable {
    enum Place: Equatable {
        /// The lab's own network namespace.
        case lab
        /// The host's, where its user may configure it.
        case host
    }

    /// The segment's name.
    let name: String
    /// The kernel's name for it.
    let device: String
    let place: Place
    var mtu: Int?
    /// It was made for the lab, and goes with it.
    let isOurs: Bool
}

/// The host's side of a guest's interface on a bridge: a device named after both.
struct BridgeDevice {
    /// The kernel's name for it.
    let name: String
    var bridge: KeptBridge
    /// Nil: one end of a veth pair.
    var tap: SharedDescriptor?
}

/// Names of devices that people and the kernel can live with.
enum DeviceName {
    static let maximumByteCount = 15

    /// A name that the kernel takes: at most 15 bytes, the same for the same long name.
    static func fitting(_ name: String) -> String {
        name.utf8.count <= maximumByteCount ? name : hashed(name, of: name)
    }

    /// A name that begins as one and stands for another.
    static func hashed(_ name: String, of meant: String) -> String {
        "\(name.prefix(7))-\(LabPlaces.identifier(lab: meant).prefix(7))"
    }
}
