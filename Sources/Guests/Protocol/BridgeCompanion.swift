// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The fabric's segment beside a bridge of the kernel, joined with it by a tap: what no bridge can have (gateways, tunnels, cables
/// to other segments, a directory in which others may join) is there.
public enum BridgeCompanion {
    /// Its name, and that of the tap's port there. No segment of a lab file has such a name, nor has a guest's port.
    public static func segment(of bridge: String) -> String { prefix + bridge }

    /// The bridge whose companion a segment of the fabric is; nil: it is none.
    public static func bridge(ofSegment name: String) -> String? {
        name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }

    private static var prefix: String { "bridge::" }
}
