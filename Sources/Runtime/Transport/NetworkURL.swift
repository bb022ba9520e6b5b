// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Where a network is, as users write it: `scheme://address[options]`, the URLs of vdeplug4 ("virtual network locators").
///
///     /tmp/vde                      a plain path means vde://
///     vde:///tmp/vde[5]             options in brackets, separated by "/": a word, or name=value
///     vxlan://239.0.0.1/vni=7       or behind the address, when each is name=value
///     vlan://10{vde:///tmp/vde}     another URL in braces
///     cmd://ssh host vde_plug       a command: nothing in it is read as an option
///     -                             standard input and output
public struct NetworkURL: Sendable, Equatable, CustomStringConvertible {
    public let scheme: String
    public let address: String
    public let options: [Option]
    /// The URL inside the braces, as text.
    public let nested: String?
    private let text: String
    /// Addresses of names in the URL that were looked up before it is opened; nil: names are looked up when they are met.
    var resolved: NameResolver.Addresses?

    public struct Option: Sendable, Equatable {
        public let name: String
        /// Nil for a word alone.
        public let value: String?
    }

    /// Why a text names no network.
    public struct ParseError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    public init(_ text: String) throws(ParseError) {
        guard !text.isEmpty else { throw ParseError(description: "an empty network name: give a switch's directory") }
        self.text = text
        if text == "-" {
            (scheme, address, options, nested) = ("stdio", "", [], nil)
            return
        }
        var rest = Substring(text)
        if let mark = text.firstRange(of: "://"), !text[..<mark.lowerBound].contains("/") {
            scheme = text[..<mark.lowerBound].lowercased()
            rest = text[mark.upperBound...]
        } else {
            scheme = "vde"
        }
        if scheme == "cmd" {
            (address, options, nested) = (String(rest), [], nil)
            return
        }
        if rest.hasSuffix("}") {
            guard let brace = rest.firstIndex(of: "{") else {
                throw ParseError(description: "\(text): \"}\" without \"{\"")
            }
            nested = String(rest[rest.index(after: brace)..<rest.index(before: rest.endIndex)])
            rest = rest[..<brace]
        } else {
            guard !rest.contains("{") else { throw ParseError(description: "\(text): \"{\" without \"}\" at the end") }
            nested = nil
        }
        var options: [Option] = []
        if rest.hasSuffix("]"), let bracket = rest.lastIndex(of: "["), !Self.isAddress(rest, from: bracket) {
            let inside = rest[rest.index(after: bracket)..<rest.index(before: rest.endIndex)]
            options = inside.split(separator: "/").map(Self.option)
            rest = rest[..<bracket]
        }
        var behind: [Option] = []
        // A directory may be called anything.
        while scheme != "vde", let slash = rest.lastIndex(of: "/") {
            let last = rest[rest.index(after: slash)...]
            let option = Self.option(last)
            guard option.value != nil, !option.name.isEmpty,
                option.name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
            else { break }
            behind.insert(option, at: 0)
            rest = rest[..<slash]
        }
        self.options = behind + options
        address = String(rest)
    }

    /// An IPv6 address in brackets is no list of options.
    private static func isAddress(_ text: Substring, from bracket: Substring.Index) -> Bool {
        let inside = text[bracket...].dropFirst().dropLast()
        return inside.contains(":") && inside.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" }
    }

    private static func option(_ text: Substring) -> Option {
        guard let sign = text.firstIndex(of: "=") else { return Option(name: String(text), value: nil) }
        return Option(name: String(text[..<sign]), value: String(text[text.index(after: sign)...]))
    }

    /// The value of an option, nil when it is not given.
    public func value(_ name: String) -> String? { options.last { $0.name == name }?.value }
    public func has(_ name: String) -> Bool { options.contains { $0.name == name } }

