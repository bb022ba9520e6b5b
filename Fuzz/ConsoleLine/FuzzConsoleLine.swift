// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import LinuxSystem
import Runtime

/// A switch without clients, and its console.
///
/// Made once: a data plane has a thread. libFuzzer calls from one thread only.
private final class Bench: ConsoleCaller {
    nonisolated(unsafe) static let shared = Bench()
    let console: Console
    /// Events have somebody who wants them.
    var subscriptions: Set<String> = []

    init() {
        do {
            let dataPlane = try DataPlane(configuration: EngineConfiguration(portCount: 33))
            let options = SwitchOptions(directory: "/nonexistent")
            console = Console(try Switch(options: options, loop: try ControlLoop(), dataPlane: dataPlane))
            // Some things to speak of, modules included.
            for line in [
                "port/create 1", "port/create 2", "vlan/create 5", "port/setvlan 2 5", "plugin/add dump.so",
                "plugin/add iplog.so",
            ] {
                _ = console.execute(line)
            }
        } catch {
            fatalError("\(error)")
        }
    }
}

/// libFuzzer's entry point: what a client of the management console sends, in pieces as a stream has them.
///
/// Every answer has the form that clients wait for, whatever the line was.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var reader = ConsoleLineReader()
    var rest = bytes[...]
    while let size = rest.first {
        let piece = rest.dropFirst().prefix(Int(size))
        rest = rest.dropFirst(1 + piece.count)
        reader.append(piece)
        while let line = reader.next() { take(line) }
    }
    if let line = reader.takeUnfinished() { take(line) }
    return 0
}

private func take(_ line: ConsoleLineReader.Line) {
    guard case .text(let text) = line else { return }
    // Files, programs and networks of this machine are no business of a fuzzer's.
    let isOutside = ["load", "attach", "file", "capture", "mirror"].contains { text.contains($0) }
    guard !isOutside else { return }
    guard let answer = unsafe Bench.shared.console.execute(text, from: Bench.shared) else { return }
    let reply = answer.encoded()
    precondition(reply.starts(with: "0000 DATA".utf8) || reply.first == 0x31 || reply.starts(with: "9999".utf8))
    // Within the data a lone full stop would end it.
    // The catalogue of events keeps what it is told, and no more.
    precondition(unsafe Bench.shared.subscriptions.count <= 64)
    let stops = reply.split(separator: 0x0a, omittingEmptySubsequences: false).count { $0.elementsEqual([0x2e]) }
    precondition(stops == (answer.lines == nil || answer.sequel != .prompt ? 0 : 1))
}
