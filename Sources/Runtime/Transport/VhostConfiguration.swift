// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Wire

/// What a guest reads about its network device: `struct virtio_net_config`, virtio 1.2, section 5.1.4.
struct VhostConfiguration: Sendable, Equatable {
    /// The address that the interface shall have; the guest or its monitor chooses when nil.
    var address: MACAddress?
    /// Largest packet in bytes, without the Ethernet header; nil when nothing is said about it.
    var mtu: UInt16?
    var isUp = true
    /// In megabits a second; 0 when unknown.
    var speed: UInt32 = 0

    /// The features that the configuration makes possible.
    var features: VirtioFeatures {
        var features: VirtioFeatures = []
        if address != nil { features.insert(.address) }
        if mtu != nil { features.insert(.mtu) }
        return features
    }

    /// The bytes from `offset` on; zeros beyond the end of what is known.
    func bytes(_ range: VhostConfigurationRange) -> [UInt8] {
        let all = bytes
        return (range.offset..<range.offset + range.byteCount).map { $0 < all.count ? all[$0] : 0 }
    }

    /// All of it, as the guest sees it.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        if let address {
            bytes += (0..<6).map { UInt8(truncatingIfNeeded: address.rawValue >> (40 - 8 * $0)) }
        } else {
            bytes += [0, 0, 0, 0, 0, 0]
        }
        bytes += VhostMessageHeader.bytes(of: UInt16(isUp ? 1 : 0))
        // One pair of queues.
        bytes += VhostMessageHeader.bytes(of: UInt16(1))
        bytes += VhostMessageHeader.bytes(of: mtu ?? 0)
        // All bits set: unknown.
        bytes += VhostMessageHeader.bytes(of: speed == 0 ? UInt32.max : speed)
        // Full duplex.
        bytes.append(1)
        return bytes
    }
}
