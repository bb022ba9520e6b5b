// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Folds the options that follow a `--net` into its one-string form, so that each describes the interface it stands behind:
/// `--net /tmp/a --address 10.0.0.1/24 --net /tmp/b --dhcp` becomes `--net /tmp/a,ip=10.0.0.1/24 --net /tmp/b,dhcp`. The
/// command, which begins with the first word that is no option, gets a `--` before it, so that its options are its own.
enum RunArguments {
    private static let words = [
        "--address": "ip", "--via": "gw", "--mac": "mac", "--mtu": "mtu", "--dns": "dns", "--domain": "domain",
        "--if": "if",
    ]
    private static let flags = ["--dhcp": "dhcp", "--slaac": "slaac"]
    private static let otherWithValue: Set<String> = [
        "--name", "--hostname", "--join", "--forward", "-L", "--receive-filter", "--send-filter", "--priority",
    ]

    /// - Parameter arguments: those of `run`, the verb itself left away.
    static func fold(_ arguments: [String]) -> [String] {
        var result: [String] = []
        /// Where in `result` the latest network's string is.
        var network: Int?
        var index = 0
        func value(_ inline: String?) -> String? {
            if let inline { return inline }
            guard index + 1 < arguments.count else { return nil }
            index += 1
            return arguments[index]
        }
        while index < arguments.count {
            let argument = arguments[index]
            // The command begins: everything from here on is its own.
            guard argument.hasPrefix("-"), argument != "-", argument != "--" else { break }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let option = String(parts[0])
            let inline = parts.count == 2 ? String(parts[1]) : nil
            if option == "--net" {
                result.append(option)
                if let text = value(inline) {
                    result.append(text)
                    network = result.count - 1
                }
            } else if let key = words[option], let network {
                if let text = value(inline) { result[network] += ",\(key)=\(text)" } else { result.append(option) }
            } else if let word = flags[argument], let network {
                result[network] += ",\(word)"
            } else {
                result.append(argument)
                if inline == nil, words[option] != nil || otherWithValue.contains(option), let text = value(nil) {
                    result.append(text)
                }
            }
            index += 1
        }
        var command = arguments[min(index, arguments.count)...]
        if command.first == "--" { command.removeFirst() }
        return command.isEmpty ? result : result + ["--"] + command
    }
}
