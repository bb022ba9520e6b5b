// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// libFuzzer's entry point: BPDUs, VLAN tags and everything between, through two spanning trees and a bridge with VLANs.
///
/// The input is a list of steps: a byte that says what happens, and its arguments. Nothing traps, a tag that was put on and
/// taken off leaves the frame as it was, a bridge with a discarding port does not forward from it, and no frame is lost.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var run = Run(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    run.perform()
    return 0
}

private struct Run: ~Copyable {
    private var input: [UInt8]
    private var position = 0
    private let memory: StateMemory
    private var bridge: Bridge
    private var pool = FramePool(smallCount: 4, largeCount: 2)
    private var trees: [SpanningTree]
    private var now: UInt64 = 1_000_000_000

    init(_ input: [UInt8]) {
        self.input = input
        var memory = StateMemory(
            byteCount: StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: 64))
        )
        let database = ForwardingDatabase(in: &memory, bucketCount: 64, seed: 11)
        self.memory = memory
        bridge = Bridge(forwarding: database, vlans: VLANTable(portCount: 8))
        bridge.states.turn(on: true)
        trees = [0, 7].map { SpanningTree(vlan: $0, identifier: 0x8000_0200_0000_0005, now: 0) }
    }

    private mutating func next() -> UInt8 {
        guard position < input.count else { return 0 }
        defer { position += 1 }
        return input[position]
    }

    mutating func perform() {
        while position < input.count {
            let step = next()
            let port = Int(next() & 7)
            switch step & 7 {
            case 0:
                let number = Int(next() & 7)
                trees[port & 1].addPort(number, now: now)
            case 1:
                let number = Int(next() & 7)
                trees[port & 1].removePort(number, now: now)
            case 2:
                let number = Int(next() & 7)
                trees[port & 1].setEdge(number, step & 8 != 0, now: now)
            case 3:
                let vlan = UInt16(next()) << 4 | UInt16(step >> 4)
                bridge.vlans.setUntaggedVLAN(port: port, vlan)
            case 4:
                let vlan = UInt16(next())
                bridge.vlans.setTagged(port: port, vlan, isMember: step & 8 != 0)
            case 5: pass(UInt64(next()) << 26)
            default: receive(port: port)
            }
            carryOut()
        }
        precondition(pool.freeSmallCount == 4 && pool.freeLargeCount == 2, "a frame was lost")
    }

    /// Time goes by, and what is due is done.
    private mutating func pass(_ nanoseconds: UInt64) {
        now += nanoseconds
        for index in trees.indices {
            trees[index].expire(now: now)
            precondition(trees[index].nextDeadline > now, "a timer that does not end")
        }
    }

    private mutating func carryOut() {
        for index in trees.indices {
            for action in trees[index].takeActions() {
                switch action {
                case .setState(let port, let state): bridge.states.set(port: port, vlan: trees[index].vlan, state)
                case .portRemoved(let port): bridge.states.set(port: port, vlan: trees[index].vlan, .forwarding)
                case .flush(let port): bridge.forwarding.forget(port: port)
                case .send(let port, let message):
                    precondition(trees[index].hasPort(port))
                    checkLayout(message)
                default: break
                }
            }
        }
    }

    /// What is sent is understood as it was meant.
    private func checkLayout(_ message: BPDU) {
        var bytes = [UInt8](repeating: 0, count: BPDU.frameByteCount)
        var span = bytes.mutableSpan
        message.emit(from: .zero, into: &span)
        precondition(BPDU(frame: bytes.span) == message)
    }

    private mutating func receive(port: Int) {
        let size = min(Int(next()), input.count - position)
        let frame = Array(input[position..<position + size])
        position += size
        let placement = bridge.place(frame.span, port: port, now: UInt16(truncatingIfNeeded: now >> 30))
        if placement.isForBridge || next() & 1 == 0, let message = BPDU(frame: frame.span) {
            _ = trees[placement.vlan == 7 ? 1 : 0].receive(message, port: port, now: now)
            return
        }
        if !bridge.states.forwards(port: port, vlan: bridge.treeVLAN(placement.vlan)), !placement.isForBridge {
            guard case .discard = placement.verdict else { preconditionFailure("forwarded from a closed port") }
        }
        convert(frame, control: UInt16(next()))
    }

    /// Puts a tag on, takes it off: with and without another holder, whatever the header says.
    private mutating func convert(_ bytes: [UInt8], control: UInt16) {
        guard var frame = pool.allocate(byteCount: bytes.count) else { return }
        var target = pool.mutableBytes(frame)
        for index in bytes.indices { target[index] = bytes[index] }
        if let header = VirtioNetHeader.parse(bytes.span), header.validate(frameByteCount: bytes.count) {
            pool.setHeader(header, of: frame)
        }
        let isValid = pool.header(frame).validate(frameByteCount: bytes.count)
        let other = frame
        let isShared = control & 1 != 0
        if isShared { pool.retain(other) }
        if pool.pushTag(control: control, on: &frame) == nil {
            let (tag, size) = tagAndSize(frame)
            check(tag == control && size == bytes.count + 4, "a tag that is not there")
            // Offsets move with the payload: what was valid stays so.
            check(pool.header(frame).validate(frameByteCount: size) || !isValid, "a header that is wrong now")
            check(pool.popTag(of: &frame) == nil, "a tag that does not come off")
            check(matches(frame, bytes), "a tag on and off changes the frame")
        }
        if pool.popTag(of: &frame) == nil { check(Int(frame.byteCount) == bytes.count - 4, "a tag of no size") }
        if isShared {
            check(matches(other, bytes), "what another holds has changed")
            pool.release(other)
        }
        pool.release(frame)
    }

    private func tagAndSize(_ frame: FrameReference) -> (tag: UInt16?, size: Int) {
        let bytes = pool.bytes(frame)
        return (EthernetFrame(bytes)?.tagControl, bytes.count)
    }

    /// `precondition` without a closure, which could not borrow the pool.
    private func check(_ isSo: Bool, _ message: StaticString) {
        if !isSo { fatalError("\(message)") }
    }

    private func matches(_ frame: FrameReference, _ bytes: [UInt8]) -> Bool {
        let found = pool.bytes(frame)
        guard found.count == bytes.count else { return false }
        for index in bytes.indices where found[index] != bytes[index] { return false }
        return true
    }
}
