// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Runtime

/// A cable as a program.
enum PlugProcess {
    static func run(_ ends: [NetworkLocator], _ options: ElementProcess.Options) throws {
        var process = try ElementProcess.start(options)
        do {
            try run(ends, &process)
        } catch let failure as Failure {
            Report.error(failure.message)
            process.fail(status: failure.status)
            throw ExitCodeOnly(status: failure.status)
        }
    }

    private static func run(_ ends: [NetworkLocator], _ process: inout ElementProcess) throws {
        let loop = process.loop
        var ending: String?
        func end(_ reason: String) {
            if ending == nil { ending = reason }
            loop.stop()
        }
        var watches: [MembershipWatch] = []
        var cable: Cable?
        // What to say when the data plane finds an end gone, perhaps before the switch's `attach` or `ctl` ends.
        var lines: [(place: DataPlane.Place, line: String)] = []
        func remember(_ place: DataPlane.Place?, _ line: String) {
            if let place { lines.append((place, line)) }
        }
        func endOf(_ place: DataPlane.Place) {
            end(lines.first { $0.place == place }?.line ?? "an end of the cable is gone")
        }
        defer {
            for watch in watches { watch.cancel() }
            cable?.dataPlane.stop()
        }

        // A tap at a switch of ours needs no cable: the switch serves it.
        if let (tapName, place) = Self.tapAndSwitch(ends) {
            let tap = try Self.makeTap(tapName)
            let description = Self.describe(tapName)
            var membership: Membership
            do {
                membership = try Membership.join(
                    directory: place.directory,
                    port: place.port,
                    tap: tap,
                    description: description
                )
            } catch {
                throw Failure(error.description)
            }
            if let endpoint = membership.takeEndpoint() {
                let joined = try Self.makeCable()
                let line = "\(place.directory): the switch is gone"
                remember(joined.plug(endpoint, description: place.directory), line)
                do {
                    let end = joined.plug(.tap(try TapEndpoint(tap)), description: tapName)
                    remember(end, "tap \(tapName) is gone")
                } catch {
                    throw Failure("tap \(tapName): \(error)")
                }
                try Self.watch(joined, loop, onEnd: endOf) { end("the cable has failed: \($0)") }
                cable = joined
            }
            watches.append(MembershipWatch(membership, loop: loop) { end("\(place.directory): the switch is gone") })
        } else {
            let joined = try Self.makeCable()
            for locator in ends {
                switch locator.kind {
                case .tap(let name):
                    do {
                        let end = joined.plug(.tap(try TapEndpoint(try Self.makeTap(name))), description: name)
                        remember(end, "tap \(name) is gone")
                    } catch let error as Errno {
                        throw Failure("tap \(name): \(error)")
                    }
                case .vde(let directory, let port):
                    var membership: Membership
                    do {
                        membership = try Membership.join(directory: directory, port: port) { _ in Self.describe(nil) }
                    } catch {
                        throw Failure(error.description)
                    }
                    let line = "\(directory): the switch is gone"
                    if let endpoint = membership.takeEndpoint() {
                        remember(joined.plug(endpoint, description: directory), line)
                    }
                    watches.append(MembershipWatch(membership, loop: loop) { end(line) })
                }
            }
            try Self.watch(joined, loop, onEnd: endOf) { end("the cable has failed: \($0)") }
            cable = joined
        }
        try process.ready()
        try process.run()
        if let ending { throw Failure(ending) }
    }

    private static func tapAndSwitch(_ ends: [NetworkLocator]) -> (String, SwitchPlace)? {
        for (one, other) in [(ends[0], ends[1]), (ends[1], ends[0])] {
            if case .tap(let name) = one.kind, case .vde(let directory, let port) = other.kind,
                let place = try? SwitchPlace(directory, port: port)
            {
                return (name, place)
            }
        }
        return nil
    }

    private static func makeTap(_ name: String) throws -> OwnedDescriptor {
        do {
            return try Tap.create(name: name)
        } catch {
            throw TapFailure.failure(error, name: name)
        }
    }

    private static func makeCable() throws -> Cable {
        do {
            return try Cable()
        } catch {
            throw Failure("cannot start the cable: \(error)")
        }
    }

    private static func watch(
        _ cable: Cable,
        _ loop: ControlLoop,
        onEnd: @escaping (DataPlane.Place) -> Void,
        onFailure: @escaping (Errno) -> Void
    ) throws {
        do {
            try loop.watch(cable.dataPlane.eventDescriptor) { _ in
                for event in cable.dataPlane.takeEvents() {
                    switch event {
                    case .ended(let place): onEnd(place)
                    case .notice: break
                    case .failed(let error): onFailure(error)
                    }
                }
            }
        } catch {
            throw Failure("event loop: \(error)")
        }
    }

    static func describe(_ interface: String?) -> String {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        return "etherloom user=\(user) PID=\(CurrentProcess.id)" + (interface.map { " if=\($0)" } ?? "")
    }
}
