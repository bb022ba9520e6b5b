// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Lab files on the command line")
    struct ValidateTests {
        @Test("a lab that is right; one with mistakes has a line for each, and status 2; answers for programs")
        func validate() throws {
            try requireLab()
            try withHost { host in
                let path = try host.write(
                    """
                    name: two
                    guests:
                      alice: {interfaces: {eth0: {address: 10.0.0.1/24}}}
                      bob: {interfaces: {eth0: {address: 10.0.0.2/24}}}
                    links: ["alice:eth0 -- bob:eth0"]

                    """,
                    data: "lab.yaml"
                )
                func validate(_ words: String...) throws -> Program {
                    try host.run([host.etherloom, "validate"] + words)
                }
                let fine = try validate(path)
                #expect(fine.end == .exited(0))
                #expect(fine.output == "\(path): lab \"two\": 2 guests, 1 link\n")
                #expect(try validate("-q", path).output == "")

                let wrong = try host.write(
                    "guests: {alice: {memroy: 1M}}\nlinks: [\"alice:eth0 -- lan\"]\n",
                    data: "wrong.yaml"
                )
                let refused = try validate(wrong)
                #expect(refused.end == .exited(2))
                #expect(refused.output == "")
                #expect(
                    refused.errorLines == [
                        "\(wrong):1:18: unknown key \"memroy\" of guest \"alice\"; did you mean \"memory\"?"
                    ]
                )
                let answer = try validate("--format", "json", wrong)
                #expect(answer.end == .exited(2))
                let json = try JSONSerialization.jsonObject(with: Data(answer.outputBytes)) as? [String: Any]
                #expect(json?["valid"] as? Bool == false)
                let problem = (json?["problems"] as? [[String: Any]])?.first
                #expect(problem?["line"] as? Int == 1)
                #expect(problem?["column"] as? Int == 18)

                let missing = try validate(path + ".not")
                #expect(missing.end == .exited(2))
                #expect(missing.errorLines.count == 1)
                #expect(missing.errorLines.first?.contains("No such file or directory") == true)
            }
        }
    }
}
