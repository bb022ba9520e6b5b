// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
import Wire

/// A byte stream that carries frames behind their lengths: a socket, or the two pipes of a program's standard streams.
///
/// The cheapest way between two programs: one system call takes many frames, in both directions. A stream loses nothing; a
/// reader that is slow makes its writer wait.
///
/// Frames are read 256 KiB at a time and then made of what has arrived, so that frames may wait here which the kernel knows
/// nothing of (`holdsFrames`). What the kernel takes of a burst may end within a frame: the rest of that frame is kept here
/// and goes first.
public struct StreamEndpoint: ~Copyable, Sendable {
    /// Where frames come from, and go to unless there is `output`.
    let input: OwnedDescriptor
    let output: OwnedDescriptor?
    private let outputDescriptor: Int32
    private let hasOutput: Bool
    private let isInputSocket: Bool
    private let isOutputSocket: Bool
    private let state: OwnedState<StreamState>

    /// Room asked for in the kernel's half of the queue: two full writes.
    private static var sendBufferByteCount: Int { 1 << 19 }

    /// A socket that is read from and written to.
    ///
    /// - Parameters:
    ///   - framing: how frames are separated.
    ///   - offersHeaders: agree with the other side on virtio-net headers, if it is ours and wants them too.
    public init(_ socket: consuming OwnedDescriptor, framing: StreamFraming, offersHeaders: Bool = false) {
        isInputSocket = (try? FileStatus(socket))?.isSocket ?? false
        isOutputSocket = isInputSocket
        if isInputSocket { UnixSocket.setSendBuffer(socket, byteCount: Self.sendBufferByteCount) }
        outputDescriptor = socket.rawValue
        input = socket
        output = nil
        hasOutput = false
        state = OwnedState(StreamState(framing: framing, offersHeaders: offersHeaders))
        if offersHeaders { offer() }
    }

    /// A program's standard streams: one to read from, one to write to.
    public init(
        _ input: consuming OwnedDescriptor,
        output: consuming OwnedDescriptor,
        framing: StreamFraming,
        offersHeaders: Bool = false
    ) {
        isInputSocket = (try? FileStatus(input))?.isSocket ?? false
        isOutputSocket = (try? FileStatus(output))?.isSocket ?? false
        // A file is never full, and cannot be waited for.
        hasOutput = (try? FileStatus(output))?.isPollable ?? false
        outputDescriptor = output.rawValue
        self.input = input
        self.output = Optional(consume output)
        state = OwnedState(StreamState(framing: framing, offersHeaders: offersHeaders))
        if offersHeaders { offer() }
    }

    private func offer() {
        state.value.pending = StreamGreeting.offer.write(into: &state.value.output, at: 0, state.value.sendFraming)
        // A new stream has room for it; if not, it goes with the first frame.
        _ = flushPending()
    }

    var channelCount: Int { hasOutput ? 2 : 1 }
    func descriptor(channel: Int) -> Int32 { channel == 0 ? input.rawValue : outputDescriptor }

    func interest(channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        var events: Epoll.Events = []
        if isRead, channel == 0 { events.insert(.readable) }
        if isBlocked, channel == channelCount - 1 { events.insert(.writable) }
        return events
    }

    /// A frame has arrived whole and was not taken yet.
    var holdsFrames: Bool { state.value.head != state.value.tail && state.value.next != .incomplete }

    var capabilities: PortCapabilities { state.value.sendsHeaders ? .all : [] }

    func takeNotice() -> EndpointNotice? {
        guard let length = state.value.brokenLength.take() else { return nil }
        return EndpointNotice(.streamBroken, value: UInt64(length))
    }

    func receive(
        channel: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        // The other half says only that its reader has gone.
        if channel != 0 { return .ended }
        guard state.value.parse(into: &burst, pool: &pool, drops: &drops) else { return .ended }
        // Frames that wait here go first, and a burst at a time.
        if !burst.isEmpty, holdsFrames || burst.isFull { return .more }
        state.value.makeRoom()
        let room = state.value.input.capacity - state.value.tail
        var bytes = state.value.input.mutableBytes(state.value.tail, room)
        let size = StreamIO.receive(input.rawValue, isSocket: isInputSocket, into: &bytes)
        guard size > 0 else { return size == -Int(Errno.wouldBlock.rawValue) ? .drained : .ended }
        state.value.tail += size
        guard state.value.parse(into: &burst, pool: &pool, drops: &drops) else { return .ended }
        return size == room ? .more : .drained
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        switch flushPending() {
        case .blocked: return .blocked(from: first)
        case .failed(let error):
            drops.count(DropTally.cause(of: error), burst.count - first)
            return .done
        case .empty: break
        }
        if state.value.peerUnderstands, !state.value.sendsHeaders { begin() }
        var next = first
        while next < burst.count {
            let (sent, failure) = sendSome(burst, from: next, pool, &drops)
            next = sent
            switch failure {
            case nil: break
            case .wouldBlock?: return .blocked(from: next)
            case let failure?:
                drops.count(DropTally.cause(of: failure), burst.count - next)
                return .done
            }
        }
        return state.value.pending == 0 ? .done : .blocked(from: next)
    }

