// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime
import Wire

/// `pdump`: writes every frame to a capture file, as vde_switch's plugin of that name does.
final class CaptureFileModule {
    static var maker: ConsoleModuleMaker { ConsoleModuleMaker(library: "pdump.so") { CaptureFileModule($0).module } }

    private unowned let console: Console
    private var watch: FrameWatch?
    private var path = "vde_dump.cap"
    private var isBuffered = false
    /// Nothing was begun or ended yet: the original lets it be ended once nevertheless.
    private var isFresh = true
    private var writer: CaptureFileWriter?

    private init(_ console: Console) { self.console = console }

    private var module: ConsoleModule {
        ConsoleModule(
            name: "pdump",
            help: "dump packets to file, in pcap format",
            commands: [
                .menu("pdump", "DUMP Packets to file"),
                ConsoleCommand(
                    "pdump/active",
                    "0/1",
                    "start dumping data",
                    .number { [self] _, number in
                        // What is in the file stays there.
                        if watch != nil, number != 0 { return .data([], error: .exists) }
                        if watch == nil, number == 0 {
                            defer { isFresh = false }
                            return .data([], error: isFresh ? nil : .noEntry)
                        }
                        do throws(Errno) {
                            try setActive(number != 0)
                        } catch {
                            return .data(["\(path): \(error)"], error: error)
                        }
                        return .data([])
                    }
                ),
                ConsoleCommand(
                    "pdump/filename",
                    "<file>",
                    "set/show output filename (default: vde_dump.cap)",
                    .text { [self] _, text in
                        if !text.isEmpty {
                            // Frames of one capture go to one file: the next one begins with the next start.
                            let isOn = watch != nil
                            stop()
                            path = text
                            if isOn { try setActive(true) }
                        }
                        return .data(["dumpfile=\(path)"])
                    }
                ),
                ConsoleCommand(
                    "pdump/buffered",
                    "0/1",
                    "set buffered/unbuffered dump",
                    .number { [self] _, number in
                        isBuffered = number != 0
                        writer?.isBuffered = isBuffered
                        return .success
                    }
                ),
            ],
            events: [
                ConsoleEventCategory(tag: 0o101, path: "pdump/packetin", help: "dump incoming packet to file"),
                ConsoleEventCategory(tag: 0o102, path: "pdump/packetout", help: "dump outgoing packet to file"),
            ],
            onRemoval: { [self] in stop() }
        )
    }

    private func stop() {
        watch?.cancel()
        watch = nil
        writer?.flush()
        writer = nil
    }

    private func setActive(_ isOn: Bool) throws(Errno) {
        stop()
        isFresh = false
        guard isOn else { return }
        let writer = try CaptureFileWriter(path: path, switch: console.target)
        writer.isBuffered = isBuffered
        // What comes in is all that there is to see of a switch; the same frames leave it again.
        watch = try console.target.watchFrames(CaptureSelection()) { record, bytes in writer.append(record, bytes) }
        self.writer = writer
    }
}
