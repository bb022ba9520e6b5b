// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints

/// libFuzzer's entry point: both directions of the `attach` socket. What is understood is sent again and must mean the
/// same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let request = try? AttachRequest.parse(bytes) {
        precondition(request.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
        guard let again = try? AttachRequest.parse(request.encoded()) else {
            preconditionFailure("own request does not parse")
        }
        precondition(again == request)
    }
    if let answer = try? AttachAnswer.parse(bytes) {
        precondition(answer.status >= 0)
        guard let again = try? AttachAnswer.parse(answer.encoded()) else {
            preconditionFailure("own answer does not parse")
        }
        precondition(again.status == answer.status)
        precondition(again.address == answer.address)
    }
    if let change = try? AttachChange.parse(bytes) {
        precondition(AttachChange.isChange(bytes))
        precondition((try? AttachChange.parse(change.encoded())) == change)
    }
    return 0
}
