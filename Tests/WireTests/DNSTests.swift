// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct DNSTests {
    /// A query of `dig www.example.com AAAA` with EDNS.
    let query = hex(
        """
        be ef 01 20                                             # identifier; RD, AD
        00 01 00 00 00 00 00 01                                 # one question, one additional record
        03 77 77 77 07 65 78 61 6d 70 6c 65 03 63 6f 6d 00      # www.example.com
        00 1c 00 01                                             # AAAA, Internet
        00 00 29 10 00 00 00 00 00 00 00                        # OPT
        """
    )

    @Test func readsAQuery() throws {
        let header = try #require(DNSHeader.parse(query))
        #expect(header.identifier == 0xbeef && header.questionCount == 1 && header.additionalCount == 1)
        #expect(!header.isResponse && header.recursionDesired && header.opcode == 0 && !header.isTruncated)
        let question = try #require(DNSQuestion.parse(query))
        #expect(question == DNSQuestion(name: "www.example.com", type: 28, recordClass: 1, endOffset: 33))
    }

    @Test func writesAHeaderThatItReads() throws {
        let header = try #require(DNSHeader.parse(query))
        #expect(emitted(12) { header.emit(into: &$0) } == Array(query[..<12]))
        #expect(emitted(11) { header.emit(into: &$0) } == nil)
    }

    @Test func answersServerFailure() throws {
        let answer = try #require(emitted(512) { DNSMessage.emitFailure(for: query.span, into: &$0) })
        #expect(
            answer
                == hex(
                    """
                    be ef 81 82                 # response, RD, RA, SERVFAIL
                    00 01 00 00 00 00 00 00     # the question only
                    """
                ) + query[12..<33]
        )
        #expect(emitted(32) { DNSMessage.emitFailure(for: query.span, into: &$0) } == nil)
        #expect(emitted(33) { DNSMessage.emitFailure(for: query.span, into: &$0) } != nil)
    }

    @Test func answersAnUnreadableQuestionWithTheHeaderOnly() throws {
        var bytes = query
        bytes[12] = 0xc0
        let answer = try #require(
            emitted(512) {
                DNSMessage.emitFailure(for: bytes.span, responseCode: DNSHeader.ResponseCode.formatError, into: &$0)
            }
        )
        #expect(answer == hex("be ef 81 81 00 00 00 00 00 00 00 00"))
    }

    @Test func answersNoAnswers() {
        var bytes = query
        bytes[2] |= 0x80
        #expect(emitted(512) { DNSMessage.emitFailure(for: bytes.span, into: &$0) } == nil)
        #expect(emitted(512) { DNSMessage.emitFailure(for: hex("be ef 01 00").span, into: &$0) } == nil)
    }

    private func name(_ text: String) -> String? {
        DNSQuestion.parse(hex(text) + hex("00 01 00 01"), at: 0)?.name
    }

    @Test func refusesPointersAndOverlongNames() {
        #expect(name("c0 0c") == nil)  // a pointer to itself
        #expect(name("03 77 77 77 c0 00") == nil)
        #expect(name("40" + String(repeating: "61", count: 64) + "00") == nil)
        #expect(name("80 61 00") == nil)
        let label = "3f" + String(repeating: "61", count: 63)
        #expect(name(label + label + label + "3d" + String(repeating: "61", count: 61) + "00")?.utf8.count == 253)
        #expect(name(label + label + label + "3e" + String(repeating: "61", count: 62) + "00") == nil)
        #expect(name(String(repeating: "01 61", count: 127) + "00")?.utf8.count == 253)
        #expect(name(String(repeating: "01 61", count: 128) + "00") == nil)
    }

    @Test func escapesWhatCouldFakeAnotherName() {
        #expect(name("00") == ".")
        #expect(name("05 61 2e 62 5c 63 00") == "a\\.b\\\\c")
        #expect(name("04 0a 20 7f ff 00") == "\\010\\032\\127\\255")
    }

    @Test func refusesTruncations() {
        for length in 0..<33 { #expect(DNSQuestion.parse(Array(query[..<length])) == nil) }
        #expect(DNSQuestion.parse(query, at: -1) == nil && DNSQuestion.parse(query, at: .max) == nil)
    }
}
