// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import TestSupport
import Testing
import Wire

/// A scripted guest's end of one TCP connection.
final class Conversation {
    let rig: Rig
    let guest: Guest
    let remote: IPv4Address
    let remotePort: UInt16
    let port: UInt16
    /// The guest's next sequence number, and the next that it expects.
    var next: UInt32
    var expected: UInt32 = 0
    /// The host socket.
    var socket = 0

    init(
        _ rig: Rig,
        to remote: IPv4Address = Rig.far,
        _ remotePort: UInt16 = 80,
        from port: UInt16 = 40_000,
        initial: UInt32 = 1000
    ) {
        self.rig = rig
        guest = Guest(rig)
        self.remote = remote
        self.remotePort = remotePort
        self.port = port
        next = initial
    }

    func frame(
        _ flags: TCPFlags,
        sequence: UInt32? = nil,
        acknowledgement: UInt32? = nil,
        window: Int = 0xffff,
        payload: [UInt8] = [],
        options: [UInt8] = []
    ) -> [UInt8] {
        guest.tcp(
            to: remote,
            remotePort,
            from: port,
            sequence: sequence ?? next,
            acknowledgement: flags.contains(.ack) ? acknowledgement ?? expected : 0,
            flags: flags,
            window: window,
            payload: payload,
            options: options
        )
    }

    func send(
        _ flags: TCPFlags,
        sequence: UInt32? = nil,
        acknowledgement: UInt32? = nil,
        window: Int = 0xffff,
        payload: [UInt8] = [],
        options: [UInt8] = []
    ) {
        rig.inject(
            frame(
                flags,
                sequence: sequence,
                acknowledgement: acknowledgement,
                window: window,
                payload: payload,
                options: options
            )
        )
    }

    /// Opens the connection; the host connects at once.
    func open(options: [UInt8] = usualOptions, window: Int = 0xffff) throws {
        send(.syn, window: window, options: options)
        next &+= 1
        let answer = try #require(rig.takeSegments().last)
        #expect(answer.flags == [.syn, .ack])
        #expect(answer.acknowledgement == next)
        expected = answer.sequence &+ 1
        socket = rig.host.sockets.count - 1
        send(.ack, window: window)
        #expect(rig.takeSent().isEmpty)
    }

    /// Sends data in order.
    func sendData(_ bytes: [UInt8]) {
        send([.ack, .psh], payload: bytes)
        next &+= UInt32(bytes.count)
    }

    /// The host's peer sends data.
    func hostSends(_ bytes: [UInt8]) {
        rig.host.sockets[socket].received += bytes
        rig.ready(socket, .readable)
    }

    /// The host's peer ends its stream.
    func hostEnds() {
        rig.host.sockets[socket].isEnded = true
        rig.ready(socket, [.readable, .readHangUp])
    }

    /// The data of segments in order, each acknowledged if wanted.
    func receiveAll(acknowledge: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<10_000 {
            let segments = rig.takeSegments().filter { !$0.payload.isEmpty }
            if segments.isEmpty { break }
            for segment in segments where segment.sequence == expected {
                bytes += segment.payload
                expected &+= UInt32(segment.payload.count)
            }
            guard acknowledge else { break }
            send(.ack)
        }
        return bytes
    }

    var hostSocket: FakeHost.Socket { rig.host.sockets[socket] }
}
