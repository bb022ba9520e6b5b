// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Capture files as networks")
    struct CaptureFileTests {
        /// What makes a capture file, as other programs make them.
        private static let maker = """
            import struct, sys
            form, path, gap = sys.argv[1], sys.argv[2], float(sys.argv[3])
            frames = [bytes.fromhex(word) for word in sys.argv[4:]]
            order, start = ('>' if 'big' in form else '<'), 1_600_000_000
            def block(kind, body):
                body += bytes(-len(body) % 4)
                size = struct.pack(order + 'I', len(body) + 12)
                return struct.pack(order + 'I', kind) + size + body + size
            with open(path, 'wb') as out:
                if form.startswith('pcapng'):
                    out.write(block(0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1)))
                    out.write(block(1, struct.pack(order + 'HHIHHB3xHH', 1, 0, 0, 9, 1, 9, 0, 0)))
                    out.write(block(0x0bad, b'of another program'))
                else:
                    out.write(struct.pack(order + 'IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
                for number, frame in enumerate(frames):
                    time = start + gap * number
                    if form.startswith('pcapng'):
                        ticks = int(time * 1e9)
                        head = struct.pack(order + 'IIIII', 0, ticks >> 32, ticks & 0xffffffff, len(frame), len(frame))
                        out.write(block(6, head + frame))
                    else:
                        head = (int(time), int(time % 1 * 1e6), len(frame), len(frame))
                        out.write(struct.pack(order + 'IIII', *head) + frame)
            """

        private static func make(
            _ host: HostNamespace,
            _ form: String,
            _ path: String,
            gap: Double = 0,
            _ frames: [[UInt8]]
        ) throws {
            try host.check(["python3", "-c", maker, form, path, "\(gap)"] + frames.map { hexadecimal($0) })
        }

        @Test(
            "a file is played in its order, whatever its form, and the cable then ends with success",
            arguments: ["pcap", "pcap-big", "pcapng", "pcapng-big"]
        )
        func play(form: String) throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let station = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                let frames = (0..<50).map { number in
                    IntegrationTests.frame(
                        to: everybody,
                        from: IntegrationTests.station(9),
                        size: 60 + number * 29,
                        seed: UInt8(number)
                    )
                }
                let file = host.data("in.\(form.hasPrefix("pcapng") ? "pcapng" : "pcap")")
                try Self.make(host, form, file, frames)
                let plug = try host.run([host.etherloom, "plug", "pcap://\(file)", element.directory])
                #expect(plug.end == .exited(0), "\(plug.transcript)")
                #expect(plug.errorOutput.contains("played 50 frames"))
                try station.wait(for: frames[49])
                #expect(station.frames == frames)
            }
        }

        @Test("a file is played in its own time, faster when asked")
        func pace() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let station = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                let frames = (1...5).map { frame(to: everybody, from: IntegrationTests.station(9), seed: UInt8($0)) }
                let file = host.data("slow.pcap")
                // A second in all.
                try Self.make(host, "pcap", file, gap: 0.25, frames)
                var seconds: [String: Double] = [:]
                for option in ["", "[speed=4]", "[fast]"] {
                    let begin = Date()
                    let plug = try host.run([host.etherloom, "plug", "pcap://\(file)\(option)", element.directory])
                    #expect(plug.end == .exited(0))
                    seconds[option] = Date().timeIntervalSince(begin)
                }
                #expect((seconds[""] ?? 0) >= 1.2)
                #expect((seconds["[speed=4]"] ?? 0) >= 0.45)
                #expect((seconds["[speed=4]"] ?? 9) < (seconds[""] ?? 0) - 0.4)
                #expect((seconds["[fast]"] ?? 9) < (seconds[""] ?? 0) - 0.6)
                try wait(for: "all frames") { station.frames.count == 15 }
            }
        }

        @Test("what is written reads as a capture, and plays again", arguments: ["pcap", "pcapng"])
        func write(ending: String) throws {
            try require("vde_plug", "tcpdump")
            try withHost { host in
                let element = try host.startSwitch()
                let file = host.data("out.\(ending)")
                let port = "pcap://\(file)[write]"
                let station = try Plug(host, element.directory)
                let frames = (0..<40).map { frame(to: everybody, from: IntegrationTests.station(3), seed: UInt8($0)) }
                let recorder = try host.startElement(["plug", port, element.directory])
                for frame in frames { try station.send(frame) }
                func count() throws -> Int {
                    let text = try host.check(["sh", "-c", "tcpdump -nn -r \(file) 2>/dev/null"])
                    return text.split(separator: "\n").filter { $0.contains(" > ") }.count
                }
                // While it still runs.
                try wait(for: "40 frames in the file") { try count() == 40 }
                try recorder.stop()
                let other = try host.startSwitch("other")
                let listener = try Plug(host, other.directory)
                try other.waitForEndpoints(1)
                try host.check([host.etherloom, "plug", "pcap://\(file)[fast]", other.directory])
                try listener.wait(for: frames[39])
                #expect(listener.frames == frames)
            }
        }

        @Test("a switch's port plays a file once, and the switch goes on")
        func atPort() throws {
            try require("vde_plug", "python3")
            try withHost { host in
                let file = host.data("in.pcapng")
                let hello = frame(to: everybody, from: IntegrationTests.station(9), seed: 77)
                try Self.make(host, "pcapng", file, [hello])
                let element = try host.startSwitch()
                let station = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                #expect(try element.ask("port/attach pcap://\(file)").contains("1000 Success"))
                try station.wait(for: hello)
                try element.waitForEndpoints(1)
                try wait(for: "its end") { try element.ask("port/attached").contains("DOWN") }
                #expect(station.frames == [hello])
            }
        }

        @Test(
            "what is no capture, or cannot be, is said in one line",
            arguments: [
                ("pcap:///nothere/x", "", 1, "No such file"),
                ("pcap://FILE", "no capture at all", 2, "no capture file"),
                ("pcap://FILE", "\u{a}\u{d}\u{d}\u{a}aaaabbbbcccc", 1, "damaged at byte 0"),
                ("pcap:///dev/null", "", 2, "regular file"), ("pcap://FILE[speed=0]", "", 2, "speed=0"),
                ("pcap://FILE[write/fast]", "", 2, "has no speed"), ("pcap://FILE[odd]", "", 2, "unknown option"),
                ("pcap:///nothere/x[write]", "", 1, "cannot write there"),
            ]
        )
        func refusals(_ url: String, _ contents: String, _ status: Int, _ text: String) throws {
            try require()
            try withHost { host in
                let file = try host.write(contents, data: "file")
                let program = try host.run([
                    host.etherloom, "plug", url.replacingOccurrences(of: "FILE", with: file), "null://",
                ])
                #expect(program.end == .exited(Int32(status)))
                #expect(program.errorLines.count == 1, "\(program.errorOutput)")
                #expect(program.errorOutput.contains(text), "\(program.errorOutput)")
            }
        }
    }
}
