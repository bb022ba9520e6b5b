// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc

/// An endpoint between two switches, open as it was: nobody reads from it or writes to it.
struct MovingEndpoint {
    let box: Box<Endpoint>
    var newcomer: Newcomer
    let kind: UInt32
    let capabilities: UInt32
}

/// Endpoints that go from one switch to another, while whoever is at their other end notices nothing of it.
extension Switch {
    /// Takes an endpoint out without ending it: `onRemoval` does not run. Nil when there is none of that identifier, or it has
    /// just ended by itself.
    func extract(identifier: Int32) -> MovingEndpoint? {
        for (number, port) in ports {
            guard let index = port.endpoints.firstIndex(where: { $0.identifier == identifier }) else { continue }
            let place = port.endpoints[index].place
            let entry = table.entry(endpoint: place.index)
            guard let box = dataPlane.extract(place), let endpoint = take(port: number, endpoint: index) else {
                return nil
            }
            leaveEmpty(port: number)
            var newcomer = Newcomer(
                identifier: endpoint.identifier,
                module: endpoint.module,
                description: endpoint.description,
                userID: endpoint.userID,
                processID: endpoint.processID,
                onRemoval: endpoint.onRemoval
            )
            newcomer.onNotice = endpoint.onNotice
            newcomer.peer = endpoint.peer
            return MovingEndpoint(
                box: box,
                newcomer: newcomer,
                kind: entry?.kind ?? 0,
                capabilities: entry?.capabilities ?? 0
            )
        }
        return nil
    }

    /// Plugs in an endpoint that another switch had. When it is refused, nothing has happened to it.
    @discardableResult
    func adopt(_ moving: MovingEndpoint) throws(AttachRefusal) -> Int {
        let number = try choosePort(moving.newcomer)
        try prepare(moving.newcomer, port: number)
        var entry = entry(of: moving.newcomer, port: number)
        entry.kind = moving.kind
        entry.capabilities = moving.capabilities
        guard let place = dataPlane.add(boxed: moving.box, port: number, entry: entry) else {
            leaveEmpty(port: number)
            throw AttachRefusal(code: EMFILE, message: "no more than \(table.endpointCount) endpoints fit")
        }
        record(moving.newcomer, at: place, port: number)
        return number
    }
}
