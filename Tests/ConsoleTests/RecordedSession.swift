// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A session with vde_switch 2.3.2 (Debian's vde2 2.3.2+r586-8): 32 ports, `LWIPv6 …` on port 1 and `QEMU …` on port 5,
/// one frame of 60 bytes from the one and one of 100 bytes back.
///
/// After `>>> ` what was sent, escaped; then what came back, byte for byte but for the blank after the prompt's `$`, which
/// editors would take away. Lines that name the product, menus that this table does not have yet, and what differs on
/// purpose (`ConsoleDifferenceTests`) are left out.
enum RecordedSession {
    struct Exchange: CustomTestStringConvertible {
        let sent: [UInt8]
        let received: String
        var testDescription: String { String(decoding: sent, as: UTF8.self).debugDescription }
    }

    static let exchanges: [Exchange] = text.components(separatedBy: ">>> ").dropFirst().map { part in
        let end = part.firstIndex(of: "\n")!
        var received = String(part[part.index(after: end)...])
        if received.hasSuffix("\n") { received.removeLast() }
        if received.hasSuffix("\nvde$") { received += " " }
        return Exchange(sent: unescaped(String(part[..<end])), received: received)
    }

    private static func unescaped(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "0"): bytes.append(0)
            default:
                bytes.append(UInt8(String(decoding: [rest.popFirst()!, rest.popFirst()!], as: UTF8.self), radix: 16)!)
            }
        }
        return bytes
    }

    static let text = #"""
        >>> help l\n
        0000 DATA END WITH '.'
        COMMAND PATH       SYNTAX          HELP
        ------------       --------------  ------------
        logout                             logout from this mgmt terminal
        load               path            load a configuration script
        .
        1000 Success

        vde$
        >>> help zz\n
        0000 DATA END WITH '.'
        COMMAND PATH       SYNTAX          HELP
        ------------       --------------  ------------
        .
        1000 Success

        vde$
        >>> help ds\n
        0000 DATA END WITH '.'
        COMMAND PATH       SYNTAX          HELP
        ------------       --------------  ------------
        ds                 ============    DATA SOCKET MENU
        ds/showinfo                        show ds info
        .
        1000 Success

        vde$
        >>> help\tport/allp\n
        0000 DATA END WITH '.'
        COMMAND PATH       SYNTAX          HELP
        ------------       --------------  ------------
        port/allprint      [N]             print the port/endpoint table (including inactive port)
        .
        1000 Success

        vde$
        >>> helphash/sho\n
        0000 DATA END WITH '.'
        COMMAND PATH       SYNTAX          HELP
        ------------       --------------  ------------
        hash/showinfo                      show hash info
        .
        1000 Success

        vde$
        >>> ds/showinfo\n
        0000 DATA END WITH '.'
        ctl dir /tmp/sw
        std mode 0600
        .
        1000 Success

        vde$
        >>> port/showinfo\n
        0000 DATA END WITH '.'
        Numports=32
        HUB=false
        counters=true
        .
        1000 Success

        vde$
        >>> port/print\n
        0000 DATA END WITH '.'
        Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                   60
         OUT: pkts          1          bytes                  100
          -- endpoint ID 0003 module unix prog   : LWIPv6 user=render PID=642 if=vd0
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print 5\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print 0\n
        0000 DATA END WITH '.'
        .
        1006 No such device or address

        vde$
        >>> port/print -1\n
        0000 DATA END WITH '.'
        .
        1022 Invalid argument

        vde$
        >>> port/print 31\n
        0000 DATA END WITH '.'
        .
        1006 No such device or address

        vde$
        >>> port/print 33\n
        0000 DATA END WITH '.'
        .
        1022 Invalid argument

        vde$
        >>> port/print x\n
        0000 DATA END WITH '.'
        .
        1006 No such device or address

        vde$
        >>> port/print 5junk\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print5\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/printxx\n
        0000 DATA END WITH '.'
        .
        1006 No such device or address

        vde$
        >>> port/print\t5\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>>  \t port/print 5\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print 5 6 7\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print 00005\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/print +5\n
        0000 DATA END WITH '.'
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/allprint\n
        0000 DATA END WITH '.'
        Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                   60
         OUT: pkts          1          bytes                  100
          -- endpoint ID 0003 module unix prog   : LWIPv6 user=render PID=642 if=vd0
        Port 0005 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                  100
         OUT: pkts          1          bytes                   60
          -- endpoint ID 0007 module unix prog   : QEMU user=x
        .
        1000 Success

        vde$
        >>> port/allprint 1\n
        0000 DATA END WITH '.'
        Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable
         Current User: root Access Control: (User: NONE - Group: NONE)
         IN:  pkts          1          bytes                   60
         OUT: pkts          1          bytes                  100
          -- endpoint ID 0003 module unix prog   : LWIPv6 user=render PID=642 if=vd0
        .
        1000 Success

        vde$
        >>> port/allprint 31\n
        0000 DATA END WITH '.'
        .
        1006 No such device or address

        vde$
        >>> port/allprint 99999999999\n
        0000 DATA END WITH '.'
        .
        1022 Invalid argument

        vde$
        >>> PORT/PRINT\n
        1038 Function not implemented

        vde$
        >>> ds\n
        1038 Function not implemented

        vde$
        >>> port\n
        1038 Function not implemented

        vde$
        >>> port/\n
        1038 Function not implemented

        vde$
        >>> showinf\n
        1038 Function not implemented

        vde$
        >>> s\n
        1038 Function not implemented

        vde$
        >>> bogus\n
        1038 Function not implemented

        vde$
        >>> bogus\r\n
        1038 Function not implemented

        vde$
        >>> \n

        vde$ 
        >>>    \n

        vde$ 
        >>> \t\n

        vde$ 
        >>> # comment\n

        vde$ 
        >>>   # comment\n

        vde$ 
        >>> port/sethub 2\n
        1000 Success

        vde$
        >>> port/showinfo\n
        0000 DATA END WITH '.'
        Numports=32
        HUB=true
        counters=true
        .
        1000 Success

        vde$
        >>> port/sethub 0\n
        1000 Success

        vde$
        >>> port/showinfo\n
        0000 DATA END WITH '.'
        Numports=32
        HUB=false
        counters=true
        .
        1000 Success

        vde$
        >>> port/sethub1\n
        1000 Success

        vde$
        >>> port/sethub 0 junk\n
        1000 Success

        vde$
        >>> load\n
        1002 No such file or directory

        vde$
        >>> load /nonexistent\n
        1002 No such file or directory

        vde$
        >>> port/showinfo\0junk\n
        0000 DATA END WITH '.'
        Numports=32
        HUB=false
        counters=true
        .
        1000 Success

        vde$
        >>> \0port/showinfo\n

        vde$ 
        >>> \xff\n
        1038 Function not implemented

        vde$
        >>> logoutnow\n
        9999 END OF SESSION
        """#
}
