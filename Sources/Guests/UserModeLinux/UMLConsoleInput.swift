// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is typed on the console of a UML guest, given to its kernel no faster than somebody in the guest reads it.
///
/// A line of UML whose reader is behind is stopped (at 3968 of a terminal's 4096 bytes) and never goes on again: one long paste
/// into a console that nobody reads would make it deaf. So the agent is asked how much of it is unread, each time that some was
/// sent; what is too much waits here. What was sent last may not have come to the terminal when the agent looks: only the
/// second of two answers counts.
///
/// A terminal that gives whole lines counts a line as unread when it has its end. A line that is longer than the room there is
/// is cut, as any terminal cuts it a little later.
final class UMLConsoleInput {
    typealias Answer = (Result<[String], GuestError>) -> Void

    /// What the kernel may have unread.
    static let limit = 3072
    /// It is asked how much that is when so much has been sent.
    static let step = 1024
    /// What may wait here; more is lost, and that is said.
    static let waitingLimit = 1 << 20
    /// Milliseconds until it is asked again whether somebody has read.
    static let pause: UInt64 = 200
    /// Milliseconds between two questions of which only the second one counts.
    static let settling: UInt64 = 10

    private let send: ([UInt8]) -> Void
    private let ask: (@escaping Answer) -> Void
    private let later: (_ milliseconds: UInt64, @escaping () -> Void) -> Void
    private let log: (String) -> Void

    private var waiting: [UInt8] = []
    private var room = limit
    private var sentByteCount = 0
    /// Bytes behind the last end of a line, as far as they were sent.
    private var openLineByteCount = 0
    private var isAsking = false
    private var isFull = false

    init(
        send: @escaping ([UInt8]) -> Void,
        ask: @escaping (@escaping Answer) -> Void,
        later: @escaping (UInt64, @escaping () -> Void) -> Void,
        log: @escaping (String) -> Void
    ) {
        self.send = send
        self.ask = ask
        self.later = later
        self.log = log
    }

    func type(_ bytes: [UInt8]) {
        guard waiting.count + bytes.count <= Self.waitingLimit else {
            if !isFull { log("its console: nobody in the guest reads what was typed; no more is taken") }
            isFull = true
            return
        }
        waiting += bytes
        advance()
    }

    /// Gives the kernel what it may have; asks when that may be more than is known.
    private func advance() {
        guard !isAsking, !waiting.isEmpty else { return }
        let count = min(room, waiting.count)
        if count > 0 {
            let part = Array(waiting.prefix(count))
            waiting.removeFirst(count)
            send(part)
            room -= count
            sentByteCount += count
            let rest = part.reversed().prefix { !Self.endsLine($0) }.count
            openLineByteCount = rest == count ? openLineByteCount + count : rest
        }
        if sentByteCount >= Self.step || room == 0 { askForRoom() }
    }

    private static func endsLine(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0x0d || byte == 0x04 }

    private func askForRoom() {
        isAsking = true
        let isFirst = sentByteCount > 0
        sentByteCount = 0
        ask { [weak self] result in
            guard let self else { return }
            if isFirst { return later(Self.settling) { [weak self] in self?.askForRoom() } }
            take(result)
        }
    }

    private func take(_ result: Result<[String], GuestError>) {
        let words = ((try? result.get())?.first ?? "").split(separator: " ")
        // An agent that does not answer now may do so later; until then nothing is known.
        room = words.first.flatMap { Int($0) }.map { self.room(max(0, $0), byLines: words.last == "lines") } ?? 0
        if room > 0 {
            isAsking = false
            isFull = false
            return advance()
        }
        later(Self.pause) { [weak self] in self?.askForRoom() }
    }

    /// - Parameter byLines: the guest's terminal gives whole lines, and only those are counted as unread.
    private func room(_ unread: Int, byLines: Bool) -> Int {
        guard byLines else {
            openLineByteCount = min(openLineByteCount, unread)
            return max(0, Self.limit - unread)
        }
        if unread == 0, openLineByteCount >= Self.limit {
            // Nobody can read it before it has an end.
            let rest = waiting.prefix { !Self.endsLine($0) }.count
            if rest > 0 { log("its console: a line of more than \(Self.limit) bytes was cut") }
            waiting.removeFirst(rest)
            return 1
        }
        return max(0, Self.limit - unread - openLineByteCount)
    }
}
