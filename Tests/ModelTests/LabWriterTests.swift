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
}
