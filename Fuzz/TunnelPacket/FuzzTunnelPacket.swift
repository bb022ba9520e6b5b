// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TunnelCrypto

/// libFuzzer's entry point: datagrams at an end of a tunnel, from strangers and, behind the first byte's lowest bit, with the
/// true receiver index of a session. None of them may be taken for a peer's.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var rest = unsafe Array(UnsafeBufferPointer(start: start, count: count))[...]
    let (keyA, keyB) = (Fixture.keyA, Fixture.keyB)
    var a = TunnelPeer(TunnelConfiguration(key: keyA, peer: keyB.publicBytes))
    var b = TunnelPeer(TunnelConfiguration(key: keyB, peer: keyA.publicBytes))
    _ = a.expire(now: 1, wall: 1, canInitiate: true)
    _ = give(a.takeOutput(), to: &b)
    _ = give(b.takeOutput(), to: &a)
    precondition(a.canSend)
    while let head = rest.popFirst() {
        // A length of up to 511 bytes, then the packet.
        let size = min(rest.count, Int(head >> 1) * 4)
        var packet = Array(rest.prefix(size))
        rest = rest.dropFirst(size)
        if head & 1 == 1, packet.count >= 8 {
            packet[0] = 4
            for index in 0..<4 {
                packet[4 + index] = UInt8(truncatingIfNeeded: a.sessionIndex >> (8 * UInt32(index)))
            }
        }
        for verdict in [give(packet, to: &a), give(packet, to: &b)] {
            if case .payload = verdict { preconditionFailure("a forged packet was opened") }
        }
        _ = a.takeOutput()
        _ = b.takeOutput()
    }
    return 0
}

private func give(_ packet: [UInt8], to peer: inout TunnelPeer) -> TunnelPeer.Verdict {
    var bytes = packet
    var span = bytes.mutableSpan
    return peer.receive(&span, at: 0, count: packet.count, now: 2) { [1, 2, 3] }
}

private enum Fixture {
    static let keyA = TunnelKey(privateBytes: [UInt8](repeating: 0x11, count: 32))!
    static let keyB = TunnelKey(privateBytes: [UInt8](repeating: 0x22, count: 32))!
}
