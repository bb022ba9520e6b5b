// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// What changes while a stream carries frames.
struct StreamState: ~Copyable {
    /// Bytes asked of the kernel at once.
    static var readByteCount: Int { 256 * 1024 }
    /// Longest message with its length.
    static var messageByteCount: Int { 4 + VirtioNetHeader.byteCount + Tunables.maximumFrameByteCount }

    /// What arrived and is not a frame yet: `head ..< tail`.
    var input = ByteBuffer(capacity: StreamState.readByteCount + StreamState.messageByteCount)
    var head = 0
    var tail = 0
    /// The rest of a message that went only in part, and what has to go before other messages: `sent ..< pending`.
    var output = ByteBuffer(capacity: StreamState.messageByteCount + 2 * 64)
    var sent = 0
    var pending = 0

    var sendFraming: StreamFraming
    var receiveFraming: StreamFraming
    /// Headers are wanted on this side.
    let offersHeaders: Bool
    /// The other side has said that it understands headers.
    var peerUnderstands = false
    var sendsHeaders = false
    var receivesHeaders = false
    /// The length that ended the stream, told once.
    var brokenLength: Int?

    init(framing: StreamFraming, offersHeaders: Bool) {
        sendFraming = framing
        receiveFraming = framing
        self.offersHeaders = offersHeaders
    }

    /// Longest message that may come.
    var receiveLimit: Int {
        receivesHeaders ? VirtioNetHeader.byteCount + Tunables.maximumFrameByteCount : receiveFraming.receiveLimit
    }

    /// What stands at the head of the input.
    var next: StreamFraming.Verdict {
        receiveFraming.parse(input, at: head, count: tail - head, limit: receiveLimit)
    }

    /// Makes frames of the messages that have arrived whole, as many as a burst takes. False when the stream is broken.
    mutating func parse(into burst: inout FrameBurst, pool: inout FramePool, drops: inout DropTally) -> Bool {
        while !burst.isFull, burst.byteCount < Tunables.burstByteCount {
            switch next {
            case .incomplete: return true
            case .broken(let length):
                brokenLength = length
                drops.count(.malformed)
                return false
            case .message(let byteCount):
                let start = head + receiveFraming.prefixByteCount
                head = start + byteCount
                if offersHeaders, !receivesHeaders, let greeting = StreamGreeting.parse(input.bytes(start, byteCount)) {
                    take(greeting)
                } else {
                    take(start, byteCount, into: &burst, pool: &pool, drops: &drops)
                }
            }
        }
        return true
    }

    private mutating func take(_ greeting: StreamGreeting) {
        switch greeting {
        case .offer: peerUnderstands = true
        case .begin:
            receivesHeaders = true
            receiveFraming = .long
        }
    }

    private func take(
        _ start: Int,
        _ byteCount: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) {
        let size = receivesHeaders ? byteCount - VirtioNetHeader.byteCount : byteCount
        guard size >= 14 else {
            drops.count(.runt)
            return
        }
        guard let frame = pool.allocate(byteCount: size) else {
            drops.count(.noFrameMemory)
            return
        }
        if receivesHeaders {
            pool.fillWithHeader(frame, with: input.bytes(start, byteCount))
            // The header comes from another program, so it is checked before it is believed.
            guard !pool.needsWork(frame) || pool.header(frame).validate(frameByteCount: size) else {
                drops.count(.badHeader)
                pool.release(frame)
                return
            }
        } else {
            pool.fill(frame, with: input.bytes(start, size))
        }
        burst.append(frame)
    }

    /// Room behind what has arrived, for a whole read.
    mutating func makeRoom() {
        if head == tail {
            (head, tail) = (0, 0)
        } else if input.capacity - tail < Self.readByteCount {
            input.moveToFront(head, tail - head)
            (head, tail) = (0, tail - head)
        }
    }
}
