// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import PacketFilter

/// Packet filters: our machine, libpcap's on the same program and frames, and policies alone and stacked.
struct FilterBench {
    private typealias Machine =
        @convention(c) (UnsafeRawPointer, UnsafePointer<UInt8>, UInt32, UInt32) -> UInt32

    /// An expression of some thirty instructions, as an administrator writes it.
    private static let expression =
        "arp or (ip and src net 10.0.0.0/8 and not (udp port 67 or udp port 68) and (tcp port 22 or port 53 or icmp))"
    private static let count = 200_000

    private let rounds: Int
    private let program: FilterProgram
    private let frames: [[UInt8]]

    init(rounds: Int) throws {
        self.rounds = rounds
        do throws(FilterCompiler.CompileError) {
            program = try FilterCompiler.compile(Self.expression)
        } catch {
            throw Failure("\(error)")
        }
        frames = Self.makeFrames()
    }

    /// TCP, UDP, ICMP and ARP in turn, at ports that are wanted and ports that are not.
    private static func makeFrames() -> [[UInt8]] {
        var scatter = Scatter(seed: 5)
        return (0..<64).map { number in
            var frame = (0..<64).map { _ in UInt8(truncatingIfNeeded: scatter.next()) }
            frame.replaceSubrange(12..<14, with: number % 8 == 0 ? [8, 6] : [8, 0])
            frame[14] = 0x45
            frame.replaceSubrange(20..<22, with: [0, 0])
            frame[23] = [6, 17, 1, 6][number % 4]
            frame.replaceSubrange(26..<28, with: [10, 0])
            frame.replaceSubrange(34..<38, with: [0, 99, 0, [22, 53, 67, 80][scatter.next(below: 4)]])
            return frame
        }
    }

    func measure(into report: inout Report) throws {
        report.add("filter_instructions", program.instructions.count)
        let table = FilterTable(program)
        report.add(
            "filter_ns",
            each { number in
                let frame = frames[number]
                return table.accepts(frame.span) ? 1 : 0
            },
            digits: 2
        )
        report.add("filter_libpcap_ns", try libpcap(), digits: 2)
        for (name, depth) in [("policy_1_ns", 1), ("policy_3_ns", 3)] {
            report.add(name, try policies(depth), digits: 2)
        }
    }

    private func each(_ body: (Int) -> Int) -> Double {
        medianOf(rounds) {
            nanosecondsPerOperation(Self.count) {
                var sum = 0
                for number in 0..<Self.count { sum &+= body(number & 63) }
                return sum
            }
        }
    }

    private func libpcap() throws -> Double {
        guard let library = unsafe dlopen("libpcap.so.0.8", RTLD_NOW),
            let symbol = unsafe dlsym(library, "bpf_filter")
        else { throw Failure("libpcap.so.0.8 is not here") }
        let machine = unsafe unsafeBitCast(symbol, to: Machine.self)
        let instructions = program.instructions
        return unsafe instructions.withUnsafeBytes { code in
            each { number in
                unsafe frames[number].withUnsafeBufferPointer { bytes in
                    guard let code = code.baseAddress, let start = bytes.baseAddress else { return 0 }
                    return Int(unsafe machine(code, start, UInt32(bytes.count), UInt32(bytes.count)) & 1)
                }
            }
        }
    }

    /// The same rule once, and as three policies of which each lets pass what the next one asks about: one program either way.
    private func policies(_ depth: Int) throws -> Double {
        let second = ["not ether src 2:0:0:0:0:1", "not ip host 10.255.0.1"]
        do throws(PolicyError) {
            var stack = [try Self.policy(Self.expression)]
            for expression in second.prefix(depth - 1) { stack.append(try Self.policy(expression)) }
            let policy = try CompiledPolicy.merged(stack)
            let table = PolicyTable(policy, counters: RuleCounters(count: policy.rules.count))
            return each { number in
                let frame = frames[number]
                return table.admits(frame.span) ? 1 : 0
            }
        } catch {
            throw Failure("\(error)")
        }
    }

    private static func policy(_ expression: String) throws(PolicyError) -> CompiledPolicy {
        let entry: FilterLayer.Entry
        do throws(FilterCompiler.CompileError) {
            entry = try FilterLayer.Entry(FilterRule("wanted", accepts: true), expression: expression)
        } catch {
            throw PolicyError("\(error)")
        }
        return try FilterLayer([entry], fallback: FilterRule("rest", accepts: false)).compiled()
    }
}
