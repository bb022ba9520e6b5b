// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Templates of a lab: `templates/NAME/GUEST/`, a set of directories that is laid over the roots of all guests at once; and
/// stacks of overlays, directories of the same form anywhere.
public struct Templates: Sendable {
    /// `templates` of the lab's directory.
    public let directory: String
    public init(directory: String) { self.directory = directory }

    /// Names are directories.
    public static func check(_ name: String) throws(GuestError) {
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("\0"), name.utf8.count <= 200
        else {
            throw GuestError(
                "\"\(name)\": not a template's name: no \"/\", no \".\" first, 200 bytes at most",
                status: 2
            )
        }
    }

    /// Those that there are, by name.
    public func list() -> [String] {
        ((try? FileSystem.names(in: directory)) ?? []).sorted().filter { name in
            !name.hasPrefix(".") && (try? FileStatus(path: "\(directory)/\(name)"))?.isDirectory == true
        }
    }

    /// The layers that templates are for a guest, in their order, the first the topmost; made when missing, as they are on
    /// first use.
    public func layers(_ names: [String], guest: String) throws(GuestError) -> [String] {
        var layers: [String] = []
        for name in names {
            try Self.check(name)
            let path = "\(directory)/\(name)/\(guest)"
            try RootDirectories.make(path, mode: 0o755)
            layers.append(path)
        }
        return layers
    }

    /// The layers of a guest that overlays are: `DIRECTORY/GUEST` of each, made when missing. An overlay itself must be there.
    public static func layers(overlays: [String], guest: String) throws(GuestError) -> [String] {
        var layers: [String] = []
        for overlay in overlays {
            guard (try? FileStatus(path: overlay))?.isDirectory == true else {
                throw GuestError("overlay \(overlay): no such directory")
            }
            try RootDirectories.make("\(overlay)/\(guest)", mode: 0o755)
            layers.append("\(overlay)/\(guest)")
        }
        return layers
    }
}
