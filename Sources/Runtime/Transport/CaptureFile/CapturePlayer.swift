// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// Plays a capture file into a socket, a frame a message, on a thread of its own: files and clocks may be waited for there.
///
/// What comes back from the network is read and forgotten, so that nobody there waits for us.
struct CapturePlayer: ~Copyable {
    private let file: OwnedDescriptor
    private let socket: OwnedDescriptor
    private let epoll: Epoll
    private let timer: TimerFD
    private var reader: CaptureFileReader
    private var isAtEnd = false
    /// How much faster than it was recorded; nil: as fast as the network takes it.
    private let speed: Double?
    /// When the first frame was recorded, and when it was played.
    private var begin: (recorded: UInt64, played: UInt64)?
    private var scratch = [UInt8](repeating: 0, count: 65_600)
    private var playedCount = 0
    private var leftOutCount = 0

    private struct Unplugged: Error {}

    private static var chunkByteCount: Int { 1 << 17 }
    /// Frames played before what came back is looked at.
    private static var turnFrameCount: Int { 32 }

    /// - Parameter reader: has been given what was read of the file so far.
    init(
        _ file: consuming OwnedDescriptor,
        _ reader: CaptureFileReader,
        socket: consuming OwnedDescriptor,
        speed: Double?
    ) throws(Errno) {
        let epoll = try Epoll()
        let timer = try TimerFD()
        try epoll.add(socket.rawValue, .readable, word: 0)
        try epoll.add(timer.rawDescriptor, .readable, word: 1)
        self.epoll = epoll
        self.timer = timer
        self.file = file
        self.socket = socket
        self.reader = reader
        self.speed = speed
    }

    /// Plays everything, or until the socket's other end is gone.
    mutating func run(_ name: String) -> CaptureFileReport.Ending {
        do {
            while let packet = try next() {
                guard packet.isEthernet, packet.isWhole,
                    (Ethernet.headerByteCount...FramePool.largeCapacity).contains(packet.bytes.count)
                else {
                    leftOutCount += 1
                    continue
                }
                try play(packet)
                playedCount += 1
                if playedCount % Self.turnFrameCount == 0 { try forgetWhatCame() }
            }
            if reader.unreadByteCount > 0 { leftOutCount += 1 }
            return .played(frames: playedCount, leftOut: leftOutCount)
        } catch let damage as CaptureFileReader.Damage {
            switch damage {
            case .noCapture: return .failed("\(name): no capture file")
            case .malformed(let offset): return .failed("\(name): damaged at byte \(offset); ended there")
            }
        } catch let error as Errno {
            return .failed("\(name): \(error)")
        } catch {
            return .unplugged
        }
    }

    private mutating func next() throws -> CaptureFileReader.Packet? {
        while true {
            if let packet = try reader.next() { return packet }
            if isAtEnd { return nil }
            let bytes = try file.read(atMost: Self.chunkByteCount)
            isAtEnd = bytes.isEmpty
            reader.append(bytes)
        }
    }

    private mutating func play(_ packet: CaptureFileReader.Packet) throws {
        let due = due(packet.time)
        while true {
            if MonotonicClock.nanoseconds < due {
                timer.arm(at: due)
                try wait(.readable)
                continue
            }
            let result = FrameIO.send(socket.rawValue, packet.bytes.span)
            if result >= 0 { return }
            guard result == -Int(Errno.wouldBlock.rawValue) else { throw Unplugged() }
            try wait([.readable, .writable])
        }
    }

    private mutating func due(_ recorded: UInt64) -> UInt64 {
        guard let speed else { return 0 }
        guard let begin else {
            let now = MonotonicClock.nanoseconds
            begin = (recorded, now)
            return now
        }
        // Files are not always in order: what is before the first one is late.
        guard recorded > begin.recorded else { return 0 }
        let wait = Double(recorded - begin.recorded) / speed
        return begin.played &+ (wait < 1e18 ? UInt64(wait) : 1_000_000_000_000_000_000)
    }

    private mutating func wait(_ events: Epoll.Events) throws {
        var ready = Epoll.ReadyList()
        try epoll.modify(socket.rawValue, events, word: 0)
        try epoll.wait(&ready, timeout: -1)
        for index in 0..<ready.count where ready.word(index) == 1 { timer.drain() }
        try forgetWhatCame()
    }

    private mutating func forgetWhatCame() throws {
        let fd = socket.rawValue
        while true {
            var room = scratch.mutableSpan
            let size = FrameIO.receive(fd, into: &room)
            if size == -Int(Errno.wouldBlock.rawValue) { return }
            if size <= 0 { throw Unplugged() }
        }
    }
}
