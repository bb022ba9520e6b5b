// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What the monitor wants, carried out between two bursts.
extension VhostDevice {
    /// Carries out a change. The next available index of a ring that was stopped comes back.
    mutating func apply(_ change: consuming VhostChange) -> UInt16? {
        // Whatever waits for the guest has to be looked at again afterwards.
        raiseAlarm()
        switch consume change {
        case .memory(let memory):
            self.memory = memory
            relocate()
        case .features(let features):
            self.features = features
            receive.hasEventIndex = features.contains(.eventIndex)
            transmit.hasEventIndex = receive.hasEventIndex
        case .start(let setup):
            start(setup)
        case .stop(let ring):
            if ring == Self.receiveRing {
                receive.stop()
                return receive.next
            }
            transmit.stop()
            return transmit.next
        case .call(let ring, let descriptor):
            // Something may have been given back while nobody was to be woken.
            if ring == Self.receiveRing {
                receive.call = consume descriptor
                if let raw = receive.call?.rawValue { SharedSignal.send(raw) }
            } else {
                transmit.call = consume descriptor
                if let raw = transmit.call?.rawValue { SharedSignal.send(raw) }
            }
        case .enable(let ring, let isEnabled):
            if ring == Self.receiveRing { receive.isEnabled = isEnabled } else { transmit.isEnabled = isEnabled }
        case .reset:
            receive = SplitRing()
            transmit = SplitRing()
            memory = GuestMemory()
            features = []
            fault = nil
        }
        return nil
    }

    private mutating func start(_ setup: consuming VhostRingSetup) {
        let ring = setup.ring
        do throws(SplitRing.Fault) {
            if ring == Self.receiveRing {
                try receive.setUp(setup, memory)
            } else {
                try transmit.setUp(setup, memory)
            }
        } catch {
            fail(ring, error)
        }
    }

    /// Looks for rings that run in other memory.
    private mutating func relocate() {
        do throws(SplitRing.Fault) {
            if receive.isRunning { try receive.locate(in: memory) }
        } catch {
            fail(Self.receiveRing, error)
        }
        do throws(SplitRing.Fault) {
            if transmit.isRunning { try transmit.locate(in: memory) }
        } catch {
            fail(Self.transmitRing, error)
        }
    }
}
