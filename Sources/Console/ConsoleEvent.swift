// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A kind of event that sessions may ask to hear of.
public struct ConsoleEventCategory: Sendable, Equatable {
    /// Shown as three octal digits.
    public let tag: UInt16
    /// `port/ep/+`: what `debug/add` and `debug/del` select by a prefix.
    public let path: String
    public let help: String
    /// Not listed, and not to be had at a console: for modules.
    public let isHidden: Bool
    /// vde_switch has no such event: listed only where something can cause it, so that all else is listed as it does.
    let isOurs: Bool

    public init(tag: UInt16, path: String, help: String, isHidden: Bool = false) {
        self.init(tag: tag, path: path, help: help, isHidden: isHidden, isOurs: false)
    }

    init(tag: UInt16, path: String, help: String, isHidden: Bool = false, isOurs: Bool) {
        self.tag = tag
        self.path = path
        self.help = help
        self.isHidden = isHidden
        self.isOurs = isOurs
    }

    /// The event as a line of a session: `3`, the tag, the path, the text.
    public func line(_ text: String) -> String { "3\(tagDigits) \(path) \(text)" }

    /// The tag as three octal digits.
    var tagDigits: String {
        let octal = String(tag, radix: 8)
        return String(repeating: "0", count: max(0, 3 - octal.count)) + octal
    }
}

/// The event categories of a console, in the order in which `debug/list` shows them.
public struct ConsoleEventCatalog: Sendable {
    public private(set) var categories: [ConsoleEventCategory] = []

    public init() {}

    public mutating func add(_ categories: [ConsoleEventCategory]) { self.categories += categories }
    public mutating func remove(path: String) { categories.removeAll { $0.path == path } }
    public func matching(prefix: String) -> [ConsoleEventCategory] {
        categories.filter { $0.path.utf8.starts(with: prefix.utf8) }
    }
}
