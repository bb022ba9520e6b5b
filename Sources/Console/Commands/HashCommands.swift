// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime
import Wire

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
                    let settings = call.console.target.forwardingSettings
                    return .data([
                        "Hash size \(settings.size)",
                        "GC interval \(settings.collectionSeconds) secs",
                        "GC expire \(settings.ageingSeconds) secs",
                        "Min persistence \(settings.persistenceSeconds) secs",
                    ])
                }
            ),
            ConsoleCommand(
                "hash/setsize",
                "N",
                "change hash size",
                .number { call, number in
                    try call.console.target.setForwardingSize(number)
                    return .success
                }
            ),
            ConsoleCommand(
                "hash/setgcint",
                "N",
                "change garbage collector interval",
                .number { call, number in
                    call.console.target.setCollectionInterval(seconds: number)
                    return .success
                }
            ),
            ConsoleCommand(
                "hash/setexpire",
                "N",
                "change hash entries expire time",
                .number { call, number in
                    call.console.target.setAgeing(seconds: number)
                    return .success
                }
            ),
            ConsoleCommand(
                "hash/setminper",
                "N",
                "minimum persistence time",
                .number { call, number in
                    call.console.target.setMinimumPersistence(seconds: number)
                    return .success
                }
            ),
            ConsoleCommand(
                "hash/print",
                "",
                "print the hash table",
                .plain { call in .data(call.console.target.forwardingRows.map(hashLine)) }
            ),
            ConsoleCommand("hash/find", "MAC [VLAN]", "MAC lookup", .text { call, text in call.console.find(text) }),
        ]
    }

    static func hashLine(_ row: ForwardingDatabaseView.Row) -> String {
        "Hash: \(decimal(row.index, digits: 4)) Addr: \(row.address) VLAN \(decimal(row.vlan, digits: 4))"
            + " to port: \(decimal(row.port, digits: 3))  age \(row.age) secs"
    }

    /// An address of six numbers in base 16, in one VLAN: 0 when none is given. EINVAL for another text, ENODEV for an
    /// address that is not known.
    private func find(_ text: String) -> ConsoleAnswer {
        guard let (address, vlan) = HashArgument.read(text) else { return .data([], error: .invalid) }
        let row = target.forwardingRows.first { $0.address == address && Int($0.vlan) == vlan }
        guard let row else { return .data([], error: .noDevice) }
        return .data([Self.hashLine(row)])
    }
}

/// The argument of `hash/find`, as sscanf(3) reads it for the original: six numbers in base 16 with a character between, of
/// which the lowest byte counts, and behind a blank the VLAN. What follows is passed over.
enum HashArgument {
    static func read(_ text: String) -> (address: MACAddress, vlan: Int)? {
        var rest = Substring(text)
        var value: UInt64 = 0
        for position in 0..<6 {
            if position > 0 {
                guard let separator = rest.popFirst(), separator == ":" || separator == "." else { return nil }
            }
            guard let byte = number(&rest) else { return nil }
            value = value << 8 | byte
        }
        let vlan = rest.first.map(ConsoleArgument.isBlank) == true ? ConsoleArgument.number(String(rest))?.value : nil
        return (MACAddress(rawValue: value), vlan ?? 0)
    }

    private static func number(_ rest: inout Substring) -> UInt64? {
        rest = rest.drop(while: ConsoleArgument.isBlank)
        if rest.hasPrefix("0x") || rest.hasPrefix("0X") { rest.removeFirst(2) }
        let digits = rest.prefix { $0.isASCII && $0.isHexDigit }
        guard !digits.isEmpty else { return nil }
        rest.removeFirst(digits.count)
        return UInt64(digits.suffix(2), radix: 16)
    }
}
