// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// What the control thread asks of the loop.
extension Engine {
    mutating func perform(_ command: EngineCommand) {
        switch command {
        case .add(let box, let index, let generation, let port):
            guard let endpoint = box.take() else { return }
            add(endpoint, at: index, generation: generation, port: port)
        case .remove(let index, let generation):
            if places[index].generation == generation, places[index].kind != nil { remove(index) }
        case .extract(let index, let generation, let box):
            guard places[index].generation == generation, places[index].endpoint != nil,
                let endpoint = takeOut(index)
            else { return }
            box.put(endpoint)
        case .configure(let box, let index, let generation):
            guard let change = box.take(), places[index].generation == generation, places[index].endpoint != nil else {
                return
            }
            configure(index, change)
        case .setHub(let isHub):
            bridge.isHub = isHub
            if isHub { bridge.forwarding.removeAll() }
        case .setAgeing(let seconds):
            bridge.forwarding.ageingSeconds = seconds
            scheduleSweep()
        case .setMinimumPersistence(let seconds): bridge.forwarding.minimumPersistenceSeconds = seconds
        case .forgetAddresses: bridge.forwarding.removeAll()
        case .scheduleSweep: scheduleSweep()
        case .resetCounters(let port): table.resetCounters(port: port)
        case .setGateway(let box, let index, let generation, let port):
            guard let element = box.take() else { return }
            addGateway(element, at: index, generation: generation, port: port)
        case .setResolvers(let servers): gateway?.resolverChanged(servers)
        case .changeForward(let change):
            change.finish(gateway?.change(change.forward, isAddition: change.isAddition) ?? .unknown)
            gateway?.rearm()
        case .setVLAN(let change): setVLAN(change)
        case .setFloodLimit(let port, let rate): setFloodLimit(port: port, framesPerSecond: rate)
        case .queryStorms(let query): fill(query)
        case .setSpanningTree(let change): setSpanningTree(change)
        case .hooks(let change): perform(change)
        case .multiplexer(let change): perform(change)
        case .stop: isStopped = true
        }
    }

    private mutating func add(_ endpoint: consuming Endpoint, at index: Int, generation: UInt32, port: Int) {
        places[index].generation = generation
        places[index].kind = endpoint.kind
        places[index].capabilities = endpoint.capabilities
        places[index].watchesWritable = false
        places[index].pauseCredit = Tunables.pauseCredit
        places[index].isSlow = false
        places[index].hasTimers = endpoint.hasTimers
        places[index].endpoint = consume endpoint
        plug(index, into: port)
        do {
            try register(index)
            if places[index].hasTimers { attend(index) }
            // One that comes from another loop may have read them there.
            if places[index].endpoint?.holdsFrames == true {
                places[index].hasBacklog = true
                hasBacklog = true
            }
            if spanning != nil { reconcileTrees(port: port) }
        } catch {
            remove(index)
            mailbox.post(.endpointEnded(index: index, generation: generation))
        }
    }

    mutating func plug(_ index: Int, into port: Int) {
        places[index].port = port
        places[index].features = hooks.features[port]
        places[index].nextInPort = firstOfPort[port]
        firstOfPort[port] = index
        active[activeCount] = index
        activeCount += 1
        filtersChanged(index)
    }

    /// Takes an endpoint out: its waiting frames are let go and counted, its descriptor is closed, and the addresses of its port are
    /// forgotten when nothing else is plugged in there.
    mutating func remove(_ index: Int) { _ = takeOut(index) }

    /// The same, but the endpoint stays open: the caller has it. Nil when there is none, or only the gateway, which ends.
    private mutating func takeOut(_ index: Int) -> Endpoint? {
        guard places[index].kind != nil else { return nil }
        let port = places[index].port
        var lost = dropWaiting(index)
        while let frame = queues.removeFirst(index) {
            pool.release(frame)
            lost += 1
        }
        lost += Self.releaseFrames(places, index, &pool)
        if lost > 0 {
            table.countDrop(endpoint: index, .noCarrier, frames: lost)
            table.countLeft(port: port, frames: lost)
        }
        noteProgress(index, frames: 0)
        places[index].isPaused = false
        var cursor = firstOfPort[port]
        if cursor == index {
            firstOfPort[port] = places[index].nextInPort
        } else {
            while cursor >= 0, places[cursor].nextInPort != index { cursor = places[cursor].nextInPort }
            if cursor >= 0 { places[cursor].nextInPort = places[index].nextInPort }
        }
        for position in 0..<activeCount where active[position] == index {
            activeCount -= 1
            active[position] = active[activeCount]
            break
        }
        if firstOfPort[port] < 0 {
            bridge.forwarding.forget(port: port)
            reconcileTrees(port: port)
        }
        multiplexer.remove(index)
        places[index].filters = nil
        unregister(index)
        let endpoint = places[index].endpoint.take()
        places[index].kind = nil
        places[index].hasTimers = false
        places[index].hasBacklog = false
        places[index].deadline = .max
        places[index].port = -1
        places[index].nextInPort = -1
        if index == gatewayPlace {
            gateway = nil
            gatewayPlace = -1
            gatewayTouched = false
            gatewayHasWork = false
            gatewayDeadline = .max
        }
        return endpoint
    }

    private static func releaseFrames(
        _ places: borrowing RigidTable<Place>,
        _ index: Int,
        _ pool: inout FramePool
    ) -> Int {
        places[index].endpoint?.releaseFrames(&pool) ?? 0
    }
}
