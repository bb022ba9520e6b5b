// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import Model
import Testing

@Suite("Writing a lab file")
struct LabWriterTests {
    @Test("A lab with everything in it is read back as it was")
    func everything() throws {
        let text = """
            name: all
            templates: [t1]
            guests:
              alice:
                kind: uml
                master: /srv/sid
                overlays: [o1, "with blank"]
                kernel: linux-7
                memory: 64M
                cpus: 2
                arguments: [quiet, "a=b $$HOME"]
                hostname: a.example
                user: root
                dns: [10.0.0.1, 2001:db8::1]
                routes: [10.0.0.0/8 via 10.1.0.254, default via 10.1.0.254]
                restart: on-failure
                ready: {port: 22, interval: 200ms, timeout: 1m}
                environment: {A: "1", B: "yes"}
                labels: {role: "true"}
                interfaces:
                  eth0: {segment: lan, address: [10.1.0.1/24, dhcp], via: 10.1.0.254, mac: 02:00:00:00:00:01, mtu: 1400}
                  eth1: {allow: 10.2.0.1, send: "tcp port 80", impair: {preset: wifi, loss: 1%}}
              bob:
                after: alice
                command: "echo 'hi: there' # no"
                interfaces: {eth0: {}}
            segments:
              lan: {kind: hub, mtu: 1500, uplinks: ["vxlan://239.0.0.1"], allow: 10.1.0.0/24}
              wan: {}
              kernel: {kind: bridge, host: br0}
            links:
              - {ends: ["alice:eth1", "bob:eth0"], forth: {delay: 20ms}, back: satellite, up: false}
              - lan -- wan
            gateways:
              g: {segment: lan, address: 10.1.0.254/24, dhcp: false, forward: ["8080:alice:80", "udp:53:10.1.0.1:53"]}
            tunnels:
              t: {segment: wan, peer: "h:1", peer-key: abc, key: k}
              p: {segment: wan, peer: "h:7", plain: true}
            delegations:
              d: {segment: lan, user: bob, allow: 10.1.0.7}
            """
        let lab = try LabFile(text, labName: "x").lab
        let written = LabWriter.text(lab)
        let again = try LabFile(written, labName: "y").lab
        // A link that its interface names is read before others: the order of links says nothing.
        func sorted(_ lab: Lab) -> Lab {
            var lab = lab
            lab.links.sort { "\($0.first)\($0.second)" < "\($1.first)\($1.second)" }
            return lab
        }
        #expect(sorted(again) == sorted(lab), "\(written)")
    }
    @Test("Any text is read back as it was, as a value and as a name")
    func texts() throws {
        let texts = [
            "", " ", "~", "null", "1e3", "a\u{7f}b", "a\u{85}b", "\u{9f}", "a\u{2028}b\u{2029}c", "x\u{feff}\u{fffe}",
            "a\nb\r\n\tc",
            "\u{1b}[0m", "$HOME ${A}", "\"'\\", "# no comment", "ä€😀", "- x: {y}", "\0",
        ]
        for text in texts {
            var guest = Guest(name: "g")
            guest.command = [text]
            if !text.isEmpty && text != "\0" {
                guest.labels = [text: text]
                guest.environment = [text: text]
            }
            var lab = Lab(name: "l")
            lab.guests = [guest]
            let written = LabWriter.text(lab)
            #expect(try LabFile(written, labName: "y").lab == lab, "\(text.unicodeScalars.map(\.value)): \(written)")
        }
    }

    @Test("Names of variables and labels, and commands of checks, must be some")
    func names() throws {
        for (text, message) in [
            ("{environment: {A=B: c}}", "\"A=B\" is no name"), ("{labels: {\"\": c}}", "\"\" is no name"),
            ("{ready: {command: []}}", "a command without words"),
        ] {
            let error = #expect(throws: LabFileError.self) { try LabFile("guests: {a: \(text)}", labName: "l") }
            #expect(
                error?.problems.count == 1 && error?.problems[0].message.contains(message) == true,
                "\(String(describing: error))"
            )
        }
    }
}
