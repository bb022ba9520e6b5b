// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Dataplane
import Glibc
import LinuxSystem
import Runtime

/// `wirefilter`, with its options.
///
/// Without -v it stands between two programs: under `dpipe` its left side is standard input and output and its right side
/// descriptors 3 and 4; when those are not open, frames go from standard input to standard output.
enum WireFilterProgram {
    private static let long: [CommandLineOptions.Long] = [
        .init("help", takesValue: false, letter: "h"),
        .init("rcfile", takesValue: true, letter: "f"),
        .init("loss", takesValue: true, letter: "l"),
        .init("lostburst", takesValue: true, letter: "L"),
        .init("delay", takesValue: true, letter: "d"),
        .init("dup", takesValue: true, letter: "D"),
        .init("band", takesValue: true, letter: "b"),
        .init("speed", takesValue: true, letter: "s"),
        .init("chanbufsize", takesValue: true, letter: "c"),
        .init("noise", takesValue: true, letter: "n"),
        .init("mtu", takesValue: true, letter: "m"),
        .init("nofifo", takesValue: false, letter: "N"),
        .init("mgmt", takesValue: true, letter: "M"),
        .init("mgmtmode", takesValue: true, letter: "O"),
        .init("vde-plug", takesValue: true, letter: "v"),
        .init("daemon", takesValue: false, letter: "B"),
        .init("pidfile", takesValue: true, letter: "p"),
        .init("blink", takesValue: true, letter: "k"),
        .init("blinkid", takesValue: true, letter: "i"),
    ]

    private static let keys: [Character: ImpairmentKey] = [
        "l": .loss, "L": .lossBurst, "d": .delay, "D": .duplicate, "b": .bandwidth, "s": .speed, "c": .buffer,
        "n": .noise, "m": .maximumFrame,
    ]

    static func run(_ arguments: [String]) throws -> Int32 {
        let parsed = try CommandLineOptions.parseOrFail(
            program: "wirefilter",
            arguments,
            short: "hf:l:L:d:D:b:s:c:n:m:NM:v:",
            long: long,
            singleDashLong: true
        )
        var setup = WireProcess.Setup()
        setup.isCommandFileOptional = true
        var plugs: String?
        for occurrence in parsed.occurrences {
            let value = occurrence.value ?? ""
            switch occurrence.letter {
            case "h":
                Report.line(usage)
                return 1
            case "f": setup.commandFile = value
            case "N": setup.isOrdered = false
            case "M": setup.consolePath = value
            case "O": setup.consoleMode = try Octal.parse(value, option: "--mgmtmode")
            case "v": plugs = value
            case "B": setup.process.isDaemon = true
            case "p": setup.process.pidFile = value
            case "k": setup.blinkPath = value
            case "i": setup.blinkName = value
            default:
                guard let key = keys[occurrence.letter] else { break }
                setup.settings.append(try WireOptions.setting(key, value, option: "-\(occurrence.letter)"))
            }
        }
        let ends = try plugs.map(self.ends(named:)) ?? endsOfStreams()
        setup.ends.first = [ends.0]
        setup.ends.second = [ends.1]
        setup.hasTerminal = plugs != nil && !setup.process.isDaemon
        try WireProcess.run(setup)
        return 0
    }

    /// `SWITCH:SWITCH`, or two URLs with a colon between them.
    private static func ends(named text: String) throws -> (NetworkURL, NetworkURL) {
        for colon in text.indices where text[colon] == ":" && !text[colon...].hasPrefix("://") {
            let (left, right) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
            guard !left.isEmpty, !right.isEmpty else { continue }
            do {
                return (try NetworkURL(left), try NetworkURL(right))
            } catch {
                throw Failure("-v \(text): \(error)")
            }
        }
        throw Failure("-v \(text): bad vde_plugs specification: wants two places with a colon between them")
    }

    private static func endsOfStreams() throws -> (NetworkURL, NetworkURL) {
        func isPipe(_ descriptor: Int32) -> Bool {
            guard let status = try? FileStatus(descriptor: descriptor) else { return false }
            return status.isSocket || status.mode & 0o170000 == 0o010000
        }
        for (descriptor, name) in [(0, "stdin"), (1, "stdout")] as [(Int32, String)] where !isPipe(descriptor) {
            throw Failure("Error on \(name): it is not a pipe; put wirefilter between two programs by dpipe, or use -v")
        }
        let isBidirectional = isPipe(3) && isPipe(4)
        Report.error("\(isBidirectional ? "bidirectional" : "monodirectional") filter starting...")
        do {
            return isBidirectional
                ? (try NetworkURL("-"), try NetworkURL("stdio://3,4"))
                : (try NetworkURL("stdio://0,"), try NetworkURL("stdio://,1"))
        } catch {
            throw Failure("\(error)")
        }
    }

    private static let usage = """
        Usage: wirefilter OPTIONS
        	--help|-h
        	--rcfile|-f Configuration file
        	--loss|-l loss_percentage
        	--lostburst|-L lost_packet_burst_len
        	--delay|-d delay_ms
        	--dup|-D dup_percentage
        	--band|-b bandwidth(bytes/s)
        	--speed|-s interface_speed(bytes/s)
        	--chanbufsize|-c channel_bufsize
        	--noise|-n noise_bits/megabye
        	--mtu|-m mtu_size
        	--nofifo|-N
        	--mgmt|-M management_socket
        	--mgmtmode management_permission(octal)
        	--vde-plug plug1:plug2 | -v plug1:plug2
        	--daemon
        	--pidfile pidfile
        	--blink blinksocket
        	--blinkid blink_id_string
        """
}
