// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// A tap at a switch of ours needs no cable: the switch serves it, and no process copies in between.
enum HandedTap {
    /// Runs such a plug until it ends. False when the ends are not of that kind, and nothing was done.
    static func run(_ setup: PlugProcess.Setup, _ process: inout ElementProcess) throws -> Bool {
        guard let (name, found) = tapAndSwitch(setup), isOurs(found) else { return false }
        var place = found
        place.filters = setup.ends.filters
        let loop = process.loop
        let tap: OwnedDescriptor
        do {
            tap = try Tap.create(name: name)
        } catch {
            throw Failure(TransportError.tap(error, name: name))
        }
        var membership: Membership
        do {
            membership = try Membership.join(
                directory: place.directory,
                place.wishes,
                tap: tap,
                description: setup.ends.description ?? ProgramCable.describe(name)
            )
        } catch {
            throw Failure(error.description)
        }
        if membership.takeEndpoint() != nil {
            throw Failure("\(place.directory): another switch has taken this one's place; try again")
        }
        var isGone = false
        let watch = MembershipWatch(membership, loop: loop) {
            isGone = true
            loop.stop()
        }
        defer { watch.cancel() }
        try process.ready()
        try process.run()
        if isGone, !setup.isEndSuccess { throw Failure("\(place.directory): the switch is gone") }
        return true
    }

    /// The switch has an `attach` socket.
    private static func isOurs(_ place: SwitchPlace) -> Bool {
        (try? FileStatus(path: place.directory + "/attach"))?.isSocket == true
    }

    private static func tapAndSwitch(_ setup: PlugProcess.Setup) -> (String, SwitchPlace)? {
        guard setup.ends.first.count == 1, setup.ends.second.count == 1 else { return nil }
        let (first, second) = (setup.ends.first[0], setup.ends.second[0])
        for (one, other) in [(first, second), (second, first)]
        where one.scheme == "tap" && one.options.isEmpty {
            if let place = try? SwitchPlace("\(other)", port: 0) { return (one.address, place) }
        }
        return nil
    }
}
