// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Guests
import LinuxSystem

/// A lab's keeper, as a session speaks to it; in tests something that pretends to be one.
public protocol KeeperLink: AnyObject {
    /// Answers come in the order of the requests.
    func ask(_ words: [String], then: @escaping (Result<KeeperAnswer, GuestError>) -> Void)
    var onEvent: ([String]) -> Void { get set }
    var onEnd: () -> Void { get set }
    func close()
}

extension KeeperConnection: KeeperLink {
    public func ask(_ words: [String], then: @escaping (Result<KeeperAnswer, GuestError>) -> Void) {
        KillPoint.pass()
        request(words) { answer in
            KillPoint.pass()
            then(answer)
        }
    }
}

extension ControlError {
    init(_ error: GuestError) { self.init(error.message, status: error.status) }
}
