// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import LinuxSystem
public import PacketFilter

/// What the control thread may have ports do besides forwarding. A port that the data plane does not have is ignored.
extension DataPlane {
    /// Impairs what comes in at a port, or what leaves it; nil: no more. Settings that follow others keep what is in the wire
    /// and go on with their random numbers.
    public func setImpairment(port: Int, isInbound: Bool, _ settings: ImpairmentSettings?, seed: UInt64) {
        change(port, .impairment(port: port, isInbound: isInbound, settings, seed: seed))
    }

    /// Begins the random numbers of an impairment anew.
    public func setSeed(port: Int, isInbound: Bool, _ seed: UInt64) {
        change(port, .seed(port: port, isInbound: isInbound, seed))
    }

    /// Limits what passes: bits and frames a second, 0 for no limit. What is too much is dropped.
    public func setRate(port: Int, isInbound: Bool, bitsPerSecond: UInt64, framesPerSecond: UInt64 = 0) {
        change(
            port,
            .rate(port: port, isInbound: isInbound, bitsPerSecond: bitsPerSecond, framesPerSecond: framesPerSecond)
        )
    }

    /// Most mirrors, and captures, at a time.
    public static var mirrorCapacity: Int { EngineHooks.mirrorCapacity }
    public static var captureCapacity: Int { EngineHooks.captureCapacity }

    /// Copies one direction of a port's frames to another port.
    public func setMirror(slot: Int, source: Int, isInbound: Bool, destination: Int, filter: FilterProgram?) {
        guard (0..<Self.mirrorCapacity).contains(slot), hasPort(source), hasPort(destination) else { return }
        let rule = MirrorRule(
            source: source,
            isInbound: isInbound,
            destination: destination,
            filter: FilterTable(filter)
        )
        mailbox.perform(.hooks(.mirror(slot: slot, Box(rule))))
    }

    public func removeMirror(slot: Int) {
        guard (0..<Self.mirrorCapacity).contains(slot) else { return }
        mailbox.perform(.hooks(.mirror(slot: slot, nil)))
    }

    /// Makes a port a monitor: frames that come in there go nowhere, and only mirrored ones leave.
    public func setMonitor(port: Int, _ isOn: Bool) { change(port, .monitor(port: port, isOn)) }

    /// Slots that policies can be in.
    var policyCapacity: Int { 2 * state.table.portCount }

    /// Changes policies, all before the next frame.
    func setPolicies(_ changes: [PolicyChange]) { mailbox.perform(.hooks(.policies(changes))) }

    /// Translates the VLAN tags of what comes in at a port; nil: no more.
    func setTags(port: Int, _ table: consuming TagTable?) {
        if let table = table.take() {
            change(port, .tags(port: port, Box(table)))
        } else {
            change(port, .tags(port: port, nil))
        }
    }

    func setCapture(slot: Int, _ tap: consuming CaptureTap) {
        mailbox.perform(.hooks(.capture(slot: slot, Box(tap))))
    }

    func removeCapture(slot: Int) { mailbox.perform(.hooks(.capture(slot: slot, nil))) }

    private func change(_ port: Int, _ change: HookChange) {
        if hasPort(port) { mailbox.perform(.hooks(change)) }
    }

    private func hasPort(_ port: Int) -> Bool { port >= 0 && port < state.table.portCount }
}
