// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension Forward: CustomStringConvertible {
    /// As `init` reads it.
    public var description: String {
        let transport = transport == .tcp ? "" : "\(transport.rawValue):"
        let host = hostAddress.map { "\($0):" } ?? ""
        return "\(transport)\(host)\(hostPort):\(target):\(targetPort)"
    }
}
