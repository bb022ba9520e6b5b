// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// `run/runtime` of the lab's directory: a link to where its sockets are while it runs, for people and scripts. A lab that was
/// copied, or whose keeper was killed, may have one that leads elsewhere: the next keeper puts its own in its place.
struct RuntimeLink {
    private let path: String
    private let target: String

    init(lab directory: String, to runtimeDirectory: String) {
        path = directory + "/run/runtime"
        target = runtimeDirectory
    }

    func make() throws(GuestError) {
        try RootDirectories.link(path, to: target, for: "the lab's runtime directory")
    }

    func remove() { RootDirectories.unlink(path, from: target) }
}
