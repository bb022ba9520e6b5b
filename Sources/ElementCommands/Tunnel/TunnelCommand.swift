// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem
import Runtime

/// `etherloom tunnel`: a cable from a switch of this host to another host.
struct TunnelCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "tunnel",
            abstract: "A tunnel from a switch to another host, encrypted and authenticated.",
            discussion: """
                Each side has a private key ("etherloom key") and is told the public key of the other one. One side at least \
                is told where the other is; a side without HOST waits for its peer. The same as a URL, for a switch's port \
                or a cable's end: tunnel://HOST:PORT/peer=KEY/key=FILE.
                """
        )
    }

    @Argument(help: "This end: a switch's directory, tap://NAME or another URL.")
    var end: String?
    @Argument(help: "The peer: HOST or HOST:PORT (51840). Without it, the peer comes to us.")
    var remote: String?
    @Option(name: [.customShort("K"), .customLong("peer")], help: "The other side's public key.")
    var peer: String?
    @Option(name: [.short, .customLong("key")], help: "File of this side's private key.")
    var key: String?
    @Option(name: [.short, .customLong("listen")], help: "UDP port to use here, or ADDRESS:PORT.")
    var listen: String?
    @Option(
        name: .customLong("tcp"),
        help: "Carry the packets in a TCP connection: always, or auto for when UDP stays without answer."
    )
    var tcp: String?
    @Flag(
        name: .customLong("plain"),
        help: "uml_switch2's form instead: frames as they are, no key, from HOST and PORT only."
    )
    var isPlain = false
    @Option(name: .customLong("mtu"), help: "Largest IP packet to send, in bytes; found out without it.")
    var mtu: Int?
    @Option(name: .customLong("keepalive"), help: "Seconds of silence after which something is said.")
    var keepalive: Int?
    @Flag(name: .customLong("reconnect"), help: "Wait for a switch that is not there, and join again when it goes.")
    var reconnect = false
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @OptionGroup var process: ProcessOptions

    mutating func run() throws {
        guard let end else {
            throw Failure(
                "tunnel: which switch? give its directory; see: etherloom tunnel --help",
                status: ExitStatus.usage
            )
        }
        Report.setQuiet(process.quiet)
        var setup: PlugProcess.Setup
        do {
            setup = PlugProcess.Setup(first: try NetworkURL.alternatives(end), second: [try NetworkURL(url())])
        } catch let error as NetworkURL.ParseError {
            throw Failure("\(error)", status: ExitStatus.usage)
        }
        setup.ends.isKept = reconnect
        setup.process = process.options(isDaemon: daemon)
        try PlugProcess.run(setup)
    }

    /// The tunnel's end as a URL.
    private func url() throws -> String {
        if isPlain {
            guard peer == nil, key == nil, tcp == nil else {
                throw Failure(
                    "--plain has no keys and no TCP: leave --peer, --key and --tcp out",
                    status: ExitStatus.usage
                )
            }
            guard listen == nil, mtu == nil, keepalive == nil else {
                throw Failure(
                    "--plain uses the peer's port on both sides, and nothing else can be set: leave --listen, --mtu and "
                        + "--keepalive out",
                    status: ExitStatus.usage
                )
            }
            guard let remote else {
                throw Failure("--plain: the peer's HOST:PORT is missing", status: ExitStatus.usage)
            }
            return "umlswitch2://\(remote)"
        }
        guard let peer else {
            throw Failure(
                "tunnel: whose? give --peer and the public key that \"etherloom key\" printed there",
                status: ExitStatus.usage
            )
        }
        var url = "tunnel://\(remote ?? "")/peer=\(peer)"
        if let key { url += "/key=\(key)" }
        if remote == nil || listen != nil { url += "/listen=\(listen ?? String(TunnelDefaults.port))" }
        if let mtu { url += "/mtu=\(mtu)" }
        switch tcp {
        case nil: break
        case "always": url += "/tcp"
        case "auto": url += "/tcp=auto"
        case .some(let text): throw Failure("--tcp \(text): wants always or auto", status: ExitStatus.usage)
        }
        if let keepalive { url += "/keepalive=\(keepalive)" }
        return url
    }
}
