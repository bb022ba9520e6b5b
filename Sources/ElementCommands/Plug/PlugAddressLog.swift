// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem
import Wire

/// What `vde_plug -l` and `-L` tell the system's log: who came and went, from where, and with `-L` which IP addresses he uses in
/// the network, each once.
final class PlugAddressLog {
    private struct Seen: Hashable {
        let address: LoggedAddress
        let vlan: UInt16
    }

    /// Enough of a frame for its addresses, tags included.
    static var frameByteCount: Int { 14 + 8 + IPv6Header.byteCount }
    /// Addresses that are remembered; forged ones cannot fill the memory, or the log.
    private static var capacity: Int { 4096 }

    private let user = CurrentProcess.userName(CurrentProcess.userID)
    /// Where he came from by ssh: sshd puts the address first.
    private let origin =
        CurrentProcess.environment("SSH_CLIENT")?.split(separator: " ").first.map(String.init) ?? "UNKNOWN_IP_ADDRESS"
    private var seen: Set<Seen> = []
    private let log: (String) -> Void

    init(log: @escaping (String) -> Void = { SystemLog.write($0) }) { self.log = log }

    /// The beginning, the end, or a refusal.
    func write(_ event: String) { log("vde_plug: \(event): user \(user) IP \(origin)") }

    /// Notes the source of the packet in a frame.
    func note(_ bytes: Span<UInt8>) {
        guard let frame = EthernetFrame(bytes), let address = LoggedAddress(sourceOf: frame) else { return }
        let vlan = frame.vlanIdentifier ?? 0
        guard seen.count < Self.capacity, seen.insert(Seen(address: address, vlan: vlan)).inserted else { return }
        let family = address.isVersion4 ? "VDE-IP4" : "VDE-IP6"
        log("vde_plug: user \(user) Real-IP \(origin) has got \(family) \(address) on vlan \(vlan)")
    }
}
