// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// The addresses that are being asked for at the moment.
struct AddressResolutions {
    /// One question. All zero is a free place.
    struct Question: BitwiseCopyable {
        var address: UInt32
        var attempts: UInt8
    }

    private var questions: [64 of Question] = .init(repeating: Question(address: 0, attempts: 0))
    private(set) var count = 0

    func find(_ address: IPv4Address) -> Int? {
        guard count > 0 else { return nil }
        for index in questions.indices where questions[index].address == address.rawValue { return index }
        return nil
    }

    /// A place for a new question; nil when all are taken.
    mutating func add(_ address: IPv4Address) -> Int? {
        for index in questions.indices where questions[index].address == 0 {
            questions[index] = Question(address: address.rawValue, attempts: 0)
            count &+= 1
            return index
        }
        return nil
    }

    /// What is asked for at a place.
    func address(_ index: Int) -> IPv4Address? {
        questions[index].address == 0 ? nil : IPv4Address(rawValue: questions[index].address)
    }

    func attempts(_ index: Int) -> UInt8 { questions[index].attempts }

    /// Counts an attempt: the question's address and how many attempts that makes.
    mutating func attempt(_ index: Int) -> (address: IPv4Address, attempts: UInt8)? {
        guard questions[index].address != 0 else { return nil }
        questions[index].attempts &+= 1
        return (IPv4Address(rawValue: questions[index].address), questions[index].attempts)
    }

    mutating func remove(_ index: Int) {
        guard questions[index].address != 0 else { return }
        questions[index] = Question(address: 0, attempts: 0)
        count &-= 1
    }
}

extension Gateway {
    mutating func receiveARP(
        _ frame: FrameReference,
        source: MACAddress,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard let message = ARPMessage.parse(pool.bytes(frame), at: Layout.network) else {
            return counters.add(.malformed)
        }
        // A probe (RFC 5227) has no sender address. One that names another station than the frame's source is forged.
        let isProbe = message.senderIP.isUnspecified
        guard message.senderMAC == source else { return counters.add(.malformed) }
        if !isProbe {
            guard configuration.network.contains(message.senderIP) else { return counters.add(.notForGateway) }
            if !isOwn(message.senderIP) { learn(message.senderIP, source, now: now) }
        }
        guard message.operation == .request, isOwn(message.targetIP) else { return }
        // Somebody announces our own address (sender and target are the same): the answer defends it (RFC 5227 2.4).
        sendARP(message.reply(from: configuration.macAddress), to: source, pool: &pool, output: &output)
    }

    private mutating func sendARP(
        _ message: ARPMessage,
        to destination: MACAddress,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        guard !output.isFull else { return counters.add(.outputFull) }
        // Padded to what a physical wire would carry: some guests' drivers insist.
        guard let frame = pool.allocateSmall(byteCount: Ethernet.minimumFrameByteCount) else {
            return counters.add(.noFrameMemory)
        }
        var bytes = pool.mutableBytes(frame)
        for index in bytes.indices { bytes[index] = 0 }
        EthernetHeader(destination: destination, source: configuration.macAddress, type: .arp).emit(into: &bytes)
        message.emit(into: &bytes, at: Layout.network)
        send(frame, output: &output)
    }

    /// Notes where a guest is, and wakes whoever asked for it.
    mutating func learn(_ address: IPv4Address, _ mac: MACAddress, now: UInt64) {
        neighbours.learn(address, mac, now: now)
        guard let index = resolutions.find(address) else { return }
        resolutions.remove(index)
        timers.clear(TimerNumber.resolution(index, configuration.limits))
        resolved(address, mac)
    }

    /// Moves what waited for `address` on.
    private mutating func resolved(_ address: IPv4Address, _ mac: MACAddress) {
        var turns = resolving.count
        while turns > 0, let index = resolving.first {
            turns &-= 1
            resolving.remove(index, in: tcp)
            if tcp[index].key.guest == address {
                tcp[index].guestMAC = mac.rawValue
                tcp[index].state = .synSent
                pending.append(index, in: tcp)
            } else {
                resolving.append(index, in: tcp)
            }
        }
        for index in configuration.forwards.indices where configuration.forwards[index].guestAddress == address {
            forwards.setReady(index)
        }
    }

    /// The Ethernet address of a guest; when it is not known, nil, and the guest is asked.
    mutating func resolve(
        _ address: IPv4Address,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) -> MACAddress? {
        if let neighbour = neighbours.find(address) { return neighbour.mac }
        guard resolutions.find(address) == nil else { return nil }
        // All places taken means 64 guests that do not answer: the newest waits until the others are given up.
        guard let index = resolutions.add(address) else { return nil }
        ask(index, pool: &pool, output: &output, now: now)
        return nil
    }

    private mutating func ask(_ index: Int, pool: inout FramePool, output: inout FrameBurst, now: UInt64) {
        guard let question = resolutions.attempt(index) else { return }
        counters.add(.arpRequests)
        timers.set(
            TimerNumber.resolution(index, configuration.limits),
            deadline: now &+ GatewayTunables.arpRetryTime,
            now: now
        )
        let message = ARPMessage(
            operation: .request,
            senderMAC: configuration.macAddress,
            senderIP: configuration.gatewayAddress,
            targetMAC: .zero,
            targetIP: question.address
        )
        sendARP(message, to: .broadcast, pool: &pool, output: &output)
    }

    /// Asks again, or gives up: connections that waited are broken, datagrams dropped.
    mutating func resolutionTimeout<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard let address = resolutions.address(index) else { return }
        if resolutions.attempts(index) < GatewayTunables.arpAttempts {
            return ask(index, pool: &pool, output: &output, now: now)
        }
        resolutions.remove(index)
        counters.add(.arpFailed)
        var turns = resolving.count
        while turns > 0, let flow = resolving.first {
            turns &-= 1
            resolving.remove(flow, in: tcp)
            if tcp[flow].key.guest == address {
                counters.add(.tcpFailed)
                tcp.beginWrite(flow)
                abandonTCP(flow, host: &host)
            } else {
                resolving.append(flow, in: tcp)
            }
        }
        for number in configuration.forwards.indices where configuration.forwards[number].guestAddress == address {
            dropDatagrams(forward: number, pool: &pool, host: &host)
        }
    }
}
