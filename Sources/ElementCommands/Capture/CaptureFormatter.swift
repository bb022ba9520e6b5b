// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Runtime
import Wire

/// Makes pcapng blocks of captured frames: an interface for each port, described when its first frame comes.
struct CaptureFormatter {
    private var writer = PcapngWriter()
    private var interfaces: [UInt16: UInt32] = [:]
    private var received: [UInt64] = []
    private let network: String
    private let filter: String
    private let snapLength: UInt32
    /// From the monotonic clock to that of the day.
    private let offset: UInt64
    /// What ports are called.
    private let portNames: [Int: String]

    init(network: String, filter: String, snapLength: Int, portNames: [Int: String] = [:]) {
        self.network = network
        self.portNames = portNames
        self.filter = filter
        self.snapLength = UInt32(clamping: snapLength)
        offset = WallClock.nanoseconds &- MonotonicClock.nanoseconds
    }

    /// The beginning of a stream, and of each file.
    mutating func begin() -> [UInt8] {
        writer = PcapngWriter()
        interfaces = [:]
        received = []
        return writer.sectionHeader(program: "etherloom \(Version.current)", comment: "switch \(network)")
    }

    mutating func frame(_ record: CaptureRecord, _ bytes: Span<UInt8>) -> [UInt8] {
        var blocks: [UInt8] = []
        let interface: UInt32
        if let known = interfaces[record.port] {
            interface = known
        } else {
            interface = writer.interfaceCount
            interfaces[record.port] = interface
            received.append(0)
            blocks += writer.interface(
                PcapngWriter.Interface(
                    name: name(record.port) ?? "port\(record.port)",
                    description: description(record.port),
                    snapLength: snapLength,
                    filter: filter
                )
            )
        }
        received[Int(interface)] += 1
        var comment = ""
        if record.segmentByteCount > 0 {
            comment = "super-frame: stands for frames with \(record.segmentByteCount) bytes of payload each"
        } else if record.needsChecksum {
            comment = "checksum not summed yet"
        }
        return blocks
            + writer.packet(
                interface: interface,
                time: record.time &+ offset,
                bytes,
                originalByteCount: record.byteCount,
                direction: record.isInbound ? .inbound : .outbound,
                comment: comment
            )
    }

    private func description(_ port: UInt16) -> String {
        let place = "port \(port) of \(network)"
        guard let text = portNames[Int(port)], name(port) == nil else { return place }
        return "\(place): \(text)"
    }

    /// A port of a lab has a name that is one word, such as alice:eth0.
    private func name(_ port: UInt16) -> String? {
        portNames[Int(port)].flatMap { $0.contains(" ") || $0.contains("/") || $0.isEmpty ? nil : $0 }
    }

    /// What each interface got, and what the capture lost: nobody knows of which interface, so it is told of the first.
    mutating func end(lost: UInt64) -> [UInt8] {
        let now = WallClock.nanoseconds
        var blocks: [UInt8] = []
        if received.isEmpty {
            // libpcap reads no file without an interface, not even one without a frame.
            received = [0]
            blocks += writer.interface(
                PcapngWriter.Interface(
                    name: "ports",
                    description: "no frame came at any port of \(network)",
                    snapLength: snapLength,
                    filter: filter
                )
            )
        }
        return blocks
            + received.indices.flatMap {
                writer.statistics(
                    interface: UInt32($0),
                    time: now,
                    received: received[$0],
                    dropped: $0 == 0 ? lost : 0
                )
            }
    }
}
