// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Glibc
import LinuxSystem
import Runtime

/// The consoles of a switch program: the socket, and standard input in the foreground.
final class SwitchConsoles {
    init(_ setup: SwitchSetup, _ element: Switch) throws {}
    func close() {}
}
