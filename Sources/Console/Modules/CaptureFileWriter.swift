// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import Runtime
import Wire

/// The file of `pdump`: classic pcap, or pcapng with the ports' names when its name ends so.
final class CaptureFileWriter {
    /// Frames are collected and written together; else each burst is in the file at once.
    var isBuffered = false
    private let file: OwnedDescriptor
    private var pending: [UInt8]
    private let startOfClock: UInt64
    /// Nil: classic pcap.
    private var pcapng: PcapngWriter?
    private var interfaces: [Int: UInt32] = [:]
    private unowned let element: Switch
    /// The disk is full, or worse: nothing more is written.
    private var isBroken = false

    /// Frames that did not fit any more: whoever reads the pipe is too slow.
    private(set) var lostCount = 0

    private static var bufferByteCount: Int { 64 * 1024 }
    /// Most that waits for the reader of a pipe.
    private static var pendingLimit: Int { 4 << 20 }

    init(path: String, switch element: Switch) throws(Errno) {
        self.element = element
        // A named pipe must not keep the console waiting: neither for its first reader (ENXIO) nor for a slow one.
        file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, mode: 0o600)
        startOfClock = WallClock.nanoseconds &- MonotonicClock.nanoseconds
        if path.hasSuffix(".pcapng") {
            let writer = PcapngWriter()
            pending = writer.sectionHeader(program: "etherloom")
            pcapng = writer
        } else {
            pending = PcapFile.header(snapLength: UInt32(CaptureSelection.wholeFrame))
        }
        flush()
        if isBroken { throw Errno(rawValue: ENOSPC) }
    }

    func append(_ record: CaptureRecord, _ bytes: Span<UInt8>) {
        guard !isBroken else { return }
        guard pending.count + bytes.count <= Self.pendingLimit else {
            lostCount += 1
            return flush()
        }
        let time = record.time &+ startOfClock
        let interface = interface(ofPort: Int(record.port))
        if let pcapng {
            pending += pcapng.packet(
                interface: interface,
                time: time,
                bytes,
                originalByteCount: record.byteCount,
                direction: record.isInbound ? .inbound : .outbound
            )
        } else {
            pending += PcapFile.packet(time: time, bytes, originalByteCount: record.byteCount)
        }
        if !isBuffered || pending.count >= Self.bufferByteCount { flush() }
    }

    /// The number of a port's interface in the file, described there when the port is first met.
    private func interface(ofPort port: Int) -> UInt32 {
        if let number = interfaces[port] { return number }
        let number = UInt32(interfaces.count)
        interfaces[port] = number
        let description = element.ports[port]?.endpoints.first?.description ?? ""
        if let block = pcapng?.interface(.init(name: "port\(port)", description: description)) { pending += block }
        return number
    }

    /// Writes what is taken now; the rest waits for the next frame.
    func flush() {
        guard !pending.isEmpty, !isBroken else { return }
        var written = 0
        do throws(Errno) {
            while written < pending.count { written += try file.write(pending[written...]) }
        } catch .wouldBlock {
        } catch {
            isBroken = true
            pending = []
            element.log("pdump: \(error)")
            return
        }
        if written == pending.count {
            pending.removeAll(keepingCapacity: true)
        } else {
            pending.removeFirst(written)
        }
    }

    deinit {
        flush()
        if lostCount > 0 { element.log("pdump: \(lostCount) frames lost: the reader was too slow") }
    }
}
