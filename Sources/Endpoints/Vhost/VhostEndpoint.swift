// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// A port for a virtual machine whose monitor shares the guest's memory: vhost-user. The control thread speaks with the
/// monitor and sends what comes of it as changes; here are the rings.
///
/// Channels: the kick of the receive ring (the guest has room again), the kick of the transmit ring (it has frames), and
/// an alarm of our own.
public struct VhostEndpoint: ~Copyable, Sendable {
    private let state: OwnedState<VhostDevice>
    private let answer: VhostAnswer

    /// - Parameter answer: where the control thread reads what became of its changes.
    public init(answer: VhostAnswer) throws(Errno) {
        state = OwnedState(try VhostDevice())
        self.answer = answer
    }

    var channelCount: Int { 3 }

    func descriptor(channel: Int) -> Int32 {
        switch channel {
        case 0: state.value.receive.kick?.rawValue ?? -1
        case 1: state.value.transmit.kick?.rawValue ?? -1
        default: state.value.alarm.rawDescriptor
        }
    }

    func interest(channel: Int, isRead: Bool, isBlocked: Bool) -> Epoll.Events {
        switch channel {
        case 0: isBlocked ? .readable : []
        case 1: isRead ? .readable : []
        default: isRead || isBlocked && !state.value.isAlarmSent ? .readable : []
        }
    }

    func roles(channel: Int) -> Endpoint.Roles {
        switch channel {
        case 0: .takesFrames
        case 1: .hasFrames
        default: [.hasFrames, .takesFrames]
        }
    }

    /// A guest that is not there takes everything: it is dropped as it is.
    var capabilities: PortCapabilities {
        state.value.receive.isRunning ? state.value.features.capabilities : .all
    }

    /// No machine, none that reads, or its cable is pulled.
    var isDeserted: Bool { !state.value.takesFrames }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        state.value.receive(into: &burst, pool: &pool, drops: &drops)
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        state.value.send(burst, from: first, pool: pool, drops: &drops)
    }

    func takeInterestChange() -> Bool { state.value.takeInterestChange() }

    func takeNotice() -> EndpointNotice? { state.value.takeNotice() }

    /// The cable is there or pulled. Frames end here; the control thread tells the guest.
    func setCarrier(_ isOn: Bool) {
        state.value.hasCarrier = isOn
        state.value.carrierNotice = isOn
        state.value.raiseAlarm()
    }

    func setSpeed(megabits: UInt32) {
        state.value.speedNotice = megabits
        state.value.raiseAlarm()
    }

    func apply(_ change: consuming VhostChange) {
        if let base = state.value.apply(change) { answer.set(base: base) }
    }
}
