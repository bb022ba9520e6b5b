// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Wire

private let byteCount = 1 << 16
private let guestAddress: UInt64 = 0x1000
private let userAddress: UInt64 = 0x10_0000

/// libFuzzer's entry point: the memory of a guest with two rings of eight entries at its beginning. The first byte chooses
/// features; the rest is written to the memory, which the device then works on twice.
///
///     0x000  descriptors of ring 0      0x200  descriptors of ring 1      0x400 … buffers, tables
///     0x080  available                  0x280  available
///     0x100  used                       0x300  used
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = bytes.first, let file = try? MemoryFile.create(name: "fuzz", byteCount: byteCount) else {
        return 0
    }
    guard (try? file.write(bytes.dropFirst().prefix(byteCount))) != nil else { return 0 }
    var memory = GuestMemory()
    let region = GuestMemory.Region(
        guestAddress: guestAddress,
        byteCount: UInt64(byteCount),
        userAddress: userAddress,
        fileOffset: 0
    )
    guard (try? memory.add(region, file)) != nil, let device = try? VhostEndpoint(answer: VhostAnswer()) else {
        return 0
    }
    let endpoint = Endpoint.vhost(device)
    var features: VirtioFeatures = []
    if choice & 1 != 0 { features.insert(.version1) }
    if choice & 2 != 0 { features.insert(.mergeableBuffers) }
    if choice & 4 != 0 { features.insert(.eventIndex) }
    endpoint.apply(.vhost(.features(features)))
    endpoint.apply(.vhost(.memory(memory)))
    for ring in 0..<2 {
        guard let event = try? EventFD(), let kick = try? event.duplicate() else { return 0 }
        let base = userAddress + UInt64(ring) * 0x200
        let setup = VhostRingSetup(
            ring: ring,
            size: 8,
            address: VhostRingAddress(descriptors: base, used: base + 0x100, available: base + 0x80),
            base: 0,
            isEnabled: true,
            kick: kick,
            call: nil,
            inflight: nil
        )
        endpoint.apply(.vhost(.start(setup)))
    }
    var pool = FramePool(smallCount: 64, largeCount: 8)
    var burst = FrameBurst(capacity: 64)
    var drops = DropTally()
    for _ in 0..<2 {
        _ = endpoint.receive(into: &burst, pool: &pool, drops: &drops)
        for index in 0..<burst.count {
            let frame = burst[index]
            precondition(frame.byteCount >= 14)
            let header = pool.header(frame)
            precondition(header.isComplete || header.validate(frameByteCount: Int(frame.byteCount)))
            pool.release(frame)
        }
        burst.removeAll()
        for size in [60, 1500] {
            if let frame = pool.allocateSmall(byteCount: size) { burst.append(frame) }
        }
        _ = endpoint.send(burst, from: 0, pool: pool, drops: &drops)
        for index in 0..<burst.count { pool.release(burst[index]) }
        burst.removeAll()
    }
    precondition(pool.freeSmallCount == 64 && pool.freeLargeCount == 8)
    return 0
}
