// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Dataplane

/// State memory whose bytes a test can see.
private final class VisibleMemory {
    let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        bytes = .allocate(byteCount: byteCount, alignment: 64)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }

    func word32(_ offset: Int) -> UInt32 { bytes.load(fromByteOffset: offset, as: UInt32.self) }
    func word64(_ offset: Int) -> UInt64 { bytes.load(fromByteOffset: offset, as: UInt64.self) }
}

@Suite("The state memory")
struct StateMemoryTests {
    @Test("begins with its magic, version and list of sections, as documented")
    func layout() {
        let visible = VisibleMemory(byteCount: 16_384)
        var memory = StateMemory(formatting: visible.bytes)
        #expect(String(decoding: visible.bytes[0..<8], as: UTF8.self) == "ETHRLOOM")
        #expect(visible.word32(8) == StateMemory.version)
        #expect(visible.word32(12) == 0)
        let first = memory.addSection(.ports, recordByteCount: 64, count: 3)
        let second = memory.addSection(.forwarding, recordByteCount: 16, count: 5)
        let third = memory.addSection(.leases, recordByteCount: 100, count: 1)
        #expect(visible.word32(12) == 3)
        // Kind, size of a record, number of records, offset.
        let expected: [(UInt32, UInt32, UInt64, UInt64)] = [
            (StateMemory.Section.ports.rawValue, 64, 3, 4096),
            (StateMemory.Section.forwarding.rawValue, 16, 5, 4096 + 192),
            // Five records of 16 bytes end at 80; the next section begins at the next multiple of 64.
            (StateMemory.Section.leases.rawValue, 100, 1, 4096 + 192 + 128),
        ]
        for (index, section) in expected.enumerated() {
            let entry = 16 + index * 32
            #expect(visible.word32(entry) == section.0)
            #expect(visible.word32(entry + 4) == section.1)
            #expect(visible.word64(entry + 8) == section.2)
            #expect(visible.word64(entry + 16) == section.3)
        }
        let base = visible.bytes.baseAddress!
        #expect([first - base, second - base, third - base] == [4096, 4288, 4416])
    }

    @Test("asks for exactly the bytes that its sections need")
    func size() {
        let bytes = StateMemory.byteCount(
            sections: StateMemory.sectionByteCount(recordByteCount: 16, count: 5),
            StateMemory.sectionByteCount(recordByteCount: 64, count: 1)
        )
        #expect(bytes == 4096 + 128 + 64)
        var memory = StateMemory(byteCount: bytes)
        _ = memory.addSection(.forwarding, recordByteCount: 16, count: 5)
        _ = memory.addSection(.ports, recordByteCount: 64, count: 1)
    }

    @Test("a section that does not fit ends the process")
    func tooSmall() async {
        await #expect(processExitsWith: .failure) {
            var memory = StateMemory(byteCount: 4096 + 128)
            _ = memory.addSection(.forwarding, recordByteCount: 16, count: 9)
        }
    }

    @Test("kinds of sections keep their numbers, which successors read")
    func sectionNumbers() {
        #expect(StateMemory.Section.allCases.map(\.rawValue) == Array(1...15))
        #expect(DropCause.allCases.map(\.rawValue) == Array(0..<20))
    }
}

@Suite("Sequence numbers of records")
struct SequenceNumberTests {
    @Test("a record can be read before and after a write, not during one")
    func writes() throws {
        let sequence = SequenceNumber()
        let before = try need(sequence.beginRead())
        sequence.beginWrite()
        #expect(sequence.beginRead() == nil)
        #expect(sequence.isUnchanged(since: before) == false)
        sequence.endWrite()
        let after = try need(sequence.beginRead())
        #expect(after != before)
        #expect(sequence.isUnchanged(since: before) == false)
        #expect(sequence.isUnchanged(since: after) == true)
    }

