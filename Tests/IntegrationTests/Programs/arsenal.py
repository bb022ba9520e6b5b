# SPDX-FileCopyrightText: 2026 The Etherloom authors
# SPDX-License-Identifier: Apache-2.0
"""arsenal INTERFACE OWN VICTIM OWN6 VICTIM6 VICTIM_MAC: what a user does who wants to be somebody else, frame by frame.

Every forged frame ends in b"FORGED", so that whoever sees one knows. Prints "sent N".
"""
import sys

from scapy.all import (ARP, BOOTP, DHCP, IP, IPv6, TCP, UDP, Dot1AD, Dot1Q, Dot3, Ether, ICMP, LLC, STP, Raw, conf,
                       get_if_hwaddr, sendp)
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6_RelayForward
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
                                ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN)
from scapy.layers.vrrp import VRRP

interface, own, victim, own6, victim6, victim_mac = sys.argv[1:7]
conf.verb = 0
me = get_if_hwaddr(interface)
broadcast = "ff:ff:ff:ff:ff:ff"
all_nodes = "33:33:00:00:00:01"
octets = bytes.fromhex(me.replace(":", ""))
link_local = "fe80::" + ":".join("%x" % group for group in (
    (octets[0] ^ 2) << 8 | octets[1], octets[2] << 8 | 0xff, 0xfe00 | octets[3], octets[4] << 8 | octets[5]))

ether = Ether(src=me, dst=broadcast)
to_all = Ether(src=me, dst=all_nodes)
prefix = ICMPv6NDOptPrefixInfo(prefix="fd66::", prefixlen=64)
boot = BOOTP(op=1, chaddr=bytes.fromhex(me.replace(":", "")))
router = to_all / IPv6(src=link_local, dst="ff02::1", hlim=255)

