// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension KeptGuest {
    /// What `state` says of it.
    var statusForAll: KeeperState.Guest {
        var status = KeeperState.Guest(name: name)
        status.kind = plan.kind
        status.state = state
        status.processID = processID
        status.since = since
        status.status = self.status
        status.error = error?.message.withoutControls
        status.errorStatus = error?.status
        let order = plan.interfaces.map(\.name)
        let others = interfaces.keys.filter { !order.contains($0) }.sorted()
        status.interfaces = (order + others).compactMap { name in
            guard let record = interfaces[name] else { return nil }
            var interface = KeeperState.Interface(name: name)
            interface.segment = record.segment
            interface.carrier = record.hasCarrier
            interface.showsCarrier = driver?.interfacesWithoutCarrier.contains(name) != true
            let planned = plan.interfaces.first { $0.name == name }
            interface.hardwareAddress = planned?.hardwareAddress
            interface.isPair = planned?.bridge != nil
            return interface
        }
        return status
    }
}
