// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension LinkEnd {
    /// `GUEST:INTERFACE`, or a segment's name.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else {
            guard LabName.objection(to: text) == nil else { return nil }
            self = .segment(text)
            return
        }
        let guest = String(text[..<colon])
        let name = String(text[text.index(after: colon)...])
        guard LabName.objection(to: guest) == nil, LabName.objection(toInterface: name) == nil else { return nil }
        self = .interface(guest: guest, name: name)
    }
}