    @Test("a record that its writer left half written is whole again after the next write")
    func diesHalfway() {
        let sequence = SequenceNumber()
        sequence.beginWrite()
        // The writer is gone; its successor writes the record anew.
        sequence.beginWrite()
        #expect(sequence.beginRead() == nil)
        sequence.endWrite()
        #expect(sequence.beginRead() != nil)
    }
}

@Suite("Port states in the state memory")
struct PortStateMemoryTests {
    private let visible = VisibleMemory(
        byteCount: StateMemory.byteCount(sections: PortStates.byteCount(portCount: 70))
    )
    /// The words of a VLAN: ports 0 to 63 and 64 to 69 that do not learn, then those that do not forward.
    private func words(_ vlan: Int) -> [UInt64] { (0..<4).map { visible.word64(4096 + 8 + vlan * 32 + 8 * $0) } }

    @Test("a successor finds which ports are closed, by VLAN")
    func layout() {
        var memory = StateMemory(formatting: visible.bytes)
        var states = PortStates(in: &memory, portCount: 70)
        #expect(visible.word32(16) == StateMemory.Section.portStates.rawValue)
        #expect(visible.word64(4096) == 0)
        states.set(port: 3, vlan: 0, .discarding)
        #expect(words(0) == [0, 0, 0, 0])
        states.turn(on: true)
        states.set(port: 3, vlan: 0, .discarding)
        states.set(port: 69, vlan: 4094, .learning)
        #expect(visible.word64(4096) == 1)
        #expect(words(0) == [1 << 3, 0, 1 << 3, 0])
        #expect(words(4094) == [0, 0, 0, 1 << 5])
        states.set(port: 3, vlan: 0, .forwarding)
        #expect(words(0) == [0, 0, 0, 0])
        // Off, nothing is asked; on again, nothing is left of before.
        states.turn(on: false)
        #expect(visible.word64(4096) == 0)
        states.turn(on: true)
        #expect(words(4094) == [0, 0, 0, 0])
    }

    @Test("each port and VLAN has a state of its own", arguments: [1, 64, 65, 256])
    func answers(portCount: Int) {
        var states = PortStates(portCount: portCount)
        let last = portCount - 1
        #expect(states.learns(port: last, vlan: 7) && states.forwards(port: last, vlan: 7))
        states.turn(on: true)
        var expected: [PortStates.State] = [.discarding, .learning, .forwarding]
        for vlan in [0, 1, 4095] as [UInt16] {
            let state = expected.removeFirst()
            states.set(port: last, vlan: vlan, state)
            let (learns, forwards) = (states.learns(port: last, vlan: vlan), states.forwards(port: last, vlan: vlan))
            #expect(learns == (state != .discarding) && forwards == (state == .forwarding))
            let (firstLearns, firstForwards) = (
                states.learns(port: 0, vlan: vlan), states.forwards(port: 0, vlan: vlan)
            )
            #expect(portCount == 1 || firstLearns && firstForwards)
        }
        let (learns, forwards) = (states.learns(port: last, vlan: 2), states.forwards(port: last, vlan: 2))
        #expect(learns && forwards)
        states.turn(on: false)
        let isOpen = states.forwards(port: last, vlan: 0)
        #expect(isOpen)
    }
}

@Suite("Ports and endpoints in the state memory")
struct PortTableTests {
    private let visible = VisibleMemory(
        byteCount: StateMemory.byteCount(sections: PortTable.byteCount(portCount: 4, endpointCount: 3))
    )
    private let table: PortTable

    init() {
        var memory = StateMemory(formatting: visible.bytes)
        table = PortTable(in: &memory, portCount: 4, endpointCount: 3)
    }

    private let entry = PortTable.EndpointEntry(
        kind: 1,
        port: 3,
        identifier: 17,
        userID: 1000,
        processID: 4711,
        capabilities: 31,
        description: "guest user=u PID=1"
    )

