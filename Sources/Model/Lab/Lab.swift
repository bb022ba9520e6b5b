// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What a lab is to be: guests, and the networks that join them.
///
/// The order of the file is kept; names are unique within their kind of thing.
public struct Lab: Sendable, Equatable {
    public var name: String
    public var guests: [Guest] = []
    public var segments: [Segment] = []
    public var links: [Link] = []
    public var gateways: [GatewayElement] = []
    public var tunnels: [TunnelElement] = []
    public var delegations: [Delegation] = []
    /// Sets of overlays, loaded for all guests at once; the first of these is on top.
    public var templates: [String] = []

    public init(name: String) { self.name = name }

    public func guest(_ name: String) -> Guest? { guests.first { $0.name == name } }
    public func segment(_ name: String) -> Segment? { segments.first { $0.name == name } }
}

/// The rules of names: they become files, host names and parts of interface names.
public enum LabName {
    /// Longest name of a guest, segment or lab.
    public static var limit: Int { 63 }
    /// IFNAMSIZ without its NUL: netdevice(7).
    public static var interfaceLimit: Int { 15 }

    /// Why a text is no name; nil when it is one.
    public static func objection(to text: String) -> String? {
        guard let first = text.first else { return "a name is not empty" }
        guard text.utf8.count <= limit else { return "a name has at most \(limit) bytes, this one \(text.utf8.count)" }
        guard first.isASCII, first.isLetter || first.isNumber else { return "a name begins with a letter or digit" }
        let isFine = text.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == ".")
        }
        return isFine ? nil : "a name has letters, digits, and the signs - _ . only"
    }

    /// Why a text is no name of a network interface.
    public static func objection(toInterface text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= interfaceLimit else {
            return "an interface's name has 1 to \(interfaceLimit) bytes, this one \(text.utf8.count)"
        }
        guard text != ".", text != "..", text != "lo" else { return "the kernel keeps this name" }
        let isFine = text.utf8.allSatisfy {
            // The kernel makes numbers of "%", and a word with "=" has a key.
            $0 > 0x20 && $0 < 0x7f && !"/:%=".utf8.contains($0)
        }
        return isFine ? nil : "an interface's name has neither blanks nor one of / : % ="
    }
}
