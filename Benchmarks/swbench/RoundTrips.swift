// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

extension Generator {
    /// Round trips: a frame to the sink, which answers each with one of its own. `--think` waits between two of them.
    func measureRoundTrips() throws -> Report {
        let echo = try startEcho()
        let frame = TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: size)
        let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1)
        Link.limit(link.sender, option: SO_RCVTIMEO, milliseconds: 2000)

        var trips: [Int] = []
        trips.reserveCapacity(count ?? Int(seconds * 100_000))
        var lost = 0
        var timeBefore = try switchTime()
        let start = Clock.now
        var measured = start
        var number = 0
        while true {
            let begin = Clock.now
            if let count {
                if trips.count + lost >= count { break }
            } else if begin - start > Int((warmup + seconds) * 1e9) {
                break
            }
            if count == nil, trips.isEmpty || begin - start < Int(warmup * 1e9) {
                trips.removeAll(keepingCapacity: true)
                measured = begin
                timeBefore = try switchTime()
            }
            if let trip = try roundTrip(number, frame, buffer) { trips.append(trip) } else { lost += 1 }
            number += 1
            if think > 0 { Clock.sleep(until: Clock.now + Int(think * 1000)) }
        }
        let elapsed = Clock.now - measured
        let time = try switchTime() - timeBefore
        shutdown(link.sink, Int32(SHUT_RDWR))
        echo.join()
        return report(trips, lost: lost, elapsed: elapsed, switchTime: time)
    }

    /// Nanoseconds of one round trip, nil when the answer did not come.
    private func roundTrip(_ number: Int, _ frame: Buffer, _ buffer: Buffer) throws -> Int? {
        frame.setSequence(number)
        let begin = Clock.now
        guard unsafe send(link.sender, frame.bytes, size, 0) == size else {
            throw Failure.systemCall("send", Errno(rawValue: errno))
        }
        while true {
            let result = unsafe recv(link.sender, buffer.bytes, buffer.byteCount, 0)
            if result < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if buffer.sequence(count: result) == number { return Clock.now - begin }
        }
    }

    private func startEcho() throws -> Thread.Handle {
        let (descriptor, size) = (link.sink, size)
        Link.limit(descriptor, option: SO_RCVTIMEO, milliseconds: 0)
        let body: @Sendable () -> Void = {
            let answer = TestFrame.make(from: TestFrame.sinkAddress, to: TestFrame.senderAddress, byteCount: size)
            let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1)
            while true {
                let result = unsafe recv(descriptor, buffer.bytes, buffer.byteCount, 0)
                if result < 0, errno == EINTR { continue }
                if result <= 0 { return }
                guard let number = buffer.sequence(count: result), number >= 0 else { continue }
                answer.setSequence(number)
                _ = unsafe send(descriptor, answer.bytes, size, 0)
            }
        }
        do {
            return try Thread.start(name: "echo", body)
        } catch {
            throw Failure.systemCall("pthread_create", error)
        }
    }

    private func report(_ trips: [Int], lost: Int, elapsed: Int, switchTime: Int) -> Report {
        let sorted = trips.sorted()
        func percentile(_ part: Double) -> Double {
            sorted.isEmpty ? .nan : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]) / 1000
        }
        // How many trips took less than 1, 2, 4, 8 … microseconds.
        var histogram = [Int](repeating: 0, count: 16)
        for trip in sorted {
            histogram[min(15, Int.bitWidth - (trip / 1000).leadingZeroBitCount)] += 1
        }
        var report = Report()
        describe(&report)
        report.add("think_us", think)
        report.add("trips", sorted.count)
        report.add("lost", lost)
        report.add("p50_us", percentile(0.5), digits: 2)
        report.add("p90_us", percentile(0.9), digits: 2)
        report.add("p99_us", percentile(0.99), digits: 2)
        report.add("p999_us", percentile(0.999), digits: 2)
        report.add("max_us", percentile(1), digits: 2)
        report.add("histogram_log2_us", histogram)
        report.add("seconds", Double(elapsed) / 1e9, digits: 3)
        if processID != nil, !sorted.isEmpty {
            report.add("switch_us_per_trip", Double(switchTime) / Double(sorted.count) / 1000, digits: 2)
        }
        return report
    }
}
