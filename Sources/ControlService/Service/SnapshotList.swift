// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
public import Model

/// Snapshots of a lab, as the keeper lists them: `snapshot=NAME`, then `time=SECONDS` and a `guest=NAME` each.
public enum SnapshotList {
    /// An object for each: its name, when it was made (RFC 3339), and the guests that are in it.
    public static func json(_ words: [String]) -> JSON {
        var snapshots: [(name: String, time: String?, guests: [String])] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "snapshot": snapshots.append((parts[1], nil, []))
            case "time" where !snapshots.isEmpty:
                snapshots[snapshots.count - 1].time = Int64(parts[1]).map { WallClock.text(seconds: $0) }
            case "guest" where !snapshots.isEmpty: snapshots[snapshots.count - 1].guests.append(parts[1])
            default: break
            }
        }
        return .array(
            snapshots.map { snapshot in
                [
                    "name": .string(snapshot.name), "time": .optional(snapshot.time),
                    "guests": .texts(snapshot.guests),
                ]
            }
        )
    }
}
