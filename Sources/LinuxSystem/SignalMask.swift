// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The signals that this thread does not take, pthread_sigmask(3), to be put back after a `SignalFD` of short life.
public struct SignalMask {
    private var mask: sigset_t

    /// As it is now.
    public init() {
        mask = sigset_t()
        _ = unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    }

    /// As it was then.
    public func restore() {
        var mask = mask
        _ = unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
