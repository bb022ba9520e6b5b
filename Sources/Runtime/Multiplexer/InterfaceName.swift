// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What an interface of a multiplexer may be called: the name is a file's name in the switch's directory, and stands in
/// brackets behind it (`DIR[alice]`).
public enum InterfaceName {
    /// Bytes of the longest name.
    public static var byteLimit: Int { 48 }

    /// Why `name` is none; nil when it is one.
    public static func fault(_ name: String) -> String? {
        let shown =
            name.unicodeScalars.contains { $0.properties.generalCategory == .control } ? "the name" : "\"\(name)\""
        if name.isEmpty { return "an interface needs a name: DIR[NAME]" }
        if name.utf8.count > byteLimit {
            return "an interface's name has at most \(byteLimit) bytes, not \(name.utf8.count)"
        }
        if name.hasPrefix(".") { return "\(shown): an interface's name does not begin with \".\"" }
        if ["ctl", "attach", "mgmt"].contains(name) { return "\(shown) is the name of a socket of the switch itself" }
        if SwitchDirectory.isDataSocketName(name) { return "\(shown): data sockets of VDE clients have such names" }
        let forbidden = name.unicodeScalars.contains { scalar in
            "/[]{}|,".unicodeScalars.contains(scalar) || scalar.properties.isWhitespace
                || scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        }
        return forbidden
            ? "\(shown): an interface's name has no blanks, control characters or any of / [ ] { } | ," : nil
    }

    /// The port that the name itself says: stock clients ask for interfaces by number.
    static func number(_ name: String) -> Int? {
        guard let number = Int(name), number > 0, String(number) == name else { return nil }
        return number
    }
}
