// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("Gateway clients: addresses and names")
    struct GatewayAddresses {
        /// What dhclient-script(8) does with a lease, as far as it matters here.
        private static let dhclientScript = """
            #!/bin/sh
            test "$reason" = BOUND || exit 0
            ip address add "$new_ip_address/$new_subnet_mask" dev "$interface"
            ip route add default via "$new_routers"
            echo "$new_ip_address $new_subnet_mask $new_routers $new_domain_name_servers" >lease.dhclient
            """
        /// The same for udhcpc(8).
        private static let udhcpcScript = """
            #!/bin/sh
            test "$1" = bound || exit 0
            ip address add "$ip/$mask" dev "$interface"
            ip route add default via "$router"
            echo "$ip $subnet $router $dns" >lease.udhcpc
            """

        @Test("dhclient and udhcpc get different addresses, and with them reach the host")
        func dhcp() throws {
            try require("dhclient", "udhcpc", "ping", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                let gateway = try host.startGateway(element)
                let server = try host.startHostServer()
                for (name, text) in [("dhclient", Self.dhclientScript), ("udhcpc", Self.udhcpcScript)] {
                    try host.check(["chmod", "755", try host.write(text, data: "\(name).sh")])
                }
                let reach = """
                    cat lease.$client
                    ping -c 1 -w 30 10.0.2.2
                    python3 \(try script("tcp.py", host)) send 10.0.2.2 7001 5000
                    """
                let one = try host.runGuest(
                    element,
                    nil,
                    """
                    client=dhclient
                    dhclient -4 -1 -v -lf $PWD/leases -pf $PWD/dhclient.pid -sf $PWD/dhclient.sh vd0
                    # The daemon writes it when the command is over already.
                    until test -s dhclient.pid; do sleep 0.05; done
                    kill $(cat dhclient.pid)
                    \(reach)
                    """
                )
                let other = try host.runGuest(
                    element,
                    nil,
                    """
                    client=udhcpc
                    udhcpc -n -q -f -i vd0 -s $PWD/udhcpc.sh
                    \(reach)
                    """
                )
                #expect(one.contains("10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.3\n"))
                #expect(other.contains("10.0.2.16 255.255.255.0 10.0.2.2 10.0.2.3\n"))
                for output in [one, other] {
                    #expect(output.contains("1 received"))
                    #expect(output.contains("peer got 5000 bytes, intact"))
                }
                #expect(server.poll() == nil && gateway.poll() == nil)
            }
        }

        @Test("dig gets the host's names at the name server's address, over UDP and over TCP")
        func names() throws {
            try require("dnsmasq", "dig")
            try withHost { host in
                // More than fits into a datagram of 512 bytes: over UDP without EDNS the answer is cut.
                let texts = (0..<9).map { "--txt-record=long.test,\($0)" + String(repeating: "x", count: 200) }
                let server = try host.start(
                    [
                        "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--no-resolv", "--no-hosts",
                        "--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces", "--port=53",
                        "--address=/name.test/192.0.2.7",
                    ] + texts
                )
                try server.wait(forOutput: "started")
                let element = try host.startSwitch()
                _ = try host.startGateway(element)
                let output = try host.runGuest(
                    element,
                    "10.0.2.50/24",
                    """
                    options="+tries=5 +timeout=5"
                    echo "UDP $(dig @10.0.2.3 $options +short name.test)"
                    echo "TCP $(dig @10.0.2.3 $options +tcp +short name.test)"
                    dig @10.0.2.3 $options +noedns +ignore txt long.test | grep -w 'flags:.* tc'
                    echo "long $(dig @10.0.2.3 $options +noedns +short txt long.test | grep -c xxxx)"
                    echo "stranger $(dig @10.0.2.3 $options elsewhere.example | grep -o 'status: [A-Z]*')"
                    """
                )
                #expect(output.contains("UDP 192.0.2.7\n"))
                #expect(output.contains("TCP 192.0.2.7\n"))
                #expect(output.contains("long 9\n"))
                #expect(output.contains("stranger status: REFUSED\n"))
            }
        }
    }
}
