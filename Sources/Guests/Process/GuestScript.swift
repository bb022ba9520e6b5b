// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// System calls to be made by a process inside of namespaces, one a line (guest_script.c says what letters mean).
struct GuestScript {
    /// What becomes of a line that fails.
    enum Need: UInt8 {
        /// The script ends there.
        case must = 0x21
        case may = 0x3f
        /// The line is for when the one before has failed.
        case otherwise = 0x7c
    }

    /// What a line's descriptors are for.
    enum Product: Equatable {
        case tap(String)
        case netlink, networkNamespace, console, packetSocket(String)
    }

    private(set) var bytes: [UInt8] = []
    /// For messages: what each line does.
    private(set) var names: [String] = []
    private(set) var products: [Int: Product] = [:]

    private mutating func line(_ letter: Character, _ need: Need, _ name: String, _ words: [String]) {
        bytes.append(letter.asciiValue ?? 0)
        bytes.append(need.rawValue)
        for word in words {
            // A NUL inside would be another line; nothing that has one gets here from words of messages.
            bytes += word.utf8.filter { $0 != 0 }
            bytes.append(0)
        }
        names.append(name)
    }

    /// What a failed line wanted, as a part of a sentence.
    func name(_ line: UInt32) -> String { names.indices.contains(Int(line)) ? names[Int(line)] : "set it up" }

    mutating func unshare(_ namespaces: Int32) { line("u", .must, "make namespaces", [String(namespaces)]) }

    mutating func mount(
        _ source: String,
        on target: String,
        type: String,
        flags: UInt = 0,
        data: String = "",
        _ need: Need = .must
    ) {
        let name = type.isEmpty ? "change the mount \(target)" : "mount \(type) on \(target)"
        line("m", need, name, [source, target, type, String(flags), data])
    }

    mutating func bind(_ source: String, on target: String, recursive: Bool = false, _ need: Need = .must) {
        line(
            "b",
            need,
            "mount \(source) on \(target)",
            [source, target, recursive ? String(MountFlags.recursive) : "0"]
        )
    }

    mutating func makeReadOnly(_ path: String, _ need: Need = .must) {
        line("a", need, "make \(path) read-only", [path])
    }

    mutating func makeDirectory(_ path: String, mode: String = "755", _ need: Need = .must) {
        line("d", need, "make the directory \(path)", [path, mode])
    }

    /// A file with this text, over one that is there.
    mutating func write(_ path: String, mode: String = "644", _ text: String, _ need: Need = .must) {
        line("f", need, "write \(path)", [path, mode, text])
    }

    /// A file with this text, unless one is there.
    mutating func provide(_ path: String, mode: String = "644", _ text: String = "", _ need: Need = .must) {
        line("e", need, "make \(path)", [path, mode, text])
    }

    /// Into a file that is there: a switch of the kernel.
    mutating func set(_ path: String, _ text: String, _ need: Need = .may) {
        line("w", need, "write \(path)", [path, text])
    }

    mutating func link(_ target: String, at path: String) { line("l", .may, "make the link \(path)", [target, path]) }
    mutating func pivot(to root: String) { line("p", .must, "make \(root) its root", [root]) }
    mutating func setHostName(_ name: String) { line("h", .must, "set the host name", [name]) }

    mutating func makeTap(_ name: String, packetSocket: Bool) {
        products[names.count] = .tap(name)
        line("t", .must, "make the tap \(name)", [name, packetSocket ? "1" : "0"])
    }

    mutating func openPacketSocket(for interface: String) {
        products[names.count] = .packetSocket(interface)
        line("k", .must, "open a packet socket", [])
    }

    mutating func openFrameSocket(interface: Int32) {
        line("q", .must, "listen at interface \(interface)", [String(interface)])
    }

    mutating func openNetlink() {
        products[names.count] = .netlink
        line("n", .must, "open a netlink socket", [])
    }

    mutating func openNetworkNamespace() {
        products[names.count] = .networkNamespace
        line("N", .must, "open its network namespace", ["/proc/self/ns/net"])
    }

    mutating func openConsole() {
        products[names.count] = .console
        line("P", .must, "open a console", ["/dev/ptmx"])
    }

    /// Routers' advertisements are listened to, and addresses made of them (RFC 4862).
    mutating func enableAutoconfiguration(_ interface: String) {
        let directory = "/proc/sys/net/ipv6/conf/\(interface)/"
        for (key, value) in [("disable_ipv6", "0"), ("accept_ra", "1"), ("autoconf", "1")] {
            set(directory + key, value)
        }
        // The delay of RFC 4861 section 6.3.7 keeps hosts that boot together apart; here they share a memory bus.
        set(directory + "router_solicitation_delay", "0")
    }
}

/// Flags of mount(2) and clone(2).
enum MountFlags {
    static let readOnly: UInt = 1
    static let noSetUserID: UInt = 2
    static let noDevices: UInt = 4
    static let noExecution: UInt = 8
    static let move: UInt = 8192
    static let recursive: UInt = 16384
    static let isPrivate: UInt = 1 << 18
}