forged = [
    # Somebody else's Ethernet address, alone and with everything that goes with it.
    Ether(src=victim_mac, dst=broadcast) / IP(src=own, dst=own) / UDP(),
    Ether(src=victim_mac, dst=broadcast) / ARP(op=1, hwsrc=victim_mac, psrc=victim, pdst=own),
    # ARP: poisoning by request, by reply, by announcement, of addresses and of the Ethernet address; conflict.
    ether / ARP(op=1, hwsrc=me, psrc=victim, pdst=own),
    ether / ARP(op=2, hwsrc=me, psrc=victim, hwdst=victim_mac, pdst=victim),
    ether / ARP(op=2, hwsrc=me, psrc=victim, hwdst=broadcast, pdst=victim),
    ether / ARP(op=1, hwsrc=victim_mac, psrc=own, pdst=victim),
    ether / ARP(op=1, hwsrc=me, psrc="0.0.0.0", pdst=victim),
    Ether(src=me, dst=victim_mac) / ARP(op=2, hwsrc=me, psrc=own, hwdst="02:00:00:00:00:99", pdst=victim),
    # IPv4 in another's name, fragments too.
    ether / IP(src=victim, dst="255.255.255.255") / UDP(sport=1, dport=2),
    ether / IP(src=victim, dst="255.255.255.255", flags="MF") / UDP(sport=1, dport=2),
    ether / IP(src=victim, dst="255.255.255.255", frag=10) / Raw(b"x" * 16),
    ether / IP(src=victim, dst=victim) / TCP(flags="R"),
    # A router's words.
    ether / IP(src=own, dst="255.255.255.255") / ICMP(type=5, code=1, gw=own),
    ether / IP(src=own, dst="224.0.0.1") / ICMP(type=9),
    ether / IP(src=own, dst="224.0.0.18", proto=112) / VRRP(priority=255),
    ether / IP(src=own, dst="224.0.0.1", proto=2) / Raw(b"\x11\x64\0\0\0\0\0\0"),
    # A DHCP server's words, and a client's in another's name; also in fragments, also behind IP options.
    ether / IP(src=own, dst="255.255.255.255") / UDP(sport=67, dport=68) / BOOTP(op=2) / DHCP(
        options=[("message-type", "offer"), ("router", own), "end"]),
    ether / IP(src=own, dst="255.255.255.255") / UDP(sport=6767, dport=68) / BOOTP(op=2),
    ether / IP(src=own, dst="255.255.255.255", options=b"\x01\x01\x01\x01") / UDP(sport=67, dport=68) / BOOTP(op=2),
    ether / IP(src=own, dst="255.255.255.255", flags="MF") / UDP(sport=67, dport=68) / BOOTP(op=2),
    ether / IP(src=own, dst="255.255.255.255", flags="MF", proto=17) / Raw(b"\0\x43"),
    ether / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / BOOTP(
        op=1, chaddr=bytes.fromhex(victim_mac.replace(":", ""))),
    ether / IP(src=own, dst=victim) / UDP(sport=68, dport=67) / BOOTP(
        op=1, ciaddr=victim, chaddr=bytes.fromhex(me.replace(":", ""))) / DHCP(options=[("message-type", "release"), "end"]),
    # IPv6 in another's name.
    to_all / IPv6(src=victim6, dst="ff02::1") / UDP(),
    to_all / IPv6(src=victim6, dst="ff02::1") / ICMPv6EchoRequest(),
    # Neighbour discovery about another.
    to_all / IPv6(src=own6, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=victim6, O=1) / ICMPv6NDOptDstLLAddr(lladdr=me),
    to_all / IPv6(src=own6, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=own6, O=1) / ICMPv6NDOptDstLLAddr(
        lladdr=victim_mac),
    to_all / IPv6(src=own6, dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt=victim6) / ICMPv6NDOptSrcLLAddr(lladdr=victim_mac),
    to_all / IPv6(src="::", dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt=victim6),
    to_all / IPv6(src=own6, dst="ff02::1", hlim=64) / ICMPv6ND_NA(tgt=own6),
    # A router's words, bare, and hidden behind headers and in fragments.
    router / ICMPv6ND_RA() / prefix,
    router / ICMPv6ND_Redirect(tgt=own6, dst="fd77::1"),
    router / ICMPv6MLQuery(),
    router / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]) / ICMPv6ND_RA() / prefix,
    router / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")]) / ICMPv6ND_RA() / prefix,
    router / IPv6ExtHdrFragment(m=1, id=7) / ICMPv6ND_RA() / prefix,
    router / IPv6ExtHdrFragment(id=8) / ICMPv6ND_RA() / prefix,
    router / IPv6ExtHdrFragment(m=1, id=9) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]) / ICMPv6ND_RA(),
    router / IPv6ExtHdrFragment(m=1, id=10, nh=58),
    # A DHCPv6 server's and a relay's.
    to_all / IPv6(src=link_local, dst="ff02::1") / UDP(sport=547, dport=546) / DHCP6_Advertise(),
    to_all / IPv6(src=link_local, dst="ff02::1:2") / UDP(sport=546, dport=547) / DHCP6_RelayForward(),
    # Into other VLANs.
    ether / Dot1Q(vlan=5) / IP(src=own, dst=victim) / UDP(),
    ether / Dot1Q(vlan=1) / Dot1Q(vlan=5) / IP(src=own, dst=victim) / UDP(),
    ether / Dot1AD(vlan=1) / Dot1Q(vlan=5) / ARP(op=2, hwsrc=me, psrc=victim),
    # A bridge's words, and what is none of IP.
    Dot3(src=me, dst="01:80:c2:00:00:00") / LLC() / STP(),
    Ether(src=me, dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(b"\x02\x07\x04" + b"\0" * 20),
    Ether(src=me, dst=broadcast, type=0x8035) / Raw(b"\0" * 28),
    Ether(src=me, dst=broadcast, type=0x8864) / Raw(b"\0" * 28),
]

for frame in forged:
    sendp(Raw(bytes(frame) + b"FORGED"), iface=interface)
print("sent", len(forged), flush=True)
