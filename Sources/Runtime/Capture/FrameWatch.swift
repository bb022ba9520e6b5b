// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem

/// Frames shown to the control thread as they pass, for consoles and logs: a capture that is read in this process.
///
/// The loop never waits: what the control thread is too slow for is left out and counted.
public final class FrameWatch {
    private let session: CaptureSession
    private let reader: CaptureReader
    private let loop: ControlLoop
    private let handler: (CaptureRecord, Span<UInt8>) -> Void
    private var token: ControlLoop.Token?
    private var isEnded = false

    /// Frames taken at a time, so that consoles and clients have their turn too.
    private static var turnFrameCount: Int { 512 }
    private static var ringByteCount: Int { 1 << 20 }

    init(
        _ dataPlane: DataPlane,
        _ loop: ControlLoop,
        _ selection: CaptureSelection,
        handler: @escaping (CaptureRecord, Span<UInt8>) -> Void
    ) throws(Errno) {
        session = try CaptureSession(dataPlane, selection, ringByteCount: Self.ringByteCount)
        do throws(Errno) {
            reader = try CaptureReader(session)
        } catch {
            session.close()
            throw error
        }
        self.loop = loop
        self.handler = handler
        do throws(Errno) {
            token = try loop.watch(reader.wakeUp.rawValue) { [unowned self] _ in drain() }
        } catch {
            session.close()
            throw error
        }
        drain()
    }

    private func drain() {
        guard !isEnded else { return }
        if reader.drain(atMost: Self.turnFrameCount, handler) {
            loop.after(milliseconds: 0) { [weak self] in self?.drain() }
        }
    }

    /// Ends it: the handler is not called again.
    public func cancel() {
        guard !isEnded else { return }
        isEnded = true
        if let token { loop.cancel(token) }
        session.close()
    }

    deinit { cancel() }
}

extension Switch {
    /// Shows frames to a handler on the control thread, until the watch is cancelled or let go. EMFILE when too many captures
    /// go on already.
    public func watchFrames(
        _ selection: CaptureSelection,
        handler: @escaping (CaptureRecord, Span<UInt8>) -> Void
    ) throws(Errno) -> FrameWatch {
        try FrameWatch(dataPlane, loop, selection, handler: handler)
    }
}
