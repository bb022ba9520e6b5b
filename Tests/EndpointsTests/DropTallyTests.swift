// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import Testing

@Suite("Counting lost frames")
struct DropTallyTests {
    @Test("counts by cause, then adds everything to an endpoint's counters and starts anew")
    func flushes() {
        var memory = StateMemory(
            byteCount: StateMemory.byteCount(sections: PortTable.byteCount(portCount: 1, endpointCount: 2))
        )
        let table = PortTable(in: &memory, portCount: 1, endpointCount: 2)
        var tally = DropTally()
        #expect(tally.isEmpty)
        for (number, cause) in DropCause.allCases.enumerated() { tally.count(cause, number + 1) }
        tally.count(.runt)
        #expect(!tally.isEmpty)
        #expect(tally[.runt] == DropCause.runt.rawValue + 2)
        tally.flush(to: table, endpoint: 1)
        #expect(tally.isEmpty)
        // What was added is not added again.
        tally.flush(to: table, endpoint: 1)
        for (number, cause) in DropCause.allCases.enumerated() {
            #expect(table.drops(endpoint: 1, cause) == UInt64(number + 1 + (cause == .runt ? 1 : 0)))
            #expect(table.drops(endpoint: 0, cause) == 0)
            #expect(tally[cause] == 0)
        }
        withExtendedLifetime(memory) {}
    }

    @Test(
        "each error of a system call stands for a cause",
        arguments: [
            (ENOBUFS, .noBuffers), (ENOMEM, .noBuffers), (EMSGSIZE, .tooLarge), (ECONNREFUSED, .peerGone),
            (ECONNRESET, .peerGone), (EPIPE, .peerGone), (ENOTCONN, .peerGone), (ENOENT, .peerGone), (EIO, .peerGone),
            (EINVAL, .sendFailed), (EPERM, .sendFailed), (EBADFD, .sendFailed),
        ] as [(Int32, DropCause)]
    )
    func causes(errno: Int32, cause: DropCause) {
        #expect(DropTally.cause(of: Errno(rawValue: errno)) == cause)
    }
}
