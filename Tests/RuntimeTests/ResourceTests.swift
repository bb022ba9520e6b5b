// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Runtime

/// Open descriptors of this process.
private func descriptorCount() -> Int { (try? FileSystem.names(in: "/proc/self/fd"))?.count ?? -1 }

/// How often the loop's thread has given up the processor of its own will: once for each sleep.
private func loopSleeps() -> Int? {
    for task in (try? FileSystem.names(in: "/proc/self/task")) ?? [] {
        let directory = "/proc/self/task/\(task)/"
        guard let name = try? FileSystem.contents(directory + "comm"),
            String(decoding: name, as: UTF8.self) == "etherloom-loop\n",
            let status = try? FileSystem.contents(directory + "status")
        else { continue }
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("voluntary_ctxt_switches:") {
            return line.split(separator: "\t").last.flatMap { Int($0) }
        }
    }
    return nil
}

/// Fails the child process with words.
private func check(_ isTrue: Bool, _ words: @autoclosure () -> String) {
    guard !isTrue else { return }
    FileHandle.standardError.write(Data((words() + "\n").utf8))
    exit(1)
}

// Each in a process of its own: descriptors and threads of other tests would be counted too.
@Suite("Resources of a live switch")
struct ResourceTests {
    @Test("endpoints that come and go a thousand times leave no descriptor, file or port behind")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            limitThisProcess(seconds: 120)
            try withSwitch { live in
                // Everything that is made once has been made.
                _ = try RawVDEClient(live.directory).port
                _ = try ChannelClient(live.directory).port
                try live.waitUntil { live.portNumbers.isEmpty }
                let before = descriptorCount()
                let resident = try RawVDEClient(live.directory)
                for round in 0..<1000 {
                    if round % 2 == 0 {
                        let client = try RawVDEClient(live.directory)
                        try client.send(TestFrame.make(7, to: TestFrame.broadcast, round))
                    } else {
                        let client = try ChannelClient(live.directory)
                        try client.send([UInt8](repeating: 0, count: 12) + TestFrame.make(7, to: TestFrame.broadcast))
                        if round % 4 == 1 { client.closeChannel() }
                    }
                    _ = try resident.drain()
                }
                resident.close()
                try live.waitUntil { live.portNumbers.isEmpty && descriptorCount() == before }
                check(Set(try FileSystem.names(in: live.directory)) == ["ctl", "attach"], "sockets are left")
                let place = live.perform { $0.element.dataPlane.takePlace()?.index }
                check(place == 0, "places are left in use: the first free one is \(place ?? -1)")
            }
        }
    }

    @Test("an idle switch with many clients sleeps")
    func sleeps() async {
        await #expect(processExitsWith: .success) {
            limitThisProcess(seconds: 120)
            try withSwitch { live in
                let clients = try (0..<30).map { _ in try RawVDEClient(live.directory) }
                try clients[0].send(TestFrame.make(1, to: TestFrame.broadcast))
                for client in clients.dropFirst() { _ = try client.next() }
                // One that does not read and whose queue is long must not keep the loop awake either.
                for number in 0..<2000 {
                    try clients[0].send(TestFrame.make(1, to: TestFrame.broadcast, number))
                    if number % 8 == 7 { for client in clients.dropFirst(2) { _ = try client.drain() } }
                }
                // Until the waiting for the dead reader is over and the others have read everything.
                var calm = 0
                var sleeps = loopSleeps()
                let deadline = MonotonicClock.nanoseconds + 30_000_000_000
                while calm < 5, MonotonicClock.nanoseconds < deadline {
                    for client in clients.dropFirst(2) { _ = try client.drain() }
                    usleep(100_000)
                    let now = loopSleeps()
                    calm = now == sleeps ? calm + 1 : 0
                    sleeps = now
                }
                check(sleeps != nil, "the loop's thread was not found")
                check(calm == 5, "the loop wakes up with nothing to do")
            }
        }
    }

    @Test("a switch without descriptors left keeps its clients and takes new ones when there are some again")
    func outOfDescriptors() async {
        await #expect(processExitsWith: .success) {
            limitThisProcess(seconds: 120)
            try withSwitch { live in
                let one = try RawVDEClient(live.directory)
                let other = try RawVDEClient(live.directory)
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let full = limit
                // Room for two: the client's socket, and perhaps the switch's end of it, but no data socket.
                let waiting = try UnixSocket.make(.stream)
                limit.rlim_cur = rlim_t(descriptorCount() - 1)
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let address = UnixSocketAddress(path: live.directory + "/ctl")!
                try UnixSocket.connect(waiting, to: address)
                // The switch cannot accept; frames pass as before.
                for number in 0..<100 {
                    try one.send(TestFrame.make(1, to: 2, number))
                    check(try other.next().map(TestFrame.number) == number, "frame \(number) is lost")
                }
                limit = full
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let own = RawVDEClient.freshAddress()
                let data = try UnixSocket.make(.datagram)
                try UnixSocket.bind(data, to: RawVDEClient.address(own))
                try UnixSocket.send(RawVDEClient.request(ownAddress: own), to: waiting)
                check(try RawVDEClient.readAll(waiting.rawValue, 110)?.count == 110, "the client was forgotten")
                check(live.portNumbers == [1, 2, 3], "the switch has ports \(live.portNumbers)")
            }
        }
    }

    @Test("two thousand clients fit one switch")
    func manyClients() async {
        await #expect(processExitsWith: .success) {
            limitThisProcess(seconds: 120)
            ResourceLimits.raiseDescriptorLimit()
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            // Four descriptors for each here, where both ends are one process's.
            let count = min(2000, (Int(limit.rlim_cur) - 100) / 4)
            try withSwitch({ $0.portCount = 2000 }) { live in
                let clients = try (0..<count).map { _ in try RawVDEClient(live.directory) }
                check(live.portNumbers == Array(1...count), "\(live.portNumbers.count) of \(count) ports")
                try clients[0].send(TestFrame.make(1, to: TestFrame.broadcast, 5))
                for client in clients.dropFirst() {
                    check(try client.next().map(TestFrame.number) == 5, "port \(client.port) got nothing")
                }
                for client in clients { client.close() }
                try live.waitUntil { live.portNumbers.isEmpty }
            }
        }
    }
}