    /// A number among the options.
    public func number(_ name: String, _ range: ClosedRange<Int>, default fallback: Int) throws(TransportError) -> Int {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw TransportError(
                .usage,
                "\(self): \(name)=\(text): wants a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// A switch among the options: `NAME=on`, `NAME=off`, or the name alone for on.
    public func isOn(_ name: String, default fallback: Bool) throws(TransportError) -> Bool {
        guard has(name) else { return fallback }
        return try Self.isOn(value(name) ?? "", name, in: text)
    }

    static func isOn(_ value: String, _ name: String, in url: String) throws(TransportError) -> Bool {
        switch value {
        case "", "on", "yes": return true
        case "off", "no": return false
        default: throw TransportError(.usage, "\(url): \(name)=\(value): wants on or off")
        }
    }

    /// The port in `DIRECTORY[5]`, or the interface in `DIRECTORY[alice]`; 0 and empty when none is asked for.
    public func placeInBrackets() throws(TransportError) -> (port: Int, interface: String) {
        guard let word = options.first(where: { $0.value == nil })?.name, !word.isEmpty else { return (0, "") }
        guard let number = InterfaceName.number(word) else {
            if let fault = InterfaceName.fault(word) { throw TransportError(.usage, "\(self): \(fault)") }
            return (0, word)
        }
        guard number < 1 << 24 else { throw TransportError(.usage, "\(self): \"\(word)\" is no port number") }
        return (number, "")
    }

    /// An option that the scheme does not know is a mistake of the user's.
    public func refuseOptions(except known: [String]) throws(TransportError) {
        for option in options where !known.contains(option.name) {
            throw TransportError(
                .usage,
                "\(self): unknown option \"\(option.name)\""
                    + (known.isEmpty ? "" : "; known are \(known.joined(separator: ", "))")
            )
        }
    }

    public var description: String { text }
}

extension SocketPath {
    /// The path that a URL names.
    convenience init(_ path: String, _ url: NetworkURL) throws(TransportError) {
        do throws(BindError) {
            try self.init(path)
        } catch {
            throw TransportError(.usage, "\(url): \(error)")
        }
    }

    /// A new socket, connected to the one here.
    func connection(_ kind: UnixSocket.Kind, _ url: NetworkURL) throws(TransportError) -> OwnedDescriptor {
        do throws(Errno) {
            return try UnixSocket.connection(kind, to: address)
        } catch {
            throw TransportError(.unreachable, "\(url): \(error)")
        }
    }

    /// A new socket, bound here, with the permission bits that a URL names.
    func makeSocket(
        _ kind: UnixSocket.Kind,
        _ url: NetworkURL,
        mode: UInt32 = 0o700
    ) throws(TransportError) -> OwnedDescriptor {
        let mode = try url.mode() ?? mode
        do throws(BindError) {
            return try makeSocket(kind, mode: mode)
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }
}

extension NetworkURL {
    /// Several places separated by "|": the first that answers is meant. A command keeps its "|" for itself.
    public static func alternatives(_ text: String) throws(ParseError) -> [NetworkURL] {
        if text.lowercased().hasPrefix("cmd://") { return [try NetworkURL(text)] }
        var depth = 0
        var parts: [String] = [""]
        for character in text {
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            if character == "|", depth <= 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        var list: [NetworkURL] = []
        for part in parts { list.append(try NetworkURL(part)) }
        return list
    }

    /// A regular file holds a URL in its first line that is neither empty nor a comment (`#`), as vdeplug4 has it: nil
    /// when the address is none.
    func readFromFile() throws -> NetworkURL? {
        guard scheme == "vde", !address.isEmpty, let status = try? FileStatus(path: address), status.isRegularFile
        else { return nil }
        let text: String
        do {
            text = String(decoding: try FileSystem.contents(address, limit: Self.fileByteLimit), as: UTF8.self)
        } catch {
            throw TransportError(.failed, "\(address): \(error)")
        }
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            line.drop(while: { $0 == " " || $0 == "\t" })
        }
        guard let line = lines.first(where: { !$0.isEmpty && $0.first != "#" }) else {
            throw TransportError(.usage, "\(address): a file, but no network URL is in it")
        }
        var word = line
        while word.last == " " || word.last == "\t" { word.removeLast() }
        do {
            return try NetworkURL(String(word))
        } catch {
            throw TransportError(.usage, "\(address): \(error)")
        }
    }

    /// The URL without a word that stands among its options in brackets; nil when it stands elsewhere, or has a value.
    func without(_ word: String) -> NetworkURL? {
        guard let bracket = description.lastIndex(of: "["), description.hasSuffix("]") else { return nil }
        let inside = description[description.index(after: bracket)...].dropLast().split(separator: "/")
        let rest = inside.filter { $0 != word }.joined(separator: "/")
        guard let url = try? NetworkURL(description[..<bracket] + (rest.isEmpty ? "" : "[\(rest)]")), !url.has(word)
        else { return nil }
        return url
    }

    private static var fileByteLimit: Int { 4096 }
}
