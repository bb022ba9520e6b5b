// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
public import Wire

/// An interface of a multiplexer: a port with a name, an address, and somebody whom it belongs to.
public struct Interface: Sendable {
    public let name: String
    public let port: Int
    /// The address that whoever attaches is to use: the same after every restart.
    public internal(set) var address: MACAddress
    /// Whose it is, with the permission bits of a file: who may write to it may attach. Root always may.
    public internal(set) var permissions: Permissions
    /// It was declared, and stays when nobody is on it.
    public internal(set) var isConfigured: Bool

    public struct Permissions: Sendable, Equatable {
        public var owner: UInt32
        public var group: UInt32?
        public var mode: UInt32

        public init(owner: UInt32, group: UInt32? = nil, mode: UInt32) {
            self.owner = owner
            self.group = group
            self.mode = mode
        }

        /// As the kernel decides about a socket's file: the first of owner, group and others that applies counts. Nil is
        /// the switch itself.
        func admit(_ user: UInt32?) -> Bool {
            guard let user, user != 0 else { return true }
            if user == owner { return mode & 0o200 != 0 }
            if let group, CurrentProcess.isUser(user, memberOf: group) { return mode & 0o020 != 0 }
            return mode & 0o002 != 0
        }
    }
}

/// What is said of an interface before anybody attaches to it.
public struct InterfaceDeclaration: Sendable, Equatable {
    public var name: String
    /// Nil: whoever runs the switch.
    public var owner: UInt32?
    /// Nil: the switch's group.
    public var group: UInt32?
    public var mode: UInt32 = 0o660
    /// Nil: made from the uplink and the name.
    public var address: MACAddress?

    public init(name: String) { self.name = name }

    /// What is wrong with a text.
    public struct Fault: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// `NAME[,owner=USER][,group=GROUP][,mode=BITS][,mac=ADDRESS]`.
    public init(_ text: String) throws(Fault) {
        let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        name = words[0]
        if let fault = InterfaceName.fault(name) { throw Fault(description: fault) }
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count == 2 ? parts[1] : ""
            func wrong(_ why: String) -> Fault { Fault(description: "\(name): \(word): \(why)") }
            switch parts[0] {
            case "owner":
                guard let user = UInt32(value) ?? CurrentProcess.userID(named: value) else {
                    throw wrong("no such user")
                }
                owner = user
            case "group":
                guard let number = UInt32(value) ?? CurrentProcess.groupID(named: value) else {
                    throw wrong("no such group")
                }
                group = number
            case "mode":
                guard let bits = UInt32(value, radix: 8), bits <= 0o777 else {
                    throw wrong("permission bits are octal digits, 0 to 777")
                }
                mode = bits
            case "mac":
                guard let address = MACAddress(value), !address.isMulticast else {
                    throw wrong("an address of one station is wanted, such as 52:54:01:02:03:04")
                }
                self.address = address
            default: throw wrong("unknown; known are owner=, group=, mode=, mac=")
            }
        }
    }
}