    @Test("counters of a port add up and stay that port's")
    func counters() {
        table.countIn(port: 1, frames: 2, bytes: 120)
        table.countIn(port: 1, frames: 1, bytes: 60)
        table.countOut(port: 1, frames: 3, bytes: 4000)
        table.countOut(port: 2, frames: 1, bytes: 1)
        table.countLeft(port: 1, frames: 5)
        var expected = PortCounters()
        expected.inFrames = 3
        expected.inBytes = 180
        expected.outFrames = 3
        expected.outBytes = 4000
        expected.leftFrames = 5
        #expect(table.counters(port: 1) == expected)
        #expect(table.counters(port: 0) == PortCounters())
        table.resetCounters(port: 1)
        #expect(table.counters(port: 1) == PortCounters())
        #expect(table.counters(port: 2).outFrames == 1)
    }

    @Test("drops are counted by cause", arguments: DropCause.allCases)
    func drops(cause: DropCause) {
        table.setEndpoint(1, entry)
        table.countDrop(endpoint: 1, cause)
        table.countDrop(endpoint: 1, cause, frames: 41)
        for other in DropCause.allCases { #expect(table.drops(endpoint: 1, other) == (other == cause ? 42 : 0)) }
        #expect(table.drops(endpoint: 2, cause) == 0)
        // The description lies behind the counters.
        #expect(table.entry(endpoint: 1) == entry)
    }

    @Test("an endpoint's entry is read as it was written, and gone when it is cleared")
    func entries() {
        #expect(table.entry(endpoint: 0) == nil)
        table.setEndpoint(0, entry)
        #expect(table.entry(endpoint: 0) == entry)
        #expect(table.entry(endpoint: 1) == nil)
        table.clearEndpoint(0)
        #expect(table.entry(endpoint: 0) == nil)
    }

    @Test("a newcomer begins with no drops")
    func newcomerBeginsAnew() {
        table.setEndpoint(0, entry)
        table.countDrop(endpoint: 0, .queueFull, frames: 5)
        table.clearEndpoint(0)
        table.setEndpoint(0, entry)
        #expect(table.drops(endpoint: 0, .queueFull) == 0)
    }

    @Test("a description longer than its room is cut, and its neighbour stays whole", arguments: [311, 312, 313, 5000])
    func longDescription(length: Int) {
        var long = entry
        long.description = String(repeating: "x", count: length)
        table.setEndpoint(1, entry)
        table.setEndpoint(0, long)
        #expect(table.entry(endpoint: 0)?.description == String(repeating: "x", count: min(length, 312)))
        #expect(table.entry(endpoint: 1) == entry)
    }

    @Test("an entry that is half written is not shown")
    func halfWritten() {
        table.setEndpoint(0, entry)
        let record = StateMemory.byteCount(sections: StateMemory.sectionByteCount(recordByteCount: 64, count: 4))
        let sequence = visible.word32(record)
        visible.bytes.storeBytes(of: sequence | 1, toByteOffset: record, as: UInt32.self)
        #expect(table.entry(endpoint: 0) == nil)
    }

    @Test("a length that a dying process left behind traps nobody", arguments: [UInt64.max, 1 << 63, 100_000])
    func absurdLength(length: UInt64) {
        table.setEndpoint(0, entry)
        let record = StateMemory.byteCount(sections: StateMemory.sectionByteCount(recordByteCount: 64, count: 4))
        visible.bytes.storeBytes(of: length, toByteOffset: record + 192, as: UInt64.self)
        #expect(table.entry(endpoint: 0)?.description.utf8.count == 312)
    }

    @Test("a port that is none ends the process")
    func outOfRange() async {
        await #expect(processExitsWith: .failure) {
            var memory = StateMemory(
                byteCount: StateMemory.byteCount(sections: PortTable.byteCount(portCount: 2, endpointCount: 2))
            )
            let table = PortTable(in: &memory, portCount: 2, endpointCount: 2)
            table.countIn(port: 2, frames: 1, bytes: 60)
        }
    }
}
