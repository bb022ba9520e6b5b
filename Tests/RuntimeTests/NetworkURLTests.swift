// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@testable import Runtime

@Suite("Network URLs")
struct NetworkURLTests {
    @Test(
        "scheme, address and options",
        arguments: [
            ("/tmp/vde", "vde", "/tmp/vde", []),
            ("vde:///tmp/vde[5]", "vde", "/tmp/vde", ["5"]),
            ("/tmp/a=b", "vde", "/tmp/a=b", []),
            ("VDE:///tmp/vde", "vde", "/tmp/vde", []),
            ("vxlan://239.0.0.1/vni=7/ttl=2", "vxlan", "239.0.0.1", ["vni=7", "ttl=2"]),
            ("stream://[::1]:5000[listen/framing=2]", "stream", "[::1]:5000", ["listen", "framing=2"]),
            ("udp://[fe80::1]", "udp", "[fe80::1]", []),
            ("cmd://sh -c 'a | b[x]/y=1'", "cmd", "sh -c 'a | b[x]/y=1'", []),
            ("dgram:///tmp/a->/tmp/b", "dgram", "/tmp/a->/tmp/b", []),
            ("-", "stdio", "", []),
            ("null://", "null", "", []),
        ]
    )
    func parts(_ text: String, _ scheme: String, _ address: String, _ options: [String]) throws {
        let url = try NetworkURL(text)
        #expect(url.scheme == scheme)
        #expect(url.address == address)
        #expect(url.options.map { option in option.name + (option.value.map { "=\($0)" } ?? "") } == options)
        #expect("\(url)" == text)
    }

    @Test("another URL in braces keeps its own options")
    func nested() throws {
        let url = try NetworkURL("vlan://10[untag]{vde:///tmp/vde[3]}")
        #expect(url.scheme == "vlan" && url.address == "10" && url.has("untag"))
        let inner = try NetworkURL(try #require(url.nested))
        #expect(inner.address == "/tmp/vde" && inner.has("3"))
        #expect(throws: NetworkURL.ParseError.self) { try NetworkURL("vlan://10{vde:///tmp/vde") }
        #expect(throws: NetworkURL.ParseError.self) { try NetworkURL("") }
    }

    @Test(
        "alternatives",
        arguments: [
            ("/tmp/a|/tmp/b", ["/tmp/a", "/tmp/b"]),
            ("vlan://1{/tmp/a|b}|udp://5000->h:1", ["vlan://1{/tmp/a|b}", "udp://5000->h:1"]),
            ("cmd://sh -c 'a | b'", ["cmd://sh -c 'a | b'"]),
        ]
    )
    func alternatives(_ text: String, _ parts: [String]) throws {
        #expect(try NetworkURL.alternatives(text).map(\.description) == parts)
        #expect(throws: NetworkURL.ParseError.self) { try NetworkURL.alternatives("/tmp/a||/tmp/b") }
    }

    @Test("in brackets stands a port, a number from 1 on, or an interface's name")
    func place() throws {
        #expect(try NetworkURL("/tmp/vde[12]").placeInBrackets() == (12, ""))
        #expect(try NetworkURL("/tmp/vde").placeInBrackets() == (0, ""))
        for name in ["x", "0", "-1", "012", "99999999999999999999"] {
            #expect(try NetworkURL("/tmp/vde[\(name)]").placeInBrackets() == (0, name))
        }
        for text in ["/tmp/vde[ctl]", "/tmp/vde[.x]", "/tmp/vde[a b]", "/tmp/vde[16777216]"] {
            #expect(throws: TransportError.self) { try NetworkURL(text).placeInBrackets() }
        }
    }

    @Test(
        "the names in a URL that have to be looked up",
        arguments: [
            ("stream://example.org:5000", ["example.org"]), ("stream:///tmp/socket", []),
            ("stream://:5000[listen]", []),
            ("stream://[::1]:5000", []), ("stream://192.0.2.1:5000", []), ("udp://5000->peer:5001", ["peer"]),
            ("udp://here:5000->there:5001", ["here", "there"]), ("vxlan://239.0.0.1/peers=a,10.0.0.1,b", ["a", "b"]),
            ("vxlan://gateway/vni=7/local=me", ["gateway", "me"]),
            ("tunnel://far.example:7000/peer=KEY", ["far.example"]),
            ("vlan://3{udp://1->x:2}", ["x"]), ("vde:///tmp/a.b:c", []), ("dgram:///tmp/a->/tmp/b", []),
            ("dgram://:1->host:2", ["host"]), ("cmd://ssh host", []),
        ] as [(String, [String])]
    )
    func hostNames(_ text: String, _ names: [String]) throws {
        #expect(try NetworkURL(text).hostNames == names)
    }

    @Test("names that were looked up are not asked for again, those without an address neither")
    func resolved() throws {
        var url = try NetworkURL("udp://5000->somewhere:5001")
        let six = InternetAddress(ipv6High: 0xfd00_0000_0000_0000, low: 1, port: 0)
        url.resolved = ["somewhere": [six, InternetAddress(ipv4: 0xc000_0201, port: 0)], "nowhere": []]
        #expect(try url.lookUp("somewhere", port: 7) == InternetAddress(ipv6High: six.high, low: 1, port: 7))
        #expect(try url.lookUp("somewhere", port: 7, family: .ipv4) == InternetAddress(ipv4: 0xc000_0201, port: 7))
        #expect(url.numericHost("somewhere") == "fd00::1")
        #expect(url.numericHost("192.0.2.9") == "192.0.2.9")
        #expect(throws: NameLookUp.Failure.self) { try url.lookUp("nowhere", port: 7) }
    }
}
