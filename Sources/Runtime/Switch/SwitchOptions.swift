// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// How a switch is set up.
public struct SwitchOptions: Sendable {
    /// Directory of the sockets.
    public var directory: String
    /// Highest port number.
    public var portCount = 32
    public var isHub = false
    /// Ports are interfaces with names, which share the uplinks: see `Interfaces`.
    public var isMultiplexer = false
    /// The switch's own address; nil for 00:ff and four random bytes, as vde_switch makes it.
    public var address: MACAddress?
    /// The bridge's priority in the spanning tree (IEEE 802.1D clause 9.2.5), 32,768 by default.
    public var priority: UInt16 = 0x8000
    public var usesSpanningTree = false
    /// How many addresses `hash/showinfo` says that the table holds; the table itself is larger and fixed.
    public var hashSize = 128
    /// What clients' own filters refuse is counted. Else the kernel runs those for it that it can, and counts none.
    public var countsFiltered = true
    /// Permission bits of the control sockets; nil: 0600.
    public var mode: UInt32?
    /// Permission bits of the directory; nil: made from `mode`, else 02700.
    public var directoryMode: UInt32?
    /// Group that owns directory and sockets.
    public var groupID: UInt32?
    /// User who owns the sockets; the directory stays the switch's, so that nobody puts links where it makes files.
    public var ownerID: UInt32?
    /// Whoever names no interface of a multiplexer gets a free one.
    public var admitsUnnamed = false

    public init(directory: String) { self.directory = directory }

    /// The bits that `ctl`, `attach` and the data sockets get.
    public var socketMode: UInt32 { mode ?? directoryMode.map { $0 & 0o666 } ?? 0o600 }

    /// The bits that the directory gets: search where there is reading or writing, as vde_switch does, and set-group-ID.
    public var effectiveDirectoryMode: UInt32 {
        if let directoryMode { return directoryMode }
        guard let mode else { return 0o2700 }
        // The files of a multiplexer say who may attach to what: nobody else makes files beside them.
        if isMultiplexer { return 0o2700 | (mode & 0o066 == 0 ? 0 : 0o055) }
        let search = (mode & 0o444) >> 2 | (mode & 0o222) >> 1
        return 0o2000 | (mode & 0o777) | search
    }
}
