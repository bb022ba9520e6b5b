// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@testable import Guests

/// What a keeper holds of machines' connections for the next fabric.
@Suite("Kept connections")
struct KeptConnectionsTests {
    private func descriptor() throws -> SharedDescriptor {
        SharedDescriptor(try OwnedDescriptor.open("/dev/null", flags: O_RDWR))
    }

    @Test("the latest of each sort is kept, with its descriptors, until it is withdrawn or the connection ends")
    func latest() throws {
        var kept = KeptConnections()
        let (socket, first, second) = (try descriptor(), try descriptor(), try descriptor())
        // Without a connection nothing is worth keeping.
        kept.take(["a:eth0", "5", "00"], [first])
        #expect(!kept.contains("a:eth0"))
        #expect(kept.requests("a:eth0").isEmpty)

        kept.take(["a:eth0", "socket", "-"], [socket])
        kept.take(["a:eth0", "5", "00"], [first])
        kept.take(["a:eth0", "5", "01"], [second])
        kept.take(["a:eth0", "12.0", "02"], [first])
        kept.take(["a:eth0", "12.1", "03"], [first])
        kept.take(["a:eth0", "12.0"], [])
        let requests = kept.requests("a:eth0")
        #expect(
            requests.map(\.words) == [
                ["port-keep", "a:eth0", "12.1", "03"], ["port-keep", "a:eth0", "5", "01"],
                ["port-keep", "a:eth0", "socket", "-"], ["port-take-up", "a:eth0"],
            ]
        )
        #expect(
            requests.map { $0.descriptors.map(\.rawValue) }
                == [[first], [second], [socket], []].map { $0.map(\.rawValue) }
        )
        #expect(kept.requests("b:eth0").isEmpty)

        // The next machine at the same port begins with nothing.
        kept.take(["a:eth0", "socket", "-"], [socket])
        #expect(kept.requests("a:eth0").count == 2)
        kept.take(["a:eth0", "end"], [])
        #expect(!kept.contains("a:eth0"))
    }
}
