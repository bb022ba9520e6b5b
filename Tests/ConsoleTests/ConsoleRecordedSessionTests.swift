// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Console

@Suite("The console answers byte for byte as vde_switch 2.3.2 did")
struct ConsoleRecordedSessionTests {
    @Test func `the whole session in its order`() throws {
        let fixture = try ConsoleFixture.recorded()
        #expect(RecordedSession.exchanges.count > 40)
        for exchange in RecordedSession.exchanges {
            #expect(fixture.answer(exchange.sent) == exchange.received, "\(exchange.testDescription)")
        }
    }
}

@Suite("Where the console differs from vde_switch 2.3.2 on purpose")
struct ConsoleDifferenceTests {
    /// What was sent, what vde_switch answered, what we answer.
    static let differences: [(sent: String, theirs: String, ours: String)] = [
        // Ports count from 1 to Numports; theirs ends one before.
        (
            "port/print 32", "0000 DATA END WITH '.'\n.\n1022 Invalid argument",
            "0000 DATA END WITH '.'\n.\n1006 No such device or address"
        ),
        // A directory is nothing to load.
        ("load /", "1000 Success", "1021 Is a directory"),
    ]

    @Test(arguments: differences.indices)
    func `each difference`(_ index: Int) throws {
        let difference = Self.differences[index]
        #expect(difference.ours != difference.theirs)
        #expect(try ConsoleFixture.recorded().answer(difference.sent) == difference.ours + "\n\nvde$ ")
    }

    @Test func `a carriage return before the line feed does not make a blank line a command`() throws {
        #expect(try ConsoleFixture().answer("\r") == "\nvde$ ")
    }
}
