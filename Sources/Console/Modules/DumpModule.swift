// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Runtime
import Wire

/// `dump`: shows every frame that comes in or goes out to the sessions that asked for `dump/packetin` or
/// `dump/packetout`, as vde_switch's plugin of that name does.
///
/// Only sessions that ask make the loop copy anything, and only while `dump/active` is on; what the console cannot keep up
/// with is left out, and the loop never waits for it.
final class DumpModule {
    static var maker: ConsoleModuleMaker { ConsoleModuleMaker(library: "dump.so") { DumpModule($0).module } }

    private static let packetIn = ConsoleEventCategory(
        tag: 0o101,
        path: "dump/packetin",
        help: "dump incoming packet"
    )
    private static let packetOut = ConsoleEventCategory(
        tag: 0o102,
        path: "dump/packetout",
        help: "dump outgoing packet"
    )

    private unowned let console: Console
    private var watch: FrameWatch?

    private init(_ console: Console) { self.console = console }

    private var module: ConsoleModule {
        ConsoleModule(
            name: "dump",
            help: "dump packets",
            commands: [
                .menu("dump", "DUMP Packets"),
                ConsoleCommand(
                    "dump/active",
                    "0/1",
                    "start dumping data",
                    .number { [self] _, number in
                        try setActive(number != 0)
                        return .success
                    }
                ),
            ],
            events: [Self.packetIn, Self.packetOut],
            onRemoval: { [self] in watch?.cancel() }
        )
    }

    private func setActive(_ isOn: Bool) throws {
        watch?.cancel()
        watch = nil
        guard isOn else { return }
        var selection = CaptureSelection()
        selection.isOutbound = true
        watch = try console.target.watchFrames(selection) { [unowned self] record, bytes in
            let category = record.isInbound ? Self.packetIn : Self.packetOut
            guard console.isWanted(category) else { return }
            console.post(category, Self.line(port: Int(record.port), byteCount: record.byteCount, bytes))
        }
    }

    private static func line(port: Int, byteCount: Int, _ bytes: Span<UInt8>) -> String {
        var text = "Pkt: Port \(decimal(port, digits: 4)) len=\(decimal(byteCount, digits: 4))"
        let digits = Array("0123456789abcdef".utf8)
        var hexadecimal: [UInt8] = []
        hexadecimal.reserveCapacity(3 * bytes.count)
        for index in bytes.indices {
            hexadecimal += [0x20, digits[Int(bytes[index] >> 4)], digits[Int(bytes[index] & 15)]]
        }
        text += String(decoding: hexadecimal, as: UTF8.self)
        return text
    }
}
