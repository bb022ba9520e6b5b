// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// libFuzzer's entry point: header and payload of a request of a virtual machine's monitor. What is understood is within
/// the bounds that the rest relies on.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let header = try? VhostMessageHeader.parse(bytes.span) else { return 0 }
    precondition(header.payloadByteCount <= VhostMessage.maximumPayloadByteCount)
    let payload = Array(bytes.dropFirst(VhostMessageHeader.byteCount))
    switch try? VhostMessage.parse(request: header.request, payload: payload.span) {
    case .setMemoryTable(let regions): precondition(regions.count <= GuestMemory.maximumRegionCount)
    case .setRingSize(let ring, let size):
        precondition(ring < VhostMessage.ringCount && size > 0 && size & (size - 1) == 0 && size <= 32_768)
    case .getConfiguration(let range), .setConfiguration(let range):
        precondition(range.offset >= 0 && range.offset + range.byteCount <= 256 && payload.count >= 12)
    case .getInflight(let inflight), .setInflight(let inflight):
        precondition(inflight.queueCount <= VhostMessage.ringCount && inflight.payloadByteCount >= 20)
    case .setRingAddress(let ring, _), .setRingBase(let ring, _), .getRingBase(let ring), .setRingKick(let ring, _),
        .setRingCall(let ring, _), .setRingError(let ring, _), .enableRing(let ring, _):
        precondition(ring >= 0 && ring < VhostMessage.ringCount)
    default: break
    }
    return 0
}
