// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The system's log, syslog(3).
public enum SystemLog {
    /// Writes a line, as a daemon's information.
    public static func write(_ line: String) { unsafe cel_syslog(line) }
}
