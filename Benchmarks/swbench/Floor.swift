// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Runs `floor`: what the kernel takes, in one thread, for operations that no program can avoid. Rates are read beside it.
func measureFloor(_ options: Options) throws -> Report {
    let rounds = try options.count("rounds", in: 1...1000) ?? 5
    try Processor.pin(0)
    var report = Report()
    report.add("rounds", rounds)
    report.add("syscall_ns", medianOf(rounds) { measureSystemCall() })
    report.add(
        "clock_ns",
        medianOf(rounds) { nanosecondsPerOperation(1 << 18) { (0..<1 << 18).reduce(0) { sum, _ in sum &+ Clock.now } } }
    )
    for (name, size) in [
        ("memcpy_64_ns", 64), ("memcpy_1500_ns", 1500), ("memcpy_9000_ns", 9000), ("memcpy_64k_ns", 65_536),
    ] {
        report.add(name, medianOf(rounds) { measureCopy(size) })
    }
    let link = try Link.direct()
    report.add("recv_eagain_ns", medianOf(rounds) { measureEmptyReceive(link) })
    for (name, size) in [("datagram_64_ns", 64), ("datagram_1500_ns", 1500), ("datagram_9000_ns", 9000)] {
        report.add(name, try medianOf(rounds) { try measureDatagram(link, size) })
    }
    let (poll, epoll) = try measureReadiness(idle: 64, rounds: rounds)
    report.add("poll_64_idle_ns", poll)
    report.add("epoll_64_idle_ns", epoll)
    return report
}

private func measureSystemCall() -> Double {
    let count = 1 << 18
    return nanosecondsPerOperation(count) { (0..<count).reduce(0) { sum, _ in sum &+ Int(getppid()) } }
}

/// Copies from memory that is larger than the second-level cache to memory that is not.
private func measureCopy(_ size: Int) -> Double {
    let source = Buffer(byteCount: 16 << 20)
    let target = Buffer(byteCount: 1 << 17)
    defer {
        unsafe source.bytes.deallocate()
        unsafe target.bytes.deallocate()
    }
    let count = (64 << 20) / max(size, 256)
    var offset = 0
    return nanosecondsPerOperation(count) {
        for _ in 0..<count {
            unsafe target.bytes.copyMemory(from: source.bytes + offset, byteCount: size)
            offset = offset + size + 4096 < source.byteCount - size ? offset + (size + 63) / 64 * 64 : 0
        }
        return unsafe Int(target.bytes.load(as: UInt8.self))
    }
}

private func measureEmptyReceive(_ link: Link) -> Double {
    let buffer = Buffer(byteCount: 64)
    let count = 1 << 18
    return nanosecondsPerOperation(count) {
        (0..<count).reduce(0) { sum, _ in
            unsafe sum &+ recv(link.sink, buffer.bytes, buffer.byteCount, Int32(MSG_DONTWAIT))
        }
    }
}

/// One datagram through a socket pair: a `send`, then a `recv`. No switch that uses them can take less for a frame.
private func measureDatagram(_ link: Link, _ size: Int) throws -> Double {
    let buffer = Buffer(byteCount: size)
    let count = 1 << 16
    var failed = false
    let time = nanosecondsPerOperation(count) {
        var sum = 0
        for _ in 0..<count {
            guard unsafe send(link.sender, buffer.bytes, size, 0) == size,
                unsafe recv(link.sink, buffer.bytes, size, 0) == size
            else {
                failed = true
                break
            }
            sum &+= size
        }
        return sum
    }
    if failed { throw Failure.systemCall("send, recv", Errno(rawValue: errno)) }
    return time
}

/// Asking `idle` silent sockets for news, by poll(2) and by epoll(7).
private func measureReadiness(idle: Int, rounds: Int) throws -> (poll: Double, epoll: Double) {
    var links: [Link] = []
    for _ in 0..<idle { links.append(try Link.direct()) }
    var watched = links.map { pollfd(fd: $0.sink, events: Int16(POLLIN), revents: 0) }
    let count = 1 << 14
    let pollTime = medianOf(rounds) {
        nanosecondsPerOperation(count) {
            (0..<count).reduce(0) { sum, _ in unsafe sum &+ Int(poll(&watched, nfds_t(idle), 0)) }
        }
    }
    let epoll = try Epoll()
    for link in links { try epoll.add(link.sink, .readable, word: 0) }
    var ready = Epoll.ReadyList()
    let epollTime = try medianOf(rounds) {
        let start = Clock.now
        for _ in 0..<count { try epoll.wait(&ready, timeout: 0) }
        return Double(Clock.now - start) / Double(count)
    }
    return (pollTime, epollTime)
}
