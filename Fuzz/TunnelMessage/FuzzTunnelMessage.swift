// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints

/// libFuzzer's entry point: open packets of a peer that was taken over. Whatever they say, frames lie within their slots and
/// no slot is lost.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var rest = unsafe Array(UnsafeBufferPointer(start: start, count: count))[...]
    var assembly = TunnelAssembly()
    var pool = FramePool(smallCount: 8, largeCount: 8)
    var burst = FrameBurst(capacity: 64)
    var drops = DropTally()
    var counter: UInt64 = 0
    while rest.count >= 3 {
        // How the number of the packet goes on, and its length.
        counter = counter &+ UInt64(bitPattern: Int64(Int8(bitPattern: rest.removeFirst())))
        let size = min(rest.count - 2, Int(rest.removeFirst()) << 8 | Int(rest.removeFirst()))
        let packet = Array(rest.prefix(max(size, 0)))
        rest = rest.dropFirst(max(size, 0))
        assembly.insert(packet.span, session: 1, counter: counter, into: &burst, pool: &pool, drops: &drops)
        for index in 0..<burst.count {
            let frame = burst[index]
            precondition(frame.byteCount >= 14 && pool.bytes(frame).count == Int(frame.byteCount))
            pool.release(frame)
        }
        burst.removeAll()
        precondition(pool.freeSmallCount == 8 && pool.freeLargeCount == 8)
    }
    return 0
}
