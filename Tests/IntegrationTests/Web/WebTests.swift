// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("web")
    struct Web {
        @Test("the page, for those who know the token only")
        func access() throws {
            try requireLab("curl")
            try withHost { host in
                let element = try host.startSwitch()
                let web = try WebConsole(host, element.console)
                #expect(web.token.count == 32)
                let page = try web.request("/?token=\(web.token)")
                #expect(page.status == "200")
                #expect(page.body.contains("<!doctype html>") && page.body.contains(element.console))
                // It works where there is no other network.
                for mark in ["src=", "href=\"http", "url(", "@import"] { #expect(!page.body.contains(mark), "\(mark)") }

                for path in ["/", "/events", "/sessions/x/line", "/no/such"] {
                    #expect(try web.request(path).status == "401", "\(path)")
                    #expect(try web.request("\(path)?token=\(web.token)x").status == "403", "\(path)")
                    #expect(try web.request(path, ["-H", "Authorization: Bearer wrong"]).status == "403", "\(path)")
                }
                let good = "/?token=\(web.token)"
                #expect(try web.request(good, ["-H", "Host: evil.example:\(web.port)"]).status == "403")
                #expect(try web.request(good, ["-H", "Origin: http://evil.example"]).status == "403")
                #expect(try web.request(good, ["-H", "Origin: \(web.address)"]).status == "200")
                #expect(try web.request(good, ["-H", "Host: localhost:\(web.port)"]).status == "200")
                #expect(try web.request("/no/such?token=\(web.token)").status == "404")
                #expect(try web.program.stop() == .exited(0))
            }
        }

        @Test("a line and its answer, an event, the ports, and the end of the switch", arguments: Make.allCases)
        func session(make: Make) throws {
            try requireLab("curl", "vde_switch", "vde_plug")
            try withHost { host in
                let element = try host.startSwitch(make)
                let web = try WebConsole(host, element.console)
                let page = try web.open()
                try page.wait(for: "[\"prompt\",\"vde$ \"]")
                #expect(try web.post(page.session, "line", "port/showinfo") == "204")
                try page.wait(for: "[\"data\",\"Numports=")
                try page.wait(for: "[\"success\",\"1000 Success\"]")
                #expect(try web.post(page.session, "line", "no/such <b>") == "204")
                try page.wait(for: "[\"failure\",\"1038 ")
                #expect(try web.post(page.session, "line", "debug/add port") == "204")
                _ = try element.ask("port/create 7")
                try page.wait(for: "[\"event\",\"3021 port/+ ")

                #expect(!page.program.output.contains("event: ports"))
                #expect(try web.post(page.session, "ports", "1") == "204")
                try page.wait(for: "event: ports\n")
                _ = try Plug(host, element.directory)
                try page.wait(for: "\"endpoints\":[{\"id\":")
                #expect(try element.ask("port/print").contains("1000 Success"))

                element.program.send(signal: SIGTERM)
                try page.wait(for: "event: end\ndata: \"The console has ended.\"")
                #expect(try page.program.waitForEnd() == .exited(0))
                // The server stays, for the switch's next run.
                let late = try web.open()
                try late.wait(for: "event: end\ndata: \"\(element.console): no")
            }
        }

        @Test("limits: lines, sessions, and a place again when a page has gone")
        func limits() throws {
            try requireLab("curl")
            try withHost { host in
                let element = try host.startSwitch()
                let web = try WebConsole(host, element.console)
                let pages = try (0..<16).map { _ in try web.open() }
                let refused = try web.request("/events?token=\(web.token)")
                #expect(refused.status == "503")
                #expect(refused.body.contains("16 sessions"))

                let page = try #require(pages.first)
                #expect(try web.post(page.session, "line", String(repeating: "x", count: 127)) == "204")
                #expect(try web.post(page.session, "line", String(repeating: "x", count: 128)) == "413")
                #expect(try web.post(page.session, "line", String(repeating: "x", count: 100_000)) == "413")
                #expect(try web.post(page.session, "line", "showinfo\nshutdown") == "400")
                #expect(try web.post(page.session, "ports", "2") == "400")
                #expect(try web.post("0", "line", "showinfo") == "404")

                func sessions() throws -> Int {
                    try host.check(["ss", "-xH", "state", "connected"]).split(separator: "\n")
                        .count { $0.contains(element.console) }
                }
                #expect(try sessions() == 16)
                for page in pages.dropFirst() { try page.program.stop(SIGKILL) }
                // A page's end is its session's.
                try wait(for: "the end of 15 sessions") { try sessions() == 1 }
                _ = try web.open()
                #expect(try web.post(page.session, "line", "showinfo") == "204")
            }
        }

        @Test("a page that does not read is dropped, and others are not held up")
        func slowPage() throws {
            try requireLab("curl", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let web = try WebConsole(host, element.console)
                let slow = try host.start(["python3", try script("slow_page.py", host), String(web.port), web.token])
                try slow.wait(forOutput: "dropped", seconds: 90)
                #expect(try slow.waitForEnd() == .exited(0))
                let page = try web.open()
                #expect(try web.post(page.session, "line", "showinfo") == "204")
                try page.wait(for: "1000 Success")
            }
        }

        @Test("telnet, after the password")
        func telnet() throws {
            try requireLab("nc.traditional")
            try withHost { host in
                let element = try host.startSwitch()
                let password = try host.write("a long password\n", data: "password")
                _ = try host.check(["chmod", "600", password])
                let web = try WebConsole(host, element.console, ["--telnet", "0", "--password-file", password])
                let line = try #require(web.program.output.split(separator: "\n").first { $0.hasPrefix("telnet ") })
                let words = line.split(separator: " ").map(String.init)
                #expect(words.count == 3 && words[1] == "127.0.0.1")

                let client = try host.start(["nc.traditional", words[1], words[2]], input: .pipe)
                try client.wait(forOutput: "Password: ")
                try client.write("shutdown\r\n")
                try client.wait(forOutput: "Wrong password.")
                try client.write("a long password\r\n")
                try client.wait(forOutput: "vde$ ")
                try client.write("port/showinfo\r\n")
                try client.wait(forOutput: "1000 Success\r\n")
                try client.write(String(repeating: "x", count: 128) + "\r\n")
                try client.wait(forOutput: "at most 127 bytes")
                try client.write("logout\r\n")
                try client.wait(forOutput: "9999 END OF SESSION")
                #expect(try client.waitForEnd() == .exited(0))

                let stranger = try host.start(["nc.traditional", words[1], words[2]], input: .pipe)
                try stranger.write("1\n2\n3\nshowinfo\n")
                #expect(try stranger.waitForEnd() == .exited(0))
                #expect(!stranger.output.contains("vde$") && !stranger.output.contains("Success"))
            }
        }

        @Test("in the background, with a pid file, until a signal; the token from a file")
        func daemon() throws {
            try requireLab("curl")
            try withHost { host in
                let element = try host.startSwitch()
                let token = try host.write("a-token-of-16-bytes\n", data: "token")
                _ = try host.check(["chmod", "600", token])
                let output = try host.check(
                    [host.etherloom, "web", "-d", "-s", element.console, "--token-file", token, "-p", host.path("pid")]
                )
                #expect(output.hasPrefix("http://127.0.0.1:") && output.hasSuffix("/?token=a-token-of-16-bytes\n"))
                let address = output.trimmingCharacters(in: .whitespacesAndNewlines)
                #expect(try host.check(["curl", "-s", address]).contains("<!doctype html>"))
                try host.stopDaemon(pidFile: host.path("pid"))
                #expect(!FileManager.default.fileExists(atPath: host.path("pid")))
            }
        }

        @Test("what cannot be served is said in one line")
        func refusals() throws {
            try requireLab()
            try withHost { host in
                let element = try host.startSwitch()
                let open = try host.write("0123456789abcdef\n", data: "open")
                _ = try host.check(["chmod", "644", open])
                let web = try WebConsole(host, element.console)
                let console = ["-s", element.console]
                let cases: [([String], Int32, String)] = [
                    ([], 2, "--socket"),
                    (["-s", host.path("none")], 1, host.path("none")),
                    (["-s", host.path("none"), "-d"], 1, host.path("none")),
                    (["-s", host.path("vde")], 1, "directory"),
                    (["-s", String(repeating: "x", count: 200)], 2, "107"),
                    (console + ["--listen", "0.0.0.0:0"], 2, "--listen-anywhere"),
                    (console + ["--listen", "x"], 2, "--listen x"),
                    (console + ["--listen", "127.0.0.1:\(web.port)"], 1, "in use"),
                    (console + ["--telnet", "0"], 2, "--password-file"),
                    (console + ["--password-file", open], 2, "--telnet"),
                    (console + ["--token-file", open], 1, "chmod 600"),
                    (console + ["--telnet", "0.0.0.0:0", "--password-file", open], 2, "--listen-anywhere"),
                    (console + ["--ready-fd", "77"], 2, "77"),
                    (console + ["more"], 2, "more"),
                ]
                for (arguments, status, words) in cases {
                    let program = try host.run([host.etherloom, "web"] + arguments)
                    #expect(program.end == .exited(status), "\(program.transcript)")
                    #expect(
                        program.errorLines.count == 1 && program.errorOutput.contains(words),
                        "\(program.transcript)"
                    )
                    #expect(program.output.isEmpty)
                }
                // The help of the small program leads to the other one's.
                #expect(try host.check([host.etherloom, "--help"]).contains("\n  web  "))
                let help = try host.check([host.etherloom, "web", "--help"])
                #expect(help.contains("--token-file"))
                #expect(try host.check([host.etherloom, "help", "web"]) == help)
                let alone = host.data("etherloom")
                _ = try host.check(["cp", host.etherloom, alone])
                let program = try host.run([alone, "web"] + console)
                #expect(program.end == .exited(4), "\(program.transcript)")
                #expect(program.errorOutput.contains("etherloom-lab is missing"))
            }
        }
    }
}
