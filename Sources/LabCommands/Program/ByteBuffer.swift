// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Here the word means SwiftNIO's, not the one of `LinuxSystem`.
typealias ByteBuffer = NIOCore.ByteBuffer
