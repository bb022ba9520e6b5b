// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// libFuzzer's entry point: capture files of both formats. The first byte says how long the pieces are in which the rest comes:
/// that makes no difference. What is read can be written, and read again.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let piece = bytes.first else { return 0 }
    let file = Array(bytes.dropFirst())
    let whole = Reading(file, pieceByteCount: max(file.count, 1))
    precondition(whole == Reading(file, pieceByteCount: Int(piece) + 1))
    precondition(whole.packets.allSatisfy { $0.bytes.count <= CaptureFileReader.packetByteLimit })

    var writer = PcapngWriter()
    var written = writer.sectionHeader(program: "fuzz") + writer.interface(.init(name: "one"))
    var classic = PcapFile.header(snapLength: 0)
    for packet in whole.packets {
        written += writer.packet(
            interface: 0,
            time: packet.time,
            packet.bytes.span,
            originalByteCount: packet.originalByteCount,
            direction: .inbound,
            comment: "read"
        )
        classic += PcapFile.packet(
            time: packet.time,
            packet.bytes.span,
            originalByteCount: packet.originalByteCount
        )
    }
    let again = Reading(written, pieceByteCount: written.count)
    precondition(again.damage == nil && again.unreadByteCount == 0)
    precondition(again.packets.elementsEqual(whole.packets, by: { $0.time == $1.time && isSame($0, $1) }))
    let older = Reading(classic, pieceByteCount: classic.count)
    precondition(older.damage == nil && older.unreadByteCount == 0)
    precondition(older.packets.elementsEqual(whole.packets, by: isSame))
    return 0
}

private func isSame(_ one: CaptureFileReader.Packet, _ other: CaptureFileReader.Packet) -> Bool {
    one.bytes == other.bytes && one.originalByteCount == other.originalByteCount
}

/// Everything that a reader gets out of a file.
private struct Reading: Equatable {
    var packets: [CaptureFileReader.Packet] = []
    var damage: CaptureFileReader.Damage?
    var unreadByteCount = 0

    init(_ file: [UInt8], pieceByteCount: Int) {
        var reader = CaptureFileReader()
        var rest = file[...]
        repeat {
            reader.append(rest.prefix(pieceByteCount))
            rest = rest.dropFirst(pieceByteCount)
            do throws(CaptureFileReader.Damage) {
                while let packet = try reader.next() { packets.append(packet) }
            } catch {
                damage = error
                return
            }
        } while !rest.isEmpty
        unreadByteCount = reader.unreadByteCount
    }
}
