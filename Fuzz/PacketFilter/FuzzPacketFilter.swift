// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter

/// libFuzzer's entry point: a program as an attach request brings it, and a frame for it to judge.
///
/// The first byte says how many instructions there are. A program that is refused is refused again in the form in which it would
/// travel on; one that is accepted ends, whatever the frame. As a rule, and as the second of two policies put together, it says
/// what it says by itself. What clients were given lets no frame pass that names somebody else as its sender.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let instructionCount = bytes.first else { return 0 }
    let program = Array(bytes.dropFirst().prefix(8 * Int(instructionCount)))
    let frame = Array(bytes.dropFirst(1 + program.count))
    checkBindings(frame)
    guard let filter = try? FilterProgram(bytes: program) else { return 0 }
    precondition(filter.bytes == program)
    let verdict = filter.run(frame.span)
    precondition(filter.accepts(frame.span) == (verdict != 0))
    checkRule(filter, frame)
    return 0
}

private func checkRule(_ filter: FilterProgram, _ frame: [UInt8]) {
    guard frame.count >= 14 else { return }
    let entry = FilterLayer.Entry(FilterRule("rule", accepts: false), program: filter)
    let layer = FilterLayer([entry], fallback: FilterRule("rest", accepts: true))
    // Too long with the checks, or without a word to spare: refused in words.
    guard let policy = try? layer.compiled() else { return }
    precondition(policy.accepts(frame.span) == !filter.accepts(frame.span))
    guard let merged = try? CompiledPolicy.merged([policy, policy]) else { return }
    precondition(merged.accepts(frame.span) == policy.accepts(frame.span))
}

/// Made once: addresses of both versions, one Ethernet address, any Ethernet address.
private let bindings: [CompiledPolicy] = {
    let addresses = (try? AllowedRange.list("10.0.0.66,10.1.0.0/30,fd00::66")) ?? []
    let one = AddressBinding(addresses: addresses, macs: (try? [AllowedMAC("52:54:00:00:00:66")]) ?? [])
    return [one, AddressBinding(addresses: addresses)].compactMap { try? $0.send() }
}()

private func checkBindings(_ frame: [UInt8]) {
    for (number, policy) in bindings.enumerated() where policy.accepts(frame.span) {
        precondition(frame.count > 14 && frame[6] & 1 == 0)
        if number == 0 { precondition(Array(frame[6..<12]) == [0x52, 0x54, 0, 0, 0, 0x66]) }
        switch (frame[12], frame[13]) {
        case (0x08, 0x06):
            precondition(Array(frame[22..<28]) == Array(frame[6..<12]))
            precondition(isOwn(frame[28..<32]) || frame[28..<32].allSatisfy { $0 == 0 } && isOwn(frame[38..<42]))
        case (0x08, 0x00):
            precondition(isOwn(frame[26..<30]) || frame[26..<30].allSatisfy { $0 == 0 } && frame[23] == 17)
        case (0x86, 0xdd): precondition([0xfd, 0xfe, 0].contains(frame[22]))
        default: preconditionFailure("an EtherType that was not admitted")
        }
    }
}

private func isOwn(_ address: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(address)
    return bytes == [10, 0, 0, 66] || bytes.starts(with: [10, 1, 0]) && bytes[3] < 4
}
