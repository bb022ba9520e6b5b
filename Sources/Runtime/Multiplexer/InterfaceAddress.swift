// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

/// The addresses of a multiplexer's interfaces: 52:54 (a locally administered address, as the Hurd's multiplexer and many
/// monitors make them) and 32 bits that follow from the shared network and the interface's name. So they are the same after
/// every restart, also when the interfaces come in another order.
enum InterfaceAddress {
    /// What the shared network is known by.
    enum Network: Equatable {
        /// A real interface, or a switch whose address was given.
        case station(MACAddress)
        /// Anything else, by its words; on another host the same words mean another place.
        case place(String)

        var text: String {
            switch self {
            case .station(let address): "station \(address)"
            case .place(let words): "host \(Self.host) place \(words)"
            }
        }

        /// machine-id(5), or the host's name where there is none.
        private static var host: String {
            for file in ["/etc/machine-id", "/proc/sys/kernel/hostname"] {
                guard let bytes = try? FileSystem.contents(file, limit: 256) else { continue }
                let text = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
                if !text.isEmpty { return text }
            }
            return ""
        }
    }

    /// - Parameter attempt: 0, and more while another interface has that address already.
    static func make(_ network: Network, name: String, attempt: Int = 0) -> MACAddress {
        var text = Array("\(network.text)\0\(name)".utf8)
        if attempt > 0 { text += Array("\0\(attempt)".utf8) }
        return MACAddress(rawValue: 0x5254_0000_0000 | hash(text) & 0xffff_ffff)
    }

    /// FNV-1a with a last mixing step (that of SplitMix64), so that all bits depend on all bytes. Never to be changed:
    /// guests know each other by these addresses.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    /// What a URL's network is known by: real interfaces by their own addresses, which outlive names.
    static func network(_ text: String) -> Network {
        guard let url = try? NetworkURL(text), ["packet", "pcap", "macvtap"].contains(url.scheme) else {
            return .place(text)
        }
        let interface = url.value("link") ?? url.address
        guard var netlink = try? Netlink(), let link = try? netlink.link(named: interface), link.address.count == 6
        else {
            return .place(text)
        }
        let number = link.address.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return number == 0 ? .place(text) : .station(MACAddress(rawValue: number))
    }
}
