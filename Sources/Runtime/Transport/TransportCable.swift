// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A cable whose two ends are for transports to plug into.
///
/// While nothing is plugged in at one end, or a tunnel whose peer does not answer, the other one has no carrier, where it can be
/// shown (a tap, a guest).
public final class TransportCable {
    public let first: CableEnd
    public let second: CableEnd
    /// The cable itself cannot go on.
    public var onFailure: (Errno) -> Void = { _ in }
    let cable: Cable
    private let loop: ControlLoop
    private var token: ControlLoop.Token?

    /// - Parameter isWire: see `Cable`.
    public init(loop: ControlLoop, isWire: Bool = false) throws(Errno) {
        let cable = try Cable(isWire: isWire)
        self.cable = cable
        self.loop = loop
        first = CableEnd(cable, port: 1, loop: loop)
        second = CableEnd(cable, port: 2, loop: loop)
        first.onChange = { [weak second] in second?.setCarrier($0) }
        second.onChange = { [weak first] in first?.setCarrier($0) }
        token = try loop.watch(cable.dataPlane.eventDescriptor) { [weak self] _ in self?.takeEvents() }
    }

    private func takeEvents() {
        for event in cable.dataPlane.takeEvents() {
            if case .failed(let error) = event { onFailure(error) }
            first.take(event)
            second.take(event)
        }
    }

    /// Shows the beginning of each frame that comes in at an end to a handler on the control thread, until the watch is let go.
    public func watchFrames(
        _ end: CableEnd,
        byteCount: Int,
        handler: @escaping (Span<UInt8>) -> Void
    ) throws(Errno) -> FrameWatch {
        var selection = CaptureSelection()
        selection.ports = [end.port]
        selection.snapLength = byteCount
        return try FrameWatch(cable.dataPlane, loop, selection) { _, bytes in handler(bytes) }
    }

    /// Ends the loop thread; what was plugged in is closed.
    public func stop() {
        if let token { loop.cancel(token) }
        token = nil
        first.onChange = { _ in }
        second.onChange = { _ in }
        cable.dataPlane.stop()
    }
}
