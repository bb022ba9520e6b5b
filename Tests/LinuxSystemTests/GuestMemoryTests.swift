// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing

@Suite("Memory shared by a guest")
struct GuestMemoryTests {
    private static let page = 4096

    /// A memory file that, unlike those of ours, can be cut short.
    private static func file(byteCount: Int) throws -> OwnedDescriptor {
        let fd = memfd_create("guest", UInt32(MFD_CLOEXEC))
        try #require(fd >= 0)
        try #require(ftruncate(fd, off_t(byteCount)) == 0)
        return OwnedDescriptor(adopting: fd)
    }

    /// An eventfd whose reader would wait.
    private static func event() throws -> OwnedDescriptor {
        let original = try EventFD()
        let event = OwnedDescriptor(adopting: dup(original.rawDescriptor))
        original.drain()
        _ = fcntl(event.rawValue, F_SETFL, 0)
        return event
    }

    // The testing macros take no values that cannot be copied; these stand between.

    private static func found(_ range: GuestMemory.Range?) throws -> GuestMemory.Range { try #require(range) }

    private static func expect(_ range: GuestMemory.Range?, isNil: Bool, _ location: SourceLocation = #_sourceLocation)
    {
        #expect((range == nil) == isNil, sourceLocation: location)
    }

    private static func expectBroken(_ isBroken: Bool, _ wanted: Bool, _ location: SourceLocation = #_sourceLocation) {
        #expect(isBroken == wanted, sourceLocation: location)
    }

    private static func region(_ guest: UInt64, _ size: Int, user: UInt64 = 0x7000_0000, offset: Int = 0)
        -> GuestMemory.Region
    {
        GuestMemory.Region(
            guestAddress: guest,
            byteCount: UInt64(size),
            userAddress: user,
            fileOffset: UInt64(offset)
        )
    }

    @Test("what one side writes the other reads, wherever the region begins in its file")
    func sharesBytes() throws {
        let file = try Self.file(byteCount: 4 * Self.page)
        var memory = GuestMemory()
        try memory.add(Self.region(0x1_0000, 2 * Self.page, offset: 2 * Self.page), file)
        let text = Array("from the guest".utf8)
        #expect(pwrite(file.rawValue, text, text.count, off_t(2 * Self.page + 100)) == text.count)
        let range = try Self.found(memory.locate(guest: 0x1_0000 + 100, byteCount: text.count))
        var bytes = [UInt8](repeating: 0, count: text.count)
        var target = bytes.mutableSpan
        memory.copyOut(range, to: &target, at: 0)
        #expect(bytes == text)
        let answer = Array("from the switch".utf8)
        let there = try Self.found(memory.locate(user: 0x7000_0000 + 512, byteCount: answer.count, alignment: 4))
        memory.copyIn(there, from: answer.span, at: 0)
        var seen = [UInt8](repeating: 0, count: answer.count)
        #expect(pread(file.rawValue, &seen, seen.count, off_t(2 * Self.page + 512)) == seen.count)
        #expect(seen == answer)
    }

    @Test("an address outside of every region is nowhere, and a range ends with its region")
    func boundsAddresses() throws {
        let file = try Self.file(byteCount: 2 * Self.page)
        var memory = GuestMemory()
        try memory.add(Self.region(0x1000, Self.page, user: 0x1000), file)
        try memory.add(Self.region(0x2000, Self.page, user: 0x9000, offset: Self.page), file)
        Self.expect(memory.locate(guest: 0xfff, byteCount: 1), isNil: true)
        Self.expect(memory.locate(guest: 0x3000, byteCount: 1), isNil: true)
        Self.expect(memory.locate(guest: .max, byteCount: 16), isNil: true)
        Self.expect(memory.locate(guest: 0x1000, byteCount: 0), isNil: true)
        let end = try Self.found(memory.locate(guest: 0x1ff0, byteCount: 64))
        #expect(end.byteCount == 16)
        // A ring must lie in one region, and aligned.
        Self.expect(memory.locate(user: 0x1ff0, byteCount: 64, alignment: 4), isNil: true)
        Self.expect(memory.locate(user: 0x1001, byteCount: 16, alignment: 16), isNil: true)
        Self.expect(memory.locate(user: 0x9000, byteCount: Self.page, alignment: 16), isNil: false)
        Self.expect(memory.locate(user: 0x9000, byteCount: Self.page + 1, alignment: 16), isNil: true)
    }

    @Test("a region that its file does not have, or that is no file at all, is refused")
    func refusesLies() throws {
        let file = try Self.file(byteCount: Self.page)
        var memory = GuestMemory()
        for lie in [
            Self.region(0, Self.page + 1), Self.region(0, Self.page, offset: 1), Self.region(0, 0),
            Self.region(.max - 10, Self.page), Self.region(0, Self.page, user: .max - 10),
            GuestMemory.Region(guestAddress: 0, byteCount: .max, userAddress: 0, fileOffset: 16),
        ] {
            #expect(throws: GuestMemory.MapError.self) { try Self.add(lie, file) }
        }
        let pipe = try OwnedDescriptor.pipe()
        #expect(throws: GuestMemory.MapError.self) { try Self.add(Self.region(0, Self.page), pipe.first) }
        let null = try OwnedDescriptor.open("/dev/zero", flags: O_RDWR)
        #expect(throws: GuestMemory.MapError.self) { try Self.add(Self.region(0, Self.page), null) }
        for number in 0..<8 { try memory.add(Self.region(UInt64(number) << 20, Self.page), file) }
        #expect(throws: GuestMemory.MapError.self) { try Self.addNinth(file) }
    }

    private static func add(_ region: GuestMemory.Region, _ file: borrowing OwnedDescriptor) throws {
        var memory = GuestMemory()
        try memory.add(region, file)
    }

    private static func addNinth(_ file: borrowing OwnedDescriptor) throws {
        var memory = GuestMemory()
        for number in 0..<9 { try memory.add(region(UInt64(number) << 20, page), file) }
    }

    @Test("a file cut short under the reader breaks its region and nothing else")
    func survivesTruncation() throws {
        let file = try Self.file(byteCount: 4 * Self.page)
        let other = try Self.file(byteCount: Self.page)
        var memory = GuestMemory()
        try memory.add(Self.region(0, 4 * Self.page), file)
        var neighbour = GuestMemory()
        try neighbour.add(Self.region(0, Self.page), other)
        let text = Array("still here".utf8)
        #expect(pwrite(other.rawValue, text, text.count, 0) == text.count)
        let range = try Self.found(memory.locate(guest: UInt64(3 * Self.page), byteCount: 100))
        Self.expectBroken(memory.isBroken, false)
        let cut = ftruncate(file.rawValue, 0)
        #expect(cut == 0)

        var bytes = [UInt8](repeating: 7, count: 100)
        var target = bytes.mutableSpan
        memory.copyOut(range, to: &target, at: 0)
        #expect(bytes == [UInt8](repeating: 0, count: 100))
        Self.expectBroken(memory.isBroken, true)
        // Writing goes nowhere, and harms nobody.
        memory.copyIn(try Self.found(memory.locate(guest: 0, byteCount: text.count)), from: text.span, at: 0)
        memory.storeReleasing16(range, at: 2, 5)
        let value = memory.loadAcquiring16(range, at: 2)
        #expect(value == 5)

        Self.expectBroken(neighbour.isBroken, false)
        let there = try Self.found(neighbour.locate(guest: 0, byteCount: text.count))
        var read = [UInt8](repeating: 0, count: text.count)
        var room = read.mutableSpan
        neighbour.copyOut(there, to: &room, at: 0)
        #expect(read == text)
    }

    @Test("a bus error that is not about a guest's memory ends the process, as it would without us")
    func leavesOtherBusErrors() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let file = try Self.file(byteCount: Self.page)
            var memory = GuestMemory()
            try memory.add(Self.region(0, Self.page), file)
            let own = try Self.file(byteCount: Self.page)
            let address = mmap(nil, Self.page, PROT_READ, MAP_SHARED, own.rawValue, 0)
            _ = ftruncate(own.rawValue, 0)
            print(address!.load(as: UInt8.self))
        }
    }

    @Test("descriptors are known for what they are")
    func knowsDescriptors() throws {
        let event = try Self.event()
        let pipe = try OwnedDescriptor.pipe()
        let kinds = [
            DescriptorKind(event), DescriptorKind(pipe.first), DescriptorKind(try UnixSocket.make(.stream)),
            DescriptorKind(try OwnedDescriptor.open("/dev/null", flags: O_RDWR)),
        ]
        #expect(kinds == [.eventFD, .pipe, .socket, .other])
    }

    @Test("a signal never waits, whatever the flags of the descriptor", .mayRun(seconds: 60))
    func signalsWithoutWaiting() throws {
        let event = try Self.event()
        SharedSignal.drain(event.rawValue)
        SharedSignal.send(event.rawValue)
        let count = try event.read(atMost: 8)
        #expect(count[0] == 1)
        let pair = try UnixSocket.pair(.stream)
        _ = fcntl(pair.first.rawValue, F_SETFL, 0)
        for _ in 0..<200_000 { SharedSignal.send(pair.first.rawValue) }
        let arrived = try pair.second.read(atMost: 8)
        #expect(arrived.count == 8)
    }
}
