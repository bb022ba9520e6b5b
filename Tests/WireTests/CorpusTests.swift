// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Inputs that fuzzing found worth keeping, those that once crashed among them, stay harmless.
struct CorpusTests {
    private static let fuzz = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fuzz").standardizedFileURL

    @Test(arguments: ["Frames", "DHCP", "DNS"])
    func isHarmless(_ target: String) throws {
        let directory = CorpusTests.fuzz.appending(path: "\(target)/Corpus")
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        var accepted: WireProbe.Parsers = []
        for file in files {
            let bytes = [UInt8](try Data(contentsOf: file))
            let findings =
                switch target {
                case "DHCP": WireProbe.dhcp(bytes)
                case "DNS": WireProbe.dns(bytes)
                default: WireProbe.frame(bytes)
                }
            accepted.formUnion(findings.accepted)
        }
        #expect(!accepted.isEmpty, "no parser accepts anything of \(files.count) inputs")
    }
}
