// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The fuzz target's probe with random scripts and with its corpus.
@Suite struct ProbeTests {
    @Test(arguments: 1...40)
    func randomScriptsEndWell(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var sent = 0
        for _ in 0..<10 { sent += GatewayProbe.run(random.bytes(random.number(10...3000))) }
        #expect(sent > 0)
    }

    /// Inputs that fuzzing found worth keeping, those that once crashed among them.
    @Test func theCorpusStaysHarmless() throws {
        let directory = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fuzz/Gateway/Corpus").standardizedFileURL
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        var sent = 0
        for file in files { sent += GatewayProbe.run([UInt8](try Data(contentsOf: file))) }
        #expect(sent > 0, "nothing is answered in \(files.count) scripts")
    }
}
