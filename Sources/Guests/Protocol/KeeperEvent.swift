// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a keeper tells whoever watches it.
public enum KeeperEvent: Equatable, Sendable {
    /// A guest is in another state; how it ended, when it has.
    case guest(name: String, state: GuestState, status: WaitStatus?)
    /// An interface (`alice:eth0`) is plugged into a segment, or into none; its carrier, and whether the guest can see that;
    /// whether it is a pair of the kernel's, on a bridge.
    case interface(port: String, segment: String?, carrier: Bool, isShown: Bool = true, isPair: Bool = false)
    /// An interface is no more.
    case interfaceGone(port: String)
    /// The fabric died and was replaced.
    case fabricRestarted
    /// A line of the lab's log.
    case log(String)
    /// Something that is not known here; its words.
    case other([String])

    /// The words after `event`.
    public var words: [String] {
        switch self {
        case .guest(let name, let state, let status):
            ["guest", name, state.rawValue] + (status.map { [String($0.rawValue)] } ?? [])
        case .interface(let port, let segment, let carrier, let isShown, let isPair):
            ["interface", port, segment ?? "-", carrier ? "up" : "down"] + (isShown ? [] : ["not-shown"])
                + (isPair ? ["pair"] : [])
        case .interfaceGone(let port): ["interface-gone", port]
        case .fabricRestarted: ["fabric", "restarted"]
        case .log(let line): ["log", line]
        case .other(let words): words
        }
    }

    public init(words: [String]) {
        switch (words.first, words.count) {
        case ("guest", 3...4):
            guard let state = GuestState(rawValue: words[2]) else { break }
            let status = words.count == 4 ? Int32(words[3]).map { WaitStatus(rawValue: $0) } : nil
            self = .guest(name: words[1], state: state, status: status)
            return
        case ("interface-gone", 2):
            self = .interfaceGone(port: words[1])
            return
        case ("interface", 4...6):
            self = .interface(
                port: words[1],
                segment: words[2] == "-" ? nil : words[2],
                carrier: words[3] == "up",
                isShown: !words[4...].contains("not-shown"),
                isPair: words[4...].contains("pair")
            )
            return
        case ("fabric", 2) where words[1] == "restarted":
            self = .fabricRestarted
            return
        case ("log", 2):
            self = .log(words[1])
            return
        default: break
        }
        self = .other(words)
    }
}
