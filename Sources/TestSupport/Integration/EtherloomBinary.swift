// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The program under test.
public enum EtherloomBinary {
    /// ETHERLOOM_BINARY, or the product that lies beside the tests.
    public static var path: String {
        if let path = CurrentProcess.environment("ETHERLOOM_BINARY") { return path }
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            let directory = argument.split(separator: "/").prefix { !$0.hasSuffix(".xctest") }
            let beside = (argument.hasPrefix("/") ? "/" : "") + directory.joined(separator: "/") + "/etherloom"
            if let path = try? FileSystem.canonicalPath(beside) { return path }
        }
        return ".build/debug/etherloom"
    }

    public static var exists: Bool { access(path, X_OK) == 0 }
}
