// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import Model
import TestSupport
import TestTraits
import Testing

@testable import ControlService

/// Lab files that somebody has spoilt somewhere.
@Suite("Spoilt lab files", .mayRun(seconds: 180))
struct SpoiltLabTests {
    /// Has all that a lab file can say.
    private static let whole = """
        name: whole
        templates: [overlays/a, overlays/b]
        defaults: {memory: 96M, restart: on-failure}
        kinds:
          uml: {kernel: linux, master: master}
          qemu: {kernel: vmlinuz, image: disk.img, cpus: 2}
        guests:
          alice:
            kind: uml
            arguments: [quiet, a=b]
            environment: {A: "1", B: two}
            labels: {role: client}
            interfaces:
              eth0: {segment: lan, address: [10.1.0.1/24, "fd00::1/64"], via: 10.1.0.254, mtu: 1400}
              eth1: {address: dhcp, mac: "02:00:00:00:00:01", impair: wifi}
          bob:
            command: [sh, -c, "exit 3"]
            user: nobody
            dns: [10.1.0.253]
            routes: [10.9.0.0/16 via 10.1.0.254, {to: default, via: 10.1.0.254}]
            after: alice
            ready: {port: 80, interval: 100ms, timeout: 5s}
            interfaces:
              eth0: {segment: lan, address: 10.1.0.2/24, allow: [10.1.0.2], send: "not icmp"}
          carol:
            kind: qemu
            interfaces: {eth0: {address: slaac}}
        segments:
          lan: {mtu: 9000, spanning-tree: true, uplinks: ["udp://127.0.0.1:9->127.0.0.1:9"]}
          wan: {kind: hub}
          core: {kind: bridge}
          many: {kind: multiplexer, allow: [10.2.0.0/16]}
        links:
          - alice:eth1 -- wan
          - ends: [carol:eth0, wan]
            impair: {delay: 20ms, loss: 1%, rate: 10M}
            up: false
          - lan -- wan
        gateways:
          gate: {segment: lan, address: 10.1.0.253/24, dhcp: true, forward: ["8080:bob:80", "udp:127.0.0.1:53:alice:53"]}
        tunnels:
          far: {segment: wan, peer: "192.0.2.1:7000", plain: true}
        delegations:
          share: {segment: many, user: nobody, allow: [10.2.0.7]}
        """

    private static let words = [
        "", "-1", "0", "1e309", "99999999999999999999999", "~", "null", "true", "[]", "{}", ":", "-", "? a", "|", ">-",
        "#",
        "a:eth0", "alice:eth0", "lan", "bob", "0.0.0.0/0", "::/0", "10.0.0.1/99", "10.1.0.1/24", "fd00::1/129",
        "255.255.255.255", "ff:ff:ff:ff:ff:ff", "100%", "-5%", "1000000G", "20ms", "99999999999h", "udp:",
        "8080:bob:99999",
        ":::", "/", "..", "../../etc", "a/b", "é", "\u{202e}x", "&x [a]", "*x", "<<: *x", "!!binary AAAA", "\"", "'",
        "${HOME}",
        "${HOME", "$$", "default", "dhcp", "uml", "qemu", "bridge", String(repeating: "x", count: 300), "\t",
        "%YAML 9.9", "---",
        "...",
    ]

    private static func spoilt(_ text: String, _ random: inout SeededGenerator) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for _ in 0..<random.number(1...2) {
            let index = random.number(0...lines.count - 1)
            switch random.number(0...6) {
            case 0: lines.remove(at: index)
            case 1: lines.insert(lines[index], at: index)
            case 2: lines.swapAt(index, random.number(0...lines.count - 1))
            case 3:
                lines[index] = String(repeating: " ", count: random.number(0...12)) + lines[index].drop { $0 == " " }
            case 4:
                // Part of a line is something else.
                let characters = Array(lines[index])
                let start = random.number(0...characters.count)
                let end = min(characters.count, start + random.number(0...12))
                let word = words[random.number(0...words.count - 1)]
                lines[index] = String(characters[..<start]) + word + String(characters[end...])
            case 5:
                // A value is.
                guard let colon = lines[index].lastIndex(of: ":") else { continue }
                lines[index] = lines[index][...colon] + " " + words[random.number(0...words.count - 1)]
            default: lines[index] += words[random.number(0...words.count - 1)]
            }
            if lines.isEmpty { lines = [""] }
        }
        return lines.joined(separator: "\n")
    }

    /// A link that its interface names is read before others: the order of links says nothing.
    private static func sorted(_ lab: Lab) -> Lab {
        var lab = lab
        lab.links.sort { "\($0.first)\($0.second)" < "\($1.first)\($1.second)" }
        return lab
    }

    @Test(
        "are refused at a place, or are labs that can be planned, drawn and written as they are",
        arguments: [1, 2, 3]
    )
    func spoilt(seed: UInt64) throws {
        let unspoilt = try LabFile(Self.whole, labName: "t").lab
        _ = try Plans.desired(Self.whole)
        #expect(Self.sorted(try LabFile(LabWriter.text(unspoilt), labName: "t").lab) == Self.sorted(unspoilt))
        var random = SeededGenerator(seed: seed)
        var (readCount, refusedCount) = (0, 0)
        for _ in 0..<1500 {
            let text = Self.spoilt(Self.whole, &random)
            do throws(LabFileError) {
                let lab = try LabFile(text, labName: "t", environment: { _ in "value" }).lab
                readCount += 1
                let written = LabWriter.text(lab)
                let again = try? LabFile(written, labName: "t").lab
                #expect(again.map(Self.sorted) == Self.sorted(lab), "\(text)\n=== is written as\n\(written)")
                do throws(ControlError) {
                    let planner = Planner(lab, places: Plans.places, program: "/bin/etherloom") { _ in true }
                    _ = try planner.plan()
                } catch {
                    #expect(error.status == 2 && !error.message.isEmpty)
                }
            } catch {
                refusedCount += 1
                #expect(!error.problems.isEmpty)
                for problem in error.problems {
                    #expect(problem.description.hasPrefix("lab.yaml:"), "\(text)")
                    #expect(!problem.description.contains("\n"), "\(problem)")
                    #expect(problem.place.line >= 1 && problem.place.column >= 1, "\(problem)")
                }
            }
        }
        // Both happen.
        #expect(readCount > 100 && refusedCount > 100, "\(readCount) read, \(refusedCount) refused")
    }

    @Test("that grow without end when they are read are refused")
    func bomb() {
        var lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        for (name, last) in zip("bcdefghijk", "abcdefghij") {
            lines.append("\(name): &\(name) [" + Array(repeating: "*\(last)", count: 9).joined(separator: ", ") + "]")
        }
        #expect(throws: LabFileError.self) { try LabFile(lines.joined(separator: "\n"), labName: "t") }
    }
}
