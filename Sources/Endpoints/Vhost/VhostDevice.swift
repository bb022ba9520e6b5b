// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem

/// The device that a virtual machine has by vhost-user, on the loop's side: two rings and the memory that they are in.
///
///     guest ── transmit ring (1) ──▶ receive(): each chain is copied into a slot of the pool, then given back
///     guest ◀─ receive ring (0) ─── send(): each frame is copied into as many buffers as it needs
///
/// While no machine is attached, or its cable is pulled, frames in both directions are counted and dropped.
struct VhostDevice: ~Copyable {
    static var receiveRing: Int { 0 }
    static var transmitRing: Int { 1 }

    var memory = GuestMemory()
    var features: VirtioFeatures = []
    /// Frames to the guest.
    var receive = SplitRing()
    /// Frames from the guest.
    var transmit = SplitRing()
    var hasCarrier = true
    /// Pieces of guest memory of the frame in work.
    var chain = DescriptorChain()
    /// Buffers of the frame in work: their heads, and what is written into each.
    var buffers: RigidTable<Buffer>
    /// Has the loop call us again, whatever the guest's descriptors say.
    let alarm: EventFD
    var isAlarmed = false
    /// `send` has had its turn since the alarm, `receive` has not: while nothing is read from the guest, the alarm is not
    /// listened to, or it would call without end.
    private(set) var isAlarmSent = false
    private var hasInterestChanged = false

    /// What the control thread is to hear.
    var fault: (ring: Int, fault: SplitRing.Fault)?
    var carrierNotice: Bool?
    var speedNotice: UInt32?

    struct Buffer {
        var head: UInt16
        var byteCount: Int
    }

    init() throws(Errno) {
        alarm = try EventFD()
        buffers = RigidTable(count: SplitRing.maximumChainLength) { _ in Buffer(head: 0, byteCount: 0) }
    }

    /// There is a guest that frames can be given to.
    var takesFrames: Bool { receive.isRunning && receive.isEnabled && hasCarrier }

    /// Calls for the loop's attention.
    mutating func raiseAlarm() {
        isAlarmed = true
        if isAlarmSent { hasInterestChanged = true }
        isAlarmSent = false
        alarm.signal()
    }

    mutating func endAlarm() {
        guard isAlarmed else { return }
        isAlarmed = false
        if isAlarmSent { hasInterestChanged = true }
        isAlarmSent = false
        alarm.drain()
    }

    /// `send` was called, whether for the alarm or not.
    @inline(__always)
    mutating func noteSending() {
        guard isAlarmed, !isAlarmSent else { return }
        isAlarmSent = true
        hasInterestChanged = true
    }

    mutating func takeInterestChange() -> Bool {
        let result = hasInterestChanged
        hasInterestChanged = false
        return result
    }

    /// A ring cannot be trusted any more: it rests until the monitor sets it up again.
    mutating func fail(_ ring: Int, _ cause: SplitRing.Fault) {
        if ring == Self.receiveRing { receive.isRunning = false } else { transmit.isRunning = false }
        if fault == nil { fault = (ring, cause) }
        raiseAlarm()
    }

    /// The memory of the guest may have gone while it was used. What was read then are zeros, what was written is lost.
    @inline(__always)
    mutating func checkMemory() {
        guard memory.isBroken else { return }
        if receive.isRunning { fail(Self.receiveRing, .memoryGone) }
        if transmit.isRunning { fail(Self.transmitRing, .memoryGone) }
    }

    mutating func takeNotice() -> EndpointNotice? {
        if let (ring, cause) = fault {
            fault = nil
            return EndpointNotice(.ringBroken, value: UInt64(ring) << 8 | cause.rawValue)
        }
        if let isOn = carrierNotice {
            carrierNotice = nil
            return EndpointNotice(.carrierSet, value: isOn ? 1 : 0)
        }
        if let speed = speedNotice {
            speedNotice = nil
            return EndpointNotice(.speedSet, value: UInt64(speed))
        }
        return nil
    }
}
