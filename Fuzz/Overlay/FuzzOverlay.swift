// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Wire

/// libFuzzer's entry point: what stands before a frame in VXLAN and L2TPv3 packets, frames whose checksums are unfinished, and
/// the table of stations and hosts. The first byte chooses.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch choice & 3 {
    case 0: vxlan(rest)
    case 1: l2tp(rest)
    case 2: unfinished(rest)
    default: stations(rest)
    }
    return 0
}

/// A header that is taken is written again as it was.
private func vxlan(_ packet: [UInt8]) {
    guard let identifier = VXLANHeader.identifier(packet.span) else { return }
    var again = [UInt8](repeating: 0xff, count: VXLANHeader.byteCount)
    var span = again.mutableSpan
    precondition(VXLANHeader.emit(identifier: identifier, into: &span) == VXLANHeader.byteCount)
    precondition(again == Array(packet.prefix(VXLANHeader.byteCount)))
}

/// A header that is valid is the one that its sender would write, but for the counter and reserved bits.
private func l2tp(_ packet: [UInt8]) {
    guard packet.count >= 2 else { return }
    var framing = L2TPv3Framing(receiveSession: 7, sendSession: 7)
    framing.cookieByteCount = [0, 4, 8, 0][Int(packet[0] & 3)]
    framing.hasCounter = packet[0] & 4 != 0
    framing.receiveCookie = framing.cookieByteCount == 4 ? 0x0102_0304 : 0x0102_0304_0506_0708
    framing.sendCookie = framing.receiveCookie
    let header = Array(packet.dropFirst())
    guard framing.verify(header.span) == .valid else { return }
    var again = [UInt8](repeating: 0, count: L2TPv3Framing.maximumByteCount)
    var span = again.mutableSpan
    let size = framing.emit(counter: 1, into: &span)
    precondition(size == framing.byteCount && header.count >= framing.byteCount)
    let end = 8 + framing.cookieByteCount
    precondition(Array(again[4..<end]) == Array(header[4..<end]))
}

/// What is called unfinished can be finished, and is whole then.
private func unfinished(_ frame: [UInt8]) {
    guard let header = UnfinishedFrame.header(of: frame.span, packetByteLimit: 1450) else { return }
    precondition(header.validate(frame: frame.span))
    if header.isSuperFrame {
        guard let segmenter = Segmenter(header: header, frame: frame.span) else { return }
        var segment = [UInt8](repeating: 0, count: segmenter.maximumSegmentByteCount)
        for index in 0..<segmenter.segmentCount {
            var span = segment.mutableSpan
            precondition(segmenter.emit(index, from: frame.span, into: &span) <= segmenter.maximumSegmentByteCount)
        }
    } else {
        var whole = frame
        var span = whole.mutableSpan
        precondition(ChecksumCompletion.complete(header, frame: &span))
    }
}

/// The table against a dictionary: it may forget, it may not invent.
private func stations(_ script: [UInt8]) {
    var table = RemoteTable(capacity: 64, ageingSeconds: 10, seed: 0x9e37_79b9_7f4a_7c15)
    var oracle: [UInt64: (host: InternetAddress, second: UInt32)] = [:]
    var second: UInt32 = 0
    var position = 0
    while position + 4 <= script.count {
        let (verb, one, two, three) = (
            script[position], script[position + 1], script[position + 2], script[position + 3]
        )
        position += 4
        let station = MACAddress(rawValue: 0x0200_0000_0000 | UInt64(one) << 8 | UInt64(two & 15))
        let vlan = UInt16(two >> 4)
        let host = InternetAddress(ipv4: 0x0a00_0000 | UInt32(three), port: 4789)
        let key = station.rawValue << 16 | UInt64(vlan)
        switch verb & 3 {
        case 0:
            table.learn(station, vlan: vlan, host: host, second: second)
            oracle[key] = (host, second)
        case 1:
            second &+= UInt32(three)
        case 2:
            table.forget(host: host)
            oracle = oracle.filter { $0.value.host != host }
        default:
            if let found = table.lookUp(station, vlan: vlan, second: second) {
                guard let known = oracle[key] else { preconditionFailure("a station that was never heard") }
                precondition(found == known.host && second &- known.second <= 10)
            }
        }
    }
    precondition(table.count <= 64)
}
