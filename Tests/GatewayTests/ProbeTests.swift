// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// The fuzz target's probe with random scripts; a script that once failed is kept here.
@Suite struct ProbeTests {
    @Test(arguments: 1...40)
    func randomScriptsEndWell(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var sent = 0
        for _ in 0..<10 { sent += GatewayProbe.run(random.bytes(random.number(10...3000))) }
        #expect(sent > 0)
    }
}
