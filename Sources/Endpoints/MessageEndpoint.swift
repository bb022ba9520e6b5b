// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
import Wire

/// A tap device: each read or write is one frame behind its virtio-net header.
///
/// The descriptor may have been made by another program and handed to us; its file description is then shared, and so is
/// its O_NONBLOCK. All calls therefore ask not to wait on their own (RWF_NOWAIT).
public struct TapEndpoint: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor
    let capabilities: PortCapabilities
    /// Why the speed that was asked for is not shown.
    private let speedRefusal = OwnedState<Errno?>(nil)

    /// Takes a tap over and switches its offloads on.
    public init(_ descriptor: consuming OwnedDescriptor) throws(Errno) {
        let offloads = try Tap.configure(descriptor)
        var capabilities: PortCapabilities = [.header, .checksum, .tso4, .tso6]
        if offloads.contains(.uso) { capabilities.insert(.uso) }
        self.capabilities = capabilities
        self.descriptor = descriptor
    }

    /// The interface shows that its cable is there, or is not.
    func setCarrier(_ isOn: Bool) { Tap.setCarrier(descriptor, isOn) }

    /// The interface shows this speed, where the kernel lets us say so; it has none of its own.
    func setSpeed(megabits: UInt32) {
        do throws(Errno) {
            try Tap.setSpeed(descriptor, megabits: megabits)
        } catch {
            speedRefusal.value = error
        }
    }

    func takeNotice() -> EndpointNotice? {
        guard let error = speedRefusal.value else { return nil }
        speedRefusal.value = nil
        return EndpointNotice(.speedRefused, value: UInt64(UInt32(bitPattern: error.rawValue)))
    }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var taken = 0
        while taken < Tunables.burstFrameCount, burst.byteCount < Tunables.burstByteCount, !burst.isFull {
            guard var frame = pool.allocateLarge() else { return .drained }
            var room = pool.mutableBytesWithHeader(frame)
            let size = FrameIO.read(descriptor.rawValue, into: &room)
            guard size > 0 else {
                pool.release(frame)
                return size == -Int(Errno.wouldBlock.rawValue) ? .drained : .ended
            }
            taken += 1
            guard size >= VirtioNetHeader.byteCount + 14 else {
                drops.count(.runt)
                pool.release(frame)
                continue
            }
            frame.byteCount = UInt32(size - VirtioNetHeader.byteCount)
            // The kernel writes this header, but what is to be cut, and how, may be a packet socket's word.
            guard !pool.needsWork(frame) || pool.header(frame).validate(frameByteCount: Int(frame.byteCount)) else {
                drops.count(.badHeader)
                pool.release(frame)
                continue
            }
            burst.append(frame)
        }
        return .more
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        for index in first..<burst.count {
            let result = FrameIO.write(descriptor.rawValue, pool.bytesWithHeader(burst[index]))
            if result == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: index) }
            if result < 0 { drops.count(DropTally.cause(of: Errno(rawValue: Int32(-result)))) }
        }
        return .done
    }
}

/// One end of the SOCK_SEQPACKET pair that joins two programs of ours: each message is one frame behind its virtio-net
/// header, up to 64 KiB. The header comes from another program, so it is checked before it is believed.
public struct ChannelEndpoint: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    /// Room asked for in the kernel's half of the queue: a few super-frames.
    public static var sendBufferByteCount: Int { 1 << 20 }

    public init(_ descriptor: consuming OwnedDescriptor) {
        UnixSocket.setSendBuffer(descriptor, byteCount: Self.sendBufferByteCount)
        self.descriptor = descriptor
    }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var taken = 0
        let limit = VirtioNetHeader.byteCount + FramePool.largeCapacity
        while taken < Tunables.burstFrameCount, burst.byteCount < Tunables.burstByteCount, !burst.isFull {
            guard var frame = pool.allocateLarge() else { return .drained }
            var room = pool.mutableBytesWithHeader(frame)
            let size = FrameIO.receive(descriptor.rawValue, into: &room)
            guard size > 0 else {
                pool.release(frame)
                return size == -Int(Errno.wouldBlock.rawValue) ? .drained : .ended
            }
            taken += 1
            guard size >= VirtioNetHeader.byteCount + 14, size <= limit else {
                drops.count(size > limit ? .truncated : .runt)
                pool.release(frame)
                continue
            }
            frame.byteCount = UInt32(size - VirtioNetHeader.byteCount)
            guard !pool.needsWork(frame) || pool.header(frame).validate(frameByteCount: Int(frame.byteCount)) else {
                drops.count(.badHeader)
                pool.release(frame)
                continue
            }
            burst.append(frame)
        }
        return .more
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        for index in first..<burst.count {
            let result = FrameIO.send(descriptor.rawValue, pool.bytesWithHeader(burst[index]))
            if result == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: index) }
            if result < 0 { drops.count(DropTally.cause(of: Errno(rawValue: Int32(-result)))) }
        }
        return .done
    }
}