    /// From here on with headers; said before the next frame.
    private func begin() {
        state.value.pending = StreamGreeting.begin.write(into: &state.value.output, at: 0, state.value.sendFraming)
        state.value.sendsHeaders = true
        state.value.sendFraming = .long
        _ = flushPending()
    }

    private enum Flush {
        case empty, blocked
        case failed(Errno)
    }

    /// Sends what has to go before anything else.
    private func flushPending() -> Flush {
        while state.value.sent < state.value.pending {
            let rest = state.value.pending - state.value.sent
            let size = StreamIO.send(
                outputDescriptor,
                isSocket: isOutputSocket,
                state.value.output.bytes(state.value.sent, rest)
            )
            if size < 0 {
                let error = Errno(rawValue: Int32(-size))
                return error == .wouldBlock ? .blocked : .failed(error)
            }
            state.value.sent += size
        }
        (state.value.sent, state.value.pending) = (0, 0)
        return .empty
    }

    /// One system call: the index behind the last frame that went, whole or begun, and why it stopped there.
    private func sendSome(
        _ burst: borrowing FrameBurst,
        from first: Int,
        _ pool: borrowing FramePool,
        _ drops: inout DropTally
    ) -> (Int, Errno?) {
        // What has to go first must be gone, or frames would be mixed into one another.
        if state.value.pending != 0, case .blocked = flushPending() { return (first, .wouldBlock) }
        let header = state.value.sendsHeaders ? VirtioNetHeader.byteCount : 0
        let prefix = state.value.sendFraming.prefixByteCount
        let limit = header != 0 ? Tunables.maximumFrameByteCount : state.value.sendFraming.sendLimit
        var parts: [64 of FrameIO.Part] = InlineArray(repeating: FrameIO.Part(offset: 0, byteCount: 0))
        var count = 0
        var total = 0
        var next = first
        while next < burst.count, count < StreamIO.batchLimit, total < StreamState.readByteCount {
            let frame = burst[next]
            if Int(frame.byteCount) > limit {
                // Frames that are left out end a batch, so that parts and frames keep their order.
                if count > 0 { break }
                drops.count(.tooLarge)
                next += 1
                continue
            }
            let part = FrameIO.Part(
                offset: pool.offset(frame) - header,
                byteCount: Int(frame.byteCount) + header
            )
            parts[count] = part
            total += prefix + Int(part.byteCount)
            count += 1
            next += 1
        }
        guard count > 0 else { return (next, nil) }
        let size = StreamIO.send(
            outputDescriptor,
            isSocket: isOutputSocket,
            from: pool.slab,
            parts.span,
            count: count,
            prefix: prefix
        )
        if size == total { return (next, nil) }
        if size < 0 { return (next - count, Errno(rawValue: Int32(-size))) }
        return (keepRest(parts, count: count, next: next, size: size, pool), .wouldBlock)
    }

    /// Finds the frame within which a write ended, and keeps its rest: the index behind it.
    private func keepRest(
        _ parts: [64 of FrameIO.Part],
        count: Int,
        next: Int,
        size: Int,
        _ pool: borrowing FramePool
    ) -> Int {
        let prefix = state.value.sendFraming.prefixByteCount
        var left = size
        var index = 0
        while index < count, left >= prefix + Int(parts[index].byteCount) {
            left -= prefix + Int(parts[index].byteCount)
            index += 1
        }
        let first = next - count
        guard left > 0, index < count else { return first + index }
        let part = parts[index]
        let length = Int(part.byteCount)
        for position in 0..<prefix {
            state.value.output[position] = UInt8(truncatingIfNeeded: length >> (8 * (prefix - 1 - position)))
        }
        state.value.output.write(pool.slab.extracting(Int(part.offset)..<(Int(part.offset) + length)), at: prefix)
        state.value.sent = left
        state.value.pending = prefix + length
        return first + index + 1
    }
}
