// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Endpoints
import LinuxSystem
import PacketFilter

/// `etherloom capture`: frames of a switch's ports, as they pass, for tcpdump and Wireshark.
struct CaptureCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "capture",
            abstract: "Write down the frames of a switch's ports, in pcapng.",
            discussion: """
                Without ports, each frame is taken once, as it comes into the switch; of ports that are named, what comes in \
                and what goes out. `etherloom capture /tmp/vde 3 | wireshark -k -i -` shows port 3 as it happens.
                """
        )
    }

    @Argument(help: "The switch's directory.")
    var network: String?
    @Argument(help: "Port numbers.")
    var ports: [Int] = []
    @Flag(name: .customLong("all"), help: "All ports, as without any.")
    var all = false
    @Option(name: .customLong("direction"), help: "in, out or both, seen from the switch.")
    var direction: String?
    @Option(
        name: [.customLong("filter"), .customLong("receive-filter")],
        help: "Only frames that this expression wants; see pcap-filter(7)."
    )
    var filter: String?
    @Option(name: [.short, .customLong("snaplen")], help: "Keep so many bytes of each frame.")
    var snaplen = 0
    @Option(name: [.short, .customLong("count")], help: "End after so many frames.")
    var count: Int?
    @Option(name: .customLong("duration"), help: "End after so many seconds.")
    var duration: Double?
    @Option(name: .customLong("ring"), help: "SIZExFILES: begin a new file at this size, keep so many.")
    var ring: String?
    @Option(
        name: [.customShort("w"), .customLong("write")],
        help: "FILE, - (standard output), unix:PATH or tcp:HOST:PORT."
    )
    var output = "-"
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when frames are taken.")
    var readyDescriptor: Int32?
    @Option(name: .customLong("socket-fd"), help: "Of this packet socket, not of a switch: for etherloom's own use.")
    var socketDescriptor: Int32?
    @Flag(name: [.short, .customLong("quiet")], help: "Say errors only.")
    var quiet = false

    mutating func run() throws {
        func usage(_ text: String) -> Failure { Failure(text, status: ExitStatus.usage) }
        guard let network = network ?? EnvironmentDefaults.network else {
            throw usage("capture: of which switch? give its directory; see: etherloom capture --help")
        }
        Report.setQuiet(quiet)
        var request = CaptureRequest()
        request.ports = all ? [] : ports
        guard !(all && !ports.isEmpty) else { throw usage("--all and port numbers: give one of them") }
        switch direction ?? (request.ports.isEmpty && socketDescriptor == nil ? "in" : "both") {
        case "in": (request.isInbound, request.isOutbound) = (true, false)
        case "out": (request.isInbound, request.isOutbound) = (false, true)
        case "both": (request.isInbound, request.isOutbound) = (true, true)
        default: throw usage("--direction \(direction ?? ""): in, out or both")
        }
        guard snaplen >= 0 else { throw usage("--snaplen \(snaplen): a number of bytes, 0 for all") }
        request.snapLength = snaplen
        if let count, count < 1 { throw usage("--count \(count): at least 1") }
        if let duration, !(duration > 0 && duration < 1e9) {
            throw usage("--duration \(duration): seconds, more than 0")
        }
        if let filter {
            do {
                request.filter = try FilterCompiler.compile(filter).bytes
            } catch {
                if case .noLibrary = error { throw Failure("\(error)", status: ExitStatus.unsupported) }
                throw usage("\(error)")
            }
        }
        var setup = CaptureProcess.Setup(network: network, request: request, output: output)
        setup.filter = filter ?? ""
        setup.ring = try ring.map { try CaptureOutput.Ring($0) }
        setup.count = count
        setup.milliseconds = duration.map { UInt64($0 * 1000) }
        setup.process.readyDescriptor = readyDescriptor
        setup.socket = socketDescriptor
        try CaptureProcess.run(setup)
    }
}
