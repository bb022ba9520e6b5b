// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem
import Runtime

/// A wire with nothing at its ends, and its console.
///
/// Made once: a data plane has a thread. libFuzzer calls from one thread only.
private final class Bench {
    nonisolated(unsafe) static let shared = Bench()
    let loop: ControlLoop
    let console: WireConsole
    let caller = WireConsole.Caller()

    init() {
        do {
            loop = try ControlLoop()
            console = WireConsole(ImpairedWire(try TransportCable(loop: loop), loop: loop, seed: 1), loop: loop)
        } catch {
            fatalError("\(error)")
        }
    }
}

/// libFuzzer's entry point: what a client of a wire's console sends, a line or more.
///
/// Every answer has the form that clients wait for, and the loop takes whatever was set.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var reader = ConsoleLineReader(limit: 1024)
    unsafe reader.append(UnsafeBufferPointer(start: start, count: count))
    while let line = reader.next() { take(line) }
    if let line = reader.takeUnfinished() { take(line) }
    // A step of the Markov chain, when one is due.
    try? unsafe Bench.shared.loop.runPending()
    return 0
}

private func take(_ line: ConsoleLineReader.Line) {
    // Files of this machine are no business of a fuzzer's.
    guard case .text(let text) = line, !text.contains("load") else { return }
    guard let answer = unsafe Bench.shared.console.execute(text, Bench.shared.caller) else { return }
    let reply = answer.encoded()
    precondition(reply.starts(with: "0000 DATA".utf8) || reply.first == 0x31 || reply.starts(with: "9999".utf8))
    // Within the data a lone full stop would end it.
    let stops = reply.split(separator: 0x0a, omittingEmptySubsequences: false).count { $0.elementsEqual([0x2e]) }
    precondition(stops == (answer.lines == nil || answer.sequel != .prompt ? 0 : 1))
    // Values that are not numbers are refused, so that none is ever shown.
    for line in answer.lines ?? [] { precondition(!line.contains("+nan") && !line.contains(" nan+")) }
}
