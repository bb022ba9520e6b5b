// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// libFuzzer's entry point: what a peer writes into a stream, in two parts. The first byte chooses the framing, whether
/// headers are wanted, and where the parts are cut.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = bytes.first, let pair = try? UnixSocket.pair(.stream) else { return 0 }
    let peer = pair.second
    let framing: StreamFraming = choice & 1 == 0 ? .short : .long
    let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: framing, offersHeaders: choice & 2 != 0))
    var pool = FramePool(smallCount: 128, largeCount: 8)
    var burst = FrameBurst(capacity: 64)
    var drops = DropTally()
    let rest = bytes.dropFirst()
    let cut = rest.count * Int(choice >> 2) / 64
    for part in [rest.prefix(cut), rest.dropFirst(cut)] where !part.isEmpty {
        guard let written = try? peer.write(part), written == part.count else { return 0 }
        var result = Endpoint.ReceiveResult.more
        while result == .more || endpoint.holdsFrames {
            result = endpoint.receive(into: &burst, pool: &pool, drops: &drops)
            for index in 0..<burst.count {
                precondition(pool.bytes(burst[index]).count >= 14)
                pool.release(burst[index])
            }
            burst.removeAll()
            if result == .ended { break }
        }
        if result == .ended { break }
        // What both agreed on is used.
        if let frame = pool.allocateSmall(byteCount: 60) {
            burst.append(frame)
            _ = endpoint.send(burst, from: 0, pool: pool, drops: &drops)
            burst.removeAll()
            pool.release(frame)
        }
    }
    precondition(pool.freeSmallCount == 128 && pool.freeLargeCount == 8)
    return 0
}
