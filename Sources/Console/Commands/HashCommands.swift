// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Runtime

extension Console {
    /// The forwarding database. `hash` is the original's word for it.
    static var hashMenu: [ConsoleCommand] {
        [
            .menu("hash", "HASH TABLE MENU"),
            ConsoleCommand(
                "hash/showinfo",
                "",
                "show hash info",
                .plain { call in
                    .data([
                        "Hash size \(call.console.target.dataPlane.state.forwardingView.capacity)",
                        // Entries that are too old are passed over when read, and their places used again: as seen from
                        // here they go at once, which is within the original's interval.
                        "GC interval 2 secs",
                        "GC expire \(Tunables.ageingSeconds) secs",
                        "Min persistence \(Tunables.minimumPersistenceSeconds) secs",
                    ])
                }
            ),
            ConsoleCommand(
                "hash/print",
                "",
                "print the hash table",
                .plain { call in
                    let rows = call.console.target.dataPlane.forwardingRows(ageingSeconds: Tunables.ageingSeconds)
                    return .data(rows.map(hashLine))
                }
            ),
        ]
    }

    static func hashLine(_ row: ForwardingDatabaseView.Row) -> String {
        "Hash: \(decimal(row.index, digits: 4)) Addr: \(row.address) VLAN \(decimal(row.vlan, digits: 4))"
            + " to port: \(decimal(row.port, digits: 3))  age \(row.age) secs"
    }
}
