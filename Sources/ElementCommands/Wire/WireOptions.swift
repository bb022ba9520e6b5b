// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Console
import Dataplane
import LinuxSystem

/// Values of an impairment on a command line.
enum WireOptions {
    /// Reads `[LR|RL]VALUE[+SPREAD][K|M|G][U|N]`.
    static func setting(_ key: ImpairmentKey, _ text: String, option: String) throws -> (ImpairmentKey, WireSetting) {
        do {
            return (key, try WireSetting(text))
        } catch {
            throw Failure(
                "\(option) \(text): wants a number, for example 20, LR20 for one direction, 100+20N for one that varies",
                status: ExitStatus.usage
            )
        }
    }
}
