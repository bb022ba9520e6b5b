// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension String {
    /// Without control characters but ends of lines and tabulators: what a guest says of itself is shown on terminals, which
    /// obey some of them.
    var withoutControls: String {
        func isControl(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
        }
        guard unicodeScalars.contains(where: isControl) else { return self }
        var plain = String.UnicodeScalarView()
        for scalar in unicodeScalars { plain.append(isControl(scalar) ? "?" : scalar) }
        return String(plain)
    }
}
