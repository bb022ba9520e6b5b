// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// dump, pdump and iplog: the same words to Debian's vde_switch with its plugins, and to ours.
    @Suite("modules of the console")
    struct Modules {
        private static let libraries = "/usr/lib/vde2/plugins"

        /// One console session: every command's answer.
        private final class Session {
            private let client: UnixClient
            init(_ element: RunningSwitch) throws {
                client = try UnixClient(element.console)
                _ = try client.receive(until: "vde$ ")
            }
            func ask(_ command: String) throws -> String {
                try client.send(Array("\(command)\n".utf8))
                return try client.receive(until: "vde$ ")
            }
            func wait(for text: String) throws -> String { try client.receive(until: text) }
        }

        private func requirePlugins() throws {
            try require("vde_switch", "python3", "tcpdump")
            try #require(FileManager.default.fileExists(atPath: Self.libraries + "/iplog.so"), "vde2 lacks its plugins")
        }

        @Test("every command of iplog, dump and pdump answers as Debian's plugin does")
        func answersAlike() throws {
            try requirePlugins()
            try withHost { host in
                let ours = try host.startVDESwitch("ours", ours: true)
                let theirs = try host.startVDESwitch("theirs")
                let (one, other) = (try Session(ours), try Session(theirs))
                defer {
                    for name in ["same.cap", "same.log"] {
                        try? FileManager.default.removeItem(atPath: host.path(name))
                    }
                }
                let commands = [
                    "plugin/add LIB/iplog.so", "plugin/add LIB/iplog.so", "plugin/add LIB/none.so", "plugin/list",
                    "help iplog", "iplog/showinfo", "iplog/logfile", "iplog/logfile FILE.log", "iplog/showinfo",
                    "iplog/logfile /nowhere/at/all", "iplog/logfile -", "iplog/showinfo",
                    "iplog/list", "iplog/ipadd 10.0.0.0/24", "iplog/ipadd 10.0.0.0/24",
                    "iplog/ipadd nonsense", "iplog/ipadd 10.0.0.1", "iplog/list", "iplog/ipadd 10.0.0.7/24",
                    "iplog/ipadd 10.3.0.9/16 junk", "iplog/list", "iplog/ipdel 10.3.0.1/16", "iplog/list",
                    "iplog/ipuser nosuch",
                    "iplog/setgcint 5", "iplog/setexpire 100", "iplog/showinfo", "iplog/iplist", "iplog/ipport 1",
                    "iplog/ipport", "iplog/ipuser root", "iplog/ipsearch 10.0.0.99", "iplog/ipsearch zzz",
                    "iplog/ipdel 10.0.0.0/24", "iplog/ipdel 10.9.0.0/24", "iplog/list", "plugin/add LIB/pdump.so",
                    "plugin/add LIB/dump.so", "plugin/list", "help pdump", "help dump", "pdump/filename FILE.cap",
                    "pdump/active 0", "pdump/active 1", "pdump/active 1", "pdump/buffered 1", "pdump/active 0",
                    "pdump/active 0", "pdump/active", "dump/active 1", "dump/active 0",
                    "debug/list", "plugin/del dump", "plugin/list", "debug/list",
                ]
                var listed: Set<Substring> = []
                for command in commands {
                    func words(_ name: String) -> String {
                        command.replacingOccurrences(of: "LIB", with: Self.libraries)
                            .replacingOccurrences(of: "FILE", with: host.path(name))
                    }
                    let answer = try one.ask(words("same"))
                    let expected = try other.ask(words("same"))
                    #expect(answer == expected, "\(command)")
                    guard command.hasPrefix("help ") else { continue }
                    let words = expected.split(separator: "\n").compactMap { $0.split(separator: " ").first }
                    listed.formUnion(words.filter { $0.contains("/") })
                }
                // No command that the plugins' help lists is left out.
                #expect(listed.count == 15)
                for word in listed { #expect(commands.contains { $0.hasPrefix(word) }, "\(word)") }
            }
        }

        @Test("iplog notes who uses which address, in its lists, as an event and in its file")
        func logsAddresses() throws {
            try requirePlugins()
            try withHost { host in
                let element = try host.startSwitch("vde")
                let session = try Session(element)
                let file = host.path("addresses.log")
                defer { try? FileManager.default.removeItem(atPath: file) }
                for command in [
                    "plugin/add iplog", "iplog/ipadd 10.0.0.0/255.255.0.0", "iplog/logfile \(file)", "debug/add iplog",
                ] { #expect(try session.ask(command).contains("1000 Success"), "\(command)") }
                let client = try host.joinAs("10.0.0.5", element)
                let event = try session.wait(for: "version three\"")
                #expect(event.contains("3301 iplog/newip ipv4 10.0.0.5 mac=02:00:00:00:00:01 port=1 vlan=0 user="))
                #expect(try session.ask("iplog/ipport 1").contains("ipv4 10.0.0.5 port=1 user="))
                #expect(try session.ask("iplog/ipsearch 10.0.0.5").contains("ipv4 10.0.0.5 port=1"))
                let text = try String(contentsOfFile: file, encoding: .utf8)
                #expect(text.contains(" ipv4 10.0.0.5 mac=02:00:00:00:00:01 port=1 vlan=0"))
                // What is outside of the ranges is nobody's business.
                _ = try host.joinAs("192.168.7.7", element)
                try element.waitForEndpoints(2)
                #expect(try !session.ask("iplog/iplist").contains("192.168.7.7"))
                _ = try client.stop()
            }
        }

        @Test("pdump writes what tcpdump reads, with the ports' names in a pcapng file", arguments: ["cap", "pcapng"])
        func writesCapture(suffix: String) throws {
            try requirePlugins()
            try withHost { host in
                let element = try host.startSwitch("vde")
                let session = try Session(element)
                let file = host.path("dump.\(suffix)")
                defer { try? FileManager.default.removeItem(atPath: file) }
                for command in ["plugin/add pdump.so", "pdump/filename \(file)", "pdump/active 1"] {
                    #expect(try session.ask(command).contains("1000 Success"), "\(command)")
                }
                _ = try host.joinAs("10.0.0.5", element)
                try wait(for: "the frame in the file") {
                    let shown = try host.run(["tcpdump", "-n", "-r", file])
                    return shown.output.contains("IP 10.0.0.5.1 > 10.0.0.9.2: UDP, length 0")
                }
                if suffix == "pcapng" {
                    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
                    #expect(bytes.range(of: Data("port1".utf8)) != nil)
                }
            }
        }

        @Test("dump shows frames to the sessions that asked for them")
        func dumpsFrames() throws {
            try requirePlugins()
            try withHost { host in
                let element = try host.startSwitch("vde")
                let session = try Session(element)
                for command in ["plugin/add dump.so", "dump/active 1", "debug/add dump"] {
                    #expect(try session.ask(command).contains("1000 Success"), "\(command)")
                }
                _ = try host.joinAs("10.0.0.5", element)
                let event = try session.wait(for: "00 08 00 00")
                #expect(
                    event.contains("3101 dump/packetin Pkt: Port 0001 len=0042 ff ff ff ff ff ff 02 00 00 00 00 01")
                )
            }
        }
    }
}

extension HostNamespace {
    /// A client that sends one datagram from this address to everybody, and stays.
    fileprivate func joinAs(_ address: String, _ element: RunningSwitch) throws -> Program {
        let client = try start(
            ["python3", "-u", try script("vde_client.py", self), "v3", element.directory + "/ctl"],
            input: .pipe
        )
        try client.wait(forOutput: "joined")
        let source = address.split(separator: ".").map { String(format: "%02x", Int($0)!) }.joined()
        try client.write(
            "ffffffffffff0200000000010800" + "4500001c0000000040110000" + "\(source)0a000009" + "0001000200080000\n"
        )
        return client
    }
}
