// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import Glibc
public import LinuxSystem

/// What consoles may set of the forwarding database, in the words of vde_switch, which takes any number.
public struct ForwardingSettings: Sendable, Equatable {
    /// As asked for, rounded up to a power of two. The table is larger and of fixed size: an address is only ever displaced
    /// when very many are in use.
    public internal(set) var size: Int
    public internal(set) var collectionSeconds = 2
    public internal(set) var ageingSeconds = Int(Tunables.ageingSeconds)
    public internal(set) var persistenceSeconds = Int(Tunables.minimumPersistenceSeconds)

    init(size: Int) { self.size = Self.rounded(size) }

    static func rounded(_ size: Int) -> Int {
        var power = 1
        while power < size { power *= 2 }
        return power
    }
}

extension Switch {
    /// EINVAL for less than one.
    public func setForwardingSize(_ size: Int) throws(Errno) {
        guard size > 0 else { throw .invalid }
        forwardingSettings.size = ForwardingSettings.rounded(min(size, 1 << 30))
    }

    /// How often aged addresses are looked for. Kept and shown only: here an aged address counts as forgotten at once.
    public func setCollectionInterval(seconds: Int) { forwardingSettings.collectionSeconds = seconds }

    public func setAgeing(seconds: Int) {
        forwardingSettings.ageingSeconds = seconds
        dataPlane.setAgeing(seconds: effectiveAgeing)
    }

    /// Seconds in which an address may not move to another port.
    public func setMinimumPersistence(seconds: Int) {
        forwardingSettings.persistenceSeconds = seconds
        dataPlane.setMinimumPersistence(seconds: UInt16(clamping: min(seconds, Self.longestSeconds)))
    }

    /// The database counts seconds modulo 65,536: twice this many.
    private static var longestSeconds: Int { 32_000 }

    private var effectiveAgeing: UInt16 {
        UInt16(clamping: min(forwardingSettings.ageingSeconds, Self.longestSeconds))
    }

    /// The addresses known now.
    public var forwardingRows: [ForwardingDatabaseView.Row] { dataPlane.forwardingRows(ageingSeconds: effectiveAgeing) }

    /// Begins or ends events about addresses that are learned and forgotten.
    public func watchAddresses(_ isOn: Bool) { dataPlane.watchForwarding(isOn) }

    func reportAddresses() {
        let (changes, lostCount) = dataPlane.takeForwardingChanges()
        for change in changes {
            report(
                change.isRemoval
                    ? .addressRemoved(change.address, vlan: change.vlan, port: change.port)
                    : .addressAdded(change.address, vlan: change.vlan, port: change.port)
            )
        }
        if lostCount > lostAddressEvents {
            log("\(lostCount - lostAddressEvents) events about addresses came too fast and were left out")
            lostAddressEvents = lostCount
        }
    }
}
