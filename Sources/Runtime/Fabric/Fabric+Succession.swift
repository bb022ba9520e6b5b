// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What a fabric tells its owner of machines' connections, so that the next fabric can go on with them, and being that next one.
extension Fabric {
    /// From now on the owner is told what the machine at this port says.
    func noteMachine(of port: FabricPort) {
        guard let transport = port.transport as? VhostTransport else { return }
        transport.onNote = { [weak self, name = port.name] note, descriptors in
            self?.onKept(["kept", name] + note.words, descriptors)
        }
    }

    /// Takes a part of what a predecessor had.
    func keep(
        _ name: String,
        _ note: VhostNote,
        _ descriptors: consuming DescriptorList,
        count: Int
    ) throws(FabricError) {
        _ = try machinePort(name, "port-keep")
        let predecessor = predecessors[name] ?? VhostPredecessor()
        predecessor.take(note, descriptors, count: count)
        predecessors[name] = predecessor
    }

    func takeUp(_ name: String) throws(FabricError) {
        let transport = try machinePort(name, "port-take-up")
        guard let predecessor = predecessors.removeValue(forKey: name) else {
            throw .usage("port-take-up \(name): nothing was kept; port-keep is asked before")
        }
        do {
            try transport.takeUp(predecessor)
        } catch {
            throw FabricError("port \(name): \(error)")
        }
    }

    private func machinePort(_ name: String, _ verb: String) throws(FabricError) -> VhostTransport {
        guard let transport = try ownPort(name, verb).transport as? VhostTransport else {
            throw .usage("\(verb) \(name): it is no vhost port")
        }
        return transport
    }
}
