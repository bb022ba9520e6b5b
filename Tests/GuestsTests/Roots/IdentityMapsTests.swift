// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Guests

@Suite("Who is who in a lab")
struct IdentityMapsTests {
    @Test("lines of /etc/subuid")
    func grantedRanges() {
        let text = """
            # comment
            alice:100000:65536
            bob:165536:65536
            1000:300000:10
            alice:x:5
            alice:5
            alice:0:5
            alice:4294967290:65536
            alice:500000:0
            """
        #expect(SubordinateIDs.ranges(text, names: ["alice", "1000"]) == [100_000..<165_536, 300_000..<300_010])
        #expect(SubordinateIDs.ranges(text, names: ["carol", "7"]) == [])
        #expect(SubordinateIDs.granted(in: "/nowhere/subuid", user: 1) == [])
    }

    @Test("root is the user, the others follow from 1 on")
    func behindRoot() {
        let extents = IdentityMaps.behindRoot(1000, [100_000..<165_536, 300_000..<300_010])
        #expect(
            extents == [
                .init(inside: 0, outside: 1000, count: 1),
                .init(inside: 1, outside: 100_000, count: 65_536),
                .init(inside: 65_537, outside: 300_000, count: 10),
            ]
        )
        #expect(!IdentityMaps.single(user: 5, group: 6).hasManyUsers)
        #expect(IdentityMaps(users: extents, groups: extents).hasManyUsers)
    }

    @Test("more numbers than there are do not overflow")
    func manyNumbers() {
        let all = UInt32(1)..<UInt32.max
        let extents = IdentityMaps.behindRoot(1000, [all, all, all])
        #expect(extents.count == 2)
        #expect(extents.reduce(UInt64(0)) { $0 + UInt64($1.count) } <= UInt64(UInt32.max))
    }
}
