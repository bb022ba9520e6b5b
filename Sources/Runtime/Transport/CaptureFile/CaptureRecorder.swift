// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

/// Writes the frames that come by a socket to a capture file, on a thread of its own.
struct CaptureRecorder: ~Copyable {
    private let file: OwnedDescriptor
    private let socket: OwnedDescriptor
    /// Nil: classic pcap.
    private let pcapng: PcapngWriter?
    private var pending: [UInt8]
    private var scratch = [UInt8](repeating: 0, count: 65_600)

    private static var bufferByteCount: Int { 1 << 16 }

    /// - Parameters:
    ///   - name: of the interface in the file; pcap files have none.
    ///   - isPcapng: nanoseconds and names; else microseconds.
    init(_ file: consuming OwnedDescriptor, socket: consuming OwnedDescriptor, name: String, isPcapng: Bool) {
        self.file = file
        self.socket = socket
        if isPcapng {
            var writer = PcapngWriter()
            pending = writer.sectionHeader(program: "etherloom") + writer.interface(.init(name: name))
            pcapng = writer
        } else {
            pending = PcapFile.header(snapLength: UInt32(scratch.count))
            pcapng = nil
        }
    }

    /// Writes until the socket's other end is gone.
    mutating func run(_ name: String) -> CaptureFileReport.Ending {
        do {
            try flush()
            let fd = socket.rawValue
            while true {
                let size = Self.receive(fd, &scratch)
                if size > 0 {
                    let record = Self.record(scratch.span.extracting(first: min(size, scratch.count)), of: size, pcapng)
                    pending += record
                    if pending.count >= Self.bufferByteCount { try flush() }
                } else if size == -Int(Errno.wouldBlock.rawValue) {
                    // What is there is in the file before anybody waits.
                    try flush()
                    _ = try Poll.isReadable(fd, deadline: nil)
                } else {
                    try flush()
                    return .unplugged
                }
            }
        } catch {
            return .failed("\(name): \(error)")
        }
    }

    private static func receive(_ fd: Int32, _ scratch: inout [UInt8]) -> Int {
        var room = scratch.mutableSpan
        return FrameIO.receive(fd, into: &room)
    }

    private static func record(_ bytes: Span<UInt8>, of size: Int, _ pcapng: PcapngWriter?) -> [UInt8] {
        let time = WallClock.nanoseconds
        return pcapng?.packet(interface: 0, time: time, bytes, originalByteCount: size, direction: .unknown)
            ?? PcapFile.packet(time: time, bytes, originalByteCount: size)
    }

    private mutating func flush() throws(Errno) {
        if pending.isEmpty { return }
        try file.writeAll(pending)
        pending.removeAll(keepingCapacity: true)
    }
}
