// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

@Suite("Priorities of a multiplexer's clients", .mayRun(seconds: 120))
struct ClientPriorityTests {
    /// A filter that wants everything, for its priority's sake.
    private func priority(_ number: UInt32) -> AttachRequest.Filter {
        AttachRequest.Filter(isReceive: true, priority: number, program: [])
    }

    /// When the next message was put into a client's socket, in nanoseconds: SO_TIMESTAMPNS, socket(7).
    private func arrival(_ client: ChannelClient) throws -> Int {
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        try #require(try Poll.isReadable(client.channel, deadline: deadline))
        var bytes = [UInt8](repeating: 0, count: 70_000)
        var control = [UInt8](repeating: 0, count: 256)
        return try bytes.withUnsafeMutableBytes { bytes in
            try control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return try withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    try #require(recvmsg(client.channel, &message, Int32(MSG_DONTWAIT)) > 0)
                    // Behind its header: length, level and type.
                    let size = MemoryLayout<cmsghdr>.size
                    try #require(message.msg_controllen >= size + MemoryLayout<timespec>.size)
                    let time = control.loadUnaligned(fromByteOffset: size, as: timespec.self)
                    return time.tv_sec * 1_000_000_000 + time.tv_nsec
                }
            }
        }
    }

    @Test("clients get a frame in the order of their priorities, the highest first, also when that changes")
    func order() throws {
        try withSwitch({ $0.isMultiplexer = true }) { live in
            let sender = try RawVDEClient(live.directory, port: 1)
            let clients = try [1, 9, 5].map { try ChannelClient(live.directory, port: 2, filters: [priority($0)]) }
            for client in clients {
                var isOn: Int32 = 1
                setsockopt(client.channel, SOL_SOCKET, SO_TIMESTAMPNS, &isOn, socklen_t(MemoryLayout<Int32>.size))
            }
            for round in 0..<20 {
                try sender.send(TestFrame.make(1, to: TestFrame.broadcast, round))
                let times = try clients.map(arrival)
                #expect(times[1] < times[2] && times[2] < times[0], "round \(round): \(times)")
            }
            try clients[0].change([priority(10)])
            for round in 20..<40 {
                try sender.send(TestFrame.make(1, to: TestFrame.broadcast, round))
                let times = try clients.map(arrival)
                #expect(times[0] < times[1] && times[1] < times[2], "round \(round): \(times)")
            }
        }
    }
}
