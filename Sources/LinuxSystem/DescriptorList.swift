// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Descriptors by number, to be taken one by one: what an array of owners would be, could arrays hold them.
public struct DescriptorList: ~Copyable, Sendable {
    private var rawValues: [Int32?] = []

    public init() {}

    deinit {
        for rawValue in rawValues { if let rawValue { _ = cel_close(rawValue) } }
    }

    public mutating func append(_ descriptor: consuming OwnedDescriptor?) {
        if let descriptor { rawValues.append(descriptor.release()) } else { rawValues.append(nil) }
    }

    /// Second descriptors of all that are there.
    public func duplicated() throws(Errno) -> DescriptorList {
        var list = DescriptorList()
        for case let rawValue? in rawValues { list.append(try OwnedDescriptor.duplicate(of: rawValue)) }
        return list
    }

    /// For a call that lends them.
    public var borrowedRawValues: [Int32] { rawValues.compactMap(\.self) }

    /// The descriptor at `index`, the caller's from now on; nil when there is none or it has been taken.
    public mutating func take(_ index: Int) -> OwnedDescriptor? {
        guard rawValues.indices.contains(index), let rawValue = rawValues[index] else { return nil }
        rawValues[index] = nil
        return OwnedDescriptor(adopting: rawValue)
    }
}

extension OwnedDescriptor {
    /// Waits until nobody else holds the file's lock, flock(2); holds it until closed.
    public func lock() throws(Errno) {
        let rawValue = rawValue
        try systemCall { cel_lock(rawValue) }
    }
}

extension OwnedDescriptor {
    /// Makes `bytes` the whole content of a file, in place: whoever has it mounted or open sees them.
    public func replaceContents(_ bytes: some Collection<UInt8>) throws(Errno) {
        let rawValue = rawValue
        try systemCall { cel_truncate(rawValue, 0) }
        try systemCall { cel_rewind(rawValue) }
        try writeAll(bytes)
    }
}
