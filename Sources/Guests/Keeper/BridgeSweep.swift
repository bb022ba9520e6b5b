// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension RuntimeFiles {
    /// Removes the bridges that a killed keeper has made on the host; one that somebody else uses now stays.
    public func sweepBridges() {
        guard let bytes = try? FileSystem.contents(hostBridges, limit: 65536) else { return }
        if var link = try? Netlink() {
            for name in String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init) {
                guard (try? link.isBridge(name)) == true, let index = try? link.link(named: name).index,
                    (try? link.members(ofBridge: index)) == 0
                else { continue }
                try? link.removeLink(index)
            }
        }
        try? FileSystem.remove(hostBridges)
    }
}
