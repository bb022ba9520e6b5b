// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite("Values of lab files")
struct ValueTests {
    @Test(
        "amounts",
        arguments: [
            ("64M", 64 << 20), ("1G", 1 << 30), ("512k", 512 << 10), ("7", 7), ("2GiB", 2 << 30), ("3MB", 3 << 20),
        ]
    )
    func amounts(text: String, bytes: Int) {
        #expect(ByteCount(text)?.bytes == UInt64(bytes))
    }

    @Test("what is no amount", arguments: ["", "M", "-1", "1.5G", "99999999T", "64 M", "12X"])
    func noAmounts(text: String) { #expect(ByteCount(text) == nil) }

    @Test("amounts are shown as they are written")
    func shown() {
        #expect(["64M", "1G", "1023K", "5"].map { ByteCount($0)?.description } == ["64M", "1G", "1023K", "5"])
    }

    @Test(
        "times",
        arguments: [
            ("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("2m", 120_000_000_000), ("3", 3_000_000_000),
            ("10us", 10_000),
        ]
    )
    func times(text: String, nanoseconds: Int) {
        #expect(TimeSpan(text)?.nanoseconds == UInt64(nanoseconds))
    }

    @Test("what is no time", arguments: ["", "s", "-1s", "1e30h", "nan", "infs", "1d"])
    func noTimes(text: String) { #expect(TimeSpan(text) == nil) }
}
