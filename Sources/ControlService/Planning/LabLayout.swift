// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Guests

/// Where the files of a lab are.
public struct LabLayout: Sendable, Equatable {
    public let lab: String
    /// The lab's own directory: absolute, without a slash at its end.
    public let directory: String
    /// Sockets and what lasts as long as the lab runs.
    public let runtime: String

    public init(lab: String, directory: String, runtime: String) {
        self.lab = lab
        self.directory = directory
        self.runtime = runtime
    }

    public var files: RuntimeFiles { RuntimeFiles(directory: runtime) }
    /// What the daemon knows of the lab.
    public var intentFile: String { runtime + "/intent" }
    /// A segment's directory of a switch.
    public func segment(_ name: String) -> String { "\(files.segments)/\(name)" }
    /// A path as a lab file gives it.
    public func path(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
    public func runDirectory(_ guest: String) -> String { "\(directory)/run/\(guest)" }
    public func upper(_ guest: String) -> String { "\(directory)/host/\(guest)" }
    public func mountPoint(_ guest: String) -> String { "\(directory)/mount/\(guest)" }
    public func template(_ name: String, _ guest: String) -> String { "\(directory)/templates/\(name)/\(guest)" }
    public func delegation(_ name: String) -> String { "\(directory)/run/delegated/\(name)" }
}

/// FNV-1a with 64 bits: the same in each run and on each host.
enum StableHash {
    static func value(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
